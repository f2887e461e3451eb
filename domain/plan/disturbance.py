"""What makes the plan in force wrong: decisions from the plan, its projection and the floor.

Every cause has a key that names it, so that it is told once however often it is seen. A cause that
another one explains is not told: of a chain of operations that push each other only the first is
late by itself, and while a machine's breakdown waits for an answer, what stands still behind it
does not raise anything of its own.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.plan import DisruptionKind
from domain.plan.breakdowns import MachineStanding, machine_causes, useful_machines
from domain.plan.cause import Cause
from domain.plan.plan import Assignment
from domain.plan.problem import Operation, PinKind, Problem, ReleaseKind

_MOST_ORDERS: Final = 20
"""Orders at risk told at once: the ones that are worst off."""
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS


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
        comes: what brings the material that jobs wait for: `item` and `reference`, by job.
    """

    plan_id: int
    problem: Problem
    planned: Mapping[int, Assignment]
    projected: Mapping[int, Assignment]
    machines: Sequence[MachineStanding]
    promises: Sequence[Promise]
    answering: bool = False
    comes: Mapping[int, Mapping[str, Any]] = {}


def causes(situation: Situation) -> list[Cause]:
    """What has to be told now; keys that were told before may be among them."""
    problem = situation.problem
    useful = useful_machines(problem)
    machines = [each for each in situation.machines if each.machine in useful]
    told = machine_causes(machines, problem.policy, problem.now_ms) + late_material(situation)
    if told or situation.answering:
        return told
    return [
        *late_operations(situation),
        *early_operations(situation),
        *orders_at_risk(situation),
    ]


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


def early_operations(situation: Situation) -> list[Cause]:
    """What runs and ends so early that a successor could begin sooner, where that helps somebody.

    Right-shift uses no time that has become free: that is a decision. It is worth one where the
    successor's job ends late in the plan in force.
    """
    problem = situation.problem
    tolerance_ms = problem.policy.tolerance_ms
    operations = {each.id: each for each in problem.operations}
    late = _late_jobs(situation)
    gaps: dict[int, tuple[int, int]] = {}
    for before, after in _successions(situation):
        first, second = operations.get(before), operations[after]
        planned, projected = situation.planned.get(before), situation.projected.get(before)
        if first is None or planned is None or projected is None:
            continue
        if not _runs(first) or _runs(second) or second.job not in late:
            continue
        start_ms = situation.planned[after].start_ms
        gap_ms = start_ms - max(projected.end_ms, second.release_ms)
        early_ms = min(planned.end_ms - projected.end_ms, gap_ms)
        if early_ms > tolerance_ms:
            gaps[before] = max(gaps.get(before, (0, 0)), (early_ms, after))
    return [
        Cause(
            kind=DisruptionKind.OPERATION_EARLY,
            key=f"{DisruptionKind.OPERATION_EARLY}:{operation}:{situation.plan_id}",
            occurred_ms=problem.now_ms,
            machine=situation.projected[operation].machine,
            operation=operation,
            successor=successor,
            detail={"minutes": early_ms // _MINUTE_MS},
        )
        for operation, (early_ms, successor) in sorted(gaps.items())
    ]


def _late_jobs(situation: Situation) -> set[int]:
    """The jobs that the plan in force ends after they are due."""
    works: dict[int, list[int]] = defaultdict(list)
    for operation in situation.problem.operations:
        works[operation.job].append(operation.id)
    late = set()
    for job in situation.problem.jobs:
        end_ms = ends_ms(works.get(job.id, ()), situation.planned)
        if job.due_ms is not None and end_ms is not None and end_ms > job.due_ms:
            late.add(job.id)
    return late


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


def late_material(situation: Situation) -> list[Cause]:
    """Operations whose material comes after the plan in force starts them.

    It is told also while a draft waits: that one was made without knowing it. What comes at another
    hour than was told is another cause.
    """
    problem = situation.problem
    found = []
    for operation in problem.operations:
        planned = situation.planned.get(operation.id)
        if planned is None or operation.release_kind is not ReleaseKind.MATERIAL:
            continue
        over_ms = operation.release_ms - planned.start_ms
        if over_ms <= problem.policy.tolerance_ms or _runs(operation):
            continue
        hour = operation.release_ms // _HOUR_MS
        found.append(
            Cause(
                kind=DisruptionKind.MATERIAL_LATE,
                key=f"{DisruptionKind.MATERIAL_LATE}:{operation.id}:{situation.plan_id}:{hour}",
                occurred_ms=problem.now_ms,
                machine=planned.machine,
                operation=operation.id,
                detail={"minutes": over_ms // _MINUTE_MS, **situation.comes.get(operation.job, {})},
            )
        )
    return found


def _runs(operation: Operation) -> bool:
    return operation.pin is not None and operation.pin.kind is PinKind.RUNNING


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
