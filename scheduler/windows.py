"""Which operations a window lets move: a late job's, and those around them.

A job is late because of what is before its operations, on their machines or in the job, and because
of what keeps the other machines that could do them. So a window grows from a job's operations along
these neighbours until it is full. The others stand; jobs take turns.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from domain.plan.indexed import FREE, Indexed
from domain.plan.metrics import job_ends
from domain.plan.plan import Assignment, Plan


class Windows:
    """The windows of one plan.

    Args:
        indexed: the problem.
        plan: the plan in hand.
        size: how many operations a window holds at most.
    """

    def __init__(self, indexed: Indexed, plan: Plan, *, size: int) -> None:
        self._indexed = indexed
        self._size = size
        self._at = [plan.assignments[0]] * len(indexed.operations) if plan.assignments else []
        self._lanes: dict[int, list[int]] = defaultdict(list)
        for assignment in sorted(plan.assignments, key=lambda each: (each.end_ms, each.start_ms)):
            index = indexed.operation_at[assignment.operation]
            self._at[index] = assignment
            self._lanes[indexed.machine_at[assignment.machine]].append(index)
        self._place = {
            index: place for lane in self._lanes.values() for place, index in enumerate(lane)
        }
        self._members: dict[int, list[int]] = defaultdict(list)
        for index, operation in enumerate(indexed.operations):
            self._members[operation.job].append(index)
        self._ends = job_ends(indexed.problem, plan)

    def around(self, jobs: int) -> Iterator[frozenset[int]]:
        """The windows around the costliest jobs, at most so many; ids of operations."""
        for job in self._costliest()[:jobs]:
            window = self._grown(self._members[job])
            if len(window) > 1:
                yield window

    def _costliest(self) -> list[int]:
        """Jobs by what they add to the objective, and left out when that is nothing."""
        indexed, policy = self._indexed, self._indexed.policy
        costs: dict[int, int] = defaultdict(int)
        for job in indexed.problem.jobs:
            end = self._ends.get(job.id)
            if end is not None and job.due_ms is not None and end > job.due_ms:
                costs[job.id] += policy.tardiness * job.weight * (end - job.due_ms)
        for index, operation in enumerate(indexed.operations):
            base = indexed.base_start[index]
            if base is not None and indexed.ranks[index] == FREE:
                beyond = abs(self._at[index].start_ms - base) - policy.move_tolerance_ms
                costs[operation.job] += policy.move * max(0, beyond)
            placed = self._at[index]
            costs[operation.job] += policy.setup * (placed.start_ms - placed.setup_start_ms)
        return sorted((job for job, cost in costs.items() if cost), key=lambda job: -costs[job])

    def _grown(self, seeds: list[int]) -> frozenset[int]:
        indexed = self._indexed
        queue = deque(seeds)
        seen = set(seeds)
        window: list[int] = []
        while queue and len(window) < self._size:
            index = queue.popleft()
            if indexed.ranks[index] == FREE:
                window.append(index)
            for neighbour in self._neighbours(index):
                if neighbour not in seen:
                    seen.add(neighbour)
                    queue.append(neighbour)
        return frozenset(indexed.operations[index].id for index in window)

    def _neighbours(self, index: int) -> Iterator[int]:
        """Before and after on the machine, in the job, and at the time on other machines."""
        indexed = self._indexed
        here = indexed.machine_at[self._at[index].machine]
        lane, place = self._lanes[here], self._place[index]
        yield from reversed(lane[max(0, place - 2) : place])
        yield from (before for before, _ in indexed.after[index])
        yield from lane[place + 1 : place + 2]
        yield from indexed.followers[index]
        for machine, _, _ in indexed.modes[index]:
            if machine != here:
                yield from self._meanwhile(machine, self._at[index])

    def _meanwhile(self, machine: int, placed: Assignment) -> Iterator[int]:
        """What another machine does at the same time."""
        for index in self._lanes[machine]:
            other = self._at[index]
            if other.end_ms > placed.setup_start_ms and other.start_ms < placed.end_ms:
                yield index
