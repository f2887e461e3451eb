"""What is frozen and cannot stay so in what somebody thinks of."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from domain.plan.problem import Interval, Mode, Pin, PinKind, Placed, Problem


def thawed(problem: Problem, start: Mapping[int, Placed], machine: int, from_ms: int) -> Problem:
    """What a planner puts before frozen work goes before it: that stays on its machine only."""
    return msgspec.structs.replace(
        problem,
        operations=tuple(
            msgspec.structs.replace(each, pin=Pin(kind=PinKind.LOCKED, machine=machine))
            if each.pin is not None
            and each.pin.kind is PinKind.FROZEN
            and each.pin.machine == machine
            and (placed := start.get(each.id)) is not None
            and placed.start_ms >= from_ms
            else each
            for each in problem.operations
        ),
    )


def freed(
    problem: Problem,
    start: Mapping[int, Placed],
    modes: Mapping[int, tuple[Mode, ...]],
    machine: int,
    span: Interval,
) -> Problem:
    """What is frozen on a machine where it cannot begin is free, and what is frozen behind it.

    Args:
        problem: with the machine closed.
        start: where the plan in force has operations.
        modes: all ways to do them.
        machine: the one that stands still.
        span: when.
    """
    free: set[int] = set()
    found = {
        each.id
        for each in problem.operations
        if each.pin is not None
        and each.pin.machine == machine
        and (placed := start.get(each.id)) is not None
        and span.start_ms <= placed.start_ms < span.end_ms
    }
    while found - free:
        free |= found
        found = {
            each.id
            for each in problem.operations
            if any(link.operation in free for link in each.after)
        }
    return msgspec.structs.replace(
        problem,
        operations=tuple(
            msgspec.structs.replace(each, pin=None, modes=modes.get(each.id, each.modes))
            if each.id in free and each.pin is not None and each.pin.kind is PinKind.FROZEN
            else each
            for each in problem.operations
        ),
    )
