"""Seeing where a worker stands in its partitions, from a thread beside the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final, TypeAlias

import msgspec
import psycopg
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError

from store.log import LogError
from store.log.kafka_address import is_kafka, parse
from store.log.kafka_topics import administration

ANSWER_S: Final = 5.0

BLIND: Final = (psycopg.Error, KafkaError, LogError, OSError, TimeoutError)
"""What looking raises while nothing can be seen."""


class Standing(msgspec.Struct, frozen=True):
    """Where a worker stands in a partition: `committed` is the next offset that it wants."""

    topic: str
    partition: int
    committed: int
    head: int


Look: TypeAlias = Callable[[Collection[tuple[str, int]]], list[Standing]]
"""Answers the standings in partitions (topic, partition); raises one of BLIND."""


@contextmanager
def sight(*, stream_url: str, database_url: str, group: str) -> Iterator[Look]:
    """A connection to the log by which a consumer group's standings are seen.

    For a thread without an event loop. Raises one of BLIND.
    """
    seeing = _in_kafka(stream_url, group) if is_kafka(stream_url) else _in_rows(database_url, group)
    with seeing as look:
        yield look


_STANDINGS: Final = """
SELECT topic, partition, c."offset", p.head
FROM log_commits c JOIN log_partitions p USING (topic, partition)
WHERE c.consumer_group = %s
"""


@contextmanager
def _in_rows(database_url: str, group: str) -> Iterator[Look]:
    with psycopg.connect(
        database_url,
        autocommit=True,
        connect_timeout=int(ANSWER_S),
        application_name="gemba-watchdog",
        options="-c statement_timeout=5000",
    ) as connection:

        def look(partitions: Collection[tuple[str, int]]) -> list[Standing]:
            rows = connection.execute(_STANDINGS, (group,)).fetchall()
            return [Standing(*row) for row in rows if (row[0], row[1]) in partitions]

        yield look


@contextmanager
def _in_kafka(stream_url: str, group: str) -> Iterator[Look]:
    address = parse(stream_url)
    with asyncio.Runner() as runner:
        connected = AsyncExitStack()

        async def connect() -> tuple[Any, AIOKafkaConsumer]:
            admin = await connected.enter_async_context(administration(address))
            reader = AIOKafkaConsumer(
                group_id=None,
                request_timeout_ms=int(ANSWER_S * 1_000),
                **address.client_options(),
            )
            connected.push_async_callback(reader.stop)
            async with asyncio.timeout(ANSWER_S):
                await reader.start()
            return admin, reader

        async def standings(wanted: list[KafkaPartition]) -> list[Standing]:
            async with asyncio.timeout(ANSWER_S):
                committed = await admin.list_consumer_group_offsets(group)
                begins = await reader.beginning_offsets(wanted)
                ends = await reader.end_offsets(wanted)
            found = []
            for at in wanted:
                told = committed[at].offset if at in committed else -1
                # What retention has deleted nobody waits for any more.
                found.append(Standing(at.topic, at.partition, max(told, begins[at]), ends[at]))
            return found

        def look(partitions: Collection[tuple[str, int]]) -> list[Standing]:
            if not partitions:
                return []
            return runner.run(standings([KafkaPartition(*at) for at in sorted(partitions)]))

        try:
            admin, reader = runner.run(connect())
            yield look
        finally:
            runner.run(connected.aclose())
