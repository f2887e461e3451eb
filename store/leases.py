"""Making sure that one process of several does a thing: advisory locks of one connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from store.database import Connection

logger = logging.getLogger(__name__)

AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)
"""What a database that is away, restarting or slow makes its clients raise."""
_CHECK_S: Final = 5.0

_TRY: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_RELEASE: Final = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class Leases:
    """What this process has to itself.

    When the process dies, by whatever signal, PostgreSQL lets go of its locks at once. A connection
    that is lost loses them all: whoever works under a lease says, where it writes, on what its work
    stands, and is refused when that is no longer so.
    """

    def __init__(self, url: str, holder: str) -> None:
        """Leases of `holder`: the service whose processes keep out of each other's way."""
        self._url = url
        self._holder = holder
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def take(self, name: str) -> bool:
        """Take the lease; False when another process has it.

        Raises:
            psycopg.OperationalError: the database is away, or the leases have been closed.
        """
        return await self._ask(_TRY, name)

    async def release(self, name: str) -> None:
        """Let go of the lease; nothing happens when it was lost with the connection."""
        try:
            await self._ask(_RELEASE, name)
        except AWAY as error:
            logger.info("the lease on %s went with its connection: %s", name, str(error).strip())

    async def close(self) -> None:
        """Let go of everything, for good."""
        self._closed = True
        await self._let_go()

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, query: str, name: str) -> bool:
        async with self._turn:
            if self._connection is None or self._connection.closed:
                self._connection = await connect(self._url, f"{self._holder}-leases")
            if self._closed:  # before, or while it was connecting: nobody would close it any more
                await self._let_go()
                raise psycopg.OperationalError(f"the leases of {self._holder} have been closed")
            try:
                async with asyncio.timeout(_CHECK_S):
                    key = f"gemba {self._holder} {name}"
                    cursor = await self._connection.execute(query, (key,))
                    row = await cursor.fetchone()
            except (*AWAY, TimeoutError):
                await self._let_go()
                raise
        return bool(row and row[0])


async def connect(url: str, name: str) -> Connection:
    """A connection outside the pool, for what lives as long as it does: locks and listening.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name=f"gemba-{name}",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        options="-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
    )
