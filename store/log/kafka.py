"""The stream log on Apache Kafka: appending through an idempotent producer.

Each partition's records go in batches, the next one only after Kafka has acknowledged the last with
all replicas in sync. So records that are appended in order stand in order, and after an error what
stands in a partition is a beginning of what was to be appended: no hole.

A producer that failed, timed out or was given up in the middle of an append is thrown away: its
sequence numbers may have a hole that Kafka would never accept again. The next append makes a new
one, so a caller needs no more than to try again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from store.database import Connection, Pool
from store.log import (
    MAX_VALUE_BYTES,
    LogAwayError,
    LogError,
    NewRecord,
    RecordTooLargeError,
    UnknownTopicError,
    outbox,
)
from store.log import identity as stream_identity
from store.log.embedded import EmbeddedLog
from store.log.kafka_address import KafkaAddress
from store.log.kafka_topics import prepare_topics

logger = logging.getLogger(__name__)

APPEND_S: Final = 25.0
"""An append that takes longer has failed (aiokafka itself would try for ever)."""
REQUEST_TIMEOUT_MS: Final = 10_000
BATCH_BYTES: Final = 900_000
"""Records of one partition that are sent together; a larger record goes alone."""
METADATA_S: Final = 2.0
"""How long a topic that nobody knows is asked for: one that was just made takes a moment."""
METADATA_PAUSE_S: Final = 0.2
CLOSE_S: Final = 5.0
_RECORD_OVERHEAD_BYTES: Final = 64

_PERMANENT: Final = (TopicAuthorizationFailedError, MessageSizeTooLargeError)
"""What trying again does not mend by itself."""


class KafkaLog:
    """Implements `store.log.StreamLog`.

    Nothing is connected before it is needed: a service that appends only within transactions (to
    the outbox) works on while Kafka is away.

    Args:
        address: the brokers.
        pool: an open pool on the database with the outbox, or None: see `build_log`.
    """

    def __init__(self, address: KafkaAddress, pool: Pool | None) -> None:
        self._address = address
        self._pool = pool
        self._outbox = None if pool is None else EmbeddedLog(pool)
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._queues: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Nothing: the first append connects."""

    async def close(self) -> None:
        """Stop the producer; what `append` returned for is in the log."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._throw_away(producer)
        if self._ending:
            await asyncio.wait(self._ending)

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
        """See `StreamLog.create_topics`; topics that exist get our settings."""
        names = sorted(set(topics))
        cluster_id = await prepare_topics(self._address, names, partitions)
        if self._pool is not None and self._outbox is not None:
            await stream_identity.claim(self._pool, stream_identity.of_kafka(cluster_id))
            await self._outbox.create_partitions(names, partitions)
            # Known before it has ever run: nothing that it has not told is trimmed.
            await self._outbox.register(outbox.GROUP, names)

    # Appending

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        """See `StreamLog.append`."""
        for record in records:
            if record.size > MAX_VALUE_BYTES:
                raise RecordTooLargeError(record.topic, record.size)
        parts: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for index, record in enumerate(records):
            parts[record.topic, record.partition].append(index)
        if not parts:
            return []
        offsets = [0] * len(records)
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(APPEND_S):
                producer = await self._connected()
                await _partitions_exist(producer, sorted(parts))
                await self._append_parts(producer, parts, records, offsets)
        except LogError:
            raise
        except (KafkaError, TimeoutError, OSError) as error:
            self._give_up(producer)
            raise _explained(error, sorted({topic for topic, _ in parts})) from error
        except BaseException:
            self._give_up(producer)
            raise
        return offsets

    async def append_in(self, connection: Connection, records: Sequence[NewRecord]) -> list[int]:
        """See `StreamLog.append_in`: to the outbox, whose relay sends the records on.

        Raises:
            LogError: this log was built without a database.
        """
        if self._outbox is None:
            raise LogError("this log has no database, so nothing can join a transaction")
        for record in records:
            if record.size + outbox.HEADER_BYTES > MAX_VALUE_BYTES:
                raise RecordTooLargeError(record.topic, record.size)
        return await self._outbox.append_in(connection, records)

    async def _append_parts(
        self,
        producer: AIOKafkaProducer,
        parts: dict[tuple[str, int], list[int]],
        records: Sequence[NewRecord],
        offsets: list[int],
    ) -> None:
        if len(parts) == 1:
            ((at, indices),) = parts.items()
            await self._append_part(producer, at, indices, records, offsets)
            return
        sending = [
            asyncio.ensure_future(self._append_part(producer, at, indices, records, offsets))
            for at, indices in parts.items()
        ]
        try:
            await asyncio.gather(*sending)
        finally:
            for one in sending:
                one.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def _append_part(
        self,
        producer: AIOKafkaProducer,
        at: tuple[str, int],
        indices: Sequence[int],
        records: Sequence[NewRecord],
        offsets: list[int],
    ) -> None:
        """Append one partition's records, batch after batch."""
        topic, partition = at
        async with self._queues[at]:
            for chunk in _chunks(indices, records):
                batch = producer.create_batch()
                for index in chunk:
                    record = records[index]
                    fits = batch.append(
                        key=record.key,
                        value=record.value,
                        timestamp=None,
                        headers=list(record.headers),
                    )
                    if fits is None:
                        raise LogError(f"a batch of {len(chunk)} records for {topic} is too large")
                sent = await producer.send_batch(batch, topic, partition=partition)
                first = (await sent).offset
                for place, index in enumerate(chunk):
                    offsets[index] = first + place

    # The producer

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=MAX_VALUE_BYTES,
                    request_timeout_ms=REQUEST_TIMEOUT_MS,
                    **self._address.client_options(),
                )
                try:
                    await producer.start()
                except BaseException:
                    self._throw_away(producer)
                    raise
                self._producer = producer
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """Let nobody append through this producer any more; who does so now fails."""
        if producer is not None and self._producer is producer:
            self._producer = None
            self._throw_away(producer)

    def _throw_away(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.get_running_loop().create_task(_end(producer), name="kafka-producer-end")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _chunks(indices: Sequence[int], records: Sequence[NewRecord]) -> Iterable[list[int]]:
    """Cut a partition's records into batches."""
    chunk: list[int] = []
    size = _RECORD_OVERHEAD_BYTES
    for index in indices:
        record = records[index]
        added = record.size + _RECORD_OVERHEAD_BYTES + 12 * len(record.headers)
        if chunk and size + added > BATCH_BYTES:
            yield chunk
            chunk, size = [], _RECORD_OVERHEAD_BYTES
        chunk.append(index)
        size += added
    if chunk:
        yield chunk


async def _partitions_exist(producer: AIOKafkaProducer, wanted: Sequence[tuple[str, int]]) -> None:
    missing = []
    for topic in {topic for topic, _ in wanted}:
        known = await _partitions_of(producer, topic)
        missing += [at for at in wanted if at[0] == topic and at[1] not in known]
    if missing:
        raise UnknownTopicError(missing)


async def _partitions_of(producer: AIOKafkaProducer, topic: str) -> Collection[int]:
    client = producer.client
    known: Collection[int] | None = client.cluster.partitions_for_topic(topic)
    deadline_s = time.monotonic() + METADATA_S
    while known is None and time.monotonic() < deadline_s:
        client.add_topic(topic)
        if not await client.force_metadata_update():
            raise KafkaConnectionError("no broker answers")
        known = client.cluster.partitions_for_topic(topic)
        if known is None:
            if topic in client.cluster.unauthorized_topics:
                raise TopicAuthorizationFailedError(topic)
            await asyncio.sleep(METADATA_PAUSE_S)
    if known is None:
        # Else it would be asked for again with every refresh.
        client._topics.discard(topic)  # noqa: SLF001 - there is no other way
        return ()
    return known


async def _end(producer: AIOKafkaProducer) -> None:
    """End a producer at once: what it has not sent is dropped, who waits for it is told.

    Its own `stop` sends everything first, and waits for a broker that is away.
    """
    producer._closed = True  # noqa: SLF001 - it has no public way to end without sending
    producer._message_accumulator.fail_all(KafkaError("the producer was replaced"))  # noqa: SLF001
    try:
        async with asyncio.timeout(CLOSE_S):
            await producer.client.close()
            await producer._sender.close()  # noqa: SLF001 - as above
    except (KafkaError, TimeoutError, OSError) as error:
        logger.debug("a producer ended with %r", error)


def _explained(error: BaseException, topics: Sequence[str]) -> LogError:
    """What went wrong, where, and what to look at."""
    said = str(error) or type(error).__name__
    what = said if said.startswith(type(error).__name__) else f"{type(error).__name__}: {said}"
    where = ", ".join(topics)
    if isinstance(error, TopicAuthorizationFailedError):
        return LogError(f"{where}: Kafka lets this user not write there ({what}); see its ACLs")
    if isinstance(error, _PERMANENT):
        return LogError(f"{where}: Kafka refuses the records ({what}); see max.message.bytes")
    return LogAwayError(
        f"{where}: not appended, to be tried again ({what}); if it stays so, see whether the"
        " brokers run and enough replicas are in sync"
    )
