"""Batches, linger and fencing of `streams.consumption`, over a stream that the test feeds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
from faust.types import TP
from faust.types.tuples import Message as FaustMessage

from streams.consumption import Fenced, Message, consume


class FakeEvent:
    """An event whose acknowledgement is kept."""

    def __init__(self, feed: Feed, message: FaustMessage) -> None:
        self._feed = feed
        self.message = message

    def ack(self) -> None:
        self._feed.acked.append((self.message.partition, self.message.offset))


class Feed:
    """The stream, its app and its consumer in one."""

    def __init__(self) -> None:
        self.consumer_generation_id = 1
        self.acked: list[tuple[int, int]] = []
        self.full: set[TP] = set()
        self.fenced: list[tuple[str, int]] = []
        self._events: asyncio.Queue[FakeEvent] = asyncio.Queue()
        self._offsets: dict[int, int] = {}

    @property
    def app(self) -> Self:
        return self

    @property
    def consumer(self) -> Self:
        return self

    def noack(self) -> Self:
        return self

    async def events(self) -> AsyncIterator[FakeEvent]:
        while True:
            yield await self._events.get()

    def on_buffer_full(self, tp: TP) -> None:
        self.full.add(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        self.full.discard(tp)

    def on_fenced(self, topic: str, partition: int) -> None:
        self.fenced.append((topic, partition))

    async def taken(self) -> None:
        """Wait until the consumer has taken all that was put."""
        while not self._events.empty():  # noqa: ASYNC110 - a queue without `task_done`
            await asyncio.sleep(0)
        for _ in range(100):  # the last one is on its way to its lane
            await asyncio.sleep(0)

    def put(
        self, partition: int, count: int = 1, *, size: int = 1, start: int | None = None
    ) -> None:
        first = self._offsets.get(partition, 0) if start is None else start
        self._offsets[partition] = first + count
        for offset in range(first, first + count):
            message = FaustMessage(
                "t", partition, offset, time.time(), 0, None, b"k", bytes(size), None,
                generation_id=self.consumer_generation_id,
            )  # fmt: skip
            self._events.put_nowait(FakeEvent(self, message))


class Handled:
    """A handler that keeps what it got, and when."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[int]]] = []
        self.started: list[float] = []
        self.before: Callable[[Sequence[Message]], Awaitable[None]] | None = None

    async def __call__(self, messages: Sequence[Message]) -> None:
        self.started.append(time.monotonic())
        if self.before is not None:
            await self.before(messages)
        self.batches.append((messages[0].partition, [m.offset for m in messages]))

    async def begun(self, count: int) -> None:
        """Wait until so many batches have been begun."""
        async with asyncio.timeout(60):
            while len(self.started) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60):
            while sum(len(offsets) for _, offsets in self.batches) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def handled() -> Handled:
    return Handled()


