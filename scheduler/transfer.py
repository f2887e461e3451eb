"""A plan that was improved while the floor went on: is it still better, as things are now?"""

from __future__ import annotations

import logging

import msgspec

from domain.plan.decoder import decode
from domain.plan.indexed import FREE, Indexed, ProblemError
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics, ranking
from domain.plan.plan import Metrics, Plan, Solved
from domain.plan.problem import Placed, Problem
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler.decision import is_worth
from scheduler.sequence import CyclicError, sequence

logger = logging.getLogger(__name__)


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    """The improved plan as of now, and what waiting would come to."""

    solved: Solved
    waiting: Metrics


def transfer(
    now: Problem, *, better: Solved, first: Plan, baseline: dict[int, Placed]
) -> Transferred | None:
    """Decode an improved plan's sequence in a newer problem of the same scope.

    Both plans are judged by what they change of the plan that was in force before the first of
    them: nobody has followed that one for long enough to be disturbed.

    Args:
        now: the newer problem.
        better: the improved plan, of a problem a little older.
        first: the plan that it improves.
        baseline: the plan that was in force before that one.

    Returns:
        None when it is not clearly better any more, or work came that it does not know.
    """
    view = msgspec.structs.replace(
        now,
        baseline={
            operation.id: baseline[operation.id]
            for operation in now.operations
            if operation.id in baseline
        },
    )
    try:
        indexed = Indexed(now)
        waiting = metrics(now, right_shift(now, indexed=indexed))
        staying = _again(indexed, first, baseline)
        plan = _again(indexed, better.plan, baseline)
    except (ProblemError, CyclicError) as error:
        logger.info("the improved plan does not fit any more: %s", error)
        return None
    if plan is None or staying is None:
        return None
    if not is_worth(now.policy, ranking(view, staying), ranking(view, plan)):
        return None
    wrong = violations(now, plan)
    if wrong:
        logger.info("the improved plan does not fit any more: %s", wrong[0])
        return None
    return Transferred(
        solved=Solved(
            plan=plan,
            metrics=metrics(now, plan),
            late=late_jobs(now, plan),
            method=better.method,
            solve_ms=better.solve_ms,
        ),
        waiting=waiting,
    )


def _again(indexed: Indexed, plan: Plan, baseline: dict[int, Placed]) -> Plan | None:
    """The plan's sequence with what has happened since; None when work is new."""
    problem = indexed.problem
    placed = {each.operation: each for each in plan.assignments}
    if any(operation.id not in placed for operation in problem.operations):
        return None
    machines = {}
    for index, operation in enumerate(problem.operations):
        pinned = indexed.ranks[index] != FREE
        machine = indexed.machines[indexed.modes[index][0][0]].id
        machines[operation.id] = machine if pinned else placed[operation.id].machine
    starts = {operation.id: placed[operation.id].start_ms for operation in problem.operations}
    tolerance_ms = problem.policy.move_tolerance_ms
    not_before = {
        operation: min(start_ms, baseline[operation].start_ms - tolerance_ms)
        for operation, start_ms in starts.items()
        if operation in baseline
    }
    order = sequence(indexed, starts, machines)
    return decode(problem, order, not_before=not_before, indexed=indexed)
