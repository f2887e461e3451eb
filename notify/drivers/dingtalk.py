"""Messages by a custom robot of a DingTalk group.

Source: open.dingtalk.com "Custom robots" and their security settings: `timestamp` (milliseconds,
at most an hour off) and `sign` in the URL, 20 messages a minute, else shut off for ten minutes.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from domain.notification.http_ways import DingtalkRobot
from domain.notification.letters import (
    Fault,
    Letter,
    Outcome,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.signing import dingtalk_sign
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.chat_texts import markdown_of
from notify.drivers.provider import Asking, no_object, object_of
from notify.drivers.robot_pace import TWENTY_A_MINUTE, RobotPace
from notify.drivers.wecom import CRITICAL
from notify.sending import JSON

MOST_BYTES: Final = 18_000
_TITLE: Final = 100
_TOO_OFTEN: Final = frozenset({130101, 410100, 90030})
_TOO_OFTEN_S: Final = 600.0
_LETTER: Final = frozenset({400105, 430101, 430102, 430103, 430104})
"""No such type; a link, words or a picture that may not be said."""


class DingtalkDriver:
    """Lets robots of DingTalk speak."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)
        self._clock = tools.clock
        self._pace = RobotPace(tools.clock, TWENTY_A_MINUTE)

    async def deliver(
        self,
        letter: Letter,  # noqa: ARG002 - the port's: robots take no id
        rendered: Rendered,
        way: Way,
    ) -> Outcome:
        """Say it once."""
        settings = way.settings
        assert isinstance(settings, DingtalkRobot)  # noqa: S101 - its kind says so
        later = self._pace.begin(way)
        if later is not None:
            return later
        answer = await self._asking.ask(
            way,
            f"{settings.endpoint}?{urlencode(self._query(way))}",
            content=msgspec.json.encode(message(settings, rendered)),
            headers={"content-type": JSON},
        )
        if isinstance(answer, TryAgain):
            return answer
        unwell = self._asking.unwell(way, answer)
        if unwell is not None:
            return unwell
        found = object_of(answer)
        if found is None or not isinstance(code := found.get("errcode"), int):
            return no_object(way, answer)
        return meaning(way, code, str(found.get("errmsg", "")))

    def _query(self, way: Way) -> dict[str, str]:
        query = {"access_token": way.secrets.get("access_token", "")}
        secret = way.secrets.get("signing_secret")
        if secret:
            now_ms = self._clock.now_ms()
            query |= {"timestamp": str(now_ms), "sign": dingtalk_sign(secret, now_ms)}
        return query


def message(settings: DingtalkRobot, rendered: Rendered) -> dict[str, Any]:
    """What is posted: Markdown, with whom it names where it is most urgent."""
    named: tuple[str, ...] = settings.mention if rendered.priority == CRITICAL else ()
    words = "".join(f"\n\n@{each}" for each in named)
    # A line of Markdown ends with two spaces, else the next one is joined to it.
    text = markdown_of(rendered, MOST_BYTES).replace("\n", "  \n")
    return {
        "msgtype": "markdown",
        "markdown": {"title": rendered.subject[:_TITLE], "text": text + words},
        "at": {"atMobiles": list(named), "isAtAll": False},
    }


def meaning(way: Way, code: int, words: str) -> Outcome:
    """What `errcode` means."""
    if code == 0:
        return Taken(answer=words or "ok")
    problem = f"{way.code}: errcode {code}: {words}".rstrip(": ")
    if code in _TOO_OFTEN:
        return TryAgain(problem=problem, fault=Fault.LETTER, after_s=_TOO_OFTEN_S)
    if code in _LETTER:
        return Refused(problem=problem, fault=Fault.LETTER)
    return TryAgain(problem=problem)
