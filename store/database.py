"""Connections to the database."""

from __future__ import annotations

from typing import Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

Connection: TypeAlias = AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

_LATE_DATA: Final = "-c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
"""However much a late batch touches of what TimescaleDB has compressed: it is stored. Without
TimescaleDB it means nothing.
"""


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute("SET TIME ZONE 'UTC'")


def build_pool(
    url: str, *, name: str, min_size: int = 1, max_size: int = 8, check: bool = True
) -> Pool:
    """A pool, not yet opened, of autocommit connections in UTC.

    A unit of work says so with `async with connection.transaction()`. Commands time out after 30 s
    instead of waiting for ever.

    Args:
        url: the database.
        name: whose pool it is; `gemba-<name>` in `pg_stat_activity`.
        min_size: connections held.
        max_size: connections at most.
        check: try a connection before it is given out, so that one that died is replaced unseen. It
            costs a round trip each time; a caller who tries again anyway does without.
    """
    return AsyncConnectionPool(
        url,
        open=False,
        min_size=min_size,
        max_size=max_size,
        configure=_configure,
        check=AsyncConnectionPool.check_connection if check else None,
        timeout=10.0,
        # Attempts back off; new ones soon after an outage, however long it was.
        reconnect_timeout=5.0,
        kwargs={
            "application_name": f"gemba-{name}",
            "connect_timeout": 5,
            # A server or a client whose machine or network has vanished is noticed by the other
            # side within half a minute; the database lets go of its row locks then.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
            "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
            " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
            f" {_LATE_DATA}",
        },
    )
