"""The compiled search on real shops counts as the domain does, and is judged by its validator."""

from __future__ import annotations

import numpy as np
import pytest
import search_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.decoder import decode
from domain.plan.indexed import FREE
from domain.plan.metrics import MINUTE_MS, cost
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.floor_arrays import Arrays, arrays_of
from scheduler.floor_plans import Found, found_of, plan_of, times
from scheduler.repair import SHARES, repaired, timed
from scheduler.replanning import disturbed
from scheduler.search.compiled import seeded
from scheduler.search.floor import cost_of, place_all
from scheduler.search.graph import load
from scheduler.search.layout import blank
from scheduler.search.repairing import BEST, HIGH, LOW, VALUE, repair
from scheduler.solve import First, first_plan


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kernel.warm_up()


def answered(problem: Problem) -> First:
    first = first_plan(problem)
    assert isinstance(first, First)
    return first


def decoded(arrays: Arrays, found: Found) -> Plan:
    """The solution as the domain's decoder times it."""
    problem = arrays.problem
    machine = arrays.shop.mode_machine[found.mode]
    free = arrays.floor.rank == FREE
    return decode(
        problem,
        [(arrays.operations[at], arrays.machines[int(machine[at])]) for at in found.order.tolist()],
        not_before={
            arrays.operations[at]: problem.now_ms + int(found.not_before[at])
            for at in np.flatnonzero(free & (found.not_before > 0)).tolist()
        },
    )


def minutes(exact: int) -> int:
    return (exact + MINUTE_MS // 2) // MINUTE_MS


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_times_and_cost_are_the_domain_s_after_any_moves(seed: int) -> None:
    moved_about(search_problems.problem(seed), seed)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_with_people_and_other_objectives_they_are_too(seed: int) -> None:
    moved_about(search_problems.crewed(seed), seed)


def moved_about(problem: Problem, seed: int) -> None:
    """After any moves times and cost are the domain's."""
    plan = answered(problem).solved.plan
    arrays = arrays_of(problem)
    found = found_of(arrays, plan)
    shop, floor = arrays.shop, arrays.floor
    state, now = blank(shop), times(shop, floor)
    load(shop, state, found.order, shop.mode_machine[found.mode], shop.mode_duration[found.mode])
    now.mode[:] = found.mode
    now.not_before[:] = found.not_before
    place_all(shop, floor, state, now)
    exact = int(cost_of(shop, floor, state.machine, now))
    assert minutes(exact) == cost(problem, decoded(arrays, found))
    counters = np.zeros(8, dtype=np.int64)
    best = Found(found.order.copy(), found.mode.copy(), found.not_before.copy(), 0)
    kept = best.order, best.mode, best.not_before
    shares = np.array(SHARES, dtype=np.int64)
    random = seeded(seed)
    for turn in range(10):
        args = (shop, floor, arrays.rules, state, now, random, counters, shares, *kept)
        # Most moves are kept, or most are taken back.
        repair(*args, 40, 1e9 if turn % 2 else 1e6)
        assert not state.mark.any()
        assert not now.dirty.any()
        assert cost_of(shop, floor, state.machine, now) == counters[VALUE]
        here = Found(state.order.copy(), now.mode.copy(), now.not_before.copy(), 0)
        assert minutes(int(counters[VALUE])) == cost(problem, decoded(arrays, here))
    better = decoded(arrays, best)
    assert minutes(int(counters[BEST])) == cost(problem, better)
    assert violations(problem, better) == []
    at, order = timed(arrays, best)
    assert sorted(plan_of(arrays, at, order).assignments, key=repr) == sorted(
        better.assignments, key=repr
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), tenths=st.integers(1, 9))
def test_what_is_found_on_two_stretches_goes_together(seed: int, tenths: int) -> None:
    problem = search_problems.problem(seed)
    arrays = arrays_of(problem)
    start = found_of(arrays, answered(problem).solved.plan)
    shop, floor = arrays.shop, arrays.floor
    cut = shop.operations * tenths // 10
    order, mode, hold = start.order.copy(), start.mode.copy(), start.not_before.copy()
    for low, high in ((0, cut), (cut, shop.operations)):
        if low == high:
            continue
        state, now = blank(shop), times(shop, floor)
        machine, lasts = shop.mode_machine[start.mode], shop.mode_duration[start.mode]
        load(shop, state, start.order, machine, lasts)
        now.mode[:] = start.mode
        now.not_before[:] = start.not_before
        place_all(shop, floor, state, now)
        counters, shares = np.zeros(8, dtype=np.int64), np.array(SHARES, dtype=np.int64)
        shares[LOW], shares[HIGH] = low, high
        kept = start.order.copy(), start.mode.copy(), start.not_before.copy()
        args = (shop, floor, arrays.rules, state, now, seeded(seed), counters, shares, *kept)
        repair(*args, 300, 1e9)
        stretch = state.order[low:high]
        assert sorted(stretch.tolist()) == sorted(start.order[low:high].tolist())
        order[low:high] = stretch
        mode[stretch], hold[stretch] = now.mode[stretch], now.not_before[stretch]
    joined = Found(order, mode, hold, 0)
    plan = decoded(arrays, joined)
    assert violations(problem, plan) == []
    at, sequence = timed(arrays, joined)
    assert sorted(plan_of(arrays, at, sequence).assignments, key=repr) == sorted(
        plan.assignments, key=repr
    )


def test_a_large_shop_is_searched_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.repair.LARGE", 1)
    problem = disturbed(200, 102, moves=0)
    first = answered(problem).solved
    one, other = (
        repaired(problem, first.plan, limit_s=200.0, seed=3, moves=6_000) for _ in range(2)
    )
    assert one == other
    assert violations(problem, one) == []
    assert cost(problem, one) < first.metrics.cost


def test_a_disturbed_shop_is_repaired_and_nothing_frozen_moves() -> None:
    problem = disturbed(200, 101, moves=2)
    first = answered(problem).solved
    one, other = (
        repaired(problem, first.plan, limit_s=200.0, seed=3, moves=4_000) for _ in range(2)
    )
    assert one == other
    assert violations(problem, one) == []
    assert cost(problem, one) < first.metrics.cost


@pytest.mark.parametrize("jobs", [200, 1_000])
def test_the_disturbed_shop_is_the_seed_s(jobs: int) -> None:
    assert disturbed(jobs, 100, moves=0) == disturbed(jobs, 100, moves=0)
    assert disturbed(jobs, 100, moves=0) != disturbed(jobs, 101, moves=0)
