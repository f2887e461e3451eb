"""Keeping the roll-ups: one port, behind it TimescaleDB's aggregates or tables of our own.

Both roll up what is finished (older than the current hour and a little) and do again what late rows
touched. What is newer is added by the views, so nothing waits for a refresh to be seen; only what
came late does.

**No late row is missed** on plain PostgreSQL, though writers do not wait for the roll-up nor it for
them. The watermark moves in three steps: it is *announced*; transactions that may not have seen the
announcement are waited for, by their numbers; then everything below it is rolled up in one
snapshot. A writer that was waited for is in the snapshot. Any other has seen the announcement, and
notes what it writes below it (`store.history.notes`). TimescaleDB has the same arrangement inside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec
from psycopg import sql

from contracts.ids import EpochMs
from store.database import Connection

HOUR_MS: Final = 3_600_000
SETTLED_MS: Final = 10 * 60_000
"""An hour is finished when it has been over for so long: most of what is late is in by then."""

_ADVISORY_LOCK: Final = 0x726F6C6C7570  # "rollup"
_SLICE_MS: Final = 7 * 24 * HOUR_MS
_REFRESH: Final = "CALL refresh_continuous_aggregate(%s::regclass, %s::bigint, %s::bigint)"
_REFRESH_IN_BATCHES: Final = """
CALL refresh_continuous_aggregate(%s::regclass, %s::bigint, %s::bigint, options => %s::jsonb)
"""
_BATCHES: Final = '{"buckets_per_batch": 2000}'
"""By itself it takes ten buckets at a time: a year of 5 minutes would be 10,000 rounds."""

_WAIT_S: Final = 5.0
_POLL_S: Final = 0.05
_TIMEOUT: Final = "15min"

VIEWS: Final = {
    "samples": ("readings_5m", "readings_1h"),
    "piece_slots": ("pieces_1h",),
    "state_changes": ("states_1h",),
}
"""The roll-ups of each relation, in the order in which they are made."""


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh did.

    Attributes:
        rolled_ms: everything before is rolled up.
        touched: machines of which something was rolled up again; None: TimescaleDB does not say.
        waiting: transactions older than the announcement did not end: the watermark stayed.
    """

    rolled_ms: int
    touched: int | None = None
    waiting: bool = False


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


