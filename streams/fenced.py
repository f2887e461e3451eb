"""Partitions in one worker's hands: their epochs, what was done of them, one batch at a time.

What these partitions hold are events: they name rows. Those of a future that the database lost when
it was restored name rows that are no more, or are something else by now, so they are passed over;
where they came from is read again and tells its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, TypeVar

from store import effects
from store.database import Connection, Pool
from store.log.embedded import TopicPartition
from store.log.identity import BehindError
from store.log.outbox import outbox_number
from store.log.timelines import Timelines
from streams.consumption import Fenced, Message
from streams.repeats import new_records, proof_of

_log = logging.getLogger(__name__)

Made = TypeVar("Made")
Effects: TypeAlias = Callable[[Connection, Sequence[Message]], Awaitable[Made]]
"""Makes the effects of records (never empty, one partition, rising) within a transaction."""

PASSED_S: Final = 1.0
"""So long the offset stays behind records that have no effects. Who begins there passes them over
once more; a transaction for each of them cost more than all else that is done about an order that
has just come in.
"""


class FencedPartitions:
    """Makes each batch's effects in one transaction that also moves the partition's offset.

    Args:
        pool: where the effects are made.
        group: the consumer group whose epochs and offsets these are.

    Attributes:
        stopped: which partitions stand still because the database is older than the stream, and
            what was met there.
    """

    def __init__(self, pool: Pool, group: str) -> None:
        self._pool = pool
        self._group = group
        self._positions: dict[tuple[str, int], effects.Position] = {}
        self._done: dict[tuple[str, int], effects.Done] = {}
        self._timelines = Timelines()
        self._unsure: set[tuple[str, int]] = set()
        """Where a transaction failed: it may have been committed before its connection died."""
        self.stopped: dict[tuple[str, int], str] = {}
        self._passed: dict[tuple[str, int], float] = {}
        """Since when records without effects are ahead of the offset."""
        self._locks: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def on_assigned(self, topic: str, partition: int) -> None:
        """Raise the partition's epoch and learn what was done."""
        key = (topic, partition)
        async with self._locks[key], self._pool.connection() as connection:
            self._positions[key], self._done[key] = await effects.take_over(
                connection, self._group, topic, partition
            )
            # They change by `gemba restored` only, while nobody is at work.
            self._timelines = await Timelines.load(connection)
            self._unsure.discard(key)
            self._passed.pop(key, None)

    async def commit(
        self,
        batch: Sequence[Message],
        make: Effects[Made],
        *,
        concerns: Callable[[Sequence[Message]], bool] = bool,
    ) -> Made | None:
        """Make the effects of what was not done before; answers what `make` does, after the commit.

        None when all of the batch was done before, was a repeat of the relay's, told of a lost
        future, or concerns nobody here.

        Args:
            batch: records of one partition.
            make: makes their effects.
            concerns: whether records have effects at all; by default all of them have.

        Raises:
            Fenced: another worker has the partition, or the database went back.
            BehindError: the database is older than the stream.
        """
        key = (batch[0].topic, batch[0].partition)
        made = None
        async with self._locks[key]:
            try:
                if key in self._unsure:
                    await self._ask(key)
                before = self._done[key]
                new, done = new_records(batch, before)
                if done == before:
                    return None
                if new and not concerns(new) and self._passes(key):
                    return None
                self._unsure.add(key)
                records = self._of_this_database(key, new)
                step = effects.Step(before, done, proof_of(new))
                async with effects.transaction(
                    self._pool, {self._positions[key]: step}
                ) as connection:
                    if records:
                        made = await make(connection, records)
            except effects.FencedError as error:
                raise Fenced(*key) from error
            except BehindError as error:
                self.stopped[key] = str(error)
                raise
            self._done[key] = done
            self._unsure.discard(key)
            self._passed.pop(key, None)
        return made

    def _passes(self, key: tuple[str, int]) -> bool:
        """Whether the offset may stay behind records that have no effects."""
        now = time.monotonic()
        return now - self._passed.setdefault(key, now) < PASSED_S

    def _of_this_database(
        self, key: tuple[str, int], records: Sequence[Message]
    ) -> Sequence[Message]:
        """The records without those of a lost future."""
        at = TopicPartition(*key)
        numbers = [outbox_number(record.headers) for record in records]
        ours = [
            record
            for record, number in zip(records, numbers, strict=True)
            if number is None or self._timelines.wrote(at, number)
        ]
        if len(ours) < len(records):
            passed = len(records) - len(ours)
            _log.info("%s[%d]: %d events of a lost future are passed over", *key, passed)
        return ours

    async def _ask(self, key: tuple[str, int]) -> None:
        async with self._pool.connection() as connection:
            self._done[key] = await effects.stands_at(
                connection, self._positions[key], at_least=self._done[key]
            )
        self._unsure.discard(key)
