"""A site with two machines and an item, and plans for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from planning_rows import MINUTE_MS, NOW_MS, Rows

from contracts.live import PlanReason
from contracts.plan import PlanState
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Assignment, Plan, Solved
from domain.plan.problem import Operation
from domain.plan.right_shift import right_shift
from store.database import Connection
from store.planning.loaded import Loaded
from store.planning.plans import StoredPlan, store_plan
from store.planning.problem import load_problem

SCOPE = "plant-1"
Place: TypeAlias = tuple[int, int, int, int]
"""An operation on a machine from a start to an end."""


def solved(loaded: Loaded, *places: Place, moved_by: Mapping[int, int] | None = None) -> Solved:
    """A plan that has operations where it is said, or else where right-shift puts them.

    `moved_by` pushes operations of right-shift's plan back by so many milliseconds.
    """
    if places:
        plan = Plan(
            tuple(
                Assignment(
                    operation=operation,
                    machine=machine,
                    setup_start_ms=start,
                    start_ms=start,
                    end_ms=end,
                )
                for operation, machine, start, end in places
            )
        )
    else:
        by = moved_by or {}
        plan = Plan(
            tuple(
                Assignment(
                    operation=each.operation,
                    machine=each.machine,
                    setup_start_ms=each.setup_start_ms + by.get(each.operation, 0),
                    start_ms=each.start_ms + by.get(each.operation, 0),
                    end_ms=each.end_ms + by.get(each.operation, 0),
                )
                for each in right_shift(loaded.problem).assignments
            )
        )
    return Solved(
        plan=plan,
        metrics=metrics(loaded.problem, plan),
        late=late_jobs(loaded.problem, plan),
        method="right_shift",
        solve_ms=3,
    )


@dataclass
class Shop:
    """A site with two machines and an item."""

    rows: Rows
    connection: Connection
    site: int
    m1: int
    m2: int
    item: int

    @classmethod
    async def build(cls, rows: Rows) -> Shop:
        site = await rows.site(SCOPE)
        m1 = await rows.machine(f"{SCOPE}/hall/line1/m1")
        m2 = await rows.machine(f"{SCOPE}/hall/line1/m2")
        return cls(rows, rows.connection, site, m1, m2, await rows.item("bracket", family="steel"))

    async def load(self, now_ms: int = NOW_MS) -> Loaded:
        return await load_problem(self.connection, SCOPE, now_ms=now_ms)

    async def operation(self, id_: int, now_ms: int = NOW_MS) -> Operation:
        loaded = await self.load(now_ms)
        return next(each for each in loaded.problem.operations if each.id == id_)

    async def order(
        self, number: int, *, steps: int = 1, due_ms: int | None = None
    ) -> tuple[int, int, list[int]]:
        """An order SO-<number> of 10 pieces with work order WO-<number>; each step has a choice.

        Answers the ids of order, work order and operations.
        """
        order, line = await self.rows.order(
            self.site, f"SO-{number}", item=self.item, quantity=10, due_ms=due_ms
        )
        work = await self.rows.work_order(
            self.site, f"WO-{number}", item=self.item, due_ms=due_ms, lines=[line]
        )
        choice = {self.m1: (MINUTE_MS, 0), self.m2: (2 * MINUTE_MS, 1_000)}
        operations = [
            await self.rows.operation(work, 10 * (step + 1), self.m1, alternatives=choice)
            for step in range(steps)
        ]
        return order, work, operations

    async def store(
        self,
        loaded: Loaded,
        plan: Solved,
        *,
        state: PlanState = PlanState.PUBLISHED,
        reasons: Sequence[PlanReason] = (),
        disruption_ids: Sequence[int] = (),
        now_ms: int = NOW_MS,
        published_by: str | None = "planner",
    ) -> StoredPlan:
        """Store a plan in a transaction of its own."""
        async with self.connection.transaction():
            return await store_plan(
                self.connection,
                loaded,
                plan,
                state=state,
                waiting=plan.metrics,
                reasons=reasons,
                disruption_ids=disruption_ids,
                now_ms=now_ms,
                published_by=published_by,
            )

    async def publish(self, *places: Place, now_ms: int = NOW_MS) -> StoredPlan:
        """Put a plan in force that has operations where it is said."""
        loaded = await self.load(now_ms)
        return await self.store(loaded, solved(loaded, *places), now_ms=now_ms)
