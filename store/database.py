"""Connections to the database."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

Connection: TypeAlias = AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

CHECK_S: Final = 3.0
"""A connection that takes longer to answer is not handed out."""
_STEPS: Final = 6
_FRESH_S: Final = 0.5
"""A connection that was given back so recently, whole, and on which the server has said nothing
since, is handed out without a question: under load the questions were a tenth of what an order's
status costs.
"""
_RENEW_S: Final = 5.0
"""Connections that are younger are not put in question by an old one that broke."""

_LATE_DATA: Final = "-c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
"""However much a late batch touches of what TimescaleDB has compressed: it is stored. Without
TimescaleDB it means nothing.
"""


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute("SET TIME ZONE 'UTC'")


class _Pool(AsyncConnectionPool[Connection]):
    """A pool that trusts none of its connections any more when one of them has broken.

    What broke it, a server that was replaced or a network that lost its way, broke the others too:
    else each of them would be handed out and waited on, one after the other.
    """

    _renewed_at = float("-inf")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._given_back: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    async def putconn(self, conn: Connection) -> None:
        """Take a connection back."""
        broken = conn.closed
        if not broken:
            self._given_back[conn] = time.monotonic()
        await super().putconn(conn)
        if broken:
            await self.renew()

    async def renew(self) -> None:
        """Put new connections in the place of all, unless that has just been done."""
        now = time.monotonic()
        if not self.closed and now - self._renewed_at > _RENEW_S:
            self._renewed_at = now
            self._given_back.clear()
            await self.drain()

    async def answers(self, connection: Connection) -> None:
        """Whether a connection answers, within CHECK_S: one that leads nowhere never would.

        Raises:
            psycopg.OperationalError: it does not.
        """
        fresh = time.monotonic() - self._given_back.get(connection, float("-inf")) < _FRESH_S
        if fresh and not _has_news(connection):
            return
        ending = _Ending(connection)
        try:
            await self.check_connection(connection)
        except OperationalError:
            await self.renew()
            raise
        finally:
            ending.stop()


class _Ending:
    """Ends a connection after CHECK_S, unless it is stopped before.

    Time in which the event loop stood still does not count: the answer may lie there unread, and
    would be read in the same turn in which the time is over.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._left = _STEPS
        self._wait()

    def _wait(self) -> None:
        self._due = self._loop.time() + CHECK_S / _STEPS
        self._timer = self._loop.call_at(self._due, self._step)

    def _step(self) -> None:
        if self._loop.time() - self._due < CHECK_S / _STEPS:  # else nobody was awake
            self._left -= 1
        if self._left:
            self._wait()
        else:
            _shut(self._connection)

    def stop(self) -> None:
        """Leave the connection alone."""
        self._timer.cancel()


def _has_news(connection: Connection) -> bool:
    """Whether the server has said something unasked: mostly that it ends."""
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _shut(connection: Connection) -> None:
    """End a connection under whoever waits on it, who is told at once that it is closed."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)


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

    async def answers(connection: Connection) -> None:
        await pool.answers(connection)

    pool = _Pool(
        url,
        open=False,
        min_size=min_size,
        max_size=max_size,
        configure=_configure,
        check=answers if check else None,
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
    return pool
