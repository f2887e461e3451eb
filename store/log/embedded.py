"""The stream log in PostgreSQL (tables of migration 0002): appending, reading, committing.

Offsets are taken under the row lock of the partition's head, which is held until the transaction
commits. So commit order is read order, a partition has no holes, and a reader that has seen an
offset has seen all below it. Every append says NOTIFY on CHANNEL with the topic's name, which
reaches listeners when the transaction commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import TracebackType
from typing import Final, Self

import msgspec

from store.database import Connection, Pool
from store.log import (
    MAX_VALUE_BYTES,
    Headers,
    LogError,
    NewRecord,
    Record,
    RecordTooLargeError,
    UnknownTopicError,
)
from store.log import identity as stream_identity

CHANNEL: Final = "gemba_log"
"""NOTIFY channel; the payload is the topic that was appended to."""

STATEMENT_BYTES: Final = 400_000
STATEMENT_RECORDS: Final = 5_000
RECORD_OVERHEAD_BYTES: Final = 32
"""What a record adds to a statement besides its own bytes."""

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode

# The heads are locked in sorted order, whatever way the planner chooses to update them. An UPDATE
# sees the newest committed head even if it waited for it (read committed). When a partition is
# missing nothing is done, so the statement needs no transaction around it.
_APPEND = """
WITH part AS MATERIALIZED (
    SELECT * FROM unnest(%(topics)b::text[], %(partitions)b::int[], %(counts)b::bigint[])
        WITH ORDINALITY AS t (topic, partition, n, part)
), locked AS MATERIALIZED (
    SELECT p.topic, p.partition FROM log_partitions p JOIN part USING (topic, partition)
    ORDER BY p.topic, p.partition FOR NO KEY UPDATE OF p
), moved AS (
    UPDATE log_partitions p SET head = p.head + part.n
    FROM locked JOIN part USING (topic, partition)
    WHERE p.topic = locked.topic AND p.partition = locked.partition
        AND (SELECT count(*) FROM locked) = (SELECT count(*) FROM part)
    RETURNING part.part, p.topic, p.partition, p.head - part.n AS first
), stored AS (
    INSERT INTO log_records (topic, partition, "offset", timestamp_ms, key, value, headers)
    SELECT m.topic, m.partition, m.first + r.place,
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint, r.key, r.value, r.headers
    FROM unnest(%(parts)b::bigint[], %(places)b::bigint[],
                %(keys)b::bytea[], %(values)b::bytea[], %(headers)b::bytea[])
        AS r (part, place, key, value, headers)
    JOIN moved m USING (part)
)
SELECT part.part, moved.first,
    CASE WHEN moved.first IS NOT NULL THEN pg_notify('gemba_log', topic)::text END
FROM part JOIN locked USING (topic, partition) LEFT JOIN moved USING (part, topic, partition)
"""

_CREATE = """
INSERT INTO log_partitions (topic, partition)
SELECT topic, partition FROM unnest(%s::text[]) AS topic, generate_series(0, %s - 1) AS partition
ORDER BY topic, partition
ON CONFLICT DO NOTHING
"""

# octet_length of a value that is stored apart reads its length only.
_READ = """
SELECT w.topic, w.partition, r."offset", r.timestamp_ms, r.key, r.value, r.headers
FROM unnest(%b::text[], %b::int[], %b::bigint[])
    WITH ORDINALITY AS w (topic, partition, position, place)
