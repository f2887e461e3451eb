"""The price of a rush order, and plans compared: by hand, and what holds of every price."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import MINUTE, NOW, at, random_problem

from domain.plan.comparing import OrderOutcome, Side, compared
from domain.plan.differences import DifferenceKind
from domain.plan.indexed import ProblemError
from domain.plan.metrics import job_ends
from domain.plan.plan import Assignment
from domain.plan.policy import Displacement, Policy
from domain.plan.problem import Job, Machine, Mode, Operation, Pin, PinKind, Placed, Problem
from domain.plan.right_shift import right_shift
from domain.plan.rush import RushError, rush_prices
from domain.plan.validator import violations
from domain.plan.what_if import without


def shop(displacement: Displacement = Displacement.LOWER) -> Problem:
    """Job 1 runs for 20 minutes more, 2 and 3 wait behind it for 30 each; 3 is urgent."""
    running = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-10))
    return Problem(
        now_ms=NOW,
        machines=(Machine(id=1),),
        jobs=(
            Job(id=1, due_ms=at(60), weight=2, priority_class=1),
            Job(id=2, due_ms=at(60), weight=2, priority_class=1),
            Job(id=3, due_ms=at(60), weight=10, priority_class=9),
        ),
        operations=(
            Operation(id=1, job=1, modes=(Mode(1, 20 * MINUTE),), pin=running),
            Operation(id=2, job=2, modes=(Mode(1, 30 * MINUTE),)),
            Operation(id=3, job=3, modes=(Mode(1, 30 * MINUTE, 5 * MINUTE),)),
        ),
        baseline={1: Placed(1, at(-10)), 2: Placed(1, at(20)), 3: Placed(1, at(55))},
        policy=Policy(frozen_ms=0, displacement=displacement),
    )


class TestPrices:
    def test_who_pays_and_how_much(self) -> None:
        found = rush_prices(shop(), [3], due_ms=at(60), from_ms=NOW)
        assert (found.waiting.end_ms, found.waiting.later, found.waiting.moved) == (at(85), (), 0)
        assert found.rushed is not None
        assert found.rushed.end_ms == at(55)
        [paying] = found.rushed.later
        assert (paying.job, paying.by_ms, paying.late_ms) == (2, 35 * MINUTE, 25 * MINUTE)
        assert not paying.was_late
        assert found.rushed.setup_ms == 5 * MINUTE
        assert found.rushed.tardiness_ms == 2 * 25 * MINUTE
        assert found.rushed.moved == 1
        assert found.rushed.cost > found.waiting.cost

    def test_in_time_without_displacing_nobody_pays(self) -> None:
        assert rush_prices(shop(), [3], due_ms=at(90), from_ms=NOW).rushed is None

    def test_the_policy_says_who_may_be_displaced(self) -> None:
        forbidden = shop(Displacement.NOTHING)
        assert rush_prices(forbidden, [3], due_ms=at(60), from_ms=NOW).rushed is None

    def test_what_has_begun_has_no_price(self) -> None:
        with pytest.raises(RushError, match="begun"):
            rush_prices(shop(), [1], due_ms=None, from_ms=NOW)

    @given(st.integers(0, 10**6))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_waiting_hurts_nobody_and_both_plans_are_valid(self, seed: int) -> None:
        made = random_problem(seed, jobs=8)
        job = made.jobs[seed % len(made.jobs)].id
        made = msgspec.structs.replace(
            made,
            jobs=tuple(
                msgspec.structs.replace(each, priority_class=9) if each.id == job else each
                for each in made.jobs
            ),
        )
        try:
            found = rush_prices(made, [job], due_ms=None, from_ms=made.now_ms)
        except (RushError, ProblemError):
            return
        assert found.waiting.later == ()
        assert found.waiting.tardiness_ms == 0
        own = {each.id for each in made.operations if each.job == job and not _runs(each)}
        others = right_shift(without(made, own))
        before = job_ends(without(made, own), others)
        for price in (found.waiting, found.rushed):
            if price is None:
                continue
            ends = job_ends(made, price.plan)
            later = {each.job: each.by_ms for each in price.later}
            for other, end in before.items():
                if other != job:
                    assert max(ends[other] - end, 0) == later.get(other, 0)
        if found.rushed is not None:
            assert found.rushed.end_ms < found.waiting.end_ms


def _runs(operation: Operation) -> bool:
    return operation.pin is not None and operation.pin.kind is PinKind.RUNNING


def place(operation: int, machine: int, start: int, end: int) -> Assignment:
    return Assignment(
        operation=operation,
        machine=machine,
        setup_start_ms=at(start),
        start_ms=at(start),
        end_ms=at(end),
    )


def side(*places: Assignment, **orders: tuple[int, int | None]) -> Side:
    """A plan; orders are told as `o7=(end, lateness)` in minutes."""
    return Side(
        assignments={each.operation: each for each in places},
        orders={
            int(name[1:]): OrderOutcome(
                end_ms=at(end), lateness_ms=None if late is None else late * MINUTE
            )
            for name, (end, late) in orders.items()
        },
    )


class TestComparing:
    def test_who_is_later_and_who_earlier(self) -> None:
        first = side(
            place(1, 1, 0, 30), place(2, 1, 30, 60), o7=(30, -5), o8=(60, 10), o9=(5, None)
        )
        other = side(place(1, 2, 0, 40), place(2, 1, 0, 30), o7=(40, 5), o8=(30, -20), o6=(9, None))
        found = compared(first, other, tolerance_ms=0)
        assert [(each.order, each.by_ms) for each in found.later] == [(7, 10 * MINUTE)]
        assert [(each.order, each.by_ms) for each in found.earlier] == [(8, -30 * MINUTE)]
        assert (found.added, found.removed) == ((6,), (9,))
        assert (found.newly_late, found.late_no_more) == (1, 1)
        assert found.kinds == {DifferenceKind.REASSIGNED: 1, DifferenceKind.EARLIER: 1}

    def test_of_a_version_that_is_not_kept_in_full_no_operations_are_told(self) -> None:
        found = compared(
            side(o7=(30, None)), side(place(1, 1, 0, 9), o7=(30, None)), tolerance_ms=0
        )
        assert (found.later, found.earlier, found.moved) == ((), (), ())


def test_a_valid_plan_stays_valid_with_an_order_taken_out() -> None:
    for seed in range(30):
        made = random_problem(seed, jobs=8)
        gone = {each.id for each in made.operations if each.pin is None and each.job % 3 == 0}
        left = without(made, gone)
        assert violations(left, right_shift(left)) == []
