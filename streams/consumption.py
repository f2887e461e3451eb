"""From a Faust stream to batches per partition whose effects are committed before they are acked.

Use, in an agent::

    async def agent(stream: Stream) -> None:
        await consume(stream, handler, on_assigned=raise_epoch, linger_s=0.008, max_records=200)

`handler` makes the effects of one batch durable in one transaction; when it returns, the batch is
acknowledged to the engine. It retries by itself what may pass (a database that is away). Rules:

- A batch holds records of one (topic, partition) in order of offset. Batches of a partition never
  overlap; different partitions run at once, up to `concurrency`.
- A record that arrives in a quiet partition is handled at once. In a dense flow a batch is started
  at most every `linger_s`, or as soon as `max_records` are waiting.
- Before the first batch of a partition, and again after every rebalance, `on_assigned` is called:
  the place to raise the partition's epoch and to read its offset.
- `handler` raises `Fenced` when another worker has the partition. The batch and all that follow
  are dropped unacknowledged until the partition is assigned anew (the app's `on_fenced` is told).
- Anything else that `handler` or `on_assigned` raises is logged and tried again with back-off,
  for ever: nothing is skipped and nothing is raised into the engine (which would acknowledge what
  it raised over). A partition that stands still so is the watchdog's to notice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

from store.log.outbox import AnyHeaders

logger = logging.getLogger(__name__)

RETRY_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses after what should not have been raised; the last one from then on."""


