"""The job that keeps what reports are made of: one process at a time, again and again.

Each kind of revision is a function that takes notes away and writes what differs, within the
transaction that holds the writer's turn (`store.reports.writing`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import psycopg
from psycopg_pool import PoolTimeout

from store.database import Connection, Pool
from store.reports.machine_shifts import keep_machine_shifts
from store.reports.order_lines import keep_order_lines
from store.reports.writing import turn

logger = logging.getLogger(__name__)

Kind: TypeAlias = Callable[[Connection, datetime], Awaitable[int]]
"""Takes a limited number of notes away and writes revisions recorded at that moment; answers how
much it looked at: 0 when there was nothing to do."""

KINDS: Final[dict[str, Kind]] = {
    "machine_shifts": keep_machine_shifts,
    "order_lines": keep_order_lines,
}

INTERVAL_S: Final = 2.0
"""Between two rounds that found nothing more to do."""


class ReportKeeping:
    """The keeper; `trouble` says in words why it does not get on."""

    def __init__(self, pool: Pool, *, interval_s: float = INTERVAL_S) -> None:
        self._pool = pool
        self._interval_s = interval_s
        self._done: dict[str, float] = dict.fromkeys(KINDS, 0.0)
        self._failures: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """Why something is not kept; None: everything is."""
        return next(iter(self._troubles.values()), None)

    @property
    def metrics(self) -> dict[str, float]:
        """How much was looked at, and how often it failed."""
        looked = {f"{kind}_looked_at": done for kind, done in self._done.items()}
        return looked | {f"{kind}_failures": float(n) for kind, n in self._failures.items()}

    async def run(self) -> None:
        """Keep until cancelled; a database that is away is tried again."""
        while True:
            more = [await self._tried(kind) for kind in KINDS]
            await asyncio.sleep(0 if any(more) else self._interval_s)

    async def _tried(self, kind: str) -> int:
        try:
            done = await keep(self._pool, KINDS[kind])
        except (psycopg.OperationalError, PoolTimeout) as error:
            logger.warning("reports (%s) cannot be kept now: %s", kind, error)
            self._failed(kind, error)
        except (psycopg.Error, ValueError) as error:
            logger.exception("keeping reports (%s) failed; it is tried again", kind)
            self._failed(kind, error)
        else:
            self._troubles.pop(kind, None)
            self._done[kind] += done
            return done
        return 0

    def _failed(self, kind: str, error: Exception) -> None:
        self._failures[kind] += 1
        self._troubles[kind] = f"reports ({kind}) are not kept: {type(error).__name__}"


async def keep(pool: Pool, kind: Kind) -> int:
    """Do a kind's work once; 0 also while another process has the turn."""
    async with pool.connection() as connection, connection.transaction():
        recorded_at = await turn(connection)
        return 0 if recorded_at is None else await kind(connection, recorded_at)


async def keep_all(pool: Pool, kinds: Sequence[Kind] = tuple(KINDS.values())) -> None:
    """Work until nothing is left to do: for tests, benchmarks and whoever moves data."""
    for kind in kinds:
        while await keep(pool, kind):
            pass
