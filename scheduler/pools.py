"""What several operations hold at once, in a model: ovens, tools, people.

Only what is certain is in the model. Of an oven, its room, but not that a batch starts and ends as
one; of a resource, what is held while an operation runs, but not set-ups, nor people while the
machine or they themselves have breaks. The decoder knows all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from domain.plan.indexed import RUNNING
from domain.plan.problem import Phase, Resource, ResourceKind
from scheduler.cp_sat import CpSat, IntervalVariable
from scheduler.part import Part
from scheduler.tasks import Choice, Task


def add_oven(cp: CpSat, part: Part, machine: int, here: Sequence[tuple[Task, Choice]]) -> None:
    """No more is in an oven at once than it holds."""
    operations = part.indexed.operations
    extras = part.indexed.extras
    room = (extras.room[machine] if extras is not None else None) or 1
    spans: list[IntervalVariable] = []
    demands: list[int] = []
    for task, choice in here:
        spans.append(cp.interval(task.start, choice.duration, choice.literal))
        demands.append(operations[task.index].units)
    running = 0
    for index in part.standing(machine):
        start, end = _standing(part, index)
        if part.indexed.ranks[index] == RUNNING:
            running += operations[index].units
        if end > start:
            spans.append(cp.standing_interval(start, end))
            demands.append(operations[index].units)
    # What is in there is, whether or not there should be room for it.
    if spans and running <= room:
        cp.cumulative(spans, demands, room)


def add_resources(cp: CpSat, part: Part, tasks: Mapping[int, Task]) -> None:
    """No more of a resource is used at once than there is."""
    if part.indexed.extras is None:
        return
    for resource in part.indexed.problem.resources:
        uses = list(_uses(part, tasks, resource))
        short = sum(each.units for each in resource.short)
        spans: list[IntervalVariable] = []
        demands: list[int] = []
        running = 0
        for index, machine, units in uses:
            task = tasks.get(index)
            if task is not None:
                choice = next(each for each in task.choices if each.machine == machine)
                spans.append(cp.interval(task.start, choice.duration, choice.literal))
                demands.append(units)
                continue
            start, end = _standing(part, index)
            running += units if part.indexed.ranks[index] == RUNNING else 0
            if end > start:
                spans.append(cp.standing_interval(start, end))
                demands.append(units)
        if not spans or (running and running + short > resource.capacity):
            # What runs goes on with less than it should have.
            continue
        for start, end, units in _missing(part, resource):
            spans.append(cp.standing_interval(start, end))
            demands.append(units)
        cp.cumulative(spans, demands, resource.capacity)


def _missing(part: Part, resource: Resource) -> list[tuple[int, int, int]]:
    """When some of a resource is not there; nothing if that adds up to more than there is."""
    found = [
        (max(0, part.axis.at(each.start_ms)), part.axis.at(each.end_ms), each.units)
        for each in sorted(resource.short, key=lambda each: each.start_ms)
    ]
    apart = all(one[1] <= other[0] for one, other in pairwise(found))
    if not apart or any(units > resource.capacity for _, _, units in found):
        return []
    return [each for each in found if each[1] > each[0]]


def _uses(
    part: Part, tasks: Mapping[int, Task], resource: Resource
) -> Iterator[tuple[int, int, int]]:
    """Who holds a resource for certain while it runs: operation, machine, units."""
    indexed = part.indexed
    people = resource.kind is ResourceKind.OPERATOR
    for index, operation in enumerate(indexed.operations):
        for mode in operation.modes:
            machine = indexed.machine_at[mode.machine]
            if part.is_oven(machine) or machine not in _machines(part, tasks, index):
                continue
            if people and (resource.unavailable or indexed.machines[machine].unavailable):
                continue
            units = sum(
                need.units
                for need in mode.needs
                if need.resource == resource.id and need.phase is not Phase.SETUP
            )
            if units:
                yield index, machine, units


def _machines(part: Part, tasks: Mapping[int, Task], index: int) -> set[int]:
    """Where it may be: on one of its choices, or where it stands."""
    task = tasks.get(index)
    if task is None:
        return {part.machine[index]}
    return {choice.machine for choice in task.choices}


def _standing(part: Part, index: int) -> tuple[int, int]:
    """From when until when what does not move is worked on for certain."""
    placed, axis = part.placed[index], part.axis
    end = axis.at(placed.end_ms)
    if part.indexed.ranks[index] == RUNNING:
        # It may be behind another one that has begun there, too.
        return max(0, end - axis.steps(part.indexed.modes[index][0][1])), end
    return max(0, axis.at(placed.start_ms)), end
