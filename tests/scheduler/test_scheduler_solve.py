"""The planner's stages: always valid, never worse, and optimal where the optimum is known."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

import msgspec
import pytest
from scheduler_problems import (
    FLAVOURS,
    FT06,
    MINUTE,
    NOW,
    Flavour,
    Shop,
    at,
    least_cost,
    makespan_shop,
    random_problem,
)

from domain.plan.dispatch import Rule
from domain.plan.dispatch import dispatch as real_dispatch
from domain.plan.metrics import metrics
from domain.plan.plan import Infeasible, Plan
from domain.plan.policy import Policy
from domain.plan.problem import Pin, PinKind, Placed, Precedence, Problem
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler import improving, solve
from scheduler.solve import First, first_plan, improve
from scheduler.stopping import Stop


def first_of(problem: Problem) -> First:
    first = first_plan(problem)
    assert isinstance(first, First), first
    return first


class TestFirstPlan:
    @pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
    def test_it_is_valid_and_no_worse_than_waiting(self, flavour: Flavour) -> None:
        for seed in range(15):
            problem = random_problem(seed, flavour, jobs=8)
            first = first_of(problem)
            assert not violations(problem, first.solved.plan)
            assert first.solved.metrics == metrics(problem, first.solved.plan)
            assert first.waiting == metrics(problem, right_shift(problem))
            assert first.solved.metrics.cost <= first.waiting.cost

    def test_nothing_to_do_is_a_plan_too(self) -> None:
        assert first_of(Problem(now_ms=NOW, machines=(), jobs=(), operations=())).solved.plan == (
            Plan(())
        )

    def test_waiting_stays_when_nothing_is_better(self) -> None:
        shop = Shop(policy=Policy(frozen_ms=0))
        (operation,) = shop.job({1: 10, 2: 10}, due=60)
        shop.baseline[operation] = Placed(1, at(20))
        first = first_of(shop.problem())
        assert first.solved.method == "right_shift"
        assert first.solved.plan.assignments[0].start_ms == at(20)

    def test_work_leaves_a_machine_that_is_down(self) -> None:
        shop = Shop(policy=Policy(frozen_ms=0))
        shop.machine(1, pauses=[(0, 240)])
        (operation,) = shop.job({1: 10, 2: 12}, due=60)
        shop.baseline[operation] = Placed(1, at(20))
        first = first_of(shop.problem())
        assert first.solved.method.startswith("dispatch:")
        assert [each.machine for each in first.solved.plan.assignments] == [2]
        assert (first.waiting.tardiness, first.solved.metrics.tardiness) == (190, 0)

    def test_operations_that_wait_for_each_other_are_named(self) -> None:
        shop = Shop()
        one, two = shop.job({1: 5}, {1: 5})
        other = shop.job({2: 5})[0]
        shop.change(one, after=(Precedence(two),))
        outcome = first_plan(shop.problem())
        assert isinstance(outcome, Infeasible)
        assert [(each.code, each.operation, each.other) for each in outcome.conflicts] == [
            ("precedence", one, two),
            ("precedence", two, one),
        ]
        assert other not in [each.operation for each in outcome.conflicts]

    def test_a_pin_behind_which_its_predecessor_would_have_to_run_is_named(self) -> None:
        shop = Shop()
        before, frozen = shop.job({1: 5}, {1: 5})
        shop.change(frozen, pin=Pin(kind=PinKind.FROZEN, machine=1))
        shop.baseline[frozen] = Placed(1, NOW)
        outcome = first_plan(shop.problem())
        assert isinstance(outcome, Infeasible)
        assert {each.operation for each in outcome.conflicts} == {before, frozen}

    def test_a_problem_that_contradicts_itself_names_the_operation(self) -> None:
        shop = Shop()
        (operation,) = shop.job({1: 5})
        shop.change(operation, after=(Precedence(77),))
        outcome = first_plan(shop.problem())
        assert isinstance(outcome, Infeasible)
        assert [(each.code, each.operation) for each in outcome.conflicts] == [
            ("unknown_operation", operation)
        ]

    def test_work_that_cannot_begin_while_calendars_are_told_has_no_plan(self) -> None:
        shop = Shop()
        (operation,) = shop.job({1: 5})
        problem = msgspec.structs.replace(shop.problem(), horizon_ms=NOW)
        outcome = first_plan(problem)
        assert isinstance(outcome, Infeasible)
        assert ("only_on", operation) in [(each.code, each.operation) for each in outcome.conflicts]


class TestRejectedPlans:
    """What the validator rejects is not used, whoever made it."""

    @pytest.fixture
    def problem(self, monkeypatch: pytest.MonkeyPatch) -> Problem:
        # The compiled planning, if it is ready, would answer first.
        monkeypatch.setattr(solve, "supported", lambda _: False)
        shop = Shop()
        shop.job({1: 10, 2: 10})
        shop.job({1: 10, 2: 10})
        return shop.problem()

    def test_a_rule_that_lies_is_passed_over_and_told(
        self, problem: Problem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def too_good(problem: Problem, rule: Rule, **_: object) -> Plan:
            plan = real_dispatch(problem, rule)
            return Plan(
                tuple(
                    msgspec.structs.replace(each, end_ms=each.start_ms + 1)
                    for each in plan.assignments
                )
            )

        monkeypatch.setattr(solve, "dispatch", too_good)
        with caplog.at_level(logging.ERROR):
            first = first_of(problem)
        assert first.solved.method == "right_shift"
        assert "work_short" in caplog.text

    def test_a_rule_that_breaks_off_leaves_the_others(
        self, problem: Problem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(problem: Problem, rule: Rule, **_: object) -> Plan:
            if rule.keep:
                raise ZeroDivisionError
            return real_dispatch(problem, rule)

        monkeypatch.setattr(solve, "dispatch", broken)
        first = first_of(problem)
        assert not violations(problem, first.solved.plan)
        assert "found no plan" in caplog.text

    def test_when_none_is_left_there_is_no_plan(
        self, problem: Problem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(solve, "right_shift", lambda *_, **__: Plan(()))
        monkeypatch.setattr(solve, "dispatch", lambda *_, **__: Plan(()))
        outcome = first_plan(problem)
        assert isinstance(outcome, Infeasible)
        assert {each.code for each in outcome.conflicts} == {"rejected:missing"}


class TestImprove:
    def test_it_proves_fisher_and_thompsons_55(self) -> None:
        problem = makespan_shop(FT06)
        first = first_of(problem)
        better = improve(problem, first.solved, limit_ms=60_000)
        assert better.metrics.cost == 55
        assert better.bound == 55

    @pytest.mark.parametrize("seed", range(12))
    def test_it_finds_the_optimum_of_small_shops(self, seed: int) -> None:
        """Against all sequences: weighted tardiness, set-ups by family, alternatives."""
        flavour = Flavour(pins=False, baseline=False)
        problem = random_problem(seed, flavour, jobs=3, steps=2, machines=2, spread=60)
        first = first_of(problem)
        better = improve(problem, first.solved, limit_ms=60_000)
        assert better.metrics.cost == least_cost(problem)
        assert better.bound == better.metrics.cost

    @pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
    def test_it_is_never_worse_and_its_bound_never_too_high(self, flavour: Flavour) -> None:
        problem = random_problem(1, flavour)
        first = first_of(problem)
        better = improve(problem, first.solved, limit_ms=2_000)
        assert better.metrics.cost <= first.solved.metrics.cost
        assert not violations(problem, better.plan)
        assert better.metrics == metrics(problem, better.plan)
        assert better.bound is not None
        assert better.bound <= better.metrics.cost

    @pytest.mark.parametrize("pauses", ["none", "shared", "own"])
    def test_bounds_of_small_shops_with_breaks_are_below_their_optimum(self, pauses: str) -> None:
        for seed in range(6):
            flavour = Flavour(pauses=pauses, whole=True, odd=True, pins=False, baseline=False)
            problem = random_problem(seed, flavour, jobs=3, steps=2, machines=2, spread=60)
            better = improve(problem, first_of(problem).solved, limit_ms=10_000)
            assert better.bound is not None
            assert better.bound <= least_cost(problem) <= better.metrics.cost

    def test_work_is_not_started_early_for_nothing(self) -> None:
        # Set-ups make it worth to turn the order round; the third job stays where it is.
        shop = Shop(policy=Policy(frozen_ms=0, move_tolerance_ms=0, move=1))
        late, early, third = (shop.job({1: 10}, due=due)[0] for due in (200, 15, 200))
        for operation, start in ((late, 0), (early, 10), (third, 60)):
            shop.baseline[operation] = Placed(1, at(start))
        problem = shop.problem()
        better = improve(problem, first_of(problem).solved, limit_ms=20_000)
        starts = {each.operation: each.start_ms for each in better.plan.assignments}
        assert starts == {early: at(0), late: at(10), third: at(60)}
        assert better.bound == better.metrics.cost == 20

    def test_windows_improve_a_large_shop(self) -> None:
        flavour = Flavour(pauses="shared", pins=False, baseline=False)
        problem = random_problem(1, flavour, jobs=90, steps=4, machines=8, spread=1_500)
        first = first_of(problem)
        better = improve(problem, first.solved, limit_ms=4_000, local=False)
        assert better.metrics.cost < first.solved.metrics.cost
        assert better.method == "cp_sat"
        assert better.bound is None
        assert not violations(problem, better.plan)

    def test_it_stops_when_it_is_asked_to_and_lets_others_work_meanwhile(self) -> None:
        problem = random_problem(2, Flavour(), jobs=25, steps=4, machines=5)
        first = first_of(problem)
        stop = Stop()
        search = threading.Thread(
            target=improve, args=(problem, first.solved), kwargs={"limit_ms": 60_000, "stop": stop}
        )
        began = time.monotonic()
        search.start()
        turns = 0
        while time.monotonic() - began < 1.0:
            time.sleep(0.005)
            turns += 1
        while search.is_alive() and time.monotonic() - began < 60:
            stop.ask()
            search.join(0.05)
        assert not search.is_alive()
        assert turns > 20  # the solver does not hold the interpreter

    def test_a_sequence_that_cannot_be_decoded_leaves_the_plan_in_hand(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        problem = random_problem(1, replace(FLAVOURS[0], pins=False))
        first = first_of(problem)
        monkeypatch.setattr(improving, "sequence", lambda *_: [(1, 99)])
        better = improve(problem, first.solved, limit_ms=2_000, local=False)
        assert better.plan == first.solved.plan
        assert "cannot be decoded" in caplog.text

    def test_no_time_is_no_search(self) -> None:
        problem = random_problem(1, FLAVOURS[0])
        first = first_of(problem)
        assert improve(problem, first.solved, limit_ms=0) == first.solved

    def test_what_cannot_be_better_keeps_its_method_and_gets_a_bound(self) -> None:
        shop = Shop()
        shop.job({1: 10}, due=5)
        problem = shop.problem()
        first = first_of(problem)
        better = improve(problem, first.solved, limit_ms=5_000)
        assert better.method == first.solved.method
        assert better.bound == better.metrics.cost == 5
        assert better.plan.assignments[0].end_ms == NOW + 10 * MINUTE
