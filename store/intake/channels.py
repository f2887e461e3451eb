"""Channels: where documents come in, and what holds for all that come in there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import class_row

from store.database import Connection
from store.errors import ConflictError
from store.filters import Filters, Page
from store.intake.register import jsonb

_SELECT: Final = sql.SQL(
    """
    SELECT h.id, h.name, h.format, h.site_id, s.code AS site, h.customer_id, c.code AS customer,
           h.settings, h.sealed_secret, h.enabled, h.changed_at
    """
)
_TABLES: Final = sql.SQL(
    """
    FROM channels h
    LEFT JOIN sites s ON s.id = h.site_id LEFT JOIN customers c ON c.id = h.customer_id
    """
)


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel; `settings` is what `api.channels.schemas` lets in."""

    id: int
    name: str
    format: str
    site_id: int | None
    site: str | None
    customer_id: int | None
    customer: str | None
    settings: dict[str, Any]
    sealed_secret: bytes | None
    enabled: bool
    changed_at: datetime


def seal_purpose(name: str) -> str:
    """For what a channel's secret is sealed."""
    return f"channel {name}"


async def channels(
    connection: Connection, page: Page, *, limited_to: Collection[str] = ()
) -> tuple[list[ChannelRow], int]:
    """Channels by name, and how many there are."""
    filters = Filters()
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(ChannelRow))
    await cursor.execute(
        _SELECT
        + _TABLES
        + filters.where
        + sql.SQL(" ORDER BY h.name LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + _TABLES + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def channel(connection: Connection, name: str) -> ChannelRow | None:
    """A channel by its name."""
    cursor = connection.cursor(row_factory=class_row(ChannelRow))
    await cursor.execute(_SELECT + _TABLES + sql.SQL(" WHERE h.name = %s"), (name,))
    return await cursor.fetchone()


async def put(
    connection: Connection,
    name: str,
    *,
    document_format: str,
    site_id: int | None,
    customer_id: int | None,
    settings: dict[str, Any],
    sealed_secret: bytes | None,
    enabled: bool,
) -> None:
    """Make a channel, or describe it anew; without a new secret it keeps the one it has."""
    await connection.execute(
        """
        INSERT INTO channels (name, format, site_id, customer_id, settings, sealed_secret, enabled)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (name) DO UPDATE
        SET format = excluded.format, site_id = excluded.site_id,
            customer_id = excluded.customer_id, settings = excluded.settings,
            sealed_secret = coalesce(excluded.sealed_secret, channels.sealed_secret),
            enabled = excluded.enabled, changed_at = now()
        """,
        (name, document_format, site_id, customer_id, jsonb(settings), sealed_secret, enabled),
    )


async def delete(connection: Connection, name: str) -> bool:
    """Remove a channel; answers whether there was one.

    Raises:
        ConflictError: documents or orders came in by it.
    """
    try:
        async with connection.transaction():
            cursor = await connection.execute("DELETE FROM channels WHERE name = %s", (name,))
    except ForeignKeyViolation:
        raise ConflictError(
            f"channel {name!r}: orders came in by it; disable it instead (enabled: false)"
        ) from None
    return cursor.rowcount > 0
