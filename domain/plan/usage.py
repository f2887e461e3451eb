"""Secondary resources while operations are placed: who holds how much of them, and when.

A resource's use over time is a step function. What is not there counts as used. A request is moved
behind each step in which there is not enough, so it is answered by the earliest time that fits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from domain.plan.calendar import WorkingTime
from domain.plan.problem import Resource, ResourceKind

Span: TypeAlias = tuple[int, int]
Wanted: TypeAlias = tuple[tuple[int, int], ...]
"""Resources by index, with the units that are wanted of each."""


class Profile:
    """One resource's use over time."""

    __slots__ = ("_steps", "_used", "capacity")

    def __init__(self, resource: Resource) -> None:
        self.capacity = resource.capacity
        # What is used from each step on, until the next one.
        self._steps: list[int] = []
        self._used: list[int] = []
        for short in resource.short:
            self.hold(short.start_ms, short.end_ms, short.units)

    def hold(self, start: int, end: int, units: int) -> None:
        """Use some units from `start` to `end`, whether or not there are so many."""
        if start >= end:
            return
        first = self._step(start)
        last = self._step(end)
        for index in range(first, last):
            self._used[index] += units

    def blocked(self, start: int, end: int, units: int) -> Span | None:
        """The first span within which so many units are not there; None when they are.

        In no time nothing is needed.
        """
        if start >= end:
            return None
        index = max(bisect_right(self._steps, start) - 1, 0)
        while index < len(self._steps) and self._steps[index] < end:
            until = self._steps[index + 1] if index + 1 < len(self._steps) else end
            if until > start and self._used[index] + units > self.capacity:
                # The last step uses nothing, so a step with use has one behind it.
                return max(start, self._steps[index]), until
            index += 1
        return None

    def _step(self, moment: int) -> int:
        """The index of the step that begins then; makes one if there is none."""
        index = bisect_left(self._steps, moment)
        if index == len(self._steps) or self._steps[index] != moment:
            self._steps.insert(index, moment)
            self._used.insert(index, self._used[index - 1] if index else 0)
        return index


class Usage:
    """All resources' use."""

    __slots__ = ("_profiles", "_tool")

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._profiles = [Profile(resource) for resource in resources]
        self._tool = [resource.kind is ResourceKind.TOOL for resource in resources]

    def hold(self, wanted: Wanted, start: int, end: int, clock: WorkingTime) -> None:
        """Use what is wanted from `start` to `end`, people only while `clock` works."""
        for resource, units in wanted:
            for span in self._spans(resource, start, end, clock):
                self._profiles[resource].hold(*span, units)

    def blocked(self, wanted: Wanted, start: int, end: int, clock: WorkingTime) -> int | None:
        """Until when something wanted is missing between `start` and `end`; None: nothing is.

        Nothing that overlaps the missing moment can have it before the moment that is returned.
        """
        for resource, units in wanted:
            for span in self._spans(resource, start, end, clock):
                missing = self._profiles[resource].blocked(*span, units)
                if missing is not None:
                    return missing[1]
        return None

    def _spans(self, resource: int, start: int, end: int, clock: WorkingTime) -> Iterable[Span]:
        return ((start, end),) if self._tool[resource] else clock.spans(start, end)
