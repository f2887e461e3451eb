"""Improving a plan while there is time: local search, CP-SAT's windows, CP-SAT on everything.

Whatever finds a plan, the decoder gives it its times, the validator judges it, and it is compared
by the policy's ranking (`domain.plan.metrics`). What the validator rejects is never returned.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from functools import cached_property
from typing import Final

import msgspec

from domain.plan.decoder import decode
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.metrics import ranking
from domain.plan.plan import Assignment, Solved
from domain.plan.problem import PinKind, Problem
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.decision import ranked
from scheduler.floor_arrays import supported
from scheduler.guided import guided
from scheduler.model import Found, Model
from scheduler.repair import repaired
from scheduler.sequence import CyclicError, sequence
from scheduler.solutions import explained, judged, tell
from scheduler.stopping import Stop
from scheduler.windows import Windows

logger = logging.getLogger(__name__)

CP_SAT: Final = "cp_sat"
LOCAL: Final = "local_search"

WHOLE_OPERATIONS: Final = 120
"""So many free operations are one model in the end; more are windows only."""
MOST_MODELLED: Final = 3_000
"""In a problem of more operations CP-SAT's windows gain too little for their time."""
WINDOW_SIZES: Final = (25, 15, 40)
"""Operations of a window. When those of one size gain nothing any more, the next size is tried."""
WINDOW_MS: Final = 300
"""A window that takes longer keeps what it has found."""
WINDOW_JOBS: Final = 12
"""So many jobs have their turn before the windows are cut anew."""
LOCAL_SHARE: Final = 0.85
SMALL_SHARE: Final = 0.15
"""What local search gets of the time, in large and in small problems."""
WINDOWS_SHARE: Final = 0.5
"""What windows get of the time where everything can be solved together afterwards."""
LEAST_MS: Final = 50
"""Less time than this is not worth a model."""


def is_improvable(problem: Problem) -> bool:
    """Whether there is something that improves plans of a problem of this size and kind."""
    if len(problem.operations) <= MOST_MODELLED:
        return True
    return supported(problem) and kernel.is_ready(problem)


def improve(
    problem: Problem,
    incumbent: Solved,
    *,
    limit_ms: int,
    stop: Stop | None = None,
    local: bool = True,
    explain: bool = True,
) -> Solved:
    """A plan that ranks better if one is found in time, else the incumbent.

    Local search comes first: the compiled one, or led by it where it does not know all of the
    problem (`scheduler.guided`). Then CP-SAT solves windows of operations while the rest stands,
    one after the other. Up to WHOLE_OPERATIONS free operations are then solved together, and a
    bound is proven if possible. For a thread of its own: it works for `limit_ms`, mostly without
    the GIL.

    Args:
        problem: what is planned.
        incumbent: a valid plan of it.
        limit_ms: how long.
        stop: who asks it to stop keeps what has been found.
        local: whether local search has its share.
        explain: as of `first_plan`; only the plan that is returned is explained.
    """
    search = _Search(problem, incumbent, limit_ms=limit_ms, stop=stop or Stop())
    _improve(search, local=local)
    solved = search.solved
    if explain and (solved.plan is not incumbent.plan or not solved.late):
        return explained(problem, solved)
    return solved


def _improve(search: _Search, *, local: bool) -> None:
    """One after the other, whatever suits a problem of this size."""
    pins = [operation.pin for operation in search.problem.operations]
    free = sum(pin is None or pin.kind is PinKind.LOCKED for pin in pins)
    if free and local and kernel.is_ready(search.problem):
        search.local(_local_share(free))
    if free > MOST_MODELLED:
        return
    if free > WHOLE_OPERATIONS:
        search.windows(1.0)
    elif free:
        if free > max(WINDOW_SIZES):
            search.windows(WINDOWS_SHARE)  # what local search has had is in it
        search.whole()


def _local_share(free: int) -> float:
    """What local search gets of the time, by the number of operations that may move."""
    if free > MOST_MODELLED:
        return 1.0
    return LOCAL_SHARE if free > WHOLE_OPERATIONS else SMALL_SHARE


class _Search:
    """One improvement: the incumbent, which only ever gets better, and the time left."""

    def __init__(self, problem: Problem, incumbent: Solved, *, limit_ms: int, stop: Stop) -> None:
        self.problem = problem
        self.solved = incumbent
        self._stop = stop
        self._began = time.perf_counter()
        self._limit_s = limit_ms / 1_000

    @cached_property
    def indexed(self) -> Indexed:
        """The problem by index; the compiled search does without."""
        return Indexed(self.problem)

    def local(self, share: float) -> None:
        """Search locally for a share of the whole time."""
        left_s = self._left_ms(share) / 1_000
        plan = self.solved.plan
        if supported(self.problem):
            known = self.solved.metrics.cost
            plan = repaired(self.problem, plan, limit_s=left_s, known=known, stop=self._stop)
        else:
            plan = guided(self.problem, plan, limit_s=left_s, stop=self._stop)
        if plan is not self.solved.plan:
            self.solved = judged(self.problem, plan, LOCAL, self._began, bound=self.solved.bound)

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
        rank, plan = min(
            ((ranking(self.problem, plan), plan) for plan in plans), key=lambda each: each[0]
        )
        if rank >= ranked(self.problem, self.solved.plan, self.solved.metrics):
            return False
        wrong = violations(self.problem, plan)
        if wrong:
            tell(CP_SAT, wrong)
            return False
        bound = self.solved.bound
        self.solved = judged(self.problem, plan, CP_SAT, self._began, bound=bound)
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
