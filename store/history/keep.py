"""Keeping the history in order, again and again: roll-ups often, retention now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from runtime.clock import Clock, SystemClock
from store.database import Connection, Pool
from store.history import retention
from store.history.extents import Refreshed
from store.history.retention import Keep, drop_old
from store.history.rollups import alone, finished_ms, rollups_of

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 30.0
"""Between two refreshes: what came late is in the roll-ups within a minute."""

DROP_INTERVAL_S: Final = 3_600.0
_PAUSE_S: Final = 1.0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round did.

    Attributes:
        refreshed: of the roll-ups; None: another process sees to them now.
        dropped: parts that retention dropped.
        seconds: how long it took.
    """

    refreshed: Refreshed | None = None
    dropped: int = 0
    seconds: float = 0.0

    def figures(self, now_ms: int) -> dict[str, float]:
        """For `/metrics`: nothing of what another process does."""
        if self.refreshed is None:
            return {}
        return {
            "refresh_seconds": self.seconds,
            "behind_seconds": max(0.0, (finished_ms(now_ms) - self.refreshed.rolled_ms) / 1_000),
            "touched_machines": float(self.refreshed.touched or 0),
            "dropped_parts": float(self.dropped),
        }


class History:
    """The keeper of one database's history; `trouble` says in words why it does not get on."""

    def __init__(self, pool: Pool, *, keep: Keep | None = None, clock: Clock | None = None) -> None:
        self._pool = pool
        self._keep = keep or Keep()
        self._clock = clock or SystemClock()
        self._drop_at = 0.0
        self._figures: dict[str, float] = {}
        self._failures = 0
        self.trouble: str | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Figures of the last round that this process did, and how often one failed."""
        return {**self._figures, "failures": float(self._failures)}

    async def round(self, interval_s: float = INTERVAL_S) -> Round:
        """Refresh, and drop when it is time to; nothing when another process has done so lately.

        Raises:
            psycopg.Error: the database does not answer, or something failed.
        """
        started = self._clock.monotonic()
        async with self._pool.connection() as connection, alone(connection) as is_alone:
            if not is_alone or not await _due(connection, interval_s):
                return Round()
            rollups = await rollups_of(connection)
            refreshed = await rollups.refresh(connection, finished_ms(self._clock.now_ms()))
            await connection.execute("UPDATE rollup_state SET refreshed_at = clock_timestamp()")
            dropped = 0
            if started >= self._drop_at:
                dropped = len(await drop_old(connection, self._keep))
                pause_s = _PAUSE_S if dropped == retention.AT_ONCE else DROP_INTERVAL_S
                self._drop_at = started + pause_s
        return Round(
            refreshed=refreshed, dropped=dropped, seconds=self._clock.monotonic() - started
        )

    async def run(
        self, *, interval_s: float = INTERVAL_S, on_round: Callable[[Round], None] | None = None
    ) -> None:
        """Do rounds until cancelled; a database that is away is tried again.

        Args:
            interval_s: between two rounds, of all processes together.
            on_round: is told of each round.
        """
        while True:
            try:
                done = await self.round(interval_s)
                self.trouble = None
                self._figures = done.figures(self._clock.now_ms()) or self._figures
                if on_round is not None:
                    on_round(done)
            except (psycopg.OperationalError, PoolTimeout) as error:
                self._failed(error)
                logger.warning("the history cannot be rolled up now: %s", error)
            except psycopg.Error as error:
                self._failed(error)
                logger.exception("rolling up the history failed; it is tried again")
            await asyncio.sleep(interval_s)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self.trouble = f"the history is not rolled up: {type(error).__name__}"


async def keep_history(
    pool: Pool,
    *,
    keep: Keep | None = None,
    interval_s: float = INTERVAL_S,
    on_round: Callable[[Round], None] | None = None,
) -> None:
    """Keep a database's history in order until cancelled, see `History`."""
    await History(pool, keep=keep).run(interval_s=interval_s, on_round=on_round)


async def _due(connection: Connection, interval_s: float) -> bool:
    """Whether the last refresh, by whomever, was long enough ago."""
    cursor = await connection.execute(
        "SELECT refreshed_at IS NULL OR refreshed_at <= clock_timestamp() - make_interval("
        "secs => %s) FROM rollup_state",
        (interval_s / 2,),
    )
    return await cursor.fetchone() == (True,)
