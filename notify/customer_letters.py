"""What letters to customers say: rows become values for a template, with signed links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.customer_notices import links
from domain.customer_notices.links import Purpose
from domain.customer_notices.reasons import PublicReason
from domain.customer_notices.templates import CONFIRM, DATE_MOVED, REASONS
from domain.notification.letters import Composed, Letter, Value
from domain.notification.rendering import moment
from notify.courier_ports import LetterError
from store.customer_notices.telling import CONFIRM_DAYS, LETTERS
from store.notification.letters import LetterTable

_UNITS: Final[Mapping[str, Mapping[str, str]]] = {"zh-CN": {"pcs": "件"}}
_LINES: Final = {
    "en": "{line} - {what}: now {to}, before {from_}",
    "zh-CN": "{line} - {what}：现 {to}，原 {from_}",
}


class CustomerLetters:
    """The source of letters to customers.

    Args:
        installation_key: signs the links.
        public_url: how the outside reaches the installation; empty: nobody said, so mails have no
            links, and nobody can leave by one.
    """

    def __init__(self, *, installation_key: str, public_url: str) -> None:
        self._key = installation_key
        self._public_url = public_url.rstrip("/")

    @property
    def table(self) -> LetterTable:
        """Where they are."""
        return LETTERS

    async def compose(self, letter: Letter) -> Composed:
        """What a letter says.

        Raises:
            LetterError: its row says something that nobody knows.
        """
        try:
            if letter.why == "confirm":
                return self._confirm(letter)
            return self._moved(letter)
        except (KeyError, ValueError) as error:
            raise LetterError(f"the notice {letter.id} cannot be read: {error!r}") from error

    def _moved(self, letter: Letter) -> Composed:
        body = letter.body
        language = letter.language if letter.language in REASONS else "en"
        lines: list[dict[str, Any]] = body["lines"]
        single = lines[0] if len(lines) == 1 else None
        unsubscribe = self._absolute(
            "unsubscribe", links.signed(self._key, Purpose.UNSUBSCRIBE, UUID(body["contact"]))
        )
        token = links.tracking_token(self._key, letter.message_id)
        values: dict[str, Value] = {
            "recipient": body["name"],
            "customer": body["customer"],
            "order": body["order"],
            "reference": body["reference"],
            "item": _what(single, language) if single is not None else None,
            "from": _at(single["from"]) if single is not None else None,
            "to": _at(single["to"]) if single is not None else None,
            "count": None if single is not None else len(lines),
            "lines": (
                None
                if single is not None
                else tuple(_line(each, language, body["time_zone"]) for each in lines)
            ),
            "reason": REASONS[language][PublicReason(body["reason"])],
            "unsubscribe": unsubscribe,
        }
        headers = {}
        if unsubscribe is not None:
            # RFC 8058: the mail program's own button leaves with one press.
            headers = {
                "List-Unsubscribe": f"<{unsubscribe}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
        return Composed(
            template=DATE_MOVED.name,
            values=values,
            link=f"/t/{token}?lang={language}",
            time_zone=body["time_zone"],
            headers=headers,
        )

    def _confirm(self, letter: Letter) -> Composed:
        body = letter.body
        until = letter.decided_at + timedelta(days=CONFIRM_DAYS)
        token = links.signed(
            self._key, Purpose.CONFIRM, UUID(body["contact"]), until_s=int(until.timestamp())
        )
        return Composed(
            template=CONFIRM.name,
            values={
                "customer": body["customer"],
                "order": body["order"],
                "days": CONFIRM_DAYS,
            },
            link=f"/v1/notices/{token}/confirm?language={letter.language}",
        )

    def _absolute(self, what: str, token: str) -> str | None:
        return f"{self._public_url}/v1/notices/{token}/{what}" if self._public_url else None


def _line(line: Mapping[str, Any], language: str, time_zone: str) -> str:
    return _LINES[language].format(
        line=line["line"],
        what=_what(line, language),
        to=moment(_at(line["to"]), language=language, time_zone=time_zone),
        from_=moment(_at(line["from"]), language=language, time_zone=time_zone),
    )


def _what(line: Mapping[str, Any], language: str) -> str:
    unit = _UNITS.get(language, {}).get(line["unit"], line["unit"])
    return f"{line['quantity']} {unit} {line['item']}"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
