"""Where a worker begins in its partitions: after what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import psycopg
from aiokafka import AIOKafkaConsumer

from store.log import LogError
from store.log.embedded import TopicPartition
from streams.transport.delivery import at_of

_CONNECT_S: Final = 3
_DONE: Final = """
SELECT w.topic, w.partition, min(coalesce(e."offset", -1))
FROM unnest(%s::text[], %s::text[], %s::integer[]) AS w (consumer_group, topic, partition)
LEFT JOIN effect_offsets e USING (consumer_group, topic, partition)
GROUP BY w.topic, w.partition
"""


class LostRecordsError(LogError):
    """A partition of Kafka ends before what the database has made of it.

    New records would get offsets that count as done, and be skipped.
    """

    def __init__(self, at: TopicPartition, *, done: int, end: int) -> None:
        super().__init__(
            f"{at.topic}/{at.partition} ends at offset {end}, but the database has made the effects"
            f" up to {done}: Kafka has lost records, or the topic was made anew. Nothing is read,"
            " for new records would be skipped in silence: stop all services, run `gemba restored"
            " --stream-anew`, which says what is lost with it, and start them again"
        )
        self.at = at


async def effects_done(
    database_url: str,
    effects: Mapping[str, Collection[str]],
    partitions: Iterable[TopicPartition],
) -> dict[TopicPartition, int]:
    """The offset of the last record whose effects all groups have made, -1 for none.

    Args:
        database_url: where `effect_offsets` is.
        effects: the groups that make effects of each topic, in the database.
        partitions: which are asked for; those of topics without effects are left out.

    Raises:
        psycopg.Error: the database is away.
    """
    wanted = [
        (group, at.topic, at.partition) for at in partitions for group in effects.get(at.topic, ())
    ]
    if not wanted:
        return {}
    connection = await psycopg.AsyncConnection.connect(
        database_url,
        autocommit=True,
        connect_timeout=_CONNECT_S,
        application_name="gemba-positions",
    )
    async with connection:
        cursor = await connection.execute(_DONE, tuple(map(list, zip(*wanted, strict=True))))
        rows = await cursor.fetchall()
    return {TopicPartition(row[0], row[1]): row[2] for row in rows}


async def start_positions(
    kafka: AIOKafkaConsumer, partitions: Collection[Any], done: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The first offset to consume of each partition.

    Args:
        kafka: the group's member.
        partitions: aiokafka's partitions, assigned to it.
        done: see `effects_done`.

    Raises:
        LostRecordsError: Kafka holds less than what was done.
        aiokafka.errors.KafkaError: Kafka is away.
    """
    if not partitions:
        return {}
    ordered = list(partitions)
    begins = await kafka.beginning_offsets(ordered)
    ends = await kafka.end_offsets(ordered)
    committed = await asyncio.gather(*(kafka.committed(partition) for partition in ordered))
    positions = {}
    for partition, offset in zip(ordered, committed, strict=True):
        at = at_of(partition)
        begin, end = begins[partition], ends[partition]
        position = begin if offset is None else offset
        if at in done:
            if done[at] >= end:
                raise LostRecordsError(at, done=done[at], end=end)
            position = min(position, done[at] + 1)
        positions[at] = min(max(position, begin), end)
    return positions
