"""What alarms, and those who try a way, have to say: rows become what a template needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from domain.notification.letters import Composed, Letter, Value
from domain.notification.rendering import moment
from notify.courier_ports import LetterError
from store.database import Pool
from store.notification.letters import LetterTable
from store.notification.sources import ALARMS
from store.notification.trials import TRIALS
from store.notification.zones import time_zones

_PRIORITIES: Final = {
    "en": {"critical": "critical", "high": "high", "medium": "medium", "low": "low"},
    "zh-CN": {"critical": "紧急", "high": "高", "medium": "中", "low": "低"},
}
_KINDS: Final = {
    "en": {"scope": "planning scope"},
    "zh-CN": {
        "machine": "机器",
        "line": "产线",
        "order": "订单",
        "item": "物料",
        "scope": "计划范围",
        "site": "工厂",
        "gateway": "网关",
    },
}
_OVER: Final = {"en": "over", "zh-CN": "已解除"}
_STEP: Final = "step "


class AlarmLetters:
    """Messages about alarms."""

    table: LetterTable = ALARMS

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def compose(self, letter: Letter) -> Composed:
        """What a message about an alarm, or a digest of several, says.

        Raises:
            LetterError: the row does not say what it is about.
        """
        async with self._pool.connection() as connection:
            zones = await time_zones(connection)
        try:
            if letter.why == "digest":
                return _digest(letter, zones)
            return _alarm(letter, zones)
        except (KeyError, ValueError, TypeError) as error:
            raise LetterError(f"what it is about cannot be read: {error!r}") from error


class TrialLetters:
    """Letters that try a way."""

    table: LetterTable = TRIALS

    async def compose(self, letter: Letter) -> Composed:
        """What a test says."""
        return Composed(
            template="test",
            values={
                "way": letter.only_by or letter.channel,
                "by": str(letter.body.get("by", letter.recipient)),
                "asked_at": letter.decided_at,
            },
            link="/",
        )


def _alarm(letter: Letter, zones: Mapping[str, str]) -> Composed:
    body = letter.body
    raised_at = datetime.fromisoformat(body["raised_at"])
    values: dict[str, Value] = {
        "name": body["name"],
        "response": body["response"],
        "priority": _word(_PRIORITIES, letter.language, body["priority"]),
        "site": body["site"],
        "kind": _word(_KINDS, letter.language, body["subject_kind"]),
        "subject": body["subject"],
        "value": body["value"],
        "limit": body["limit"],
        "raised_at": raised_at,
        "recipient": body.get("recipient_name", letter.recipient),
    }
    template = "alarm_raised"
    if letter.why == "cleared":
        template = "alarm_cleared"
        cleared_at = datetime.fromisoformat(body["cleared_at"])
        values["cleared_at"] = cleared_at
        values["minutes"] = round((cleared_at - raised_at).total_seconds() / 60)
    elif letter.why.startswith(_STEP) and int(letter.why.removeprefix(_STEP)) > 0:
        template = "alarm_escalated"
        values["step"] = int(letter.why.removeprefix(_STEP)) + 1
    return Composed(
        template=template,
        values=values,
        link=f"/alarms/{body['alarm']}",
        time_zone=_zone(body["site"], zones),
    )


def _digest(letter: Letter, zones: Mapping[str, str]) -> Composed:
    lines = [_line(each, letter.language, zones) for each in letter.body["messages"]]
    return Composed(
        template="alarm_digest",
        values={"count": letter.body["count"], "messages": tuple(lines)},
        link="/alarms",
    )


def _line(body: Mapping[str, Any], language: str, zones: Mapping[str, str]) -> str:
    """One message of a digest."""
    over = body["why"] == "cleared"
    at = datetime.fromisoformat(body["cleared_at"] if over else body["raised_at"])
    first = _OVER.get(language, _OVER["en"]) if over else ""
    colon = "：" if language == "zh-CN" else ": "
    return " - ".join(
        (
            first or _word(_PRIORITIES, language, body["priority"]),
            f"{body['name']}{colon}{body['subject']}",
            moment(at, language=language, time_zone=_zone(body["site"], zones)),
        )
    )


def _zone(site: str | None, zones: Mapping[str, str]) -> str:
    """The plant's; where it is of no site and all are in one zone, that one."""
    if site is not None:
        return zones.get(site, "UTC")
    only = set(zones.values())
    return only.pop() if len(only) == 1 else "UTC"


def _word(words: Mapping[str, Mapping[str, str]], language: str, word: str) -> str:
    return words.get(language, words["en"]).get(word, word)
