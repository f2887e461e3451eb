"""Whether Kafka holds what a database's outbox does not know to have told, and from where on.

Up to the moment that it was restored to, a database and what was told before have one history: the
same records under the same offsets. From there on they differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

from store.database import Connection
from store.log.embedded import Extent, TopicPartition
from store.log.kafka_told import Told
from store.log.timelines import Timelines, number_of, offset_of, timeline_of

Fingerprint: TypeAlias = bytes


async def contradiction(
    connection: Connection,
    extents: Mapping[TopicPartition, Extent],
    timelines: Timelines,
    told: Mapping[TopicPartition, Told],
) -> str | None:
    """What Kafka was told last and the outbox does not hold so; None: they agree.

    Args:
        connection: of the database.
        extents: of the outbox, read after what was told.
        timelines: of the outbox.
        told: what Kafka holds of the relay's.
    """
    for at, record in told.items():
        extent = extents.get(at, Extent(0, 0))
        timeline, begins = timelines.current(at)
        offset = offset_of(record.number)
        unknown = record.number >= number_of(timeline, extent.head)
        if not unknown and timeline_of(record.number) == timeline and offset >= begins:
            kept = await fingerprints(connection, at, offset, offset + 1)
            unknown = kept.get(offset, of(record.key, record.value)) != of(record.key, record.value)
        if unknown:
            return (
                f"{at.topic}[{at.partition}] of Kafka ends with the outbox's record"
                f" {record.number}, which is none of this database's"
            )
    return None


class Comparison:
    """A partition of the outbox beside what Kafka holds of it, to find where a timeline begins.

    Args:
        kept: what the outbox keeps, by number.
        current: the partition's newest timeline.
        held_from: numbers below it are in Kafka, and consumers have seen them or will.
        head: the offset that the next record gets.

    Attributes:
        differs: whether Kafka holds other records than the outbox.
    """

    def __init__(
        self, kept: Mapping[int, Fingerprint], *, current: int, held_from: int, head: int
    ) -> None:
        self._kept = dict(kept)
        self._current = current
        self._held_from = held_from
        self._begins = head
        self._overtaken = False
        self.differs = False

    def see(self, record: Told) -> None:
        """Take note of the next record of the relay's in Kafka."""
        # A consumer takes the first record of a number; what comes after it does not matter.
        ours = self._kept.pop(record.number, None)
        if ours is not None and ours != of(record.key, record.value):
            self.differs = True
            self._begins = min(self._begins, offset_of(record.number))
        if timeline_of(record.number) > self._current:
            self._overtaken = True

    @property
    def begins(self) -> int:
        """The first offset that must have a number of the new timeline.

        What is the same on both sides keeps its number, so that consumers know it again: also what
        has not been told yet, unless Kafka has numbers of later timelines already. That is so when
        a database is restored to a state before an earlier restoration.
        """
        untold = (number for number in self._kept if number >= self._held_from)
        first = min(map(offset_of, untold), default=self._begins)
        return min(self._begins, first) if self._overtaken else self._begins


async def compare(
    connection: Connection,
    extents: Mapping[TopicPartition, Extent],
    timelines: Timelines,
    held_from: Mapping[TopicPartition, int],
    told: AsyncIterator[Told],
) -> dict[TopicPartition, Comparison]:
    """Compare what the outbox keeps with what Kafka was told, where it was told anything.

    Args:
        connection: of the database.
        extents: of the outbox.
        timelines: of the outbox.
        held_from: see `Comparison`.
        told: Kafka's records, per partition in order.
    """
    found: dict[TopicPartition, Comparison] = {}
    async for record in told:
        at = record.at
        if at not in found:
            kept = await fingerprints(connection, at, extents[at].tail, extents[at].head)
            found[at] = Comparison(
                {timelines.number(at, offset): print_ for offset, print_ in kept.items()},
                current=timelines.current(at)[0],
                held_from=held_from[at],
                head=extents[at].head,
            )
        found[at].see(record)
    return found


async def fingerprints(
    connection: Connection, at: TopicPartition, first: int, end: int
) -> dict[int, Fingerprint]:
    """What the outbox keeps of a partition from `first` to before `end`."""
    found: dict[int, Fingerprint] = {}
    async with connection.cursor(binary=True) as cursor:
        rows = cursor.stream(
            """
            SELECT "offset", key, value FROM log_records
            WHERE topic = %s AND partition = %s AND "offset" >= %s AND "offset" < %s
            """,
            (at.topic, at.partition, first, end),
            binary=True,
        )
        async for offset, key, value in rows:
            found[offset] = of(key, value)
    return found


def of(key: bytes | None, value: bytes | None) -> Fingerprint:
    """By what two records are told apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (key, value):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.digest()
