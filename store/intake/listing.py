"""Documents as people look them up: lists, one of them, and its bytes."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page, containing

_COLUMNS: Final = sql.SQL(
    """
    SELECT d.id, c.name AS channel, d.source, d.number, d.kind, d.version, d.outcome,
           o.number AS order_number, s.code AS site, d.format, f.name AS file_name, f.size,
           d.problems, d.reason, d.message, d.received_at, d.received_by, d.applied_at,
           d.expires_at, d.repeats, d.repeated_at
    """
)
_TABLES: Final = sql.SQL(
    """
    FROM intake_documents d
    JOIN intake_files f ON f.id = d.file_id
    LEFT JOIN channels c ON c.id = d.channel_id
    LEFT JOIN orders o ON o.id = d.order_id
    LEFT JOIN sites s ON s.id = coalesce(o.site_id, d.site_id)
    """
)


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the register. `site` is its order's, else the one it was sent for."""

    id: int
    channel: str | None
    source: str
    number: str
    kind: str
    version: int
    outcome: str
    order_number: str | None
    site: str | None
    format: str
    file_name: str | None
    size: int
    problems: list[dict[str, Any]]
    reason: str | None
    message: str | None
    received_at: datetime
    received_by: str
    applied_at: datetime | None
    expires_at: datetime | None
    repeats: int
    repeated_at: datetime | None


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that a document came in with, and what its format needs to answer."""

    format: str
    name: str | None
    content: bytes
    envelope: dict[str, Any] | None
    document: dict[str, Any] | None
    order_number: str | None
    site: str | None


async def documents(
    connection: Connection,
    page: Page,
    *,
    outcome: str | None = None,
    order: str | None = None,
    source: str | None = None,
    channel: str | None = None,
    search: str | None = None,
    site: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[DocumentRow], int]:
    """Documents, newest first, and how many there are."""
    filters = Filters()
    filters.add("d.outcome = %(outcome)s", outcome=outcome)
    filters.add("o.number = %(order)s", order=order)
    filters.add("d.source = %(source)s", source=source)
    filters.add("c.name = %(channel)s", channel=channel)
    filters.add(
        "(d.number LIKE %(search)s OR d.source LIKE %(search)s OR o.number LIKE %(search)s)",
        search=None if search is None else containing(search),
    )
    filters.add("s.code = %(site)s", site=site)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(DocumentRow))
    await cursor.execute(
        _COLUMNS
        + _TABLES
        + filters.where
        + sql.SQL(" ORDER BY d.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + _TABLES + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def document(connection: Connection, document_id: int) -> DocumentRow | None:
    """One document."""
    cursor = connection.cursor(row_factory=class_row(DocumentRow))
    await cursor.execute(_COLUMNS + _TABLES + sql.SQL(" WHERE d.id = %s"), (document_id,))
    return await cursor.fetchone()


async def file_of(connection: Connection, document_id: int) -> FileRow | None:
    """The bytes that a document came in with, as they were sent."""
    cursor = connection.cursor(row_factory=class_row(FileRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT f.format, f.name, f.content, f.envelope, d.document, o.number AS order_number,
                   s.code AS site
            """
        )
        + _TABLES
        + sql.SQL(" WHERE d.id = %s"),
        (document_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return msgspec.structs.replace(row, content=zlib.decompress(row.content))
