"""Proving that two databases hold the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from psycopg import sql

from store.database import Connection
from store.transfer.tables import Table


class Content(msgspec.Struct, frozen=True):
    """What a table holds: rows, and the sum of a hash over each row's text."""

    rows: int
    checksum: int


class Difference(msgspec.Struct, frozen=True):
    """A table that is not the same on both sides."""

    table: str
    source: Content
    target: Content


async def content_of(connection: Connection, table: Table, *, contents: bool = True) -> Content:
    """Count a table's rows and hash them; the order of rows does not matter.

    Args:
        connection: where the table is.
        table: which one.
        contents: hash the rows; else the checksum is 0.
    """
    if not contents:
        cursor = await connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(table.identifier)
        )
        row = await cursor.fetchone()
        return Content(0 if row is None else int(row[0]), 0)
    cursor = await connection.execute(
        sql.SQL(
            "SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0)"
            " FROM (SELECT {} FROM {}) AS r"
        ).format(table.column_list, table.identifier)
    )
    row = await cursor.fetchone()
    return Content(0, 0) if row is None else Content(int(row[0]), int(row[1]))


async def differences(
    source: Connection,
    target: Connection,
    tables: Sequence[Table],
    *,
    contents: bool = True,
    on_compared: Callable[[Table, Content], None] = lambda _table, _content: None,
) -> list[Difference]:
    """The tables whose rows differ; none if everything was carried."""
    found: list[Difference] = []
    for table in tables:
        here, there = await asyncio.gather(
            content_of(source, table, contents=contents),
            content_of(target, table, contents=contents),
        )
        if here != there:
            found.append(Difference(table.name, here, there))
        on_compared(table, here)
    return found
