"""An instance as the search's arrays, and its solutions as schedules."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.instances.instance import Instance, Piece, Schedule
from scheduler.search.compiled import Ints
from scheduler.search.graph import load
from scheduler.search.layout import Shop, Solution, blank
from scheduler.search.relink import canonical

NEVER: Final = 1 << 60
"""The due date of a job that nobody waits for."""


def shop_of(instance: Instance) -> Shop:
    """The instance's arrays; operations are numbered job by job."""
    offsets = [0]
    for job in instance.jobs:
        offsets.append(offsets[-1] + len(job.operations))
    before: list[list[int]] = []
    modes: list[list[tuple[int, int]]] = []
    for number, job in enumerate(instance.jobs):
        for at, task in enumerate(job.operations):
            before.append([offsets[number] + each for each in instance.before(number, at)])
            modes.append([(way.machine, way.duration) for way in task.alternatives])
    after: list[list[int]] = [[] for _ in before]
    for index, ahead in enumerate(before):
        for each in ahead:
            after[each].append(index)
    before_at, before_flat = _rows(before)
    after_at, after_flat = _rows(after)
    mode_at, mode_machine = _rows([[machine for machine, _ in ways] for ways in modes])
    _, mode_duration = _rows([[lasts for _, lasts in ways] for ways in modes])
    kinds, setup = _setups(instance)
    owner = [number for number, job in enumerate(instance.jobs) for _ in job.operations]
    return Shop(
        operations=len(before),
        machines=instance.machines,
        jobs=len(instance.jobs),
        before_at=before_at,
        before=before_flat,
        before_lag=np.zeros_like(before_flat),
        after_at=after_at,
        after=after_flat,
        after_lag=np.zeros_like(after_flat),
        mode_at=mode_at,
        mode_machine=mode_machine,
        mode_duration=mode_duration,
        release=_row([instance.jobs[number].release for number in owner]),
        open_at=np.zeros(instance.machines, dtype=np.int64),
        kind=kinds,
        setup=setup,
        has_setup=int(bool(setup.any())),
        job=_row(owner),
        due=_row([NEVER if job.due is None else job.due for job in instance.jobs]),
        weight=_row([job.weight for job in instance.jobs]),
    )


def schedule_of(instance: Instance, shop: Shop, solution: Solution) -> Schedule:
    """The schedule in which everything of a solution starts as early as it can, by start.

    Operations that share a moment on a machine (they last no time) are told in their sequence.
    """
    state = blank(shop)
    load(shop, state, solution.order, solution.machine, solution.duration)
    names = [
        (job, at) for job, each in enumerate(instance.jobs) for at in range(len(each.operations))
    ]
    pieces = []
    for index in canonical(state.order, state.head).tolist():
        start = int(state.head[index])
        end = start + int(state.duration[index])
        job, at = names[index]
        pieces.append(Piece(job, at, int(state.machine[index]), start, end))
    return tuple(pieces)


def _row(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _rows(lists: list[list[int]]) -> tuple[Ints, Ints]:
    """Lists of different length as one, with the places where each begins."""
    begins = np.cumsum([0] + [len(each) for each in lists]).astype(np.int64)
    flat = np.array([value for each in lists for value in each] or [0], dtype=np.int64)
    return begins, flat


def _setups(instance: Instance) -> tuple[Ints, Ints]:
    """Each operation's set-up class and the matrices; their last row is before the first."""
    count = sum(len(job.operations) for job in instance.jobs)
    if not instance.setups:
        zeros = np.zeros((1, 2, 1), dtype=np.int64)
        return np.zeros(count, dtype=np.int64), zeros
    matrix = np.array(instance.setups, dtype=np.int64)
    machines, size, _ = matrix.shape
    setup = np.zeros((machines, size + 1, size), dtype=np.int64)
    setup[:, :size, :] = matrix
    if instance.initial:
        setup[:, size, :] = np.array(instance.initial, dtype=np.int64)
    families = [family for row in instance.families() for family in row]
    return _row(families), setup
