"""Time zones of plants, in which people read times."""

from __future__ import annotations

from store.database import Connection


async def time_zones(connection: Connection) -> dict[str, str]:
    """The time zone of each site by its code."""
    cursor = await connection.execute("SELECT code, time_zone FROM sites")
    return dict(await cursor.fetchall())
