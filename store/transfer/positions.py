"""Where everybody stands in the stream, said anew for another stream.

On Kafka the embedded log's tables are the outbox (ADR 10). What the source's worker has not
acknowledged is carried over as records that the relay still has to tell, under their offsets; and
how far each group's effects had come is carried over as the highest outbox offset whose effects
are made. So the record that a group had done and another one had not is told again, and the first
group skips it. Nothing has to be drained first, and nothing is done twice.
"""

from __future__ import annotations

from typing import Final

import msgspec
from psycopg import sql

from store.database import Connection

_WORKER: Final = "gemba-streams"
"""The group whose acknowledgements say that all agents are done with a record."""

_RECORDS_OUT: Final = """
COPY (
    SELECT r.topic, r.partition, r."offset", r.timestamp_ms, r.key, r.value, r.headers
    FROM log_records r JOIN log_partitions p USING (topic, partition)
    LEFT JOIN log_commits c ON c.topic = r.topic AND c.partition = r.partition
        AND c.consumer_group = 'gemba-streams'
    WHERE r."offset" >= greatest(p.tail, coalesce(c."offset", p.tail))
) TO STDOUT (FORMAT BINARY)
"""
_RECORDS_IN: Final = """
COPY log_records (topic, partition, "offset", timestamp_ms, key, value, headers)
FROM STDIN (FORMAT BINARY)
"""


class Carried(msgspec.Struct, frozen=True):
    """What the new stream still has to be told."""

    records: int


async def carry_positions(source: Connection, target: Connection, *, relay_group: str) -> Carried:
    """Carry untold records and everybody's place; within both sides' transactions."""
    cursor = await source.execute(
        """
        SELECT p.topic, p.partition, p.head, greatest(p.tail, coalesce(c."offset", p.tail))
        FROM log_partitions p LEFT JOIN log_commits c
            ON c.topic = p.topic AND c.partition = p.partition AND c.consumer_group = %s
        ORDER BY p.topic, p.partition
        """,
        (_WORKER,),
    )
    partitions = await cursor.fetchall()
    for table in ("log_records", "log_commits", "log_partitions", "effect_offsets"):
        await target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    async with target.cursor() as writing:
        await writing.executemany(
            "INSERT INTO log_partitions (topic, partition, head, tail) VALUES (%s, %s, %s, %s)",
            partitions,
        )
        await writing.executemany(
            'INSERT INTO log_commits (consumer_group, topic, partition, "offset")'
            " VALUES (%s, %s, %s, %s)",
            [(relay_group, topic, partition, wanted) for topic, partition, _, wanted in partitions],
        )
    async with (
        source.cursor() as reading,
        target.cursor() as writing,
        reading.copy(_RECORDS_OUT) as rows,
        writing.copy(_RECORDS_IN) as copy,
    ):
        async for block in rows:
            await copy.write(block)
    cursor = await source.execute(
        'SELECT consumer_group, topic, partition, "offset", epoch + 1 FROM effect_offsets'
    )
    done = await cursor.fetchall()
    async with target.cursor() as writing:
        await writing.executemany(
            "INSERT INTO effect_offsets"
            ' (consumer_group, topic, partition, relayed, epoch, "offset")'
            " VALUES (%s, %s, %s, %s, %s, -1)",
            done,
        )
    return Carried(sum(head - wanted for _, _, head, wanted in partitions))
