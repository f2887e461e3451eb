"""Set-ups that are under way: what is left of them, instead of all of it once more."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

import msgspec

from contracts.telemetry import MachineState
from domain.plan.problem import Operation, PinKind, SetupTime
from domain.plan.setups import Setups
from store.planning.problem_rows import MachineRow


def set_up(
    operations: MutableMapping[int, Operation],
    machines: Mapping[int, MachineRow],
    setups: tuple[SetupTime, ...],
    now_ms: int,
) -> dict[int, str | None]:
    """Let operations that machines are being set up for wait for the rest of that only.

    A machine says that it is being set up, not what for: it is for its first frozen operation,
    unless something runs there. That one has no set-up before it any more and is released when the
    set-up that began with the machine's state is over.

    Args:
        operations: with their pins and places; those that are concerned are replaced.
        machines: what the machines do.
        setups: the matrix.
        now_ms: the moment.

    Returns:
        The families of these machines, as if they were set up already.
    """
    first: dict[int, list[Operation]] = {}
    busy: set[int] = set()
    for operation in operations.values():
        pin = operation.pin
        if pin is None or pin.kind is PinKind.LOCKED:
            continue
        if pin.kind is PinKind.RUNNING:
            busy.add(pin.machine)
            continue
        # What is in an oven together has one place.
        some = first.setdefault(pin.machine, [])
        if some and _place(operation) < _place(some[0]):
            some.clear()
        if not some or _place(operation) == _place(some[0]):
            some.append(operation)
    matrix = Setups(setups)
    families: dict[int, str | None] = {}
    for machine, some in first.items():
        row = machines[machine]
        since_ms = row.state_since_ms
        if machine in busy or row.state != MachineState.SETUP or since_ms is None:
            continue
        families[machine] = some[0].family
        whole_ms = max(
            matrix.ms(machine, row.family, each.family, each.modes[0].setup_ms) for each in some
        )
        ready_ms = since_ms + whole_ms
        for operation in some:
            operations[operation.id] = msgspec.structs.replace(
                operation,
                modes=tuple(msgspec.structs.replace(m, setup_ms=0) for m in operation.modes),
                release_ms=max(operation.release_ms, ready_ms if ready_ms > now_ms else 0),
            )
    return families


def _place(operation: Operation) -> int:
    return operation.pin.place if operation.pin is not None else 0
