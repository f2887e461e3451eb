"""Machines that speak before anybody configured them, and partitions for the times they name.

Both are made in transactions of their own before the batch's: they are harmless when the batch
fails, and what they lock is not held for long.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final, LiteralString

from psycopg import sql

from contracts.ids import MachinePath
from store.database import Connection

_ADOPT: LiteralString = """
WITH named AS (
    SELECT path, split_part(path, '/', 1) AS site, split_part(path, '/', 2) AS area,
           split_part(path, '/', 3) AS line, split_part(path, '/', 4) AS name
    FROM unnest(%(paths)s::text[]) AS path
), sites_made AS (
    -- In order, as below: two workers that adopt the same ones cannot block each other.
    INSERT INTO sites (code, name) SELECT DISTINCT site, site FROM named ORDER BY site
    ON CONFLICT (code) DO NOTHING RETURNING id, code
), all_sites AS (
    SELECT id, code FROM sites_made UNION ALL
    SELECT id, code FROM sites WHERE code IN (SELECT site FROM named)
)
INSERT INTO machines (site_id, path, area, line, name)
SELECT s.id, n.path, n.area, n.line, n.name FROM named n JOIN all_sites s ON s.code = n.site
ORDER BY n.path
ON CONFLICT (path) DO NOTHING
"""


async def adopt_machines(connection: Connection, paths: Collection[MachinePath]) -> None:
    """Make the machines (and sites) that do not exist, as unconfigured."""
    await connection.execute(_ADOPT, {"paths": list(paths)})
    # A site made by somebody else between the two reads is seen by a second statement.
    await connection.execute(_ADOPT, {"paths": list(paths)})


async def configured_machines(
    connection: Connection, paths: Collection[MachinePath]
) -> set[MachinePath]:
    """Which of the paths somebody configured."""
    cursor = await connection.execute(
        "SELECT path FROM machines WHERE configured AND path = ANY(%s)", (list(paths),)
    )
    return {MachinePath(path) for (path,) in await cursor.fetchall()}


async def planned_operations(
    connection: Connection, site: str, keys: Collection[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Which of the (work order, operation) somebody planned at the site."""
    cursor = await connection.execute(
        """
        SELECT w.number, o.number FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id
        JOIN unnest(%s::text[], %s::bigint[]) AS k (work_order, operation)
          ON k.work_order = w.number AND k.operation = o.number
        WHERE s.code = %s AND o.planned
        """,
        ([key[0] for key in keys], [key[1] for key in keys], site),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


def month_of(t_ms: int) -> tuple[int, int]:
    """The (year, month) in UTC whose partition holds a time."""
    moment = datetime.fromtimestamp(t_ms / 1000, UTC)
    return moment.year, moment.month


PARTITIONED: Final = (
    "samples",
    "piece_slots",
    "state_changes",
    "operation_slots",
    "operation_changes",
)
"""What is cut by months, without TimescaleDB."""


def months_of(times_ms: Collection[int]) -> set[tuple[int, int]]:
    """The months of some times; mostly it is one."""
    if not times_ms:
        return set()
    first, last = month_of(min(times_ms)), month_of(max(times_ms))
    return {first} if first == last else {month_of(t_ms) for t_ms in times_ms}


class HistoryPartitions:
    """Makes the monthly partitions of what is cut by time as times arrive, unless Timescale does.

    What was made is remembered: retention empties partitions, and lets them stand.
    """

    def __init__(self) -> None:
        self._made: set[tuple[int, int]] = set()
        self._native: bool | None = None

    async def ensure(self, connection: Connection, months: Collection[tuple[int, int]]) -> None:
        """Make what is missing for these months, in every table."""
        missing = sorted(set(months) - self._made)
        if not missing:
            return
        if self._native is None:
            cursor = await connection.execute(
                "SELECT 1 FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass"
            )
            self._native = await cursor.fetchone() is not None
        if self._native:
            for month in missing:
                for table in PARTITIONED:
                    await _make_partition(connection, table, month)
        self._made.update(missing)


async def _make_partition(connection: Connection, table: str, month: tuple[int, int]) -> None:
    year, number = month
    first = datetime(year, number, 1, tzinfo=UTC)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    name = f"{table}_{year:04d}_{number:02d}"
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))
    if await cursor.fetchone() == (True,):
        return
    # A transaction for each table: whoever locks two parents at once meets a batch that does too.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('gemba samples'))")
        await connection.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
            ).format(
                sql.Identifier(name),
                sql.Identifier(table),
                sql.Literal(int(first.timestamp() * 1000)),
                sql.Literal(int(after.timestamp() * 1000)),
            )
        )
