"""Views of a list that people keep under a name, for themselves or for all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.database import Connection

MOST: Final = 200
"""Nobody keeps more views of a list."""


class ViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view: filters, sort and columns under a name."""

    owner: str
    name: str
    shared: bool
    query: dict[str, Any]
    changed_at: datetime


async def views(connection: Connection, *, owner: str, list_name: str = "orders") -> list[ViewRow]:
    """Somebody's own views, then those that others share, by name."""
    cursor = connection.cursor(row_factory=class_row(ViewRow))
    await cursor.execute(
        """
        SELECT owner, name, shared, query, changed_at FROM saved_views
        WHERE list = %(list)s AND (owner = %(owner)s OR shared)
        ORDER BY owner <> %(owner)s, name, owner
        """,
        {"list": list_name, "owner": owner},
    )
    return await cursor.fetchall()


async def view(
    connection: Connection, name: str, *, owner: str, list_name: str = "orders"
) -> ViewRow | None:
    """A view by its name: somebody's own, else the oldest that is shared."""
    cursor = connection.cursor(row_factory=class_row(ViewRow))
    await cursor.execute(
        """
        SELECT owner, name, shared, query, changed_at FROM saved_views
        WHERE list = %(list)s AND name = %(name)s AND (owner = %(owner)s OR shared)
        ORDER BY owner <> %(owner)s, id LIMIT 1
        """,
        {"list": list_name, "name": name, "owner": owner},
    )
    return await cursor.fetchone()


async def put_view(
    connection: Connection,
    name: str,
    *,
    owner: str,
    shared: bool,
    query: Mapping[str, Any],
    list_name: str = "orders",
) -> ViewRow | None:
    """Keep a view under somebody's name for it; None when they keep `MOST` others already."""
    cursor = connection.cursor(row_factory=class_row(ViewRow))
    await cursor.execute(
        """
        INSERT INTO saved_views (list, owner, name, shared, query)
        SELECT %(list)s, %(owner)s, %(name)s, %(shared)s, %(query)s
        WHERE (SELECT count(*) FROM saved_views
               WHERE list = %(list)s AND owner = %(owner)s AND name <> %(name)s) < %(most)s
        ON CONFLICT (list, owner, name) DO UPDATE
        SET shared = excluded.shared, query = excluded.query, changed_at = now()
        RETURNING owner, name, shared, query, changed_at
        """,
        {
            "list": list_name,
            "owner": owner,
            "name": name,
            "shared": shared,
            "query": Jsonb(dict(query)),
            "most": MOST,
        },
    )
    return await cursor.fetchone()


async def delete_view(
    connection: Connection, name: str, *, owner: str, list_name: str = "orders"
) -> bool:
    """Forget a view; whether there was one."""
    cursor = await connection.execute(
        "DELETE FROM saved_views WHERE list = %s AND owner = %s AND name = %s",
        (list_name, owner, name),
    )
    return cursor.rowcount > 0
