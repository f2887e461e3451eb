"""What drivers of providers by HTTP have in common: asking, and what every answer can mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from domain.notification.letters import Fault, Rendered, TryAgain
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.sending import Answer, UnreachedError, post

AGENT: Final = "gemba-notify"
_ANSWER_BYTES: Final = 64 * 1024
_LONGEST_WORDS: Final = 300
_TOO_MANY: Final = 429
_UNAUTHORIZED: Final = (401, 403)
_OTHERS_FAULT: Final = 500
_TIMEOUT: Final = 408


class Asking:
    """Asks providers, through the protections of `notify.sending`.

    Args:
        tools: what drivers are built of.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def now(self) -> datetime:
        """The moment."""
        return datetime.fromtimestamp(self._tools.clock.now_ms() / 1_000, UTC)

    async def ask(
        self, way: Way, url: str, *, content: bytes, headers: Mapping[str, str]
    ) -> Answer | TryAgain:
        """Post; what no provider said, or any may say, is an outcome already."""
        try:
            answer = await post(
                self._tools.http,
                url,
                content=content,
                headers={"user-agent": AGENT, **headers},
                private=self._tools.private,
                most_bytes=_ANSWER_BYTES,
            )
        except UnreachedError as error:
            return TryAgain(problem=f"{way.code}: {error}")
        return answer

    def unwell(self, way: Way, answer: Answer) -> TryAgain | None:
        """What an answer's status means of itself: too many, not allowed, out of order."""
        status = answer.status
        words = f"{way.code}: the provider answered {status}: {said(answer)}".rstrip(": ")
        if status in (_TOO_MANY, _TIMEOUT) or status >= _OTHERS_FAULT:
            return TryAgain(problem=words, after_s=retry_after_s(answer, self.now))
        if status in _UNAUTHORIZED or 300 <= status < 400:  # noqa: PLR2004 - redirects
            return TryAgain(problem=words)
        return None


def object_of(answer: Answer) -> dict[str, Any] | None:
    """The JSON object that was answered; None: it is none."""
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def no_object(way: Way, answer: Answer) -> TryAgain:
    """An answer that nobody understands: perhaps it was taken, perhaps not."""
    return TryAgain(
        problem=f"{way.code}: the provider answered {answer.status} with no JSON object:"
        f" {said(answer)}"
    )


def said(answer: Answer) -> str:
    """The beginning of what was answered, on one line."""
    return " ".join(answer.body.decode(errors="replace").split())[:_LONGEST_WORDS]


def retry_after_s(answer: Answer, now: datetime) -> float | None:
    """How long to wait by `Retry-After` (RFC 9110, 10.2.3): seconds, or a date."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told[:9])
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max((at - now).total_seconds(), 0.0)


def said_by(rendered: Rendered, placeholder: str) -> str | None:
    """What a placeholder of a provider's template says; None: there is no such."""
    parts = {
        "subject": rendered.subject,
        "short": rendered.short,
        "text": rendered.text,
        "link": rendered.link or "",
    }
    return rendered.fields.get(placeholder, parts.get(placeholder))


def missing(way: Way, problem: str) -> TryAgain:
    """A way's settings do not serve this letter, but may serve others."""
    return TryAgain(problem=f"{way.code}: {problem}", fault=Fault.LETTER)
