"""Plans as the search's solutions, solutions as plans, and a plan's figures from arrays.

Times are those that `domain.plan.decoder` would give the same order (tests compare them), so a plan
is made of them directly. The validator judges it as any other.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from domain.plan.indexed import FREE, FROZEN, RUNNING
from domain.plan.metrics import Totals, metrics_of, ranking_of
from domain.plan.plan import Assignment, Metrics, Plan
from scheduler.floor_arrays import Arrays
from scheduler.search.aims import LOADS
from scheduler.search.compiled import Ints
from scheduler.search.floor import NOWHERE, Floor, Times, job_ends, set_up_from
from scheduler.search.graph import sort_out
from scheduler.search.layout import NONE, Shop
from scheduler.search.usage import Around, Book

MARKS: Final = 64
"""Moments of a machine that are remembered."""


class Found(NamedTuple):
    """A solution at rest: an order, each operation's mode, and before when it is not started."""

    order: Ints
    mode: Ints
    not_before: Ints
    value: int


def times(shop: Shop, floor: Floor) -> Times:
    """Room for the times of a solution."""
    count, jobs = shop.operations, shop.jobs

    def row(length: int) -> Ints:
        return np.zeros(max(1, length), dtype=np.int64)

    return Times(
        mode=row(count),
        not_before=row(count),
        start=row(count),
        end=row(count),
        setup=row(count),
        log=row(count),
        log_start=row(count),
        log_end=row(count),
        log_setup=row(count),
        job_mark=row(jobs),
        dirty=row(count // 32 + 1),
        hint=np.full((max(1, shop.machines), MARKS), NONE, dtype=np.int64),
        book=None if floor.around is None else _book(count, floor.around),
        sums=row(LOADS + shop.machines),
    )


def _book(operations: int, around: Around) -> Book:
    """An empty book with room for whatever could be held."""

    def row(length: int) -> Ints:
        return np.zeros(max(1, length), dtype=np.int64)

    resources, holds = len(around.row_at) - 1, int(around.row_at[-1])
    return Book(
        held=row(resources),
        begin=row(holds),
        end=row(holds),
        who=row(holds),
        units=row(holds),
        reach=row(resources),
        wait=row(resources),
        wish=row(operations),
        mode=row(operations),
        log_wish=row(operations),
        log_mode=row(operations),
        anybody=row(operations),
    )


def found_of(arrays: Arrays, plan: Plan) -> Found:
    """A plan as a solution: its sequence, and starts that wait for the plan in force kept."""
    shop, rank = arrays.shop, arrays.floor.rank
    placed = plan.assignments
    operation = _row([arrays.operation_at[each.operation] for each in placed])
    machine = _row([arrays.machine_at[each.machine] for each in placed])
    start = _row([each.start_ms for each in placed]) - arrays.problem.now_ms
    end = _row([each.end_ms for each in placed])
    lane = np.lexsort((start, end, rank[operation] != RUNNING, machine))
    previous = np.full(max(1, shop.operations), NONE, dtype=np.int64)
    same = machine[lane][1:] == machine[lane][:-1]
    previous[operation[lane][1:][same]] = operation[lane][:-1][same]
    starts = np.zeros(max(1, shop.operations), dtype=np.int64)
    on = np.zeros_like(starts)
    starts[operation], on[operation] = start, machine
    order = np.zeros_like(starts)
    scratch = np.zeros((2, len(order)), dtype=np.int64)
    sort_out(shop, np.argsort(starts, kind="stable"), previous, order, scratch[0], scratch[1])
    owner = np.repeat(np.arange(shop.operations), np.diff(shop.mode_at))
    fits = np.flatnonzero(shop.mode_machine[: len(owner)] == on[owner])[::-1]
    mode = shop.mode_at[:-1].copy() if shop.operations else np.zeros(1, dtype=np.int64)
    mode[owner[fits]] = fits  # of two modes on a machine the first
    return Found(order, mode, held(arrays, starts), 1 << 62)


def held(arrays: Arrays, start: Ints) -> Ints:
    """Before when operations are not started, if these are their starts: stability's price."""
    floor = arrays.floor
    known = floor.base_start != NOWHERE
    tolerance = arrays.problem.policy.move_tolerance_ms
    free = np.where(
        (floor.rank == FREE) & known, np.minimum(floor.base_start - tolerance, start), 0
    )
    return np.where((floor.rank == FROZEN) & known, floor.base_start, np.maximum(free, 0))


def plan_of(arrays: Arrays, at: Times, order: Ints) -> Plan:
    """The plan of a solution's times, by machine, in the machines' sequence.

    Args:
        arrays: the problem.
        at: times and modes.
        order: all operations, as their machines have them.
    """
    shop, now = arrays.shop, arrays.problem.now_ms
    if not shop.operations:
        return Plan(())
    machine = shop.mode_machine[at.mode]
    begin = np.zeros_like(at.start)
    set_up_from(shop, arrays.floor, machine, at, begin)
    order = order[np.argsort(machine[order], kind="stable")]
    ids, machines = np.array(arrays.operations), np.array(arrays.machines)
    return Plan(
        tuple(
            [
                Assignment(
                    operation=operation,
                    machine=where,
                    setup_start_ms=setup,
                    start_ms=start,
                    end_ms=end,
                )
                for operation, where, setup, start, end in zip(
                    ids[order].tolist(),
                    machines[machine[order]].tolist(),
                    (begin[order] + now).tolist(),
                    (at.start[order] + now).tolist(),
                    (at.end[order] + now).tolist(),
                    strict=True,
                )
            ]
        )
    )


def figures(arrays: Arrays, at: Times) -> Metrics:
    """What `domain.plan.metrics.metrics` says of the plan of these times."""
    return metrics_of(arrays.problem, totals(arrays, at))


def rank(arrays: Arrays, at: Times) -> tuple[int, ...]:
    """What `domain.plan.metrics.ranking` says of the plan of these times."""
    return ranking_of(arrays.problem, totals(arrays, at))


def totals(arrays: Arrays, at: Times) -> Totals:
    """What `domain.plan.metrics.totals` says of the plan of these times."""
    problem, shop, floor = arrays.problem, arrays.shop, arrays.floor
    count, policy = shop.operations, problem.policy
    ends = np.zeros(max(1, shop.jobs), dtype=np.int64)
    job_ends(shop, at, ends)
    dated = np.array([each.due_ms is not None for each in problem.jobs], dtype=bool)
    by = np.where(dated, np.maximum(ends[: shop.jobs] - floor.due[: shop.jobs], 0), 0)
    compared = (floor.base_start[:count] != NOWHERE) & (floor.rank[:count] != RUNNING)
    shifted = np.abs(at.start[:count] - floor.base_start[:count])[compared]
    beyond = np.maximum(shifted - policy.move_tolerance_ms, 0)
    elsewhere = shop.mode_machine[at.mode[:count]] != floor.base_machine[:count]
    displaced = 0
    if floor.aims is not None:
        keep = floor.aims.keep[: shop.jobs]
        displaced = int(np.maximum(ends[: shop.jobs] - keep, 0).sum())
    return Totals(
        weighted_tardiness=int((floor.weight[: shop.jobs] * by).sum()),
        tardiness=int(by.sum()),
        most_tardy=int(by.max(initial=0)),
        tardy_jobs=int((by > 0).sum()),
        end=problem.now_ms + int(at.end[:count].max(initial=0)),
        setup=int(at.setup[:count].sum()),
        reassigned=int((elsewhere & compared).sum()),
        moved=int((beyond > 0).sum()),
        shifted=int(shifted.sum()),
        beyond=int(beyond.sum()),
        resequenced=_resequenced(arrays, at),
        imbalance=_imbalance(arrays, at),
        displaced=displaced,
    )


def _resequenced(arrays: Arrays, at: Times) -> int:
    """How many operations are behind another one than before, of those that stayed there."""
    shop, floor = arrays.shop, arrays.floor
    count = shop.operations
    machine = shop.mode_machine[at.mode[:count]]
    stayed = np.flatnonzero(machine == floor.base_machine[:count])
    free = floor.rank[stayed] != RUNNING
    on, end = machine[stayed], at.end[stayed]
    now = _pairs(stayed[np.lexsort((at.start[stayed], end, free, on))], machine)
    before = _pairs(stayed[np.lexsort((end, floor.base_start[stayed], free, on))], machine)
    return int(((now != before) & (now != NONE)).sum())


def _pairs(lane: Ints, machine: Ints) -> Ints:
    """What is before each operation, of one or more machines' sequences; else NONE."""
    before = np.full(len(machine), NONE, dtype=np.int64)
    same = machine[lane][1:] == machine[lane][:-1]
    before[lane[1:][same]] = lane[:-1][same]
    return before


def _imbalance(arrays: Arrays, at: Times) -> int:
    """By how much the busiest machine's work exceeds the average, set-ups included."""
    shop = arrays.shop
    if not shop.machines:
        return 0
    mode = at.mode[: shop.operations]
    loads = np.zeros(shop.machines, dtype=np.int64)
    np.add.at(
        loads, shop.mode_machine[mode], shop.mode_duration[mode] + at.setup[: shop.operations]
    )
    return int(loads.max()) - int(loads.sum()) // shop.machines


def _row(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
