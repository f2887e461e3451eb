"""Keeping the roll-ups: one port, behind it TimescaleDB's aggregates or tables of our own.

Both roll up what is finished (older than the current hour and a little) and do again what late rows
touched. What is newer is added by the views, so nothing waits for a refresh to be seen; only what
came late does.

"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from contracts.ids import EpochMs
from store.database import Connection
from store.history.extents import HOUR_MS, TIMEOUT, VIEWS, Refreshed, dropped, is_plain, kept
from store.history.plain import PlainRollUps, rolled_ms

SETTLED_MS: Final = 10 * 60_000
"""An hour is finished when it has been over for so long: most of what is late is in by then."""

_ADVISORY_LOCK: Final = 0x726F6C6C7570  # "rollup"
_REFRESH: Final = "CALL refresh_continuous_aggregate(%s::regclass, %s::bigint, %s::bigint)"
_REFRESH_IN_BATCHES: Final = """
CALL refresh_continuous_aggregate(%s::regclass, %s::bigint, %s::bigint, options => %s::jsonb)
"""
_BATCHES: Final = '{"buckets_per_batch": 2000}'
"""By itself it takes ten buckets at a time: a year of 5 minutes would be 10,000 rounds."""


class RollUps(Protocol):
    """The roll-ups of one database."""

    async def refresh(self, connection: Connection, until_ms: int) -> Refreshed:
        """Roll up what is finished before a time and what was touched below it.

        Args:
            connection: outside of any transaction; held by `alone`.
            until_ms: a full hour, see `finished_ms`.
        """


def finished_ms(now_ms: int) -> EpochMs:
    """Up to where hours are finished."""
    return EpochMs((now_ms - SETTLED_MS) // HOUR_MS * HOUR_MS)


async def rollups_of(connection: Connection) -> RollUps:
    """The roll-ups as this database keeps them."""
    return PlainRollUps() if await is_plain(connection) else TimescaleRollUps()


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[bool]:
    """Be the only one who refreshes and drops; False: somebody else does so now."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_LOCK,))
    if await cursor.fetchone() != (True,):
        yield False
        return
    try:
        yield True
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))


async def rolled_up_to(connection: Connection, view: str) -> int:
    """Before which time a roll-up is told from what is stored of it, not from the rows themselves.

    TimescaleDB's watermark is no later than the newest rows, whatever was refreshed.
    """
    if await is_plain(connection):
        return await rolled_ms(connection) or 0
    cursor = await connection.execute(
        """
        SELECT _timescaledb_functions.cagg_watermark(h.id)
        FROM timescaledb_information.continuous_aggregates a
        JOIN _timescaledb_catalog.hypertable h
          ON h.schema_name = a.materialization_hypertable_schema
         AND h.table_name = a.materialization_hypertable_name
        WHERE a.view_schema = current_schema() AND a.view_name = %s
        """,
        (view,),
    )
    row = await cursor.fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


class TimescaleRollUps:
    """Continuous aggregates: TimescaleDB knows what was touched, and does nothing else again."""

    def __init__(self) -> None:
        self._batches: bool | None = None

    async def refresh(self, connection: Connection, until_ms: int) -> Refreshed:
        """Refresh every aggregate over everything that was not dropped."""
        # Rows that came from a plain database say that their roll-ups wait for notes; these do not.
        await connection.execute(
            "UPDATE rollup_state SET announced_ms = NULL, rolled_ms = NULL"
            " WHERE announced_ms IS NOT NULL"
        )
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (TIMEOUT,))
        try:
            for relation, views in VIEWS.items():
                windows = kept(await dropped(connection, relation), 0, until_ms)
                for view in views:
                    for start, end in windows:
                        await self.refresh_window(connection, view, start, end)
        finally:
            if not connection.closed:
                await connection.execute("RESET statement_timeout")
        return Refreshed(rolled_ms=until_ms)

    async def refresh_window(
        self, connection: Connection, view: str, start_ms: int, end_ms: int
    ) -> None:
        """Refresh one aggregate between two full hours, where it was touched."""
        if await self._takes_options(connection):
            await connection.execute(_REFRESH_IN_BATCHES, (view, start_ms, end_ms, _BATCHES))
        else:
            await connection.execute(_REFRESH, (view, start_ms, end_ms))

    async def _takes_options(self, connection: Connection) -> bool:
        """Whether this TimescaleDB refreshes in batches, and can be told how large they are."""
        if self._batches is None:
            cursor = await connection.execute(
                "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'refresh_continuous_aggregate'"
                " AND 'options' = ANY(proargnames))"
            )
            self._batches = await cursor.fetchone() == (True,)
        return self._batches
