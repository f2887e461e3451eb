"""A shop whose ovens are loaded as a plan loads them, told without ovens.

What shares an oven is one operation: the longest of them, with what all of them wait for. The
others end when it does: each is an operation without duration on a place of its own. So the rest of
the shop, and when and in which order the batches are done, can be searched by who knows no ovens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.plan.indexed import Indexed
from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Machine, Mode, Operation, Placed, Precedence, Problem


class Loaded(NamedTuple):
    """The shop with fixed batches.

    Attributes:
        problem: without ovens.
        plan: the plan in hand, of that problem.
        batches: by the id of the operation that stands for it: what else is in the oven with it,
            the longest first.
    """

    problem: Problem
    plan: Plan
    batches: Mapping[int, tuple[int, ...]]


def loaded(indexed: Indexed, plan: Plan) -> Loaded:
    """The shop with the batches of a plan, which is a valid one of it."""
    problem = indexed.problem
    batches = _batches(indexed, plan)
    leader = {each: first for first, others in batches.items() for each in others}
    place = {each: _place(problem, at) for at, each in enumerate(sorted(leader))}
    operations = {each.id: each for each in problem.operations}
    placed = {each.operation: each for each in plan.assignments}
    made = []
    for each in problem.operations:
        if each.id in leader:
            made.append(_follower(each, leader[each.id], place[each.id]))
        elif each.id in batches:
            together = [each, *(operations[name] for name in batches[each.id])]
            made.append(_joint(indexed, together, placed[each.id].machine))
        else:
            made.append(_plain(indexed, each))
    sites = {machine.id: machine.site for machine in problem.machines}
    without = [msgspec.structs.replace(each, batch_units=None) for each in problem.machines]
    shelves = [
        Machine(id=at, site=sites[placed[name].machine]) for name, at in sorted(place.items())
    ]
    return Loaded(
        problem=msgspec.structs.replace(
            problem,
            machines=(*without, *shelves),
            operations=tuple(made),
            baseline=_baseline(indexed, placed, place),
        ),
        plan=Plan(tuple(_shelved(each, place.get(each.operation)) for each in plan.assignments)),
        batches=batches,
    )


def unloaded(
    found: Sequence[tuple[int, int]], batches: Mapping[int, tuple[int, ...]]
) -> list[tuple[int, int]]:
    """A sequence of the shop with fixed batches as one of the real shop: batches one by one."""
    others = {each for batch in batches.values() for each in batch}
    order = []
    for operation, machine in found:
        if operation not in others:
            order.append((operation, machine))
            order += [(each, machine) for each in batches.get(operation, ())]
    return order


def _batches(indexed: Indexed, plan: Plan) -> dict[int, tuple[int, ...]]:
    """What shares an oven, by the longest of it."""
    ovens = {each.id for each in indexed.machines if each.batch_units is not None}
    lots: dict[tuple[int, int, int, int], list[int]] = {}
    for each in plan.assignments:
        if each.machine in ovens:
            key = each.machine, each.setup_start_ms, each.start_ms, each.end_ms
            lots.setdefault(key, []).append(each.operation)
    found = {}
    for (machine, *_), lot in lots.items():
        if len(lot) > 1:
            lot.sort(key=lambda each: (-_lasts(indexed, each, machine)[0], each))
            found[lot[0]] = tuple(lot[1:])
    return found


def _lasts(indexed: Indexed, operation: int, machine: int) -> tuple[int, int]:
    """Duration and set-up on a machine."""
    at = indexed.machine_at[machine]
    modes = indexed.modes[indexed.operation_at[operation]]
    return next((mode[1], mode[2]) for mode in modes if mode[0] == at)


def _joint(indexed: Indexed, together: Sequence[Operation], machine: int) -> Operation:
    """One operation for all that share an oven; the first is the longest."""
    first = together[0]
    lasts = [_lasts(indexed, each.id, machine) for each in together]
    mode = next(mode for mode in first.modes if mode.machine == machine)
    inside = {each.id for each in together}
    return msgspec.structs.replace(
        first,
        modes=(
            msgspec.structs.replace(
                mode,
                duration_ms=max(duration for duration, _ in lasts),
                setup_ms=max(setup for _, setup in lasts),
            ),
        ),
        after=tuple(
            link
            for each in together
            for link in _links(indexed, each)
            if link.operation not in inside
        ),
        release_ms=max(indexed.releases[indexed.operation_at[each.id]] for each in together),
        interruptible=all(each.interruptible for each in together),
    )


def _follower(operation: Operation, leader: int, place: int) -> Operation:
    """One that is taken out of the oven when it is done."""
    return msgspec.structs.replace(
        operation,
        modes=(Mode(place, 0),),
        after=(Precedence(leader),),
        family=None,
        release_ms=0,
        pin=None,
    )


def _plain(indexed: Indexed, operation: Operation) -> Operation:
    at = indexed.operation_at[operation.id]
    able = {indexed.machines[mode[0]].id for mode in indexed.modes[at]}
    return msgspec.structs.replace(
        operation,
        modes=tuple(mode for mode in operation.modes if mode.machine in able),
        after=_links(indexed, operation),
    )


def _links(indexed: Indexed, operation: Operation) -> tuple[Precedence, ...]:
    """What comes before it. Ovens are filled and emptied at once."""
    ovens = {each.id for each in indexed.machines if each.batch_units is not None}

    def bakes(one: Operation) -> bool:
        return any(mode.machine in ovens for mode in one.modes)

    at = indexed.operation_at
    return tuple(
        msgspec.structs.replace(link, overlap=None)
        if bakes(operation) or bakes(indexed.operations[at[link.operation]])
        else link
        for link in operation.after
    )


def _place(problem: Problem, number: int) -> int:
    """The id of a place that nothing else needs."""
    return max(machine.id for machine in problem.machines) + 1 + number


def _shelved(assignment: Assignment, place: int | None) -> Assignment:
    """Where it stands in the shop with fixed batches."""
    if place is None:
        return assignment
    end = assignment.end_ms
    return Assignment(
        operation=assignment.operation,
        machine=place,
        setup_start_ms=end,
        start_ms=end,
        end_ms=end,
    )


def _baseline(
    indexed: Indexed, placed: Mapping[int, Assignment], place: Mapping[int, int]
) -> dict[int, Placed]:
    """Where the plan in force has operations; followers end about so long after they began."""
    before = dict(indexed.problem.baseline)
    for name, at in place.items():
        was = before.get(name)
        if was is not None:
            machine = placed[name].machine
            lasts = _lasts(indexed, name, machine)[0]
            before[name] = Placed(
                at if was.machine == machine else was.machine, was.start_ms + lasts
            )
    return before
