"""Messages by a custom bot of a Feishu (Lark) group.

Source: open.feishu.cn "Custom bot usage guide": `timestamp` (seconds, at most an hour off) and
`sign` in the body, 100 messages a minute and 5 a second, 20 KB, `code`.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import msgspec

from domain.notification.http_ways import FeishuRobot
from domain.notification.letters import (
    Fault,
    Letter,
    Outcome,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.signing import feishu_sign
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.chat_texts import body_of, cut, open_words
from notify.drivers.provider import Asking, no_object, object_of
from notify.drivers.robot_pace import FEISHU, RobotPace
from notify.sending import JSON

MOST_BYTES: Final = 15_000
_TITLE: Final = 200
_TOO_OFTEN: Final = frozenset({11232, 11233})
_TOO_OFTEN_S: Final = 60.0
_LETTER: Final = frozenset({9499, 19002})
"""A body that it does not understand."""
_LOCALE: Final = {"en": "en_us", "zh-CN": "zh_cn"}


class FeishuDriver:
    """Lets bots of Feishu speak."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)
        self._clock = tools.clock
        self._pace = RobotPace(tools.clock, FEISHU)

    async def deliver(
        self,
        letter: Letter,  # noqa: ARG002 - the port's: robots take no id
        rendered: Rendered,
        way: Way,
    ) -> Outcome:
        """Say it once."""
        settings = way.settings
        assert isinstance(settings, FeishuRobot)  # noqa: S101 - its kind says so
        later = self._pace.begin(way)
        if later is not None:
            return later
        told = message(rendered)
        secret = way.secrets.get("signing_secret")
        if secret:
            now_s = self._clock.now_ms() // 1_000
            told |= {"timestamp": str(now_s), "sign": feishu_sign(secret, now_s)}
        token = quote(way.secrets.get("webhook_token", ""), safe="")
        answer = await self._asking.ask(
            way,
            f"{settings.endpoint.rstrip('/')}/{token}",
            content=msgspec.json.encode(told),
            headers={"content-type": JSON},
        )
        if isinstance(answer, TryAgain):
            return answer
        # Its errors come with status 400 as well: the code says more.
        found = object_of(answer)
        if found is None or not isinstance(code := found.get("code"), int):
            return self._asking.unwell(way, answer) or no_object(way, answer)
        return meaning(way, code, str(found.get("msg", "")))


def message(rendered: Rendered) -> dict[str, Any]:
    """What is posted: a title, lines, and the link as one."""
    lines: list[list[dict[str, str]]] = [
        [{"tag": "text", "text": cut(body_of(rendered), MOST_BYTES)}]
    ]
    if rendered.link:
        lines.append([{"tag": "a", "text": open_words(rendered), "href": rendered.link}])
    post = {"title": rendered.subject[:_TITLE], "content": lines}
    locale = _LOCALE.get(rendered.language, _LOCALE["en"])
    return {"msg_type": "post", "content": {"post": {locale: post}}}


def meaning(way: Way, code: int, words: str) -> Outcome:
    """What `code` means."""
    if code == 0:
        return Taken(answer=words or "ok")
    problem = f"{way.code}: code {code}: {words}".rstrip(": ")
    if code in _TOO_OFTEN:
        return TryAgain(problem=problem, fault=Fault.LETTER, after_s=_TOO_OFTEN_S)
    if code in _LETTER:
        return Refused(problem=problem, fault=Fault.LETTER)
    return TryAgain(problem=problem)
