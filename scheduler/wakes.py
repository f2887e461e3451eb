"""Hearing that disruptions were raised, and making sure that one process solves a scope.

The embedded log says NOTIFY with each append. Where that cannot be heard (Kafka, a lost
connection), the planner's poll of open rows does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import sql
from psycopg_pool import PoolTimeout

from contracts.streams import DISRUPTIONS
from store.database import Connection
from store.log.embedded import CHANNEL

logger = logging.getLogger(__name__)

AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)
"""What a database that is away, restarting or slow makes its clients raise."""
RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts; the last one from then on."""
_CHECK_S: Final = 5.0

_TRY: Final = "SELECT pg_try_advisory_lock(hashtextextended('gemba scheduler ' || %s, 0))"
_RELEASE: Final = "SELECT pg_advisory_unlock(hashtextextended('gemba scheduler ' || %s, 0))"


def pause_s(attempt: int) -> float:
    """How long to wait after the given failed attempt (from 0)."""
    return RETRY_S[min(attempt, len(RETRY_S) - 1)]


async def listen(url: str, on_raised: Callable[[], None]) -> None:
    """Call `on_raised` whenever something was appended to DISRUPTIONS, until cancelled.

    It is also called after every connect: nobody knows what was missed before.
    """
    attempt = 0
    while True:
        try:
            async with await _connected(url, "wakes") as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                attempt = 0
                on_raised()
                while True:
                    async for notify in connection.notifies(timeout=_CHECK_S):
                        if notify.payload == DISRUPTIONS:
                            on_raised()
                    async with asyncio.timeout(_CHECK_S):
                        await connection.execute("SELECT 1")
        except AWAY as error:
            logger.info("disruptions are not heard, only looked for: %s", str(error).strip())
        await asyncio.sleep(pause_s(attempt))
        attempt += 1


class Leases:
    """Which scopes this process solves: advisory locks of one connection.

    When the process dies, by whatever signal, PostgreSQL lets go of them at once. A connection that
    is lost loses them all; what keeps two plans apart then is that each stands on the plan in force
    (`store.planning.plans.StalePlanError`).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def take(self, scope: str) -> bool:
        """Take the scope; False when another process has it.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        return await self._ask(_TRY, scope)

    async def release(self, scope: str) -> None:
        """Let go of the scope; nothing happens when it was lost with the connection."""
        try:
            await self._ask(_RELEASE, scope)
        except AWAY as error:
            logger.info("the lease on %s went with its connection: %s", scope, str(error).strip())

    async def close(self) -> None:
        """Let go of everything."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, query: str, scope: str) -> bool:
        async with self._turn:
            if self._connection is None or self._connection.closed:
                self._connection = await _connected(self._url, "leases")
            try:
                async with asyncio.timeout(_CHECK_S):
                    cursor = await self._connection.execute(query, (scope,))
                    row = await cursor.fetchone()
            except (*AWAY, TimeoutError):
                await self.close()
                raise
        return bool(row and row[0])


async def _connected(url: str, name: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name=f"gemba-scheduler-{name}",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        options="-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
    )
