"""A courier at work on a database, with a clock that can be put on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.notification.retrying import Policy
from domain.notification.ways import Smtp, Tls
from notify.courier import Courier
from notify.courier_ports import Driver, Source, Tools
from notify.drivers.registry import build_drivers
from notify.letter_sources import AlarmLetters, TrialLetters
from notify.letter_words import Writer
from notify.way_choice import Ways
from runtime.clock import SystemClock
from store.database import Pool
from store.notification import ways
from store.notification.ways import NewWay

KEY = "an installation's key, for tests"
PATIENCE_S = 60.0
BODY = {
    "alarm": 7,
    "cause": "machine_down||machine|plant-1/saw/line-1/saw-2",
    "name": "Machine down",
    "response": "Go & look <now>.",
    "priority": "high",
    "site": "plant-1",
    "subject_kind": "machine",
    "subject": "plant-1/saw/line-1/saw-2",
    "value": None,
    "limit": None,
    "detail": {},
    "raised_at": "2026-11-23T06:15:00+00:00",
    "step": 0,
    "recipient_name": "Mei",
}


class AheadClock(SystemClock):
    """The machine's clock, put on by so much."""

    ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return super().now_ms() + self.ahead_ms


@dataclass
class PostOffice:
    """Letters in, and a courier."""

    pool: Pool
    private: bool = True
    timeout_s: float = 20.0
    policy: Policy = field(default_factory=Policy)
    drivers: Mapping[str, Driver] | None = None
    clock: AheadClock = field(default_factory=AheadClock)
    public_url: str = "https://gemba.test"
    key: str = KEY
    task: asyncio.Task[None] | None = None
    courier: Courier | None = None

    async def open(self) -> None:
        """Let the courier work."""
        self._http = httpx.AsyncClient()
        tools = Tools(
            http=self._http,
            clock=self.clock,
            pool=self.pool,
            timeout_s=self.timeout_s,
            private=self.private,
            installation_key=self.key,
        )
        sources: list[Source] = [TrialLetters(), AlarmLetters(self.pool)]
        self.courier = Courier(
            pool=self.pool,
            clock=self.clock,
            sources=sources,
            drivers=self.drivers or build_drivers(tools),
            ways=Ways(self.pool, self.key),
            writer=Writer(self.pool, self.public_url),
            policy=self.policy,
            timeout_s=self.timeout_s,
        )
        self.task = asyncio.create_task(self.courier.keep_sending())

    async def close(self) -> None:
        """End."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            await self._http.aclose()

    def later(self, seconds: float) -> None:
        """Put the clock on."""
        self.clock.ahead_ms += round(seconds * 1_000)
        assert self.courier is not None
        self.courier.wake()

    async def way(self, port: int, code: str = "mail", **told: Any) -> None:
        """Configure a mail server on this machine."""
        rank = told.pop("rank", 100)
        password = told.pop("password", None)
        prefixes = told.pop("prefixes", ())
        plain = {"host": "127.0.0.1", "port": port, "tls": Tls.NONE, "sender": "gemba@plant.test"}
        settings = msgspec.convert(plain | told, Smtp)
        async with self.pool.connection() as connection:
            await ways.put(
                connection,
                NewWay(
                    code=code,
                    name=code.title(),
                    kind="smtp",
                    settings=settings,
                    secrets={} if password is None else {"password": password},
                    rank=rank,
                    prefixes=prefixes,
                ),
                installation_key=self.key,
                by="test",
            )

    async def post(self, address: str, **told: Any) -> int:
        """A message about an alarm; answers its id."""
        row = {
            "why": "step 0",
            "recipient": address.partition("@")[0],
            "channel": "email",
            "address": address,
            "language": "en",
            "priority": "high",
            "state": "waiting",
            "because": "allowed",
            "body": BODY,
            "decided_at": self.now(),
        } | told
        row.setdefault("next_at", row["decided_at"])
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                """
                INSERT INTO alarm_messages (why, recipient, channel, address, language, priority,
                    state, because, next_at, body, decided_at, counts_from)
                VALUES (%(why)s, %(recipient)s, %(channel)s, %(address)s, %(language)s,
                    %(priority)s, %(state)s, %(because)s, %(next_at)s, %(body)s, %(decided_at)s,
                    clock_timestamp())
                RETURNING id
                """,
                {**row, "body": Jsonb(row["body"])},
            )
            found = await cursor.fetchone()
        assert found is not None
        if self.courier is not None:
            self.courier.wake()
        number: int = found[0]
        return number

    async def letter(self, letter_id: int) -> dict[str, Any]:
        """How a message stands."""
        async with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute("SELECT * FROM alarm_messages WHERE id = %s", (letter_id,))
            row = await cursor.fetchone()
        assert row is not None
        return row

    async def becomes(
        self, letter_id: int, state: str, *, error: str | None = None, attempts: int = 0
    ) -> dict[str, Any]:
        """Wait until a message is in a state, its last error says so, it was tried so often."""
        row: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    row = await self.letter(letter_id)
                    said = error is None or error in (row["last_error"] or "")
                    if row["state"] == state and said and row["attempts"] >= attempts:
                        return row
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it is not {state}: {row}") from None

    async def rows(
        self, query: Any, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """What a query answers."""
        async with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query, parameters)
            return await cursor.fetchall()

    def now(self) -> datetime:
        """The moment."""
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)

    def ago(self, hours: float) -> datetime:
        """A moment before."""
        return self.now() - timedelta(hours=hours)
