"""What every transport must do under Faust and `streams.consumption`, whatever the backend.

A backend's test module inherits these classes and gives a fixture `backend`.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from workers import Backend, Worker, WorkerProcess, until

from contracts.streams import OPERATIONS, PARTITIONS, TELEMETRY
from store.log import NewRecord
from streams.consumption import Fenced, Message, consume
from streams.transport import reader

GROUP = "test-group"


def records(count: int, *, topic: str = TELEMETRY, size: int = 0) -> list[NewRecord]:
    """Records in all partitions by turns; each value tells its number."""
    return [
        NewRecord(topic, n % PARTITIONS, b"key-%d" % n, (b"%d " % n).ljust(size, b"-"))
        for n in range(count)
    ]


def all_of(count: int, start: int = 0) -> dict[int, list[int]]:
    """The offsets of `records(count)`, per partition."""
    return {p: list(range(start, (count - p - 1) // PARTITIONS + 1)) for p in range(PARTITIONS)}


async def has_committed(backend: Backend, expected: dict[int, int]) -> None:
    """Wait until the engine has committed so far in TELEMETRY."""
    async with asyncio.timeout(60):
        while await backend.committed(GROUP, TELEMETRY) != expected:  # noqa: ASYNC110 - another process commits
            await asyncio.sleep(0.05)


class DeliveryContract:
    """Everything is delivered, in order, once per run."""

    async def test_everything_is_delivered_in_order_once(self, backend: Backend) -> None:
        await backend.log.append(records(100))
        async with Worker(backend, GROUP) as worker:
            await worker.has(100)
            await backend.log.append(records(100))
            await worker.has(200)
        assert worker.offsets() == all_of(200)
        assert {m.partition for batch in worker.batches for m in batch} == set(range(PARTITIONS))
        assert all(len({m.partition for m in batch}) == 1 for batch in worker.batches)

    async def test_a_record_arrives_as_it_was_appended(self, backend: Backend) -> None:
        before = time.time()
        await backend.log.append(
            [
                NewRecord(TELEMETRY, 0, b"k\x00\xff", b"\x80\x00value"),
                NewRecord(TELEMETRY, 0, None, b""),
                NewRecord(TELEMETRY, 0, b"k", None),
            ]
        )
        async with Worker(backend, GROUP) as worker:
            await worker.has(3)
        first, empty, tombstone = worker.handled
        assert (first.topic, first.partition, first.offset) == (TELEMETRY, 0, 0)
        assert (first.key, first.value) == (b"k\x00\xff", b"\x80\x00value")
        assert (empty.key, empty.value) == (None, b"")
        assert tombstone.value is None
        assert before - 5 < first.timestamp < time.time() + 5

    async def test_topics_of_one_agent_are_kept_apart(self, backend: Backend) -> None:
        await backend.log.append(records(20) + records(12, topic=OPERATIONS))
        async with Worker(backend, GROUP, topics=(TELEMETRY, OPERATIONS)) as worker:
            await worker.has(32)
        assert worker.offsets() == all_of(20)
        assert worker.offsets(OPERATIONS) == all_of(12)
        assert sorted(worker.assigned) == sorted(
            (topic, p) for topic in (TELEMETRY, OPERATIONS) for p in range(PARTITIONS)
        )

    async def test_many_records(self, backend: Backend) -> None:
        many = records(10_000, size=200)
        for start in range(0, len(many), 1_000):
            await backend.log.append(many[start : start + 1_000])
        async with Worker(backend, GROUP) as worker:
            await worker.has(10_000)
        assert worker.offsets() == all_of(10_000)

    async def test_big_records(self, backend: Backend) -> None:
        size = 450_000
        for record in records(12, size=size):
            await backend.log.append([record])
        async with Worker(backend, GROUP) as worker:
            await worker.has(12)
        assert worker.offsets() == all_of(12)
        assert {len(m.value or b"") for m in worker.handled} == {size}

    async def test_appended_order_is_delivered_order_beside_many_appenders(
        self, backend: Backend
    ) -> None:
        async def append(name: int) -> None:
            for n in range(50):
                value = b"%d %d" % (name, n)
                await backend.log.append(
                    [NewRecord(TELEMETRY, p, b"", value) for p in (1, 0) for _ in range(2)]
                )

        async with Worker(backend, GROUP) as worker:
            await asyncio.gather(*(append(name) for name in range(4)))
            await worker.has(800)
        assert worker.offsets() == {0: list(range(400)), 1: list(range(400))}
        for name in range(4):
            mine = [
                int((m.value or b"").split()[1])
                for m in worker.handled
                if m.partition == 1 and (m.value or b"").startswith(b"%d " % name)
            ]
            assert mine == [n for n in range(50) for _ in range(2)]

    async def test_a_waiting_worker_is_woken(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with Worker(backend, GROUP) as worker:
            await backend.log.append(records(PARTITIONS))
            await worker.has(PARTITIONS)
            # From here on a reader of the embedded log does not look by itself.
            monkeypatch.setattr(reader, "POLL_S", 3_600.0)
            for n in range(15):
                await asyncio.sleep(0.05)
                await backend.log.append([NewRecord(TELEMETRY, 0, b"", b"x")])
                await worker.has(PARTITIONS + n + 1)


class CommitContract:
    """Acknowledged is what was handled; it is not told again, all else is."""

    async def test_what_was_committed_is_not_delivered_again(self, backend: Backend) -> None:
        await backend.log.append(records(40))
        async with Worker(backend, GROUP) as worker:
            await worker.has(40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
        await backend.log.append(records(8))
        async with Worker(backend, GROUP) as worker:
            await worker.has(8)
            await asyncio.sleep(0.5)
        assert worker.offsets() == {p: [10, 11] for p in range(PARTITIONS)}

    async def test_what_was_not_handled_is_delivered_again(self, backend: Backend) -> None:
        stuck = asyncio.Event()

        async def refuse(messages: Sequence[Message]) -> None:
            if messages[0].partition == 1 and messages[-1].offset >= 3:
                stuck.set()
                await asyncio.Event().wait()

        await backend.log.append(records(12))
        async with Worker(backend, GROUP, before=refuse) as worker:
            await worker.has(12)
            await backend.log.append(records(12))
            await stuck.wait()
            await worker.has(3 * 6 + 3)
            await has_committed(backend, {0: 6, 1: 3, 2: 6, 3: 6})
        async with Worker(backend, GROUP) as worker:
            await worker.has(3)
            await asyncio.sleep(0.5)
        assert worker.offsets() == {1: [3, 4, 5]}

    async def test_a_handler_that_raises_is_asked_again_and_nothing_is_skipped(
        self, backend: Backend
    ) -> None:
        raised: list[int] = []

        async def fail_at_first(messages: Sequence[Message]) -> None:
            if messages[0].partition == 2 and len(raised) < 3:
                raised.append(messages[0].offset)
                raise RuntimeError("the database is away")

        await backend.log.append(records(40))
        async with Worker(backend, GROUP, before=fail_at_first) as worker:
            await worker.has(40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
        assert raised == [0, 0, 0]
        assert worker.offsets() == all_of(40)

    async def test_a_partition_that_stands_still_does_not_hold_up_the_others(
        self, backend: Backend
    ) -> None:
        released = asyncio.Event()

        async def block(messages: Sequence[Message]) -> None:
            if messages[0].partition == 0:
                await released.wait()

        many = 4_000
        await backend.log.append(
            [NewRecord(TELEMETRY, 0, b"", bytes(200)) for _ in range(many)]
            + [NewRecord(TELEMETRY, 1, b"", bytes(200)) for _ in range(many)]
        )
        async with Worker(backend, GROUP, before=block) as worker:
            await worker.has(many)
            assert set(worker.offsets()) == {1}
            position = await worker.app.consumer.position(TP(TELEMETRY, 0))
            assert position < many  # what nobody can handle now is left in the log
            released.set()
            await worker.has(2 * many)
        assert worker.offsets() == {0: list(range(many)), 1: list(range(many))}

    async def test_what_one_of_two_agents_has_not_handled_is_not_committed(
        self, backend: Backend
    ) -> None:
        other: list[Message] = []
        released = asyncio.Event()

        async def slow(messages: Sequence[Message]) -> None:
            if messages[0].partition == 1:
                await released.wait()
            other.extend(messages)

        await backend.log.append(records(8_000, size=100))
        worker = Worker(backend, GROUP)

        @worker.app.agent(worker.app.topic(TELEMETRY, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
        async def second(stream: Any) -> None:
            await consume(stream, slow)

        async with worker:
            await until(lambda: len(other) >= 6_000)
            await has_committed(backend, {**await _known(backend), 0: 2_000, 2: 2_000, 3: 2_000})
            assert len(worker.offsets()[1]) < 2_000  # it is not read for the other one alone
            released.set()
            await worker.has(8_000)
            await until(lambda: len(other) == 8_000)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 2_000))
        assert worker.offsets() == all_of(8_000)

    async def test_a_fenced_partition_is_dropped_unacknowledged(self, backend: Backend) -> None:
        async def fence(messages: Sequence[Message]) -> None:
            if messages[0].partition == 3:
                raise Fenced(messages[0].topic, messages[0].partition)

        await backend.log.append(records(40))
        async with Worker(backend, GROUP, before=fence) as worker:
            await worker.has(30)
            await backend.log.append(records(40))
            await worker.has(60)
            await has_committed(backend, {**await _known(backend), 0: 20, 1: 20, 2: 20})
            assert (await backend.committed(GROUP, TELEMETRY)).get(3, 0) == 0
        async with Worker(backend, GROUP) as worker:
            await worker.has(20)
            await asyncio.sleep(0.5)
        assert worker.offsets() == {3: list(range(20))}

    async def test_seeking_back_delivers_again_from_there(self, backend: Backend) -> None:
        await backend.log.append(records(40))
        async with Worker(backend, GROUP) as worker:
            await worker.has(40)
            await worker.app.consumer.seek(TP(TELEMETRY, 2), 6)
            await worker.has(44)
            await backend.log.append(records(4))
            await worker.has(48)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 11))
        assert worker.offsets()[2] == [*range(10), *range(6, 10), 10]

    async def test_batches_are_full_in_a_dense_flow_and_bounded(self, backend: Backend) -> None:
        await backend.log.append(records(2_000, size=1_000))
        async with Worker(
            backend, GROUP, max_records=100, max_bytes=50_000, linger_s=0.05
        ) as worker:
            await worker.has(2_000)
        sizes = [len(batch) for batch in worker.batches]
        assert max(sizes) <= 50
        assert statistics.mean(sizes) > 10


async def _known(backend: Backend) -> dict[int, int]:
    """Partitions that a backend knows a group by before it has committed anything."""
    return dict.fromkeys(await backend.committed(GROUP, TELEMETRY), 0)


class ProcessContract:
    """Workers die, others take over."""

    async def test_nothing_is_lost_when_a_worker_is_killed(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        total = 4_000
        all_records = records(total)

        async def feed() -> None:
            batch = total // 40
            for start in range(0, total, batch):
                await backend.log.append(all_records[start : start + batch])
                await asyncio.sleep(0.1)

        path = tmp_path / "effects"
        feeding = asyncio.create_task(feed())
        for threshold in (total // 5, total // 2):
            with WorkerProcess(backend, GROUP, path) as worker:
                await until(lambda at=threshold, w=worker: w.handled() > at)  # type: ignore[misc] # mypy cannot infer defaults
                worker.kill()
        await feeding
        with WorkerProcess(backend, GROUP, path) as worker:
            await until(lambda: {p: max(o) for p, o in worker.offsets().items()} == _last(total))
            assert worker.terminate() == 0
        for offsets in worker.offsets().values():
            assert sorted(set(offsets)) == list(range(total // PARTITIONS))
            # In order, and what is told again begins at or before what was told last.
            assert all(after <= before + 1 for before, after in pairwise(offsets))
            assert sum(after != before + 1 for before, after in pairwise(offsets)) <= 2

    async def test_a_clean_stop_leaves_nothing_to_be_delivered_again(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        await backend.log.append(records(40))
        with WorkerProcess(backend, GROUP, tmp_path / "first") as worker:
            await until(lambda: worker.handled() == 40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
            assert worker.terminate() == 0
        async with Worker(backend, GROUP) as second:
            await backend.log.append(records(4))
            await second.has(4)
            await asyncio.sleep(0.3)
        assert second.offsets() == {p: [10] for p in range(PARTITIONS)}

    async def test_a_second_worker_takes_over_from_a_killed_one(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        with WorkerProcess(backend, GROUP, tmp_path / "first") as first:
            await backend.log.append(records(40))
            await until(lambda: first.handled() == 40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
            async with Worker(backend, GROUP) as second:
                await asyncio.sleep(3.0)
                await backend.log.append(records(40))
                await until(lambda: first.handled() + len(second.handled) >= 80)
                await has_committed(backend, dict.fromkeys(range(PARTITIONS), 20))
                shared = len(second.handled)
                first.kill()
                killed = time.monotonic()
                await backend.log.append(records(40))
                await second.has(shared + 40)
                pause_s = time.monotonic() - killed
                print(f"{type(backend).__name__}: taken over {pause_s:.1f} s after kill -9")  # noqa: T201 - a measurement
        for partition in range(PARTITIONS):
            told = first.offsets()[partition] + second.offsets()[partition]
            assert sorted(set(told)) == list(range(30))
            assert second.offsets()[partition][-10:] == list(range(20, 30))

    async def test_groups_do_not_share(self, backend: Backend) -> None:
        await backend.log.append(records(20))
        async with Worker(backend, GROUP) as one, Worker(backend, "test-other") as other:
            await one.has(20)
            await other.has(20)
        assert one.offsets() == other.offsets() == all_of(20)


def _last(total: int) -> dict[int, int]:
    return dict.fromkeys(range(PARTITIONS), total // PARTITIONS - 1)
