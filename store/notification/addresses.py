"""Addresses that refused letters for good, until one is taken or somebody releases them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page

_LONGEST_ERROR: Final = 500


class BadAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that refused letters. `suppressed_at`: since when it is sent nothing."""

    channel: str
    address: str
    bounces: int
    first_at: datetime
    last_at: datetime
    last_error: str
    suppressed_at: datetime | None


async def listed(
    connection: Connection, page: Page, *, suppressed: bool | None = None
) -> tuple[list[BadAddress], int]:
    """Addresses that refused letters, the latest first, and how many there are."""
    filters = Filters()
    if suppressed is not None:
        filters.add("(suppressed_at IS NOT NULL) = %(suppressed)s", suppressed=suppressed)
    cursor = connection.cursor(row_factory=class_row(BadAddress))
    await cursor.execute(
        sql.SQL(
            "SELECT channel, address, bounces, first_at, last_at, last_error, suppressed_at"
            " FROM notification_addresses"
        )
        + filters.where
        + sql.SQL(" ORDER BY last_at DESC, channel, address LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM notification_addresses") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def suppressed(
    connection: Connection, channel: str, addresses: Collection[str]
) -> dict[str, BadAddress]:
    """Those of some addresses that are sent nothing."""
    cursor = connection.cursor(row_factory=class_row(BadAddress))
    await cursor.execute(
        """
        SELECT channel, address, bounces, first_at, last_at, last_error, suppressed_at
        FROM notification_addresses
        WHERE channel = %s AND address = ANY(%s) AND suppressed_at IS NOT NULL
        """,
        (channel, list(addresses)),
    )
    return {row.address: row for row in await cursor.fetchall()}


async def all_suppressed(connection: Connection) -> frozenset[tuple[str, str]]:
    """Everything that is sent nothing: channels and addresses."""
    cursor = await connection.execute(
        "SELECT channel, address FROM notification_addresses WHERE suppressed_at IS NOT NULL"
    )
    return frozenset((channel, address) for channel, address in await cursor.fetchall())


async def note_bounce(
    connection: Connection,
    channel: str,
    address: str,
    *,
    error: str,
    now: datetime,
    most: int,
) -> bool:
    """An address refused a letter for good; True: with this one it is suppressed."""
    cursor = await connection.execute(
        """
        INSERT INTO notification_addresses AS a
            (channel, address, bounces, first_at, last_at, last_error, suppressed_at)
        VALUES (%(channel)s, %(address)s, 1, %(now)s, %(now)s, %(error)s,
                CASE WHEN %(most)s <= 1 THEN %(now)s::timestamptz END)
        ON CONFLICT (channel, address) DO UPDATE SET bounces = a.bounces + 1,
            last_at = excluded.last_at, last_error = excluded.last_error,
            suppressed_at = CASE WHEN a.bounces + 1 >= %(most)s
                THEN coalesce(a.suppressed_at, excluded.last_at) END
        RETURNING suppressed_at = %(now)s
        """,
        {
            "channel": channel,
            "address": address,
            "now": now,
            "error": error[:_LONGEST_ERROR],
            "most": most,
        },
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def clear(connection: Connection, channel: str, address: str) -> bool:
    """Forget what an address refused: it has taken a letter, or somebody releases it.

    False: nothing was known of it.
    """
    cursor = await connection.execute(
        "DELETE FROM notification_addresses WHERE channel = %s AND address = %s RETURNING channel",
        (channel, address),
    )
    return await cursor.fetchone() is not None
