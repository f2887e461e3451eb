"""A database goes back beside a real Kafka, and `gemba restored` brings them together again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest
from kafka_server import KafkaCluster, kafka_cluster
from psycopg import sql
from redis import Redis

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
from launch.backends.postgres import ROLE, PostgresServer
from runtime.health import KEY_PREFIX, Health, HealthState
from store.database import build_pool
from store.log import NewRecord, build_log
from store.log.kafka_address import parse
from store.log.kafka_topics import administration

pytestmark = [pytest.mark.kafka, pytest.mark.kill, pytest.mark.timeout(400)]

PATIENCE_S: Final = 90.0
MACHINE: Final = "gemba/v1/plant-b/cutting/line1/m01"
T0: Final = 1_772_431_200_000
PARTITION: Final = partition_of(partition_key(f"{MACHINE}/count"), PARTITIONS)


@dataclass
class Plant:
    """A gateway and people, and the services on whatever database is in force."""

    url: str
    redis_url: str
    kafka: KafkaCluster
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    counted: int = 0
    """Pieces that a gateway has told Kafka."""
    entered: int = 0
    """Pieces that a terminal has told the outbox, and events besides."""
    lost: int = 0
    """Of these, entered in a future that the database lost: the events told of its rows."""

    @property
    def environment(self) -> dict[str, str]:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        return others | {
            "GEMBA_DATA_DIR": str(self.folder),
            "GEMBA_DATABASE_URL": self.url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_STREAM_URL": self.kafka.url,
        }

    # Services

    def start(self, *names: str) -> None:
        for name in names or ("relay", "streams"):
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "launch", "run", name],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def end(self, number: int = signal.SIGTERM) -> None:
        for process in self.processes.values():
            process.send_signal(number)
        for process in self.processes.values():
            process.wait(30)
        self.processes.clear()

    async def restored(self, *options: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "launch", "restored", "--json", *options,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, said = await process.communicate()
        return process.returncode or 0, printed.decode(), said.decode()

    def words(self) -> dict[str, Health]:
        with Redis.from_url(self.redis_url) as redis:
            values = [redis.get(key) for key in redis.scan_iter(match=f"{KEY_PREFIX}*")]
        words = [
            msgspec.json.decode(value, type=Health) for value in values if isinstance(value, bytes)
        ]
        return {word.service: word for word in words}

    def said(self) -> str:
        return "".join(
            f"--- {name}\n{(self.folder / f'{name}.log').read_text(errors='replace')[-3_000:]}"
            for name in ("relay", "streams")
        )

    # What happens in the plant

    async def count(self, pieces: int) -> None:
        """A gateway hears of pieces, and tells Kafka at once."""
        async with build_log(self.kafka.url, None) as log:
            for _ in range(pieces):
                self.counted += 1
                value = _bundle("gateway-b", "device", self.counted, good=1)
                await log.append([NewRecord(TELEMETRY, PARTITION, None, value)])

    async def enter(self, times: int) -> None:
        """A service writes to the outbox: a terminal's pieces, and what the roll-up sets aside."""
        async with self._outbox() as append:
            for _ in range(times):
                self.entered += 1
                await append(
                    NewRecord(OPERATIONS, PARTITION, None, _bundle("", "t", self.entered, good=2)),
                    NewRecord(PROGRESS, PARTITION, None, b"no events %d" % self.entered),
                )

    @asynccontextmanager
    async def _outbox(self) -> AsyncIterator[Callable[..., Any]]:
        async with (
            build_pool(self.url, name="api-of-test", min_size=1, max_size=1) as pool,
            build_log(self.kafka.url, pool) as log,
        ):

            async def append(*records: NewRecord) -> None:
                async with pool.connection() as connection, connection.transaction():
                    await log.append_in(connection, records)

            yield append

    # What is to be seen

    def row(self, statement: str) -> tuple[Any, ...]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return tuple(row)

    def taken(self) -> tuple[int, ...]:
        """Accepted objects, repeats, pieces, records set aside, and how many different ones."""
        totals = "SELECT coalesce(sum(accepted), 0)::int, coalesce(sum(repeats), 0)::int"
        pieces = "SELECT coalesce(sum(unassigned_good), 0)::int FROM machine_states"
        letters = "SELECT count(*)::int, count(DISTINCT payload)::int FROM dead_letters"
        return (
            *self.row(f"{totals} FROM ingest_totals"),
            *self.row(pieces),
            *self.row(f"{letters} WHERE origin_topic = '{PROGRESS}'"),
        )

    @property
    def all_once(self) -> tuple[int, ...]:
        entered, counted = self.entered, self.counted
        events = entered - self.lost
        return (counted + entered, 0, counted + 2 * entered, events, events)

    async def until_all_taken(self) -> None:
        ends = asyncio.get_running_loop().time() + PATIENCE_S
        while self.taken() != self.all_once:
            assert all(one.poll() is None for one in self.processes.values()), self.said()
            late = asyncio.get_running_loop().time() > ends
            assert not late, f"{self.taken()}, not {self.all_once}\n{self.said()}"
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.0)  # whatever else would be taken
        assert self.taken() == self.all_once


