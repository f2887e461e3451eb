"""Plans as the planner stores them, for tests of what the API makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from api_client import SITE, Api

from contracts.live import PlanReason
from contracts.plan import DisruptionKind, PlanState
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Assignment, Plan, Solved
from domain.plan.right_shift import right_shift
from store.database import Connection
from store.planning import disruptions, plans
from store.planning.disruptions import NewDisruption
from store.planning.plans import StoredPlan
from store.planning.problem import load_problem

Change = Callable[[Assignment], Assignment]


def as_it_is(assignment: Assignment) -> Assignment:
    """No change."""
    return assignment


def later(minutes: int) -> Change:
    """Everything later by so many minutes."""
    shift = minutes * 60_000

    def change(assignment: Assignment) -> Assignment:
        return msgspec.structs.replace(
            assignment,
            setup_start_ms=assignment.setup_start_ms + shift,
            start_ms=assignment.start_ms + shift,
            end_ms=assignment.end_ms + shift,
        )

    return change


async def store_plan(
    api: Api,
    *,
    scope: str = SITE,
    state: PlanState = PlanState.PUBLISHED,
    change: Change = as_it_is,
    reasons: Sequence[PlanReason] = (),
) -> StoredPlan:
    """Plan a scope as it stands by right-shift, change that, and store it as the planner does."""
    now_ms = api.context.clock.now_ms()
    async with api.context.transaction() as connection:
        loaded = await load_problem(connection, scope, now_ms=now_ms)
        problem = loaded.problem
        plan = Plan(tuple(change(each) for each in right_shift(problem).assignments))
        solved = Solved(
            plan=plan,
            metrics=metrics(problem, plan),
            late=late_jobs(problem, plan),
            method="right_shift",
            solve_ms=3,
        )
        stored = await plans.store_plan(
            connection,
            loaded,
            solved,
            state=state,
            waiting=solved.metrics,
            reasons=reasons,
            disruption_ids=[reason.disruption for reason in reasons],
            now_ms=now_ms,
            published_by="planner" if state is PlanState.PUBLISHED else None,
        )
        await api.context.log.append_in(connection, [plans.record(stored)])
    return stored


async def machine_id(connection: Connection, path: str) -> int:
    """The id of a machine."""
    cursor = await connection.execute("SELECT id FROM machines WHERE path = %s", (path,))
    row = await cursor.fetchone()
    assert row is not None
    found: int = row[0]
    return found


async def breakdown(api: Api, path: str, *, scope: str = SITE, key: str = "1") -> PlanReason:
    """A machine that is down, as the projection tells it."""
    now_ms = api.context.clock.now_ms()
    async with api.context.transaction() as connection:
        new = NewDisruption(
            scope=scope,
            kind=DisruptionKind.MACHINE_DOWN,
            key=f"machine_down:{path}:{key}",
            occurred_ms=now_ms,
            machine_id=await machine_id(connection, path),
            detail={"reason": "jam"},
        )
        [row] = await disruptions.raise_disruptions(connection, [new])
        await api.context.log.append_in(connection, [disruptions.record(row)])
    return row.reason
