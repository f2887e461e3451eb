"""API, relay and stream worker as processes on a real Kafka: what people report counts once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from kafka_server import KafkaCluster, kafka_cluster
from service_stack import PATIENCE_S, ServiceStack, wait_for

from contracts.ids import EpochMs
from contracts.streams import PARTITIONS, TELEMETRY, Arrival, Bundle, encode_bundle
from contracts.topics import partition_key, partition_of
from store.log import NewRecord, build_log
from store.log.outbox import GROUP

pytestmark = [pytest.mark.kafka, pytest.mark.kill]

SITE = "plant-s"
MACHINE = f"{SITE}/cutting/line1/m01"
ROUNDS = 12


class KafkaStack(ServiceStack):
    """The services on Kafka; no machine speaks, so there is no gateway."""

    stream_url = ""

    def start(self, service: str, **settings: str) -> None:
        super().start(service, GEMBA_STREAM_URL=self.stream_url, **settings)

    def start_all(self) -> None:
        for service in ("api", "streams", "relay"):
            self.start(service)
        wait_for(self._answers, f"the API answers; {self.log_of('api')}")


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaCluster]:
    with kafka_cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture
async def stack(
    database_url: str, redis_url: str, kafka: KafkaCluster, data_dir: Path
) -> AsyncIterator[KafkaStack]:
    made = KafkaStack(database_url, redis_url, "", "", data_dir)
    made.stream_url = kafka.url
    try:
        made.start_all()
        yield made
    finally:
        made.stop_all()


async def test_reports_and_replays_count_once_whatever_happens_to_the_relay(
    stack: KafkaStack,
) -> None:
    chance = random.Random(7)
    async with stack.api() as client:
        await _ok(client.put(f"/v1/sites/{SITE}", json={"name": "S", "time_zone": "UTC"}))
        await _ok(client.put(f"/v1/machines/{MACHINE}", json={"name": "M"}))
        for number in range(ROUNDS):
            work = {"work_order": f"WO-{number}", "operation": 10}
            await _ok(client.post(f"/v1/machines/{MACHINE}/job", json=work | {"event": "started"}))
            if number % 3 == 1:
                stack.kill("relay")
                _forget_notes(stack.database_url, chance.randint(1, 9))
                stack.start("relay")
            await _ok(
                client.post(f"/v1/machines/{MACHINE}/job", json=work | {"event": "completed"})
            )
    operations = await stack.until(
        f"/v1/operations?site={SITE}",
        lambda answer: [one["state"] for one in answer["items"]],
        ["completed"] * ROUNDS,
    )
    assert [one["runs"] for one in operations["items"]] == [1] * ROUNDS
    ingest = await stack.until(
        f"/v1/ingest?site={SITE}", lambda answer: answer["arrivals"], 2 * ROUNDS
    )
    assert (ingest["accepted"], ingest["repeats"], ingest["refused"]) == (2 * ROUNDS, 0, 0)

    await _unreadable(stack)
    letters = f"/v1/dead-letters?site={SITE}"
    found = await stack.until(letters, lambda answer: answer["total"], 1)
    for total in (2, 3):
        (letter,) = (one["id"] for one in found["items"] if one["replayed_at"] is None)
        async with stack.api() as client:
            await _ok(client.post(f"/v1/dead-letters/{letter}/replay"))
        found = await stack.until(letters, lambda answer: answer["total"], total)
        stack.kill("relay")
        _forget_notes(stack.database_url, 5)
        stack.start("relay")
    # Whatever is told again has been told when this report has come through.
    async with stack.api() as client:
        last = {"work_order": "WO-last", "operation": 10}
        await _ok(client.post(f"/v1/machines/{MACHINE}/job", json=last | {"event": "started"}))
    await stack.until(f"/v1/ingest?site={SITE}", lambda answer: answer["accepted"], 2 * ROUNDS + 1)
    await asyncio.sleep(1.0)
    async with stack.api() as client:
        assert (await client.get(letters)).json()["total"] == 3
    await _until_relay_is(stack, "ok")


async def test_a_relay_that_does_not_run_is_missed(stack: KafkaStack) -> None:
    await _until_relay_is(stack, "ok")
    assert stack.stop("relay") == 0
    await _until_relay_is(stack, "missing")


async def _until_relay_is(stack: KafkaStack, wanted: str) -> None:
    state = None
    async with stack.api() as client, asyncio.timeout(PATIENCE_S):
        while state != wanted:
            await asyncio.sleep(0.1)
            # Not ready without a gateway; the parts are told all the same.
            parts = (await client.get("/readyz")).json()["components"]
            state = {one["name"]: one["state"] for one in parts}.get("relay")


async def _ok(call: Awaitable[httpx.Response]) -> None:
    answer = await call
    assert answer.is_success, answer.text


def _forget_notes(url: str, records: int) -> None:
    """As if the relay had been killed before it noted its last acknowledgements."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            'UPDATE log_commits SET "offset" = greatest(0, "offset" - %s)'
            " WHERE consumer_group = %s",
            (records, GROUP),
        )


async def _unreadable(stack: KafkaStack) -> None:
    """A message that makes no sense, as a gateway appends it."""
    topic = f"gemba/v1/{MACHINE}/count"
    payload = b"no json"
    arrival = Arrival(1, 0, EpochMs(1_772_431_200_000), payload, len(payload))
    partition = partition_of(partition_key(topic), PARTITIONS)
    async with build_log(stack.stream_url, None) as log:
        value = encode_bundle(Bundle("gateway-s", [topic], [arrival]))
        await log.append([NewRecord(TELEMETRY, partition, None, value)])
