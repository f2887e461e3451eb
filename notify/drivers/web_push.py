"""Notifications in browsers: RFC 8030, encrypted by RFC 8291, identified by RFC 8292 (VAPID).

A letter goes to every browser that its address means. It is taken once one of them was told: the
others' push services keep what they could not deliver, and a browser that is told twice shows it
once (`Topic`, and the notification's tag). What a push service says is gone (404, 410) is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from domain.notification.http_ways import WebPush
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
from notify.drivers.chat_texts import body_of, cut
from notify.drivers.provider import Asking, said
from notify.sending import Answer
from runtime.sealed import SealError
from runtime.web_push import MOST_BYTES, BadKeyError, encrypt, vapid
from store.notification import push
from store.notification.push import SubscriptionRow

_GONE: Final = frozenset({404, 410})
_TOO_LARGE: Final = 413
_URGENCY: Final = {"critical": "high", "high": "high", "medium": "normal", "low": "low"}
_TTL_S: Final = {"critical": 4 * 3_600, "high": 12 * 3_600}
_OTHER_TTL_S: Final = 24 * 3_600
_BODY_BYTES: Final = 2_000


class _Gone(msgspec.Struct, frozen=True):
    """A browser that is there no more."""

    problem: str


class _Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What every browser is told. `topic`: at most 32 characters of base64url (RFC 8030, 5.4)."""

    way: Way
    settings: WebPush
    content: bytes
    ttl_s: int
    urgency: str
    topic: str


class WebPushDriver:
    """Tells browsers."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._asking = Asking(tools)

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Tell all browsers of an address."""
        settings = way.settings
        assert isinstance(settings, WebPush)  # noqa: S101 - its kind says so
        async with self._tools.pool.connection() as connection:
            rows = await push.addressed(connection, letter.address)
        if not rows:
            return Refused(
                problem=f"{letter.address!r} has no browser that is to be told; they switch it on"
                " under their preferences",
                fault=Fault.LETTER,
            )
        content = message(letter, rendered)
        telling = _Telling(
            way=way,
            settings=settings,
            content=content,
            ttl_s=_TTL_S.get(rendered.priority, _OTHER_TTL_S),
            urgency=_URGENCY.get(rendered.priority, "normal"),
            topic=letter.message_id.hex,
        )
        told = await asyncio.gather(*(self._tell(row, telling) for row in rows))
        await self._note(rows, told)
        return _together(letter.address, told)

    async def _tell(self, row: SubscriptionRow, telling: _Telling) -> Outcome | _Gone:
        """Tell one browser."""
        settings = telling.settings
        if row.public_key != settings.public_key:
            return _Gone("it was told another key of this installation")
        try:
            browser = row.opened(self._tools.installation_key)
            body = encrypt(telling.content, browser.p256dh, browser.auth)
        except (SealError, BadKeyError) as error:
            return _Gone(str(error))
        authorization = vapid(
            browser.endpoint,
            private_key=telling.way.secrets.get("private_key", ""),
            public_key=settings.public_key,
            now_s=self._tools.clock.now_ms() // 1_000,
            contact=settings.contact,
        )
        answer = await self._asking.ask(
            telling.way,
            browser.endpoint,
            content=body,
            headers={
                "authorization": authorization,
                "content-encoding": "aes128gcm",
                "content-type": "application/octet-stream",
                "ttl": str(telling.ttl_s),
                "urgency": telling.urgency,
                "topic": telling.topic,
            },
        )
        if isinstance(answer, TryAgain):
            # Each browser has its own push service: one that is away blames no others.
            return msgspec.structs.replace(answer, fault=Fault.LETTER)
        return self._meaning(row, telling.way, answer)

    def _meaning(self, row: SubscriptionRow, way: Way, answer: Answer) -> Outcome | _Gone:
        """What a push service's answer means."""
        if answer.is_success:
            return Taken(answer=str(answer.status))
        problem = f"{row.host} answered {answer.status}: {said(answer)}".rstrip(": ")
        if answer.status in _GONE:
            return _Gone(problem)
        if answer.status == _TOO_LARGE:
            return Refused(problem=problem, fault=Fault.LETTER)
        unwell = self._asking.unwell(way, answer)
        after_s = unwell.after_s if unwell is not None else None
        return TryAgain(problem=problem, fault=Fault.LETTER, after_s=after_s)

    async def _note(self, rows: Sequence[SubscriptionRow], told: Sequence[Outcome | _Gone]) -> None:
        taken = [row.id for row, each in zip(rows, told, strict=True) if isinstance(each, Taken)]
        gone = [row.id for row, each in zip(rows, told, strict=True) if isinstance(each, _Gone)]
        async with self._tools.pool.connection() as connection, connection.transaction():
            await push.note_sent(connection, taken, self._asking.now)
            await push.drop(connection, gone)


def message(letter: Letter, rendered: Rendered) -> bytes:
    """What the service worker is told (`push-worker.js`), cut to what fits."""
    told: dict[str, Any] = {
        "id": str(letter.message_id),
        "title": cut(rendered.subject, 300),
        "body": cut(body_of(rendered), _BODY_BYTES),
        "link": rendered.link,
        "priority": rendered.priority,
        "language": rendered.language,
    }
    content = msgspec.json.encode(told)
    if len(content) > MOST_BYTES:
        content = msgspec.json.encode(told | {"body": "", "link": None})
    return content


def _together(address: str, told: Sequence[Outcome | _Gone]) -> Outcome:
    """What became of a letter, by what became of it at each browser."""
    taken = [each for each in told if isinstance(each, Taken)]
    if taken:
        return Taken(answer=f"{len(taken)} of {len(told)} browsers")
    problems = "; ".join(dict.fromkeys(_problem(each) for each in told))
    again = [each for each in told if isinstance(each, TryAgain)]
    if again:
        after = [each.after_s for each in again if each.after_s is not None]
        return TryAgain(problem=problems, fault=Fault.LETTER, after_s=min(after, default=None))
    return Refused(problem=f"{address!r}: {problems}", fault=Fault.LETTER)


def _problem(outcome: Outcome | _Gone) -> str:
    return "" if isinstance(outcome, Taken) else outcome.problem
