"""The stream log on Apache Kafka: an idempotent producer with acks from all replicas in sync."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from store.database import Connection
from store.log import MAX_VALUE_BYTES, LogError, NewRecord, RecordTooLargeError, UnknownTopicError

_TOPIC_ALREADY_EXISTS: Final = 36
_CREATE_TIMEOUT_MS: Final = 30_000
_BROKER_DEFAULT: Final = -1


def bootstrap_servers(stream_url: str) -> list[str]:
    """`kafka://a:9092;b:9092` as `["a:9092", "b:9092"]`.

    Raises:
        LogError: it names no server.
    """
    parts = (part.removeprefix("kafka://").strip("/") for part in stream_url.split(";"))
    servers = [part for part in parts if part]
    if not servers or urlsplit(stream_url).scheme != "kafka":
        raise LogError(f"stream URL {stream_url!r}: must be kafka://host:port[;host:port…]")
    return servers


class KafkaLog:
    """Implements `store.log.StreamLog`; records are appended through one idempotent producer."""

    def __init__(self, stream_url: str) -> None:
        self._servers = bootstrap_servers(stream_url)
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Start the producer.

        Raises:
            aiokafka.errors.KafkaConnectionError: no server answers.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_VALUE_BYTES,
        )
        await producer.start()
        self._producer = producer

    async def close(self) -> None:
        """Flush and stop the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

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

    async def create_topics(self, topics: Iterable[str], partitions: int) -> None:
        """See `StreamLog.create_topics`; the replication factor is the broker's default."""
        names = sorted(set(topics))
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            answer = await admin.create_topics(
                [NewTopic(name, partitions, _BROKER_DEFAULT) for name in names],
                timeout_ms=_CREATE_TIMEOUT_MS,
            )
            for name, code, *_ in answer.topic_errors:
                if code not in (0, _TOPIC_ALREADY_EXISTS):
                    raise LogError(f"topic {name} could not be created: {for_code(code).__name__}")
        finally:
            await admin.close()
        for name in names:
            found = await self._opened().partitions_for(name)
            if len(found) != partitions:
                raise LogError(f"topic {name} has {len(found)} partitions, not {partitions}")

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See `StreamLog.append`."""
        producer = self._opened()
        for record in records:
            if record.size > MAX_VALUE_BYTES:
                raise RecordTooLargeError(record.topic, record.size)
        for topic, partition in sorted({(record.topic, record.partition) for record in records}):
            if partition not in await producer.partitions_for(topic):
                raise UnknownTopicError([(topic, partition)])
        sent = [
            await producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
            for record in records
        ]
        return [(await future).offset for future in sent]

    async def append_in(self, connection: Connection, records: Sequence[NewRecord]) -> list[int]:
        """Refused: Kafka cannot join a database's transaction (an outbox stands between them).

        Raises:
            LogError: always.
        """
        raise LogError(
            f"{len(records)} records cannot join the transaction of {connection!r}: "
            "the log is Kafka; write them to the outbox"
        )

    def _opened(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise LogError("the log is not open")
        return self._producer
