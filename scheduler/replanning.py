"""A disturbed shop to measure rescheduling on, and the measurement.

Jobs with alternatives are planned, by rules and then by the search, as the planner does it when it
has time: a plan in force is tight. Then the busiest machine is down for four hours. What starts
within the hour is frozen, but for what waits on that machine.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from typing import Final

import msgspec

from domain.plan.metrics import metrics
from domain.plan.plan import Infeasible, Metrics, Plan
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
)
from domain.plan.validator import violations
from scheduler import cp_sat, kernel
from scheduler.instances.cold import ColdModel
from scheduler.repair import repaired
from scheduler.solve import First, first_plan, improve

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
NOW: Final = 1_700_000_040_000
DOWN_MS: Final = 4 * HOUR
LONG_S: Final = 3_600.0
_FIXED: Final = ("pin_moved", "started_moved", "frozen_overtaken", "frozen_early")
SHOPS: Final = {200: (10, 20), 1_000: (8, 50)}
"""Operations of a job, and machines, by the number of jobs."""
SPACE_MIN: Final = {"loose": 40, "tight": 35}
"""Minutes until jobs are due, for each operation of a machine; the last due dates are a tenth later
than that, and about 40 minutes are work. A loose shop is in time until something happens. A tight
one is behind before: of 200 jobs a tenth, of 1,000 more than half. The first is the default
(docs/measurements.md says why)."""
USUAL: Final = "loose"
CALM_MOVES: Final = 150
"""Moves for each operation of the plan in force, in each of two threads."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one method made of the disturbance.

    Attributes:
        method: `right_shift`, `first` (the best rule: greedy repair), `search` (the compiled search
            from there), `windows` (CP-SAT's windows from there), `cold` (CP-SAT from nothing).
        limit_s: how long it was given, first plan included; None where it takes what it takes.
        elapsed_s: since the disturbance, first plan included.
        first_s: when it had its first plan, judged; None if it had none. Why jobs are late is said
            of the plan that is stored, and is not in here.
        metrics: of its plan; None if it had none.
        mean_cost: over the whole time, of the best plan there was (the area under the improvement
            curve, by the time); None where it was not watched.
        of_first: its cost by that of the best rule (greedy repair); None if there is no plan.
        wrong: constraints the plan breaks.
        frozen: of those, what moved frozen or started work.
    """

    method: str
    limit_s: float | None = None
    elapsed_s: float
    first_s: float | None
    metrics: Metrics | None
    mean_cost: int | None = None
    of_first: float | None = None
    wrong: int
    frozen: int


class Replanned(msgspec.Struct, frozen=True, kw_only=True):
    """All methods on one shop, and the most memory that this took together.

    Attributes:
        calm_weighted_tardiness, calm_tardy_jobs: of the plan in force before anything happened, in
            minutes: what of the cost is no consequence of the disturbance.
        also: the same for another shop.
    """

    jobs: int
    operations: int
    machines: int
    shop: str
    seed: int
    memory_mib: int | None
    calm_weighted_tardiness: int
    calm_tardy_jobs: int
    results: tuple[Measured, ...]
    also: tuple[Replanned, ...] = ()


def disturbed(jobs: int, seed: int, *, shop: str = USUAL, moves: int = CALM_MOVES) -> Problem:
    """A shop whose busiest machine has just gone down.

    Args:
        jobs: how many; see SHOPS.
        seed: of shop and plan in force.
        shop: see SPACE_MIN.
        moves: how much the plan in force was worked on, for each operation.

    Raises:
        ValueError: it has no plan even undisturbed, which is a mistake in here.
    """
    chance = random.Random(seed)  # noqa: S311 - a benchmark, no secret
    length, machines = SHOPS[jobs]
    calm = _calm(jobs, length, machines, SPACE_MIN[shop], chance)
    planned = first_plan(calm, explain=False)
    if isinstance(planned, Infeasible):
        raise ValueError(  # noqa: TRY004 - of a wrong value, not type
            f"the undisturbed shop has no plan: {planned.conflicts}"
        )
    plan = planned.solved.plan
    if moves:
        tried = moves * len(calm.operations)
        plan = repaired(calm, plan, limit_s=LONG_S, seed=seed, moves=tried)
    placed = plan.assignments
    frozen_ms = NOW + HOUR
    broken = Counter(each.machine for each in placed).most_common(1)[0][0]
    turn = {
        each.operation: at
        for at, each in enumerate(sorted(placed, key=lambda each: (each.machine, each.start_ms)))
    }
    at = {each.operation: each for each in placed}
    operations = []
    for operation in calm.operations:
        where = at[operation.id]
        if where.start_ms < frozen_ms and where.machine != broken:
            pin = Pin(kind=PinKind.FROZEN, machine=where.machine, place=turn[operation.id])
            modes = tuple(mode for mode in operation.modes if mode.machine == where.machine)
            operations.append(msgspec.structs.replace(operation, modes=modes, pin=pin))
        else:
            operations.append(operation)
    return msgspec.structs.replace(
        calm,
        machines=tuple(
            msgspec.structs.replace(each, unavailable=(Interval(NOW, NOW + DOWN_MS),))
            if each.id == broken
            else each
            for each in calm.machines
        ),
        operations=tuple(operations),
        baseline={each.operation: Placed(each.machine, each.start_ms) for each in placed},
    )


def _calm(jobs: int, length: int, machines: int, space_min: int, chance: random.Random) -> Problem:
    """The shop before anything happens; about nine tenths of its time is taken."""
    operations: list[Operation] = []
    due: list[Job] = []
    span = jobs * length * space_min // machines
    for job in range(1, jobs + 1):
        work = 0
        for turn in range(length):
            lasts = chance.randint(10, 60)
            work += lasts
            named = chance.sample(range(1, machines + 1), chance.randint(1, 3))
            modes = tuple(
                Mode(machine, round(lasts * chance.uniform(1.0, 1.3)) * MINUTE) for machine in named
            )
            number = len(operations) + 1
            after = (Precedence(number - 1),) if turn else ()
            operations.append(Operation(id=number, job=job, modes=modes, after=after))
        end = NOW + round(work * 1.5 + chance.uniform(0.0, 1.1) * span) * MINUTE
        due.append(Job(id=job, due_ms=end, weight=chance.choice((1, 1, 2, 4))))
    return Problem(
        now_ms=NOW,
        machines=tuple(Machine(id=number) for number in range(1, machines + 1)),
        jobs=tuple(due),
        operations=tuple(operations),
        policy=Policy(tardiness=20, reassignment=40, move=1, setup=0, move_tolerance_ms=0),
    )


def replan(
    jobs: int,
    *,
    seed: int,
    limits_s: tuple[float, ...],
    shop: str = USUAL,
    peers: bool = True,
) -> Replanned:
    """Answer the disturbance with every method, each within the same time.

    Raises:
        ValueError: the disturbed shop has no plan.
    """
    problem = disturbed(jobs, seed, shop=shop)
    began = time.perf_counter()
    first = first_plan(problem, explain=False)
    first_s = time.perf_counter() - began
    if isinstance(first, Infeasible):
        raise ValueError(  # noqa: TRY004 - of a wrong value, not type
            f"the disturbed shop has no plan: {first.conflicts}"
        )
    found_s = first.solved.solve_ms / 1_000
    results = [
        _measured(problem, "right_shift", first_s, first.shifted, first_s=found_s),
        _measured(problem, "first", first_s, first.solved.plan, first_s=found_s),
    ]
    for limit_s in limits_s:
        results.append(_searched(problem, first, first_s=first_s, limit_s=limit_s, seed=seed))
        if peers:
            began = time.perf_counter()
            left_ms = round((limit_s - first_s) * 1_000)
            better = improve(problem, first.solved, limit_ms=left_ms, local=False, explain=False)
            spent_s = first_s + time.perf_counter() - began
            results.append(
                _measured(
                    problem, "windows", spent_s, better.plan, first_s=found_s, limit_s=limit_s
                )
            )
            results.append(_cold(problem, limit_s=limit_s, seed=seed))
    weighted, late = _calm_tardiness(problem)
    greedy = max(first.solved.metrics.cost, 1)
    return Replanned(
        jobs=jobs,
        operations=len(problem.operations),
        machines=len(problem.machines),
        shop=shop,
        seed=seed,
        memory_mib=peak_memory_mib(),
        calm_weighted_tardiness=weighted,
        calm_tardy_jobs=late,
        results=tuple(
            msgspec.structs.replace(each, of_first=round(each.metrics.cost / greedy, 3))
            if each.metrics is not None
            else each
            for each in results
        ),
    )


def _calm_tardiness(problem: Problem) -> tuple[int, int]:
    """The weighted tardiness of the plan in force as it was, in minutes, and its late jobs."""
    ends: dict[int, int] = {}
    for operation in problem.operations:
        placed = problem.baseline[operation.id]
        lasts = next(mode.duration_ms for mode in operation.modes if mode.machine == placed.machine)
        ends[operation.job] = max(ends.get(operation.job, 0), placed.start_ms + lasts)
    by = [(job.weight, max(0, ends[job.id] - (job.due_ms or ends[job.id]))) for job in problem.jobs]
    return sum(weight * late for weight, late in by) // MINUTE, sum(late > 0 for _, late in by)


def _searched(
    problem: Problem, first: First, *, first_s: float, limit_s: float, seed: int
) -> Measured:
    """What the search makes of the first plan in the time that is left."""
    curve: list[tuple[float, int]] = []
    began = time.perf_counter()
    found = repaired(
        problem,
        first.solved.plan,
        limit_s=limit_s - first_s,
        seed=seed,
        arrays=first.arrays,
        known=first.solved.metrics.cost,
        curve=curve,
    )
    spent_s = first_s + time.perf_counter() - began
    found_s = first.solved.solve_ms / 1_000
    told = _measured(problem, "search", spent_s, found, first_s=found_s, limit_s=limit_s)
    area, at, best = 0.0, first_s, first.solved.metrics.cost
    for moment, value in sorted(curve):
        area += best * (first_s + moment - at)
        at, best = first_s + moment, min(best, value)
    area += best * max(spent_s - at, 0.0)
    mean = round(area / max(spent_s - first_s, 1e-9))
    return msgspec.structs.replace(told, mean_cost=mean)


def _cold(problem: Problem, *, limit_s: float, seed: int) -> Measured:
    """What CP-SAT makes of it without any plan to begin with; building the model counts."""
    began = time.perf_counter()
    model = ColdModel(problem)
    built_s = time.perf_counter() - began
    plan = model.solve(limit_s=max(limit_s - built_s, 0.1), seed=seed)
    spent_s = time.perf_counter() - began
    first_s = None if model.first_s is None else built_s + model.first_s
    return _measured(problem, "cold", spent_s, plan, first_s=first_s, limit_s=limit_s)


def peak_memory_mib() -> int | None:
    """The most memory this process has held so far; None where nobody counts it."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


def warm_up() -> None:
    """Load or compile everything."""
    kernel.warm_up()
    cp_sat.warm_up()


def _measured(
    problem: Problem,
    method: str,
    elapsed_s: float,
    plan: Plan | None,
    *,
    first_s: float | None,
    limit_s: float | None = None,
) -> Measured:
    wrong = [] if plan is None else violations(problem, plan)
    return Measured(
        method=method,
        limit_s=limit_s,
        elapsed_s=round(elapsed_s, 3),
        first_s=None if first_s is None else round(first_s, 3),
        metrics=None if plan is None else metrics(problem, plan),
        wrong=len(wrong),
        frozen=sum(each.code in _FIXED for each in wrong),
    )
