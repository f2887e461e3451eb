"""An improved plan, put in force while the floor has gone on."""

from __future__ import annotations

import msgspec
from scheduler_problems import MINUTE, Shop, at

from domain.plan.indexed import Indexed
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Plan, Solved
from domain.plan.policy import Policy
from domain.plan.problem import Pin, PinKind, Placed, Problem
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler.sequence import sequence_of
from scheduler.solve import improve
from scheduler.transfer import Transferred, transfer

POLICY = Policy(frozen_ms=0, move_tolerance_ms=0, reassignment=0, move=0)


def shop() -> Shop:
    """One machine, a long job that is planned first, and a short one: both are due at once."""
    made = Shop(policy=POLICY)
    made.job({1: 120}, due=0)
    made.job({1: 10}, due=10)
    made.baseline = {1: Placed(1, at(0)), 2: Placed(1, at(120))}
    return made


def solved(problem: Problem, plan: Plan) -> Solved:
    return Solved(
        plan=plan,
        metrics=metrics(problem, plan),
        late=late_jobs(problem, plan),
        method="right_shift",
        solve_ms=0,
    )


def plans_of(problem: Problem) -> tuple[Plan, Solved]:
    """The first plan, which is right-shift's, and a better one."""
    first = solved(problem, right_shift(problem))
    better = improve(problem, first, limit_ms=10_000)
    assert better.metrics.cost < first.metrics.cost
    return first.plan, better


def later(problem: Problem, first: Plan, *, minutes: float) -> Problem:
    """The problem when the first plan is in force, a little later."""
    return msgspec.structs.replace(
        problem,
        now_ms=problem.now_ms + round(minutes * MINUTE),
        baseline={
            each.operation: Placed(each.machine, each.start_ms) for each in first.assignments
        },
    )


def transferred(problem: Problem, now: Problem, first: Plan, better: Solved) -> Transferred | None:
    return transfer(now, better=better, first=first, baseline=problem.baseline)


class TestTransfer:
    def test_it_is_decoded_as_of_now(self) -> None:
        problem = shop().problem()
        first, better = plans_of(problem)
        now = later(problem, first, minutes=1)
        found = transferred(problem, now, first, better)
        assert found is not None
        assert not violations(now, found.solved.plan)
        assert sequence_of(Indexed(now), found.solved.plan.assignments) == [(2, 1), (1, 1)]
        assert min(each.start_ms for each in found.solved.plan.assignments) == at(1)
        assert found.solved.metrics == metrics(now, found.solved.plan)
        assert found.waiting == metrics(now, right_shift(now))

    def test_what_has_started_meanwhile_stays_first(self) -> None:
        made = shop()
        problem = made.problem()
        first, better = plans_of(problem)
        made.change(1, pin=Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(0)))
        now = later(made.problem(), first, minutes=1)
        # The long job runs: the order that was better is not to be had any more.
        assert transferred(problem, now, first, better) is None

    def test_work_that_it_does_not_know_ends_it(self) -> None:
        made = shop()
        problem = made.problem()
        first, better = plans_of(problem)
        made.job({1: 5}, due=None)
        assert transferred(problem, later(made.problem(), first, minutes=1), first, better) is None

    def test_work_that_is_over_is_left_out(self) -> None:
        made = shop()
        made.job({2: 5}, due=None)
        problem = made.problem()
        first, better = plans_of(problem)
        done = msgspec.structs.replace(
            problem, operations=problem.operations[:2], jobs=problem.jobs[:2]
        )
        found = transferred(problem, later(done, first, minutes=1), first, better)
        assert found is not None
        assert {each.operation for each in found.solved.plan.assignments} == {1, 2}
