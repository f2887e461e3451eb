"""Letting old history go, a part (chunk or partition) at a time.

Age goes by a machine's own newest time, not by the wall clock: an old log that is replayed is not
thrown away. So a part goes when every machine with rows in it has gone on for long enough since
the part's end. Samples must not be needed any more either: a part stays until every machine of it
can be folded from a checkpoint after it. Roll-ups are made before, and stay; what arrives later for
a time that was dropped is kept, and the reader adds it to them.
"""

from __future__ import annotations

import logging
import re
from typing import Final, LiteralString

import msgspec
import psycopg
from psycopg import sql

from store.database import Connection
from store.history.extents import VIEWS, is_plain
from store.history.rollups import TimescaleRollUps

logger = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
_LOCK_TIMEOUT: Final = "2s"
AT_ONCE: Final = 8
_BOUND: Final = re.compile(r"FOR VALUES FROM \('?(-?\d+)'?\) TO \('?(-?\d+)'?\)")
TIME_COLUMNS: Final[dict[str, LiteralString]] = {
    "samples": "t_ms",
    "piece_slots": "slot_ms",
    "state_changes": "e_ms",
    "operation_slots": "slot_ms",
    "operation_changes": "e_ms",
}


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long history is kept, in days of a machine's own time."""

    samples_days: float = 400.0
    piece_slots_days: float = 5 * 365.25
    state_changes_days: float = 5 * 365.25
    operation_slots_days: float = 5 * 365.25
    operation_changes_days: float = 5 * 365.25

    def ms_of(self, relation: str) -> int:
        """How long a relation's rows are kept."""
        days: float = getattr(self, f"{relation}_days")
        return int(days * DAY_MS)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a relation: rows of a range of times, in a table of their own."""

    relation: str
    schema: str
    table: str
    from_ms: int
    to_ms: int

    @property
    def name(self) -> sql.Identifier:
        """The part's own table."""
        return sql.Identifier(self.schema, self.table)


async def drop_old(connection: Connection, keep: Keep, *, at_once: int = AT_ONCE) -> list[Part]:
    """Drop parts whose machines have all gone on for long enough, oldest first.

    A part that is in use for longer than a moment is left for the next time.

    Args:
        connection: outside of any transaction; held by `rollups.alone`.
        keep: how long rows are kept.
        at_once: so many parts at most; the next call goes on.

    Returns:
        What was dropped.
    """
    plain = await is_plain(connection)
    newest_ms = await _newest_ms(connection)
    gone: list[Part] = []
    for relation in VIEWS:
        keep_ms = keep.ms_of(relation)
        for part in await parts(connection, relation):
            if len(gone) >= at_once or part.to_ms + keep_ms >= newest_ms:
                break
            try:
                if await _drop(connection, part, keep_ms, plain=plain):
                    gone.append(part)
            except psycopg.errors.LockNotAvailable:
                logger.info("%s is in use; it is dropped later", part.table)
    return gone


async def parts(connection: Connection, relation: str) -> list[Part]:
    """The parts of a relation by time, without those that were dropped before."""
    if await is_plain(connection):
        rows = await _partitions(connection, relation)
    else:
        rows = await _chunks(connection, relation)
    cursor = await connection.execute(
        "SELECT from_ms, to_ms FROM history_dropped WHERE relation = %s", (relation,)
    )
    before = await cursor.fetchall()
    found = [
        Part(relation=relation, schema=schema, table=table, from_ms=start, to_ms=end)
        for schema, table, start, end in rows
        if not any(gone_from <= start and end <= gone_to for gone_from, gone_to in before)
    ]
    return sorted(found, key=lambda part: part.from_ms)


async def _partitions(connection: Connection, relation: str) -> list[tuple[str, str, int, int]]:
    cursor = await connection.execute(
        """
        SELECT n.nspname, c.relname, pg_get_expr(c.relpartbound, c.oid)
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhparent = %s::regclass
        """,
        (relation,),
    )
    found = []
    for schema, table, bound in await cursor.fetchall():
        match = _BOUND.fullmatch(bound)
        if match is not None:
            found.append((schema, table, int(match[1]), int(match[2])))
    return found


async def _chunks(connection: Connection, relation: str) -> list[tuple[str, str, int, int]]:
    cursor = await connection.execute(
        """
        SELECT chunk_schema, chunk_name, range_start_integer, range_end_integer
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = current_schema() AND hypertable_name = %s
        """,
        (relation,),
    )
    return [(schema, table, start, end) for schema, table, start, end in await cursor.fetchall()]


