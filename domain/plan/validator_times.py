"""The judge's clock: when a machine, or something that is needed with it, does not work.

Like the rest of the judge it shares no code with what makes plans.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from domain.plan.problem import Interval, Problem


def united(intervals: Sequence[Interval]) -> list[Interval]:
    """All the time that lies in one of the intervals, sorted and disjoint."""
    found: list[Interval] = []
    for interval in sorted(intervals, key=lambda each: each.start_ms):
        if found and interval.start_ms <= found[-1].end_ms:
            until = max(found[-1].end_ms, interval.end_ms)
            found[-1] = Interval(found[-1].start_ms, until)
        else:
            found.append(interval)
    return found


def calendars(problem: Problem) -> dict[int, Idle]:
    """When each machine does not work; those with one calendar share it."""
    shared: dict[int, Idle] = {}
    for machine in problem.machines:
        if id(machine.unavailable) not in shared:
            shared[id(machine.unavailable)] = Idle(machine.unavailable)
    return {machine.id: shared[id(machine.unavailable)] for machine in problem.machines}


class Idle:
    """When a machine does not work. Moments and durations in milliseconds."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self.intervals = intervals
        self.ends = [interval.end_ms for interval in intervals]

    def at(self, moment: int) -> bool:
        """Whether the machine does not work at this moment."""
        index = bisect_right(self.ends, moment)
        return index < len(self.ends) and self.intervals[index].start_ms <= moment

    def working(self, begin: int, end: int) -> int:
        """Working time from `begin` to `end`: what is left of the span without its breaks."""
        left = end - begin
        # Of a year's breaks a handful lies in the span.
        for index in range(bisect_right(self.ends, begin), len(self.ends)):
            interval = self.intervals[index]
            if interval.start_ms >= end:
                break
            left -= min(end, interval.end_ms) - max(begin, interval.start_ms)
        return left

    def spans(self, begin: int, end: int) -> list[tuple[int, int]]:
        """The working spans from `begin` to `end`."""
        found = []
        for index in range(bisect_right(self.ends, begin), len(self.ends)):
            interval = self.intervals[index]
            if interval.start_ms >= end:
                break
            if interval.start_ms > begin:
                found.append((begin, interval.start_ms))
            begin = interval.end_ms
        if begin < end:
            found.append((begin, end))
        return found
