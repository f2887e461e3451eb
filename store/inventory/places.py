"""Locations as people describe them."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page


class LocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A location."""

    site: str
    code: str
    name: str | None
    configured: bool


async def put(connection: Connection, site_id: int, code: str, *, name: str) -> LocationRow:
    """Make a location, or describe it anew."""
    cursor = connection.cursor(row_factory=class_row(LocationRow))
    await cursor.execute(
        """
        INSERT INTO locations AS l (site_id, code, name, configured) VALUES (%s, %s, %s, true)
        ON CONFLICT (site_id, code) DO UPDATE SET name = excluded.name, configured = true
        RETURNING (SELECT s.code FROM sites s WHERE s.id = l.site_id) AS site, l.code, l.name,
                  l.configured
        """,
        (site_id, code, name),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return row


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[LocationRow], int]:
    """Locations by site and code, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.limit_to_sites(limited_to)
    tables = sql.SQL(" FROM locations l JOIN sites s ON s.id = l.site_id ")
    cursor = connection.cursor(row_factory=class_row(LocationRow))
    await cursor.execute(
        sql.SQL("SELECT s.code AS site, l.code, l.name, l.configured")
        + tables
        + filters.where
        + sql.SQL(" ORDER BY s.code, l.code LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + tables + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0
