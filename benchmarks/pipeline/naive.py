"""The peer: what one would write in an afternoon. MQTT message → stream record → agent → INSERT.

aiomqtt receives, every message becomes a record of its own on the same embedded log, a Faust agent
takes one event after the other and INSERTs its samples with a commit each. No outbox, no receipts,
no join, no repeats known: it does less than gemba does.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiomqtt
import msgspec
from pydantic import SecretStr

from contracts.topics import partition_key, partition_of
from runtime.mqtt_url import parse_mqtt_url
from runtime.settings import StreamsSettings
from store.database import build_pool
from store.log import NewRecord, build_log
from streams.app import build_app, run_worker

TOPIC = "naive.telemetry"
PARTITIONS = 4


async def main() -> None:
    """Run until SIGTERM."""
    url = os.environ["NAIVE_DATABASE_URL"]
    settings = StreamsSettings(database_url=SecretStr(url))
    pool = build_pool(url, name="naive", max_size=8)
    await pool.open()
    async with pool.connection() as connection:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS naive_samples"
            " (machine text, t_ms bigint, boot text, seq bigint, good bigint)"
        )
    async with build_log("embedded://", pool) as log:
        await log.create_topics([TOPIC], PARTITIONS)
        app = build_app(settings, group="naive")

        @app.agent(app.topic(TOPIC, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator] # Faust is untyped here
        async def store(stream: Any) -> None:
            async for event in stream.events():
                parsed = msgspec.json.decode(event.value)
                for one in parsed if isinstance(parsed, list) else [parsed]:
                    async with pool.connection() as connection:
                        await connection.execute(
                            "INSERT INTO naive_samples VALUES (%s, %s, %s, %s, %s)",
                            (event.key.decode(), one["t"], one["boot"], one["seq"], one["good"]),
                        )

        receiving = asyncio.create_task(_receive(log))
        try:
            await run_worker(app, settings)
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
    await pool.close()


async def _receive(log: Any) -> None:
    address = parse_mqtt_url(os.environ["NAIVE_MQTT_URL"])
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier="naive",
    ) as client:
        await client.subscribe("gemba/v1/naive/#", qos=1)
        async for message in client.messages:
            topic = str(message.topic)
            key = partition_key(topic)
            partition = partition_of(key, PARTITIONS)
            record = NewRecord(TOPIC, partition, key.encode(), message.payload)
            await log.append([record])


if __name__ == "__main__":
    asyncio.run(main())
