"""Mutants of plans that break what machines have in common: each by one small change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec

from domain.plan.plan import Assignment, Plan
from domain.plan.problem import (
    Machine,
    Mode,
    Operation,
    Overlap,
    Phase,
    Pin,
    PinKind,
    Precedence,
    Problem,
    Shortfall,
    Transport,
)

_replace = msgspec.structs.replace
Case = tuple[Problem, Plan]
Mutants = Iterator[tuple[Case, int]]
"""Mutated cases, each with the operation that is to blame."""


def _startable(problem: Problem, plan: Plan) -> Iterator[tuple[Operation, Assignment, Mode]]:
    """What has not started, with its place and mode."""
    at = {one.id: one for one in problem.operations}
    for each in plan.assignments:
        operation = at[each.operation]
        if operation.pin is None or operation.pin.kind is not PinKind.RUNNING:
            mode = next(one for one in operation.modes if one.machine == each.machine)
            yield operation, each, mode


def _with(problem: Problem, *changed: Operation) -> Problem:
    new = {one.id: one for one in changed}
    return _replace(problem, operations=tuple(new.get(one.id, one) for one in problem.operations))


def _links(
    problem: Problem, plan: Plan
) -> Iterator[tuple[Operation, Assignment, Precedence, Assignment, bool]]:
    """What follows something, both with their places; and whether pieces are handed on."""
    machines = {one.id: one for one in problem.machines}
    placed = {one.operation: one for one in plan.assignments}
    for operation, each, _ in _startable(problem, plan):
        for link in operation.after:
            before = placed[link.operation]
            ovens = (machines[each.machine].batch_units, machines[before.machine].batch_units)
            yield operation, each, link, before, link.overlap is not None and ovens == (None, None)


def _relinked(operation: Operation, old: Precedence, new: Precedence) -> Operation:
    return _replace(
        operation, after=tuple(new if link is old else link for link in operation.after)
    )


def _site(problem: Problem, machine: int) -> int | None:
    return next(one.site for one in problem.machines if one.id == machine)


def _pieces(problem: Problem, operation: int) -> int:
    return next(one.pieces for one in problem.operations if one.id == operation)


def _groups(problem: Problem, plan: Plan) -> Iterator[tuple[Machine, list[Operation]]]:
    """The batches of at least two that have not started, with their ovens."""
    found: dict[tuple[int, int, int, int], list[Operation]] = {}
    for operation, each, _ in _startable(problem, plan):
        if each.end_ms > each.setup_start_ms:
            key = each.machine, each.setup_start_ms, each.start_ms, each.end_ms
            found.setdefault(key, []).append(operation)
    for machine in problem.machines:
        for key, group in found.items():
            if key[0] == machine.id and machine.batch_units is not None and len(group) > 1:
                yield machine, group


def lock_early(problem: Problem, plan: Plan) -> Mutants:
    for operation, each, _ in _startable(problem, plan):
        late = Pin(kind=PinKind.LOCKED, machine=each.machine, not_before_ms=each.start_ms + 1)
        yield (_with(problem, _replace(operation, pin=late)), plan), each.operation


def lock_overtaken(problem: Problem, plan: Plan) -> Mutants:
    for (one, before, _), (other, after, _) in pairwise(_startable(problem, plan)):
        if before.machine == after.machine and before.start_ms < after.end_ms:
            second = Pin(kind=PinKind.LOCKED, machine=before.machine, turn=2)
            first = Pin(kind=PinKind.LOCKED, machine=before.machine, turn=1)
            turned = _with(problem, _replace(one, pin=second), _replace(other, pin=first))
            yield (turned, plan), before.operation


def transport(problem: Problem, plan: Plan) -> Mutants:
    for _, each, link, before, handed_on in _links(problem, plan):
        sites = _site(problem, before.machine), _site(problem, each.machine)
        if not handed_on and sites[0] != sites[1] and None not in sites:
            way = each.start_ms - before.end_ms - link.lag_ms + 1
            longer = Transport(sites[0] or 0, sites[1] or 0, way)
            yield (_replace(problem, transports=(longer,)), plan), each.operation


def transfer_start(problem: Problem, plan: Plan) -> Mutants:
    """The first batch has come too late, or is all that is made."""
    for operation, each, link, before, handed_on in _links(problem, plan):
        overlap = link.overlap
        if not handed_on or overlap is None:
            continue
        some = _replace(link, overlap=Overlap(max(overlap.first, 1), overlap.last))
        far = _replace(some, lag_ms=each.start_ms - before.start_ms + 1)
        yield (_with(problem, _relinked(operation, link, far)), plan), each.operation
        if each.start_ms < before.end_ms:
            whole = Overlap(_pieces(problem, before.operation), overlap.last)
            all_of_it = _replace(link, overlap=whole)
            yield (_with(problem, _relinked(operation, link, all_of_it)), plan), each.operation


def transfer_end(problem: Problem, plan: Plan) -> Mutants:
    """The last batch comes when it has ended, or is all that it makes."""
    for operation, each, link, before, handed_on in _links(problem, plan):
        overlap = link.overlap
        if not handed_on or overlap is None:
            continue
        far = _replace(link, lag_ms=each.end_ms - before.end_ms + 1)
        yield (_with(problem, _relinked(operation, link, far)), plan), each.operation
        if each.start_ms < before.end_ms < each.end_ms:
            everything = _replace(link, overlap=Overlap(overlap.first, operation.pieces))
            yield (_with(problem, _relinked(operation, link, everything)), plan), each.operation


def resource_short(problem: Problem, plan: Plan) -> Mutants:
    """Some of a resource is away just then, or an operation needs more than there is."""
    for operation, each, mode in _startable(problem, plan):
        if each.start_ms == each.end_ms:
            continue
        for need in mode.needs:
            if need.phase is Phase.SETUP:
                continue
            resources = []
            for resource in problem.resources:
                if resource.id != need.resource:
                    resources.append(resource)
                    continue
                away = Shortfall(
                    start_ms=each.start_ms, end_ms=each.start_ms + 1, units=resource.capacity
                )
                resources.append(_replace(resource, short=(*resource.short, away)))
                more = _replace(need, units=resource.capacity + 1)
                needs = tuple(more if one is need else one for one in mode.needs)
                modes = tuple(
                    _replace(one, needs=needs) if one is mode else one for one in operation.modes
                )
                yield (_with(problem, _replace(operation, modes=modes)), plan), each.operation
            yield (_replace(problem, resources=tuple(resources)), plan), each.operation
            unknown = tuple(one for one in problem.resources if one.id != need.resource)
            if unknown:
                yield (_replace(problem, resources=unknown), plan), each.operation


def batch_full(problem: Problem, plan: Plan) -> Mutants:
    """An oven has no room for all that is in it together, or for one that is in it alone."""
    ovens = {one.id: one for one in problem.machines if one.batch_units is not None}
    for operation, each, _ in _startable(problem, plan):
        if each.machine in ovens:
            larger = _replace(operation, units=(ovens[each.machine].batch_units or 0) + 1)
            yield (_with(problem, larger), plan), each.operation
    for machine, group in _groups(problem, plan):
        room = sum(operation.units for operation in group) - 1
        smaller = _replace(machine, batch_units=room)
        machines = tuple(smaller if one is machine else one for one in problem.machines)
        for operation in group:
            yield (_replace(problem, machines=machines), plan), operation.id


def batch_mixed(problem: Problem, plan: Plan) -> Mutants:
    for _, group in _groups(problem, plan):
        for operation in group:
            for other in (None, "another"):
                odd = _replace(operation, batch_family=other)
                yield (_with(problem, odd), plan), operation.id


BETWEEN: tuple[Callable[[Problem, Plan], Mutants], ...] = (
    lock_early,
    lock_overtaken,
    transport,
    transfer_start,
    transfer_end,
    resource_short,
    batch_full,
    batch_mixed,
)
