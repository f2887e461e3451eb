"""Timelines of the outbox: what the database tells after it was restored has numbers of its own.

A database that goes back to an older state (a backup, a replica that lagged) gives offsets in its
outbox once more, while Kafka still holds what the lost future told under them. So what consumers
compare is a number, `timeline << 39 | offset`. `gemba restored` begins a new timeline in every
partition, at the first offset whose record Kafka does not hold already: what stands below it is the
same on both sides of the restoration, and keeps its number. Every number of a timeline is above all
of those before it, so consumers go on comparing one rising integer.

Timelines are minutes since 2026; a database that was never restored is on timeline 0. Two
restorations within the same minute, with services at work between them, are not told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, Self

from store.database import Connection
from store.log.embedded import TopicPartition

OFFSET_BITS: Final = 39
"""Offsets of a partition come to 5.5e11; what is left of 63 bits counts minutes until 2057."""
ORIGIN_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
_MINUTE_MS: Final = 60_000


def number_of(timeline: int, offset: int) -> int:
    """What the relay tells of an outbox's offset."""
    return timeline << OFFSET_BITS | offset


def timeline_of(number: int) -> int:
    """The timeline of a number."""
    return number >> OFFSET_BITS


def offset_of(number: int) -> int:
    """The offset in the outbox of a number."""
    return number & ((1 << OFFSET_BITS) - 1)


class Timelines:
    """Which timeline the records of each partition of the outbox belong to.

    Args:
        begins: per partition pairs of timeline and the first offset that belongs to it.
    """

    def __init__(
        self, begins: Mapping[TopicPartition, list[tuple[int, int]]] | None = None
    ) -> None:
        self._begins = {at: sorted(pairs, reverse=True) for at, pairs in (begins or {}).items()}

    @classmethod
    async def load(cls, connection: Connection) -> Self:
        """Those of a database."""
        cursor = await connection.execute(
            "SELECT topic, partition, timeline, begins FROM outbox_timelines"
        )
        begins: defaultdict[TopicPartition, list[tuple[int, int]]] = defaultdict(list)
        for topic, partition, timeline, first in await cursor.fetchall():
            begins[TopicPartition(topic, partition)].append((timeline, first))
        return cls(begins)

    @property
    def newest(self) -> int:
        """The newest timeline of all."""
        return max((pairs[0][0] for pairs in self._begins.values()), default=0)

    def current(self, at: TopicPartition) -> tuple[int, int]:
        """A partition's newest timeline, and the first offset that belongs to it."""
        pairs = self._begins.get(at)
        return pairs[0] if pairs else (0, 0)

    def number(self, at: TopicPartition, offset: int) -> int:
        """What the relay tells of a record."""
        for timeline, first in self._begins.get(at, ()):
            if offset >= first:
                return number_of(timeline, offset)
        return offset

    def wrote(self, at: TopicPartition, number: int) -> bool:
        """Whether a number is of this database's history, and not of a future that it lost."""
        return self.number(at, offset_of(number)) == number


async def begin_timeline(
    connection: Connection, begins: Mapping[TopicPartition, int], *, now_ms: int
) -> int:
    """Begin a new timeline in partitions of the outbox, within a transaction; answers its number.

    Args:
        connection: in a transaction that has locked the partitions' heads.
        begins: the first offset of each partition that belongs to it.
        now_ms: now.
    """
    newest = (await Timelines.load(connection)).newest
    timeline = max((now_ms - ORIGIN_MS) // _MINUTE_MS, newest + 1)
    await connection.execute(
        """
        INSERT INTO outbox_timelines (topic, partition, timeline, begins)
        SELECT topic, partition, %s, begins
        FROM unnest(%s::text[], %s::integer[], %s::bigint[]) AS t (topic, partition, begins)
        """,
        (
            timeline,
            [at.topic for at in begins],
            [at.partition for at in begins],
            list(begins.values()),
        ),
    )
    return timeline
