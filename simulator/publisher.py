"""A publisher that loses nothing: an outbox on disk, emptied by the gateway's receipts.

An MQTT broker's PUBACK says that the broker has a message, not that anybody stored it. So what is
published stays in the outbox until the gateway's retained `ack` of its machine covers it, and is
sent again after a reconnection and when no receipt comes.

Use::

    async with OutboxPublisher("mqtt://127.0.0.1:1883", Path("outbox.sqlite")) as publisher:
        await publisher.publish("gemba/v1/plant-1/cutting/line1/m01/count", {"good": 1})
        await publisher.flush(timeout_s=30)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

import aiomqtt
import msgspec

from contracts.ids import MachinePath
from contracts.telemetry import MAIN_SOURCE, Receipts
from contracts.topics import ACK, PREFIX, ack_topic
from runtime import tasks
from runtime.backoff import Backoff
from runtime.clock import Clock, SystemClock
from runtime.mqtt_url import MqttUrlError, connection_problem, parse_mqtt_url
from simulator.connection import connected
from simulator.outbox import Outgoing, PublisherOutbox, Queued

_LOG = logging.getLogger(__name__)

_LEVELS: Final = 7
_COMMIT_OBJECTS: Final = 2_000
_READ_OBJECTS: Final = 1_000
_ARRAY_BYTES: Final = 128 * 1024
_FIRST_RESEND_S: Final = 3.0
_LAST_RESEND_S: Final = 30.0
_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0
_RECEIPTS_FIRST_S: Final = 0.2
"""After connecting, retained receipts are awaited so long: they spare repetitions."""

_TIMEOUT_S: Final = 15.0
_POLL_S: Final = 0.05
_LEAVE_S: Final = 20.0

P = ParamSpec("P")
T = TypeVar("T")


class FlushTimeoutError(TimeoutError):
    """Some of what was published has not been acknowledged in time."""

    def __init__(self, waiting: int, timeout_s: float) -> None:
        super().__init__(f"{waiting:,} objects unacknowledged after {timeout_s:g} s")
        self.waiting = waiting


def machine_of(topic: str) -> MachinePath:
    """The machine whose receipt covers what is published on the topic.

    Raises:
        ValueError: the topic has not the seven levels that receipts are given for.
    """
    levels = topic.split("/")
    if len(levels) != _LEVELS or not topic.startswith(PREFIX) or not all(levels):
        raise ValueError(f"topic {topic!r}: must be {PREFIX}<site>/<area>/<line>/<machine>/<kind>")
    return MachinePath("/".join(levels[2:6]))


def arrays(objects: Sequence[Queued], *, max_objects: int) -> list[tuple[str, bytes]]:
    """The messages that carry the objects: by topic, in order, several in an array. Pure."""
    messages: list[tuple[str, bytes]] = []
    filling: dict[str, list[bytes]] = {}
    sizes: dict[str, int] = {}

    def close(topic: str) -> None:
        contents = filling.pop(topic)
        one = contents[0] if len(contents) == 1 else b"[" + b",".join(contents) + b"]"
        messages.append((topic, one))

    for each in objects:
        contents = filling.get(each.topic)
        if contents is not None and (
            len(contents) >= max_objects or sizes[each.topic] + len(each.content) > _ARRAY_BYTES
        ):
            close(each.topic)
            contents = None
        if contents is None:
            contents = filling[each.topic] = []
            sizes[each.topic] = 0
        contents.append(each.content)
        sizes[each.topic] += len(each.content) + 1
    for topic in list(filling):
        close(topic)
    return messages


class OutboxPublisher:
    """Publishes for any number of machines over one connection, and forgets what is received."""

    def __init__(
        self,
        mqtt_url: str,
        data_file: Path,
        *,
        client_id: str | None = None,
        max_array: int = 50,
        window_messages: int = 40,
        window_objects: int = 8_000,
        clock: Clock | None = None,
    ) -> None:
        """Set it up; nothing is opened before `async with`.

        Args:
            mqtt_url: the broker.
            data_file: the outbox, made when missing. One publisher at a time.
            client_id: by default made of the outbox's boot.
            max_array: at most so many objects in one message.
            window_messages: at most so many messages without the broker's PUBACK.
            window_objects: at most so many objects sent without the gateway's receipt.
            clock: gives `t` where the caller does not.
        """
        self._address = parse_mqtt_url(mqtt_url)
        self._file = data_file
        self._client_id = client_id
        self._max_array = max_array
        self._window_messages = window_messages
        self._window_objects = window_objects
        self._clock: Clock = SystemClock() if clock is None else clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publisher")
        self._pending: list[Outgoing] = []
        self._room = asyncio.Event()
        self._to_commit = asyncio.Event()
        self._to_send = asyncio.Event()
        self._next: dict[tuple[str, str], int] = {}
        self._machines: dict[MachinePath, None] = {}
        self._sent_id = 0
        self._progress_at = 0.0
        self._resend_s = _FIRST_RESEND_S
        self._tasks: list[asyncio.Task[None]] = []
        self.published = 0
        self.sent = 0
        """Objects handed to the broker, repetitions included."""

    async def __aenter__(self) -> Self:
        self._outbox = await self._call(PublisherOutbox, self._file)
        self._next = await self._call(self._outbox.counters)
        for machine in await self._call(self._outbox.machines):
            self._machines[MachinePath(machine)] = None
        self._room.set()
        self._tasks = [
            asyncio.create_task(self._commit_for_ever()),
            asyncio.create_task(self._stay_connected()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop. What is unacknowledged stays in the file, for the next publisher on it."""
        # Broken off while it leaves the broker, a client would keep its socket.
        await tasks.end(self._tasks, within_s=_LEAVE_S, again_s=_LEAVE_S / 2)
        if self._pending:
            await self._call(self._outbox.add, self._pending)
            self._pending = []
        await self._call(self._outbox.close)
        self._thread.shutdown()

    @property
    def boot(self) -> str:
        """The boot of everything that names none: one per outbox file, its numbers go on rising."""
        return self._outbox.boot

    async def publish(
        self,
        topic: str,
        fields: Mapping[str, object],
        *,
        t: int | str | None = None,
        source: str = MAIN_SOURCE,
    ) -> int:
        """Publish an object; its number. Waits only while much is not yet on disk.

        An object that brings its own `boot` and `seq` (and `source`) keeps them: whoever replays
        the same thing twice says the same thing twice.

        Args:
            topic: with all levels, see `machine_of`.
            fields: the object, without what all objects have.
            t: event time, RFC 3339 or epoch milliseconds; now when left out.
            source: the publisher's name at its machine.

        Raises:
            ValueError: the topic is no machine's, or `boot` came without `seq`.
        """
        machine = machine_of(topic)
        await self._room.wait()
        outgoing = self._identified(topic, machine, fields, t, source)
        self._pending.append(outgoing)
        self.published += 1
        if len(self._pending) >= _COMMIT_OBJECTS:
            self._room.clear()
        self._to_commit.set()
        return outgoing.seq

    def _identified(
        self,
        topic: str,
        machine: MachinePath,
        fields: Mapping[str, object],
        t: int | str | None,
        source: str,
    ) -> Outgoing:
        whole: dict[str, object] = {"t": self._clock.now_ms() if t is None else t}
        if source != MAIN_SOURCE:
            whole["source"] = source
        whole.update(fields)
        named = whole.get("source", source)
        boot = whole.setdefault("boot", self._outbox.boot)
        if not isinstance(named, str) or not isinstance(boot, str):
            raise ValueError(f"source {named!r} and boot {boot!r} must be strings")  # noqa: TRY004 - a value's fault, of the caller's data
        seq = whole.get("seq")
        if seq is None and boot == self._outbox.boot:
            seq = whole["seq"] = self._next.get((machine, named), 0)
            self._next[machine, named] = seq + 1
        if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
            raise ValueError(f"boot {boot!r} with seq {seq!r}: must be an integer from 0 up")
        return Outgoing(topic, machine, named, boot, seq, msgspec.json.encode(whole))

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything published is acknowledged by the gateway.

        Raises:
            FlushTimeoutError: it is not, after this time.
        """
        waiting = await self.waiting()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while waiting:
                    await asyncio.sleep(_POLL_S)
                    waiting = await self.waiting()
        if waiting:
            raise FlushTimeoutError(waiting, timeout_s)

    async def waiting(self) -> int:
        """How many objects are not acknowledged yet."""
        pending = len(self._pending)
        return pending + await self._call(self._outbox.count)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*args, **kwargs))

    async def _commit_for_ever(self) -> None:
        while True:
            await self._to_commit.wait()
            self._to_commit.clear()
            batch, self._pending = self._pending, []
            await asyncio.shield(self._call(self._outbox.add, batch))
            self._room.set()
            self._machines.update(dict.fromkeys(MachinePath(one.machine) for one in batch))
            self._to_send.set()

    async def _stay_connected(self) -> None:
        backoff = Backoff(first_s=_FIRST_RETRY_S, last_s=_LAST_RETRY_S)
        while True:
            try:
                async with connected(
                    self._address,
                    client_id=self._client_id or f"publisher-{self._outbox.boot}",
                    window_messages=self._window_messages,
                    timeout_s=_TIMEOUT_S,
                ) as client:
                    backoff.reset()
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._listen(client))
                        tasks.create_task(self._send_for_ever(client))
            except* (aiomqtt.MqttError, OSError, MqttUrlError) as errors:
                _LOG.info("%s: %s", self._address, connection_problem(errors.exceptions[0]))
            await asyncio.sleep(backoff.pause_s())

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Forget what the receipts cover."""
        async for message in client.messages:
            topic = str(message.topic)
            machine = MachinePath(topic.removeprefix(PREFIX).removesuffix("/" + ACK))
            try:
                receipts = msgspec.json.decode(message.payload, type=Receipts)
            except msgspec.DecodeError as error:
                _LOG.warning("%s: no receipts: %s", topic, error)
                continue
            if await self._call(self._outbox.forget, machine, receipts.publishers):
                self._progressed()
                self._resend_s = _FIRST_RESEND_S
                self._to_send.set()

    def _progressed(self) -> None:
        self._progress_at = self._clock.monotonic()

    async def _send_for_ever(self, client: aiomqtt.Client) -> None:
        subscribed: set[MachinePath] = set()
        self._sent_id = 0  # whatever was sent on another connection may be lost
        self._progressed()
        await self._subscribe(client, subscribed)
        await asyncio.sleep(_RECEIPTS_FIRST_S)
        while True:
            await self._subscribe(client, subscribed)
            unacknowledged = await self._call(self._outbox.count, self._sent_id)
            self._resend_when_silent(unacknowledged)
            room = self._window_objects - unacknowledged
            rows: list[Queued] = []
            if room > 0:
                rows = await self._call(self._outbox.read, self._sent_id, min(room, _READ_OBJECTS))
            if rows:
                await self._send(client, rows)
                self._sent_id = rows[-1].id
                continue
            self._to_send.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_RESEND_S / 4):
                    await self._to_send.wait()

    def _resend_when_silent(self, unacknowledged: int) -> None:
        """Begin again with the lowest number when nothing was acknowledged for a while."""
        now = self._clock.monotonic()
        if not unacknowledged:
            self._progress_at = now
        elif now - self._progress_at > self._resend_s:
            _LOG.info("no receipt for %.0f s: sending again", now - self._progress_at)
            self._resend_s = min(2 * self._resend_s, _LAST_RESEND_S)
            self._progress_at = now
            self._sent_id = 0

    async def _subscribe(self, client: aiomqtt.Client, subscribed: set[MachinePath]) -> None:
        for machine in [one for one in self._machines if one not in subscribed]:
            await client.subscribe(ack_topic(machine), qos=1)
            subscribed.add(machine)

    async def _send(self, client: aiomqtt.Client, rows: Sequence[Queued]) -> None:
        messages = arrays(rows, max_objects=self._max_array)
        for begin in range(0, len(messages), self._window_messages):
            window = messages[begin : begin + self._window_messages]
            await asyncio.gather(
                *(client.publish(topic, payload, qos=1) for topic, payload in window)
            )
        self.sent += len(rows)
