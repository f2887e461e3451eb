"""Faust's consumer over the embedded log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import psycopg
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP, ConsumerMessage
from mode import Service
from psycopg_pool import PoolTimeout

from contracts.topics import partition_of
from store.database import Pool, build_pool
from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.lease import Lease, LeaseLostError, lease
from streams.transport.reader import Reader

logger = logging.getLogger(__name__)

AWAY: Final = (psycopg.Error, PoolTimeout, OSError)
"""What a database that is away, restarting or slow makes its clients raise."""
RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts; the last one from then on."""
TOPICS_INTERVAL_S: Final = 0.5
ANSWER_S: Final = 10.0
"""A database that takes longer to answer is treated as one that is away."""


def pause_s(attempt: int) -> float:
    """How long to wait after the given failed attempt (from 0)."""
    return RETRY_S[min(attempt, len(RETRY_S) - 1)]


def said(error: BaseException) -> str:
    """What an error says, or at least what it is: a timeout says nothing."""
    return str(error).strip() or type(error).__name__


def _tp(at: TopicPartition) -> TP:
    return TP(at.topic, at.partition)


def _at(tp: TP) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)


class Consumer(FaustConsumer):  # type: ignore[misc] # Faust is untyped here
    """Consumes all partitions of the subscribed topics while it holds the group's lease.

    Losing the lease (also: the database restarts) is a rebalance to the engine: its partitions are
    revoked and, when the lease is held again, assigned with a new generation from the committed
    offsets. No error of the database is raised into the engine.
    """

    logger = logger

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._url: str = self.app.embedded_log_url
        self._group: str = self.app.conf.id
        self._reader = Reader()
        self._log: EmbeddedLog | None = None
        self._subscription: frozenset[str] = frozenset()
        self._subscribed = asyncio.Event()
        self._assigned: set[TP] = set()
        self._next_ack: dict[TP, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._failures = 0

    # Membership

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Consume these topics from now on. The assignment follows after this has returned."""
        self._subscription = frozenset(topics)
        self._subscribed.set()

    @Service.task  # type: ignore[untyped-decorator]
    async def _member(self) -> None:
        await self._subscribed.wait()
        attempt = 0
        while not self.should_stop:
            try:
                async with lease(self._url, self._group) as held:
                    attempt = 0
                    await self._consume_while(held)
            except (*AWAY, LeaseLostError) as error:
                level = logging.WARNING if attempt == 0 else logging.DEBUG
                logger.log(
                    level, "stream group %s: no lease, trying again: %s", self._group, said(error)
                )
                await self.sleep(pause_s(attempt))
                attempt += 1

    async def _consume_while(self, held: Lease) -> None:
        # A pool of its own for each lease: after a restart of the database it connects at once,
        # and does not go on with the back-off of a pool that saw it fall.
        pool: Pool = build_pool(self._url, name=f"log-{self._group}", min_size=1, max_size=4)
        await pool.open(wait=False)
        tasks = {
            asyncio.create_task(self._assign_all(EmbeddedLog(pool))),
            asyncio.create_task(held.watch(self._on_appended)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # neither ends but by raising
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._log = None
            if not self.should_stop:
                await self._revoke_all()
            await pool.close()

    def _on_appended(self, topic: str) -> None:
        if topic in self._subscription:
            self._reader.wake()

    async def _assign_all(self, log: EmbeddedLog) -> None:
        """Assign what is subscribed, and again whenever the subscription changes."""
        while True:
            self._subscribed.clear()
            topics = self._subscription
            await self._topics_exist(log, topics)
            async with asyncio.timeout(ANSWER_S):
                positions = await self._start_positions(log, topics)
            await self._revoke_all()
            self._log = log
            self._reader.assign(log, positions)
            self._assigned = {_tp(at) for at in positions}
            self._forget_acks()
            self._set_positions(positions)
            self.app.consumer_generation_id += 1
            await self.on_partitions_assigned(set(self._assigned), self.app.consumer_generation_id)
            logger.info("stream group %s: consuming %s", self._group, ", ".join(sorted(topics)))
            await self._subscribed.wait()

    async def _topics_exist(self, log: EmbeddedLog, topics: frozenset[str]) -> None:
        told = False
        while missing := topics - {at.topic for at in await log.extents(topics)}:
            if not told:
                logger.warning("waiting for topics to be created: %s", ", ".join(sorted(missing)))
                told = True
            await asyncio.sleep(TOPICS_INTERVAL_S)

    async def _start_positions(
        self, log: EmbeddedLog, topics: frozenset[str]
    ) -> dict[TopicPartition, int]:
        await log.register(self._group, topics)
        await self._flush_commits(log)
        return await self._committed_positions(log, topics)

    async def _committed_positions(
        self, log: EmbeddedLog, topics: Iterable[str]
    ) -> dict[TopicPartition, int]:
        committed = await log.committed(self._group, topics)
        extents = await log.extents(topics)
        positions: dict[TopicPartition, int] = {}
        for at, offset in committed.items():
            extent = extents.get(at)
            if extent is None:
                continue  # somebody has dropped the partition
            if not extent.tail <= offset <= extent.head:
                # Only hands at the tables or a restored backup bring this about.
                logger.error(
                    "%s/%d: group %s stands at %d, but the log holds %d to %d; going on from there",
                    at.topic, at.partition, self._group, offset, extent.tail, extent.head,
                )  # fmt: skip
            positions[at] = min(max(offset, extent.tail), extent.head)
        return positions

    async def _revoke_all(self) -> None:
        """Tell the engine that nothing is assigned any more."""
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assigned))
        self._reader.revoke()
        self._assigned = set()
        self._forget_acks()

    def _forget_acks(self) -> None:
        # Messages that the engine drops when its flow stops are "acknowledged" by it; and a
        # partition that is marked as full would stay so for ever.
        self._acked.clear()
        self._acked_index.clear()
        self._gap.clear()
        self._buffered_partitions.clear()

    def _set_positions(self, positions: Mapping[TopicPartition, int]) -> None:
        for at, offset in positions.items():
            tp = _tp(at)
            self._next_ack[tp] = offset
            self._committed_offset[tp] = offset or None
            self._read_offset[tp] = offset or None

    # Fetching

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109 - Faust decides the parameters
        """Hand over records; ends when there are none for a moment. Never raises.

        Unlike Faust's own it does not sleep for a second when all partitions are full, and a record
        that cannot be handed over now is not skipped but stays.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
            return
        readable = self._readable()
        turn = self._reader.turn
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._reader.fetch(readable)
            self._failures = 0
        except AWAY as error:
            if self._failures == 0 and turn == self._reader.turn:
                logger.warning("stream group %s: cannot read the log: %s", self._group, said(error))
            await self.sleep(pause_s(self._failures))
            self._failures += 1
            return
        generation = self.app.consumer_generation_id
        for record in self._reader.hand_over(readable):
            yield TP(record.topic, record.partition), self._to_message(None, record)
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
            if self._buffered_partitions:
                readable &= self._readable()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust decides the parameters
        """What Faust's own `getmany` would ask; ours asks the reader.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"{active_partitions} for {timeout} s: getmany does not ask")

    def _readable(self) -> set[TopicPartition]:
        return {_at(tp) for tp in self._active_partitions - self._buffered_partitions}

    def _to_message(self, tp: TP | None, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp_ms / 1000.0,
            0,
            list(record.headers),
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def on_buffer_full(self, tp: TP) -> None:
        """The agents have enough of this partition for now."""
        self._buffered_partitions.add(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        """The agents want more of this partition."""
        if tp in self._buffered_partitions:
            self._buffered_partitions.discard(tp)
            self._reader.wake()

    def resume_flow(self) -> None:
        """The engine is ready to take messages."""
        super().resume_flow()
        self._reader.wake()

    # Acknowledging and committing

    def ack(self, message: ConsumerMessage) -> bool:
        """Note that a message is done, if it is one of this assignment."""
        if not self.flow_active or message.generation_id != self.app.consumer_generation_id:
            return False
        return bool(super().ack(message))

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the last one up to which all are acknowledged; None if it is not new.

        Faust's own lets a record that is not yet acknowledged be passed when it is the first.
        """
        acked = sorted(self._acked[tp])
        wanted = begun = self._next_ack[tp]
        for offset in acked:
            if offset == wanted:
                wanted += 1
        if wanted == begun:
            return None
        self._acked[tp] = [offset for offset in acked if offset >= wanted]
        self._acked_index[tp] = set(self._acked[tp])
        self._next_ack[tp] = wanted
        return wanted

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self._uncommitted.update({_at(tp): offset for tp, offset in offsets.items()})
        return self._log is not None and await self._flush_commits(self._log)

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_later(self) -> None:
        """Say again what could not be committed: no further record may come to carry it."""
        while not self.should_stop:
            await self.sleep(self.commit_interval)
            if self._uncommitted and self._log is not None:
                await self._flush_commits(self._log)

    async def _flush_commits(self, log: EmbeddedLog) -> bool:
        """Commit what is acknowledged; what fails is kept for the next time."""
        pending = dict(self._uncommitted)
        try:
            async with asyncio.timeout(ANSWER_S):
                await log.commit(self._group, pending)
        except AWAY as error:
            logger.warning("stream group %s: cannot commit yet: %s", self._group, said(error))
            return False
        for at, offset in pending.items():
            if self._uncommitted.get(at) == offset:
                del self._uncommitted[at]
        return True

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Read on from the committed offsets; waits while the database is away."""
        attempt = 0
        while (log := self._log) is not None and not self.should_stop:
            turn = self._reader.turn
            try:
                async with asyncio.timeout(ANSWER_S):
                    positions = await self._committed_positions(log, self._reader.topics())
            except AWAY as error:
                logger.warning("stream group %s: cannot seek yet: %s", self._group, said(error))
                await self.sleep(pause_s(attempt))
                attempt += 1
                continue
            if turn != self._reader.turn:
                break  # assigned anew meanwhile, which has set the positions
            for at, offset in positions.items():
                self._reader.seek(at, offset)
            self._set_positions(positions)
            return {_tp(at): offset for at, offset in positions.items()}
        return {tp: self._next_ack[tp] for tp in self._assigned}

    async def _seek(self, partition: TP, offset: int) -> None:
        self._reader.seek(_at(partition), offset)
        self._acked.pop(partition, None)
        self._acked_index.pop(partition, None)
        self._set_positions({_at(partition): offset})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Read on from other offsets."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Read again from the oldest offsets that are kept."""
        await self.seek_wait(await self.earliest_offsets(*partitions))

    async def position(self, tp: TP) -> int | None:
        """The next offset to hand over."""
        return self._reader.position(_at(tp))

    def assignment(self) -> set[TP]:
        """The partitions that this worker consumes."""
        return self._assigned

    def highwater(self, tp: TP) -> int:
        """The offset that the next appended record gets, as of the last look."""
        return self._reader.head(_at(tp))

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The offsets that the next appended records get."""
        return {tp: extent.head for tp, extent in (await self._extents(partitions)).items()}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The oldest offsets that are kept."""
        return {tp: extent.tail for tp, extent in (await self._extents(partitions)).items()}

    async def _extents(self, partitions: Iterable[TP]) -> dict[TP, Any]:
        if self._log is None:
            return {}
        found = await self._log.extents({tp.topic for tp in partitions})
        return {tp: found[_at(tp)] for tp in partitions if _at(tp) in found}

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions of a topic are consumed here."""
        return sum(tp.topic == topic for tp in self._assigned) or None

    def key_partition(
        self, topic: str, key: bytes | None, partition: int | None = None
    ) -> int | None:
        """The partition of a key, if it is not given."""
        count = self.topic_partitions(topic)
        if partition is not None or key is None or count is None:
            return partition
        return partition_of(key.decode("utf-8", "surrogateescape"), count)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def create_topic(self, topic: str, partitions: int, *_: Any, **__: Any) -> None:
        """Make a topic; replication and retention are not the engine's business here."""
        if self._log is not None:
            await self._log.create_topics([topic], partitions)
