"""Effects exactly once: the fenced transaction of one batch of one partition.

Everything that a batch does, outgoing events included, happens in one PostgreSQL transaction that
also moves the partition's offset. Whoever takes a partition over raises its epoch first; from then
on the transactions of the worker that lost it fail.

On Kafka what the relay sends may come twice under different offsets. So next to the offset stands
the highest number in the outbox whose effects are made (`store.log.outbox` says why that is
enough), and both move in the same transaction.

A database may go back to an older state, under a worker or while nobody is at work. So a
transaction begins where the worker believes that the partition stands, or is fenced; and a number
that the database's own outbox has not given yet, or has given to another record, stops everybody
(`store.log.identity.BehindError`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from store.database import Connection, Pool
from store.log import identity
from store.log.timelines import OFFSET_BITS, offset_of, timeline_of


class FencedError(Exception):
    """Somebody else has taken the partition over; this worker must not write for it any more."""

    def __init__(self, position: Position) -> None:
        super().__init__(
            f"{position.topic}[{position.partition}] of group {position.group!r} was taken over by"
            f" a newer worker (this one holds epoch {position.epoch}), or its database went back"
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


class Step(NamedTuple):
    """What a transaction does to a partition: what was done before it, and what is done after."""

    before: Done
    after: Done
    proof: bytes | None = None
    """SHA-256 of the value under the number `after.relayed`, where the step goes to a new one."""


# What is returned besides: the number that the partition's outbox gives next; whether the outbox
# holds something else under the number that the step goes to; and whether somebody has found out
# that the database is older than its stream. From where it went back on, every number of the
# timeline is another record's, so the last one of a batch tells of all.
_STEP: Final = """
UPDATE effect_offsets e SET "offset" = n.done, relayed = n.relayed
FROM unnest(%s::text[], %s::text[], %s::integer[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bytea[])
    AS n (consumer_group, topic, partition, epoch, before, done, relayed, line, place, proof)
WHERE e.consumer_group = n.consumer_group AND e.topic = n.topic
    AND e.partition = n.partition AND e.epoch = n.epoch AND e."offset" = n.before
RETURNING e.topic, e.partition,
    coalesce((
        SELECT (coalesce(max(t.timeline), 0)::bigint << %s) + max(p.head)
        FROM log_partitions p LEFT JOIN outbox_timelines t USING (topic, partition)
        WHERE p.topic = e.topic AND p.partition = e.partition
    ), 0),
    EXISTS (
        SELECT FROM log_records r
        WHERE r.topic = e.topic AND r.partition = e.partition AND r."offset" = n.place
            AND sha256(coalesce(r.value, '')) <> n.proof
            AND n.line = coalesce((
                SELECT max(t.timeline) FROM outbox_timelines t
                WHERE t.topic = e.topic AND t.partition = e.partition AND t.begins <= n.place
            ), 0)
    ),
    EXISTS (SELECT FROM stream_identity WHERE phase = 'behind')
"""


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


async def stands_at(connection: Connection, position: Position, *, at_least: Done) -> Done:
    """What is done, for whoever does not know whether its last transaction was committed.

    Args:
        connection: of the database.
        position: whose.
        at_least: what is known to have been committed.

    Raises:
        FencedError: the partition belongs to a newer epoch, or the database went back.
    """
    cursor = await connection.execute(
        """
        SELECT "offset", relayed FROM effect_offsets
        WHERE consumer_group = %s AND topic = %s AND partition = %s AND epoch = %s
        """,
        (position.group, position.topic, position.partition, position.epoch),
    )
    row = await cursor.fetchone()
    if row is None or row[0] < at_least.offset:
        raise FencedError(position)
    return Done(row[0], row[1])


@asynccontextmanager
async def transaction(pool: Pool, steps: Mapping[Position, Step]) -> AsyncIterator[Connection]:
    """A transaction that holds everything up to what is then done, or nothing.

    Raises:
        FencedError: at entry, when one of the partitions belongs to a newer epoch, or does not
            stand where the step begins.
        BehindError: at entry, when a step goes to what the database's outbox has not told.
    """
    async with pool.connection() as connection:
        try:
            async with connection.transaction():
                await _step(connection, steps)
                yield connection
        except identity.BehindError:
            # So that nobody goes on once the outbox has grown to the numbers that were met.
            await identity.fall_behind(connection)
            raise


async def _step(connection: Connection, steps: Mapping[Position, Step]) -> None:
    cursor = await connection.execute(
        _STEP,
        (
            [one.group for one in steps],
            [one.topic for one in steps],
            [one.partition for one in steps],
            [one.epoch for one in steps],
            [step.before.offset for step in steps.values()],
            [step.after.offset for step in steps.values()],
            [step.after.relayed for step in steps.values()],
            [timeline_of(step.after.relayed) for step in steps.values()],
            [offset_of(step.after.relayed) for step in steps.values()],
            [step.proof for step in steps.values()],
            OFFSET_BITS,
        ),
    )
    held = {(row[0], row[1]): row[2:] for row in await cursor.fetchall()}
    for position, (before, after, _) in steps.items():
        at = (position.topic, position.partition)
        if at not in held:
            raise FencedError(position)
        next_number, differs, behind = held[at]
        if behind:
            raise identity.BehindError
        unknown = after.relayed > before.relayed and after.relayed >= next_number
        if unknown or differs:
            raise identity.BehindError(
                f"{at[0]}[{at[1]}] holds the outbox's record {after.relayed}, which is none of this"
                f" database's (its next one is {next_number})"
            )
