"""What there is to do, as the API tells it, and which of it a free machine takes up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import OperationState
from simulator.machine import Task

TRANSFER_PIECES: Final = 5
"""An operation begins when the one before it has handed on so many pieces, or all."""

_DEFAULT_CYCLE_MS: Final = 5_000
_FAR: Final = "9999"
_STARTABLE: Final = frozenset(
    (OperationState.PLANNED, OperationState.RELEASED, OperationState.INTERRUPTED)
)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as `GET /v1/work-orders` shows it; further fields are not looked at."""

    work_order: str
    operation: int
    machine: str | None
    state: OperationState
    good_pieces: int
    quantity: float | None
    released: bool
    cycle_ms: int | None
    setup_ms: int

    @property
    def key(self) -> tuple[str, int]:
        """Which one it is, within the site."""
        return self.work_order, self.operation

    @property
    def done(self) -> bool:
        """Whether nothing more will come from it."""
        return self.state in (OperationState.COMPLETED, OperationState.ABORTED)


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A work order and its operations."""

    number: str
    due_at: str | None
    operations: list[Operation]


class OnMachine(msgspec.Struct, frozen=True, kw_only=True):
    """What the installation believes to be on a machine."""

    work_order: str
    operation: int
    state: OperationState


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as `GET /v1/machines` shows it."""

    machine: str
    configured: bool
    last_seen: datetime | None
    operation: OnMachine | None

    @property
    def last_seen_ms(self) -> EpochMs | None:
        """When the machine last spoke, as far as it is stored."""
        return None if self.last_seen is None else EpochMs(int(self.last_seen.timestamp() * 1_000))


def task_of(work_order: WorkOrder, operation: Operation) -> Task | None:
    """The operation as a machine's task; None where nobody said how many pieces."""
    if operation.quantity is None:
        return None
    return Task(
        work_order=operation.work_order,
        operation=operation.operation,
        quantity=max(1, int(operation.quantity)),
        cycle_ms=operation.cycle_ms or _DEFAULT_CYCLE_MS,
        setup_ms=operation.setup_ms,
        good=operation.good_pieces,
        available=available(work_order, operation),
    )


def available(work_order: WorkOrder, operation: Operation) -> int | None:
    """How many good pieces the operation before has made; None for the first, or after its end."""
    before = [one for one in work_order.operations if one.operation < operation.operation]
    if not before or before[-1].done:
        return None
    return before[-1].good_pieces


def find(work_orders: Iterable[WorkOrder], key: tuple[str, int]) -> Task | None:
    """The task of an operation."""
    for work_order in work_orders:
        for operation in work_order.operations:
            if operation.key == key:
                return task_of(work_order, operation)
    return None


def next_task(
    machine: MachinePath, work_orders: Sequence[WorkOrder], taken: AbstractSet[tuple[str, int]]
) -> Task | None:
    """What a free machine takes up: what is due first and has pieces to work on."""
    for work_order in sorted(work_orders, key=lambda one: (one.due_at or _FAR, one.number)):
        for operation in work_order.operations:
            if operation.machine != machine or operation.key in taken:
                continue
            if not operation.released or operation.state not in _STARTABLE:
                continue
            task = task_of(work_order, operation)
            if task is None or task.good >= task.quantity:
                continue
            wanted = min(TRANSFER_PIECES + task.good, task.quantity)
            if task.available is None or task.available >= wanted:
                return task
    return None
