"""Rounds beside telling and sending: documents, progress, shortages, and what is kept no longer."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from contracts.outward import ORDER_PROGRESSED, STOCK_SHORTAGE
from notify import documents
from runtime.clock import Clock
from runtime.health import HealthState
from store import outward, outward_progress
from store.database import Pool
from store.outbound import pruning, tasks
from store.outward import NewEvent

_log = logging.getLogger(__name__)

_AWAY_S: Final = 2.0
_SPARING: Final = 10.0
"""A round that looks through much, and takes long in a large installation, is made less often."""
_PORTION: Final = 2_000
_PORTION_PAUSE_S: Final = 0.2
_ORDERS_AT_ONCE: Final = 500


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often a round is made, in seconds.

    Attributes:
        documents: looking for documents to be made.
        production: looking what an ERP has not been told.
        progress: looking how far orders are; `progress_of_one`: telling it of the same order.
        shortages: looking for shortages.
        pruning: dropping what is kept no longer.
    """

    documents: float = 0.5
    production: float = 15.0
    progress: float = 5.0
    progress_of_one: float = 60.0
    shortages: float = 60.0
    pruning: float = 3600.0


class Tending:
    """Makes documents, tells of progress and shortages, drops what is old.

    Args:
        pool: where the rows are.
        clock: the time.
        keep: for how long what went outside is kept.
        pace: how often.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self, *, pool: Pool, clock: Clock, keep: timedelta, pace: Pace | None = None
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._keep = keep
        self._pace = pace or Pace()
        self._stuck = 0
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is: a document that cannot be made is told."""
        if self._stuck:
            return (
                HealthState.DEGRADED,
                f"{self._stuck} documents for partners cannot be made; the log says why",
            )
        return HealthState.OK, None

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        pace = self._pace
        return [
            self._keep_at(self.make_documents, pace.documents),
            self._keep_at(self.confirm_production, pace.production, sparing=_SPARING),
            self._keep_at(self.tell_progress, pace.progress, sparing=_SPARING),
            self._keep_at(self.tell_shortages, pace.shortages, sparing=_SPARING),
            self._keep_at(self.prune, pace.pruning),
        ]

    async def _keep_at(
        self, work: Callable[[], Awaitable[int]], pause_s: float, *, sparing: float = 0.0
    ) -> None:
        """Work in rounds; `sparing`: a pause is so many times as long as its round, at least."""
        while True:
            began = self._clock.monotonic()
            try:
                done = await work()
            except (psycopg.OperationalError, PoolTimeout, psycopg.errors.UndefinedTable) as error:
                _log.debug("the database does not answer: %s", error)
                await asyncio.sleep(_AWAY_S)
                continue
            least_s = sparing * (self._clock.monotonic() - began)
            await asyncio.sleep(least_s if done else max(pause_s, least_s))

    async def make_documents(self) -> int:
        """Make documents that are due; answers how many tasks were done."""
        async with self._pool.connection() as connection, connection.transaction():
            done, failed = await documents.make_due(connection, now=self._now())
            if failed or self._stuck:
                self._stuck = await tasks.stuck(connection)
        self.metrics["document_tasks_done"] += done
        self.metrics["document_tasks_failed"] += failed
        return done

    async def confirm_production(self) -> int:
        """Tell ERPs what was made; answers how many operations were told."""
        async with self._pool.connection() as connection, connection.transaction():
            told = await documents.confirm_production(connection, now=self._now())
        self.metrics["operations_confirmed"] += told
        return told

    async def tell_progress(self) -> int:
        """Make events of orders' progress; answers how many."""
        now = self._now()
        every = timedelta(seconds=self._pace.progress_of_one)
        async with self._pool.connection() as connection, connection.transaction():
            if not await outward.take_turn(connection):
                return 0
            told = await outward_progress.progressed(
                connection, now=now, every=every, at_once=_ORDERS_AT_ONCE
            )
            await outward.append(connection, _events(ORDER_PROGRESSED, told, now))
        return len(told)

    async def tell_shortages(self) -> int:
        """Make events of shortages; answers how many, of which none follows at once."""
        now = self._now()
        async with self._pool.connection() as connection, connection.transaction():
            if not await outward.take_turn(connection):
                return 0
            told = await outward_progress.new_shortages(connection, now=now)
            await outward.append(connection, _events(STOCK_SHORTAGE, told, now))
        self.metrics["shortages_told"] += len(told)
        return 0

    async def prune(self) -> int:
        """Drop what is kept no longer, in portions; answers 0: the next round is much later."""
        before = self._now() - self._keep
        for table in pruning.TABLES:
            dropped = _PORTION
            while dropped == _PORTION:
                async with self._pool.connection() as connection, connection.transaction():
                    dropped = await pruning.drop_older(connection, table, before, at_once=_PORTION)
                self.metrics["rows_pruned"] += dropped
                await asyncio.sleep(_PORTION_PAUSE_S)
        return 0

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)


def _events(event_type: str, told: list[outward_progress.Told], now: datetime) -> list[NewEvent]:
    return [
        NewEvent(type=event_type, site_id=one.site_id, subject=one.number, at=now, data=one.data)
        for one in told
    ]
