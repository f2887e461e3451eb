"""Whatever happens on the floor and in the office: what is loaded can be planned and stored.

A walk at random (with fixed seeds) through starts, pauses, ends, breakdowns, cancellations, new
work, and new plans. After every few steps the problem is loaded; right-shift and a dispatch rule
must answer it with plans that the independent validator accepts, and one of them is put in force.
"""

from __future__ import annotations

import random

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, Rows
from planning_shop import SCOPE
from planning_walk import Walk

from contracts.plan import PlanState
from domain.plan.dispatch import RULES, dispatch
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Plan, Solved
from domain.plan.policy import Policy
from domain.plan.problem import PinKind
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from store.database import Connection
from store.planning import plans, policies
from store.planning.loaded import Loaded
from store.planning.problem import load_problem

STEPS = 60


def answer(loaded: Loaded, chance: random.Random) -> Solved:
    """Right-shift or a rule's plan, whichever chance picks; both have to be valid."""
    rule = chance.choice(list(RULES))
    found: dict[str, Plan] = {
        "right_shift": right_shift(loaded.problem),
        "dispatch": dispatch(loaded.problem, rule),
    }
    for method, plan in found.items():
        assert violations(loaded.problem, plan) == [], (method, rule)
    method = chance.choice(sorted(found))
    return Solved(
        plan=found[method],
        metrics=metrics(loaded.problem, found[method]),
        late=late_jobs(loaded.problem, found[method]),
        method=method,
        solve_ms=0,
    )


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_there_is_a_plan(
    rows: Rows, connection: Connection, seed: int
) -> None:
    walk = Walk(rows, seed)
    await walk.begin()
    frozen_ms = walk.chance.choice([0, 10 * MINUTE_MS, 2 * HOUR_MS])
    await policies.put_policy(connection, SCOPE, Policy(frozen_ms=frozen_ms), changed_by="test")
    pins: set[PinKind] = set()
    codes: set[str] = set()
    for number in range(STEPS):
        await walk.step()
        if number % 3:
            continue
        loaded = await load_problem(connection, SCOPE, now_ms=walk.now_ms)
        solved = answer(loaded, walk.chance)
        async with connection.transaction():
            stored = await plans.store_plan(
                connection,
                loaded,
                solved,
                state=PlanState.PUBLISHED,
                waiting=None,
                reasons=[],
                disruption_ids=[],
                now_ms=walk.now_ms,
            )
        pins |= {each.pin.kind for each in loaded.problem.operations if each.pin}
        codes |= {each.code for each in loaded.unplanned}
        assert await plans.assignments(connection, stored.id) == {
            each.operation: each for each in solved.plan.assignments
        }
        moved = await rows.one(
            """
            SELECT count(*) FROM plan_operations p JOIN operations o ON o.id = p.operation_id
            WHERE p.plan_id = %s AND o.state = 'planned' AND o.machine_id <> p.machine_id
            """,
            stored.id,
        )
        assert moved == 0
    assert PinKind.RUNNING in pins
    assert (PinKind.FROZEN in pins) or not frozen_ms
    assert "no_machine" in codes
