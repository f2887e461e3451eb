"""A plan's figures, worked out by hand."""

from __future__ import annotations

import msgspec
from plan_problems import MINUTE, NOW, at

from domain.plan.metrics import cost, metrics
from domain.plan.plan import Assignment, Metrics, Plan
from domain.plan.policy import Policy
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