class Message(Protocol):
    """The part of `faust.types.tuples.Message` that handlers use."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """When it was appended, in seconds since 1970 UTC."""
    key: bytes | None
    value: bytes | None
    headers: AnyHeaders
    """Pairs or a mapping, or None: `store.log.outbox.outbox_number` reads them all."""


class Fenced(Exception):  # noqa: N818 - it is no error: another worker has taken over
    """The partition's epoch is above ours: its effects are another worker's now."""

    def __init__(self, topic: str, partition: int) -> None:
        super().__init__(f"{topic}/{partition} belongs to another worker")
        self.topic = topic
        self.partition = partition


Handler: TypeAlias = Callable[[Sequence[Message]], Awaitable[None]]
"""Makes the effects of a batch (never empty, one partition, rising offsets) durable."""

OnAssigned: TypeAlias = Callable[[str, int], Awaitable[None]]
"""Called with topic and partition before the first batch of every assignment."""


class _Lane:
    """What is waiting in one partition."""

    def __init__(self, topic: str, partition: int, *, max_records: int, max_bytes: int) -> None:
        self.topic = topic
        self.partition = partition
        self.generation: int | None = None
        """The assignment that `on_assigned` was called for."""
        self.fenced: int | None = None
        """The assignment in which another worker turned out to have the partition."""
        self.started_s = float("-inf")
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: deque[Any] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    def put(self, event: Any) -> None:
        self._waiting.append(event)
        self._bytes += _size(event)
        self._arrived.set()
        if len(self._waiting) >= self._max_records or self._bytes >= self._max_bytes:
            self._full.set()

    @property
    def overfull(self) -> bool:
        """More than another whole batch is waiting."""
        return len(self._waiting) > 2 * self._max_records or self._bytes > 2 * self._max_bytes

    async def filled(self, linger_s: float) -> None:
        """Wait until a batch should be started."""
        await self._arrived.wait()
        left_s = self.started_s + linger_s - time.monotonic()
        if left_s > 0 and not self._full.is_set():
            try:
                async with asyncio.timeout(left_s):
                    await self._full.wait()
            except TimeoutError:
                return

    def take(self, generation: int) -> list[Any]:
        """The next batch; what is of another assignment, or fenced, is dropped."""
        batch: list[Any] = []
        size = 0
        while self._waiting and len(batch) < self._max_records:
            event = self._waiting[0]
            added = _size(event)
            wanted = event.message.generation_id == generation != self.fenced
            if wanted and batch and size + added > self._max_bytes:
                break
            self._waiting.popleft()
            self._bytes -= added
            if wanted:
                batch.append(event)
                size += added
        if not self._waiting:
            self._arrived.clear()
        if len(self._waiting) < self._max_records and self._bytes < self._max_bytes:
            self._full.clear()
        return batch


def _size(event: Any) -> int:
    return len(event.message.value or b"")


class _Holds:
    """Which partitions an app should not read on for now, and on whose account.

    Agents share the app's consumer: a partition flows again when none of them holds it.
    """

    def __init__(self) -> None:
        self._holders: defaultdict[Any, set[_Lane]] = defaultdict(set)

    def hold(self, consumer: Any, tp: Any, lane: _Lane) -> None:
        self._holders[tp].add(lane)
        consumer.on_buffer_full(tp)

    def release(self, consumer: Any, tp: Any, lane: _Lane) -> None:
        holders = self._holders[tp]
        if lane in holders:
            holders.discard(lane)
            if not holders:
                consumer.on_buffer_drop(tp)


_holds_of: WeakKeyDictionary[Any, _Holds] = WeakKeyDictionary()


class _Consumption:
    """One agent's lanes and what works on them."""

    def __init__(
        self,
        app: Any,
        handler: Handler,
        on_assigned: OnAssigned | None,
        *,
        linger_s: float,
        max_records: int,
        max_bytes: int,
        concurrency: int,
    ) -> None:
        self._app = app
        self._handler = handler
        self._on_assigned = on_assigned
        self._linger_s = linger_s
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._slots = asyncio.Semaphore(concurrency)
        self._lanes: dict[Any, _Lane] = {}
        self._holds = _holds_of.setdefault(app, _Holds())

    async def run(self, stream: Any) -> None:
        async with asyncio.TaskGroup() as workers:
            async for event in stream.noack().events():
                tp = event.message.tp
                lane = self._lanes.get(tp)
                if lane is None:
                    lane = self._lanes[tp] = _Lane(
                        tp.topic,
                        tp.partition,
                        max_records=self._max_records,
                        max_bytes=self._max_bytes,
                    )
                    workers.create_task(self._work(tp, lane))
                lane.put(event)
                if lane.overfull:
                    self._holds.hold(self._app.consumer, tp, lane)

    async def _work(self, tp: Any, lane: _Lane) -> None:
        while True:
            await lane.filled(self._linger_s)
            async with self._slots:
                generation = self._app.consumer_generation_id
                batch = lane.take(generation)
                if not lane.overfull:
                    self._holds.release(self._app.consumer, tp, lane)
                if not batch:
                    continue
                lane.started_s = time.monotonic()
                done = await self._handle(lane, generation, [event.message for event in batch])
            if done:
                for event in batch:
                    event.ack()

    async def _handle(self, lane: _Lane, generation: int, messages: list[Any]) -> bool:
        """Make a batch's effects durable; False if it is no longer ours to make."""
        attempt = 0
        while self._app.consumer_generation_id == generation:
            try:
                if lane.generation != generation:
                    if self._on_assigned is not None:
                        await self._on_assigned(lane.topic, lane.partition)
                    lane.generation = generation
                await self._handler(messages)
            except Fenced:
                lane.fenced = generation
                self._app.on_fenced(lane.topic, lane.partition)
                logger.warning(
                    "%s/%d: fenced by another worker; waiting for a new assignment",
                    lane.topic,
                    lane.partition,
                )
                return False
            except Exception:
                logger.exception(
                    "%s/%d: a batch from offset %d on failed (attempt %d), trying again",
                    lane.topic,
                    lane.partition,
                    messages[0].offset,
                    attempt + 1,
                )
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
            else:
                return True
        return False


async def consume(
    stream: Any,
    handler: Handler,
    *,
    on_assigned: OnAssigned | None = None,
    linger_s: float = 0.008,
    max_records: int = 200,
    max_bytes: int = 2_000_000,
    concurrency: int = 2,
) -> None:
    """Hand a stream's records to `handler` in batches until the agent is cancelled.

    Args:
        stream: what Faust gives the agent; key_type and value_type of its topic are bytes.
        handler: see `Handler` and the rules above.
        on_assigned: see `OnAssigned`.
        linger_s: shortest time between the starts of two batches of a partition in a dense flow.
        max_records: a batch is not larger, and does not linger once it is full.
        max_bytes: nor does it hold more bytes of values, except for a single large record.
        concurrency: how many partitions may be in `handler` at once.
    """
    consumption = _Consumption(
        stream.app,
        handler,
        on_assigned,
        linger_s=linger_s,
        max_records=max_records,
        max_bytes=max_bytes,
        concurrency=concurrency,
    )
    await consumption.run(stream)
