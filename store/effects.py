"""Effects exactly once: the fenced transaction of one batch of one partition.

Everything that a batch does, outgoing events included, happens in one PostgreSQL transaction that
also moves the partition's offset. Whoever takes a partition over raises its epoch first; from then
on the transactions of the worker that lost it fail.

On Kafka what the relay sends may come twice under different offsets. So next to the offset stands
the highest number in the outbox whose effects are made (`store.log.outbox` says why that is
enough), and both move in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from store.database import Connection, Pool


class FencedError(Exception):
    """Somebody else has taken the partition over; this worker must not write for it any more."""

    def __init__(self, position: Position) -> None:
        super().__init__(
            f"{position.topic}[{position.partition}] of group {position.group!r} was taken over by"
            f" a newer worker (this one holds epoch {position.epoch})"
        )
        self.position = position


class Position(msgspec.Struct, frozen=True):
    """Who consumes which partition, and under which epoch."""

    group: str
    topic: str
    partition: int
    epoch: int


class Done(NamedTuple):
    """Up to where effects are made; -1 where nothing was ever done.

    Attributes:
        offset: records at or below it must be skipped.
        relayed: so must records that the relay sent, when their number in the outbox is at or
            below this.
    """

    offset: int
    relayed: int = -1


async def take_over(
    connection: Connection, group: str, topic: str, partition: int
) -> tuple[Position, Done]:
    """Raise the partition's epoch; answers the new position and what was done."""
    cursor = await connection.execute(
        """
        INSERT INTO effect_offsets AS e (consumer_group, topic, partition, epoch)
        VALUES (%s, %s, %s, 1)
        ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET epoch = e.epoch + 1
        RETURNING epoch, "offset", relayed
        """,
        (group, topic, partition),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return Position(group, topic, partition, row[0]), Done(row[1], row[2])


async def stands_at(connection: Connection, position: Position) -> Done:
    """What is done, for whoever does not know whether its last transaction was committed.

    Raises:
        FencedError: the partition belongs to a newer epoch.
    """
    cursor = await connection.execute(
        """
        SELECT "offset", relayed FROM effect_offsets
        WHERE consumer_group = %s AND topic = %s AND partition = %s AND epoch = %s
        """,
        (position.group, position.topic, position.partition, position.epoch),
    )
    row = await cursor.fetchone()
    if row is None:
        raise FencedError(position)
    return Done(row[0], row[1])


@asynccontextmanager
async def transaction(pool: Pool, done: Mapping[Position, Done]) -> AsyncIterator[Connection]:
    """A transaction that holds everything up to what is then done, or nothing.

    Raises:
        FencedError: at entry, when one of the partitions belongs to a newer epoch.
    """
    positions = list(done)
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            """
            UPDATE effect_offsets e SET "offset" = n.done, relayed = n.relayed
            FROM unnest(%s::text[], %s::text[], %s::integer[],
                        %s::bigint[], %s::bigint[], %s::bigint[])
                AS n (consumer_group, topic, partition, epoch, done, relayed)
            WHERE e.consumer_group = n.consumer_group AND e.topic = n.topic
                AND e.partition = n.partition AND e.epoch = n.epoch
            RETURNING e.topic, e.partition
            """,
            (
                [one.group for one in positions],
                [one.topic for one in positions],
                [one.partition for one in positions],
                [one.epoch for one in positions],
                [one.offset for one in done.values()],
                [one.relayed for one in done.values()],
            ),
        )
        held = {(topic, partition) for topic, partition in await cursor.fetchall()}
        for position in positions:
            if (position.topic, position.partition) not in held:
                raise FencedError(position)
        yield connection
