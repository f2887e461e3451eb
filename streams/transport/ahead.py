"""What a consumer has read ahead of what it has handed to the engine, and where it stands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Mapping

from store.log import Record
from store.log.embedded import TopicPartition


class Ahead:
    """Where a consumer stands in each of its partitions.

    A position is the next offset to hand over. It moves only when a record is handed over, so what
    was fetched in vain (back-pressure, a rebalance) is neither lost nor told twice. `turn` changes
    with every assignment and seek: what was fetched in an earlier turn is void.
    """

    def __init__(self) -> None:
        self.turn = 0
        self._positions: dict[TopicPartition, int] = {}
        self._heads: dict[TopicPartition, int] = {}
        self._ahead: dict[TopicPartition, deque[Record]] = {}
        self._woken = asyncio.Event()

    def begin(self, positions: Mapping[TopicPartition, int]) -> None:
        """Begin anew with these partitions."""
        self.revoke()
        self._positions = dict(positions)
        self._heads = dict(positions)
        self.wake()

    def revoke(self) -> None:
        """Read nothing any more."""
        self.turn += 1
        self._positions = {}
        self._ahead = {}

    def seek(self, at: TopicPartition, offset: int) -> None:
        """Read on from another offset; a partition that is not assigned is ignored."""
        if at in self._positions:
            self.turn += 1
            self._positions[at] = offset
            self._ahead.pop(at, None)
            self.wake(at.topic)

    def position(self, at: TopicPartition) -> int | None:
        """The next offset to hand over, if the partition is assigned."""
        return self._positions.get(at)

    def head(self, at: TopicPartition) -> int:
        """The offset after the last record that was seen in the partition."""
        return self._heads.get(at, 0)

    def topics(self) -> set[str]:
        """The topics of the assigned partitions."""
        return {at.topic for at in self._positions}

    def wake(self, topic: str | None = None) -> None:  # noqa: ARG002 - for those who look by topic
        """Something was appended to the topic, or anything may be read again: look now."""
        self._woken.set()

    def add(self, record: Record) -> None:
        """Keep a record that follows what was read of its partition; of no other partition."""
        at = TopicPartition(record.topic, record.partition)
        if at in self._positions:
            self._ahead.setdefault(at, deque()).append(record)
            self._heads[at] = max(self._heads[at], record.offset + 1)

    def hand_over(self, wanted: Collection[TopicPartition]) -> Iterator[Record]:
        """What was read ahead, partition by turns, until it is empty or a new turn begins.

        Args:
            wanted: asked before every record, so that a partition may be left out on the way.
        """
        turn = self.turn
        while turn == self.turn:
            ready = [at for at in sorted(wanted) if self._ahead.get(at)]
            if not ready:
                return
            for at in ready:
                if at in wanted:
                    record = self._ahead[at].popleft()
                    self._positions[at] = record.offset + 1
                    yield record
                    if turn != self.turn:
                        return
