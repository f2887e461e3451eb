"""A small shop with a plan in force, an agent that keeps its projection, and what it tells."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from live_rows import M1, M2, Record, Rows
from live_stack import task_running
from psycopg.types.json import Jsonb

from contracts.plan import DisruptionOutcome, PlanState
from contracts.streams import (
    DISRUPTIONS,
    FLOOR,
    ORDERS,
    PARTITIONS,
    PLANS,
    TOPICS,
    DisruptionRaised,
    Event,
    PlanStored,
    decode_events,
    encode_events,
)
from domain.plan.metrics import metrics
from domain.plan.plan import Solved
from domain.plan.right_shift import right_shift
from runtime.clock import SystemClock
from store.database import Pool
from store.log import StreamLog, build_log
from store.planning.disruptions import answer, open_disruptions
from store.planning.plans import store_plan
from store.planning.problem import load_problem
from streams.planning import PlanningAgent
from streams.presence import Presence

SITE = "plant-1"
MINUTE_MS = 60_000


def now_ms() -> int:
    return SystemClock().now_ms()


async def eventually(probe: Callable[[], Awaitable[Any]], wanted: object) -> None:
    """Wait, generously, until a probe gives what is wanted."""
    seen: object = None
    for _ in range(1_200):
        seen = await probe()
        if seen == wanted:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"after a minute {seen!r} is still not {wanted!r}")


class Shop:
    """Two machines; WO-1 goes over both of them, WO-2 waits for the first one. Orders for each."""

    site: int
    m1: int
    m2: int
    orders: list[int]
    works: list[int]
    operations: list[int]
    """WO-1/10 on the first machine, WO-1/20 on the second, WO-2/10 on the first."""

    def __init__(self, pool: Pool, log: StreamLog) -> None:
        self.pool = pool
        self.log = log
        self.rows = Rows(pool)

    async def make(self, *, due_minutes: int = 600) -> None:
        """An hour of work for each operation: 60 pieces of a minute."""
        rows = self.rows
        due = datetime.now(UTC) + timedelta(minutes=due_minutes)
        self.site = await rows.site(SITE)
        self.m1 = await rows.machine(self.site, M1)
        self.m2 = await rows.machine(self.site, M2, position=1)
        self.orders, self.works, self.operations = [], [], []
        for number, machines in ((1, (self.m1, self.m2)), (2, (self.m1,))):
            await self.add_work(number, machines, due=due)
        for machine in (self.m1, self.m2):
            await rows.machine_state(machine, state="idle", state_since_ms=now_ms() - MINUTE_MS)

    async def add_work(self, number: int, machines: tuple[int, ...], *, due: datetime) -> int:
        """An order with a work order of its own; answers the order."""
        rows = self.rows
        order = await rows.order(self.site, f"SO-{number}")
        line = await rows.line(order, 1, 60, due=due)
        work = await rows.work_order(self.site, f"WO-{number}", 60, due=due)
        await rows.peg(line, work, 60)
        for place, machine in enumerate(machines, start=1):
            operation = await rows.operation(work, 10 * place, machine, cycle_ms=MINUTE_MS)
            self.operations.append(operation)
        self.orders.append(order)
        self.works.append(work)
        return order

    async def policy(self, **fields: Any) -> None:
        await self.rows.run(
            """
            INSERT INTO planning_policies (scope, policy, changed_by) VALUES (%s, %s, 'test')
            ON CONFLICT (scope) DO UPDATE SET policy = excluded.policy
            """,
            SITE,
            Jsonb(fields),
        )

    async def publish(self, *, state: PlanState = PlanState.PUBLISHED) -> PlanStored:
        """What the scheduler does: a plan, here right-shift's, answers all that is open."""
        async with self.pool.connection() as connection, connection.transaction():
            loaded = await load_problem(connection, SITE, now_ms=now_ms())
            plan = right_shift(loaded.problem)
            stored = await store_plan(
                connection,
                loaded,
                Solved(
                    plan=plan,
                    metrics=metrics(loaded.problem, plan),
                    late=(),
                    method="right_shift",
                    solve_ms=1,
                ),
                state=state,
                waiting=None,
                reasons=[],
                disruption_ids=[row.id for row in await open_disruptions(connection, SITE)],
                now_ms=now_ms(),
                published_by="test",
            )
        return PlanStored(SITE, stored.id, stored.number, stored.state, stored.moved_orders)

    async def answer(self, outcome: DisruptionOutcome = DisruptionOutcome.NO_CHANGE) -> None:
        async with self.pool.connection() as connection:
            rows = await open_disruptions(connection, SITE)
            await answer(connection, [row.id for row in rows], outcome=outcome)

    async def start(self, operation: int, machine: int, *, good: int = 0) -> None:
        """An operator starts an operation; `good` pieces are made a minute each up to now."""
        started_ms = now_ms() - good * MINUTE_MS
        await self.rows.progress(operation, good, started_ms=started_ms)
        await self.rows.run(
            """
            INSERT INTO contributions (operation_id, machine_id, good, scrap, runs, started_ms,
                change_e, change_source, change_boot, change_seq, state, named_e, named_source)
            VALUES (%s, %s, %s, 0, 1, %s, %s, 'main', 'b', 1, 'running', %s, 'main')
            """,
            operation,
            machine,
            good,
            *[started_ms] * 3,
        )
        await self.rows.machine_state(
            machine, state="running", state_since_ms=started_ms, operation_id=operation
        )

    async def disruptions(self) -> list[tuple[str, int | None, int | None]]:
        """Kind, machine and operation of each, in the order of telling."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT kind, machine_id, operation_id FROM disruptions ORDER BY id"
            )
            return list(await cursor.fetchall())

    async def kinds(self) -> list[str]:
        return [kind for kind, _, _ in await self.disruptions()]

    async def projected(self) -> dict[int, tuple[int, int]]:
        """Start and end by operation."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT operation_id, start_ms, end_ms FROM operation_projections"
            )
            return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}

    async def raised_events(self) -> list[DisruptionRaised]:
        """What stands in the log."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                'SELECT value FROM log_records WHERE topic = %s ORDER BY partition, "offset"',
                (DISRUPTIONS,),
            )
            events = [event for row in await cursor.fetchall() for event in decode_events(row[0])]
        return [event for event in events if isinstance(event, DisruptionRaised)]


class Agent:
    """A planning agent with what it told others."""

    def __init__(self, pool: Pool, log: StreamLog) -> None:
        self.working = True
        self.orders: list[tuple[str, int]] = []
        self.operations: list[tuple[str, frozenset[int]]] = []
        self.presence = Presence(
            url=str(pool.conninfo),
            worker=f"streams-{uuid.uuid4().hex[:8]}",
            clock=SystemClock(),
            at_work=lambda: self.working,
        )
        self.agent = PlanningAgent(
            pool=pool,
            log=log,
            clock=SystemClock(),
            presence=self.presence,
            assigned=lambda: [(ORDERS, 0)] if self.working else [],
            on_order_changed=lambda site, order: self.orders.append((site, order)),
            on_plan_changed=self._plan_changed,
        )
        self._offsets: dict[str, int] = {}

    def _plan_changed(self, scope: str, operations: Collection[int]) -> None:
        self.operations.append((scope, frozenset(operations)))

    async def hear(self, topic: str, *events: Event, offset: int | None = None) -> None:
        """Hand events on, as the engine would."""
        next_ = self._offsets.get(topic, -1) + 1 if offset is None else offset
        self._offsets[topic] = next_
        record = Record(topic, 0, next_, encode_events(list(events)))
        await self.agent.handle([record])

    async def assign(self) -> None:
        for topic in (ORDERS, FLOOR, PLANS):
            await self.agent.on_assigned(topic, 0)

    @property
    def rounds(self) -> int:
        return int(self.agent.metrics["rounds"])

    async def round(self) -> None:
        """Wait for a round that began after this call, by the one who leads."""

        async def leads() -> bool:
            return self.presence.term is not None

        await eventually(leads, wanted=True)
        # The first of the two may have begun before it.
        for _ in range(2):
            before = self.rounds
            await self.hear(PLANS, PlanStored(SITE, 0, 0, PlanState.DISCARDED, []))
            for _ in range(3_000):
                if self.rounds > before:
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail(f"no round after {before} within a minute")


@asynccontextmanager
async def agent_at_work(pool: Pool, log: StreamLog) -> AsyncIterator[Agent]:
    """An agent that was given its partitions and makes its rounds."""
    agent = Agent(pool, log)
    await agent.assign()
    async with task_running(agent.presence.run()), task_running(agent.agent.run()):
        yield agent


@asynccontextmanager
async def open_log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with build_log("embedded://", pool) as log:
        await log.create_topics(TOPICS, PARTITIONS)
        yield log
