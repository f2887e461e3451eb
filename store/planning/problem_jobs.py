"""Whom the work is for: jobs with their dates and weights, and customers' orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from domain.plan.plan import Assignment
from domain.plan.policy import Policy, may_displace
from domain.plan.problem import Job, Operation
from store.planning.loaded import OrderOf
from store.planning.problem_rows import OperationRow, PegRow

_MOST_WEIGHT: Final = 1_000


def jobs(
    rows: Iterable[OperationRow],
    pegs: Iterable[PegRow],
    operations: Mapping[int, Operation],
    *,
    assignments: Mapping[int, Assignment],
    policy: Policy,
) -> tuple[Job, ...]:
    """The work orders: due by their own date, else by the first of the lines they are for.

    While rush orders wait for their first plan, what they may not displace keeps its planned end.
    """
    due: dict[int, int | None] = {}
    for row in rows:
        if row.id in operations:
            due[row.work_order_id] = None if row.cancelled else row.due_ms
    weights: dict[int, int] = {}
    classes: dict[int, int] = {}
    promised: dict[int, int] = {}
    for peg in pegs:
        job = peg.work_order_id
        weight = min(max(1 + peg.priority, 1), _MOST_WEIGHT)
        weights[job] = max(weights.get(job, 1), weight)
        classes[job] = max(classes.get(job, peg.priority), peg.priority)
        if peg.due_ms is not None:
            promised[job] = min(promised.get(job, peg.due_ms), peg.due_ms)
    kept = _kept(operations, assignments, classes, policy)
    return tuple(
        Job(
            id=job,
            due_ms=promised.get(job) if due[job] is None else due[job],
            weight=weights.get(job, 1),
            priority_class=classes.get(job, 0),
            keep_by_ms=kept.get(job),
        )
        for job in sorted(due)
    )


def _kept(
    operations: Mapping[int, Operation],
    assignments: Mapping[int, Assignment],
    classes: Mapping[int, int],
    policy: Policy,
) -> dict[int, int]:
    """When jobs end in the plan in force that no rush order which is new to it may displace."""
    held = operations.keys() & assignments
    new = {each.job for each in operations.values()} - {operations[id_].job for id_ in held}
    rushing = {classes[job] for job in new if classes.get(job, 0) >= policy.rush_priority}
    ends: dict[int, int] = {}
    for id_ in held if rushing else ():
        job = operations[id_].job
        if not any(may_displace(policy, rush, classes.get(job, 0)) for rush in rushing):
            ends[job] = max(ends.get(job, 0), assignments[id_].end_ms)
    return ends


def orders(
    pegs: Sequence[PegRow], operations: Iterable[Operation], partial: Collection[int]
) -> dict[int, OrderOf]:
    """Whom the work is for; of `partial` work orders something open is not planned."""
    planned = {operation.job for operation in operations}
    works: dict[int, set[int]] = defaultdict(set)
    dues: dict[int, list[int]] = defaultdict(list)
    named: dict[int, PegRow] = {}
    for peg in pegs:
        works[peg.order_id].add(peg.work_order_id)
        named[peg.order_id] = peg
        if peg.due_ms is not None:
            dues[peg.order_id].append(peg.due_ms)
    return {
        order: OrderOf(
            id=order,
            number=peg.order,
            site_id=peg.site_id,
            priority=peg.priority,
            due_ms=min(dues[order], default=None),
            jobs=tuple(sorted(works[order] & planned)),
            complete=not works[order] & set(partial),
        )
        for order, peg in named.items()
    }
