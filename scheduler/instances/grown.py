"""Larger shops with set-ups from smaller ones: every job several times, a little different.

The instances with set-ups that come with the literature have up to 21 operations, too few to tell
systems apart. Here each job is there `times` times. Durations are the original's give or take a
fifth; the set-up between two operations is the original's between those that they stem from, give
or take three tenths. Where both stem from the same one, any of the machine's set-ups is drawn.
"""

from __future__ import annotations

import random
from typing import Final

import msgspec

from scheduler.instances.instance import Alternative, Instance, JobOfTasks, Task

SEED: Final = 6
"""Of the generator: the same for all instances, so that everybody gets the same shops."""
_DURATIONS: Final = 20
_SETUPS: Final = 30


def grown(instance: Instance, *, times: int) -> Instance:
    """A shop of so many times the jobs.

    Args:
        instance: a shop with set-ups; every operation is a family of its own.
        times: how often each job is there; 1 leaves the shop as it is.
    """
    if times == 1:
        return instance
    drawn = random.Random(f"{SEED}-{times}-{len(instance.jobs)}")  # noqa: S311 - reproducible
    jobs = tuple(_job(job, drawn) for _ in range(times) for job in instance.jobs)
    stems = [family for row in instance.families() for family in row] * times
    can = _possible(instance)
    setups = tuple(
        _matrix(matrix, stems, sorted(can[machine]), drawn)
        for machine, matrix in enumerate(instance.setups)
    )
    return msgspec.structs.replace(instance, jobs=jobs, setups=setups)


def _job(job: JobOfTasks, drawn: random.Random) -> JobOfTasks:
    return msgspec.structs.replace(
        job,
        operations=tuple(
            Task(
                alternatives=tuple(
                    Alternative(way.machine, _shaken(way.duration, _DURATIONS, drawn))
                    for way in task.alternatives
                ),
                after=task.after,
            )
            for task in job.operations
        ),
    )


def _matrix(
    matrix: tuple[tuple[int, ...], ...], stems: list[int], can: list[int], drawn: random.Random
) -> tuple[tuple[int, ...], ...]:
    """The set-ups of a machine between all that stems from the operations that it can do."""
    any_of = [matrix[one][other] for one in can for other in can if one != other] or [0]
    known = set(can)
    rows = []
    for one in stems:
        row = []
        for other in stems:
            if one not in known or other not in known:
                row.append(0)
                continue
            lasts = drawn.choice(any_of) if one == other else matrix[one][other]
            row.append(_shaken(lasts, _SETUPS, drawn))
        rows.append(tuple(row))
    return tuple(rows)


def _possible(instance: Instance) -> list[set[int]]:
    """The families that each machine can do."""
    can: list[set[int]] = [set() for _ in range(instance.machines)]
    for job, row in zip(instance.jobs, instance.families(), strict=True):
        for task, family in zip(job.operations, row, strict=True):
            for way in task.alternatives:
                can[way.machine].add(family)
    return can


def _shaken(value: int, percent: int, drawn: random.Random) -> int:
    """A value give or take so many percent, rounded; what is positive stays so."""
    share = 100 - percent + drawn.randrange(2 * percent + 1)
    return max(int(value > 0), (value * share + 50) // 100)