async def _newest_ms(connection: Connection) -> int:
    """The newest time that any machine has come to."""
    cursor = await connection.execute("SELECT coalesce(max(last_seen_ms), 0) FROM machine_states")
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def _drop(connection: Connection, part: Part, keep_ms: int, *, plain: bool) -> bool:
    """Drop a part if nobody needs it; checked again while nobody else can write to it."""
    if await _needed(connection, part, keep_ms):
        return False
    if not plain:
        rollups = TimescaleRollUps()
        for view in VIEWS[part.relation]:
            await rollups.refresh_window(connection, view, part.from_ms, part.to_ms)
    async with connection.transaction():
        await connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        await connection.execute(
            sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(part.name)
        )
        if await _needed(connection, part, keep_ms):
            return False
        if plain:
            if await _not_rolled_up(connection, part):
                return False
            cursor = await connection.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM ONLY {})").format(part.name)
            )
            if await cursor.fetchone() != (True,):
                return False
        if part.relation == "samples":
            await _move_horizons(connection, part)
        if plain:
            # Emptied, not taken away: that would lock the whole relation, and writers remember
            # which partitions they have made.
            await connection.execute(sql.SQL("TRUNCATE ONLY {}").format(part.name))
        else:
            await connection.execute(
                "SELECT drop_chunks(%s::regclass, older_than => %s::bigint,"
                " newer_than => %s::bigint)",
                (part.relation, part.to_ms, part.from_ms),
            )
        await _note_dropped(connection, part)
    logger.info(
        "%s from %d to %d dropped: older than is kept", part.relation, part.from_ms, part.to_ms
    )
    return True


async def _needed(connection: Connection, part: Part, keep_ms: int) -> bool:
    """Whether a machine with rows in the part has not gone on for long enough."""
    folded = sql.SQL(
        """
        OR coalesce((SELECT max(c.e_ms) FROM checkpoints c WHERE c.machine_id = m.id), 0)
         - coalesce((SELECT max(p.clock_back_ms) FROM publishers p WHERE p.machine_id = m.id), 0)
         < %(to_ms)s
        """
    )
    cursor = await connection.execute(
        sql.SQL(
            """
            SELECT EXISTS (
                SELECT FROM machines m LEFT JOIN machine_states s ON s.machine_id = m.id
                WHERE (coalesce(s.last_seen_ms, 0) <= %(to_ms)s::bigint + %(keep_ms)s {folded})
                  AND EXISTS (SELECT FROM {relation} r WHERE r.machine_id = m.id
                              AND r.{time} >= %(from_ms)s AND r.{time} < %(to_ms)s)
            )
            """
        ).format(
            folded=folded if part.relation == "samples" else sql.SQL(""),
            relation=sql.Identifier(part.relation),
            time=sql.SQL(TIME_COLUMNS[part.relation]),
        ),
        {"from_ms": part.from_ms, "to_ms": part.to_ms, "keep_ms": keep_ms},
    )
    return await cursor.fetchone() == (True,)


async def _not_rolled_up(connection: Connection, part: Part) -> bool:
    """Whether the part is above the watermark, or something in it is to be rolled up again."""
    cursor = await connection.execute(
        """
        SELECT coalesce((SELECT rolled_ms FROM rollup_state), 0) < %(to_ms)s
            OR EXISTS (SELECT FROM history_touched WHERE since_ms < %(to_ms)s)
            OR EXISTS (SELECT FROM history_refresh WHERE since_ms < %(to_ms)s)
        """,
        {"to_ms": part.to_ms},
    )
    return await cursor.fetchone() == (True,)


async def _move_horizons(connection: Connection, part: Part) -> None:
    """Keep since when machines' samples are complete."""
    await connection.execute(
        """
        INSERT INTO history_horizons AS h (machine_id, raw_from_ms)
        SELECT m.id, %(to_ms)s FROM machines m
        WHERE EXISTS (SELECT FROM samples r WHERE r.machine_id = m.id
                      AND r.t_ms >= %(from_ms)s AND r.t_ms < %(to_ms)s)
        ON CONFLICT (machine_id) DO UPDATE
            SET raw_from_ms = greatest(h.raw_from_ms, excluded.raw_from_ms)
        """,
        {"from_ms": part.from_ms, "to_ms": part.to_ms},
    )


async def _note_dropped(connection: Connection, part: Part) -> None:
    """Keep which times are gone; neighbours become one range."""
    await connection.execute(
        """
        WITH joined AS (
            DELETE FROM history_dropped
            WHERE relation = %(relation)s AND (to_ms = %(from_ms)s OR from_ms = %(to_ms)s)
            RETURNING from_ms, to_ms
        )
        INSERT INTO history_dropped (relation, from_ms, to_ms)
        SELECT %(relation)s, least(min(from_ms), %(from_ms)s), greatest(max(to_ms), %(to_ms)s)
        FROM joined
        """,
        {"relation": part.relation, "from_ms": part.from_ms, "to_ms": part.to_ms},
    )
