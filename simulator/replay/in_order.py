"""Publishes messages over MQTT (QoS 1) in an order that survives whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import uuid4

import aiomqtt
import msgspec

from runtime.mqtt_url import MqttAddress
from simulator.connection import connected

_LOG = logging.getLogger(__name__)

WINDOW: Final = 50
"""Messages without the broker's PUBACK, at most."""

_TIMEOUT_S: Final = 20.0
_RETRY_S: Final = 0.25
_POLL_S: Final = 0.1
_SETTLED_S: Final = 5.0
"""After the broker was lost: when so long nothing more is stored and all services are there, what
is stored is all that got through."""


class NotStoredError(Exception):
    """Messages do not turn up as stored in time."""


class Ordered(msgspec.Struct, frozen=True):
    """A message, and whether all before it must be stored first.

    That is asked of a message that brings an object a second time: which of two came first decides
    when they differ, and a broker that resumes a session may let a newer message overtake.
    """

    topic: str
    content: bytes
    after_all_before: bool


class Progress(msgspec.Struct):
    """How far the replay is."""

    total: int
    sent: int = 0
    stored: int = 0


class InOrder:
    """One replay: publishes all messages and returns when all are stored.

    The broker's PUBACK lets the next window go. When the broker itself is lost, nobody can say
    which messages went with it but the store: messages are stored in the order in which they were
    sent, so those that are not stored are the last ones, and are sent again.
    """

    def __init__(
        self,
        address: MqttAddress,
        messages: Sequence[Ordered],
        *,
        stored: Callable[[], Awaitable[int]],
        ready: Callable[[], Awaitable[bool]],
        told: Callable[[Progress], None],
        timeout_s: float,
    ) -> None:
        """Set a replay up.

        Args:
            address: the broker.
            messages: in order.
            stored: how many messages of this replay are stored.
            ready: whether every service is there.
            told: hears of progress.
            timeout_s: for how long nothing may move before the replay is given up.
        """
        self._address = address
        self._messages = messages
        self._stored = stored
        self._ready = ready
        self._told = told
        self._timeout_s = timeout_s
        self._progress = Progress(total=len(messages))
        self._moved = time.monotonic()

    async def run(self) -> int:
        """Publish; how many messages are stored in the end.

        Raises:
            NotStoredError: nothing moved for `timeout_s`.
        """
        lost = False
        while True:
            try:
                async with connected(
                    self._address,
                    client_id=f"replay-{uuid4().hex[:12]}",
                    window_messages=WINDOW,
                    timeout_s=_TIMEOUT_S,
                ) as client:
                    if lost:
                        self._progress.sent = min(await self._settled(), self._progress.sent)
                        lost = False
                    await self._publish(client)
                    return await self._wait_for(len(self._messages), client)
            except aiomqtt.MqttError as error:
                lost = lost or self._progress.sent > 0
                _LOG.info("%s: %s", self._address, error)
                self._give_up_when_still(f"the broker is away: {error}")
                await asyncio.sleep(_RETRY_S)

    async def _publish(self, client: aiomqtt.Client) -> None:
        while self._progress.sent < len(self._messages):
            begin = self._progress.sent
            if self._messages[begin].after_all_before:
                await self._wait_for(begin, client)
            end = begin + 1
            while (
                end < len(self._messages)
                and end < begin + WINDOW
                and not self._messages[end].after_all_before
            ):
                end += 1
            # From here on a message may be out, so a lost connection has to ask for the state.
            self._progress.sent = end
            await asyncio.gather(
                *(
                    client.publish(message.topic, message.content, qos=1)
                    for message in self._messages[begin:end]
                )
            )
            self._move()

    async def _wait_for(self, count: int, client: aiomqtt.Client) -> int:
        """Until so many are stored; notices when the broker is lost meanwhile."""
        lost = asyncio.ensure_future(_until_lost(client))
        try:
            while await self._look() < count:
                self._give_up_when_still("maybe gateway, stream worker or database do not run")
                await asyncio.wait((lost,), timeout=_POLL_S)
                if lost.done():
                    lost.result()
        finally:
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
        return self._progress.stored

    async def _look(self) -> int:
        stored = await self._stored()
        if stored != self._progress.stored:
            self._progress.stored = stored
            self._move()
        return stored

    async def _settled(self) -> int:
        """How many are stored once nothing more comes of what was sent before."""
        quiet_since = time.monotonic()
        last = await self._look()
        while last < self._progress.sent and time.monotonic() - quiet_since < _SETTLED_S:
            await asyncio.sleep(_POLL_S)
            now = await self._look()
            if now != last or not await self._ready():
                last, quiet_since = now, time.monotonic()
                self._give_up_when_still("the installation is not ready")
        return last

    def _move(self) -> None:
        self._moved = time.monotonic()
        self._told(self._progress)

    def _give_up_when_still(self, maybe: str) -> None:
        if time.monotonic() - self._moved > self._timeout_s:
            raise NotStoredError(
                f"{self._progress.stored} of {len(self._messages)} messages stored and nothing"
                f" moved for {self._timeout_s:g} s; {maybe}"
            )


async def _until_lost(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        pass
