"""Three stream workers on a real Kafka: whoever leads or writes screens is killed and stopped."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_server import KafkaCluster, kafka_cluster
from plant_on_kafka import Load, PlantOnKafka
from redis.asyncio import Redis
from service_stack import wait_for

from launch.backends.mqtt import BrokerKind
from launch.backends.running import RunningBroker
from store.live_channels import LiveChannels, Snapshot, connect_redis

SITE = "workers"
BOARD = f"floor:{SITE}"
MAX_PAUSE_S = 10.0
STOPPED_S = 9.0
"""Beyond the session time-out of the group, which is 6 s."""

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.kill,
    pytest.mark.mosquitto,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("mqtt_broker", [BrokerKind.MOSQUITTO], indirect=True),
]


@pytest.fixture
def plant(
    database_url: str,
    redis_url: str,
    mqtt_broker: RunningBroker,
    data_dir: Path,
    tmp_path: Path,
) -> Iterator[PlantOnKafka]:
    with kafka_cluster(tmp_path / "kafka") as cluster:
        yield from _running(database_url, redis_url, mqtt_broker, data_dir, cluster)


def _running(
    database_url: str,
    redis_url: str,
    broker: RunningBroker,
    data_dir: Path,
    cluster: KafkaCluster,
) -> Iterator[PlantOnKafka]:
    made = PlantOnKafka(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=broker.url,
        machine_mqtt_url=broker.machine_url,
        data_dir=data_dir,
        stream_url=cluster.url,
    )
    try:
        made.start_with(2)
        yield made
    finally:
        made.stop_all()


def worker_that(plant: PlantOnKafka, metric: str) -> str:
    """The worker whose figure is 1: the one whose turn it is to write, or the leader."""
    figure = rf'gemba_streams_{metric}{{instance="[^"]*-(\d+)"}} 1(?:\.0)?$'
    found: list[str] = []

    def one() -> bool:
        pids = re.findall(figure, plant.metrics(), re.MULTILINE)
        found[:] = [
            name
            for name, process in plant.processes.items()
            if name.startswith("streams@") and str(process.pid) in pids
        ]
        return len(found) == 1

    wait_for(one, f"one worker has {metric}")
    return found[0]


@asynccontextmanager
async def board(redis_url: str) -> AsyncIterator[LiveChannels]:
    """The site's board, watched."""
    async with connect_redis(redis_url) as redis:
        watching = asyncio.create_task(_watch(redis))
        try:
            yield LiveChannels(redis)
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def _watch(redis: Redis) -> None:
    while True:
        await LiveChannels(redis).want([BOARD])
        await asyncio.sleep(10)


async def tiles(channels: LiveChannels) -> dict[str, Any]:
    read = await channels.read(BOARD)
    state = msgspec.json.decode(read.data) if isinstance(read, Snapshot) else {}
    return {path: tile for path, tile in state.items() if path != "summary"}


async def shown(channels: LiveChannels) -> dict[str, int]:
    """The good pieces of each machine's operation, as the board shows them."""
    return {
        path.rpartition("/m")[2]: tile["operation"]["good_pieces"]
        for path, tile in (await tiles(channels)).items()
        if tile.get("operation")
    }


async def test_sums_and_screens_are_exact_whoever_is_killed_or_stopped(
    plant: PlantOnKafka, tmp_path: Path
) -> None:
    load = Load(plant, tmp_path, site=SITE, machines=8)
    counting = asyncio.create_task(load.run())
    pauses: dict[str, float] = {}
    async with board(plant.redis_url) as channels:
        await asyncio.to_thread(plant.pause_s, load.work_orders, {})
        plant.start("streams@3")
        await asyncio.sleep(5.0)

        writer = await asyncio.to_thread(worker_that, plant, "live_writing")
        before = plant.pieces()
        plant.kill(writer)
        pauses["kill -9"] = await asyncio.to_thread(plant.pause_s, load.work_orders, before)
        plant.start(writer)
        await asyncio.sleep(5.0)

        leader = await asyncio.to_thread(worker_that, plant, "planning_leading")
        before = plant.pieces()
        plant.pause(leader)
        stopped = time.monotonic()
        pauses["SIGSTOP"] = await asyncio.to_thread(plant.pause_s, load.work_orders, before)
        await asyncio.sleep(max(0.0, STOPPED_S - (time.monotonic() - stopped)))
        assert await asyncio.to_thread(worker_that, plant, "planning_leading") != leader
        plant.go_on(leader)
        await asyncio.sleep(4.0)

        load.stop()
        await counting
        wanted = {name.rpartition("-")[2]: sent for name, sent in load.sent.items()}
        await asyncio.to_thread(wait_for, lambda: plant.pieces() == load.sent, "all is counted", 60)
        async with asyncio.timeout(60):
            while await shown(channels) != wanted:  # noqa: ASYNC110 - a plain look
                await asyncio.sleep(0.1)
        await asyncio.sleep(2.0)
        assert await shown(channels) == wanted
    assert plant.pieces() == load.sent
    assert plant.get("/v1/dead-letters", site=SITE)["total"] == 0
    print(f"pauses: {pauses}")  # noqa: T201 - a measurement
    assert max(pauses.values()) < MAX_PAUSE_S
