"""A plant on a real database, whose machines are put into states, and a watch over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plant_facts import LINE, M1, M2, NOW, SITE
from redis.asyncio import Redis

from contracts.ids import MachinePath, SiteCode
from contracts.streams import FLOOR, PARTITIONS, MachineChanged, encode_events
from contracts.topics import partition_of
from domain.alarms.states import AlarmEvent
from notify.alarm_watch import AlarmWatch
from store.alarms import definitions, reading
from store.alarms.definitions import Definition
from store.alarms.moving import Move, Moved, move_alarms
from store.alarms.reading import AlarmRow, Wanted
from store.audit import Actor
from store.database import Connection, Pool
from store.filters import Page
from store.leases import Leases
from store.log import NewRecord, build_log

MEI = Actor("mei", "test")


@dataclass
class HeldClock:
    """A clock that stands until it is set forth."""

    at_ms: int = NOW

    def now_ms(self) -> int:
        """The moment."""
        return self.at_ms

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.at_ms / 1_000


@dataclass
class Plant:
    """Two machines of a line; what is done to them is committed."""

    pool: Pool
    redis: Redis
    leases: Leases
    url: str
    clock: HeldClock = field(default_factory=HeldClock)
    machines: dict[str, int] = field(default_factory=dict)

    async def build(self, *paths: str) -> None:
        """Make the site and its machines."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO sites (code, name, time_zone) VALUES (%s, 'Plant 1', 'Europe/Berlin')",
                (SITE,),
            )
            for path in paths or (M1, M2):
                cursor = await connection.execute(
                    """
                    INSERT INTO machines (site_id, path, area, line, name, configured)
                    SELECT id, %(path)s, 'cutting', 'line1', %(name)s, true FROM sites
                    RETURNING id
                    """,
                    {"path": path, "name": path.removeprefix(f"{LINE}/")},
                )
                row = await cursor.fetchone()
                assert row is not None
                self.machines[path] = row[0]
                await self.put(connection, path, "running")

    async def put(
        self, connection: Connection, path: str, state: str, reason: str | None = None
    ) -> None:
        """Put a machine into a state, as the telemetry agent does."""
        await connection.execute(
            """
            INSERT INTO machine_states (machine_id, state, reason, state_since_ms, last_seen_ms)
            VALUES (%(id)s, %(state)s, %(reason)s, %(now)s, %(now)s)
            ON CONFLICT (machine_id) DO UPDATE SET state = excluded.state,
                reason = excluded.reason, state_since_ms = excluded.state_since_ms,
                last_seen_ms = excluded.last_seen_ms, version = machine_states.version + 1
            """,
            {
                "id": self.machines[path],
                "state": state,
                "reason": reason,
                "now": self.clock.now_ms(),
            },
        )

    async def becomes(self, path: str, state: str, reason: str | None = None) -> None:
        """The same, committed, and told to whoever reads the log."""
        log = build_log("embedded://", self.pool)
        event = MachineChanged(SiteCode(SITE), self.machines[path], MachinePath(path), 1)
        async with self.pool.connection() as connection, connection.transaction():
            await self.put(connection, path, state, reason)
            await log.append_in(
                connection,
                [
                    NewRecord(
                        FLOOR,
                        partition_of(path, PARTITIONS),
                        path.encode(),
                        encode_events([event]),
                    )
                ],
            )

    async def define(self, *defined: Definition) -> None:
        """Put rules and who is told into force."""
        async with self.pool.connection() as connection:
            for each in defined:
                await definitions.put(connection, each, by="test")

    def watch(self) -> AlarmWatch:
        """A watch, as `gemba run notify` has one."""
        return AlarmWatch(
            pool=self.pool,
            log=build_log("embedded://", self.pool),
            redis=self.redis,
            leases=self.leases,
            clock=self.clock,
            url=self.url,
        )

    async def alarms(self, **wanted: Any) -> list[AlarmRow]:
        """Alarms as they stand."""
        async with self.pool.connection() as connection:
            rows, _ = await reading.alarms(connection, Page(1000, 0), Wanted(**wanted))
        return rows

    async def standing(self) -> dict[str, str]:
        """The states of alarms by cause, but normal ones."""
        return {row.cause: row.state for row in await self.alarms() if row.state != "normal"}

    async def do(self, alarm_id: int, event: AlarmEvent, **fields: Any) -> list[Moved]:
        """Let somebody do something to an alarm."""
        async with self.pool.connection() as connection:
            return await move_alarms(
                connection,
                [Move(id=alarm_id, event=event, **fields)],
                now_ms=self.clock.now_ms(),
                actor=MEI,
            )

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the test's own says."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []
