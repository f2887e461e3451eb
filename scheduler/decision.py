"""Whether a plan is worth a version, and whether a better one is worth another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from domain.plan.metrics import MINUTE_MS, ranking
from domain.plan.plan import Assignment, Metrics, Plan
from domain.plan.policy import Criterion, Policy
from domain.plan.problem import PinKind, Problem

LEAST_SHARE: Final = 50
"""A cost that is lower by less than one part in so many is the same cost."""
_COUNTED: Final = frozenset({Criterion.REASSIGNMENT, Criterion.RESEQUENCING})
"""Criteria that count operations; the others are milliseconds."""


def ranked(problem: Problem, plan: Plan, figures: Metrics) -> tuple[int, ...]:
    """What a plan is compared by whose figures are known (`domain.plan.metrics.ranking`)."""
    return ranking(problem, plan) if problem.policy.order else (figures.cost,)


def is_worth(policy: Policy, before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a plan is so much better that people should be bothered with it.

    By a fiftieth of the cost, and by as much as it costs to send one operation to another machine.
    With an order, by a fiftieth and a minute (or an operation) of the first criterion that has so
    much to gain, while none before it has lost.

    Args:
        policy: by which both are judged.
        before: the ranking of the one plan (`ranked`).
        after: and of the other.
    """
    least = [policy.reassignment]
    if policy.order:
        counted = [1 if each in _COUNTED else MINUTE_MS for each in policy.order]
        least = [MINUTE_MS, *counted, 1]
        if before[:-1] != after[:-1]:
            # The cost is the sum of all criteria: it says something where they are the same.
            before, after, least = before[:-1], after[:-1], least[:-1]
    for was, is_now, wanted in zip(before, after, least, strict=True):
        if was - is_now >= max(1, wanted, was // LEAST_SHARE):
            return True
        if is_now > was:
            return False
    return False


def holds(problem: Problem, baseline: Mapping[int, Assignment], shifted: Plan) -> bool:
    """Whether the plan in force still tells what happens when nobody decides anything.

    Args:
        problem: what is planned now.
        baseline: the plan in force, by operation id.
        shifted: its right-shift.

    Returns:
        False when work is new, is elsewhere, or will start or end earlier or later by more than the
        policy's tolerance. When what runs has started is a fact, not news.
    """
    tolerance_ms = problem.policy.move_tolerance_ms
    running = {
        operation.id
        for operation in problem.operations
        if operation.pin is not None and operation.pin.kind is PinKind.RUNNING
    }
    for now in shifted.assignments:
        before = baseline.get(now.operation)
        if before is None or before.machine != now.machine:
            return False
        if abs(now.end_ms - before.end_ms) > tolerance_ms:
            return False
        if now.operation not in running and abs(now.start_ms - before.start_ms) > tolerance_ms:
            return False
    return True