async def is_plain(connection: Connection) -> bool:
    """Whether the history is cut into partitions of PostgreSQL's own."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass)"
    )
    return await cursor.fetchone() == (True,)


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


async def dropped(connection: Connection, relation: str) -> list[tuple[int, int]]:
    """The times of a relation that retention dropped, in order."""
    cursor = await connection.execute(
        "SELECT from_ms, to_ms FROM history_dropped WHERE relation = %s ORDER BY from_ms",
        (relation,),
    )
    return [(start, end) for start, end in await cursor.fetchall()]


async def rolled_up_to(connection: Connection, view: str) -> int:
    """Before which time a roll-up is told from what is stored of it, not from the rows themselves.

    TimescaleDB's watermark is no later than the newest rows, whatever was refreshed.
    """
    if await is_plain(connection):
        return await _rolled_ms(connection) or 0
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


def kept(ranges: Iterable[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """What of a range of times lies outside of these ranges (which are in order)."""
    windows = []
    for gone_from, gone_to in ranges:
        if gone_to <= start:
            continue
        if gone_from >= end:
            break
        if start < gone_from:
            windows.append((start, gone_from))
        start = gone_to
    if start < end:
        windows.append((start, end))
    return windows


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
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (_TIMEOUT,))
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


class PlainRollUps:
    """Tables of our own, a watermark, and notes of what came below it."""

    async def refresh(self, connection: Connection, until_ms: int) -> Refreshed:
        """Roll up again what was noted, then go on from the watermark."""
        await _take_notes(connection)
        await connection.execute(
            "UPDATE rollup_state SET announced_ms = %(until)s"
            " WHERE announced_ms IS NULL OR announced_ms < %(until)s",
            {"until": until_ms},
        )
        touched = await _roll_again(connection)
        rolled_ms = await _rolled_ms(connection)
        if rolled_ms is not None and rolled_ms >= until_ms:
            return Refreshed(rolled_ms=rolled_ms, touched=touched)
        if not await _older_ended(connection):
            return Refreshed(rolled_ms=rolled_ms or 0, touched=touched, waiting=True)
        if rolled_ms is None:
            rolled_ms = min(await _first_ms(connection), until_ms)
            await connection.execute("UPDATE rollup_state SET rolled_ms = %s", (rolled_ms,))
        while rolled_ms < until_ms:
            end_ms = min(until_ms, rolled_ms + _SLICE_MS)
            await _go_on(connection, rolled_ms, end_ms)
            rolled_ms = end_ms
        return Refreshed(rolled_ms=rolled_ms, touched=touched)


async def _take_notes(connection: Connection) -> None:
    """Move notes to where no writer looks, at once; what a writer holds comes in the next round."""
    await connection.execute(
        """
        WITH taken AS (
            DELETE FROM history_touched WHERE machine_id IN (
                SELECT machine_id FROM history_touched FOR UPDATE SKIP LOCKED
            ) RETURNING machine_id, since_ms
        )
        INSERT INTO history_refresh AS r (machine_id, since_ms)
        SELECT machine_id, since_ms FROM taken
        ON CONFLICT (machine_id) DO UPDATE SET since_ms = least(r.since_ms, excluded.since_ms)
        """
    )


async def _rolled_ms(connection: Connection) -> int | None:
    cursor = await connection.execute("SELECT rolled_ms FROM rollup_state")
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def _older_ended(connection: Connection) -> bool:
    """Whether all transactions that run now and write have ended within a few seconds."""
    cursor = await connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    row = await cursor.fetchone()
    deadline = time.monotonic() + _WAIT_S
    while True:
        cursor = await connection.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8", row
        )
        if await cursor.fetchone() == (True,):
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)


async def _first_ms(connection: Connection) -> int:
    """The full hour in which the history begins; far ahead when there is none."""
    cursor = await connection.execute(
        """
        SELECT min(least(s.t_ms, p.slot_ms, c.e_ms)) FROM machines m
        LEFT JOIN LATERAL (
            SELECT t_ms FROM samples WHERE machine_id = m.id ORDER BY t_ms LIMIT 1
        ) s ON true
        LEFT JOIN LATERAL (
            SELECT slot_ms FROM piece_slots WHERE machine_id = m.id ORDER BY slot_ms LIMIT 1
        ) p ON true
        LEFT JOIN LATERAL (
            SELECT e_ms FROM state_changes WHERE machine_id = m.id ORDER BY e_ms LIMIT 1
        ) c ON true
        """
    )
    row = await cursor.fetchone()
    return 2**62 if row is None or row[0] is None else row[0] // HOUR_MS * HOUR_MS


async def _roll_again(connection: Connection) -> int:
    """Roll up again, below the watermark, what was noted; answers of how many machines."""
    async with _snapshot(connection):
        cursor = await connection.execute(
            "DELETE FROM history_refresh RETURNING machine_id, since_ms"
        )
        noted = await cursor.fetchall()
        rolled_ms = await _rolled_ms(connection)
        if not noted or rolled_ms is None:
            return 0
        for relation in VIEWS:
            start_ms = min(since_ms for _, since_ms in noted) // HOUR_MS * HOUR_MS
            for start, end in kept(await dropped(connection, relation), start_ms, rolled_ms):
                await _roll(connection, relation, noted, start, end)
        return len(noted)


async def _go_on(connection: Connection, rolled_ms: int, end_ms: int) -> None:
    """Roll up everything from the watermark on, and move it."""
    async with _snapshot(connection):
        cursor = await connection.execute("SELECT id FROM machines ORDER BY id")
        machines = [(machine_id, rolled_ms) for (machine_id,) in await cursor.fetchall()]
        for relation in VIEWS:
            await _roll(connection, relation, machines, rolled_ms, end_ms)
        await connection.execute("UPDATE rollup_state SET rolled_ms = %s", (end_ms,))


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[None]:
    """A transaction that sees one moment, may take its time, and looks machines up by index.

    Rows are found per machine and time; a plan that reads whole partitions instead would be chosen
    where statistics are old.
    """
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name, value in (
            ("statement_timeout", _TIMEOUT),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ):
            await connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        yield


_SINCE: Final = """
WITH since AS MATERIALIZED (
    SELECT machine_id, greatest(since_ms - since_ms %% 3600000, %(start)s) AS since_ms
    FROM unnest(%(machines)s::integer[], %(sinces)s::bigint[]) AS t (machine_id, since_ms)
)
"""
_FORGET: Final = """
DELETE FROM {table} r USING since t
WHERE r.machine_id = t.machine_id AND r.bucket_ms >= t.since_ms AND r.bucket_ms < %(end)s
"""
_READINGS_5M: Final = """
INSERT INTO rolled_readings_5m (machine_id, metric_id, bucket_ms, n, sum, min, max)
SELECT r.machine_id, r.metric_id, r.t_ms - r.t_ms %% 300000, count(*), sum(r.value), min(r.value),
       max(r.value)
