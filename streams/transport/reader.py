"""Reading the embedded log: positions, wake-ups, and what is fetched but not handed over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition

POLL_S: Final = 0.25
"""A reader that nobody wakes looks by itself so often."""
FETCH_RECORDS: Final = 500
FETCH_BYTES: Final = 1_000_000
"""Per partition and fetch."""


class Reader:
    """Where a consumer stands in each of its partitions.

    A position is the next offset to hand over. It moves only when a record is handed over, so what
    was fetched in vain (back-pressure, a rebalance) is neither lost nor told twice. `turn` changes
    with every assignment and seek: what was fetched in an earlier turn is void.
    """

    def __init__(self) -> None:
        self.turn = 0
        self._log: EmbeddedLog | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._heads: dict[TopicPartition, int] = {}
        self._look: set[TopicPartition] = set()
        """Where there may be records that have not been read."""
        self._ahead: dict[TopicPartition, deque[Record]] = {}
        self._woken = asyncio.Event()

    # Where it stands

    def assign(self, log: EmbeddedLog, positions: Mapping[TopicPartition, int]) -> None:
        """Begin anew with these partitions."""
        self.revoke()
        self._log = log
        self._positions = dict(positions)
        self._heads = dict(positions)
        self.wake()

    def revoke(self) -> None:
        """Read nothing any more."""
        self.turn += 1
        self._log = None
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

    # Reading

    def wake(self, topic: str | None = None) -> None:
        """Something was appended to the topic, or anything may be read again: look now."""
        self._look.update(at for at in self._positions if topic is None or at.topic == topic)
        self._woken.set()

    async def fetch(self, wanted: Collection[TopicPartition]) -> None:
        """Read ahead in the wanted partitions; waits for records up to POLL_S.

        Raises:
            psycopg.Error, psycopg_pool.PoolTimeout: the database is away.
        """
        if any(self._ahead.get(at) for at in wanted):
            return
        if not self._look.intersection(wanted):
            await self._wait()
        log, turn = self._log, self.turn
        looking = {at: self._positions[at] for at in self._look.intersection(wanted)}
        if log is None or not looking:
            return
        # Before reading: whoever appends meanwhile wakes us again.
        self._look.difference_update(looking)
        try:
            records = await log.read_many(
                looking, limit_records=FETCH_RECORDS, limit_bytes=FETCH_BYTES
            )
        except BaseException:
            self._look.update(at for at in looking if at in self._positions)
            raise
        if turn != self.turn:
            # Overtaken by a seek or a rebalance.
            self._look.update(at for at in looking if at in self._positions)
            return
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            self._ahead.setdefault(at, deque()).append(record)
        for at in looking:
            if ahead := self._ahead.get(at):
                self._heads[at] = max(self._heads[at], ahead[-1].offset + 1)
                if _filled(ahead):
                    self._look.add(at)

    async def _wait(self) -> None:
        """Wait until woken; look everywhere when nobody does."""
        self._woken.clear()
        try:
            async with asyncio.timeout(POLL_S):
                await self._woken.wait()
        except TimeoutError:
            self._look.update(self._positions)

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


def _filled(fetched: deque[Record]) -> bool:
    """Whether a fetch ended at its limits, so that there may be more."""
    return (
        len(fetched) >= FETCH_RECORDS
        or sum(len(record.value or b"") for record in fetched) >= FETCH_BYTES
    )
