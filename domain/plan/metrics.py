"""How good a plan is: the policy's objective and the figures people read.

Tardiness counts jobs at the end of their last operation. Stability counts operations of the plan in
force that have not started: one that runs is a fact, not a decision (Wu, Storer & Chang 1993 call
the two sides efficiency and stability).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from domain.plan.plan import Assignment, Metrics, Plan
from domain.plan.policy import Criterion, summed
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
        resequenced: operations behind another one than before, of those on the same machine.
        imbalance: the busiest machine's work less the machines' average, set-ups included.
        displaced: Σ of what jobs end later than a rush order may make them.
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
    resequenced: int = 0
    imbalance: int = 0
    displaced: int = 0


def metrics(problem: Problem, plan: Plan) -> Metrics:
    """The plan's figures; times are minutes, rounded."""
    return metrics_of(problem, totals(problem, plan))


def metrics_of(problem: Problem, exact: Totals) -> Metrics:
    """The figures of a plan with these totals."""
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
        resequenced=exact.resequenced,
        imbalance=_minutes(exact.imbalance),
        displaced=_minutes(exact.displaced),
    )


def cost(problem: Problem, plan: Plan) -> int:
    """The policy's objective for this plan, rounded once; see `domain.plan.policy.Policy`."""
    return _cost(
        problem, _totals(problem, plan, sequence=bool(summed(problem.policy).resequencing))
    )


def ranking(problem: Problem, plan: Plan) -> tuple[int, ...]:
    """What plans are compared by, the lowest first: the cost, or what the policy orders, in order.

    With an order, criteria are exact (milliseconds and counts), and the cost breaks ties. What a
    rush order may not displace comes before all of them.
    """
    if not problem.policy.order:
        return (cost(problem, plan),)
    return ranking_of(problem, totals(problem, plan))


def ranking_of(problem: Problem, exact: Totals) -> tuple[int, ...]:
    """What plans with these totals are compared by."""
    order = problem.policy.order
    if not order:
        return (_cost(problem, exact),)
    ordered = (_value(problem, exact, each) for each in order)
    return exact.displaced, *ordered, _cost(problem, exact)


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
    return _totals(problem, plan, sequence=True)


def _totals(problem: Problem, plan: Plan, *, sequence: bool) -> Totals:
    """The figures; who is behind whom is left at 0 where nobody asks for it."""
    ends = job_ends(problem, plan)
    weighted = tardiness = most = late = displaced = 0
    for job in problem.jobs:
        end = ends.get(job.id)
        if end is not None and job.keep_by_ms is not None:
            displaced += max(end - job.keep_by_ms, 0)
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
    setup, loads = _setup(problem, plan, running)
    return Totals(
        weighted_tardiness=weighted,
        tardiness=tardiness,
        most_tardy=most,
        tardy_jobs=late,
        end=max(ends.values(), default=problem.now_ms),
        setup=setup,
        reassigned=reassigned,
        moved=moved,
        shifted=shifted,
        beyond=beyond,
        resequenced=_resequenced(problem, plan, running) if sequence else 0,
        imbalance=max(loads) - sum(loads) // len(loads) if loads else 0,
        displaced=displaced,
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


def _setup(problem: Problem, plan: Plan, running: set[int]) -> tuple[int, Sequence[int]]:
    """Σ set-up of all machines, by the set-up rule, and each machine's work with its set-ups.

    Running operations are set up. What shares an oven is set up, and worked on, once.
    """
    setups = Setups(problem.setups)
    families = {machine.id: machine.family for machine in problem.machines}
    ovens = {machine.id for machine in problem.machines if machine.batch_units is not None}
    operations = {operation.id: operation for operation in problem.operations}
    loads = dict.fromkeys(families, 0)
    total = longest_setup = longest = 0
    first: Assignment | None = None
    before: str | None = None
    for assignment in in_sequence(plan.assignments, running):
        machine = assignment.machine
        operation = operations[assignment.operation]
        setup = work = 0
        for mode in operation.modes:
            if mode.machine == machine:
                setup, work = mode.setup_ms, mode.duration_ms
        if first is None or machine not in ovens or not _together(first, assignment):
            first, before = assignment, families[machine]
            longest_setup = longest = 0
        if assignment.operation in running:
            setup = 0
        else:
            setup = setups.ms(machine, before, operation.family, setup)
        # Of a batch only what exceeds the others' counts.
        setup, longest_setup = max(setup - longest_setup, 0), max(setup, longest_setup)
        work, longest = max(work - longest, 0), max(work, longest)
        total += setup
        loads[machine] += setup + work
        families[machine] = operation.family
    return total, list(loads.values())


def _together(one: Assignment, other: Assignment) -> bool:
    """Whether two operations of an oven are one batch."""
    return (
        one.machine == other.machine
        and one.setup_start_ms == other.setup_start_ms
        and one.start_ms == other.start_ms
        and one.end_ms == other.end_ms
    )


def _resequenced(problem: Problem, plan: Plan, running: set[int]) -> int:
    """How many operations are behind another one than before, of those that stayed there."""
    stayed = [
        each
        for each in in_sequence(plan.assignments, running)
        if (before := problem.baseline.get(each.operation)) is not None
        and before.machine == each.machine
    ]
    as_planned = sorted(
        stayed,
        key=lambda each: (
            each.machine,
            each.operation not in running,
            problem.baseline[each.operation].start_ms,
            each.end_ms,
        ),
    )
    return len(_follows(stayed) - _follows(as_planned))


def _follows(lane: Sequence[Assignment]) -> set[tuple[int, int]]:
    """Who is behind whom on a machine."""
    return {
        (one.operation, other.operation)
        for one, other in pairwise(lane)
        if one.machine == other.machine
    }


def _value(problem: Problem, exact: Totals, criterion: Criterion) -> int:
    """A criterion's value; times are milliseconds."""
    return {
        Criterion.TARDINESS: exact.weighted_tardiness,
        Criterion.MAKESPAN: exact.end - problem.now_ms,
        Criterion.SETUP: exact.setup,
        Criterion.BALANCE: exact.imbalance,
        Criterion.REASSIGNMENT: exact.reassigned,
        Criterion.RESEQUENCING: exact.resequenced,
        Criterion.MOVE: exact.beyond,
    }[criterion]


def _cost(problem: Problem, exact: Totals) -> int:
    policy = summed(problem.policy)
    timed = (
        policy.tardiness * exact.weighted_tardiness
        + policy.setup * exact.setup
        + policy.move * exact.beyond
        + policy.makespan * (exact.end - problem.now_ms)
        + policy.balance * exact.imbalance
        + policy.displaced * exact.displaced
    )
    counted = policy.reassignment * exact.reassigned + policy.resequencing * exact.resequenced
    return _minutes(timed) + counted


def _minutes(ms: int) -> int:
    """Whole minutes, halves up."""
    return (ms + MINUTE_MS // 2) // MINUTE_MS
