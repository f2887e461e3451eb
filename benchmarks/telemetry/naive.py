"""Peer (a): what one would write in an afternoon. MQTT message → Kafka record → agent → INSERT.

aiomqtt receives, every message becomes a record of its own (aiokafka, acks=all), a Faust agent
takes one event after the other and INSERTs its samples with a commit each event. No outbox, no
receipts, no join, no repeats known: it does less than gemba does. Two things are done better than
in most afternoons: the producer is not waited for at each record, and an array is one commit.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiomqtt
import faust
import msgspec
import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.topics import partition_key
from runtime.loop import run
from runtime.mqtt_url import parse_mqtt_url

TOPIC = "naive.telemetry"
PARTITIONS = 4
TABLE = """
CREATE TABLE IF NOT EXISTS naive_samples (
    machine text, t_ms bigint, boot text, seq bigint, value double precision
)
"""
INDEX = """
CREATE INDEX IF NOT EXISTS naive_probes ON naive_samples (t_ms)
    WHERE machine LIKE 'bench/area/probe/%'
"""
"""For the probes' questions only; the load's rows do not enter it."""


async def main() -> None:
    """Run until SIGTERM."""
    stream_url = os.environ["NAIVE_STREAM_URL"]
    servers = stream_url.removeprefix("kafka://").split(";")
    await _create_topic(servers)
    async with await psycopg.AsyncConnection.connect(os.environ["NAIVE_DATABASE_URL"]) as rows:
        await rows.execute(TABLE)
        await rows.execute(INDEX)
        await rows.commit()
        app = faust.App(
            "naive",
            broker=stream_url,
            value_serializer="raw",
            key_serializer="raw",
            store="memory://",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
        )

        @app.agent(app.topic(TOPIC, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator] # Faust is untyped here
        async def store(stream: Any) -> None:
            async for event in stream.events():
                parsed = msgspec.json.decode(event.value)
                async with rows.cursor() as cursor:
                    await cursor.executemany(
                        "INSERT INTO naive_samples VALUES (%s, %s, %s, %s, %s)",
                        [
                            (event.key.decode(), one["t"], one["boot"], one["seq"], one["value"])
                            for one in (parsed if isinstance(parsed, list) else [parsed])
                        ],
                    )
                await rows.commit()

        receiving = asyncio.create_task(_receive(servers))
        try:
            await app.start()
            await app.wait_until_stopped()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)


async def _create_topic(servers: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    finally:
        await admin.close()


async def _receive(servers: list[str]) -> None:
    address = parse_mqtt_url(os.environ["NAIVE_MQTT_URL"])
    async with (
        AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer,
        aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier="naive",
        ) as client,
    ):
        await client.subscribe("gemba/v1/bench/#", qos=1)
        async for message in client.messages:
            key = partition_key(str(message.topic))
            await producer.send(TOPIC, message.payload, key=key.encode())


if __name__ == "__main__":
    run(main())
