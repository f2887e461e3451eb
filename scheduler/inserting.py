"""New work put into the gaps of the plan in force: the plan that promise dates are given by.

Whoever was promised a date without harm to others is to get it, and nobody is to pay for it. So the
first plan with new work in it is this one, unless another one is clearly better by the policy and
makes nobody later. A rush order may: there the policy's objective alone decides. Improvement goes
on from here by the objective, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Final

from domain.plan.indexed import FREE, Indexed
from domain.plan.insertion import inserted
from domain.plan.metrics import job_ends, metrics
from domain.plan.plan import Plan, Solved
from domain.plan.problem import Problem
from domain.plan.validator import violations
from scheduler.decision import is_worth, ranked

logger = logging.getLogger(__name__)

METHOD: Final = "insertion"
MOST_NEW: Final = 200
"""More operations that are new at once are no order that came in, but another plan."""


def with_new_work(problem: Problem, best: Solved, shifted: Plan) -> Solved:
    """The plan in force with its new work in the gaps, if that is to be preferred; else the best.

    Why jobs are late is not said here.

    Args:
        problem: what is planned.
        best: the best plan so far.
        shifted: the right-shift of the plan in force.
    """
    began = time.perf_counter()
    new = {
        operation.id
        for operation in problem.operations
        if operation.id not in problem.baseline and operation.pin is None
    }
    if not new or not problem.baseline or len(new) > MOST_NEW:
        return best
    indexed = Indexed(problem)
    order = _order(indexed, new)
    if order is None:
        return best
    old = Plan(tuple(each for each in shifted.assignments if each.operation not in new))
    plan = inserted(indexed, old, order)
    figures = metrics(problem, plan)
    jobs = {operation.job for operation in problem.operations if operation.id in new}
    gentle, other = ranked(problem, plan, figures), ranked(problem, best.plan, best.metrics)
    if is_worth(problem.policy, gentle, other) and (
        _is_rush(problem, jobs) or not _hurts(problem, plan, best.plan)
    ):
        return best
    wrong = violations(problem, plan)
    if wrong:
        # Only machines have gaps here: what shares more than its machine may not fit into them.
        logger.debug("new work does not fit into the gaps: %s", wrong[0])
        return best
    return Solved(
        plan=plan,
        metrics=figures,
        late=(),
        method=METHOD,
        solve_ms=best.solve_ms + round((time.perf_counter() - began) * 1_000),
    )


def _is_rush(problem: Problem, jobs: Collection[int]) -> bool:
    """Whether a rush order is among them, which may displace others."""
    rush = problem.policy.rush_priority
    return any(job.priority_class >= rush for job in problem.jobs if job.id in jobs)


def _hurts(problem: Problem, gentle: Plan, other: Plan) -> bool:
    """Whether a plan makes anybody later, beyond the due date, than the gentle one."""
    gentle_ends, ends = job_ends(problem, gentle), job_ends(problem, other)
    return any(
        job.due_ms is not None and ends[job.id] > max(gentle_ends[job.id], job.due_ms)
        for job in problem.jobs
        if job.id in ends
    )


def _order(indexed: Indexed, new: set[int]) -> list[int] | None:
    """The new operations by due date, each behind its predecessors; None: others wait for them."""
    due = {job.id: job.due_ms for job in indexed.problem.jobs}
    waits: dict[int, int] = {}
    for at, operation in enumerate(indexed.operations):
        before = [each for each, _ in indexed.after[at] if indexed.operations[each].id in new]
        if operation.id in new:
            if indexed.ranks[at] != FREE:
                return None
            waits[at] = len(before)
        elif before:
            return None
    order: list[int] = []
    ready = [at for at, count in waits.items() if not count]
    while ready:
        at = min(ready, key=lambda one: _urgency(indexed, due, one))
        ready.remove(at)
        order.append(at)
        for follower in indexed.followers[at]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return order if len(order) == len(waits) else None


def _urgency(indexed: Indexed, due: dict[int, int | None], at: int) -> tuple[bool, int, int]:
    by = due.get(indexed.operations[at].job)
    return by is None, by or 0, at
