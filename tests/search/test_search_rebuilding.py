"""Jobs taken out and put back: times and cost stay exact, and what is refused is undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import search_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.metrics import MINUTE_MS, cost
from domain.plan.problem import Problem
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.floor_arrays import Arrays, arrays_of
from scheduler.floor_plans import Found, found_of, plan_of, times
from scheduler.repair import SHARES, timed
from scheduler.search.compiled import Ints, Random, seeded
from scheduler.search.floor import Times, cost_of, place_all
from scheduler.search.graph import load
from scheduler.search.layout import State, blank
from scheduler.search.rebuilding import Trail, rebuild, trail_of
from scheduler.search.repairing import ACCEPTED, BEST, HIGH, LOW, VALUE
from scheduler.solve import First, first_plan

HOT = 1e9
COLD = 1e-9


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kernel.warm_up()


class Bench(NamedTuple):
    """A solution under search, the best of it, and what the search writes on."""

    arrays: Arrays
    state: State
    now: Times
    random: Random
    counters: Ints
    shares: Ints
    trail: Trail
    best: Found

    def rebuild(self, moves: int, temperature: float) -> None:
        """Rebuild some jobs."""
        rebuild(
            self.arrays.shop,
            self.arrays.floor,
            self.arrays.rules,
            self.state,
            self.now,
            self.random,
            self.counters,
            self.shares,
            self.trail,
            self.best.order,
            self.best.mode,
            self.best.not_before,
            moves,
            temperature,
        )

    def value(self) -> int:
        """The cost of what is in hand, computed from nothing."""
        shop, floor = self.arrays.shop, self.arrays.floor
        again = times(shop, floor)
        again.mode[:] = self.now.mode
        again.not_before[:] = self.now.not_before
        place_all(shop, floor, self.state, again)
        for one, other in (
            (again.start, self.now.start),
            (again.end, self.now.end),
            (again.setup, self.now.setup),
        ):
            assert one.tolist() == other.tolist()
        return int(cost_of(shop, floor, self.state.machine, again))


def opened(problem: Problem, seed: int) -> Bench:
    """The first plan, ready to be searched from."""
    first = first_plan(problem, explain=False)
    assert isinstance(first, First)
    arrays = arrays_of(problem)
    shop, floor = arrays.shop, arrays.floor
    found = found_of(arrays, first.solved.plan)
    state, now = blank(shop), times(shop, floor)
    load(shop, state, found.order, shop.mode_machine[found.mode], shop.mode_duration[found.mode])
    now.mode[:] = found.mode
    now.not_before[:] = found.not_before
    place_all(shop, floor, state, now)
    counters = np.zeros(8, dtype=np.int64)
    counters[VALUE] = counters[BEST] = cost_of(shop, floor, state.machine, now)
    best = Found(found.order.copy(), found.mode.copy(), found.not_before.copy(), 0)
    shares = np.array(SHARES, dtype=np.int64)
    return Bench(arrays, state, now, seeded(seed), counters, shares, trail_of(shop), best)


def kept(bench: Bench) -> tuple[list[list[int]], list[list[int]]]:
    """All that a move that is refused has to leave as it was."""
    count, state, now = bench.arrays.shop.operations, bench.state, bench.now
    graph = (state.machine, state.duration, state.previous, state.following, state.order)
    rest = (now.mode, now.not_before, now.start, now.end, now.setup, state.place)
    machines = [state.first.tolist(), state.last.tolist()]
    return [row[:count].tolist() for row in (*graph, *rest)], machines


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_times_and_cost_are_the_domain_s_after_any_rebuilding(seed: int) -> None:
    problem = search_problems.problem(seed)
    bench = opened(problem, seed)
    for _ in range(10):
        bench.rebuild(15, HOT)
        assert not bench.state.mark.any()
        assert not bench.now.dirty.any()
        assert bench.value() == bench.counters[VALUE]
    at, order = timed(bench.arrays, bench.best)
    plan = plan_of(bench.arrays, at, order)
    exact = int(bench.counters[BEST])
    assert (exact + MINUTE_MS // 2) // MINUTE_MS == cost(problem, plan)
    assert violations(problem, plan) == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_what_is_refused_leaves_no_trace(seed: int) -> None:
    bench = opened(search_problems.problem(seed), seed)
    for _ in range(40):
        before, accepted = kept(bench), int(bench.counters[ACCEPTED])
        bench.rebuild(1, COLD)
        if bench.counters[ACCEPTED] == accepted:
            assert kept(bench) == before
        assert bench.value() == bench.counters[VALUE] == bench.counters[BEST]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), tenths=st.integers(1, 9))
def test_what_stands_in_a_stretch_stays_in_it(seed: int, tenths: int) -> None:
    bench = opened(search_problems.problem(seed), seed)
    count = bench.arrays.shop.operations
    cut = max(1, count * tenths // 10)
    for low, high in ((0, cut), (cut, count)):
        if low == high:
            continue
        before = bench.state.order[:count].copy()
        bench.shares[LOW], bench.shares[HIGH] = low, high
        bench.rebuild(100, HOT)
        after = bench.state.order[:count]
        assert sorted(after[low:high].tolist()) == sorted(before[low:high].tolist())
        assert after[:low].tolist() == before[:low].tolist()
        assert after[high:].tolist() == before[high:].tolist()


def test_jobs_are_rebuilt() -> None:
    """Most of what is refused costs too much; of some problems much is kept."""
    bench = opened(search_problems.problem(3), 3)
    bench.rebuild(300, HOT)
    assert bench.counters[ACCEPTED] > 50
