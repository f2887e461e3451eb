"""The planner's stages: a plan at once, and a better one if there is time.

Whatever finds a plan, the decoder gives it its times, the validator judges it, and its cost is
that of `domain.plan.metrics`. A plan that the validator rejects is never returned.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from domain.plan.decoder import decode
from domain.plan.dispatch import RULES, dispatch
from domain.plan.indexed import FREE, Indexed, ProblemError
from domain.plan.lateness import late_jobs
from domain.plan.metrics import cost, metrics
from domain.plan.plan import Assignment, Conflict, Infeasible, Metrics, Plan, Solved
from domain.plan.problem import Problem
from domain.plan.right_shift import right_shift
from domain.plan.validator import Violation, violations
from scheduler.model import Found, Model
from scheduler.sequence import CyclicError, check_order, sequence
from scheduler.stopping import Stop
from scheduler.windows import Windows

logger = logging.getLogger(__name__)

RIGHT_SHIFT: Final = "right_shift"
CP_SAT: Final = "cp_sat"

LEAST_RULES: Final = 3
FIRST_MS: Final = 200
"""Further dispatching rules are tried as long as the first plan takes less."""
WHOLE_OPERATIONS: Final = 120
"""So many free operations are one model in the end; more are windows only."""
WINDOW_SIZES: Final = (25, 15, 40)
"""Operations of a window. When those of one size gain nothing any more, the next size is tried."""
WINDOW_MS: Final = 300
"""A window that takes longer keeps what it has found."""
WINDOW_JOBS: Final = 12
"""So many jobs have their turn before the windows are cut anew."""
WINDOWS_SHARE: Final = 0.5
"""What windows get of the time where everything can be solved together afterwards."""
LEAST_MS: Final = 50
"""Less time than this is not worth a model."""
_SHOWN: Final = 20
"""Conflicts and violations that are told."""


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first plan, and right-shift of the plan in force, which is what waiting comes to."""

    solved: Solved
    shifted: Plan
    waiting: Metrics


def first_plan(problem: Problem, *, limit_ms: int = FIRST_MS) -> First | Infeasible:
    """The best of right-shift and the dispatching rules, by cost; of equals, the first.

    Args:
        problem: what is planned.
        limit_ms: no further rule is tried after this time; LEAST_RULES always are.
    """
    began = time.perf_counter()
    try:
        indexed = Indexed(problem)
        check_order(indexed)
        shifted = right_shift(problem, indexed=indexed)
    except CyclicError as error:
        return Infeasible(
            conflicts=tuple(
                Conflict(code="cycle", operation=operation)
                for operation in error.operations[:_SHOWN]
            )
        )
    except ProblemError as error:
        logger.warning("there is no plan: %s", error)
        return Infeasible(conflicts=(Conflict(code="contradiction", operation=error.operation),))
    waiting = metrics(problem, shifted)
    found = [(waiting.cost, RIGHT_SHIFT, shifted)]
    for method, plan in _dispatched(indexed, shifted, began + limit_ms / 1_000):
        found.append((cost(problem, plan), method, plan))
    rejected: list[Violation] = []
    for _, method, plan in sorted(found, key=lambda each: each[0]):
        wrong = violations(problem, plan)
        if not wrong:
            solved = _solved(problem, plan, method, began)
            return First(solved=solved, shifted=shifted, waiting=waiting)
        _tell(method, wrong)
        rejected = rejected or wrong
    return Infeasible(
        conflicts=tuple(
            Conflict(code=f"rejected:{wrong.code}", operation=wrong.operation)
            for wrong in rejected[:_SHOWN]
        )
    )


def improve(
    problem: Problem, incumbent: Solved, *, limit_ms: int, stop: Stop | None = None
) -> Solved:
    """A plan of lower cost if CP-SAT finds one in time, else the incumbent.

    Windows of operations are solved while the rest stands, one after the other. Up to
    WHOLE_OPERATIONS free operations are then solved together, and a bound is proven if possible.
    For a thread of its own: it works for `limit_ms` and, while the solver does, without the GIL.

    Args:
        problem: what is planned.
        incumbent: a valid plan of it.
        limit_ms: how long.
        stop: who asks it to stop keeps what has been found.
    """
    search = _Search(problem, incumbent, limit_ms=limit_ms, stop=stop or Stop())
    free = search.indexed.ranks.count(FREE)
    if free > WHOLE_OPERATIONS:
        search.windows(1.0)
    elif free:
        if free > max(WINDOW_SIZES):
            search.windows(WINDOWS_SHARE)
        search.whole()
    return search.solved


