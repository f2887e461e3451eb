"""Faust's consumer over the embedded log: fetching, acknowledging, committing, seeking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from faust.types import TP
from mode import Service

from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.delivery import at_of, tp_of
from streams.transport.membership import Member
from streams.transport.patience import ANSWER_S, AWAY, pause_s, said

logger = logging.getLogger(__name__)


class Consumer(Member):
    """Consumes all partitions of the subscribed topics while it holds the group's lease."""

    logger = logger

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._uncommitted: dict[TopicPartition, int] = {}
        self._failures = 0

    # Fetching

    async def _fetch(self, readable: set[TopicPartition]) -> bool:
        turn = self._reader.turn
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._reader.fetch(readable)
        except AWAY as error:
            if self._failures == 0 and turn == self._reader.turn:
                logger.warning("stream group %s: cannot read the log: %s", self._group, said(error))
            await self.sleep(pause_s(self._failures))
            self._failures += 1
            return False
        self._failures = 0
        return True

    # Committing

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
        return {tp: self._committed_offset[tp] or 0 for tp in self._assigned}

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

    async def create_topic(self, topic: str, partitions: int, *_: Any, **__: Any) -> None:
        """Make a topic; replication and retention are not the engine's business here."""
        if self._log is not None:
            await self._log.create_topics([topic], partitions)
