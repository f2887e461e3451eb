"""Due dates and weights for shops that come without them, as Pinedo & Singer (1999) set them."""

from __future__ import annotations

from typing import Final

import msgspec

from scheduler.instances.instance import Instance, Objective

WEIGHTS: Final = ((20, 4), (60, 2), (20, 1))
"""How many jobs in a hundred have which weight; the first jobs are the heaviest."""


def with_due_dates(instance: Instance, *, tenths: int) -> Instance:
    """The same shop, to be planned for little weighted tardiness.

    Args:
        instance: the shop; releases stay.
        tenths: a job is due after its release plus its work (the means of its alternatives) times
            this, in tenths: 13 is tight, 16 is loose.
    """
    count = len(instance.jobs)
    jobs = []
    for number, job in enumerate(instance.jobs):
        work = sum(
            sum(way.duration for way in task.alternatives) // len(task.alternatives)
            for task in job.operations
        )
        jobs.append(
            msgspec.structs.replace(
                job, due=job.release + work * tenths // 10, weight=_weight(number, count)
            )
        )
    return msgspec.structs.replace(instance, jobs=tuple(jobs), objective=Objective.TARDINESS)


def _weight(number: int, count: int) -> int:
    up_to = 0
    for percent, weight in WEIGHTS:
        up_to += percent
        if number * 100 < count * up_to:
            return weight
    return WEIGHTS[-1][1]