def _bundle(gateway: str, boot: str, seq: int, **more: Any) -> bytes:
    payload = json.dumps({"t": T0 + seq * 10, "boot": boot, "seq": seq} | more).encode()
    arrival = Arrival(seq if gateway else 0, 0, EpochMs(T0 + 10**7), payload, len(payload))
    return encode_bundle(Bundle(gateway, [f"{MACHINE}/count"], [arrival]))


@pytest.fixture
async def plant(empty_database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Plant]:
    with kafka_cluster(tmp_path / "kafka") as cluster:
        made = Plant(empty_database_url, redis_url, cluster, tmp_path)
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "launch", "migrate"],
            env=made.environment, check=True, capture_output=True,
        )  # fmt: skip
        async with (
            build_pool(made.url, name="prepare", max_size=1) as pool,
            build_log(cluster.url, pool) as log,
        ):
            await log.create_topics(TOPICS, PARTITIONS)
        try:
            yield made
        finally:
            made.end(signal.SIGKILL)


@pytest.fixture
def copies(postgres_server: PostgresServer) -> Iterator[Callable[[str], str]]:
    """Makes a copy of a database that nobody is at work on; answers its address."""
    made: list[str] = []

    def copy(url: str) -> str:
        source = url.rpartition("/")[2].partition("?")[0]
        made.append(f"{source}_copy_{len(made)}")
        with psycopg.connect(postgres_server.superuser_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                (source,),
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    *map(sql.Identifier, (made[-1], ROLE, source))
                )
            )
        return url.replace(f"/{source}", f"/{made[-1]}")

    yield copy
    with psycopg.connect(postgres_server.superuser_url, autocommit=True) as connection:
        for name in made:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


async def test_a_restored_database_stops_everybody_until_it_is_said_and_nothing_is_lost(
    plant: Plant, copies: Callable[[str], str]
) -> None:
    plant.start()
    await plant.enter(20)
    await plant.count(20)
    await plant.until_all_taken()
    working = asyncio.gather(plant.enter(60), plant.count(60))
    await asyncio.sleep(0.3)
    plant.end(signal.SIGKILL)  # so that some is told and not taken, and some not told
    await working
    backup = copies(plant.url)
    plant.start()
    await asyncio.gather(plant.enter(25), plant.count(25))
    await plant.until_all_taken()
    plant.end()

    plant.url, plant.lost = backup, 25
    await plant.enter(3)  # somebody works with it before anybody knows
    plant.start()
    await _until(lambda: _failed(plant.words(), "relay"), plant)
    assert plant.row("SELECT phase FROM stream_identity") == ("behind",)
    code, _, said = await plant.restored()
    assert code == 1
    assert "is at work on this database: stop all services" in said
    plant.end(signal.SIGKILL)

    plant.start()  # it is not forgotten: neither begins
    assert await asyncio.to_thread(plant.processes["streams"].wait, 60) == 1
    assert "gemba restored" in plant.said()
    plant.end()
    code, printed, said = await plant.restored()
    assert code == 0, said
    outcome = json.loads(printed)
    assert outcome["timeline"] > 460_000
    assert outcome["differing"] == 2  # in both topics there are other records in Kafka
    assert not outcome["stream_anew"]

    plant.start()
    await asyncio.gather(plant.enter(30), plant.count(30))
    # The pieces of the lost future are recovered, what was untold is told, and nothing twice.
    await plant.until_all_taken()


async def test_a_worker_alone_stops_where_the_stream_goes_beyond_its_database(
    plant: Plant, copies: Callable[[str], str]
) -> None:
    plant.start()
    await plant.enter(5)
    await plant.until_all_taken()
    plant.end()
    backup = copies(plant.url)
    plant.start()
    await plant.enter(5)
    await plant.count(5)
    await plant.until_all_taken()
    plant.end()
    plant.url, plant.lost = backup, 5
    plant.start("streams")
    await _until(lambda: _failed(plant.words(), "streams"), plant)
    word = plant.words()["streams"]
    assert "gemba restored" in str(word.reason)
    assert plant.taken()[3] == 5  # nothing of the lost future
    plant.end()
    assert (await plant.restored())[0] == 0
    plant.start()
    await plant.enter(5)
    await plant.until_all_taken()


async def test_topics_that_were_made_anew(plant: Plant) -> None:
    plant.start()
    await plant.enter(20)
    await plant.count(20)
    await plant.until_all_taken()
    plant.end()
    async with administration(parse(plant.kafka.url)) as admin, asyncio.timeout(60):
        while existing := set(TOPICS) & set(await admin.list_topics()):
            await admin.delete_topics(list(existing))
            await asyncio.sleep(0.1)
    await plant.enter(5)
    plant.start()
    assert await asyncio.to_thread(plant.processes["streams"].wait, 60) == 1
    assert "gemba restored --stream-anew" in plant.said()
    plant.end()
    code, printed, said = await plant.restored("--stream-anew")
    assert code == 0, said
    assert json.loads(printed)["stream_anew"]
    plant.start()
    await plant.enter(20)
    await plant.count(20)
    await plant.until_all_taken()


def _failed(words: Mapping[str, Health], service: str) -> bool:
    word = words.get(service)
    return (
        word is not None
        and word.state is HealthState.FAILED
        and "gemba restored" in (word.reason or "")
    )


async def _until(condition: Callable[[], bool], plant: Plant) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(plant.said())
