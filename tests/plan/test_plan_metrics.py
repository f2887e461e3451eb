"""A plan's figures, worked out by hand."""

from __future__ import annotations

import msgspec
import pytest
from plan_problems import MINUTE, NOW, at

from domain.plan.metrics import cost, metrics, ranking, totals
from domain.plan.plan import Assignment, Metrics, Plan
from domain.plan.policy import Criterion, Displacement, Policy, may_displace, summed
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Problem,
    SetupTime,
)


def _operation(identity: int, job: int, family: str, pin: Pin | None = None) -> Operation:
    modes = (Mode(1, 30 * MINUTE, 10 * MINUTE), Mode(2, 30 * MINUTE, 10 * MINUTE))
    return Operation(id=identity, job=job, modes=modes, family=family, pin=pin)


def _placed(operation: int, machine: int, setup: float, start: float, end: float) -> Assignment:
    return Assignment(
        operation=operation,
        machine=machine,
        setup_start_ms=at(setup),
        start_ms=at(start),
        end_ms=at(end),
    )


PROBLEM = Problem(
    now_ms=NOW,
    machines=(Machine(id=1, family="red"), Machine(id=2)),
    jobs=(
        Job(id=1, due_ms=at(60), weight=3),
        Job(id=2, due_ms=at(70), weight=2),
        Job(id=3, due_ms=at(500)),
        Job(id=4),
    ),
    operations=(
        _operation(11, 1, "red", Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-20))),
        _operation(12, 1, "blue"),
        _operation(21, 2, "blue"),
        _operation(31, 3, "red"),
        _operation(41, 4, "blue"),
    ),
    setups=(SetupTime(1, "red", "blue", 15 * MINUTE),),
    baseline={
        11: Placed(1, at(-60)),
        12: Placed(1, at(20)),
        21: Placed(1, at(55)),
        31: Placed(1, at(130)),
    },
    policy=Policy(tardiness=20, reassignment=40, move=1, setup=2, move_tolerance_ms=15 * MINUTE),
)
PLAN = Plan(
    (
        _placed(11, 1, -20, -20, 10),
        _placed(12, 1, 10, 25, 55),
        _placed(21, 1, 55, 55.5, 85.5),
        _placed(31, 2, 0, 100, 130),
        _placed(41, 2, 130, 140, 170),
    )
)


def test_figures_by_hand() -> None:
    # Job 1 ends at 55, in time. Job 2 ends at 85.5, 15.5 late, weight 2: 31.
    # Set-ups: 12 after red 15 (matrix); 21 after blue 0; 31 on a machine nobody knows 10; 41 after
    # red on machine 2, of which the matrix says nothing, 10: 35. The running one is set up.
    # 31 is reassigned, and starts 30 earlier: 15 beyond the tolerance. 12 is 5 later, 21 half a
    # minute. The running one, 40 later than planned, is a fact; 41 is new.
    # Machine 1 has 105 of work with its set-ups, machine 2 has 80: 12.5 more than the average.
    # Cost: 20·31 + 40·1 + 1·15 + 2·35 = 620 + 40 + 15 + 70.
    assert metrics(PROBLEM, PLAN) == Metrics(
        cost=745,
        weighted_tardiness=31,
        tardiness=16,
        tardy_jobs=1,
        most_tardy=16,
        makespan=170,
        setup=35,
        reassigned=1,
        moved=1,
        shifted=36,
        imbalance=13,
    )
    assert cost(PROBLEM, PLAN) == 745


def test_a_job_is_late_by_its_last_operation() -> None:
    late = tuple(
        _placed(12, 1, 10, 25, 80) if each.operation == 12 else each for each in PLAN.assignments
    )
    figures = metrics(PROBLEM, Plan(late))
    assert (figures.tardy_jobs, figures.most_tardy) == (2, 20)
    assert figures.weighted_tardiness == 3 * 20 + 31


def test_a_start_at_the_tolerance_has_not_moved() -> None:
    problem = msgspec.structs.replace(PROBLEM, baseline={31: Placed(2, at(115))})
    figures = metrics(problem, PLAN)
    assert (figures.moved, figures.shifted, figures.reassigned) == (0, 15, 0)


def test_the_figures_do_not_depend_on_the_plans_order() -> None:
    assert metrics(PROBLEM, Plan(PLAN.assignments[::-1])) == metrics(PROBLEM, PLAN)


def test_no_work_costs_nothing() -> None:
    empty = msgspec.structs.replace(PROBLEM, operations=(), jobs=(), baseline={})
    assert metrics(empty, Plan(())).cost == 0
    assert metrics(empty, Plan(())).makespan == 0


