"""The relay as a process on a real Kafka: killed, paused, and with Kafka away."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from kafka_server import KafkaCluster, kafka_cluster
from redis import Redis
from relay_model import Told

from contracts.ids import EpochMs
from contracts.streams import (
    OPERATIONS,
    PARTITIONS,
    PROGRESS,
    TELEMETRY,
    TOPICS,
    Arrival,
    Bundle,
    encode_bundle,
)
from contracts.topics import partition_key, partition_of
from runtime.clock import SystemClock
from runtime.health import KEY_PREFIX, Health, HealthState
from runtime.settings import StreamsSettings
from store.database import Connection, Pool, build_pool
from store.effects import Done
from store.log import NewRecord, StreamLog, build_log
from store.log.kafka_address import parse
from store.log.outbox import GROUP, backlog, outbox_number
from streams.consumption import Message
from streams.progress import RollUpAgent
from streams.repeats import new_records
from streams.telemetry import TelemetryAgent

pytestmark = [pytest.mark.kafka, pytest.mark.kill]

PATIENCE_S = 60.0
SITE = "plant-k"
MACHINE = f"gemba/v1/{SITE}/cutting/line1/m01"
T0 = 1_772_431_200_000


@dataclass
class Bench:
    """A database with an outbox, a Kafka, and relays as processes."""

    database_url: str
    redis_url: str
    kafka: KafkaCluster
    folder: Path
    pool: Pool
    log: StreamLog
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    put: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)

    def start(self) -> subprocess.Popen[bytes]:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        environment = others | {
            "GEMBA_DATA_DIR": str(self.folder),
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_STREAM_URL": self.kafka.url,
        }
        with (self.folder / "relay.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "launch", "run", "relay"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    async def append(self, *records: NewRecord) -> None:
        """Write to the outbox as a service does, and note it."""
        async with self.pool.connection() as connection, connection.transaction():
            await self.log.append_in(connection, records)
        for record in records:
            self.put.setdefault((record.topic, record.partition), []).append(record.value or b"")

    async def append_some(self, count: int) -> None:
        await self.append(
            *(
                NewRecord(PROGRESS, number % PARTITIONS, b"key", os.urandom(8).hex().encode())
                for number in range(count)
            )
        )

    def word(self) -> Health | None:
        """What a relay last said of itself."""
        with Redis.from_url(self.redis_url) as redis:
            for key in redis.scan_iter(match=f"{KEY_PREFIX}relay*"):
                value = redis.get(key)
                if isinstance(value, bytes):
                    return msgspec.json.decode(value, type=Health)
        return None

    async def forget_notes(self, records: int) -> None:
        """As if the relay had been killed before it noted its last acknowledgements."""
        async with self.pool.connection() as connection:
            await connection.execute(
                'UPDATE log_commits SET "offset" = greatest(0, "offset" - %s)'
                " WHERE consumer_group = %s",
                (records, GROUP),
            )

    async def until_all_sent(self) -> None:
        async def none_waits() -> bool:
            async with self.pool.connection() as connection:
                return (await backlog(connection)).records == 0

        async with asyncio.timeout(PATIENCE_S):
            while not await none_waits():
                assert any(one.poll() is None for one in self.processes), self.said()
                await asyncio.sleep(0.05)

    def said(self) -> str:
        return (self.folder / "relay.log").read_text(errors="replace")[-3_000:]

    async def arrived(self, *topics: str) -> list[Told]:
        """All that Kafka holds of some topics, partition by partition."""
        consumer = AIOKafkaConsumer(**parse(self.kafka.url).client_options())
        await consumer.start()
        try:
            places = [KafkaPartition(topic, one) for topic in topics for one in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[Told] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for some in (await consumer.getmany(timeout_ms=500)).values():
                    found += [_told(record) for record in some]
        finally:
            await consumer.stop()
        return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))

    async def check(self, *topics: str) -> int:
        """Every record once and in order for a consumer; answers how many were told again."""
        arrived = await self.arrived(*topics)
        taken = 0
        for at, values in self.put.items():
            records: list[Message] = [one for one in arrived if (one.topic, one.partition) == at]
            new, done = new_records(records, Done(-1))
            assert [record.value for record in new] == values
            assert [outbox_number(record.headers) for record in new] == list(range(len(values)))
            assert done.relayed == len(values) - 1
            taken += len(values)
        return len(arrived) - taken

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(20)


def _told(record: Any) -> Told:
    told = Told(record.offset, None, record.topic, record.partition, record.timestamp / 1_000)
    told.key, told.value, told.headers = record.key, record.value, record.headers
    return told


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaCluster]:
    """A Kafka of the test's own: it is killed, and its topics hold the numbers of one database."""
    with kafka_cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture
async def bench(
    database_url: str, redis_url: str, kafka: KafkaCluster, tmp_path: Path
) -> AsyncIterator[Bench]:
    async with build_pool(database_url, name="test-relay", max_size=4) as pool:
        log = build_log(kafka.url, pool)
        async with log:
            await log.create_topics(TOPICS, PARTITIONS)
            made = Bench(database_url, redis_url, kafka, tmp_path, pool, log)
            try:
                yield made
            finally:
                made.end()


