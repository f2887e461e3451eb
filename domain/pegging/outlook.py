"""What a plan would look like if work orders were cut or put together: dates and set-ups.

The planner's own decoder answers, on the problem of the scope with the jobs changed; nothing is
published. What was planned keeps its machine and its place, and what is cut off comes right behind
what it was cut off from, unless a dispatching rule finds something better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.plan.dispatch import Rule, best, dispatch
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.metrics import job_ends, totals
from domain.plan.plan import Plan
from domain.plan.priorities import Order
from domain.plan.problem import Job, Mode, Operation, Precedence, Problem
from domain.plan.right_shift import right_shift

_RULES: Final = (Rule(Order.PLANNED, keep=True), Rule(Order.EDD))


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as it is to be.

    Attributes:
        id: the operation's; below 0 for one that is only thought of.
        like: the operation that it has its place in the plan in force from.
        remaining: pieces that are still to be made.
        ways: machine, milliseconds of a piece and of a set-up; of one that has no choice one.
        family: its set-up family.
    """

    id: int
    like: int
    remaining: Decimal
    ways: tuple[tuple[int, int, int], ...]
    family: str | None = None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A work order as it is to be; `like` is the one that it has its weight from."""

    id: int
    like: int
    due_ms: int | None
    steps: tuple[Step, ...]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan comes to.

    Attributes:
        ends: when each work order ends, by id; those are missing of which nobody knows.
        setup_ms: all set-ups together, in working time.
        setups: how many there are.
    """

    ends: Mapping[int, int]
    setup_ms: int
    setups: int


def changed(problem: Problem, gone: Sequence[int], works: Sequence[Work]) -> Problem:
    """The problem with some work orders gone, and others changed or new (told whole).

    Operations of changed ones keep what they wait for and their pins.
    """
    told = {work.id: work for work in works}
    there = {operation.id: operation for operation in problem.operations}
    jobs = {job.id: job for job in problem.jobs}
    machines = {machine.id for machine in problem.machines}
    operations = [
        operation
        for operation in problem.operations
        if operation.job not in gone and operation.job not in told
    ]
    baseline = dict(problem.baseline)
    for work in works:
        before: int | None = None
        for step in work.steps:
            modes = tuple(
                Mode(machine, math.ceil(step.remaining * cycle_ms), setup_ms)
                for machine, cycle_ms, setup_ms in step.ways
                if machine in machines
            )
            known = there.get(step.id)
            if known is not None:
                kept = {mode.machine for mode in known.modes}
                modes = tuple(mode for mode in modes if mode.machine in kept) or known.modes
                operation = msgspec.structs.replace(known, modes=modes)
            elif not modes:
                break
            else:
                operation = Operation(
                    id=step.id,
                    job=work.id,
                    modes=modes,
                    after=(Precedence(before),) if before is not None else (),
                    family=step.family,
                )
                if (place := problem.baseline.get(step.like)) is not None:
                    baseline[step.id] = place
            operations.append(operation)
            before = step.id
        jobs[work.id] = Job(
            id=work.id,
            due_ms=work.due_ms,
            weight=jobs[work.like].weight if work.like in jobs else 1,
        )
    operations.sort(key=lambda operation: operation.id)
    left = {operation.job for operation in operations}
    ids = {operation.id for operation in operations}
    return msgspec.structs.replace(
        problem,
        operations=tuple(operations),
        jobs=tuple(jobs[job] for job in sorted(jobs) if job in left),
        baseline={id_: placed for id_, placed in baseline.items() if id_ in ids},
    )


def outlook(problem: Problem) -> Outlook | None:
    """What the best of a few quick plans of a problem comes to; None when there is none."""
    if not problem.operations:
        return Outlook(ends={}, setup_ms=0, setups=0)
    try:
        indexed = Indexed(problem)
        shifted = right_shift(problem, indexed=indexed)
        plans: list[tuple[str, Plan]] = [("right_shift", shifted)]
        plans += [
            (rule.name, dispatch(problem, rule, indexed=indexed, shifted=shifted))
            for rule in _RULES
        ]
    except ProblemError:
        return None
    _, plan, _ = best(problem, plans)
    return Outlook(
        ends=job_ends(problem, plan),
        setup_ms=totals(problem, plan).setup,
        setups=sum(each.setup_start_ms < each.start_ms for each in plan.assignments),
    )


def estimate(works: Sequence[Work], now_ms: int) -> dict[int, int]:
    """When work orders would end if nothing else waited for their machines."""
    ends = {}
    for work in works:
        total = 0
        for step in work.steps:
            if not step.ways:
                break
            _, cycle_ms, setup_ms = step.ways[0]
            total += math.ceil(step.remaining * cycle_ms) + setup_ms
        else:
            ends[work.id] = now_ms + total
    return ends