def test_a_job_that_ends_when_it_is_due_is_in_time() -> None:
    jobs = tuple(Job(id=job.id, due_ms=at(85.5)) if job.id == 2 else job for job in PROBLEM.jobs)
    problem = msgspec.structs.replace(PROBLEM, jobs=jobs)
    assert metrics(problem, PLAN).tardy_jobs == 0


def _with(policy: Policy) -> Problem:
    return msgspec.structs.replace(PROBLEM, policy=policy)


class TestCriteria:
    def test_each_criterion_has_its_weight(self) -> None:
        # As above: 31 of weighted tardiness, a makespan of 170, 12.5 of imbalance, one reassigned.
        none = dict.fromkeys(Criterion, 0)
        for criterion, value in (
            (Criterion.TARDINESS, 31),
            (Criterion.MAKESPAN, 170),
            (Criterion.SETUP, 35),
            (Criterion.BALANCE, 25),
            (Criterion.REASSIGNMENT, 1),
            (Criterion.RESEQUENCING, 0),
            (Criterion.MOVE, 15),
        ):
            weight = 2 if criterion is Criterion.BALANCE else 1
            weights = {str(each): at for each, at in (none | {criterion: weight}).items()}
            policy = msgspec.structs.replace(Policy(), **weights)
            assert cost(_with(policy), PLAN) == value, criterion

    def test_who_is_behind_another_one_than_before_is_counted(self) -> None:
        # Before it was 11, 12, 21 on machine 1; 31 is elsewhere now, and does not count.
        changed = Plan(
            (
                _placed(11, 1, -20, -20, 10),
                _placed(21, 1, 10, 25, 55),
                _placed(12, 1, 55, 55, 85),
                _placed(31, 2, 0, 100, 130),
                _placed(41, 2, 130, 140, 170),
            )
        )
        assert totals(PROBLEM, PLAN).resequenced == 0
        assert totals(PROBLEM, changed).resequenced == 2
        assert cost(_with(Policy(resequencing=7, tardiness=0, move=0, setup=0)), changed) == 54

    def test_what_may_not_be_displaced_is_dear(self) -> None:
        jobs = (msgspec.structs.replace(PROBLEM.jobs[0], keep_by_ms=at(50)), *PROBLEM.jobs[1:])
        kept = msgspec.structs.replace(PROBLEM, jobs=jobs)
        assert metrics(kept, PLAN).displaced == 5
        assert cost(kept, PLAN) == 745 + 5 * 10_000

    def test_what_shares_an_oven_is_set_up_and_worked_on_once(self) -> None:
        oven = msgspec.structs.replace(
            PROBLEM,
            machines=(Machine(id=1, family="red", batch_units=5), Machine(id=2)),
            operations=tuple(
                msgspec.structs.replace(each, batch_family="hot") for each in PROBLEM.operations
            ),
        )
        together = Plan(
            (
                _placed(11, 1, -20, -20, 10),
                _placed(12, 1, 10, 25, 55),
                _placed(21, 1, 10, 25, 55),
                _placed(31, 2, 0, 10, 40),
                _placed(41, 2, 40, 50, 80),
            )
        )
        found = totals(oven, together)
        assert found.setup == (15 + 10 + 10) * MINUTE
        # 30 + 15 + 30 on machine 1, 80 on machine 2.
        assert found.imbalance == 80 * MINUTE - (75 + 80) * MINUTE // 2


class TestOrder:
    def test_without_an_order_plans_are_ranked_by_cost(self) -> None:
        assert ranking(PROBLEM, PLAN) == (745,)

    def test_with_one_by_the_criteria_one_after_the_other(self) -> None:
        policy = Policy(order=(Criterion.MAKESPAN, Criterion.REASSIGNMENT))
        found = ranking(_with(policy), PLAN)
        assert found[:3] == (0, 170 * MINUTE, 1)
        longer = Plan((*PLAN.assignments[:-1], _placed(41, 2, 130, 141, 171)))
        assert found < ranking(_with(policy), longer)

    def test_sums_stand_for_an_order(self) -> None:
        policy = summed(Policy(order=(Criterion.SETUP, Criterion.TARDINESS), move=0))
        weights = policy.setup, policy.tardiness, policy.reassignment, policy.move
        assert weights == (1_000_000, 10_000, 1, 0)
        assert policy.displaced > policy.setup
        assert summed(Policy()) == Policy()

    @pytest.mark.parametrize(
        ("rule", "displaced"),
        [
            (Displacement.NOTHING, []),
            (Displacement.LOWER, [1]),
            (Displacement.SAME, [1, 2]),
            (Displacement.ANY, [1, 2, 3]),
        ],
    )
    def test_a_rush_order_displaces_what_the_policy_says(
        self, rule: Displacement, displaced: list[int]
    ) -> None:
        policy = Policy(displacement=rule)
        assert [each for each in (1, 2, 3) if may_displace(policy, 2, each)] == displaced