@asynccontextmanager
async def consuming(feed: Feed, handled: Handled, **options: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(consume(feed, handled, **options))
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestBatches:
    async def test_a_record_in_a_quiet_partition_does_not_linger(
        self, feed: Feed, handled: Handled
    ) -> None:
        async with consuming(feed, handled, linger_s=30.0):
            feed.put(0)
            await handled.has(1)
            feed.put(1)
            await handled.has(2)
        assert handled.batches == [(0, [0]), (1, [0])]

    async def test_a_dense_flow_is_gathered_for_the_linger(
        self, feed: Feed, handled: Handled
    ) -> None:
        async with consuming(feed, handled, linger_s=0.5):
            begun = time.monotonic()
            for _ in range(20):
                feed.put(0)
                await asyncio.sleep(0.01)
            await handled.has(20)
            took = time.monotonic() - begun
        assert handled.batches[0] == (0, [0])
        assert len(handled.batches) <= 2 + took / 0.5
        pauses = [b - a for a, b in zip(handled.started, handled.started[1:], strict=False)]
        assert min(pauses) >= 0.25  # a busy machine may come to the batch before it late

    async def test_a_full_batch_does_not_linger(self, feed: Feed, handled: Handled) -> None:
        async with consuming(feed, handled, linger_s=30.0, max_records=5):
            feed.put(0, 20)
            await handled.has(20)
        assert [len(offsets) for _, offsets in handled.batches] == [5, 5, 5, 5]

    async def test_bytes_fill_a_batch_too_and_a_large_record_goes_alone(
        self, feed: Feed, handled: Handled
    ) -> None:
        async with consuming(feed, handled, linger_s=30.0, max_bytes=100):
            feed.put(0, 4, size=50)
            feed.put(0, 1, size=500)
            feed.put(0, 2, size=50)
            await handled.has(7)
        assert handled.batches == [(0, [0, 1]), (0, [2, 3]), (0, [4]), (0, [5, 6])]

    async def test_partitions_run_beside_each_other_but_never_with_themselves(
        self, feed: Feed, handled: Handled
    ) -> None:
        running: list[int] = []
        most = 0

        async def slow(messages: Sequence[Message]) -> None:
            nonlocal most
            assert messages[0].partition not in running
            running.append(messages[0].partition)
            most = max(most, len(running))
            await asyncio.sleep(0.01)
            running.remove(messages[0].partition)

        handled.before = slow
        async with consuming(feed, handled, linger_s=0.0, max_records=2, concurrency=2):
            for _ in range(5):
                for partition in range(4):
                    feed.put(partition, 3)
            await handled.has(60)
        assert most == 2
        for partition in range(4):
            mine = [o for p, offsets in handled.batches if p == partition for o in offsets]
            assert mine == list(range(15))


class TestAcknowledging:
    async def test_it_follows_the_handler_in_order(self, feed: Feed, handled: Handled) -> None:
        acked_before: list[list[tuple[int, int]]] = []

        async def look(messages: Sequence[Message]) -> None:
            await asyncio.sleep(0)
            acked_before.append([*feed.acked, (messages[0].partition, messages[0].offset)])

        handled.before = look
        async with consuming(feed, handled, max_records=3):
            feed.put(0, 9)
            await handled.has(9)
        assert acked_before[1] == [(0, 0), (0, 1), (0, 2), (0, 3)]
        assert feed.acked == [(0, offset) for offset in range(9)]

    async def test_a_handler_that_raises_is_asked_again(self, feed: Feed, handled: Handled) -> None:
        attempts = 0

        async def fail_twice(messages: Sequence[Message]) -> None:
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise ValueError(messages)

        handled.before = fail_twice
        async with consuming(feed, handled):
            feed.put(0, 2)
            await handled.has(2)
            await asyncio.sleep(0)
        assert attempts == 3
        assert feed.acked == [(0, 0), (0, 1)]

    async def test_a_fenced_partition_waits_for_the_next_assignment(
        self, feed: Feed, handled: Handled
    ) -> None:
        fenced = True

        async def fence(messages: Sequence[Message]) -> None:
            if fenced and messages[0].partition == 0:
                raise Fenced(messages[0].topic, messages[0].partition)

        handled.before = fence
        async with consuming(feed, handled):
            feed.put(0, 2)
            feed.put(1, 2)
            await handled.has(2)
            feed.put(0, 2)
            feed.put(1, 2)
            await handled.has(4)
            assert {partition for partition, _ in feed.acked} == {1}
            fenced = False
            feed.consumer_generation_id = 2
            feed.put(0, 4, start=0)
            await handled.has(8)
            await asyncio.sleep(0)
        assert [acked for acked in feed.acked if acked[0] == 0] == [(0, n) for n in range(4)]

    async def test_back_pressure_is_asked_for_and_ends(self, feed: Feed, handled: Handled) -> None:
        released = asyncio.Event()

        async def block(messages: Sequence[Message]) -> None:
            if messages[0].partition == 0:
                await released.wait()

        handled.before = block
        async with consuming(feed, handled, max_records=10):
            feed.put(0, 100)
            feed.put(1, 15)
            await handled.has(15)
            assert feed.full == {TP("t", 0)}
            released.set()
            await handled.has(115)
            assert feed.full == set()


class TestAssignment:
    async def test_it_is_told_before_the_first_batch_of_every_assignment(
        self, feed: Feed, handled: Handled
    ) -> None:
        told: list[tuple[str, int, int]] = []

        async def on_assigned(topic: str, partition: int) -> None:
            told.append((topic, partition, len(handled.batches)))

        async with consuming(feed, handled, on_assigned=on_assigned):
            feed.put(0)
            await handled.has(1)
            feed.put(0)
            await handled.has(2)
            feed.consumer_generation_id = 2
            feed.put(0, start=1)
            await handled.has(3)
        assert told == [("t", 0, 0), ("t", 0, 2)]

    async def test_it_is_tried_again_when_it_raises(self, feed: Feed, handled: Handled) -> None:
        attempts = 0

        async def on_assigned(topic: str, partition: int) -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                raise ConnectionError(topic, partition)

        async with consuming(feed, handled, on_assigned=on_assigned):
            feed.put(0)
            await handled.has(1)
        assert attempts == 2

    async def test_what_waits_from_an_earlier_assignment_is_dropped(
        self, feed: Feed, handled: Handled
    ) -> None:
        released = asyncio.Event()

        async def block(messages: Sequence[Message]) -> None:
            if messages[0].offset == 0:
                await released.wait()

        handled.before = block
        async with consuming(feed, handled, linger_s=0.0):
            feed.put(0)
            await handled.begun(1)
            feed.put(0, 3)
            await feed.taken()
            feed.consumer_generation_id = 2
            feed.put(0, 2, start=1)
            released.set()
            await handled.has(3)
            await asyncio.sleep(0.05)
        assert handled.batches == [(0, [0]), (0, [1, 2])]

    async def test_a_batch_that_keeps_failing_ends_with_its_assignment(
        self, feed: Feed, handled: Handled
    ) -> None:
        async def fail(messages: Sequence[Message]) -> None:
            if feed.consumer_generation_id == 1:
                raise ConnectionError(messages[0].offset)

        handled.before = fail
        async with consuming(feed, handled):
            feed.put(0, 2)
            await handled.begun(1)
            feed.consumer_generation_id = 2
            feed.put(0, 2, start=0)
            await handled.has(2)
        assert handled.batches == [(0, [0, 1])]
