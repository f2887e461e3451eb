"""What a problem says, fact by fact: what it may fail by."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator

from domain.plan.plan import Conflict
from domain.plan.problem import Mode, Operation, PinKind, Problem, ReleaseKind


class Fact(enum.StrEnum):
    """Codes of facts that a problem may fail by (`domain.plan.plan.Conflict.code`).

    Values are in milliseconds, pieces or units, as said.
    """

    DUPLICATE = "duplicate"
    """`operation` is told twice."""
    UNKNOWN_OPERATION = "unknown_operation"
    """`operation` comes after `other`, which is not there."""
    UNKNOWN_MACHINE = "unknown_machine"
    """`operation` names `machine`, which is not there."""
    UNKNOWN_RESOURCE = "unknown_resource"
    """`operation` needs `resource`, which is not there."""
    NO_MACHINE = "no_machine"
    """No machine can do `operation`."""
    ONLY_ON = "only_on"
    """Only `machine` can do `operation`; without `machine`, `value` machines can."""
    PRECEDENCE = "precedence"
    """`operation` comes after `other`."""
    FROZEN = "frozen"
    """`operation` is frozen: on `machine`, before everything that is not."""
    FROZEN_ORDER = "frozen_order"
    """`operation` is frozen behind `other` on `machine`."""
    LOCK = "lock"
    """`operation` is locked to `machine`."""
    LOCK_DATE = "lock_date"
    """`operation` is locked not to start before `at_ms`."""
    LOCK_TURN = "lock_turn"
    """`operation` is locked behind `other` on `machine`."""
    RELEASE = "release"
    """`operation` may not start before `at_ms`."""
    MATERIAL = "material"
    """Material for `operation` comes at `at_ms`."""
    UNINTERRUPTED = "uninterrupted"
    """`operation` may not be interrupted; it takes `value` milliseconds on its fastest machine."""
    NEED = "need"
    """`operation` needs `value` units of `resource` on `machine`."""
    SIZE = "size"
    """`operation` takes up `value` units of an oven."""
    CAPACITY = "capacity"
    """There are `limit` units of `resource`."""
    ROOM = "room"
    """`machine` holds `limit` units at once."""
    CALENDAR = "calendar"
    """`machine` works as its calendar says, which is told until `at_ms`."""
    RESOURCE_CALENDAR = "resource_calendar"
    """`resource` is there as its calendar says, which is told until `at_ms`."""


def data_errors(problem: Problem) -> tuple[Conflict, ...]:
    """What the problem names and does not contain, or contains twice; each a conflict by itself."""
    machines = {machine.id for machine in problem.machines}
    resources = {resource.id for resource in problem.resources}
    known = Counter(operation.id for operation in problem.operations)
    found = [
        Conflict(code=Fact.DUPLICATE, operation=operation)
        for operation, times in known.items()
        if times > 1
    ]
    for operation in problem.operations:
        name = operation.id
        found += [
            Conflict(code=Fact.UNKNOWN_OPERATION, operation=name, other=link.operation)
            for link in operation.after
            if link.operation not in known
        ]
        for mode in operation.modes:
            if mode.machine not in machines:
                unknown = Fact.UNKNOWN_MACHINE
                found.append(Conflict(code=unknown, operation=name, machine=mode.machine))
            found += [
                Conflict(code=Fact.UNKNOWN_RESOURCE, operation=name, resource=need.resource)
                for need in mode.needs
                if need.resource not in resources
            ]
        if not operation.modes:
            found.append(Conflict(code=Fact.NO_MACHINE, operation=name))
    return tuple(found)


def only_on(operation: Operation) -> Conflict:
    """The fact that no other machines can do it."""
    machines = [mode.machine for mode in operation.modes]
    return Conflict(
        code=Fact.ONLY_ON,
        operation=operation.id,
        machine=machines[0] if len(machines) == 1 else None,
        value=len(machines),
    )


def frozen_on(operation: int, machine: int) -> Conflict:
    """The fact that it is frozen there."""
    return Conflict(code=Fact.FROZEN, operation=operation, machine=machine)


def pinned(operation: Operation) -> Conflict | None:
    """The fact that it is bound to a machine; None when it is not, or runs."""
    pin = operation.pin
    if pin is None or pin.kind is PinKind.RUNNING:
        return None
    if pin.kind is PinKind.FROZEN:
        return frozen_on(operation.id, pin.machine)
    return Conflict(code=Fact.LOCK, operation=operation.id, machine=pin.machine)


def dates(operation: Operation) -> Iterator[Conflict]:
    """The facts that it may not start before some moment."""
    if operation.release_ms:
        material = operation.release_kind is ReleaseKind.MATERIAL
        yield Conflict(
            code=Fact.MATERIAL if material else Fact.RELEASE,
            operation=operation.id,
            at_ms=operation.release_ms,
        )
    pin = operation.pin
    if pin is not None and pin.kind is PinKind.LOCKED and pin.not_before_ms is not None:
        yield Conflict(code=Fact.LOCK_DATE, operation=operation.id, at_ms=pin.not_before_ms)


def uninterrupted(operation: Operation) -> Conflict:
    """The fact that no break may fall into it."""
    shortest = min((mode.duration_ms for mode in operation.modes), default=0)
    return Conflict(code=Fact.UNINTERRUPTED, operation=operation.id, value=shortest)


def size(operation: Operation) -> Conflict:
    """The fact that it takes up so much of an oven."""
    return Conflict(code=Fact.SIZE, operation=operation.id, value=operation.units)


def need_of(operation: Operation, mode: Mode, resource: int, units: int) -> Conflict:
    """The fact that it needs so much of a resource on a machine."""
    return Conflict(
        code=Fact.NEED,
        operation=operation.id,
        machine=mode.machine,
        resource=resource,
        value=units,
    )
