"""Which operation pinned to a machine comes first, and what is in an oven together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

import msgspec

from domain.plan.plan import Assignment
from domain.plan.problem import Operation, PinKind
from domain.plan.routing import batch_units
from store.planning.problem_rows import MachineRow, Standing

LOAD_MS: Final = 10 * 60_000
"""What begins in an oven within so long is one load: terminals tell one work order at a time."""


def give_places(
    operations: MutableMapping[int, Operation],
    *,
    machines: Mapping[int, MachineRow],
    standings: Mapping[int, Standing],
    assignments: Mapping[int, Assignment],
) -> None:
    """Put what is pinned to a machine in order.

    First what is on it now, then what was interrupted there, the last one first, then what is
    frozen, by its start in the plan in force. What is in an oven together has one place.
    """
    places: dict[int, list[tuple[tuple[int, ...], Operation]]] = defaultdict(list)
    for operation in operations.values():
        if (pin := operation.pin) is None or pin.kind is PinKind.LOCKED:
            continue
        if pin.kind is PinKind.RUNNING:
            here = machines[pin.machine].operation_id == operation.id
            standing = standings.get(operation.id)
            key = (0, int(not here), -standing.changed_ms if standing else 0, operation.id)
        else:
            placed = assignments[operation.id]
            key = (1, placed.start_ms, placed.end_ms, operation.job)
        places[pin.machine].append((key, operation))
    for machine, pinned in places.items():
        # Of a work order's operations that tie, the first stays first: sorting is stable.
        pinned.sort(key=lambda each: each[0])
        oven = machines[machine].batch_capacity is not None
        place, last = -1, None
        for _, operation in pinned:
            together = _together(operation, assignments) if oven else None
            if together is None or together != last:
                place += 1
            last = together
            pin = operation.pin
            assert pin is not None  # noqa: S101 - only what is pinned is in here
            operations[operation.id] = msgspec.structs.replace(
                operation, pin=msgspec.structs.replace(pin, place=place)
            )


def _together(
    operation: Operation, assignments: Mapping[int, Assignment]
) -> tuple[object, ...] | None:
    """What a frozen operation has in common with what is in the oven with it; None: nothing."""
    placed = assignments.get(operation.id)
    if operation.batch_family is None or placed is None or operation.pin is None:
        return None
    if operation.pin.kind is not PinKind.FROZEN:
        return None
    return (
        operation.batch_family,
        operation.family,
        placed.setup_start_ms,
        placed.start_ms,
        placed.end_ms,
    )


def one_batch(
    operations: MutableMapping[int, Operation], machines: Mapping[int, MachineRow]
) -> None:
    """Let what began in an oven at almost the same time, and fits, have begun together."""
    running: dict[tuple[int, str, str | None], list[Operation]] = defaultdict(list)
    for operation in operations.values():
        pin = operation.pin
        if pin is None or pin.kind is not PinKind.RUNNING or operation.batch_family is None:
            continue
        if machines[pin.machine].batch_capacity is not None:
            running[pin.machine, operation.batch_family, operation.family].append(operation)
    for (machine, _, _), some in running.items():
        most = batch_units(machines[machine].batch_capacity) or 0
        for operation in _alike(some, most):
            operations[operation.id] = operation


def _alike(some: Iterable[Operation], most: int) -> list[Operation]:
    """Operations with the start of the load that each of them is in."""
    found = []
    first_ms, filled = None, 0
    for operation in sorted(some, key=_started):
        began = _started(operation)
        if first_ms is None or began - first_ms > LOAD_MS or filled + operation.units > most:
            first_ms, filled = began, 0
        filled += operation.units
        assert operation.pin is not None  # noqa: S101 - it runs
        pin = msgspec.structs.replace(operation.pin, started_ms=first_ms)
        found.append(msgspec.structs.replace(operation, pin=pin))
    return found


def _started(operation: Operation) -> int:
    pin = operation.pin
    return 0 if pin is None or pin.started_ms is None else pin.started_ms
