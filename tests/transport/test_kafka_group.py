"""Workers of one group on a real Kafka: nothing lost, nothing twice, whatever happens to them."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from contract import GROUP, all_of, has_committed, records
from fenced_process import TABLE
from kafka_backend import KafkaBackend, kafka_backend
from kafka_server import KafkaCluster
from workers import Worker, until

from contracts.streams import OPERATIONS, PARTITIONS, TELEMETRY
from runtime.clock import SystemClock
from store.log import NewRecord
from streams.consumption import Fenced, Message
from streams.kafka import consumer as kafka_consumer
from streams.kafka.assignor import assign
from streams.kafka.positions import LostRecordsError
from streams.watchdog import Watchdog


@pytest.fixture
async def backend(kafka_broker: KafkaCluster, database_url: str) -> AsyncIterator[KafkaBackend]:
    async with kafka_backend(kafka_broker.url, database_url) as backend:
        yield backend


class TestAssign:
    def test_a_number_is_one_workers_for_all_topics(self) -> None:
        topics = {"a": range(4), "b": range(4)}
        for workers in range(1, 7):
            names = [f"w{number}" for number in range(workers)]
            assigned = assign(topics, {name: ["a", "b"] for name in names})
            shares = [assigned[name] for name in names]
            assert all(share.get("a") == share.get("b") for share in shares)
            assert sorted(n for share in shares for n in share.get("a", [])) == [0, 1, 2, 3]
            counts = [len(share.get("a", [])) for share in shares]
            assert max(counts) - min(counts) <= 1

    def test_what_only_newer_workers_read_goes_to_them(self) -> None:
        assigned = assign({"a": range(4), "new": range(4)}, {"old": ["a"], "young": ["a", "new"]})
        assert assigned["old"] == {"a": [0, 2]}
        assert assigned["young"] == {"a": [1, 3], "new": [0, 1, 2, 3]}
        assert assign({"nobodys": range(4)}, {"w": ["a"]}) == {"w": {}}


@contextmanager
def fenced_worker(backend: KafkaBackend, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("fenced_process.py")), GROUP],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "GEMBA_DATABASE_URL": backend.settings.database_url.get_secret_value(),
            "GEMBA_STREAM_URL": backend.settings.stream_url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.kafka
@pytest.mark.kill
@pytest.mark.timeout(300)
async def test_effects_are_made_once_although_workers_come_die_and_are_paused(
    backend: KafkaBackend, tmp_path: Path
) -> None:
    chance = random.Random(20261122)
    url = backend.settings.database_url.get_secret_value()
    total = 36_000
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)

        def told() -> int:
            row = connection.execute("SELECT count(*) FROM told").fetchone()
            assert row is not None
            return int(row[0])

        async def feed() -> None:
            for start in range(0, total, 100):
                await backend.log.append(
                    [
                        NewRecord(TELEMETRY, n % PARTITIONS, None, b"%d" % n)
                        for n in range(start, start + 100)
                    ]
                )
                await asyncio.sleep(0.1)

        feeding = asyncio.create_task(feed())
        with fenced_worker(backend, tmp_path) as paused:
            await until(lambda: told() > 0)
            for _ in range(2):
                with fenced_worker(backend, tmp_path) as killed:
                    # Long enough to come into the group, which waits for the one that was killed.
                    await asyncio.sleep(chance.uniform(7.5, 9.5))
                    killed.kill()
            paused.send_signal(signal.SIGSTOP)
            with fenced_worker(backend, tmp_path):
                before = told()
                await until(lambda: told() > before)
                await asyncio.sleep(chance.uniform(7.0, 9.0))
                paused.send_signal(signal.SIGCONT)
                await feeding
                await until(lambda: told() == total)
                await asyncio.sleep(1.0)
                assert told() == total
                rows = connection.execute("SELECT count(DISTINCT pid) FROM told").fetchone()
                assert rows is not None
                assert rows[0] >= 3  # they have shared it


@pytest.mark.kafka
class TestBeginning:
    async def test_after_the_effects_although_more_is_committed(
        self, backend: KafkaBackend
    ) -> None:
        await backend.log.append(records(40))
        async with Worker(backend, GROUP) as worker:
            await worker.has(40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
        self.effects(backend, {0: 3, 1: 9, 2: -1})
        worker = Worker(backend, GROUP)
        worker.app.effects = {TELEMETRY: ("made",)}
        async with worker:
            await worker.has(6 + 10 + 10)
            await asyncio.sleep(0.5)
        # A database from before; one that has all; one that has nothing, and one without a row.
        assert worker.offsets() == {0: [*range(4, 10)], 2: [*range(10)], 3: [*range(10)]}

    async def test_effects_of_records_that_kafka_does_not_have_stop_the_worker(
        self, backend: KafkaBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        await backend.log.append(records(40))
        self.effects(backend, {2: 10})
        worker = Worker(backend, GROUP)
        worker.app.effects = {TELEMETRY: ("made",)}
        with caplog.at_level(logging.CRITICAL):
            await worker.__aenter__()
            assert await worker.ended() == 1
        assert isinstance(worker.app.crash_reason, LostRecordsError)
        assert f"{TELEMETRY}/2 ends at offset 10" in str(worker.app.crash_reason)
        assert worker.handled == []

    def effects(self, backend: KafkaBackend, done: dict[int, int]) -> None:
        url = backend.settings.database_url.get_secret_value()
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.executemany(
                'INSERT INTO effect_offsets (consumer_group, topic, partition, epoch, "offset")'
                " VALUES ('made', %s, %s, 1, %s)",
                [(TELEMETRY, partition, offset) for partition, offset in done.items()],
            )


@pytest.mark.kafka
class TestGroup:
    async def test_a_second_worker_gets_its_share_in_the_middle_of_batches(
        self, backend: KafkaBackend
    ) -> None:
        topics = (TELEMETRY, OPERATIONS)
        await backend.log.append(records(8_000) + records(8_000, topic=OPERATIONS))

        async def slowly(_messages: Sequence[Message]) -> None:
            await asyncio.sleep(0.01)

        async with Worker(backend, GROUP, topics=topics, before=slowly, max_records=50) as first:
            await first.has(2_000)
            async with Worker(backend, GROUP, topics=topics, max_records=50) as second:
                both = (first.app, second.app)
                await until(
                    lambda: all(len(app.assigned_partitions()) == PARTITIONS for app in both)
                )
                mine, yours = ({p for _, p in app.assigned_partitions()} for app in both)
                assert (len(mine), mine & yours) == (2, set())
                await until(
                    lambda: all(
                        _told(topic, first, second) == {p: {*o} for p, o in all_of(8_000).items()}
                        for topic in topics
                    )
                )
        for worker in (first, second):
            for topic in topics:
                for offsets in worker.offsets(topic).values():
                    assert all(after <= before + 1 for before, after in pairwise(offsets))

    async def test_a_fenced_partition_that_nobody_assigns_anew_is_asked_for(
        self, backend: KafkaBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kafka_consumer, "REJOIN_S", 0.5)
        fenced: list[Message] = []

        async def fence_once(messages: Sequence[Message]) -> None:
            if messages[0].partition == 1 and not fenced:
                fenced.extend(messages)
                raise Fenced(messages[0].topic, messages[0].partition)

        await backend.log.append(records(40))
        async with Worker(backend, GROUP, before=fence_once) as worker:
            await until(lambda: sorted(set(worker.offsets().get(1, []))) == [*range(10)])
        assert worker.assigned.count((TELEMETRY, 1)) == 2

    async def test_kafka_restarts_and_the_worker_goes_on(
        self, backend: KafkaBackend, kafka_broker: KafkaCluster
    ) -> None:
        async with Worker(backend, GROUP) as worker:
            await backend.log.append(records(40))
            await worker.has(40)
            await asyncio.to_thread(kafka_broker.nodes[0].restart)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await backend.log.append([NewRecord(TELEMETRY, 2, None, b"after")])
                        break
                    except Exception:  # noqa: BLE001 - it is coming up
                        await asyncio.sleep(0.2)
            await until(lambda: worker.handled[-1].value == b"after")


@pytest.mark.kafka
class TestWatchdog:
    async def test_it_sees_the_lag_and_a_worker_that_stands_still(
        self, backend: KafkaBackend
    ) -> None:
        await backend.log.append(records(40))
        blocked = asyncio.Event()

        async def block(messages: Sequence[Message]) -> None:
            if messages[0].partition == 1:
                await blocked.wait()

        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        async with Worker(backend, GROUP, before=block) as worker:
            await worker.has(30)
            watchdog = Watchdog(
                database_url="",
                stream_url=backend.settings.stream_url,
                group=GROUP,
                assigned=worker.app.assigned_partitions,
                clock=SystemClock(),
                stall_s=3.0,
                interval_s=0.3,
                grace_s=0.1,
                on_stalled=end,
            )
            watchdog.start()
            async with asyncio.timeout(60):
                await ended.wait()
            await asyncio.to_thread(watchdog.stop)
            assert watchdog.stalled is not None
            assert watchdog.stalled.startswith(f"stalled: {TELEMETRY}/1: 10 records wait")
            assert watchdog.lag == {TELEMETRY: 10}
            assert watchdog.metrics["lag_records"] == 10
            blocked.set()

    async def test_kafka_that_is_away_is_no_stall(self) -> None:
        ended = asyncio.Event()
        watchdog = Watchdog(
            database_url="",
            stream_url="kafka://127.0.0.1:1",
            group=GROUP,
            assigned=lambda: [(TELEMETRY, 0)],
            clock=SystemClock(),
            stall_s=0.2,
            interval_s=0.1,
            on_stalled=ended.set,
        )
        watchdog.start()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(watchdog.stop)
        assert watchdog.stalled is None
        assert watchdog.lag == {}


def _told(topic: str, *workers: Worker) -> dict[int, set[int]]:
    told: dict[int, set[int]] = {}
    for worker in workers:
        for partition, offsets in worker.offsets(topic).items():
            told.setdefault(partition, set()).update(offsets)
    return dict(sorted(told.items()))