CROSS JOIN LATERAL (
    SELECT l.*, sum(coalesce(octet_length(l.value), 0)) OVER (ORDER BY l."offset") AS bytes
    FROM (
        SELECT * FROM log_records l
        WHERE l.topic = w.topic AND l.partition = w.partition AND l."offset" >= w.position
        ORDER BY l."offset" LIMIT %b
    ) AS l
) AS r
WHERE r.bytes - coalesce(octet_length(r.value), 0) < %b
ORDER BY w.place, r."offset"
"""

# Never backwards: a worker that lost its lease may say late what another one has passed.
_COMMIT = """
INSERT INTO log_commits (consumer_group, topic, partition, "offset")
SELECT %s, topic, partition, "offset"
FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS t (topic, partition, "offset")
ORDER BY topic, partition
ON CONFLICT (consumer_group, topic, partition) DO UPDATE
SET "offset" = excluded."offset", committed_at = now()
WHERE log_commits."offset" < excluded."offset"
"""

# A group that is new to a partition begins with the oldest record that is kept.
_REGISTER = """
INSERT INTO log_commits (consumer_group, topic, partition, "offset")
SELECT %s, topic, partition, tail FROM log_partitions WHERE topic = ANY (%s)
ORDER BY topic, partition
ON CONFLICT DO NOTHING
"""


class TopicPartition(msgspec.Struct, frozen=True, order=True):
    """One partition of one topic."""

    topic: str
    partition: int


class Extent(msgspec.Struct, frozen=True):
    """What a partition holds: the oldest kept offset, and the one that the next record gets."""

    tail: int
    head: int


class EmbeddedLog:
    """The log over a pool that the caller opens and closes. Implements `store.log.StreamLog`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self) -> None:
        """Nothing: the pool is the caller's."""

    async def close(self) -> None:
        """Nothing: the pool is the caller's."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # Writing

    async def create_topics(self, topics: Iterable[str], partitions: int) -> None:
        """See `StreamLog.create_topics`."""
        await stream_identity.claim(self._pool, stream_identity.EMBEDDED)
        await self.create_partitions(topics, partitions)

    async def create_partitions(self, topics: Iterable[str], partitions: int) -> None:
        """Make the partitions that do not exist yet, whatever stream the database belongs to.

        Raises:
            LogError: a topic exists with another number of partitions.
        """
        names = sorted(set(topics))
        async with self._pool.connection() as connection:
            await connection.execute(_CREATE, (names, partitions))
            cursor = await connection.execute(
                "SELECT topic, count(*) FROM log_partitions WHERE topic = ANY (%s)"
                " GROUP BY topic HAVING count(*) <> %s",
                (names, partitions),
            )
            wrong = await cursor.fetchone()
        if wrong is not None:
            raise LogError(f"topic {wrong[0]} has {wrong[1]} partitions, not {partitions}")

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See `StreamLog.append`."""
        if not records:
            return []
        chunks = self._cut(records)
        async with self._pool.connection() as connection:
            if len(chunks) == 1:  # one statement is a transaction
                return await self._append_chunks(connection, chunks, records)
            async with connection.transaction():
                return await self._append_chunks(connection, chunks, records)

    async def append_in(self, connection: Connection, records: Sequence[NewRecord]) -> list[int]:
        """See `StreamLog.append_in`."""
        return await self._append_chunks(connection, self._cut(records), records)

    def _cut(self, records: Sequence[NewRecord]) -> list[list[int]]:
        """Indices of the records, sorted by partition and cut into statements."""
        for record in records:
            if record.size > MAX_VALUE_BYTES:
                raise RecordTooLargeError(record.topic, record.size)
        # Sorting is stable: records of one partition keep their order, also across statements.
        order = sorted(range(len(records)), key=lambda i: (records[i].topic, records[i].partition))
        return list(_chunks(order, records))

    async def _append_chunks(
        self, connection: Connection, chunks: list[list[int]], records: Sequence[NewRecord]
    ) -> list[int]:
        offsets = [0] * len(records)
        for chunk in chunks:
            await _append_chunk(connection, chunk, records, offsets)
        return offsets

    # Reading and committing: for the stream engine

    async def extents(self, topics: Iterable[str]) -> dict[TopicPartition, Extent]:
        """The partitions that exist of some topics, and what they hold."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT topic, partition, tail, head FROM log_partitions WHERE topic = ANY (%s)",
                (list(topics),),
            )
            rows = await cursor.fetchall()
        return {TopicPartition(row[0], row[1]): Extent(row[2], row[3]) for row in rows}

    async def read_many(
        self,
        positions: Mapping[TopicPartition, int],
        *,
        limit_records: int,
        limit_bytes: int,
    ) -> list[Record]:
        """Records from a position on, per partition in order of offset.

        Args:
            positions: from which offset on, per partition.
            limit_records: at most so many per partition.
            limit_bytes: and no further one once a partition's values have come to so many bytes.
        """
        arguments = (
            [at.topic for at in positions],
            [at.partition for at in positions],
            list(positions.values()),
            limit_records,
            limit_bytes,
        )
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_READ, arguments)
            rows = await cursor.fetchall()
        return [
            Record(row[0], row[1], row[2], row[3], row[4], row[5], _headers(row[6])) for row in rows
        ]

    async def read(
        self, topic: str, partition: int, offset: int, *, limit_records: int, limit_bytes: int
    ) -> list[Record]:
        """`read_many` of one partition."""
        return await self.read_many(
            {TopicPartition(topic, partition): offset},
            limit_records=limit_records,
            limit_bytes=limit_bytes,
        )

    async def register(self, group: str, topics: Iterable[str]) -> None:
        """Make a group known, so that nothing that it has not yet committed is trimmed."""
        async with self._pool.connection() as connection:
            await connection.execute(_REGISTER, (group, list(topics)))

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Note the next offset that a group wants; what lies behind the noted one is ignored."""
        if not offsets:
            return
        async with self._pool.connection() as connection:
            await connection.execute(
                _COMMIT,
                (
                    group,
                    [at.topic for at in offsets],
                    [at.partition for at in offsets],
                    list(offsets.values()),
                ),
            )

    async def committed(self, group: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
        """The next offset that a group wants, for the partitions where it is known."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                'SELECT topic, partition, "offset" FROM log_commits'
                " WHERE consumer_group = %s AND topic = ANY (%s)",
                (group, list(topics)),
            )
            rows = await cursor.fetchall()
        return {TopicPartition(row[0], row[1]): row[2] for row in rows}


def _headers(packed: bytes | None) -> Headers:
    return () if packed is None else _decode_headers(packed)


def _chunks(order: Sequence[int], records: Sequence[NewRecord]) -> Iterator[list[int]]:
    """Cut indices of records so that no statement grows beyond what the server likes."""
    chunk: list[int] = []
    size = 0
    for index in order:
        added = records[index].size + RECORD_OVERHEAD_BYTES
        if chunk and (size + added > STATEMENT_BYTES or len(chunk) == STATEMENT_RECORDS):
            yield chunk
            chunk, size = [], 0
        chunk.append(index)
        size += added
    if chunk:
        yield chunk


async def _append_chunk(
    connection: Connection,
    chunk: Sequence[int],
    records: Sequence[NewRecord],
    offsets: list[int],
) -> None:
    """Append the records of the sorted indices in `chunk`, and fill in their offsets."""
    grouped = groupby(chunk, key=lambda i: (records[i].topic, records[i].partition))
    parts = [(at, list(indices)) for at, indices in grouped]
    cursor = await connection.execute(
        _APPEND,
        {
            "topics": [topic for (topic, _), _ in parts],
            "partitions": [partition for (_, partition), _ in parts],
            "counts": [len(indices) for _, indices in parts],
            "parts": [part for part, (_, indices) in enumerate(parts, 1) for _ in indices],
            "places": [place for _, indices in parts for place in range(len(indices))],
            "keys": [records[i].key for i in chunk],
            "values": [records[i].value for i in chunk],
            "headers": [_encode_headers(h) if (h := records[i].headers) else None for i in chunk],
        },
    )
    first = {row[0]: row[1] for row in await cursor.fetchall()}
    if len(first) < len(parts):
        missing = [at for part, (at, _) in enumerate(parts, 1) if part not in first]
        raise UnknownTopicError(missing)
    for part, (_, indices) in enumerate(parts, 1):
        for place, index in enumerate(indices):
            offsets[index] = first[part] + place
