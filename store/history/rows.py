"""The rows that answers about the past are made of, summed up by bucket in the database.

Roll-ups where buckets are full hours (or 5 minutes, for readings), else the relations' own rows.
Where retention dropped rows, what arrived there later is not in the roll-ups and is added.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, LiteralString, NamedTuple

from psycopg import sql

from store.database import Connection
from store.history.buckets import HOUR_MS
from store.history.extents import dropped
from store.history.rollups import rolled_up_to
from store.history.states import Change, Told


class Singly(NamedTuple):
    """Rows as they were told, by time.

    Attributes:
        values: (t_ms, metric id, value).
        changes: (e_ms, state, reason).
        slots: (slot_ms, good, scrap).
    """

    values: list[tuple[Any, ...]]
    changes: list[tuple[Any, ...]]
    slots: list[tuple[Any, ...]]

    def times(self) -> list[list[int]]:
        """The times of each."""
        return [[row[0] for row in some] for some in self]


class _Source(NamedTuple):
    """Where a kind of rows comes from: rolled up (with the time `at`), and as they are."""

    relation: str
    view: str
    rolled: LiteralString
    own: LiteralString


_PIECES: Final = _Source(
    "piece_slots",
    "pieces_1h",
    "SELECT bucket_ms AS at, good, scrap FROM pieces_1h WHERE machine_id = %(machine)s"
    " AND bucket_ms >= {start} AND bucket_ms < {end}",
    "SELECT slot_ms AS at, good, scrap FROM piece_slots WHERE machine_id = %(machine)s"
    " AND slot_ms >= {start} AND slot_ms < {end}",
)
_STATES: Final = _Source(
    "state_changes",
    "states_1h",
    "SELECT bucket_ms AS at, left_state, left_reason, state, reason, n, sum_ms FROM states_1h"
    " WHERE machine_id = %(machine)s AND bucket_ms >= {start} AND bucket_ms < {end}",
    "SELECT e_ms AS at, left_state, left_reason, state, reason, 1 AS n, e_ms::numeric AS sum_ms"
    " FROM state_changes WHERE machine_id = %(machine)s AND e_ms >= {start} AND e_ms < {end}",
)
_OWN_READINGS: Final[LiteralString] = (
    "SELECT t_ms AS at, metric_id, 1 AS n, value AS sum, value AS min, value AS max FROM samples"
    " WHERE machine_id = %(machine)s AND metric_id = ANY(%(metrics)s)"
    " AND value BETWEEN -1e290 AND 1e290 AND t_ms >= {start} AND t_ms < {end}"
)
_READINGS_1H: Final = _Source(
    "samples",
    "readings_1h",
    "SELECT bucket_ms AS at, metric_id, n, sum, min, max FROM readings_1h"
    " WHERE machine_id = %(machine)s AND metric_id = ANY(%(metrics)s)"
    " AND bucket_ms >= {start} AND bucket_ms < {end}",
    _OWN_READINGS,
)
_READINGS_5M: Final = _Source(
    "samples",
    "readings_5m",
    "SELECT bucket_ms AS at, metric_id, n, sum, min, max FROM readings_5m"
    " WHERE machine_id = %(machine)s AND metric_id = ANY(%(metrics)s)"
    " AND bucket_ms >= {start} AND bucket_ms < {end}",
    _OWN_READINGS,
)


async def pieces(
    connection: Connection, machine_id: int, edges: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Good and scrap pieces by bucket."""
    source = sql.SQL("""
        SELECT width_bucket(at, %(edges)s::bigint[]) - 1, sum(good), sum(scrap)
        FROM ({rows}) r GROUP BY 1
    """)
    if _hours(edges):
        rows = await _rolled(connection, _PIECES, edges[0], edges[-1])
    else:
        rows = _own(_PIECES, edges[0], edges[-1])
    cursor = await connection.execute(
        source.format(rows=rows), {"machine": machine_id, "edges": list(edges)}
    )
    return {bucket: (int(good), int(scrap)) for bucket, good, scrap in await cursor.fetchall()}


async def changes(
    connection: Connection, machine_id: int, edges: Sequence[int], until_ms: int
) -> list[Change]:
    """Changes of state by bucket, all before a time."""
    start_ms, end_ms = edges[0], min(edges[-1], until_ms)
    if end_ms <= start_ms:
        return []
    rows = _own(_STATES, start_ms, end_ms)
    if _hours(edges):
        # The bucket that is not over yet cannot be told from its roll-up.
        over_ms = max(edge for edge in edges if edge <= end_ms)
        rows = sql.SQL(" UNION ALL ").join(
            (
                await _rolled(connection, _STATES, start_ms, over_ms),
                _own(_STATES, over_ms, end_ms),
            )
        )
    cursor = await connection.execute(
        sql.SQL("""
            SELECT width_bucket(at, %(edges)s::bigint[]) - 1, left_state, left_reason, state,
                   reason, sum(n), sum(sum_ms)
            FROM ({rows}) r GROUP BY 1, 2, 3, 4, 5
        """).format(rows=rows),
        {"machine": machine_id, "edges": list(edges)},
    )
    return [
        Change(
            bucket,
            None if left_state is None else (left_state, left_reason),
            (state, reason),
            int(n),
            int(sum_ms),
        )
        for bucket, left_state, left_reason, state, reason, n, sum_ms in await cursor.fetchall()
    ]


