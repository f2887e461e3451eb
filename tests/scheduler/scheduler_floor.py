"""A site as rows, and the planner's answers as tests look at them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from contracts.plan import DisruptionKind
from contracts.streams import Event, decode_events
from domain.plan.policy import Policy
from store.database import Pool
from store.filters import Page
from store.log import StreamLog
from store.planning import plans
from store.planning.disruptions import (
    DisruptionRow,
    NewDisruption,
    disruptions,
    raise_disruptions,
    record,
)
from store.planning.policies import policy_of, put_policy

T = TypeVar("T")

SCOPE = "plant-1"
MINUTE = 60_000
PATIENCE_S = 150.0
"""Of a busy machine: a process that only starts takes half a minute there."""
QUICK = Policy(frozen_ms=0, debounce_ms=20, improve_ms=0, move_tolerance_ms=5 * MINUTE)
"""Nothing is frozen, and nothing is improved."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def until(ask: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = await ask()
        if answer is not None:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"in vain: {what}")


@dataclass
class Floor:
    """One site, and what is done to it."""

    pool: Pool
    log: StreamLog
    site: int = 0
    machines: list[int] = field(default_factory=list)
    raised: int = 0

    async def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            row = await cursor.fetchone()
        assert row is not None
        return row[0]

    async def run(self, query: str, *values: Any) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(query.encode(), values)

    async def build(self, machines: int, *, policy: Policy = QUICK) -> None:
        """The site with idle machines m1, m2, ...; an item and a customer."""
        self.site = await self.one(
            "INSERT INTO sites (code, name, time_zone) VALUES (%s, %s, 'UTC') RETURNING id",
            SCOPE,
            SCOPE,
        )
        for number in range(1, machines + 1):
            machine = await self.one(
                """
                INSERT INTO machines (site_id, path, area, line, name, configured)
                VALUES (%s, %s, 'hall', 'line1', %s, true) RETURNING id
                """,
                self.site,
                f"{SCOPE}/hall/line1/m{number}",
                f"m{number}",
            )
            self.machines.append(machine)
            await self.state(machine, "idle")
        await self.run("INSERT INTO items (code, name) VALUES ('bracket', 'Bracket')")
        await self.run("INSERT INTO customers (code, name) VALUES ('acme', 'Acme Ltd')")
        await self.policy(policy)

    async def policy(self, policy: Policy) -> None:
        async with self.pool.connection() as connection:
            await put_policy(connection, SCOPE, policy, changed_by="test")

    async def change_policy(self, **fields: Any) -> None:
        async with self.pool.connection() as connection:
            policy = await policy_of(connection, SCOPE)
        await self.policy(msgspec.structs.replace(policy, **fields))

    async def state(self, machine: int, state: str, *, since_ms: int = 0) -> None:
        await self.run(
            """
            INSERT INTO machine_states AS m (machine_id, state, state_since_ms, version)
            VALUES (%s, %s, %s, 1)
            ON CONFLICT (machine_id) DO UPDATE
            SET state = excluded.state, state_since_ms = excluded.state_since_ms,
                version = m.version + 1
            """,
            machine,
            state,
            since_ms,
        )

    async def break_down(self, machine: int) -> None:
        """The machine has been down for five minutes."""
        await self.state(machine, "down", since_ms=now_ms() - 5 * MINUTE)

    async def work(
        self,
        number: str,
        steps: Sequence[Sequence[int]],
        *,
        minutes: int = 10,
        due_minutes: int | None = None,
    ) -> list[int]:
        """An order of ten pieces with a work order; each step may be done on some machines."""
        due = (
            None
            if due_minutes is None
            else datetime.fromtimestamp(now_ms() / 1000 + due_minutes * 60, UTC)
        )
        order = await self.one(
            """
            INSERT INTO orders (site_id, customer_id, number)
            SELECT %s, id, %s FROM customers RETURNING id
            """,
            self.site,
            f"SO-{number}",
        )
        line = await self.one(
            """
            INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)
            SELECT %s, 1, id, 10, 'pcs', %s, 'released' FROM items RETURNING id
            """,
            order,
            due,
        )
        work_order = await self.one(
            """
            INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, due_at, planned)
            SELECT %s, %s, id, 10, %s, true FROM items RETURNING id
            """,
            self.site,
            f"WO-{number}",
            due,
        )
        await self.run(
            "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, 10)",
            line,
            work_order,
        )
        made: list[int] = []
        for step, machines in enumerate(steps, 1):
            operation = await self.one(
                """
                INSERT INTO operations
                    (work_order_id, number, name, planned, machine_id, cycle_ms)
                VALUES (%s, %s, 'Step', true, %s, %s) RETURNING id
                """,
                work_order,
                10 * step,
                machines[0],
                minutes * MINUTE // 10,
            )
            made.append(operation)
            for machine in machines:
                await self.run(
                    "INSERT INTO operation_alternatives VALUES (%s, %s, %s, 0)",
                    operation,
                    machine,
                    minutes * MINUTE // 10,
                )
        return made

    async def start(self, operation: int, machine: int) -> None:
        """The operation has been running on the machine for a minute."""
        started_ms = now_ms() - MINUTE
        await self.run(
            """
            INSERT INTO contributions
                (operation_id, machine_id, good, scrap, runs, started_ms, change_e, change_source,
                 change_boot, change_seq, state, named_e, named_source)
            VALUES (%s, %s, 0, 0, 1, %s, %s, 'plc', 'b1', 1, 'running', %s, 'plc')
            """,
            operation,
            machine,
            started_ms,
            started_ms,
            started_ms,
        )
        await self.run(
            "UPDATE operations SET state = 'running', runs = 1, started_ms = %s WHERE id = %s",
            started_ms,
            operation,
        )
        await self.run(
            "UPDATE machine_states SET state = 'running', operation_id = %s WHERE machine_id = %s",
            operation,
            machine,
        )

    async def disturb(self, kind: DisruptionKind, **about: Any) -> int:
        """Raise a disruption as the services do; returns its id."""
        self.raised += 1
        async with self.pool.connection() as connection, connection.transaction():
            rows = await raise_disruptions(
                connection,
                [
                    NewDisruption(
                        scope=SCOPE,
                        kind=kind,
                        key=f"test:{self.raised}",
                        occurred_ms=now_ms(),
                        **about,
                    )
                ],
            )
            await self.log.append_in(connection, [record(row) for row in rows])
        return rows[0].id

    async def row(self, disruption: int) -> DisruptionRow:
        async with self.pool.connection() as connection:
            rows, _ = await disruptions(connection, Page(1_000, 0), scope=SCOPE)
        return next(row for row in rows if row.id == disruption)

    async def answered(self, disruption: int) -> DisruptionRow:
        """The disruption, once it is answered."""

        async def ask() -> DisruptionRow | None:
            row = await self.row(disruption)
            return row if row.handled_at is not None else None

        return await until(ask, f"an answer to disruption {disruption}")

    async def versions(self) -> list[plans.PlanRow]:
        """All plans, oldest first."""
        async with self.pool.connection() as connection:
            rows, _ = await plans.plans(connection, Page(1_000, 0), scope=SCOPE)
        return rows[::-1]

    async def version(self, number: int) -> plans.PlanRow:
        """A plan, once it is there."""

        async def ask() -> plans.PlanRow | None:
            rows = await self.versions()
            return rows[number - 1] if len(rows) >= number else None

        return await until(ask, f"plan {number}")

    async def machine_of(self, plan: int) -> dict[int, int]:
        """Where a plan has operations."""
        async with self.pool.connection() as connection:
            placed = await plans.assignments(connection, plan)
        return {operation: each.machine for operation, each in placed.items()}

    async def events(self, topic: str) -> list[Event]:
        """All events of a topic, oldest first."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT value FROM log_records WHERE topic = %s
                ORDER BY timestamp_ms, partition, "offset"
                """,
                (topic,),
            )
            rows = await cursor.fetchall()
        return [event for (value,) in rows for event in decode_events(bytes(value))]
