"""Which column of a table means what, remembered under a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Page
from store.intake.register import jsonb


class MappingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A remembered mapping; what stands in `mapping` is `connectors.table`'s business."""

    name: str
    format: str
    mapping: dict[str, Any]
    changed_at: datetime
    changed_by: str


async def mappings(connection: Connection, page: Page) -> tuple[list[MappingRow], int]:
    """Mappings by name, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(MappingRow))
    await cursor.execute(
        """
        SELECT name, format, mapping, changed_at, changed_by FROM column_mappings
        ORDER BY name LIMIT %(limit)s OFFSET %(offset)s
        """,
        page.parameters,
    )
    rows = await cursor.fetchall()
    counted = await connection.execute("SELECT count(*) FROM column_mappings")
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def mapping(connection: Connection, name: str) -> MappingRow | None:
    """A mapping by its name."""
    cursor = connection.cursor(row_factory=class_row(MappingRow))
    await cursor.execute(
        "SELECT name, format, mapping, changed_at, changed_by FROM column_mappings WHERE name = %s",
        (name,),
    )
    return await cursor.fetchone()


async def put(
    connection: Connection, name: str, *, table_format: str, mapping: dict[str, Any], by: str
) -> None:
    """Remember a mapping, or replace the one of that name."""
    await connection.execute(
        """
        INSERT INTO column_mappings (name, format, mapping, changed_by) VALUES (%s, %s, %s, %s)
        ON CONFLICT (name) DO UPDATE
        SET format = excluded.format, mapping = excluded.mapping, changed_at = now(),
            changed_by = excluded.changed_by
        """,
        (name, table_format, jsonb(mapping), by),
    )
