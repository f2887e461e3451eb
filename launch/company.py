"""Who else is at work on a database."""

from __future__ import annotations

from typing import Final

from store.database import Connection

_OTHERS: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name LIKE 'gemba-%%' AND NOT application_name = ANY (%s)
ORDER BY application_name
"""


async def others_at_work(connection: Connection, *, ourselves: str) -> list[str]:
    """Our services and commands that have connections to the database, without this command's.

    Args:
        connection: of the database.
        ourselves: the name that this command's connections have.
    """
    cursor = await connection.execute(_OTHERS, ([ourselves, "gemba-migrate"],))
    return [name for (name,) in await cursor.fetchall()]
