"""Messages by a robot of a WeCom group chat.

Source: developer.work.weixin.qq.com/document/path/91770: the webhook's key, Markdown of 4,096
bytes, text of 2,048, 20 messages a minute, `errcode`.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from domain.notification.http_ways import WecomRobot
from domain.notification.letters import (
    Fault,
    Letter,
    Outcome,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.chat_texts import markdown_of
from notify.drivers.provider import Asking, no_object, object_of
from notify.drivers.robot_pace import TWENTY_A_MINUTE, RobotPace
from notify.sending import JSON

MOST_BYTES: Final = 4_096
CRITICAL: Final = "critical"

_TOO_OFTEN: Final = 45009
_TOO_OFTEN_S: Final = 60.0
_LETTER: Final = frozenset({40008, 40058, 44004, 45002})
"""No such type, a wrong parameter, nothing said, too long."""


class WecomDriver:
    """Lets robots of WeCom speak."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)
        self._pace = RobotPace(tools.clock, TWENTY_A_MINUTE)

    async def deliver(
        self,
        letter: Letter,  # noqa: ARG002 - the port's: robots take no id
        rendered: Rendered,
        way: Way,
    ) -> Outcome:
        """Say it once."""
        settings = way.settings
        assert isinstance(settings, WecomRobot)  # noqa: S101 - its kind says so
        later = self._pace.begin(way)
        if later is not None:
            return later
        query = urlencode({"key": way.secrets.get("webhook_key", "")})
        answer = await self._asking.ask(
            way,
            f"{settings.endpoint}?{query}",
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


def message(settings: WecomRobot, rendered: Rendered) -> dict[str, Any]:
    """What is posted: Markdown, with whom it names where it is most urgent."""
    named = ""
    if rendered.priority == CRITICAL and settings.mention:
        # Markdown names people one by one, never everybody.
        named = "\n" + " ".join(f"<@{each.removeprefix('@')}>" for each in settings.mention)
    content = markdown_of(rendered, MOST_BYTES - len(named.encode())) + named
    return {"msgtype": "markdown", "markdown": {"content": content}}


def meaning(way: Way, code: int, words: str) -> Outcome:
    """What `errcode` means."""
    if code == 0:
        return Taken(answer=words or "ok")
    problem = f"{way.code}: errcode {code}: {words}".rstrip(": ")
    if code == _TOO_OFTEN:
        return TryAgain(problem=problem, fault=Fault.LETTER, after_s=_TOO_OFTEN_S)
    if code in _LETTER:
        return Refused(problem=problem, fault=Fault.LETTER)
    return TryAgain(problem=problem)
