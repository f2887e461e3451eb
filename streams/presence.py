"""A worker's presence at the database: who leads, what leaders are told, and who has gone silent.

Each worker keeps one connection by which it says every TICK_S that it is there. The connection
holds, in one of them, the lock of the leader, who does what only one may do (STREAM-6). When a
worker is killed PostgreSQL ends its connections and lets go of their locks. When it is stopped, or
its machine is, it does not: partitions' heads, orders and operations that its transaction had
locked would stay locked for everybody. So the others watch: whoever says nothing for SILENT_S has
all its connections ended (STREAM-5). Should it go on, its transactions fail and it is fenced.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from runtime.clock import Clock
from store.database import Connection
from store.planning.notes import CHANNEL
from streams.transport.patience import AWAY, pause_s, said

TICK_S: Final = 0.5
"""How often a worker says that it is there, looks at the others, and asks to lead."""
SILENT_S: Final = 4.0
"""A worker that says nothing for so long has stopped. Shorter than Kafka's session time-out: what
it had locked is free when its partitions come to another worker."""
BLIND_S: Final = 2.0
"""Whoever could not look for so long has seen nobody's silence."""
ANSWER_S: Final = 5.0
NOTES: Final = CHANNEL
"""NOTIFY channel: what the leader is told."""
_SUFFIX: Final = "-present"
_log = logging.getLogger(__name__)

_LEAD: Final = "SELECT pg_try_advisory_lock(hashtextextended('gemba streams leader', 0))"
_STEP_DOWN: Final = "SELECT pg_advisory_unlock(hashtextextended('gemba streams leader', 0))"
_OTHERS: Final = """
SELECT application_name, pid, extract(epoch FROM state_change)::float8 FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND application_name LIKE 'gemba-streams-%%' || %s
"""
_END: Final = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = ANY(%s)
"""


class Sign(NamedTuple):
    """A worker's last word: its name, its connection, and when that said something."""

    worker: str
    connection: int
    at: float


class Silence:
    """Who has said nothing for how long, as far as the observer could see.

    Time is the observer's, and what happened while it did not look itself is nobody's silence: a
    database or a machine that stood still must not make workers end each other.
    """

    def __init__(self) -> None:
        self._since: dict[Sign, float] = {}
        self._looked = -math.inf

    def observe(self, now: float, signs: Iterable[Sign]) -> set[str]:
        """Take note of the others' last words; answers the workers that have gone silent.

        Args:
            now: seconds of a monotonic clock.
            signs: the last word of each of the others.
        """
        if now - self._looked > BLIND_S:
            self._since.clear()
        self._looked = now
        self._since = {sign: self._since.get(sign, now) for sign in signs}
        return {sign.worker for sign, since in self._since.items() if now - since >= SILENT_S}


class Presence:
    """One worker's presence.

    Args:
        url: the database.
        worker: the worker's name: its pool is `gemba-<worker>` in `pg_stat_activity`; begins with
            `streams-`.
        clock: for `monotonic`.
        at_work: whether it may lead: one that has no partitions does not.

    Attributes:
        term: number of this worker's leadership; None while it does not lead.
        on_note: told what others noted for the leader.
        on_term: told when `term` changed.
    """

    def __init__(self, *, url: str, worker: str, clock: Clock, at_work: Callable[[], bool]) -> None:
        self._url = url
        self._name = f"gemba-{worker}"
        self._clock = clock
        self._at_work = at_work
        self._silence = Silence()
        self._terms = 0
        self.term: int | None = None
        self.on_note: Callable[[str], None] = lambda _: None
        self.on_term: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Be there until cancelled; again after every outage."""
        failures = 0
        while True:
            try:
                async with await self._connect() as connection:
                    failures = 0
                    await self._stay(connection)
            except (*AWAY, TimeoutError) as error:
                _log.info("the worker's presence is not seen: %s", said(error))
            finally:
                self._lead(leads=False)
            await asyncio.sleep(pause_s(failures))
            failures += 1

    async def _stay(self, connection: Connection) -> None:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(NOTES)))
        while True:
            async with asyncio.timeout(ANSWER_S):
                await self._ask_to_lead(connection)
                await self._look(connection)
            async for note in connection.notifies(timeout=TICK_S):
                if self.term is not None:
                    self.on_note(note.payload)

    async def _ask_to_lead(self, connection: Connection) -> None:
        if self._at_work() == (self.term is not None):
            return
        if self.term is not None:
            self._lead(leads=False)
            await connection.execute(_STEP_DOWN)
            return
        cursor = await connection.execute(_LEAD)
        row = await cursor.fetchone()
        if row is not None and row[0]:
            self._lead(leads=True)

    def _lead(self, *, leads: bool) -> None:
        if leads == (self.term is not None):
            return
        if leads:
            self._terms += 1
        self.term = self._terms if leads else None
        self.on_term()

    async def _look(self, connection: Connection) -> None:
        cursor = await connection.execute(_OTHERS, (_SUFFIX,))
        signs = [
            Sign(name.removesuffix(_SUFFIX), pid, at) for name, pid, at in await cursor.fetchall()
        ]
        for silent in self._silence.observe(self._clock.monotonic(), signs):
            names = [silent, silent + _SUFFIX]
            ended = await connection.execute(_END, (names,))
            count = await ended.fetchone()
            _log.warning(
                "worker %s has said nothing for %.0f s: its %d connections are ended, so that what"
                " they had locked is free",
                silent,
                SILENT_S,
                count[0] if count else 0,
            )

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name=self._name + _SUFFIX,
            connect_timeout=5,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            options="-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2"
            " -c tcp_keepalives_count=3",
        )