FROM since t JOIN samples r
  ON r.machine_id = t.machine_id AND r.t_ms >= t.since_ms AND r.t_ms < %(end)s
WHERE r.metric_id IS NOT NULL AND r.value BETWEEN -1e290 AND 1e290
GROUP BY 1, 2, 3
"""
_READINGS_1H: Final = """
INSERT INTO rolled_readings_1h (machine_id, metric_id, bucket_ms, n, sum, min, max)
SELECT r.machine_id, r.metric_id, r.bucket_ms - r.bucket_ms %% 3600000, sum(r.n)::bigint,
       sum(r.sum), min(r.min), max(r.max)
FROM since t JOIN rolled_readings_5m r
  ON r.machine_id = t.machine_id AND r.bucket_ms >= t.since_ms AND r.bucket_ms < %(end)s
GROUP BY 1, 2, 3
"""
_PIECES_1H: Final = """
INSERT INTO rolled_pieces_1h (machine_id, bucket_ms, good, scrap)
SELECT r.machine_id, r.slot_ms - r.slot_ms %% 3600000, sum(r.good), sum(r.scrap)
FROM since t JOIN piece_slots r
  ON r.machine_id = t.machine_id AND r.slot_ms >= t.since_ms AND r.slot_ms < %(end)s
GROUP BY 1, 2
"""
_STATES_1H: Final = """
INSERT INTO rolled_states_1h
    (machine_id, bucket_ms, left_state, left_reason, state, reason, n, sum_ms)
SELECT r.machine_id, r.e_ms - r.e_ms %% 3600000, r.left_state, r.left_reason, r.state, r.reason,
       count(*), sum(r.e_ms)
FROM since t JOIN state_changes r
  ON r.machine_id = t.machine_id AND r.e_ms >= t.since_ms AND r.e_ms < %(end)s
GROUP BY 1, 2, 3, 4, 5, 6
"""
_MAKE: Final = {
    "readings_5m": _READINGS_5M,
    "readings_1h": _READINGS_1H,
    "pieces_1h": _PIECES_1H,
    "states_1h": _STATES_1H,
}


async def _roll(
    connection: Connection,
    relation: str,
    machines: Collection[tuple[int, int]],
    start_ms: int,
    end_ms: int,
) -> None:
    """Make a relation's roll-ups anew, each machine's from its time on, within full hours."""
    parameters = {
        "machines": [machine_id for machine_id, _ in machines],
        "sinces": [since_ms for _, since_ms in machines],
        "start": start_ms,
        "end": end_ms,
    }
    for view in VIEWS[relation]:
        table = sql.Identifier(f"rolled_{view}")
        forget = sql.SQL(_SINCE) + sql.SQL(_FORGET).format(table=table)
        await connection.execute(forget, parameters)
        await connection.execute(sql.SQL(_SINCE) + sql.SQL(_MAKE[view]), parameters)
