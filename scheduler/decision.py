"""Whether a plan is worth a version, and whether a better one is worth another."""

from __future__ import annotations

from collections.abc import Mapping

from domain.plan.plan import Assignment, Plan
from domain.plan.policy import Policy
from domain.plan.problem import PinKind, Problem

LEAST_SHARE = 50
"""A cost that is lower by less than one part in so many is the same cost."""


def is_worth(policy: Policy, before: int, after: int) -> bool:
    """Whether a cost is so much lower that people should be bothered with another plan.

    By a fiftieth, and by as much as it costs to send one operation to another machine.
    """
    return before - after >= max(1, policy.reassignment, before // LEAST_SHARE)


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
