"""Effects exactly once: the fenced transaction of one batch of one partition.

Everything that a batch does, outgoing events included, happens in one PostgreSQL transaction that
also moves the partition's offset. Whoever takes a partition over raises its epoch first; from then
on the transactions of the worker that lost it fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


async def take_over(
    connection: Connection, group: str, topic: str, partition: int
) -> tuple[Position, int]:
    """Raise the partition's epoch; answers the new position and the offset of the last effects.

    The offset is -1 when nothing was ever done. Records at or below it must be skipped.
    """
    cursor = await connection.execute(
        """
        INSERT INTO effect_offsets AS e (consumer_group, topic, partition, epoch)
        VALUES (%s, %s, %s, 1)
        ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET epoch = e.epoch + 1
        RETURNING epoch, "offset"
        """,
        (group, topic, partition),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return Position(group, topic, partition, row[0]), row[1]


@asynccontextmanager
async def transaction(pool: Pool, position: Position, offset: int) -> AsyncIterator[Connection]:
    """A transaction that holds everything up to `offset`, or nothing.

    Raises:
        FencedError: at entry, when the partition belongs to a newer epoch.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            """
            UPDATE effect_offsets SET "offset" = %s
            WHERE consumer_group = %s AND topic = %s AND partition = %s AND epoch = %s
            """,
            (offset, position.group, position.topic, position.partition, position.epoch),
        )
        if cursor.rowcount != 1:
            raise FencedError(position)
        yield connection
