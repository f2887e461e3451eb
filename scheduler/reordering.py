"""Local search by the decoder itself: whose turn it is earlier or later, and on which machine.

A solution is a priority per operation (first: its start in the plan in hand) and a machine. The
decoder, which knows people, tools and ovens, places operations by it, each as early as it can. Late
jobs are pulled forward, others let them pass, operations change machines; what is not much worse
than some tries before is gone on from (late acceptance: Burke & Bykov 2017). It is slow, a few
hundred tries a second in small shops, and for shops that the compiled search does not know.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.plan.decoder import decode
from domain.plan.indexed import FREE, Indexed, ProblemError
from domain.plan.metrics import job_ends, ranking
from domain.plan.plan import Plan
from domain.plan.validator import violations
from scheduler.sequence import CyclicError, sequence
from scheduler.stopping import Stop

_MEMORY: Final = 20
"""A try is gone on from if it ranks no worse than the one so many tries before."""
_PULLED: Final = 0.5
_PASSED: Final = 0.75
"""Up to these shares of the moves jobs are pulled forward and put back; the rest are machines."""
_WHOLE: Final = 0.5
"""The share of these moves that take a whole job; the others take the end of one."""


class _Solution(NamedTuple):
    """Priorities and machines by operation index."""

    turns: list[int]
    machines: list[int]


def reordered(
    indexed: Indexed,
    plan: Plan,
    *,
    limit_s: float,
    seed: int = 1,
    tries: int | None = None,
    stop: Stop | None = None,
) -> Plan:
    """A valid plan that ranks better, or the one given.

    Args:
        indexed: what is planned.
        plan: a valid plan of it.
        limit_s: how long.
        seed: with `tries` the answer depends on it alone.
        tries: how many plans are made; None for as many as the time allows.
        stop: who asks it to stop keeps what has been found.
    """
    began = time.perf_counter()
    search = _Reordering(indexed, plan, seed)
    made = 0
    while (tries is None or made < tries) and time.perf_counter() - began < limit_s:
        if not search.jobs or (stop is not None and stop.asked):
            break
        search.step()
        made += 1
    return search.best


class _Reordering:
    """One search: the solution in hand, and the best plan."""

    def __init__(self, indexed: Indexed, plan: Plan, seed: int) -> None:
        self.indexed = indexed
        self.problem = indexed.problem
        self.chance = random.Random(seed)  # noqa: S311 - a search, no secret
        self.jobs: dict[int, list[int]] = defaultdict(list)
        for index, operation in enumerate(indexed.operations):
            if indexed.ranks[index] == FREE:
                self.jobs[operation.job].append(index)
        self.best = plan
        self.rank = ranking(self.problem, plan)
        self.recent = deque([self.rank] * _MEMORY, maxlen=_MEMORY)
        self.solution = self._of(plan)
        self.late = self._lateness(plan)
        tolerance_ms = self.problem.policy.move_tolerance_ms
        self.anchors = {
            name: placed.start_ms - tolerance_ms for name, placed in self.problem.baseline.items()
        }

    def step(self) -> None:
        """Make a plan a little different, and go on from it if it is good enough."""
        changed, freed = self._changed()
        plan = self._plan(changed, freed)
        if plan is None:
            return
        rank = ranking(self.problem, plan)
        if rank <= self.recent[0]:
            self.solution = self._of(plan)
            self.late = self._lateness(plan)
        self.recent.append(min(rank, self.recent[0]))
        if rank < self.rank and not violations(self.problem, plan):
            self.best, self.rank = plan, rank

    def _plan(self, solution: _Solution, freed: Sequence[int]) -> Plan | None:
        """The plan of a solution; None if it has none. Only what is `freed` starts much earlier."""
        indexed = self.indexed
        names = [operation.id for operation in indexed.operations]
        earlier = set(freed)
        anchors = {
            name: min(self.anchors[name], solution.turns[index])
            for index, name in enumerate(names)
            if name in self.anchors and index not in earlier
        }
        try:
            order = sequence(
                indexed,
                dict(zip(names, solution.turns, strict=True)),
                {
                    name: indexed.machines[machine].id
                    for name, machine in zip(names, solution.machines, strict=True)
                },
            )
            return decode(self.problem, order, not_before=anchors, indexed=indexed)
        except (CyclicError, ProblemError):
            return None

    def _changed(self) -> tuple[_Solution, list[int]]:
        """A neighbour, and the operations that it means to start earlier."""
        turns, machines = self.solution.turns[:], self.solution.machines[:]
        kind = self.chance.random()
        if kind < _PULLED and self.late:
            job = self.chance.choices(list(self.late), list(self.late.values()))[0]
            by = -self._span()
        elif kind < _PASSED:
            job = self.chance.choice(list(self.jobs))
            by = self._span()
        else:
            index = self.chance.choice(self.jobs[self.chance.choice(list(self.jobs))])
            machines[index] = self.chance.choice(self.indexed.modes[index])[0]
            return _Solution(turns, machines), [index]
        members = self.jobs[job]
        if self.chance.random() >= _WHOLE:
            members = members[self.chance.randrange(len(members)) :]
        for index in members:
            turns[index] += by
        return _Solution(turns, machines), members if by < 0 else []

    def _span(self) -> int:
        """How far a job is moved: short ways more often than long ones."""
        turns = self.solution.turns
        whole = max(turns) - min(turns) + 1
        return round(whole * self.chance.random() ** 3) + 1

    def _of(self, plan: Plan) -> _Solution:
        indexed = self.indexed
        turns = [0] * len(indexed.operations)
        machines = [0] * len(indexed.operations)
        for each in plan.assignments:
            index = indexed.operation_at[each.operation]
            turns[index] = each.start_ms
            machines[index] = indexed.machine_at[each.machine]
        return _Solution(turns, machines)

    def _lateness(self, plan: Plan) -> dict[int, int]:
        """What each late job costs; jobs without free operations are left out."""
        policy, ends = self.indexed.policy, job_ends(self.problem, plan)
        costs: dict[int, int] = {}
        for job in self.problem.jobs:
            end = ends.get(job.id)
            if end is None or job.id not in self.jobs:
                continue
            cost = 0
            if job.due_ms is not None:
                cost += policy.tardiness * job.weight * max(0, end - job.due_ms)
            if job.keep_by_ms is not None:
                cost += policy.displaced * max(0, end - job.keep_by_ms)
            if cost:
                costs[job.id] = cost
        return costs
