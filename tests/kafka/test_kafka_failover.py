"""A cluster of three brokers: one may be away, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kafka_server import kafka_cluster
from pydantic import SecretStr

from contracts.streams import PARTITIONS, TELEMETRY, TOPICS
from runtime.settings import StreamsSettings
from store.log import LogAwayError, NewRecord
from store.log.kafka import KafkaLog
from store.log.kafka_address import parse
from store.log.kafka_topics import administration, settings_of
from streams.app import build_app, serve
from streams.consumption import Message, consume

pytestmark = [pytest.mark.kafka, pytest.mark.kill, pytest.mark.timeout(300)]


async def test_brokers_die_one_after_the_other(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path, nodes=3) as cluster:
        address = parse(cluster.url)
        settings = StreamsSettings(stream_url=cluster.url, database_url=SecretStr(""))
        told: list[tuple[int, int]] = []
        stop = asyncio.Event()
        done = asyncio.Event()
        appended: list[int] = [0] * PARTITIONS
        async with KafkaLog(address, None) as log:
            await _made(log)
            async with administration(address) as admin:
                (topic,) = await admin.describe_topics([TELEMETRY])
                found = await settings_of(admin, [TELEMETRY])
            assert {len(part["replicas"]) for part in topic["partitions"]} == {3}
            assert found[TELEMETRY]["min.insync.replicas"] == "2"

            app = build_app(settings, group="failover")

            @app.agent(app.topic(TELEMETRY, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator] # Faust is untyped here
            async def tell(stream: object) -> None:
                async def handle(messages: list[Message]) -> None:
                    told.extend((one.partition, int(one.value or b"")) for one in messages)

                await consume(stream, handle)  # type: ignore[arg-type] # a list is what it hands over

            async def feed() -> None:
                while not done.is_set():
                    for partition in range(PARTITIONS):
                        number = appended[partition]
                        await _appended(log, NewRecord(TELEMETRY, partition, None, b"%d" % number))
                        appended[partition] += 1
                    await asyncio.sleep(0.01)

            serving = asyncio.create_task(serve(app, stop))
            feeding = asyncio.create_task(feed())
            await _grown(told, PARTITIONS * 10)
            for node in cluster.nodes:
                await asyncio.to_thread(node.kill)
                await _grown(told, len(told) + PARTITIONS * 20)
                await asyncio.to_thread(node.start)
                await asyncio.to_thread(node.wait)
                await asyncio.sleep(4.0)
            done.set()
            await feeding
            async with asyncio.timeout(60):
                while not _all(told, appended):  # noqa: ASYNC110 - what is waited for sets no event
                    await asyncio.sleep(0.1)
            stop.set()
            assert await serving == 0
        for partition in range(PARTITIONS):
            seen = [number for at, number in told if at == partition]
            # In order; what was appended or told again repeats numbers, and never leaves one out.
            highest = -1
            for number in seen:
                assert number <= highest + 1
                highest = max(highest, number)


def _all(told: list[tuple[int, int]], appended: list[int]) -> bool:
    return set(told) == {(p, n) for p in range(PARTITIONS) for n in range(appended[p])}


async def _grown(told: list[tuple[int, int]], count: int) -> None:
    async with asyncio.timeout(60):
        while len(told) < count:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.05)


async def _made(log: KafkaLog) -> None:
    """Make the topics as soon as all three brokers are known."""
    async with asyncio.timeout(60):
        while True:
            try:
                await log.create_topics(TOPICS, PARTITIONS)
            except LogAwayError:
                await asyncio.sleep(0.2)
            else:
                return


async def _appended(log: KafkaLog, record: NewRecord) -> None:
    """Append, as the gateway does: again until it is."""
    while True:
        try:
            await log.append([record])
        except LogAwayError:
            await asyncio.sleep(0.1)
        else:
            return