class _Search:
    """One improvement: the incumbent, which only ever gets better, and the time left."""

    def __init__(self, problem: Problem, incumbent: Solved, *, limit_ms: int, stop: Stop) -> None:
        self.problem = problem
        self.solved = incumbent
        self.indexed = Indexed(problem)
        self._stop = stop
        self._began = time.perf_counter()
        self._limit_s = limit_ms / 1_000

    def whole(self) -> None:
        """Solve everything together; what is left of the time goes to nothing else."""
        found = self._solve(None, self._left_ms())
        if found is None:
            return
        self._take(found)
        if found.bound is not None:
            bound = max(found.bound, self.solved.bound or 0)
            self.solved = msgspec.structs.replace(self.solved, bound=bound)

    def windows(self, share: float) -> None:
        """Solve windows around the costliest jobs until none gains anything.

        Args:
            share: how much of the whole time this may take.
        """
        sizes = deque(WINDOW_SIZES)
        in_vain = 0
        while in_vain < len(sizes):
            windows = Windows(self.indexed, self.solved.plan, size=sizes[0])
            gained = False
            for window in windows.around(WINDOW_JOBS):
                if self._left_ms(share) < LEAST_MS:
                    return
                found = self._solve(window, min(WINDOW_MS, self._left_ms(share)))
                if found is not None and self._take(found):
                    gained = True
            if gained:
                in_vain = 0
            else:
                in_vain += 1
                sizes.rotate(-1)

    def _left_ms(self, share: float = 1.0) -> float:
        if self._stop.asked:
            return 0.0
        return (self._limit_s * share - (time.perf_counter() - self._began)) * 1_000

    def _solve(self, window: frozenset[int] | None, limit_ms: float) -> Found | None:
        if limit_ms < LEAST_MS:
            return None
        model = Model(self.indexed, self._placed(), window=window)
        left_s = min(limit_ms, self._left_ms()) / 1_000
        return model.solve(limit_s=left_s, stop=self._stop) if left_s > 0 else None

    def _placed(self) -> dict[int, Assignment]:
        return {each.operation: each for each in self.solved.plan.assignments}

    def _take(self, found: Found) -> bool:
        """Decode what was found; keep it if it is better and the validator accepts it."""
        try:
            order = sequence(self.indexed, found.starts, found.machines)
            plans = [
                decode(self.problem, order, not_before=not_before, indexed=self.indexed)
                for not_before in (self._anchors(found), None)
            ]
        except (CyclicError, ProblemError):
            logger.exception("the solver's sequence cannot be decoded; the plan in hand stays")
            return False
        price, plan = min(
            ((cost(self.problem, plan), plan) for plan in plans), key=lambda each: each[0]
        )
        if price >= self.solved.metrics.cost:
            return False
        wrong = violations(self.problem, plan)
        if wrong:
            _tell(CP_SAT, wrong)
            return False
        bound = self.solved.bound
        self.solved = _solved(self.problem, plan, CP_SAT, self._began, bound=bound)
        return True

    def _anchors(self, found: Found) -> dict[int, int]:
        """What the plan in force has starts earlier than it costs nothing only if it is to."""
        tolerance_ms = self.problem.policy.move_tolerance_ms
        placed = self._placed()
        return {
            operation: min(
                before.start_ms - tolerance_ms,
                found.starts_ms.get(operation, placed[operation].start_ms),
            )
            for operation, before in self.problem.baseline.items()
            if operation in placed
        }


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


def _solved(
    problem: Problem, plan: Plan, method: str, began: float, *, bound: int | None = None
) -> Solved:
    return Solved(
        plan=plan,
        metrics=metrics(problem, plan),
        late=late_jobs(problem, plan),
        method=method,
        solve_ms=round((time.perf_counter() - began) * 1_000),
        bound=bound,
    )


def _tell(method: str, wrong: list[Violation]) -> None:
    logger.error(
        "a plan of %s breaks %d constraints and is not used: %s",
        method,
        len(wrong),
        "; ".join(
            f"{each.code} (operation {each.operation}) {each.detail}" for each in wrong[:_SHOWN]
        ),
    )
