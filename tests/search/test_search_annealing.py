"""What annealing computes after a move is what a plain evaluator says."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from random_shops import instances, is_order, longest_ways

from scheduler.instances.arrays import schedule_of, shop_of
from scheduler.instances.evaluation import faults, value
from scheduler.instances.instance import Instance, Objective
from scheduler.search.annealing import (
    anneal,
    annealer,
    best_annealed,
    lateness,
    start_annealing,
)
from scheduler.search.compiled import seeded
from scheduler.search.construct import dispatched, work_behind
from scheduler.search.graph import load
from scheduler.search.layout import blank


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    instance=instances(objective=Objective.TARDINESS),
    seed=st.integers(0, 1_000),
    temperature=st.sampled_from([0.0, 3.0, 1e6]),
)
def test_heads_ends_and_value_after_any_moves(
    instance: Instance, seed: int, temperature: float
) -> None:
    shop = shop_of(instance)
    state, memory, random = blank(shop), annealer(shop), seeded(seed)
    found = dispatched(shop, random, work_behind(shop), 5)
    load(shop, state, found.order, found.machine, found.duration)
    start_annealing(shop, state, memory)
    first = int(memory.counters[0])
    for _ in range(5):
        anneal(shop, state, memory, random, 12, temperature)
        assert state.head.tolist() == longest_ways(shop, state)[0]
        assert is_order(shop, state)
        assert not memory.dirty.any()
        ends = memory.ends.copy()
        assert lateness(shop, state, ends) == memory.counters[0]
        assert ends.tolist() == memory.ends.tolist()
    best = best_annealed(memory)
    assert best.value <= min(first, int(memory.counters[0]))
    schedule = schedule_of(instance, shop, best)
    assert not faults(instance, schedule)
    assert value(instance, schedule) == best.value


def test_jobs_with_several_last_operations_end_with_the_latest() -> None:
    shop = msgspec.convert(
        {
            "machines": 2,
            "objective": "tardiness",
            "jobs": [
                {
                    "due": 4,
                    "weight": 3,
                    "operations": [
                        {"alternatives": [{"machine": 0, "duration": 2}], "after": []},
                        {"alternatives": [{"machine": 0, "duration": 3}], "after": [0]},
                        {"alternatives": [{"machine": 1, "duration": 4}], "after": [0]},
                    ],
                },
            ],
        },
        Instance,
    )
    arrays = shop_of(shop)
    memory = annealer(arrays)
    assert memory.sinks.tolist() == [1, 2]
    assert memory.sink_at.tolist() == [0, 2]
    state = blank(arrays)
    found = dispatched(arrays, seeded(1), work_behind(arrays), 0)
    load(arrays, state, found.order, found.machine, found.duration)
    start_annealing(arrays, state, memory)
    assert memory.ends.tolist() == [6]
    assert memory.counters[0] == 3 * (6 - 4)
