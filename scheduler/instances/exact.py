"""CP-SAT on an instance: proofs and bounds, and better schedules where the search has come to rest.

The model says everything: alternatives share the operation's start and have optional intervals,
`end = start + Σ duration·literal`; set-ups are circuits. What the search has found is a complete
hint, and nothing that is not better is asked for. The search's schedule stays outside: whatever
becomes of the hint, nothing is lost.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Any, Final, NamedTuple

from ortools.sat.python import cp_model

from scheduler.instances.bounds import horizon_of
from scheduler.instances.instance import Instance, Objective, Piece, Schedule

_ROUNDING: Final = 1e-6


class Proof(NamedTuple):
    """What the solver can tell.

    Attributes:
        schedule: a schedule, if it has found one (a better one, if there was a hint).
        bound: no schedule is better.
        optimal: whether that is its value, or the hint's.
    """

    schedule: Schedule | None
    bound: int
    optimal: bool


class _Model:
    """The variables of one instance."""

    def __init__(self, instance: Instance, horizon: int) -> None:
        self.instance = instance
        self.model = cp_model.CpModel()
        self.horizon = horizon
        self.starts: dict[tuple[int, int], Any] = {}
        self.ends: dict[tuple[int, int], Any] = {}
        self.literals: dict[tuple[int, int, int], Any] = {}
        self.arcs: dict[tuple[int, int, int], Any] = {}
        self.late: dict[int, Any] = {}
        self.makespan: Any = None
        self._lanes: list[list[tuple[int, int]]] = [[] for _ in range(instance.machines)]
        self._intervals: list[list[Any]] = [[] for _ in range(instance.machines)]
        for number in range(len(instance.jobs)):
            self._job(number)
        for machine, intervals in enumerate(self._intervals):
            self.model.add_no_overlap(intervals)
            if instance.setups:
                self._circuit(machine)
        self._objective()

    def _job(self, number: int) -> None:
        model, job = self.model, self.instance.jobs[number]
        for at, task in enumerate(job.operations):
            key = (number, at)
            start = model.new_int_var(job.release, self.horizon, "")
            ways = task.alternatives
            if len(ways) == 1:
                literals = [model.new_constant(1)]
                end = start + ways[0].duration
                self._intervals[ways[0].machine].append(
                    model.new_fixed_size_interval_var(start, ways[0].duration, "")
                )
            else:
                literals = [model.new_bool_var("") for _ in ways]
                model.add_exactly_one(literals)
                end = start + sum(
                    way.duration * literal for way, literal in zip(ways, literals, strict=True)
                )
                for way, literal in zip(ways, literals, strict=True):
                    self._intervals[way.machine].append(
                        model.new_optional_fixed_size_interval_var(start, way.duration, literal, "")
                    )
            for way, literal in zip(ways, literals, strict=True):
                self.literals[(*key, way.machine)] = literal
                self._lanes[way.machine].append(key)
            self.starts[key], self.ends[key] = start, end
        for at in range(len(job.operations)):
            for before in self.instance.before(number, at):
                model.add(self.starts[number, at] >= self.ends[number, before])

    def _circuit(self, machine: int) -> None:
        """Who follows whom on a machine, with the set-up between them; 0 is before and after."""
        model, families = self.model, self.instance.families()
        lane = self._lanes[machine]
        setups = self.instance.setups[machine]
        arcs: list[tuple[int, int, Any]] = []
        none = model.new_bool_var("")
        arcs.append((0, 0, none))
        self.arcs[machine, -1, -1] = none
        for index, (job, at) in enumerate(lane):
            here = self.literals[job, at, machine]
            arcs.append((index + 1, index + 1, here.negated()))
            for low, high in ((0, index + 1), (index + 1, 0)):
                literal = model.new_bool_var("")
                arcs.append((low, high, literal))
                self.arcs[machine, low - 1, high - 1] = literal
                model.add_implication(literal, here)
                if low == 0 and self.instance.initial:
                    ready = self.instance.initial[machine][families[job][at]]
                    model.add(self.starts[job, at] >= ready).only_enforce_if(literal)
            model.add_implication(here, none.negated())
            lasts = next(
                way.duration
                for way in self.instance.jobs[job].operations[at].alternatives
                if way.machine == machine
            )
            for other_index, (other_job, other_at) in enumerate(lane):
                if other_index == index:
                    continue
                literal = model.new_bool_var("")
                arcs.append((index + 1, other_index + 1, literal))
                self.arcs[machine, index, other_index] = literal
                setup = setups[families[job][at]][families[other_job][other_at]]
                model.add(
                    self.starts[other_job, other_at] >= self.starts[job, at] + lasts + setup
                ).only_enforce_if(literal)
        model.add_circuit(arcs)

    def _objective(self) -> None:
        model, instance = self.model, self.instance
        if instance.objective is Objective.MAKESPAN:
            self.makespan = model.new_int_var(0, self.horizon, "")
            for end in self.ends.values():
                model.add(self.makespan >= end)
            model.minimize(self.makespan)
            return
        terms = []
        for number, job in enumerate(instance.jobs):
            if job.due is None:
                continue
            late = model.new_int_var(0, self.horizon, "")
            self.late[number] = late
            for at in range(len(job.operations)):
                model.add(late >= self.ends[number, at] - job.due)
            terms.append(job.weight * late)
        model.minimize(sum(terms))

    def hint(self, schedule: Schedule, value: int) -> None:
        """Tell the solver a schedule, every variable of it."""
        model, instance = self.model, self.instance
        ends: dict[int, int] = {}
        lanes: dict[int, list[Piece]] = {}
        for piece in schedule:
            model.add_hint(self.starts[piece.job, piece.operation], piece.start)
            ends[piece.job] = max(ends.get(piece.job, 0), piece.end)
            lanes.setdefault(piece.machine, []).append(piece)
            ways = instance.jobs[piece.job].operations[piece.operation].alternatives
            for way in ways if len(ways) > 1 else ():
                literal = self.literals[piece.job, piece.operation, way.machine]
                model.add_hint(literal, int(way.machine == piece.machine))
        if self.makespan is not None:
            model.add_hint(self.makespan, value)
        for number, late in self.late.items():
            due = instance.jobs[number].due
            model.add_hint(late, max(0, ends[number] - (due or 0)))
        self._hint_arcs(lanes)

    def _hint_arcs(self, lanes: dict[int, list[Piece]]) -> None:
        true: set[tuple[int, int, int]] = set()
        if not self.instance.setups:
            return
        for machine, lane in enumerate(self._lanes):
            index = {key: at for at, key in enumerate(lane)}
            pieces = sorted(lanes.get(machine, []), key=lambda each: (each.end, each.start))
            way = [-1, *(index[piece.job, piece.operation] for piece in pieces), -1]
            true |= {(machine, low, high) for low, high in pairwise(way)}
        for arc, literal in self.arcs.items():
            self.model.add_hint(literal, int(arc in true))

    def schedule(self, solver: cp_model.CpSolver) -> Schedule:
        """What the solver found."""
        pieces = []
        for (job, at), start in self.starts.items():
            for way in self.instance.jobs[job].operations[at].alternatives:
                if solver.boolean_value(self.literals[job, at, way.machine]):
                    begin = solver.value(start)
                    pieces.append(Piece(job, at, way.machine, begin, begin + way.duration))
        turns = self._turns(solver)
        return tuple(
            sorted(pieces, key=lambda each: (each.start, turns.get((each.job, each.operation), 0)))
        )

    def _turns(self, solver: cp_model.CpSolver) -> dict[tuple[int, int], int]:
        """Each operation's turn on its machine, as the circuits tell it."""
        after = {
            (machine, low): high
            for (machine, low, high), literal in self.arcs.items()
            if solver.boolean_value(literal)
        }
        turns: dict[tuple[int, int], int] = {}
        for machine, lane in enumerate(self._lanes):
            current = after.get((machine, -1), -1)
            while current >= 0:
                turns[lane[current]] = len(turns)
                current = after[machine, current]
        return turns


def prove(
    instance: Instance,
    *,
    limit_s: float,
    seed: int,
    workers: int,
    incumbent: Schedule | None = None,
    value: int | None = None,
    bound: int = 0,
) -> Proof:
    """Search with CP-SAT until the time is over.

    Args:
        instance: the shop.
        limit_s: how long, model included in what the caller has to spare.
        seed: of the solver; several workers are not deterministic.
        workers: how many threads.
        incumbent: a schedule that is known.
        value: its value.
        bound: what is known to be a lower bound.
    """
    horizon = horizon_of(instance)
    if value is not None and instance.objective is Objective.MAKESPAN:
        horizon = value
    built = _Model(instance, horizon)
    if incumbent is not None and value is not None:
        built.hint(incumbent, value)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.01, limit_s)
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    status = solver.solve(built.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        told = 0 if status == cp_model.MODEL_INVALID else solver.best_objective_bound
        return Proof(None, max(bound, ceil(told - _ROUNDING)), optimal=False)
    told_bound = max(bound, ceil(solver.best_objective_bound - _ROUNDING))
    return Proof(built.schedule(solver), told_bound, optimal=status == cp_model.OPTIMAL)
