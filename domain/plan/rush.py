"""The price of a rush order: who pays for it, and with what.

Work is put into the plan in force twice: into its gaps, where it hurts nobody, and before what the
policy lets it displace (`domain.plan.promising`). What the rest of the plan loses is the price.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from domain.plan.metrics import job_ends, totals
from domain.plan.plan import Plan
from domain.plan.problem import Operation, PinKind, Problem
from domain.plan.promising import Base, Wish, dates
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from domain.plan.what_if import without


class RushError(ValueError):
    """A price cannot be told.

    Attributes:
        code: `begun` (nothing of it is left that could be put elsewhere), `waited_for` (other work
            is made of it: that would have to move, too), `not_supported` (it takes more than gaps
            between operations: people, tools, ovens).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class LaterJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that ends later, by how much, how late it is then, and whether it was late before."""

    job: int
    by_ms: int
    late_ms: int
    was_late: bool


class RushPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a place in the plan costs.

    Attributes:
        end_ms: when the last of the work ends.
        later: whose work ends later, the most first.
        setup_ms: set-up added in all, the work's own included.
        tardiness_ms: Σ weight·tardiness added to others.
        cost: by how much the objective rises, the work's own tardiness aside.
        moved: operations of others that start at another time, or elsewhere.
        plan: everything together.
    """

    end_ms: int
    later: tuple[LaterJob, ...]
    setup_ms: int
    tardiness_ms: int
    cost: int
    moved: int
    plan: Plan


class RushPrices(msgspec.Struct, frozen=True, kw_only=True):
    """Both prices; `rushed` is None where displacing others is forbidden, or would gain nothing."""

    waiting: RushPrice
    rushed: RushPrice | None


def rush_prices(
    problem: Problem, jobs: Collection[int], *, due_ms: int | None, from_ms: int
) -> RushPrices:
    """What it costs to put some jobs before others.

    Args:
        problem: the jobs included, with the priority class that they are to have. What the plan in
            force has of them is taken out of it first.
        jobs: which ones.
        due_ms: when they are wanted; None: as early as possible.
        from_ms: nothing of them is set up or worked on before.

    Raises:
        RushError: it cannot be told.
        ProblemError: precedence and pins contradict each other, so that there is no plan.
    """
    problem = _undated(problem, jobs)
    own = [operation for operation in problem.operations if _is_own(operation, jobs)]
    if not own:
        raise RushError("begun")
    ids = {operation.id for operation in own}
    if any(
        link.operation in ids
        for operation in problem.operations
        if operation.id not in ids
        for link in operation.after
    ):
        raise RushError("waited_for")
    others = without(problem, ids)
    base = Base.of(others, right_shift(others))
    wish = Wish(
        problem=_with(problem, others, own),
        jobs=tuple(sorted(jobs)),
        from_ms=from_ms,
        fixed_until_ms=from_ms + problem.policy.frozen_ms,
        due_ms=due_ms,
    )
    found = dates(base, wish)
    if violations(wish.problem, found.free_plan):
        raise RushError("not_supported")
    waiting = _price(base, wish, found.free_plan)
    rushed = None
    if found.costly is not None and not violations(wish.problem, found.costly.plan):
        rushed = _price(base, wish, found.costly.plan)
    return RushPrices(waiting=waiting, rushed=rushed)


def _is_own(operation: Operation, jobs: Collection[int]) -> bool:
    running = operation.pin is not None and operation.pin.kind is PinKind.RUNNING
    return operation.job in jobs and not running


def _undated(problem: Problem, jobs: Collection[int]) -> Problem:
    """The problem without dates of the work itself: its tardiness is no price that others pay."""
    undated = tuple(
        msgspec.structs.replace(job, due_ms=None, keep_by_ms=None) if job.id in jobs else job
        for job in problem.jobs
    )
    return msgspec.structs.replace(problem, jobs=undated)


def _with(problem: Problem, others: Problem, own: list[Operation]) -> Problem:
    """The others with the work behind them: each operation behind what comes before it."""
    ordered: list[Operation] = []
    placed = {operation.id for operation in others.operations}
    waiting = own
    while waiting:
        ready = [each for each in waiting if all(one.operation in placed for one in each.after)]
        if not ready:
            raise RushError("waited_for")
        # Where it stood, and whatever kept it there, is what is asked about.
        ordered += [msgspec.structs.replace(each, pin=None) for each in ready]
        placed.update(each.id for each in ready)
        waiting = [each for each in waiting if each.id not in placed]
    operations = (*others.operations, *ordered)
    return msgspec.structs.replace(others, operations=operations, jobs=problem.jobs)


def _price(base: Base, wish: Wish, plan: Plan) -> RushPrice:
    """What a plan with the work costs those that were there before."""
    ends = job_ends(wish.problem, plan)
    dues = {job.id: job for job in base.problem.jobs}
    own = set(wish.jobs)
    later: list[LaterJob] = []
    tardiness_ms = 0
    for job, before in base.ends.items():
        if job in own:
            continue
        due_ms = dues[job].due_ms
        was = max(before - due_ms, 0) if due_ms is not None else 0
        late = max(ends[job] - due_ms, 0) if due_ms is not None else 0
        tardiness_ms += dues[job].weight * (late - was)
        if ends[job] > before:
            by_ms = ends[job] - before
            later.append(LaterJob(job=job, by_ms=by_ms, late_ms=late, was_late=was > 0))
    later.sort(key=lambda each: (-each.by_ms, each.job))
    before_it = {each.operation: each for each in base.plan.assignments}
    moved = sum(
        each.operation in before_it
        and (each.machine, each.start_ms)
        != (before_it[each.operation].machine, before_it[each.operation].start_ms)
        for each in plan.assignments
    )
    return RushPrice(
        end_ms=max(ends[job] for job in wish.jobs),
        later=tuple(later),
        setup_ms=totals(wish.problem, plan).setup - totals(base.problem, base.plan).setup,
        tardiness_ms=tardiness_ms,
        cost=Base.of(wish.problem, plan).cost - base.cost,
        moved=moved,
        plan=plan,
    )
