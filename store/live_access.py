"""What the live hub asks of the database: whose a channel is, and who may still listen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from contracts.ids import SiteCode
from store.database import Connection


async def site_of_machine(connection: Connection, path: str) -> str | None:
    """The code of the site where a machine stands."""
    return await _one(
        connection,
        "SELECT s.code FROM machines m JOIN sites s ON s.id = m.site_id WHERE m.path = %s",
        path,
    )


async def site_of_order(connection: Connection, number: str) -> str | None:
    """The code of an order's site."""
    return await _one(
        connection,
        "SELECT s.code FROM orders o JOIN sites s ON s.id = o.site_id WHERE o.number = %s",
        number,
    )


async def site_exists(connection: Connection, code: str) -> str | None:
    """The code itself, if there is such a site."""
    return await _one(connection, "SELECT code FROM sites WHERE code = %s", code)


async def sites_of_scope(connection: Connection, scope: str) -> list[SiteCode]:
    """The codes of a planning scope's sites; none when there is no such scope."""
    if "\x00" in scope:
        return []
    cursor = await connection.execute(
        "SELECT code FROM sites WHERE coalesce(planning_scope, code) = %s", (scope,)
    )
    return [row[0] for row in await cursor.fetchall()]


async def session_end(connection: Connection, token_hash: bytes) -> datetime | None:
    """When a session ends by itself."""
    cursor = await connection.execute(
        "SELECT expires_at FROM sessions WHERE token_hash = %s", (token_hash,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def valid_sessions(connection: Connection, hashes: Collection[bytes]) -> set[bytes]:
    """Which sessions are still open, of people whose account is not disabled."""
    cursor = await connection.execute(
        """
        SELECT s.token_hash FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.token_hash = ANY(%s) AND s.expires_at > now() AND u.disabled_at IS NULL
        """,
        (list(hashes),),
    )
    return {bytes(row[0]) for row in await cursor.fetchall()}


async def valid_links(connection: Connection, hashes: Collection[bytes]) -> set[bytes]:
    """Which tracking links are neither expired nor revoked."""
    cursor = await connection.execute(
        """
        SELECT token_hash FROM tracking_links
        WHERE token_hash = ANY(%s) AND expires_at > now() AND revoked_at IS NULL
        """,
        (list(hashes),),
    )
    return {bytes(row[0]) for row in await cursor.fetchall()}


async def _one(connection: Connection, query: str, value: str) -> str | None:
    if "\x00" in value:
        return None
    cursor = await connection.execute(query.encode(), (value,))
    row = await cursor.fetchone()
    return row[0] if row else None
