"""Random disruptions: every plan that leaves the planner is accepted by the validator.

`GEMBA_DISRUPTIONS=10000` tries as many of each kind; otherwise a few. From rows to rows, with
breakdowns, absences, maintenance and what planners say, `tests/planning/test_planning_disrupted.py`
does it.
"""

from __future__ import annotations

import os
import random

import msgspec
import pytest
import search_problems

from domain.plan.metrics import cost, ranking
from domain.plan.plan import Plan
from domain.plan.problem import Interval, Pin, PinKind, Placed, Problem
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.floor_arrays import supported
from scheduler.repair import repaired
from scheduler.solve import First, first_plan, improve

COUNT = int(os.environ.get("GEMBA_DISRUPTIONS", "40"))
MOVES = 300
IMPROVE_EVERY = 20
IMPROVE_MS = 100
MINUTE = 60_000


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kernel.warm_up()


def in_force(problem: Problem, plan: Plan, chance: random.Random) -> Problem:
    """Some time later: what the plan began has started or is frozen, and something happens."""
    now = problem.now_ms + chance.randint(0, 120) * MINUTE
    frozen_ms = chance.choice((0, 30, 60)) * MINUTE
    down = chance.choice(problem.machines).id
    until = now + chance.randint(5, 240) * MINUTE
    placed = {each.operation: each for each in plan.assignments}
    over = {each.operation for each in plan.assignments if each.end_ms <= now}
    turn = {
        each.operation: at
        for at, each in enumerate(sorted(plan.assignments, key=lambda each: each.start_ms))
    }
    operations = []
    for operation in problem.operations:
        at = placed[operation.id]
        if operation.id in over:
            continue
        pin, modes = None, operation.modes
        if at.start_ms <= now:
            pin = Pin(
                kind=PinKind.RUNNING,
                machine=at.machine,
                place=turn[operation.id],
                started_ms=at.start_ms,
            )
        elif at.start_ms < now + frozen_ms and at.machine != down:
            pin = Pin(kind=PinKind.FROZEN, machine=at.machine, place=turn[operation.id])
        if pin is not None:
            modes = tuple(mode for mode in operation.modes if mode.machine == at.machine)
        slower = chance.choice((1, 1, 1, 2))
        operations.append(
            msgspec.structs.replace(
                operation,
                modes=tuple(
                    msgspec.structs.replace(mode, duration_ms=mode.duration_ms * slower)
                    for mode in modes
                ),
                after=tuple(link for link in operation.after if link.operation not in over),
                pin=pin,
            )
        )
    return msgspec.structs.replace(
        problem,
        now_ms=now,
        machines=tuple(
            msgspec.structs.replace(
                each, unavailable=_with_break(each.unavailable, Interval(now, until))
            )
            if each.id == down
            else each
            for each in problem.machines
        ),
        operations=tuple(operations),
        baseline={each.operation: Placed(each.machine, each.start_ms) for each in plan.assignments},
    )


def _with_break(intervals: tuple[Interval, ...], down: Interval) -> tuple[Interval, ...]:
    start, end = down.start_ms, down.end_ms
    left = []
    for each in intervals:
        if each.end_ms < start or each.start_ms > end:
            left.append(each)
        else:
            start, end = min(start, each.start_ms), max(end, each.end_ms)
    return tuple(sorted([*left, Interval(start, end)], key=lambda each: each.start_ms))


@pytest.mark.timeout(0)
def test_no_plan_after_a_disruption_is_refused_and_nothing_frozen_moves() -> None:
    planned = 0
    for seed in range(COUNT):
        chance = random.Random(seed)
        calm = search_problems.problem(seed % 500)
        before = first_plan(calm)
        assert isinstance(before, First)
        problem = in_force(calm, before.solved.plan, chance)
        assert supported(problem)
        first = first_plan(problem)
        if not isinstance(first, First):
            # What is pinned may wait for what is pinned behind it: then nobody has a plan.
            continue
        planned += 1
        better = repaired(problem, first.solved.plan, limit_s=600.0, moves=MOVES, seed=seed)
        for plan in (first.shifted, first.solved.plan, better):
            assert violations(problem, plan) == [], seed
        assert cost(problem, better) <= cost(problem, first.solved.plan)
    assert planned > COUNT // 2


@pytest.mark.timeout(0)
def test_no_plan_with_people_ovens_and_transfer_batches_is_refused() -> None:
    planned = 0
    for seed in range(COUNT):
        problem = search_problems.rich_problem(seed)
        first = first_plan(problem, limit_ms=0, explain=False)
        if not isinstance(first, First):
            continue
        planned += 1
        plans = [first.shifted, first.solved.plan]
        if not seed % IMPROVE_EVERY:
            better = improve(problem, first.solved, limit_ms=IMPROVE_MS, explain=False)
            assert ranking(problem, better.plan) <= ranking(problem, first.solved.plan)
            plans.append(better.plan)
        for plan in plans:
            assert violations(problem, plan) == [], seed
    assert planned > COUNT // 2
