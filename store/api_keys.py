"""Programs' keys: `gk_` and 256 random bits, kept as a hash and by their beginning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.access import new_token, token_hash
from store.database import Connection
from store.errors import ConflictError
from store.filters import Filters, Page

PREFIX: Final = "gk_"
"""What every key begins with, so that one is known when it is found where it does not belong."""
_SHOWN: Final = len(PREFIX) + 6


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret, which nobody keeps. `sites` and `lines` empty: all of them."""

    id: int
    name: str
    prefix: str
    role: str
    sites: list[str]
    lines: list[str]
    customer_id: int | None
    customer: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_KEY: Final = sql.SQL(
    """
    SELECT k.id, k.name, k.prefix, k.role, k.sites, k.lines, k.customer_id, c.code AS customer,
           k.created_at, k.created_by, k.expires_at, k.revoked_at, k.last_used_at
    FROM api_keys k LEFT JOIN customers c ON c.id = k.customer_id
    """
)


async def create(
    connection: Connection,
    *,
    name: str,
    role: str,
    created_by: str,
    sites: Sequence[str] = (),
    lines: Sequence[str] = (),
    customer_id: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[KeyRow, str]:
    """Make a key; its text is told here and never again.

    Raises:
        ConflictError: another key of that name has not been revoked.
    """
    text = PREFIX + new_token()
    cursor = await connection.execute(
        """
        INSERT INTO api_keys
            (name, prefix, key_hash, role, sites, lines, customer_id, created_by, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id
        """,
        (
            name,
            text[:_SHOWN],
            token_hash(text),
            role,
            list(sites),
            list(lines),
            customer_id,
            created_by,
            expires_at,
        ),
    )
    inserted = await cursor.fetchone()
    if inserted is None:
        raise ConflictError(f"there is a key {name!r} already; revoke it, or choose another name")
    row = await find(connection, inserted[0])
    assert row is not None  # noqa: S101 - it has just been inserted
    return row, text


async def find(connection: Connection, key_id: int, *, for_update: bool = False) -> KeyRow | None:
    """A key by its id, revoked or not; its row locked if asked."""
    lock = sql.SQL(" FOR UPDATE OF k" if for_update else "")
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(_KEY + sql.SQL(" WHERE k.id = %s") + lock, (key_id,))
        return await cursor.fetchone()


async def known(connection: Connection, text: str) -> KeyRow | None:
    """The key that a text is, when it has neither expired nor been revoked.

    The text is hashed and the hash looked up, whatever the text is: how long that takes tells
    nothing of any key. That it was used is noted, at most once a minute.
    """
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(
            _KEY
            + sql.SQL(
                """
                WHERE k.key_hash = %s AND k.revoked_at IS NULL
                    AND (k.expires_at IS NULL OR k.expires_at > now())
                """
            ),
            (token_hash(text),),
        )
        row = await cursor.fetchone()
    if row is not None:
        await connection.execute(
            """
            UPDATE api_keys SET last_used_at = now()
            WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
            """,
            (row.id,),
        )
    return row


async def keys(
    connection: Connection,
    page: Page,
    *,
    revoked: bool | None = None,
    within_sites: Sequence[str] = (),
    within_lines: Sequence[str] = (),
) -> tuple[list[KeyRow], int]:
    """Keys, newest first, and how many there are; within limits as `store.users.accounts`."""
    filters = Filters()
    filters.add("(k.revoked_at IS NOT NULL) = %(revoked)s", revoked=revoked)
    if within_sites:
        filters.add(
            "k.sites <@ %(within_sites)s AND k.sites <> '{}'", within_sites=list(within_sites)
        )
    if within_lines:
        filters.add(
            "k.lines <@ %(within_lines)s AND k.lines <> '{}'", within_lines=list(within_lines)
        )
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(
            _KEY + filters.where + sql.SQL(" ORDER BY k.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
            {**filters.parameters, **page.parameters},
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM api_keys k") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def revoke(connection: Connection, key_id: int) -> None:
    """Make a key open nothing from now on."""
    await connection.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s", (key_id,)
    )


async def valid(connection: Connection, ids: Collection[int]) -> set[int]:
    """Which keys have neither expired nor been revoked."""
    cursor = await connection.execute(
        """
        SELECT id FROM api_keys WHERE id = ANY(%s) AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())
        """,
        (list(ids),),
    )
    return {row[0] for row in await cursor.fetchall()}
