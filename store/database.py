"""Connections to the database."""

from __future__ import annotations

from typing import TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

Connection: TypeAlias = AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute("SET TIME ZONE 'UTC'")


def build_pool(url: str, *, name: str, min_size: int = 1, max_size: int = 8) -> Pool:
    """A pool, not yet opened, of autocommit connections in UTC.

    A unit of work says so with `async with connection.transaction()`. A connection that died is
    replaced when it is next taken; commands time out after 30 s instead of waiting for ever.
    """
    return AsyncConnectionPool(
        url,
        open=False,
        min_size=min_size,
        max_size=max_size,
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
        timeout=10.0,
        kwargs={
            "application_name": f"gemba-{name}",
            "connect_timeout": 5,
            "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000",
        },
    )
