"""Reading the embedded log: positions, wake-ups, and what is fetched but not handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.ahead import Ahead

POLL_S: Final = 0.25
"""A reader that nobody wakes looks by itself so often."""
FETCH_RECORDS: Final = 500
FETCH_BYTES: Final = 1_000_000
"""Per partition and fetch."""


class Reader(Ahead):
    """Reads the partitions of an assignment, when it is woken or by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._log: EmbeddedLog | None = None
        self._look: set[TopicPartition] = set()
        """Where there may be records that have not been read."""

    def assign(self, log: EmbeddedLog, positions: Mapping[TopicPartition, int]) -> None:
        """Begin anew with these partitions."""
        self.begin(positions)
        self._log = log

    def revoke(self) -> None:
        """Read nothing any more."""
        super().revoke()
        self._log = None

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
            self.add(record)
        self._look.update(at for at in looking if _filled(self._ahead.get(at, ())))

    async def _wait(self) -> None:
        """Wait until woken; look everywhere when nobody does."""
        self._woken.clear()
        try:
            async with asyncio.timeout(POLL_S):
                await self._woken.wait()
        except TimeoutError:
            self._look.update(self._positions)


def _filled(fetched: Collection[Record]) -> bool:
    """Whether a fetch ended at its limits, so that there may be more."""
    return (
        len(fetched) >= FETCH_RECORDS
        or sum(len(record.value or b"") for record in fetched) >= FETCH_BYTES
    )
