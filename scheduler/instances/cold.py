"""The disturbed shop as one CP-SAT model without a hint: what rescheduling from nothing comes to.

It knows what `scheduler.replanning` makes: alternatives, precedence, frozen work, a machine that is
down from now on, tardiness, reassignments and moved starts. Minutes.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Final

from ortools.sat.python import cp_model

from domain.plan.decoder import decode
from domain.plan.indexed import FROZEN, Indexed
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from scheduler.sequence import sequence

MINUTE: Final = 60_000
WORKERS: Final = 2


class _FirstSeen(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped in ortools
    """Notes when the first solution came, and what it cost."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.perf_counter()
        self.seconds: float | None = None

    def on_solution_callback(self) -> None:
        if self.seconds is None:
            self.seconds = time.perf_counter() - self.began


class ColdModel:
    """A model of the whole shop.

    Attributes:
        first_s: when the first solution came, after solving; None if none did.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.indexed = Indexed(problem)
        self.first_s: float | None = None
        self._model = cp_model.CpModel()
        work = sum(max(mode[1] for mode in modes) for modes in self.indexed.modes)
        self._horizon = work // MINUTE // max(1, len(problem.machines)) * 4 + 1_000
        count = len(self.indexed.operations)
        self._start = [self._model.new_int_var(0, self._horizon, "") for _ in range(count)]
        self._end: list[cp_model.LinearExprT] = []
        self._chosen: list[list[cp_model.IntVar]] = []
        self._build()

    def solve(self, *, limit_s: float, seed: int) -> Plan | None:
        """The plan found within the time, as the decoder times it; None if there is none."""
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = limit_s
        solver.parameters.num_workers = WORKERS
        solver.parameters.random_seed = seed
        seen = _FirstSeen()
        status = solver.solve(self._model, seen)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        self.first_s = seen.seconds
        indexed = self.indexed
        ids = [each.id for each in indexed.operations]
        starts = {id_: solver.value(at) for id_, at in zip(ids, self._start, strict=True)}
        machines = {}
        for index, literals in enumerate(self._chosen):
            mode = next(at for at, each in enumerate(literals) if solver.value(each))
            machines[ids[index]] = indexed.machines[indexed.modes[index][mode][0]].id
        order = sequence(indexed, starts, machines)
        held = {id_: self.problem.now_ms + start * MINUTE for id_, start in starts.items()}
        return decode(self.problem, order, not_before=held, indexed=indexed)

    def _build(self) -> None:
        model, indexed = self._model, self.indexed
        lanes: list[list[cp_model.IntervalVar]] = [[] for _ in indexed.machines]
        for index, modes in enumerate(indexed.modes):
            literals = [model.new_bool_var("") for _ in modes]
            model.add_exactly_one(literals)
            self._chosen.append(literals)
            end = model.new_int_var(0, self._horizon, "")
            self._end.append(end)
            lasts = sum(mode[1] // MINUTE * on for mode, on in zip(modes, literals, strict=True))
            model.add(end == self._start[index] + lasts)
            for (machine, duration, _), literal in zip(modes, literals, strict=True):
                lanes[machine].append(
                    model.new_optional_interval_var(
                        self._start[index], duration // MINUTE, end, literal, ""
                    )
                )
        for machine, lane in enumerate(lanes):
            clock = indexed.clocks[machine]
            for start, finish in zip(clock.starts, clock.ends, strict=True):
                first, last = (start - indexed.now) // MINUTE, (finish - indexed.now) // MINUTE
                lane.append(model.new_fixed_size_interval_var(first, last - first, ""))
            model.add_no_overlap(lane)
        for index, before in enumerate(indexed.after):
            for ahead, lag_ms in before:
                model.add(self._start[index] >= self._end[ahead] + lag_ms // MINUTE)
        self._pin()
        model.minimize(self._cost())

    def _pin(self) -> None:
        """What is frozen keeps its order, comes first, and does not start earlier."""
        model, indexed = self._model, self.indexed
        for machine, chain in enumerate(indexed.chains):
            for one, other in pairwise(chain):
                model.add(self._start[other] >= self._end[one])
            for index, modes in enumerate(indexed.modes):
                for mode, literal in zip(modes, self._chosen[index], strict=True):
                    if chain and mode[0] == machine and index not in chain:
                        model.add(self._start[index] >= self._end[chain[-1]]).only_enforce_if(
                            literal
                        )
        for index, base in enumerate(indexed.base_start):
            if base is not None and indexed.ranks[index] == FROZEN:
                model.add(self._start[index] >= (base - indexed.now) // MINUTE)

    def _cost(self) -> cp_model.LinearExprT:
        model, indexed, policy = self._model, self.indexed, self.problem.policy
        ends: dict[int, list[cp_model.LinearExprT]] = {}
        for index, operation in enumerate(indexed.operations):
            ends.setdefault(operation.job, []).append(self._end[index])
        terms: list[cp_model.LinearExprT] = []
        for job in self.problem.jobs:
            if job.due_ms is None or job.id not in ends:
                continue
            late = model.new_int_var(0, 2 * self._horizon, "")
            for end in ends[job.id]:
                model.add(late >= end - (job.due_ms - indexed.now) // MINUTE)
            terms.append(policy.tardiness * job.weight * late)
        for index, base in enumerate(indexed.base_start):
            if base is None:
                continue
            moved = model.new_int_var(0, 2 * self._horizon, "")
            at = (base - indexed.now) // MINUTE
            model.add(moved >= self._start[index] - at)
            model.add(moved >= at - self._start[index])
            terms.append(policy.move * moved)
            for mode, literal in zip(indexed.modes[index], self._chosen[index], strict=True):
                if mode[0] != indexed.base_machine[index]:
                    terms.append(policy.reassignment * literal)
        return sum(terms)
