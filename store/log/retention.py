"""Keeping the embedded log short: deleting what every group has passed, in small steps.

30,000 samples a second write about 9 MB/s, so what has done its duty goes early. What a known group
has not committed is never deleted, whatever its age or size: `Trimmed.blocked` says so aloud, for
the service's health. A group that will not come back is forgotten with `forget_group`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from store.database import Pool

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 30.0

DELETE_RECORDS: Final = 1_000
"""Rows of one delete: small, so that it is soon done with the disk."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long records are kept.

    Attributes:
        keep_minutes: what all groups have passed is kept so long, to be looked at or read again.
        keep_bytes: per partition; beyond it what all groups have passed goes at any age.
        unread_minutes: records of a topic that no group has ever read are kept so long.
    """

    keep_minutes: float = 10.0
    keep_bytes: int = 512 * 1024**2
    unread_minutes: float = 24 * 60.0


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """A group holds back records that retention would let go."""

    consumer_group: str
    topic: str
    partition: int
    records: int
    """How far the group is behind the partition's head."""


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """What one round did."""

    records: int
    blocked: tuple[Blocked, ...]


# Per partition: the group that is furthest back and what it has committed, and the offsets below
# which retention lets go by age (`aged`) and by size (`large`).
# An age is found by walking the primary key from the tail, which rounds keep short.
_LIMITS = """
SELECT p.topic, p.partition, p.tail, p.head, c.consumer_group, c."offset",
    coalesce((
        SELECT r."offset" FROM log_records r
        WHERE r.topic = p.topic AND r.partition = p.partition AND r."offset" >= p.tail
            AND r.timestamp_ms > (extract(epoch FROM now()) * 1000)::bigint
                - (CASE WHEN c.consumer_group IS NULL THEN %(unread_ms)s ELSE %(keep_ms)s END)
        ORDER BY r."offset" LIMIT 1
    ), p.head) AS aged,
    coalesce((
        SELECT max(s."offset") + 1 FROM (
            SELECT r."offset", sum(coalesce(octet_length(r.value), 0)) OVER (
                ORDER BY r."offset" DESC) AS bytes
            FROM log_records r
            WHERE r.topic = p.topic AND r.partition = p.partition AND r."offset" >= p.tail
        ) s WHERE s.bytes > %(keep_bytes)s
    ), 0) AS large
FROM log_partitions p
LEFT JOIN LATERAL (
    SELECT consumer_group, "offset" FROM log_commits c
    WHERE c.topic = p.topic AND c.partition = p.partition
    ORDER BY "offset", consumer_group LIMIT 1
) c ON true
WHERE p.tail < p.head
ORDER BY p.topic, p.partition
"""

# The tail moves first, so no reader is sent to records that are gone; and in a statement of its
# own, so appenders, who want the same row, do not wait for the delete. What an interrupted round
# left below the tail goes with the next one.
_TAIL = """
UPDATE log_partitions p SET tail = %(below)s
WHERE p.topic = %(topic)s AND p.partition = %(partition)s
    AND p.tail < %(below)s AND p.head >= %(below)s
    AND NOT EXISTS (
        SELECT FROM log_commits c
        WHERE c.topic = p.topic AND c.partition = p.partition AND c."offset" < %(below)s
    )
"""
_DELETE = """
DELETE FROM log_records
WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" < (
    SELECT least(tail, %(below)s) FROM log_partitions
    WHERE topic = %(topic)s AND partition = %(partition)s
)
"""


async def trim(pool: Pool, retention: Retention, *, max_deletes: int = 200) -> Trimmed:
    """Delete what retention lets go, and say what a group holds back.

    Args:
        pool: the database of the log.
        retention: how long records are kept.
        max_deletes: a round ends after so many deletes of DELETE_RECORDS; the next goes on.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _LIMITS,
            {
                "keep_ms": int(retention.keep_minutes * 60_000),
                "unread_ms": int(retention.unread_minutes * 60_000),
                "keep_bytes": retention.keep_bytes,
            },
        )
        rows = await cursor.fetchall()
    deleted = 0
    blocked: list[Blocked] = []
    for topic, partition, tail, head, group, committed, aged, large in rows:
        free = max(aged, large)
        below = free if committed is None else min(free, committed)
        if committed is not None and committed < free:
            blocked.append(
                Blocked(
                    consumer_group=group, topic=topic, partition=partition, records=head - committed
                )
            )
        for step in range(tail, below, DELETE_RECORDS):
            if max_deletes > 0:
                max_deletes -= 1
                until = min(step + DELETE_RECORDS, below)
                deleted += await _delete(pool, topic, partition, until)
    return Trimmed(records=deleted, blocked=tuple(blocked))


async def _delete(pool: Pool, topic: str, partition: int, below: int) -> int:
    arguments = {"topic": topic, "partition": partition, "below": below}
    async with pool.connection() as connection:
        await connection.execute(_TAIL, arguments)
        cursor = await connection.execute(_DELETE, arguments)
        return cursor.rowcount


async def keep_trimmed(
    pool: Pool,
    retention: Retention,
    *,
    interval_s: float = INTERVAL_S,
    on_round: Callable[[Trimmed], None] = lambda _: None,
) -> None:
    """Trim again and again until cancelled; a database that is away is tried again.

    Args:
        pool: the database of the log.
        retention: how long records are kept.
        interval_s: between two rounds.
        on_round: is told of each round, so that the service can say who holds records back.
    """
    told: set[tuple[str, str, int]] = set()
    while True:
        try:
            trimmed = await trim(pool, retention)
            told = _tell(trimmed.blocked, told)
            on_round(trimmed)
        except (psycopg.OperationalError, PoolTimeout) as error:
            logger.warning("the log cannot be trimmed now: %s", error)
        await asyncio.sleep(interval_s)


def _tell(
    blocked: tuple[Blocked, ...], told: set[tuple[str, str, int]]
) -> set[tuple[str, str, int]]:
    """Warn of who has begun to hold records back; returns who does so now."""
    now = {(block.consumer_group, block.topic, block.partition) for block in blocked}
    for block in blocked:
        if (block.consumer_group, block.topic, block.partition) not in told:
            logger.warning(
                "group %s is %d records behind in %s/%d: nothing beyond that is trimmed",
                block.consumer_group,
                block.records,
                block.topic,
                block.partition,
            )
    return now


async def forget_group(pool: Pool, group: str) -> int:
    """Let a group go that will not come back; returns from how many partitions.

    If it does come back it begins with the oldest records that are kept.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "DELETE FROM log_commits WHERE consumer_group = %s", (group,)
        )
        return cursor.rowcount
