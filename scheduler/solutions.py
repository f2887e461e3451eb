"""A plan with its figures and reasons, as every stage of the planner answers it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Plan, Solved
from domain.plan.problem import Problem
from domain.plan.validator import Violation

logger = logging.getLogger(__name__)

_SHOWN: Final = 20
"""Violations that are told."""


def judged(
    problem: Problem, plan: Plan, method: str, began: float, *, bound: int | None = None
) -> Solved:
    """The plan with its figures; without the reasons why jobs are late, which take longer.

    Args:
        problem: what it is a plan of.
        plan: accepted by the validator.
        method: what found it.
        began: when the search for it did, on the performance counter.
        bound: a proven lower bound of the cost.
    """
    return Solved(
        plan=plan,
        metrics=metrics(problem, plan),
        late=(),
        method=method,
        solve_ms=round((time.perf_counter() - began) * 1_000),
        bound=bound,
    )


def explained(problem: Problem, solved: Solved) -> Solved:
    """The same plan, with the reasons why it ends jobs late."""
    return msgspec.structs.replace(solved, late=late_jobs(problem, solved.plan))


def tell(method: str, wrong: Sequence[Violation]) -> None:
    """Say in the log that a plan was not used, and why."""
    logger.error(
        "a plan of %s breaks %d constraints and is not used: %s",
        method,
        len(wrong),
        "; ".join(
            f"{each.code} (operation {each.operation}) {each.detail}" for each in wrong[:_SHOWN]
        ),
    )
