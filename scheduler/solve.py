"""The planner's first stage: a plan at once. `scheduler.improving` makes a better one.

Whatever finds a plan, the decoder gives it its times, the validator judges it, and its cost is
that of `domain.plan.metrics`. A plan that the validator rejects is never returned.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from domain.plan.conflicts import conflicts
from domain.plan.dispatch import RULES, dispatch
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.metrics import metrics, ranking
from domain.plan.plan import Conflict, Infeasible, Metrics, Plan, Solved
from domain.plan.problem import Problem
from domain.plan.right_shift import right_shift
from domain.plan.validator import Violation, violations
from scheduler import kernel
from scheduler.floor_arrays import Arrays, arrays_of, supported
from scheduler.floor_plans import figures, plan_of
from scheduler.horizon import never_binds
from scheduler.improving import CP_SAT, LOCAL, improve, is_improvable
from scheduler.inserting import with_new_work
from scheduler.rules import candidates, ranked
from scheduler.sequence import CyclicError, check_order
from scheduler.solutions import explained, judged, tell

__all__ = [
    "CP_SAT",
    "LOCAL",
    "First",
    "explained",
    "first_plan",
    "improve",
    "is_improvable",
]

logger = logging.getLogger(__name__)

RIGHT_SHIFT: Final = "right_shift"

LEAST_RULES: Final = 3
FIRST_MS: Final = 200
"""Further dispatching rules are tried as long as the first plan takes less."""
COMPILED_MS: Final = 40
"""The same for the compiled rules alone."""
_SHOWN: Final = 20
"""Conflicts and violations that are told."""


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first plan, and right-shift of the plan in force, which is what waiting comes to.

    Attributes:
        solved: the first plan.
        shifted, waiting: right-shift, and its figures.
        arrays: the problem as arrays, warm for the search; None if they cannot say it.
    """

    solved: Solved
    shifted: Plan
    waiting: Metrics
    arrays: Arrays | None = None


def first_plan(
    problem: Problem, *, limit_ms: int = FIRST_MS, explain: bool = True
) -> First | Infeasible:
    """The best of right-shift and the dispatching rules, by cost; of equals, the first.

    New work goes into the gaps of the plan in force, as it was promised, unless the best is clearly
    better and hurts nobody (`scheduler.inserting`).

    Args:
        problem: what is planned.
        limit_ms: no further rule is tried after this time; LEAST_RULES always are.
        explain: whether to say why jobs are late, which takes longer than the plan where hundreds
            are (`explained`); without it `Solved.late` is empty.
    """
    first = _first(problem, limit_ms)
    if isinstance(first, Infeasible):
        return first
    solved = with_new_work(problem, first.solved, first.shifted)
    if explain:
        solved = explained(problem, solved)
    return msgspec.structs.replace(first, solved=solved)


def _first(problem: Problem, limit_ms: int) -> First | Infeasible:
    began = time.perf_counter()
    if not never_binds(problem) and (found := conflicts(problem)):
        # Whoever places operations takes calendars as told for ever.
        return Infeasible(conflicts=found)
    if supported(problem) and kernel.is_ready(problem):
        compiled = _compiled_first(problem, began)
        if compiled is not None:
            return compiled
    try:
        indexed = Indexed(problem)
        check_order(indexed)
        shifted = right_shift(problem, indexed=indexed)
    except (CyclicError, ProblemError) as error:
        return _infeasible(problem, error)
    waiting = metrics(problem, shifted)
    plans = [(ranking(problem, shifted), RIGHT_SHIFT, shifted)]
    for method, plan in _dispatched(indexed, shifted, began + limit_ms / 1_000):
        plans.append((ranking(problem, plan), method, plan))
    rejected: list[Violation] = []
    for _, method, plan in sorted(plans, key=lambda each: each[0]):
        wrong = violations(problem, plan)
        if not wrong:
            solved = judged(problem, plan, method, began)
            return First(solved=solved, shifted=shifted, waiting=waiting)
        tell(method, wrong)
        rejected = rejected or wrong
    return Infeasible(
        conflicts=tuple(
            Conflict(code=f"rejected:{wrong.code}", operation=wrong.operation)
            for wrong in rejected[:_SHOWN]
        )
    )


def _infeasible(problem: Problem, error: CyclicError | ProblemError) -> Infeasible:
    """Why nothing could be placed, in the problem's own facts."""
    logger.warning("there is no plan: %s", error)
    found = conflicts(problem)
    if not found:
        # Then it is no fact of the problem, but a mistake of ours.
        operation = error.operation if isinstance(error, ProblemError) else error.operations[0]
        found = (Conflict(code="contradiction", operation=operation),)
    return Infeasible(conflicts=found)


def _compiled_first(problem: Problem, began: float) -> First | None:
    """The first plan from arrays; None if there is none, or a mistake in them."""
    try:
        arrays = arrays_of(problem)
    except ProblemError:
        return None  # the domain's planning says it in a planner's words
    found = candidates(arrays, deadline=time.perf_counter() + COMPILED_MS / 1_000)
    for best in ranked(arrays, found):
        plan = plan_of(arrays, best.at, best.order)
        wrong = violations(problem, plan)
        if wrong:
            tell(best.method, wrong)
            continue
        shifted = plan if best is found[0] else plan_of(arrays, found[0].at, found[0].order)
        solve_ms = round((time.perf_counter() - began) * 1_000)
        solved = Solved(
            plan=plan,
            metrics=figures(arrays, best.at),
            late=(),
            method=best.method,
            solve_ms=solve_ms,
        )
        waiting = figures(arrays, found[0].at)
        return First(solved=solved, shifted=shifted, waiting=waiting, arrays=arrays)
    return None


def _dispatched(indexed: Indexed, shifted: Plan, deadline: float) -> Iterator[tuple[str, Plan]]:
    """Plans by the rules, while there is time."""
    problem = indexed.problem
    for place, rule in enumerate(RULES):
        if place >= LEAST_RULES and time.perf_counter() > deadline:
            return
        try:
            yield rule.name, dispatch(problem, rule, indexed=indexed, shifted=shifted)
        except Exception:
            # Right-shift has found an order, so this is the rule's fault, and no reason to wait.
            logger.exception("rule %s found no plan", rule.name)
