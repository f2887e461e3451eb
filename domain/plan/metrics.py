"""How good a plan is: the policy's objective and the figures people read.

Tardiness counts jobs at the end of their last operation. Stability counts operations of the plan in
force that have not started: one that runs is a fact, not a decision (Wu, Storer & Chang 1993 call
the two sides efficiency and stability).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.plan.plan import Assignment, Metrics, Plan
from domain.plan.problem import PinKind, Problem
from domain.plan.setups import Setups

MINUTE_MS = 60_000


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What the objective weighs, exactly. Milliseconds, but for the counts.

    Attributes:
        weighted_tardiness, tardiness, most_tardy: over jobs.
        tardy_jobs: how many jobs are late.
        end: the last end; the problem's now if nothing is planned.
        setup: Σ set-up.
        reassigned: operations on another machine than before.
        moved: operations that start earlier or later than before by more than the tolerance.
        shifted: Σ |start - start before|.
        beyond: the same, of each only what exceeds the tolerance.
    """

    weighted_tardiness: int
    tardiness: int
    most_tardy: int
    tardy_jobs: int
    end: int
    setup: int
    reassigned: int
    moved: int
    shifted: int
    beyond: int


def metrics(problem: Problem, plan: Plan) -> Metrics:
    """The plan's figures; times are minutes, rounded."""
    exact = totals(problem, plan)
    return Metrics(
        cost=_cost(problem, exact),
        weighted_tardiness=_minutes(exact.weighted_tardiness),
        tardiness=_minutes(exact.tardiness),
        tardy_jobs=exact.tardy_jobs,
        most_tardy=_minutes(exact.most_tardy),
        makespan=_minutes(exact.end - problem.now_ms),
        setup=_minutes(exact.setup),
        reassigned=exact.reassigned,
        moved=exact.moved,
        shifted=_minutes(exact.shifted),
    )


def cost(problem: Problem, plan: Plan) -> int:
    """The policy's objective for this plan, rounded once; see `domain.plan.policy.Policy`."""
    return _cost(problem, totals(problem, plan))


def job_ends(problem: Problem, plan: Plan) -> dict[int, int]:
    """When each job's last operation ends."""
    job_of = {operation.id: operation.job for operation in problem.operations}
    ends: dict[int, int] = {}
    for assignment in plan.assignments:
        job = job_of[assignment.operation]
        if assignment.end_ms > ends.get(job, 0):
            ends[job] = assignment.end_ms
    return ends


def totals(problem: Problem, plan: Plan) -> Totals:
    """The exact figures behind `metrics` and `cost`."""
    ends = job_ends(problem, plan)
    weighted = tardiness = most = late = 0
    for job in problem.jobs:
        end = ends.get(job.id)
        if end is None or job.due_ms is None or end <= job.due_ms:
            continue
        by = end - job.due_ms
        late += 1
        tardiness += by
        weighted += job.weight * by
        most = max(most, by)
    reassigned = moved = shifted = beyond = 0
    tolerance = problem.policy.move_tolerance_ms
    running = _running(problem)
    for assignment in plan.assignments:
        before = problem.baseline.get(assignment.operation)
        if before is None or assignment.operation in running:
            continue
        reassigned += assignment.machine != before.machine
        by = abs(assignment.start_ms - before.start_ms)
        shifted += by
        if by > tolerance:
            moved += 1
            beyond += by - tolerance
    return Totals(
        weighted_tardiness=weighted,
        tardiness=tardiness,
        most_tardy=most,
        tardy_jobs=late,
        end=max(ends.values(), default=problem.now_ms),
        setup=_setup(problem, plan, running),
        reassigned=reassigned,
        moved=moved,
        shifted=shifted,
        beyond=beyond,
    )


def in_sequence(assignments: Iterable[Assignment], running: set[int]) -> list[Assignment]:
    """One or more machines' assignments, by machine, in the order the machine works on them."""
    return sorted(
        assignments,
        key=lambda each: (
            each.machine,
            each.operation not in running,
            each.end_ms,
            each.start_ms,
        ),
    )


def _running(problem: Problem) -> set[int]:
    return {
        operation.id
        for operation in problem.operations
        if operation.pin is not None and operation.pin.kind is PinKind.RUNNING
    }


def _setup(problem: Problem, plan: Plan, running: set[int]) -> int:
    """Σ set-up of all machines, by the set-up rule; running operations are set up."""
    setups = Setups(problem.setups)
    families = {machine.id: machine.family for machine in problem.machines}
    operations = {operation.id: operation for operation in problem.operations}
    total = 0
    for assignment in in_sequence(plan.assignments, running):
        machine = assignment.machine
        operation = operations[assignment.operation]
        if assignment.operation not in running:
            mode_setup = next(
                (mode.setup_ms for mode in operation.modes if mode.machine == machine), 0
            )
            total += setups.ms(machine, families[machine], operation.family, mode_setup)
        families[machine] = operation.family
    return total


def _cost(problem: Problem, exact: Totals) -> int:
    policy = problem.policy
    timed = (
        policy.tardiness * exact.weighted_tardiness
        + policy.setup * exact.setup
        + policy.move * exact.beyond
    )
    return _minutes(timed) + policy.reassignment * exact.reassigned


def _minutes(ms: int) -> int:
    """Whole minutes, halves up."""
    return (ms + MINUTE_MS // 2) // MINUTE_MS
