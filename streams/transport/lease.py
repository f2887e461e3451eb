"""The lease on a consumer group: one worker consumes, the others stand by.

The lease is an advisory lock on a connection of its own. When the worker dies, by whatever signal,
its socket closes and PostgreSQL lets go of the lock at once; when its machine vanishes, keepalives
notice within about ten seconds. A worker that stands still (SIGSTOP, a virtual machine that is
paused) still has a socket that answers: PostgreSQL ends the connection because the worker says
nothing. The same connection listens for the log's wake-ups.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from psycopg import sql

from store.database import Connection
from store.log.embedded import CHANNEL

logger = logging.getLogger(__name__)

STANDBY_INTERVAL_S: Final = 0.5
"""How often a standby asks for the lease."""
CHECK_INTERVAL_S: Final = 1.0
"""How often the holder makes sure that its connection, and so its lease, is alive."""
CHECK_TIMEOUT_S: Final = 5.0
"""An answer that takes longer means that the lease may be lost."""
SILENT_S: Final = 8
"""The database ends the lease of a holder that has said nothing for so long: it stands still."""

_TRY = "SELECT pg_try_advisory_lock(hashtextextended('gemba stream group ' || %s, 0))"


class LeaseLostError(Exception):
    """The connection that held the lease is gone: another worker may have it now."""


class Lease:
    """A held lease; `watch` it for as long as it is used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def watch(self, on_appended: Callable[[str], None]) -> None:
        """Call `on_appended` with the topic of every append, until the lease is lost.

        Raises:
            LeaseLostError: always, in the end.
        """
        try:
            while True:
                async for notify in self._connection.notifies(timeout=CHECK_INTERVAL_S):
                    on_appended(notify.payload)
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    await self._connection.execute("SELECT 1")
        except TimeoutError:
            raise LeaseLostError(f"no answer from the database in {CHECK_TIMEOUT_S} s") from None
        except psycopg.Error as error:
            raise LeaseLostError(str(error).strip()) from error


@asynccontextmanager
async def lease(url: str, group: str) -> AsyncIterator[Lease]:
    """Hold the lease on a group; waits as a standby while another worker has it.

    Args:
        url: the database.
        group: the consumer group.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    connection: Connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name=f"gemba-lease-{group}",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        options="-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
        f" -c idle_session_timeout={SILENT_S}s",
    )
    try:
        await _take(connection, group)
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        yield Lease(connection)
    finally:
        # Closing is what gives the lease up; a broken connection has done so already.
        await connection.close()


async def _take(connection: Connection, group: str) -> None:
    standing_by = False
    while True:
        cursor = await connection.execute(_TRY, (group,))
        row = await cursor.fetchone()
        if row is not None and row[0]:
            if standing_by:
                logger.warning("stream group %s: the other worker is gone, taking over", group)
            return
        if not standing_by:
            standing_by = True
            logger.warning(
                "stream group %s: another worker consumes it; standing by to take over", group
            )
        await asyncio.sleep(STANDBY_INTERVAL_S)