async def test_killed_at_any_moment_it_loses_and_doubles_nothing(bench: Bench) -> None:
    chance = random.Random(1)
    for _ in range(6):
        process = bench.start()
        await _until(lambda: _holds_lease(bench.database_url))
        await bench.append_some(PARTITIONS)
        await bench.until_all_sent()  # it has looked at what Kafka was told last, and sends
        ends = asyncio.get_running_loop().time() + chance.uniform(0.1, 1.0)
        while asyncio.get_running_loop().time() < ends:
            await bench.append_some(chance.randint(1, 60))
        process.kill()
        process.wait(20)
        await bench.forget_notes(chance.randint(0, 30))
    last = bench.start()
    await bench.append_some(10)
    await bench.until_all_sent()
    last.terminate()
    assert last.wait(20) == 0, bench.said()
    assert await bench.check(PROGRESS) > 0, "nothing was told twice"
    assert sum(len(values) for values in bench.put.values()) > 500


async def test_kafka_away_is_told_and_everything_arrives_when_it_is_back(bench: Bench) -> None:
    (node,) = bench.kafka.nodes
    bench.start()
    await bench.append_some(100)
    await bench.until_all_sent()
    for _ in range(2):
        node.kill()
        for _ in range(20):
            await bench.append_some(20)
        await _until(
            lambda: (
                (word := bench.word()) is not None
                and word.state is HealthState.DEGRADED
                and word.metrics.get("waiting", 0) > 0
                and "Kafka" in (word.reason or "")
            )
        )
        node.start()
        await asyncio.to_thread(node.wait)
        await bench.append_some(20)
        await bench.until_all_sent()
        await _until(lambda: (word := bench.word()) is not None and word.state is HealthState.OK)
    await bench.check(PROGRESS)


async def test_a_relay_that_was_paused_comes_back_as_a_zombie_and_does_no_harm(
    bench: Bench,
) -> None:
    """SIGSTOP in the middle of the flow; the database ends its lease, another one takes over."""
    first = bench.start()
    await _until(lambda: _holds_lease(bench.database_url))
    flow = Flow(bench)
    await flow.on(40)
    sending = asyncio.create_task(flow.on(400))
    await asyncio.sleep(0.3)
    first.send_signal(signal.SIGSTOP)
    await sending
    second = bench.start()
    # The lease of a relay that stands still ends by itself, within seconds.
    await bench.until_all_sent()
    await flow.on(40)
    first.send_signal(signal.SIGCONT)
    await flow.on(100)
    await bench.until_all_sent()
    assert first.poll() is None
    assert second.poll() is None
    await asyncio.sleep(1.0)  # time for whatever the zombie had still to say
    await bench.check(TELEMETRY, OPERATIONS, PROGRESS)
    await flow.check()


class Flow:
    """Counts, jobs and what cannot be read, as services write them to the outbox."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._seq = 0
        self._unreadable = 0
        self._at = partition_of(partition_key(f"{MACHINE}/count"), PARTITIONS)

    async def on(self, steps: int) -> None:
        for _ in range(steps):
            self._seq += 1
            self._unreadable += 1
            await self._bench.append(
                NewRecord(TELEMETRY, self._at, None, self._bundle("count", good=1)),
                NewRecord(OPERATIONS, self._at, None, self._bundle("count", "terminal", good=2)),
                NewRecord(PROGRESS, self._at, None, b"no events %d" % self._unreadable),
            )

    def _bundle(self, kind: str, boot: str = "b", **more: Any) -> bytes:
        body = {"t": T0 + self._seq * 10, "boot": boot, "seq": self._seq} | more
        payload = json.dumps(body).encode()
        arrival = Arrival(0, 0, EpochMs(T0 + 10**7), payload, len(payload))
        return encode_bundle(Bundle("", [f"{MACHINE}/{kind}"], [arrival]))

    async def check(self) -> None:
        """The sums of the agents, fed with all that Kafka holds."""
        bench = self._bench
        telemetry = TelemetryAgent(pool=bench.pool, log=bench.log, settings=StreamsSettings())
        roll_up = RollUpAgent(
            pool=bench.pool, log=bench.log, clock=SystemClock(), on_changed=lambda _s, _o: None
        )
        for agent, topic in ((telemetry, TELEMETRY), (telemetry, OPERATIONS), (roll_up, PROGRESS)):
            await agent.on_assigned(topic, self._at)
            records = [one for one in await bench.arrived(topic) if one.partition == self._at]
            for part in _parts(records, 50):
                await agent.handle(part)
        async with bench.pool.connection() as connection:
            assert await _row(
                connection,
                "SELECT sum(arrivals)::int, sum(accepted)::int, sum(repeats)::int"
                " FROM ingest_totals",
            ) == (2 * self._seq, 2 * self._seq, 0)
            assert await _row(
                connection, "SELECT sum(unassigned_good)::int FROM machine_states"
            ) == (3 * self._seq,)
            assert await _row(
                connection,
                "SELECT count(*)::int, count(DISTINCT payload)::int FROM dead_letters"
                " WHERE origin_topic = %s",
                PROGRESS,
            ) == (self._unreadable, self._unreadable)


def _parts(records: Sequence[Message], size: int) -> Iterator[Sequence[Message]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


async def _row(
    connection: Connection, statement: LiteralString, *parameters: str
) -> tuple[Any, ...]:
    cursor = await connection.execute(statement, parameters)
    row = await cursor.fetchone()
    assert row is not None
    return tuple(row)


def _holds_lease(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
            " AND a.application_name = %s",
            (f"gemba-lease-{GROUP}",),
        ).fetchone()
    return row is not None and row[0] == 1


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.1)
