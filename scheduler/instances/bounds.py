"""What no schedule can be better than, at once.

A job cannot be shorter than its longest way with every operation at its shortest. A machine that
alone can do some operations cannot finish them earlier than if each, after its head, could be
interrupted at will (Jackson's preemptive schedule; Carlier & Pinson 1989). All machines together
cannot do more than one operation each at a time.
"""

from __future__ import annotations

from heapq import heappop, heappush

from scheduler.instances.instance import Instance, Objective


def lower_bound(instance: Instance) -> int:
    """A lower bound of the objective; set-ups are taken for nothing."""
    heads, lasts, tails = _ways(instance)
    if instance.objective is Objective.TARDINESS:
        return _tardiness(instance, heads, lasts)
    best = max(
        (head + length + tail for head, length, tail in zip(heads, lasts, tails, strict=True)),
        default=0,
    )
    lanes: list[list[int]] = [[] for _ in range(instance.machines)]
    index = 0
    for job in instance.jobs:
        for task in job.operations:
            if len(task.alternatives) == 1:
                lanes[task.alternatives[0].machine].append(index)
            index += 1
    for lane in lanes:
        if lane:
            best = max(best, preemptive([(heads[i], lasts[i], tails[i]) for i in lane]))
    used = {way.machine for job in instance.jobs for t in job.operations for way in t.alternatives}
    if lasts:
        work = min(heads) + min(tails) + -(-sum(lasts) // len(used))
        best = max(best, work)
    return best


def horizon_of(instance: Instance) -> int:
    """A time by which every schedule that is worth anything has ended."""
    setups = _longest_setups(instance)
    families = instance.families()
    total = max(job.release for job in instance.jobs)
    for job, row in zip(instance.jobs, families, strict=True):
        for task, family in zip(job.operations, row, strict=True):
            total += max(
                way.duration + setups.get((way.machine, family), 0) for way in task.alternatives
            )
    return total


def _longest_setups(instance: Instance) -> dict[tuple[int, int], int]:
    """The longest set-up before each family on each machine, of those that can come about."""
    found: dict[tuple[int, int], int] = {}
    if not instance.setups:
        return found
    can: list[set[int]] = [set() for _ in range(instance.machines)]
    for job, row in zip(instance.jobs, instance.families(), strict=True):
        for task, family in zip(job.operations, row, strict=True):
            for way in task.alternatives:
                can[way.machine].add(family)
    for machine, named in enumerate(can):
        rows = [instance.setups[machine][family] for family in named]
        if instance.initial:
            rows.append(instance.initial[machine])
        for family in named:
            found[machine, family] = max(row[family] for row in rows)
    return found


def preemptive(operations: list[tuple[int, int, int]]) -> int:
    """The shortest makespan of one machine that may interrupt what it does.

    Args:
        operations: head, duration and tail of each.
    """
    waiting = sorted(operations)
    ready: list[list[int]] = []
    now = longest = at = 0
    while at < len(waiting) or ready:
        if not ready:
            now = max(now, waiting[at][0])
        while at < len(waiting) and waiting[at][0] <= now:
            heappush(ready, [-waiting[at][2], waiting[at][1]])
            at += 1
        tail, left = ready[0]
        until = now + left
        if at < len(waiting) and waiting[at][0] < until:
            ready[0][1] = until - waiting[at][0]
            now = waiting[at][0]
            continue
        heappop(ready)
        now = until
        longest = max(longest, now - tail)
    return longest


def _ways(instance: Instance) -> tuple[list[int], list[int], list[int]]:
    """Head, shortest duration and tail of every operation, by the jobs alone."""
    heads: list[int] = []
    shortest: list[int] = []
    tails: list[int] = []
    for number, job in enumerate(instance.jobs):
        count = len(job.operations)
        lasts = [min(way.duration for way in task.alternatives) for task in job.operations]
        before = [instance.before(number, at) for at in range(count)]
        sequence = _sequence(before)
        head = [job.release] * count
        tail = [0] * count
        for at in sequence:
            for ahead in before[at]:
                head[at] = max(head[at], head[ahead] + lasts[ahead])
        for at in reversed(sequence):
            for ahead in before[at]:
                tail[ahead] = max(tail[ahead], lasts[at] + tail[at])
        heads += head
        shortest += lasts
        tails += tail
    return heads, shortest, tails


def _sequence(before: list[tuple[int, ...]]) -> list[int]:
    """The operations of a job, each behind what it waits for."""
    after: list[list[int]] = [[] for _ in before]
    waits = [len(each) for each in before]
    for at, each in enumerate(before):
        for ahead in each:
            after[ahead].append(at)
    sequence = [at for at, count in enumerate(waits) if not count]
    for at in sequence:
        for behind in after[at]:
            waits[behind] -= 1
            if not waits[behind]:
                sequence.append(behind)
    return sequence


def _tardiness(instance: Instance, heads: list[int], lasts: list[int]) -> int:
    """Every job as if it were alone."""
    total = index = 0
    for job in instance.jobs:
        count = len(job.operations)
        end = max(heads[i] + lasts[i] for i in range(index, index + count))
        if job.due is not None:
            total += job.weight * max(0, end - job.due)
        index += count
    return total
