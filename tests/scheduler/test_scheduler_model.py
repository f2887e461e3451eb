"""The CP-SAT model: a relaxation of the problem, with the plan in hand as its hint."""

from __future__ import annotations

import pytest
from scheduler_problems import FLAVOURS, Flavour, Shop, random_problem

from domain.plan.indexed import Indexed
from domain.plan.plan import Assignment
from domain.plan.problem import Problem, SetupTime
from scheduler import shop as shop_constraints
from scheduler.model import Found, Model
from scheduler.solve import First, first_plan
from scheduler.stopping import Stop


def placed(problem: Problem) -> dict[int, Assignment]:
    """The first plan, by operation."""
    first = first_plan(problem)
    assert isinstance(first, First)
    return {each.operation: each for each in first.solved.plan.assignments}


def solve(shop: Shop) -> Found:
    problem = shop.problem()
    found = Model(Indexed(problem), placed(problem)).solve(limit_s=20.0, stop=Stop())
    assert found is not None
    return found


class TestHint:
    @pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
    def test_every_plan_is_a_complete_and_feasible_hint(self, flavour: Flavour) -> None:
        for seed in range(8):
            problem = random_problem(seed, flavour)
            model = Model(Indexed(problem), placed(problem))
            assert model.cp.hint_holds(), f"seed {seed}"

    @pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
    def test_it_is_one_of_every_window_too(self, flavour: Flavour) -> None:
        for seed in range(8):
            problem = random_problem(seed, flavour)
            window = {operation.id for operation in problem.operations[:6]}
            model = Model(Indexed(problem), placed(problem), window=window)
            assert model.cp.hint_holds(), f"seed {seed}"

    def test_a_model_that_leaves_breaks_and_circuits_out_keeps_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shop_constraints, "MOST_BREAKS", 0)
        monkeypatch.setattr(shop_constraints, "MOST_ARCS", 0)
        for flavour in FLAVOURS:
            problem = random_problem(3, flavour)
            assert Model(Indexed(problem), placed(problem)).cp.hint_holds(), flavour


class TestOptimum:
    def test_the_shorter_job_goes_first(self) -> None:
        # Both are due now: 2 + (2 + 5) = 9; the other way round 5 + 7 = 12.
        shop = Shop()
        shop.job({1: 5})
        shop.job({1: 2})
        found = solve(shop)
        assert found.optimal
        assert found.bound == 9
        assert found.starts[2] < found.starts[1]

    def test_work_goes_to_the_machine_that_is_idle(self) -> None:
        # One on each machine, the longer one on the faster: 4 + 4 = 8.
        shop = Shop()
        shop.job({1: 4, 2: 6})
        shop.job({1: 3, 2: 4})
        found = solve(shop)
        assert found.bound == 8
        assert found.machines == {1: 1, 2: 2}

    def test_families_stay_together(self) -> None:
        # Red, red, green with one change of 10: 1 + 2 + 13 = 16. Any other order costs more.
        shop = Shop()
        shop.machine(1, family="red")
        for family in ("red", "green", "red"):
            shop.job({1: 1}, family=family, setup=10)
        shop.setups = [SetupTime(1, "red", "green", 600_000), SetupTime(1, "green", "red", 600_000)]
        found = solve(shop)
        assert found.bound == 16
        assert found.starts[2] == max(found.starts.values())

    def test_a_break_that_all_machines_have_passes_no_time(self) -> None:
        # 8 minutes of work from now; the break from 4 to 10 is cut out, so the bound is 8, not 14.
        shop = Shop()
        shop.machine(1, pauses=[(4, 10)])
        shop.job({1: 8})
        assert solve(shop).bound == 8

    def test_a_break_of_one_machine_sends_work_to_the_other(self) -> None:
        # On machine 1 it would last 4 + 20 + 4; on machine 2 it takes 12.
        shop = Shop()
        shop.machine(1, pauses=[(4, 24)])
        shop.machine(2)
        shop.job({1: 8, 2: 12})
        found = solve(shop)
        assert found.bound == 12
        assert found.machines == {1: 2}

    def test_a_break_lengthens_what_it_interrupts(self) -> None:
        # No choice: 4 minutes, the break of 6, 4 more. Machine 2 has no break, so none is common.
        shop = Shop()
        shop.machine(1, pauses=[(4, 10)])
        shop.job({1: 8}, due=0)
        shop.job({2: 1}, due=None)
        assert solve(shop).bound == 14

    def test_what_must_not_be_interrupted_waits_for_the_break_to_end(self) -> None:
        shop = Shop()
        shop.machine(1, pauses=[(4, 10)])
        shop.job({1: 8}, interruptible=False)
        shop.job({2: 1}, due=None)
        assert solve(shop).bound == 18

    def test_a_stopped_search_finds_nothing(self) -> None:
        shop = Shop()
        shop.job({1: 5})
        problem = shop.problem()
        stop = Stop()
        stop.ask()
        assert Model(Indexed(problem), placed(problem)).solve(limit_s=20.0, stop=stop) is None
