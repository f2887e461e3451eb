"""A whole installation moves to Kafka while machines go on counting; broken off, refused."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka_server import KafkaCluster, kafka_cluster
from service_stack import ServiceStack, running, wait_for

from launch.backends.mqtt import MqttBroker
from launch.backends.running import RunningBroker
from launch.backends.running import running as running_backend
from runtime.tasks import end
from simulator.publisher import OutboxPublisher

# ruff: noqa: PLR0917 - fixtures

pytestmark = [pytest.mark.kafka, pytest.mark.kill, pytest.mark.timeout(400)]

SITE = "move"
TOPIC = f"gemba/v1/{SITE}/area/line/m1"
OPERATIONS = f"/v1/operations?site={SITE}"


@pytest.fixture
def fresh_kafka(tmp_path: Path) -> Iterator[KafkaCluster]:
    """A cluster of the test's own: a move wants topics that nobody has used."""
    with kafka_cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker that stays while the installation moves."""
    folder = tmp_path / "broker"
    folder.mkdir()
    made = MqttBroker(folder)
    with running_backend(made, folder / "broker.log") as process:
        yield RunningBroker(
            url=made.url, machine_url=made.machine_url, kind=made.kind, pid=process.pid
        )


def stack_of(
    database_url: str,
    redis_url: str,
    broker: RunningBroker,
    data_dir: Path,
    stream_url: str = "embedded://",
) -> ServiceStack:
    return ServiceStack(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=broker.url,
        machine_mqtt_url=broker.machine_url,
        data_dir=data_dir,
        stream_url=stream_url,
    )


@dataclass
class Done:
    """How a command ended."""

    code: int
    printed: str
    said: str


def command(
    source_url: str, target_url: str, kafka: KafkaCluster, data_dir: Path
) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")} | {
        "GEMBA_DATA_DIR": str(data_dir),
        "GEMBA_DATABASE_URL": source_url,
        "GEMBA_TRANSFER_DATABASE_URL": target_url,
        "GEMBA_TRANSFER_STREAM_URL": kafka.url,
    }


async def done(environment: dict[str, str], *, killed_after_s: float | None = None) -> Done:
    """`gemba transfer`, to its end or until it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "launch", "transfer", "--json",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    talking = asyncio.ensure_future(process.communicate())
    if killed_after_s is not None:
        await asyncio.wait({talking}, timeout=killed_after_s)
        if not talking.done():
            process.kill()
    printed, said = await talking
    return Done(process.returncode or 0, printed.decode(), said.decode())


class Counting:
    """A machine that counts without a pause, and says how far it is."""

    def __init__(self, publisher: OutboxPublisher) -> None:
        self.pieces = 0
        self._publisher = publisher
        self._task = asyncio.create_task(self._count())

    async def _count(self) -> None:
        job = {"event": "started", "work_order": "MOVE", "operation": 10, "requested": 10**6}
        await self._publisher.publish(f"{TOPIC}/job", job)
        while True:
            await self._publisher.publish(f"{TOPIC}/count", {"good": 1})
            self.pieces += 1
            await asyncio.sleep(0.004)

    async def end(self) -> int:
        """Stop, and wait until the gateway has everything; answers how many were counted."""
        await end([self._task])
        await self._publisher.flush(120)
        return self.pieces

    async def abandon(self) -> None:
        await end([self._task])


@asynccontextmanager
async def counting(broker: RunningBroker, tmp_path: Path) -> AsyncIterator[Counting]:
    async with OutboxPublisher(broker.machine_url, tmp_path / "outbox.db") as publisher:
        machine = Counting(publisher)
        try:
            yield machine
        finally:
            await machine.abandon()


def pieces(answer: Any) -> Any:
    return [one["good_pieces"] for one in answer["items"]]


async def test_nothing_is_lost_while_machines_go_on(
    embedded_url: str,
    database_url: str,
    redis_url: str,
    broker: RunningBroker,
    fresh_kafka: KafkaCluster,
    data_dir: Path,
    tmp_path: Path,
) -> None:
    before = stack_of(embedded_url, redis_url, broker, data_dir)
    after = stack_of(database_url, redis_url, broker, data_dir, fresh_kafka.url)
    move = command(embedded_url, database_url, fresh_kafka, data_dir)
    async with counting(broker, tmp_path) as machine:
        with running(before):
            async with before.api() as api:
                made = await api.put("/v1/customers/acme", json={"name": "ACME"})
                assert made.is_success, made.text
            await before.until(OPERATIONS, lambda answer: len(answer["items"]), 1)
            # The worker stops first: what the gateway still sends waits in the embedded log.
            before.kill("streams")
            await asyncio.sleep(1.5)
            refused = await done(move)
            assert refused.code == 1
            assert "stop all services" in refused.said
        waiting = left_in_log(embedded_url)
        assert waiting > 0, "nothing waits in the old log: the move would prove less"
        moved = await done(move)
        assert moved.code == 0, moved.said
        assert json.loads(moved.printed)["told"] == waiting
        at_the_move = machine.pieces
        with running(after):
            await after.until(
                OPERATIONS, lambda answer: min(pieces(answer)[0], at_the_move), at_the_move
            )
            async with after.api() as api:
                customers = (await api.get("/v1/customers")).json()["items"]
                assert [one["code"] for one in customers] == ["acme"]
            await after.until(OPERATIONS, pieces, [await machine.end()])
        again = await done(move)
        assert again.code == 1
        assert "moved already" in again.said
    assert doubled(database_url) == 0
    # The old installation does not come back to life by mistake.
    before.start("streams")
    try:
        wait_for(lambda: "has been moved to" in before.log_of("streams"), "the worker refuses")
    finally:
        before.stop_all()


async def test_a_move_that_is_killed_is_gone_on_with(
    embedded_url: str,
    database_url: str,
    redis_url: str,
    broker: RunningBroker,
    fresh_kafka: KafkaCluster,
    data_dir: Path,
    tmp_path: Path,
) -> None:
    before = stack_of(embedded_url, redis_url, broker, data_dir)
    after = stack_of(database_url, redis_url, broker, data_dir, fresh_kafka.url)
    move = command(embedded_url, database_url, fresh_kafka, data_dir)
    chance = random.Random(4)
    async with counting(broker, tmp_path) as machine:
        with running(before):
            await before.until(OPERATIONS, lambda answer: len(answer["items"]), 1)
            before.kill("streams")
            await asyncio.sleep(1.0)
        for _ in range(6):
            await done(move, killed_after_s=chance.uniform(0.8, 3.0))
        moved = await done(move)
        assert moved.code == 0 or "moved already" in moved.said, moved.said
        with running(after):
            await after.until(OPERATIONS, pieces, [await machine.end()])
    assert doubled(database_url) == 0


def left_in_log(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            'SELECT sum(p.head - c."offset") FROM log_partitions p JOIN log_commits c'
            " USING (topic, partition) WHERE c.consumer_group = 'gemba-streams'"
        ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def doubled(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) - count(DISTINCT (publisher_id, seq)) FROM samples"
        ).fetchone()
    assert row is not None
    return int(row[0])
