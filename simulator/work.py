"""What there is to do, as the API tells it, and which of it a free machine takes up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

import msgspec

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import OperationState
from simulator.task import Task

_DEFAULT_CYCLE_MS: Final = 5_000
_FAR: Final = "9999"
_STARTABLE: Final = frozenset(
    (OperationState.PLANNED, OperationState.RELEASED, OperationState.INTERRUPTED)
)

Key: TypeAlias = tuple[str, int]
"""An operation within its site: work order and number."""


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
    scrap_pieces: int = 0

    @property
    def key(self) -> Key:
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
    item: str | None = None
    setup_family: str | None = None


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


class Planned(NamedTuple):
    """Where and when the plan in force has an operation."""

    machine: str
    start_ms: int


class Plan(NamedTuple):
    """The plan in force.

    Attributes:
        operations: what it holds.
        patience_ms: a machine waits so long beyond a planned start for pieces to work on.
    """

    operations: Mapping[Key, Planned]
    patience_ms: int = 0


NO_PLAN: Final = Plan({})


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
        scrap=operation.scrap_pieces,
        available=available(work_order, operation),
        family=work_order.setup_family,
    )


def available(work_order: WorkOrder, operation: Operation) -> int | None:
    """How many good pieces the operation before has made; None for the first, or after its end.

    After its end pieces are not counted any more: what is spoiled is made again from its surplus.
    """
    before = [one for one in work_order.operations if one.operation < operation.operation]
    if not before or before[-1].done:
        return None
    return before[-1].good_pieces


def find(work_orders: Iterable[WorkOrder], key: Key) -> Task | None:
    """The task of an operation."""
    for work_order in work_orders:
        for operation in work_order.operations:
            if operation.key == key:
                return task_of(work_order, operation)
    return None


def next_task(
    machine: MachinePath,
    work_orders: Sequence[WorkOrder],
    taken: AbstractSet[Key],
    *,
    plan: Plan = NO_PLAN,
    now_ms: int = 0,
) -> Task | None:
    """What a free machine takes up.

    With a plan: what it has first on this machine, as soon as all pieces for it are there. While
    they are not, something else is taken only if it fits before, or when they are long overdue:
    the plan had its reasons for the order. Without a plan: what is due first and can be begun.
    """
    waiting_for: int | None = None
    for start_ms, task in _queue(machine, work_orders, taken, plan):
        if waiting_for is not None:
            ends_ms = now_ms + task.setup_ms + (task.quantity - task.good) * task.cycle_ms
            if ends_ms > waiting_for:
                continue
        if task.available is None or task.available >= task.quantity:
            return task
        if waiting_for is None and start_ms is not None and now_ms < start_ms + plan.patience_ms:
            waiting_for = start_ms
    return None


def _queue(
    machine: MachinePath,
    work_orders: Sequence[WorkOrder],
    taken: AbstractSet[Key],
    plan: Plan,
) -> list[tuple[int | None, Task]]:
    """What may be begun on the machine some time: planned work by start, then by due date."""
    found: list[tuple[tuple[bool, int, str, str, int], int | None, Task]] = []
    for work_order in work_orders:
        for operation in work_order.operations:
            planned = plan.operations.get(operation.key)
            place = operation.machine if planned is None else planned.machine
            if place != machine or operation.key in taken:
                continue
            if not operation.released or operation.state not in _STARTABLE:
                continue
            task = task_of(work_order, operation)
            if task is None or task.good >= task.quantity:
                continue
            start_ms = None if planned is None else planned.start_ms
            by_due = (work_order.due_at or _FAR, work_order.number, operation.operation)
            found.append(((planned is None, start_ms or 0, *by_due), start_ms, task))
    found.sort(key=lambda one: one[0])
    return [(start_ms, task) for _, start_ms, task in found]
