"""The solver's time: integer steps since now, with the time cut out in which no machine works.

Everything is rounded down, durations and moments alike. So a real plan, rounded, always satisfies
the rounded model: the model is a relaxation, the incumbent is a feasible hint, and what the solver
proves of the model's cost is proven of the problem's. Exact times are the decoder's business.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import reduce
from math import gcd
from typing import Final

from domain.plan.metrics import MINUTE_MS
from domain.plan.problem import Interval

LEAST_STEP_MS: Final = 1_000
"""A finer common measure than this is not looked for."""
STEPS_MS: Final = (5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10)
"""The steps where moments and durations have no common measure."""
DURATION_STEPS: Final = 50
"""An average operation takes at least so many steps, if there is a step so short."""


class Axis:
    """Maps epoch milliseconds to steps and back.

    Args:
        now_ms: step 0.
        step_ms: the length of a step.
        closed: sorted, disjoint spans after `now_ms` that no time passes in.
    """

    def __init__(self, now_ms: int, *, step_ms: int, closed: Sequence[Interval] = ()) -> None:
        self.now_ms = now_ms
        self.step_ms = step_ms
        self._starts = [span.start_ms for span in closed]
        self._lengths = [span.end_ms - span.start_ms for span in closed]
        self._before = [0]
        for length in self._lengths:
            self._before.append(self._before[-1] + length)

    @property
    def cuts(self) -> list[int]:
        """The steps in which time was cut out."""
        return [self.at(start) for start in self._starts]

    def at(self, moment_ms: int) -> int:
        """The step in which a moment lies; negative before now."""
        return self._open_ms(moment_ms) // self.step_ms

    def at_least(self, moment_ms: int) -> int:
        """The first step that begins at the moment or after it."""
        return -(-self._open_ms(moment_ms) // self.step_ms)

    def steps(self, duration_ms: int) -> int:
        """How many whole steps a duration has."""
        return duration_ms // self.step_ms

    def moment_ms(self, step: int) -> int:
        """When a step begins: the last such moment where time is cut out there."""
        open_ms = step * self.step_ms
        moment = self.now_ms + open_ms
        for start, length in zip(self._starts, self._lengths, strict=True):
            if start > moment:
                break
            moment += length
        return moment

    def _open_ms(self, moment_ms: int) -> int:
        place = bisect_right(self._starts, moment_ms)
        passed = moment_ms - self.now_ms - self._before[place]
        if place:
            # Within a closed span time stands still at its start.
            start, length = self._starts[place - 1], self._lengths[place - 1]
            passed += max(0, start + length - moment_ms)
        return passed


def common_step_ms(spans_ms: Iterable[int], *, average_ms: float) -> int:
    """The step that measures all these exactly if there is one worth having, else a near one.

    A minute is a whole number of steps.

    Args:
        spans_ms: durations, and moments since now.
        average_ms: how long an operation takes.
    """
    common = reduce(gcd, spans_ms, MINUTE_MS)
    if common >= LEAST_STEP_MS:
        return common
    near = (step for step in STEPS_MS if step * DURATION_STEPS <= average_ms)
    return next(near, STEPS_MS[-1])


def common_spans(calendars: Sequence[Sequence[Interval]], *, from_ms: int) -> tuple[Interval, ...]:
    """The spans after `from_ms` that lie in every one of the calendars; none of no calendars."""
    if not calendars:
        return ()
    shared = list(calendars[0])
    for calendar in calendars[1:]:
        shared = _both(shared, calendar)
    return tuple(
        Interval(max(span.start_ms, from_ms), span.end_ms)
        for span in shared
        if span.end_ms > from_ms
    )


def _both(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """What two sorted lists of disjoint spans have in common."""
    spans: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i].start_ms, right[j].start_ms)
        end = min(left[i].end_ms, right[j].end_ms)
        if start < end:
            spans.append(Interval(start, end))
        if left[i].end_ms < right[j].end_ms:
            i += 1
        else:
            j += 1
    return spans
