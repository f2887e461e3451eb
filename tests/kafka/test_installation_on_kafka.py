"""The whole installation on a real Kafka: scenarios, replays, kills and pauses; sums are exact."""

from __future__ import annotations

import asyncio
import csv
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from kafka_server import KafkaCluster, kafka_cluster
from plant_on_kafka import Load, PlantOnKafka, power_cut
from service_stack import wait_for

from launch.backends.mqtt import BrokerKind
from launch.backends.running import RunningBroker
from streams.groups import EFFECTS

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data"
MAX_PAUSE_S = 15.0
"""The promise is 10 s; the machine of the tests is shared."""
STOPPED_S = 12.0
"""Twice the session time-out of the group."""

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.mosquitto,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("mqtt_broker", [BrokerKind.MOSQUITTO], indirect=True),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    """A Kafka of the test's own: it may be killed, and a database belongs to one cluster."""
    with kafka_cluster(tmp_path / "kafka") as made:
        yield made


@pytest.fixture
def plant(
    database_url: str,
    redis_url: str,
    mqtt_broker: RunningBroker,
    cluster: KafkaCluster,
    data_dir: Path,
) -> Iterator[PlantOnKafka]:
    made = PlantOnKafka(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=mqtt_broker.url,
        machine_mqtt_url=mqtt_broker.machine_url,
        data_dir=data_dir,
        stream_url=cluster.url,
    )
    try:
        made.start_with(2)
        yield made
    finally:
        made.stop_all()


@asynccontextmanager
async def loaded(plant: PlantOnKafka, folder: Path, site: str) -> AsyncIterator[Load]:
    """Machines count meanwhile; in the end every piece has been counted once."""
    load = Load(plant, folder, site=site, machines=8)
    counting = asyncio.create_task(load.run())
    try:
        await asyncio.to_thread(plant.pause_s, load.work_orders, {})
        yield load
    finally:
        load.stop()
        await counting
    await asyncio.to_thread(wait_for, lambda: _of(plant, load) == load.sent, "all are counted", 60)
    await asyncio.sleep(2.0)  # whatever would count twice has had its time
    assert _of(plant, load) == load.sent
    assert plant.get("/v1/dead-letters", site=site)["total"] == 0


def _of(plant: PlantOnKafka, load: Load) -> dict[str, int]:
    counted = plant.pieces()
    return {one: counted.get(one, 0) for one in load.work_orders}


@pytest.mark.kill
class TestWorkers:
    async def test_added_killed_and_paused_under_load(
        self, plant: PlantOnKafka, tmp_path: Path
    ) -> None:
        async with loaded(plant, tmp_path, "workers") as load:
            plant.start("streams@3")
            await asyncio.sleep(6.0)

            before = plant.pieces()
            plant.kill("streams@1")
            killed_s = await asyncio.to_thread(plant.pause_s, load.work_orders, before)

            await asyncio.sleep(3.0)
            before = plant.pieces()
            plant.pause("streams@2")
            stopped = time.monotonic()
            paused_s = await asyncio.to_thread(plant.pause_s, load.work_orders, before)
            await asyncio.sleep(max(0.0, STOPPED_S - (time.monotonic() - stopped)))
            plant.go_on("streams@2")
            await asyncio.sleep(4.0)
        print(f"pause after kill -9: {killed_s:.1f} s, after SIGSTOP: {paused_s:.1f} s")  # noqa: T201 - a measurement
        assert max(killed_s, paused_s) < MAX_PAUSE_S
        assert 'gemba_streams_lag{instance="' in plant.metrics()


@pytest.mark.kill
class TestKills:
    @pytest.mark.parametrize("victim", ["edge", "streams@1", "relay", "api", "kafka"])
    async def test_the_sum_is_exact_although_a_process_is_killed(
        self, plant: PlantOnKafka, cluster: KafkaCluster, tmp_path: Path, victim: str
    ) -> None:
        async with loaded(plant, tmp_path, f"kill-{victim.partition('@')[0]}"):
            for _ in range(2):
                if victim == "kafka":
                    await asyncio.to_thread(power_cut, cluster.nodes[0])
                else:
                    plant.kill_and_start(victim)
                await asyncio.sleep(3.0)


@pytest.mark.reference_data
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data is not beside this checkout")
class TestReference:
    def test_every_floor_scenario_has_its_result(self, plant: PlantOnKafka) -> None:
        files = sorted((REFERENCE / "floor").glob("floor-*.json"))
        assert len(files) > 10
        assert [file.name for file in files if plant.replay_scenario(file) != 0] == []
        # Where a partition begins hangs on this table being complete.
        with psycopg.connect(plant.database_url) as connection:
            made = connection.execute(
                "SELECT DISTINCT topic, consumer_group FROM effect_offsets"
            ).fetchall()
        assert made
        assert all(group in EFFECTS[topic] for topic, group in made)

    @pytest.mark.kill
    def test_the_real_machine_shuffled_while_workers_die(self, plant: PlantOnKafka) -> None:
        logs = REFERENCE / "komax565"
        with (logs / "truth.csv").open(encoding="utf-8") as lines:
            truth = {row["job"]: int(row["good_total"]) for row in csv.DictReader(lines)}
        outcome: list[int] = []
        playing = threading.Thread(
            target=lambda: outcome.append(plant.replay_komax(logs, shuffle_minutes=60, seed=5)),
            daemon=True,
        )
        playing.start()
        wait_for(
            lambda: int(plant.get("/v1/ingest", site="komax").get("arrivals", 0)) > 0,
            f"something is stored; {plant.log_of('streams')}",
        )
        for victim in ("streams@1", "edge", "streams@2"):
            plant.kill_and_start(victim)
            time.sleep(1.0)
        playing.join(300)
        assert outcome == [0]
        assert _jobs(plant) == truth
        assert plant.replay_komax(logs) == 0
        assert _jobs(plant) == truth


def _jobs(plant: PlantOnKafka) -> dict[str, int]:
    orders = plant.get("/v1/work-orders", external_source="komax565", site="komax", limit=1_000)
    return {one["external_id"]: one["good_pieces"] for one in orders["items"]}
