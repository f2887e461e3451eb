"""Sites and machines: what they are called, where they stand, and what they are doing now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.ids import MachinePath
from store.database import Connection
from store.errors import UnknownReferenceError
from store.filters import Filters, Page


class SiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A site. One that telemetry made known has its code for a name until somebody names it."""

    id: int
    code: str
    name: str
    time_zone: str
    planning_scope: str | None

    @property
    def scope(self) -> str:
        """What it is planned with: a scope of its own, unless it shares one."""
        return self.planning_scope or self.code


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How long a machine takes from one setup family to another."""

    from_family: str
    to_family: str
    setup_ms: int


class MachineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with its live row; `operation_*` is what it is working on."""

    id: int
    site_id: int
    site: str
    path: str
    name: str
    area: str
    line: str
    position: int
    configured: bool
    version: int
    state: str
    reason: str | None
    state_since_ms: int | None
    last_seen_ms: int | None
    operator: str | None
    work_order: str | None
    operation: int | None
    operation_name: str | None
    operation_state: str | None
    unassigned_good: Decimal
    unassigned_scrap: Decimal


_SITE = sql.SQL("SELECT s.id, s.code, s.name, s.time_zone, s.planning_scope FROM sites s")

_MACHINE = sql.SQL(
    """
    SELECT m.id, m.site_id, s.code AS site, m.path, m.name, m.area, m.line, m.position,
           m.configured, coalesce(t.version, 0) AS version, coalesce(t.state, 'offline') AS state,
           t.reason, t.state_since_ms, t.last_seen_ms, t.operator,
           w.number AS work_order, o.number AS operation, o.name AS operation_name,
           o.state AS operation_state,
           coalesce(t.unassigned_good, 0) AS unassigned_good,
           coalesce(t.unassigned_scrap, 0) AS unassigned_scrap
    FROM machines m
    JOIN sites s ON s.id = m.site_id
    LEFT JOIN machine_states t ON t.machine_id = m.id
    LEFT JOIN operations o ON o.id = t.operation_id
    LEFT JOIN work_orders w ON w.id = o.work_order_id
    """
)


async def sites(
    connection: Connection, page: Page, *, limited_to: Collection[str] = ()
) -> tuple[list[SiteRow], int]:
    """Sites by code, and how many there are."""
    filters = Filters()
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        _SITE + filters.where + sql.SQL(" ORDER BY s.code LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM sites s") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find_site(
    connection: Connection, code: str, *, for_update: bool = False
) -> SiteRow | None:
    """A site by its code, its row locked if asked."""
    lock = sql.SQL(" FOR NO KEY UPDATE" if for_update else "")
    cursor = connection.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(_SITE + sql.SQL(" WHERE s.code = %s") + lock, (code,))
    return await cursor.fetchone()


async def known_site(connection: Connection, code: str, *, field: str = "site") -> SiteRow:
    """A site that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    site = await find_site(connection, code)
    if site is None:
        raise UnknownReferenceError(field, code, "there is no such site")
    return site


async def put_site(
    connection: Connection, code: str, *, name: str, time_zone: str, planning_scope: str | None
) -> SiteRow:
    """Make a site, or name it and plan it anew."""
    cursor = connection.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        """
        INSERT INTO sites (code, name, time_zone, planning_scope) VALUES (%s, %s, %s, %s)
        ON CONFLICT (code) DO UPDATE
        SET name = excluded.name, time_zone = excluded.time_zone,
            planning_scope = excluded.planning_scope
        RETURNING id, code, name, time_zone, planning_scope
        """,
        (code, name, time_zone, planning_scope),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return row


async def machines(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    limited_to: Collection[str] = (),
    lines: Collection[str] = (),
) -> tuple[list[MachineRow], int]:
    """Machines by path, and how many there are; of `lines` (`site/area/line`) if any are named."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.limit_to_sites(limited_to)
    filters.limit_to_lines(lines)
    cursor = connection.cursor(row_factory=class_row(MachineRow))
    await cursor.execute(
        _MACHINE + filters.where + sql.SQL(" ORDER BY m.path LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM machines m JOIN sites s ON s.id = m.site_id") + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find_machine(connection: Connection, path: str) -> MachineRow | None:
    """A machine by its path."""
    cursor = connection.cursor(row_factory=class_row(MachineRow))
    await cursor.execute(_MACHINE + sql.SQL(" WHERE m.path = %s"), (path,))
    return await cursor.fetchone()


async def known_machine(connection: Connection, path: str, *, field: str) -> MachineRow:
    """A machine that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    machine = await find_machine(connection, path)
    if machine is None:
        raise UnknownReferenceError(field, path, "there is no such machine")
    return machine


async def put_machine(
    connection: Connection, path: MachinePath, *, site_id: int, name: str, position: int
) -> None:
    """Make a machine, or name and place it anew; from then on it counts as configured."""
    _, area, line, _ = path.split("/")
    await connection.execute(
        """
        INSERT INTO machines (site_id, path, area, line, name, position, configured)
        VALUES (%s, %s, %s, %s, %s, %s, true)
        ON CONFLICT (path) DO UPDATE
        SET name = excluded.name, position = excluded.position, configured = true
        """,
        (site_id, path, area, line, name, position),
    )


async def lock_machine(connection: Connection, machine_id: int) -> None:
    """Let nobody else change what belongs to a machine until the transaction ends."""
    await connection.execute("SELECT FROM machines WHERE id = %s FOR NO KEY UPDATE", (machine_id,))


async def setups(connection: Connection, machine_id: int) -> list[Setup]:
    """A machine's setup matrix, by family."""
    cursor = connection.cursor(row_factory=class_row(Setup))
    await cursor.execute(
        """
        SELECT from_family, to_family, setup_ms FROM setup_times
        WHERE machine_id = %s ORDER BY from_family, to_family
        """,
        (machine_id,),
    )
    return await cursor.fetchall()


async def put_setups(connection: Connection, machine_id: int, new: Sequence[Setup]) -> None:
    """Replace a machine's setup matrix."""
    await connection.execute("DELETE FROM setup_times WHERE machine_id = %s", (machine_id,))
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO setup_times (machine_id, from_family, to_family, setup_ms)
        VALUES (%s, %s, %s, %s)
        """,
        [(machine_id, each.from_family, each.to_family, each.setup_ms) for each in new],
    )


async def next_terminal_seq(connection: Connection, machine_id: int) -> tuple[str, int]:
    """The installation's name and the machine's next number for an object from a terminal.

    The counter's row stays locked until the transaction ends, so the objects of a machine stand in
    the log in the order of their numbers.
    """
    cursor = await connection.execute(
        """
        INSERT INTO terminal_counters AS c (machine_id, next_seq) VALUES (%s, 1)
        ON CONFLICT (machine_id) DO UPDATE SET next_seq = c.next_seq + 1
        RETURNING next_seq - 1, (SELECT id::text FROM installation)
        """,
        (machine_id,),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return row[1], row[0]
