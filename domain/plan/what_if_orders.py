"""What-if about orders: one that is raised, one that is not made, one that is made, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from contracts.what_if import OrderAdded
from domain.plan.problem import Job, PinKind, Problem
from domain.plan.workshop import RoutingError, Workshop

MOST_WEIGHT: Final = 1_000
"""A job's weight is no more, whatever the priority of its orders."""


class AddedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of an order that is only thought of.

    Attributes:
        order: the change's name for it.
        item, number: what is made, and the step.
    """

    order: str
    item: str
    number: int


class NotAddedError(ValueError):
    """An order cannot be added.

    Attributes:
        code: `no_steps`, `no_mode` (no machine of the scope can do a step), `no_resource` (never so
            many people or tools), or `too_long` (more than ten years).
        values: what it is about, by name.
    """

    def __init__(self, code: str, **values: int | str) -> None:
        super().__init__(f"{code} {values}")
        self.code = code
        self.values = values


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was added: the problem with it, its jobs, and what its operations are called.

    Jobs and operations have ids below 0.
    """

    problem: Problem
    jobs: tuple[int, ...]
    operations: Mapping[int, AddedOperation]


def raised(problem: Problem, own: Collection[int], priority: int) -> Problem:
    """The problem with another priority of some jobs."""
    weight = min(1 + priority, MOST_WEIGHT)
    return msgspec.structs.replace(
        problem,
        jobs=tuple(
            msgspec.structs.replace(job, weight=weight, priority_class=priority, keep_by_ms=None)
            if job.id in own
            else job
            for job in problem.jobs
        ),
    )


def due(problem: Problem, order: int, orders: Mapping[int, Sequence[int]], due_ms: int) -> Problem:
    """The problem with an order due at another moment.

    Work that is for other orders as well is due no later than it was.
    """
    shared = {job for other, jobs in orders.items() if other != order for job in jobs}
    own = set(orders.get(order, ()))
    return msgspec.structs.replace(
        problem,
        jobs=tuple(
            msgspec.structs.replace(
                job,
                due_ms=due_ms
                if job.id not in shared or job.due_ms is None
                else min(due_ms, job.due_ms),
            )
            if job.id in own
            else job
            for job in problem.jobs
        ),
    )


def removed(problem: Problem, order: int, orders: Mapping[int, Sequence[int]]) -> set[int]:
    """The operations that go when an order is not made.

    What other orders wait for as well stays, and what has been begun.
    """
    own = set(orders.get(order, ()))
    for other, jobs in orders.items():
        if other != order:
            own.difference_update(jobs)
    return {
        operation.id
        for operation in problem.operations
        if operation.job in own
        and (operation.pin is None or operation.pin.kind is not PinKind.RUNNING)
    }


def added(problem: Problem, change: OrderAdded, workshop: Workshop) -> Added:
    """The problem with an order more.

    Args:
        problem: what is planned.
        change: the order.
        workshop: how its steps are done.

    Raises:
        NotAddedError: it says nothing that could be planned.
    """
    if not change.works:
        raise NotAddedError("no_steps", order=change.name)
    lowest = min([0, *(each.id for each in problem.jobs)])
    jobs = [_job(lowest - place, change) for place, _ in enumerate(change.works, 1)]
    first = min([0, *(each.id for each in problem.operations)]) - 1
    try:
        made = workshop.operations(
            change.works, jobs=[job.id for job in jobs], ids=count(first, -1)
        )
    except RoutingError as error:
        if error.step is None:
            raise NotAddedError("no_steps", order=change.name) from error
        code = "no_mode" if error.code == "no_machine" else error.code
        raise NotAddedError(code, item=error.item, step=error.step) from error
    named = {
        operation.id: AddedOperation(order=change.name, item=work.item, number=step.number)
        for work, operations in zip(change.works, made, strict=True)
        for step, operation in zip(work.steps, operations, strict=True)
    }
    new = [operation for operations in made for operation in operations]
    whole = msgspec.structs.replace(
        problem,
        jobs=tuple(sorted((*problem.jobs, *jobs), key=lambda job: job.id)),
        operations=tuple(sorted((*problem.operations, *new), key=lambda each: each.id)),
    )
    return Added(problem=whole, jobs=tuple(job.id for job in jobs), operations=named)


def _job(id_: int, change: OrderAdded) -> Job:
    return Job(
        id=id_,
        due_ms=change.due_ms,
        weight=min(1 + change.priority, MOST_WEIGHT),
        priority_class=change.priority,
    )
