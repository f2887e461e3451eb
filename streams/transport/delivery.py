"""The part of a Faust consumer that every backend shares: handing over, acknowledging, holding."""

from __future__ import annotations

import abc
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP, ConsumerMessage

from contracts.topics import partition_of
from store.log import Record
from store.log.embedded import TopicPartition
from streams.transport.ahead import Ahead


def tp_of(at: TopicPartition) -> TP:
    """Faust's name of a partition."""
    return TP(at.topic, at.partition)


def at_of(tp: Any) -> TopicPartition:
    """The log's name of a partition."""
    return TopicPartition(tp.topic, tp.partition)


class Delivery(FaustConsumer):  # type: ignore[misc] # Faust is untyped here
    """Hands records to the engine in order, and knows up to which all are acknowledged.

    Faust's own lets a first record be passed that is not acknowledged, keeps what was acknowledged
    in an earlier assignment, fills holes in the offsets by guessing, and sleeps for a second while
    all partitions are full. This one remembers which records it has handed over: what may be
    committed is the offset after the last one before which none is still to be acknowledged.
    """

    _reader: Ahead
    """Set by the backend's consumer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._assigned: set[TP] = set()
        self._pending: defaultdict[TP, deque[int]] = defaultdict(deque)
        """What was handed over and may not yet be committed, in order."""

    @abc.abstractmethod
    async def _fetch(self, readable: set[TopicPartition]) -> bool:
        """Have the reader read ahead; False when nothing could be read. Never raises."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109 - Faust decides the parameters
        """Hand over records; ends when there are none for a moment. Never raises.

        A record that cannot be handed over now is not skipped but stays.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
            return
        readable = self._readable()
        if not await self._fetch(readable):
            return
        generation = self.app.consumer_generation_id
        for record in self._reader.hand_over(readable):
            tp = TP(record.topic, record.partition)
            self._pending[tp].append(record.offset)
            yield tp, self._to_message(None, record)
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

    # Holding

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

    # Acknowledging

    def ack(self, message: ConsumerMessage) -> bool:
        """Note that a message is done, if it is one of this assignment."""
        if not self.flow_active or message.generation_id != self.app.consumer_generation_id:
            return False
        return bool(super().ack(message))

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the last one up to which all are acknowledged; None if it is not new."""
        acked, pending = self._acked_index[tp], self._pending[tp]
        last = None
        while pending and pending[0] in acked:
            last = pending.popleft()
            acked.discard(last)
        self._acked[tp] = sorted(acked)
        return None if last is None else last + 1

    def _begin(self, positions: Mapping[TopicPartition, int]) -> None:
        """Forget what was noted in an earlier assignment, and begin at these positions."""
        # Messages that the engine drops when its flow stops are "acknowledged" by it; and a
        # partition that is marked as full would stay so for ever.
        self._acked.clear()
        self._acked_index.clear()
        self._gap.clear()
        self._pending.clear()
        self._buffered_partitions.clear()
        self._set_positions(positions)

    def _set_positions(self, positions: Mapping[TopicPartition, int]) -> None:
        for at, offset in positions.items():
            tp = tp_of(at)
            self._pending.pop(tp, None)
            self._committed_offset[tp] = offset or None
            self._read_offset[tp] = offset or None

    # Positions

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

    @abc.abstractmethod
    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The oldest offsets that are kept."""

    # Partitions

    def assignment(self) -> set[TP]:
        """The partitions that this worker consumes."""
        return self._assigned

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

    async def _told_revoked(self) -> None:
        """Tell the engine that nothing is assigned any more."""
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assigned))
        self._reader.revoke()
        self._assigned = set()
        self._begin({})

    async def _told_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Tell the engine what is assigned, under a new generation."""
        self._assigned = {tp_of(at) for at in assigned}
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(self._assigned), self.app.consumer_generation_id)
