"""Reading the embedded log: positions, wake-ups, and what is fetched but not handed over."""

from __future__ import annotations

import asyncio
import time
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
        self._ahead: dict[TopicPartition, deque[Record]] = {}
        self._woken = asyncio.Event()
        self._looked_s = float("-inf")

    # Where it stands

    def assign(self, log: EmbeddedLog, positions: Mapping[TopicPartition, int]) -> None:
        """Begin anew with these partitions."""
        self.revoke()
        self._log = log
        self._positions = dict(positions)
        self._heads = dict.fromkeys(positions, 0)
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
            self.wake()

    def position(self, at: TopicPartition) -> int | None:
        """The next offset to hand over, if the partition is assigned."""
        return self._positions.get(at)

    def head(self, at: TopicPartition) -> int:
        """The offset that the next appended record gets, as of the last look."""
        return self._heads.get(at, 0)

    def topics(self) -> set[str]:
        """The topics of the assigned partitions."""
        return {at.topic for at in self._positions}

    # Reading

    def wake(self) -> None:
        """Something was appended, or may be read again: look now."""
        self._woken.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait until woken, at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def fetch(self, wanted: Collection[TopicPartition]) -> None:
        """Read ahead in the wanted partitions; waits for records up to POLL_S.

        Raises:
            psycopg.Error, psycopg_pool.PoolTimeout: the database is away.
        """
        log, turn = self._log, self.turn
        if log is None or not wanted:
            await self.wait(POLL_S)
            self._woken.clear()
            return
        if any(self._ahead.get(at) for at in wanted):
            return
        if not self._behind(wanted):
            await self.wait(POLL_S)
        # Also while there is much to catch up with: other partitions should not wait for that.
        if self._woken.is_set() or time.monotonic() - self._looked_s >= POLL_S:
            self._woken.clear()
            self._looked_s = time.monotonic()
            extents = await log.extents(self.topics())
            if turn != self.turn:
                return
            self._heads.update({at: extents[at].head for at in self._heads if at in extents})
        behind = self._behind(wanted)
        if not behind:
            return
        records = await log.read_many(behind, limit_records=FETCH_RECORDS, limit_bytes=FETCH_BYTES)
        if turn != self.turn:
            return  # overtaken by a seek or a rebalance
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            self._ahead.setdefault(at, deque()).append(record)

    def _behind(self, wanted: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        positions = self._positions
        return {
            at: positions[at]
            for at in wanted
            if at in positions and positions[at] < self._heads[at] and not self._ahead.get(at)
        }

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
