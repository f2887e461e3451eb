"""When a plan is worth a version."""

from __future__ import annotations

from scheduler_problems import Shop, at

from domain.plan.metrics import MINUTE_MS as MINUTE
from domain.plan.plan import Assignment
from domain.plan.policy import Criterion, Policy
from domain.plan.problem import Pin, PinKind, Problem
from domain.plan.right_shift import right_shift
from scheduler.decision import holds, is_worth

TOLERANCE = 15


def place(operation: int, start: float, end: float, *, machine: int = 1) -> Assignment:
    return Assignment(
        operation=operation,
        machine=machine,
        setup_start_ms=at(start),
        start_ms=at(start),
        end_ms=at(end),
    )


def stands(problem: Problem, *placed: Assignment) -> bool:
    return holds(problem, {each.operation: each for each in placed}, right_shift(problem))


class TestIsWorth:
    policy = Policy(reassignment=40)

    def test_a_fiftieth_is(self) -> None:
        assert is_worth(self.policy, (10_000,), (9_800,))
        assert not is_worth(self.policy, (10_000,), (9_801,))

    def test_of_small_costs_it_takes_what_a_reassignment_costs(self) -> None:
        assert is_worth(self.policy, (100,), (60,))
        assert not is_worth(self.policy, (100,), (61,))

    def test_the_same_never_is(self) -> None:
        assert not is_worth(Policy(reassignment=0), (0,), (0,))
        assert not is_worth(Policy(reassignment=0), (10,), (10,))

    def test_with_an_order_the_first_criterion_decides(self) -> None:
        policy = Policy(order=(Criterion.TARDINESS, Criterion.REASSIGNMENT))
        late = (0, 60 * MINUTE, 0, 5_000)
        assert is_worth(policy, late, (0, 58 * MINUTE, 9, 9_000))
        # Less than a minute, or than a fiftieth, is the same tardiness.
        assert not is_worth(policy, late, (0, 59 * MINUTE, 0, 4_000))
        assert is_worth(policy, (0, 59 * MINUTE, 2, 5_000), (0, 59 * MINUTE, 1, 6_000))
        # However much is gained behind it.
        assert not is_worth(policy, late, (0, 60 * MINUTE + 1, 0, 0))
        assert not is_worth(policy, late, late)

    def test_what_may_not_be_displaced_comes_before_all(self) -> None:
        policy = Policy(order=(Criterion.SETUP,))
        assert is_worth(policy, (5 * MINUTE, 0, 0), (0, 99 * MINUTE, 99))
        assert not is_worth(policy, (0, 99 * MINUTE, 99), (1, 0, 0))


class TestHolds:
    """The plan in force against the same with what has happened: one operation of 30 minutes."""

    def shop(self) -> Shop:
        shop = Shop(policy=Policy(frozen_ms=0, move_tolerance_ms=TOLERANCE * 60_000))
        shop.job({1: 30})
        return shop

    def test_it_does_when_all_is_as_planned(self) -> None:
        assert stands(self.shop().problem(), place(1, 0, 30))

    def test_it_does_within_the_tolerance(self) -> None:
        assert stands(self.shop().problem(), place(1, -TOLERANCE, 30 - TOLERANCE))

    def test_it_does_not_beyond_it(self) -> None:
        assert not stands(self.shop().problem(), place(1, -TOLERANCE - 1, 30))
        assert not stands(self.shop().problem(), place(1, 0, 31 + TOLERANCE))

    def test_it_does_not_when_work_is_new(self) -> None:
        assert not stands(self.shop().problem())

    def test_it_does_not_when_work_is_elsewhere(self) -> None:
        shop = self.shop()
        shop.machine(2)
        assert not stands(shop.problem(), place(1, 0, 30, machine=2))

    def test_when_something_started_is_no_news_but_when_it_ends_is(self) -> None:
        shop = self.shop()
        shop.change(1, pin=Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-60)))
        assert stands(shop.problem(), place(1, 0, 30))
        assert not stands(shop.problem(), place(1, -60, 10))
