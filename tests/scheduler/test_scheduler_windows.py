"""What a window lets move."""

from __future__ import annotations

from scheduler_problems import Flavour, Shop, at, random_problem

from domain.plan.indexed import FREE, Indexed
from domain.plan.problem import Placed
from domain.plan.right_shift import right_shift
from scheduler.windows import Windows


class TestWindows:
    def test_they_hold_free_operations_only_and_not_too_many(self) -> None:
        problem = random_problem(4, Flavour(), jobs=30, steps=5, machines=6)
        indexed = Indexed(problem)
        free = {
            operation.id
            for operation, rank in zip(indexed.operations, indexed.ranks, strict=True)
            if rank == FREE
        }
        windows = list(Windows(indexed, right_shift(problem), size=12).around(10))
        assert len(windows) == 10
        assert all(2 <= len(window) <= 12 and window <= free for window in windows)

    def test_the_latest_job_comes_first_with_what_is_before_it(self) -> None:
        shop = Shop()
        (before,) = shop.job({1: 100}, due=1_000)
        shop.job({2: 10}, due=5)
        (late,) = shop.job({1: 10}, due=20, weight=9)
        shop.baseline = {before: Placed(1, at(0)), late: Placed(1, at(100))}
        problem = shop.problem()
        windows = list(Windows(Indexed(problem), right_shift(problem), size=2).around(5))
        # The other late job has nothing before it: one operation is no window.
        assert windows == [{before, late}]

    def test_there_is_none_where_nothing_costs_anything(self) -> None:
        shop = Shop()
        shop.job({1: 10}, due=100)
        shop.job({1: 10}, due=100)
        problem = shop.problem()
        assert not list(Windows(Indexed(problem), right_shift(problem), size=10).around(5))

    def test_an_empty_plan_has_none(self) -> None:
        problem = Shop().problem()
        assert not list(Windows(Indexed(problem), right_shift(problem), size=10).around(5))
