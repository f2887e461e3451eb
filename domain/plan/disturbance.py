"""What makes the plan in force wrong: decisions from the plan, its projection and the floor.

Every cause has a key that names it, so that it is told once however often it is seen. A cause that
another one explains is not told: of a chain of operations that push each other only the first is
late by itself, and while a machine's breakdown waits for an answer, what stands still behind it
does not raise anything of its own.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.plan import DisruptionKind
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
from domain.plan.problem import PinKind, Problem

DOWN: Final = "down"
_WORKS: Final = ("running", "setup", "idle")
_MOST_ORDERS: Final = 20
"""Orders at risk told at once: the ones that are worst off."""
_MINUTE_MS: Final = 60_000


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Something that makes a plan wrong.

    Attributes:
        kind: see `DisruptionKind`.
        key: names the cause within its scope.
        occurred_ms: when it came about.
        machine, operation, order: whose it is.
        successor: of a late operation, the one that has to wait.
        detail: what `DisruptionKind` says of the kind.
    """

    kind: DisruptionKind
    key: str
    occurred_ms: int
    machine: int | None = None
    operation: int | None = None
    order: int | None = None
    successor: int | None = None
    detail: dict[str, Any] = {}


class Breakdown(msgspec.Struct, frozen=True):
    """The newest breakdown of a machine that was told.

    Attributes:
        since_ms: since when the machine was down.
        answered: whether a plan (or the decision to keep the one in force) has answered it.
        over: whether it was told that the machine works again.
    """

    since_ms: int
    answered: bool
    over: bool


class MachineStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the floor says of a machine, and what was told of it."""

    machine: int
    state: str
    since_ms: int | None
    reason: str | None = None
    told: Breakdown | None = None


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """An order: the jobs it is made by, and when it is due."""

    order: int
    jobs: frozenset[int]
    due_ms: int | None


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """A scope at one moment.

    Attributes:
        plan_id: the plan in force.
        problem: what is not over, at `problem.now_ms`.
        planned: where the plan in force has it, by operation.
        projected: where reality puts it, by operation.
        machines: the scope's machines.
        promises: the orders that the work is for.
        answering: whether a disruption is open already, or a draft waits for somebody: the next
            plan looks at everything anyway, so consequences are not told meanwhile.
    """

    plan_id: int
    problem: Problem
    planned: Mapping[int, Assignment]
    projected: Mapping[int, Assignment]
    machines: Sequence[MachineStanding]
    promises: Sequence[Promise]
    answering: bool = False


def causes(situation: Situation) -> list[Cause]:
    """What has to be told now; keys that were told before may be among them."""
    problem = situation.problem
    useful = useful_machines(problem)
    machines = [each for each in situation.machines if each.machine in useful]
    told = machine_causes(machines, problem.policy, problem.now_ms)
    if told or situation.answering:
        return told
    return [*late_operations(situation), *orders_at_risk(situation)]


# Machines ------------------------------------------------------------------------------------


def useful_machines(problem: Problem) -> frozenset[int]:
    """The machines that there is work for; what becomes of the others makes no plan wrong."""
    return frozenset(mode.machine for each in problem.operations for mode in each.modes)


def machine_causes(machines: Iterable[MachineStanding], policy: Policy, now_ms: int) -> list[Cause]:
    """Machines that are down for longer than the threshold, and those that work again."""
    found = []
    for machine in machines:
        cause = _down(machine, policy, now_ms) or _up(machine, now_ms)
        if cause is not None:
            found.append(cause)
    return found


def _down(machine: MachineStanding, policy: Policy, now_ms: int) -> Cause | None:
    since_ms = machine.since_ms
    if machine.state != DOWN or since_ms is None or now_ms - since_ms < policy.down_threshold_ms:
        return None
    if machine.told is not None and machine.told.since_ms == since_ms:
        return None
    return Cause(
        kind=DisruptionKind.MACHINE_DOWN,
        key=f"{DisruptionKind.MACHINE_DOWN}:{machine.machine}:{since_ms}",
        occurred_ms=since_ms,
        machine=machine.machine,
        detail={"reason": machine.reason, "since": since_ms},
    )


def _up(machine: MachineStanding, now_ms: int) -> Cause | None:
    told = machine.told
    if told is None or not told.answered or told.over or machine.state not in _WORKS:
        return None
    since_ms = machine.since_ms if machine.since_ms is not None else now_ms
    return Cause(
        kind=DisruptionKind.MACHINE_UP,
        key=f"{DisruptionKind.MACHINE_UP}:{machine.machine}:{told.since_ms}",
        occurred_ms=since_ms,
        machine=machine.machine,
        detail={"since": told.since_ms},
    )


def threshold_ms(machines: Iterable[MachineStanding], policy: Policy, now_ms: int) -> int | None:
    """When the next machine that is down will have been so for the policy's threshold."""
    moments = [
        each.since_ms + policy.down_threshold_ms
        for each in machines
        if each.state == DOWN and each.since_ms is not None
    ]
    return min((moment for moment in moments if moment > now_ms), default=None)


# Operations and orders -----------------------------------------------------------------------


