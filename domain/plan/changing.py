"""Single changes of a problem: a machine works longer or not at all, an operation is split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.plan.calendar import merged
from domain.plan.problem import (
    ClosureKind,
    Interval,
    Machine,
    Mode,
    Operation,
    Precedence,
    Problem,
    Resource,
    Shortfall,
)

_EVER_MS: Final = 2**43
"""Later than anything that is planned (`domain.plan.stated.LATEST_MS`)."""
SKILLS_APART: Final = " / "
"""Between the skills of those who are counted together (`domain.plan.crews`)."""


def split(problem: Problem, operation: Operation, here: Mode, other: Mode) -> tuple[Problem, int]:
    """An operation on two machines at once; answers the id of the part that is on the other one.

    Their shares are in inverse proportion to how long each machine takes for all of it. It has two
    pieces at least.
    """
    part = min(-1, min(each.id for each in problem.operations) - 1)
    whole = max(here.duration_ms + other.duration_ms, 1)
    pieces = min(max(operation.pieces * here.duration_ms // whole, 1), operation.pieces - 1)
    left = operation.pieces - pieces
    there = _share(other, pieces, operation.pieces)
    stays = _share(here, left, operation.pieces)
    operations: list[Operation] = []
    for each in problem.operations:
        if each.id == operation.id:
            operations += [
                msgspec.structs.replace(
                    each, modes=(stays,), pieces=left, after=_at_most(each.after, last=left)
                ),
                msgspec.structs.replace(
                    each,
                    id=part,
                    modes=(there,),
                    pieces=pieces,
                    after=_at_most(each.after, last=pieces),
                ),
            ]
        elif any(link.operation == operation.id for link in each.after):
            operations.append(
                msgspec.structs.replace(each, after=_behind_both(each, operation.id, part, left))
            )
        else:
            operations.append(each)
    operations.sort(key=lambda each: each.id)
    return msgspec.structs.replace(problem, operations=tuple(operations)), part


def _behind_both(
    follower: Operation, operation: int, part: int, left: int
) -> tuple[Precedence, ...]:
    """What comes behind an operation that is split: batches come from where they did."""
    links: list[Precedence] = []
    for link in follower.after:
        if link.operation != operation:
            links.append(link)
            continue
        overlap = link.overlap
        if overlap is not None:
            overlap = msgspec.structs.replace(overlap, first=min(overlap.first, left))
        # The part comes as a whole.
        links += [
            msgspec.structs.replace(link, overlap=overlap),
            Precedence(part, link.lag_ms),
        ]
    return tuple(links)


def _at_most(after: tuple[Precedence, ...], *, last: int) -> tuple[Precedence, ...]:
    """No last batch is for more pieces than there are."""
    return tuple(
        link
        if link.overlap is None
        else msgspec.structs.replace(
            link, overlap=msgspec.structs.replace(link.overlap, last=min(link.overlap.last, last))
        )
        for link in after
    )


def _share(mode: Mode, pieces: int, of: int) -> Mode:
    duration_ms = -(-mode.duration_ms * pieces // of)
    return msgspec.structs.replace(mode, duration_ms=duration_ms)


def opened(machine: Machine, span: Interval) -> Machine:
    """The machine working in a time in which it would not; while it is down it does not."""
    down = [
        Interval(each.start_ms, each.end_ms)
        for each in machine.closures
        if each.kind is ClosureKind.DOWN
    ]
    return msgspec.structs.replace(
        machine,
        unavailable=merged([*_outside(machine.unavailable, span), *down]),
        closures=tuple(
            each
            for each in machine.closures
            if each.kind is ClosureKind.DOWN
            or each.end_ms <= span.start_ms
            or each.start_ms >= span.end_ms
        ),
    )


def more_of(problem: Problem, resource: Resource, span: Interval, units: int = 1) -> Problem:
    """So many more units of a tool, or people with its skills, within a time.

    People who are counted in several resources, because somebody shares their skills, are more in
    each of them.
    """
    skills = skills_of(resource)
    resources = tuple(
        _more(each, span, units, problem.now_ms)
        if (each.kind, each.site) == (resource.kind, resource.site) and skills & skills_of(each)
        else each
        for each in problem.resources
    )
    return msgspec.structs.replace(problem, resources=resources)


def skills_of(resource: Resource) -> frozenset[str]:
    """What those who are counted in a resource are good for."""
    return frozenset((resource.skill or f"resource {resource.id}").split(SKILLS_APART))


def _more(resource: Resource, span: Interval, units: int, now_ms: int) -> Resource:
    """Those who come are not there outside of the time; within it the others may be away."""
    away = [
        Interval(max(each.start_ms, span.start_ms), min(each.end_ms, span.end_ms))
        for each in resource.unavailable
    ]
    short = [
        Shortfall(start_ms=each.start_ms, end_ms=each.end_ms, units=missing)
        for each, missing in (
            (Interval(min(now_ms, span.start_ms), span.start_ms), units),
            (Interval(span.end_ms, max(_EVER_MS, span.end_ms)), units),
            *((each, resource.capacity) for each in away),
        )
        if missing and each.start_ms < each.end_ms
    ]
    return msgspec.structs.replace(
        resource,
        capacity=resource.capacity + units,
        unavailable=merged(_outside(resource.unavailable, span)),
        short=tuple(sorted((*resource.short, *short), key=lambda each: each.start_ms)),
    )


def _outside(spans: Iterable[Interval], span: Interval) -> list[Interval]:
    """What of some spans lies outside of one."""
    left: list[Interval] = []
    for each in spans:
        left.append(Interval(each.start_ms, min(each.end_ms, span.start_ms)))
        left.append(Interval(max(each.start_ms, span.end_ms), each.end_ms))
    return [each for each in left if each.end_ms > each.start_ms]


def closed(machine: Machine, span: Interval) -> Machine:
    """The machine standing still for a time."""
    return msgspec.structs.replace(machine, unavailable=merged([*machine.unavailable, span]))


def with_machine(problem: Problem, machine: Machine) -> Problem:
    """The problem with a machine as told."""
    machines = tuple(machine if each.id == machine.id else each for each in problem.machines)
    return msgspec.structs.replace(problem, machines=machines)


def with_operation(problem: Problem, operation: Operation) -> Problem:
    """The problem with an operation as told."""
    operations = tuple(
        operation if each.id == operation.id else each for each in problem.operations
    )
    return msgspec.structs.replace(problem, operations=operations)


def without(problem: Problem, gone: Iterable[int]) -> Problem:
    """The problem without some operations, and without jobs that have none left."""
    left_out = set(gone)
    operations = tuple(
        msgspec.structs.replace(
            each, after=tuple(link for link in each.after if link.operation not in left_out)
        )
        if any(link.operation in left_out for link in each.after)
        else each
        for each in problem.operations
        if each.id not in left_out
    )
    jobs = {each.job for each in operations}
    return msgspec.structs.replace(
        problem,
        operations=operations,
        jobs=tuple(job for job in problem.jobs if job.id in jobs),
        baseline={each: at for each, at in problem.baseline.items() if each not in left_out},
    )
