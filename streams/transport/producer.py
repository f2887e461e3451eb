"""Faust's producer over a stream log: batched appends.

Our agents do not send through it: their events join the transaction of their effects
(`StreamLog.append_in`). It is here for what the engine sends by itself.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final

from faust.transport.producer import Producer as FaustProducer
from faust.types import TP, RecordMetadata
from mode import Service

from contracts.streams import PARTITIONS
from contracts.topics import partition_of
from store.database import build_pool
from store.log import LogError, NewRecord, StreamLog
from store.log.embedded import EmbeddedLog
from streams.transport.patience import AWAY, pause_s, said

logger = logging.getLogger(__name__)

BATCH_RECORDS: Final = 1_000
FLUSH_S: Final = 5.0
"""How long a worker that is being stopped waits for what is still unsent."""


class LogProducer(FaustProducer):  # type: ignore[misc] # Faust is untyped here
    """Appends in the order of sending; retries while the log's backend is away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._log = self._new_log()
        self._queue: asyncio.Queue[tuple[NewRecord, asyncio.Future[RecordMetadata]]] = (
            asyncio.Queue()
        )

    @abc.abstractmethod
    def _new_log(self) -> StreamLog:
        """The log, not yet opened."""

    async def on_start(self) -> None:
        """Open the log; a backend that is away does not matter yet."""
        await self._log.open()
        await super().on_start()

    async def on_shutdown(self) -> None:
        """Close the log."""
        await self._log.close()

    async def send(  # noqa: PLR0917 - Faust decides the parameters
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Queue a record; the future that is returned is done when it is durable.

        The time of a record is the log's own, and there are no transactions: both are ignored.
        """
        del timestamp, transactional_id
        if partition is None:
            partition = self.key_partition(topic, key or b"").partition
        pairs = headers.items() if isinstance(headers, dict) else headers or ()
        record = NewRecord(topic, partition, key, value, tuple((k, bytes(v)) for k, v in pairs))
        done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        await self._queue.put((record, done))
        return done

    async def send_and_wait(  # noqa: PLR0917 - Faust decides the parameters
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Append a record durably."""
        done = await self.send(
            topic, key, value, partition, timestamp, headers, transactional_id=transactional_id
        )
        return await done

    @Service.task  # type: ignore[untyped-decorator]
    async def _sender(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_RECORDS and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._append(batch)
            finally:
                for _, done in batch:
                    self._queue.task_done()
                    if not done.done():
                        done.cancel()

    async def _append(self, batch: list[tuple[NewRecord, asyncio.Future[RecordMetadata]]]) -> None:
        attempt = 0
        while True:
            try:
                offsets = await self._log.append([record for record, _ in batch])
                break
            except AWAY as error:
                logger.warning("cannot append %d records yet: %s", len(batch), said(error))
                await asyncio.sleep(pause_s(attempt))
                attempt += 1
            except LogError as error:
                for _, done in batch:
                    done.set_exception(error)
                return
        for (record, done), offset in zip(batch, offsets, strict=True):
            if not done.done():
                tp = TP(record.topic, record.partition)
                done.set_result(RecordMetadata(*tp, tp, offset, None, None))

    async def flush(self) -> None:
        """Wait until everything sent is durable; a worker that is being stopped waits FLUSH_S."""
        waiting = asyncio.ensure_future(self._queue.join())
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=FLUSH_S)
                if self.app.should_stop and not waiting.done():
                    logger.error("%d records were not sent before the stop", self._queue.qsize())
                    return
        finally:
            waiting.cancel()

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The partition of a key, as everywhere."""
        return TP(topic, partition_of(key.decode("utf-8", "surrogateescape"), PARTITIONS))

    async def create_topic(self, topic: str, partitions: int, *_: Any, **__: Any) -> None:
        """Make a topic."""
        await self._log.create_topics([topic], partitions)

    def supports_headers(self) -> bool:
        """Records carry headers."""
        return True


class Producer(LogProducer):
    """Appends to the embedded log, over a pool of its own."""

    def _new_log(self) -> StreamLog:
        self._pool = build_pool(
            self.app.embedded_log_url, name=f"produce-{self.app.conf.id}", min_size=0, max_size=2
        )
        return EmbeddedLog(self._pool)

    async def on_start(self) -> None:
        """Open the pool; a database that is away does not matter yet."""
        await self._pool.open(wait=False)
        await super().on_start()

    async def on_shutdown(self) -> None:
        """Close the pool."""
        await super().on_shutdown()
        await self._pool.close()