def late_operations(situation: Situation) -> list[Cause]:
    """Operations whose projected end passes the planned start of one that comes after them.

    A successor is the next one of the work order, or on the machine. Of a chain of operations that
    push each other only the first is told, and a successor that has begun waits no more.
    """
    problem = situation.problem
    tolerance_ms = problem.policy.tolerance_ms
    begun = {
        each.id
        for each in problem.operations
        if each.pin is not None and each.pin.kind is PinKind.RUNNING
    }
    late: dict[int, tuple[int, int]] = {}
    pushed: set[int] = set()
    for before, after in _successions(situation):
        if after in begun:
            continue
        projected, planned = situation.projected.get(before), situation.planned[after]
        if projected is None:
            continue
        over_ms = projected.end_ms - planned.start_ms
        if over_ms > tolerance_ms:
            pushed.add(after)
            late[before] = max(late.get(before, (0, 0)), (over_ms, after))
    found = []
    for operation in sorted(late.keys() - pushed):
        over_ms, successor = late[operation]
        found.append(
            Cause(
                kind=DisruptionKind.OPERATION_LATE,
                key=f"{DisruptionKind.OPERATION_LATE}:{operation}:{situation.plan_id}",
                occurred_ms=problem.now_ms,
                machine=situation.projected[operation].machine,
                operation=operation,
                successor=successor,
                detail={"minutes": over_ms // _MINUTE_MS},
            )
        )
    return found


def _successions(situation: Situation) -> Iterable[tuple[int, int]]:
    """Pairs of operations of the plan in force of which the second has to wait for the first."""
    planned = situation.planned
    on_machine: dict[int, list[Assignment]] = defaultdict(list)
    for operation in situation.problem.operations:
        if operation.id not in planned:
            continue
        on_machine[planned[operation.id].machine].append(planned[operation.id])
        for before in operation.after:
            yield before.operation, operation.id
    for assignments in on_machine.values():
        assignments.sort(key=lambda each: (each.start_ms, each.operation))
        for first, second in itertools.pairwise(assignments):
            yield first.operation, second.operation


def orders_at_risk(situation: Situation) -> list[Cause]:
    """Orders that will be later than promised, and later than the plan in force has them."""
    problem = situation.problem
    jobs: dict[int, list[int]] = defaultdict(list)
    for operation in problem.operations:
        jobs[operation.job].append(operation.id)
    at_risk = []
    for promise in situation.promises:
        operations = [one for job in promise.jobs for one in jobs.get(job, ())]
        end_ms = ends_ms(operations, situation.projected)
        planned_ms = ends_ms(operations, situation.planned)
        if promise.due_ms is None or end_ms is None or planned_ms is None:
            continue
        over_ms = end_ms - max(promise.due_ms, planned_ms)
        if over_ms > problem.policy.tolerance_ms:
            at_risk.append((over_ms, promise.order, end_ms - promise.due_ms))
    at_risk.sort(key=lambda each: (-each[0], each[1]))
    return [
        Cause(
            kind=DisruptionKind.PROMISE_AT_RISK,
            key=f"{DisruptionKind.PROMISE_AT_RISK}:{order}:{situation.plan_id}",
            occurred_ms=problem.now_ms,
            order=order,
            detail={"minutes": late_ms // _MINUTE_MS},
        )
        for _, order, late_ms in at_risk[:_MOST_ORDERS]
    ]


def ends_ms(operations: Iterable[int], places: Mapping[int, Assignment]) -> int | None:
    """When the last of some operations ends; None when one of them has no place, or there is none.

    A date that leaves work out would be a promise nobody can keep.
    """
    ends = [places[one].end_ms if one in places else None for one in operations]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


# Work and orders as people change them -------------------------------------------------------


class OrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's event says, and the facts of the order that decide about it.

    Attributes:
        name: the event's name (`contracts.streams.OrderEvent`).
        order: the order's id; None for work without one.
        work_orders: the work orders it names.
        version: of the order, or of the work order without one.
        occurred_ms: when.
        priority: of the order; 0 without one.
        released: whether the order has work on the floor that is not over, or had before it was
            cancelled.
    """

    name: str
    order: int | None
    work_orders: Sequence[int]
    version: int
    occurred_ms: int
    priority: int = 0
    released: bool = True


def order_cause(change: OrderChange, policy: Policy) -> Cause | None:
    """What a change to an order or a work order means for the plan; None when nothing."""
    match change.name:
        case "OrderReleased" | "WorkOrderPlanned":
            rush = change.priority >= policy.rush_priority and change.order is not None
            kind = DisruptionKind.RUSH_ORDER if rush else DisruptionKind.WORK_RELEASED
            detail = {"priority": change.priority} if rush else {}
        case (
            "OrderChanged"
            | "OrderHeld"
            | "OrderResumed"
            | "WorkOrdersSplit"
            | "WorkOrdersMerged"
            | "WorkOrdersArranged"
            | "PegsMoved"
            | "RearrangementUndone"
        ) if change.released:
            kind, detail = DisruptionKind.ORDER_CHANGED, {}
        case "OrderCancelled" | "WorkOrderCancelled" if change.released:
            kind, detail = DisruptionKind.ORDER_CANCELLED, {}
        case _:
            return None
    if change.name in ("WorkOrderPlanned", "WorkOrderCancelled") and change.work_orders:
        # Told once, whomever the work is for: the same event goes to each of its orders.
        subject = f"work_order:{min(change.work_orders)}"
    elif change.order is None and change.work_orders:
        subject = f"work_order:{min(change.work_orders)}:{change.version}"
    else:
        subject = f"order:{change.order}:{change.version}"
    return Cause(
        kind=kind,
        key=f"{change.name}:{subject}",
        occurred_ms=change.occurred_ms,
        order=change.order,
        detail=detail,
    )


def first_cause(scope: str, unplanned: Collection[int], now_ms: int) -> Cause | None:
    """Released work that no plan holds and nobody told of: an installation from before plans."""
    if not unplanned:
        return None
    return Cause(
        kind=DisruptionKind.WORK_RELEASED,
        key=f"first:{scope}:{max(unplanned)}",
        occurred_ms=now_ms,
    )
