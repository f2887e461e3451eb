"""Sends a day's objects and does not rest before a gateway holds all of them.

A broker's PUBACK promises nothing: what counts is the gateway's receipt (the retained `ack` of the
machine). Everything is sent at least once, also what an earlier replay has sent; what the receipts
do not cover when all is sent is sent again. Broker and gateway may die at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

import aiomqtt
import msgspec

from contracts.ids import MachinePath
from contracts.telemetry import Receipts
from contracts.topics import ack_topic
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import MqttAddress
from simulator.replay.komax565.messages import Item
from simulator.replay.komax565.schedule import Due, Message, messages_of

_QOS: Final = 1
_AT_ONCE: Final = 2_000
_IN_FLIGHT: Final = 16
_SLICE_S: Final = 0.02
"""Objects due within so long are sent together."""
_RESEND_S: Final = 3.0
_RESEND_MAX_S: Final = 15.0
_RECONNECT_S: Final = 0.5
_PUBLISH_TIMEOUT_S: Final = 20.0
_receipts = msgspec.json.Decoder(Receipts)

Publisher = tuple[str, str]


class SendError(Exception):
    """The gateway did not take everything; says what is missing."""


class Sender:
    """One machine's connection to the broker.

    Attributes:
        objects_sent: objects published so far, repeats included.
        messages_sent: MQTT messages published so far, repeats included.
        objects_repeated: objects published again because no receipt covered them.
    """

    def __init__(
        self,
        broker: MqttAddress,
        machine: MachinePath,
        *,
        timeout_s: float,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._broker = broker
        self._machine = machine
        self._timeout_s = timeout_s
        self._progress = progress
        self._receipts: dict[Publisher, tuple[int, int]] = {}
        self._complete: set[Publisher] = set()
        self._last: dict[Publisher, int] = {}
        self._progressed = time.monotonic()
        self._heard = asyncio.Event()
        self.objects_sent = 0
        self.messages_sent = 0
        self.objects_repeated = 0

    async def send(self, schedule: Sequence[Due], *, speed: float | None) -> None:
        """Send objects as they are due (`speed` times as fast as the log; None: at once).

        Returns when a gateway holds every one of them.

        Raises:
            SendError: for `timeout_s` nothing went on.
        """
        self._last = {}
        for due in schedule:
            publisher = due.item.publisher
            self._last[publisher] = max(self._last.get(publisher, 0), due.item.seq)
        self._complete.clear()
        self._receipts.clear()
        self._progressed = time.monotonic()
        pacer = _Pacer(schedule, speed)
        while True:
            try:
                async with self._client() as client:
                    await self._work(client, pacer)
                    return
            except (aiomqtt.MqttError, OSError) as error:
                self._give_up_late(f"the broker at {self._broker!r} is away: {error}")
                await asyncio.sleep(_RECONNECT_S)

    def _client(self) -> MqttClient:
        return MqttClient(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=self._broker.tls_context(),
            timeout=_PUBLISH_TIMEOUT_S,
        )

    async def _work(self, client: aiomqtt.Client, pacer: _Pacer) -> None:
        client.pending_calls_threshold = _IN_FLIGHT
        await client.subscribe(ack_topic(self._machine), qos=_QOS)
        listener = asyncio.create_task(self._listen(client))
        try:
            await self._send_first(client, pacer)
            await self._send_again(client, pacer)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            try:
                heard = _receipts.decode(message.payload)
            except msgspec.DecodeError:
                continue
            for one in heard.publishers:
                publisher = (one.source, one.boot)
                if publisher not in self._last:
                    continue
                if self._receipts.get(publisher) != (one.first, one.seq):
                    self._receipts[publisher] = (one.first, one.seq)
                    self._progressed = time.monotonic()
                if one.first == 0 and one.seq >= self._last[publisher]:
                    self._complete.add(publisher)
            self._heard.set()

    async def _send_first(self, client: aiomqtt.Client, pacer: _Pacer) -> None:
        while (due := pacer.due()) or not pacer.finished:
            self._progressed = time.monotonic()
            if not due:
                await asyncio.sleep(pacer.wait_s())
                continue
            await self._publish(client, due)
            pacer.sent()
            self._progress(len(due))

    async def _send_again(self, client: aiomqtt.Client, pacer: _Pacer) -> None:
        patience = _RESEND_S
        heard = self._receipts.copy()
        deadline = time.monotonic() + patience
        while missing := self._missing(pacer):
            await self._hear(deadline - time.monotonic())
            if self._receipts != heard:
                heard = self._receipts.copy()
                patience = _RESEND_S
            elif time.monotonic() >= deadline:
                self._give_up_late(self._lack(missing))
                await self._publish(client, missing)
                self.objects_repeated += len(missing)
                patience = min(patience * 1.5, _RESEND_MAX_S)
            else:
                continue
            deadline = time.monotonic() + patience

    async def _hear(self, seconds: float) -> None:
        self._heard.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.01)):
                await self._heard.wait()

    def _missing(self, pacer: _Pacer) -> list[Item]:
        return [item for item in pacer.all_items if not self._covered(item)]

    def _covered(self, item: Item) -> bool:
        if item.publisher in self._complete:
            return True
        first, seq = self._receipts.get(item.publisher, (1, 0))
        return first == 0 and item.seq <= seq

    def _lack(self, missing: list[Item]) -> str:
        publishers = sorted({item.publisher for item in missing})
        return (
            f"no gateway has acknowledged {len(missing)} objects of {len(publishers)} publishers, "
            f"the first of them {publishers[0]}; maybe the gateway does not run"
        )

    def _give_up_late(self, what: str) -> None:
        waited = time.monotonic() - self._progressed
        if waited > self._timeout_s:
            raise SendError(f"nothing went on for {waited:.0f} s: {what}")

    async def _publish(self, client: aiomqtt.Client, items: Sequence[Item]) -> None:
        """Publish, and return when the broker has taken everything."""
        slots = asyncio.Semaphore(_IN_FLIGHT)

        async def one(message: Message) -> None:
            async with slots:
                await client.publish(message.topic, message.payload, qos=_QOS)
                self.objects_sent += len(message.items)
                self.messages_sent += 1

        sending = [one(message) for message in messages_of(items, self._machine)]
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        failed = next((one for one in outcomes if isinstance(one, BaseException)), None)
        if failed is not None:
            raise failed


class _Pacer:
    """What is due when, by the wall clock."""

    def __init__(self, schedule: Sequence[Due], speed: float | None) -> None:
        self._schedule = schedule
        self._speed = speed
        self._begun = time.monotonic()
        self._sent = 0
        self._taken = 0

    @property
    def all_items(self) -> list[Item]:
        return [due.item for due in self._schedule]

    @property
    def finished(self) -> bool:
        return self._sent >= len(self._schedule)

    def due(self) -> list[Item]:
        """What to send now; the same again until `sent` is called."""
        end = self._sent
        if self._speed is None:
            end = min(end + _AT_ONCE, len(self._schedule))
        else:
            now = time.monotonic() + _SLICE_S
            while end < len(self._schedule) and self._when(end) <= now:
                end += 1
        self._taken = end
        return [due.item for due in self._schedule[self._sent : end]]

    def sent(self) -> None:
        """What `due` gave last is with the broker."""
        self._sent = self._taken

    def wait_s(self) -> float:
        """How long nothing is due (looked at again at least every second)."""
        return min(max(self._when(self._sent) - time.monotonic(), 0.0), 1.0)

    def _when(self, place: int) -> float:
        speed = self._speed if self._speed is not None else 1.0
        passed_ms = self._schedule[place].at_ms - self._schedule[0].at_ms
        return self._begun + passed_ms / 1_000 / speed
