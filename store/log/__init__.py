"""The stream log as the services that are not Faust see it: topics, partitions, appending.

Two implementations of one port: the embedded log in PostgreSQL (`store.log.embedded`), which can
join the caller's transaction, and Apache Kafka (`store.log.kafka`), which cannot. `build_log`
chooses by the stream's URL. Reading is the business of the stream engine (`streams.transport`).

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
from typing import Final, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import msgspec

from contracts.streams import MAX_RECORD_BYTES
from store.database import Connection, Pool

Headers: TypeAlias = tuple[tuple[str, bytes], ...]

MAX_VALUE_BYTES: Final = 2 * MAX_RECORD_BYTES
"""A larger record is refused by every backend (and by Kafka's broker at its default of 1 MiB)."""


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
    """A record as it stands in the log. Offsets of a partition start at 0 and have no holes."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class LogError(Exception):
    """The log refused what was asked of it."""


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
            LogError: a topic exists with another number of partitions.
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
            psycopg.OperationalError, psycopg_pool.PoolTimeout, aiokafka.errors.KafkaError: the
                backend is away; appending again is safe where readers drop repeats.
        """
        ...

    async def append_in(self, connection: Connection, records: Sequence[NewRecord]) -> list[int]:
        """Append within the caller's transaction (embedded log only).

        Call it once and last in the transaction: it locks the heads of the partitions, in sorted
        order, until the transaction ends, and everyone else who appends there waits for that.

        Returns:
            The offset of each record, in the order given; void when the transaction rolls back.

        Raises:
            LogError: the backend cannot join a transaction, or as in `append`.
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


def build_log(stream_url: str, pool: Pool) -> StreamLog:
    """The log that a stream URL means, not yet opened.

    Args:
        stream_url: `embedded://`, or `kafka://host:9092[;host:9092…]`.
        pool: an open pool on the database (used by the embedded log only).

    Raises:
        LogError: the scheme is neither.
    """
    scheme = urlsplit(stream_url).scheme
    if scheme == "embedded":
        from store.log.embedded import EmbeddedLog  # noqa: PLC0415 - it imports this port

        return EmbeddedLog(pool)
    if scheme == "kafka":
        from store.log.kafka import KafkaLog  # noqa: PLC0415 - only the distributed one has Kafka

        return KafkaLog(stream_url)
    raise LogError(f"stream URL {stream_url!r}: the scheme must be embedded:// or kafka://")