async def readings(
    connection: Connection, machine_id: int, metric_ids: Collection[int], edges: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Readings by bucket and metric: (bucket, metric id, n, sum, min, max)."""
    if not metric_ids:
        return []
    source = _READINGS_1H if _hours(edges) else _READINGS_5M
    cursor = await connection.execute(
        sql.SQL("""
            SELECT width_bucket(at, %(edges)s::bigint[]) - 1, metric_id, sum(n), sum(sum),
                   min(min), max(max)
            FROM ({rows}) r GROUP BY 1, 2
        """).format(rows=await _rolled(connection, source, edges[0], edges[-1])),
        {"machine": machine_id, "metrics": list(metric_ids), "edges": list(edges)},
    )
    return await cursor.fetchall()


async def told_before(connection: Connection, machine_id: int, at_ms: int) -> Told | None:
    """The state that a machine had told before a time."""
    cursor = await connection.execute(
        """
        SELECT state, reason FROM state_changes WHERE machine_id = %s AND e_ms < %s
        ORDER BY e_ms DESC, nth DESC LIMIT 1
        """,
        (machine_id, at_ms),
    )
    row = await cursor.fetchone()
    if row is None and not any(
        gone_from <= at_ms < gone_to
        for gone_from, gone_to in await dropped(connection, "state_changes")
    ):
        # What was told may have been dropped since; the next change says what it left.
        cursor = await connection.execute(
            """
            SELECT left_state, left_reason FROM state_changes
            WHERE machine_id = %s AND e_ms >= %s ORDER BY e_ms, nth LIMIT 1
            """,
            (machine_id, at_ms),
        )
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


async def singly(
    connection: Connection,
    machine_id: int,
    metric_ids: Collection[int],
    range_ms: tuple[int, int],
    limit: int,
) -> Singly:
    """Readings, states and slots as they stand, so many of each at most."""
    asked = {
        "machine": machine_id,
        "metrics": list(metric_ids),
        "start": range_ms[0],
        "end": range_ms[1],
        "limit": limit,
    }
    values = await connection.execute(
        """
        SELECT t_ms, metric_id, value FROM samples
        WHERE machine_id = %(machine)s AND metric_id = ANY(%(metrics)s) AND value IS NOT NULL
          AND t_ms >= %(start)s AND t_ms < %(end)s
        ORDER BY t_ms, publisher_id, seq LIMIT %(limit)s
        """,
        asked,
    )
    told = await connection.execute(
        """
        SELECT e_ms, state, reason FROM state_changes
        WHERE machine_id = %(machine)s AND e_ms >= %(start)s AND e_ms < %(end)s
        ORDER BY e_ms, nth LIMIT %(limit)s
        """,
        asked,
    )
    slots = await connection.execute(
        """
        SELECT slot_ms, good, scrap FROM piece_slots
        WHERE machine_id = %(machine)s AND slot_ms >= %(start)s AND slot_ms < %(end)s
        ORDER BY slot_ms LIMIT %(limit)s
        """,
        asked,
    )
    return Singly(await values.fetchall(), await told.fetchall(), await slots.fetchall())


def _hours(edges: Sequence[int]) -> bool:
    """Whether buckets begin and end at full hours."""
    return all(edge % HOUR_MS == 0 for edge in edges)


async def _rolled(
    connection: Connection, source: _Source, start_ms: int, end_ms: int
) -> sql.Composable:
    """Rows of a range from roll-ups, and the ones that came after theirs were dropped."""
    found = [_between(source.rolled, start_ms, end_ms)]
    gone = [
        (max(gone_from, start_ms), min(gone_to, end_ms))
        for gone_from, gone_to in await dropped(connection, source.relation)
        if gone_from < end_ms and gone_to > start_ms
    ]
    if gone:
        stored_ms = await rolled_up_to(connection, source.view)
        found += [
            _between(source.own, first, min(last, stored_ms))
            for first, last in gone
            if first < stored_ms
        ]
    return sql.SQL(" UNION ALL ").join(found)


def _own(source: _Source, start_ms: int, end_ms: int) -> sql.Composable:
    """Rows of a range as they stand."""
    return _between(source.own, start_ms, end_ms)


def _between(query: LiteralString, start_ms: int, end_ms: int) -> sql.Composable:
    """A query between two times; literals, so that what lies outside is not even planned."""
    return sql.SQL(query).format(start=sql.Literal(start_ms), end=sql.Literal(end_ms))
