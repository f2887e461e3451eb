"""Roll-ups on plain PostgreSQL: tables of our own, a watermark, and notes of what came below it.

**No late row is missed**, though writers do not wait for the roll-up nor it for them. The watermark
moves in three steps: it is *announced*; transactions that may not have seen the announcement are
waited for, by their numbers; then everything below it is rolled up in one snapshot. A writer that
was waited for is in the snapshot. Any other has seen the announcement, and notes what it writes
below it (`store.history.notes`). TimescaleDB has the same arrangement inside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

from psycopg import sql

from store.database import Connection
from store.history.extents import HOUR_MS, TIMEOUT, VIEWS, Refreshed, dropped, kept

_SLICE_MS: Final = 7 * 24 * HOUR_MS
_WAIT_S: Final = 5.0
_POLL_S: Final = 0.05


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
        done_ms = await rolled_ms(connection)
        if done_ms is not None and done_ms >= until_ms:
            return Refreshed(rolled_ms=done_ms, touched=touched)
        if not await _older_ended(connection):
            return Refreshed(rolled_ms=done_ms or 0, touched=touched, waiting=True)
        if done_ms is None:
            done_ms = min(await _first_ms(connection), until_ms)
            await connection.execute("UPDATE rollup_state SET rolled_ms = %s", (done_ms,))
        while done_ms < until_ms:
            end_ms = min(until_ms, done_ms + _SLICE_MS)
            await _go_on(connection, done_ms, end_ms)
            done_ms = end_ms
        return Refreshed(rolled_ms=done_ms, touched=touched)


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


async def rolled_ms(connection: Connection) -> int | None:
    """Up to where the tables are filled; None: nothing ever was."""
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
        done_ms = await rolled_ms(connection)
        if not noted or done_ms is None:
            return 0
        for relation in VIEWS:
            start_ms = min(since_ms for _, since_ms in noted) // HOUR_MS * HOUR_MS
            for start, end in kept(await dropped(connection, relation), start_ms, done_ms):
                await _roll(connection, relation, noted, start, end)
        return len(noted)


async def _go_on(connection: Connection, start_ms: int, end_ms: int) -> None:
    """Roll up everything from the watermark on, and move it."""
    async with _snapshot(connection):
        cursor = await connection.execute("SELECT id FROM machines ORDER BY id")
        machines = [(machine_id, start_ms) for (machine_id,) in await cursor.fetchall()]
        for relation in VIEWS:
            await _roll(connection, relation, machines, start_ms, end_ms)
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
            ("statement_timeout", TIMEOUT),
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
