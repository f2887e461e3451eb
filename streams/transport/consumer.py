"""Faust's consumer over the embedded log: fetching, acknowledging, committing, seeking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from faust.types import TP, ConsumerMessage
from mode import Service

from contracts.topics import partition_of
from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.membership import Member, at_of, tp_of
from streams.transport.patience import ANSWER_S, AWAY, pause_s, said

logger = logging.getLogger(__name__)


class Consumer(Member):
    """Consumes all partitions of the subscribed topics while it holds the group's lease."""

    logger = logger

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._next_ack: dict[TP, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._failures = 0

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
        return {at_of(tp) for tp in self._active_partitions - self._buffered_partitions}

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
            self._reader.wake(tp.topic)

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
        self._uncommitted.update({at_of(tp): offset for tp, offset in offsets.items()})
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

    def _begin(self, positions: Mapping[TopicPartition, int]) -> None:
        # Messages that the engine drops when its flow stops are "acknowledged" by it; and a
        # partition that is marked as full would stay so for ever.
        self._acked.clear()
        self._acked_index.clear()
        self._gap.clear()
        self._buffered_partitions.clear()
        self._set_positions(positions)

    def _set_positions(self, positions: Mapping[TopicPartition, int]) -> None:
        for at, offset in positions.items():
            tp = tp_of(at)
            self._next_ack[tp] = offset
            self._committed_offset[tp] = offset or None
            self._read_offset[tp] = offset or None

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
            return {tp_of(at): offset for at, offset in positions.items()}
        return {tp: self._next_ack[tp] for tp in self._assigned}

    async def _seek(self, partition: TP, offset: int) -> None:
        self._reader.seek(at_of(partition), offset)
        self._acked.pop(partition, None)
        self._acked_index.pop(partition, None)
        self._set_positions({at_of(partition): offset})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Read on from other offsets."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Read again from the oldest offsets that are kept."""
        await self.seek_wait(await self.earliest_offsets(*partitions))

    async def position(self, tp: TP) -> int | None:
        """The next offset to hand over."""
        return self._reader.position(at_of(tp))

    def highwater(self, tp: TP) -> int:
        """The offset after the last record that was seen in the partition."""
        return self._reader.head(at_of(tp))

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
        return {tp: found[at_of(tp)] for tp in partitions if at_of(tp) in found}

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
