"""The stream log as the services that are not Faust see it: topics, partitions, appending.

Two implementations of one port: the embedded log in PostgreSQL (`store.log.embedded`), and Apache
Kafka (`store.log.kafka`), where what joins a transaction goes by an outbox (`store.log.outbox`).
`build_log` chooses by the stream's URL. Reading is the business of the stream engine (`streams`).

Use::

    log = build_log(settings.stream_url, pool)
    async with log:
        await log.create_topics(TOPICS, PARTITIONS)
        offsets = await log.append([NewRecord(TELEMETRY, 3, b"key", b"value")])

    async with pool.connection() as connection, connection.transaction():
        ...                                            # the rows that the events tell of
        await log.append_in(connection, records)       # last: it locks the partitions' heads
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import msgspec

from contracts.streams import MAX_VALUE_BYTES
from store.database import Connection, Pool

Headers: TypeAlias = tuple[tuple[str, bytes], ...]

__all__ = [
    "MAX_VALUE_BYTES",
    "Headers",
    "LogAwayError",
    "LogError",
    "NewRecord",
    "Record",
    "RecordTooLargeError",
    "StreamLog",
    "UnknownTopicError",
    "build_log",
]


class NewRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to append. The backend gives it an offset and a time.

    Attributes:
        topic: one that `create_topics` has made.
        partition: chosen by the writer, see `contracts.topics.partition_of`.
        key: what the record is about; it does not choose the partition.
        value: the content; None is Kafka's tombstone.
        headers: CloudEvents attributes and the like.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it stands in the log. Offsets of a partition start at 0 and rise.

    In the embedded log they have no holes; Kafka leaves some (compaction).
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class LogError(Exception):
    """The log refused what was asked of it."""


class LogAwayError(LogError):
    """The log's backend does not answer, or not in time: what was asked may be tried again."""


class UnknownTopicError(LogError):
    """A record names a topic or a partition that was never created."""

    def __init__(self, partitions: Sequence[tuple[str, int]]) -> None:
        names = ", ".join(f"{topic}/{partition}" for topic, partition in partitions)
        super().__init__(f"no such partition: {names}; maybe create_topics was not called")
        self.partitions = tuple(partitions)


class RecordTooLargeError(LogError):
    """A record is larger than MAX_VALUE_BYTES."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(
            f"a record of {size} bytes for {topic}: at most {MAX_VALUE_BYTES} are taken"
        )
        self.topic = topic
        self.size = size


class StreamLog(Protocol):
    """Where records are appended. Open it (`async with`, or `open` and `close`) before use."""

    async def open(self) -> None:
        """Connect, where the backend needs a connection of its own."""
        ...

    async def close(self) -> None:
        """Let go of what `open` took; nothing that `append` returned for is lost."""
        ...

    async def create_topics(self, topics: Iterable[str], partitions: int) -> None:
        """Make the topics that do not exist yet. Safe to repeat and to race.

        Raises:
            LogError: a topic exists with another number of partitions; or the database's effects
                are those of another log (`store.log.identity.StreamIdentityError`).
            LogAwayError: Kafka does not answer.
        """
        ...

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """Append durably, in a transaction of its own: all of the records or none.

        (On Kafka each record stands for itself: after an error some may have been appended.)

        Returns:
            The offset of each record, in the order given; a partition keeps its records' order.

        Raises:
            UnknownTopicError: a partition does not exist.
            RecordTooLargeError: a record is too large; nothing was appended.
            psycopg.OperationalError, psycopg_pool.PoolTimeout, LogAwayError: the backend is away;
                appending again is safe where readers drop repeats.
        """
        ...

    async def append_in(self, connection: Connection, records: Sequence[NewRecord]) -> list[int]:
        """Append within the caller's transaction (on Kafka: to the outbox).

        Call it once and last in the transaction: it locks the heads of the partitions, in sorted
        order, until the transaction ends, and everyone else who appends there waits for that.

        Returns:
            The offset of each record, in the order given (on Kafka: in the outbox); void when the
            transaction rolls back.

        Raises:
            LogError: as in `append`.
        """
        ...

    async def __aenter__(self) -> Self:
        """Open."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        ...


def build_log(stream_url: str, pool: Pool | None) -> StreamLog:
    """The log that a stream URL means, not yet opened.

    Args:
        stream_url: `embedded://`, or Kafka's (`store.log.kafka_address`).
        pool: an open pool on the database. On Kafka it may be None: then nothing can be appended
            within a transaction.

    Raises:
        LogError: the scheme is neither; or the embedded log has no pool.
    """
    scheme = urlsplit(stream_url).scheme
    if scheme == "embedded":
        from store.log.embedded import EmbeddedLog  # noqa: PLC0415 - it imports this port

        if pool is None:
            raise LogError("the embedded log is in the database: it needs a pool")
        return EmbeddedLog(pool)
    from store.log.kafka_address import SCHEMES, parse  # noqa: PLC0415 - it imports this port

    if scheme in SCHEMES:
        from store.log.kafka import KafkaLog  # noqa: PLC0415 - only the distributed one has Kafka

        return KafkaLog(parse(stream_url), pool)
    # The URL itself may hold a password.
    raise LogError(f"stream URL: the scheme must be embedded:// or kafka://, not {scheme}://")
