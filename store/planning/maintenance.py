"""Planned maintenance: the spans in which one machine is closed by exception."""

from __future__ import annotations

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class MaintenanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A span in which a machine is closed."""

    id: int
    starts_at: datetime
    ends_at: datetime
    reason: str


async def listed(
    connection: Connection, machine_id: int, *, since: datetime
) -> list[MaintenanceRow]:
    """The maintenance of a machine that ends after a moment, by begin."""
    cursor = connection.cursor(row_factory=class_row(MaintenanceRow))
    await cursor.execute(
        """
        SELECT id, starts_at, ends_at, reason FROM calendar_exceptions
        WHERE machine_id = %s AND NOT working AND ends_at > %s ORDER BY starts_at, id
        """,
        (machine_id, since),
    )
    return await cursor.fetchall()


async def overlapping(
    connection: Connection, machine_id: int, *, starts_at: datetime, ends_at: datetime
) -> MaintenanceRow | None:
    """The first maintenance of a machine that falls into a span."""
    rows = await listed(connection, machine_id, since=starts_at)
    return next((row for row in rows if row.starts_at < ends_at), None)


async def add(
    connection: Connection,
    site_id: int,
    machine_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
) -> MaintenanceRow:
    """Close a machine for a while."""
    cursor = connection.cursor(row_factory=class_row(MaintenanceRow))
    await cursor.execute(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, working, reason)
        VALUES (%s, %s, %s, %s, false, %s) RETURNING id, starts_at, ends_at, reason
        """,
        (site_id, machine_id, starts_at, ends_at, reason),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
    return row


async def remove(
    connection: Connection, machine_id: int, maintenance_id: int
) -> MaintenanceRow | None:
    """Give up a maintenance; answers it, or None when there is none."""
    cursor = connection.cursor(row_factory=class_row(MaintenanceRow))
    await cursor.execute(
        """
        DELETE FROM calendar_exceptions WHERE (machine_id, id) = (%s, %s) AND NOT working
        RETURNING id, starts_at, ends_at, reason
        """,
        (machine_id, maintenance_id),
    )
    return await cursor.fetchone()
