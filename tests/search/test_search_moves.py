"""Moves keep the graph without circles, and heads and tails right."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from random_shops import instances, is_order, lanes, longest_ways

from scheduler.instances.arrays import shop_of
from scheduler.instances.instance import Instance
from scheduler.search import tabu
from scheduler.search.compiled import seeded
from scheduler.search.construct import dispatched, work_behind
from scheduler.search.estimate import may_follow, may_precede
from scheduler.search.graph import heads_from, last_end, load, relocate, tails_to
from scheduler.search.layout import Shop, State, blank
from scheduler.search.relink import between, canonical, distance

UNHURRIED = settings(max_examples=150, deadline=None, derandomize=True)


def started(instance: Instance, seed: int) -> tuple[Shop, State]:
    shop = shop_of(instance)
    state = blank(shop)
    found = dispatched(shop, seeded(seed), work_behind(shop), 5)
    load(shop, state, found.order, found.machine, found.duration)
    return shop, state


@UNHURRIED
@given(instance=instances(), seed=st.integers(0, 1000))
def test_dispatching_gives_an_order_with_exact_heads_and_tails(
    instance: Instance, seed: int
) -> None:
    shop, state = started(instance, seed)
    heads, tails = longest_ways(shop, state)
    assert is_order(shop, state)
    assert state.head.tolist() == heads
    assert state.tail.tolist() == tails
    assert last_end(shop, state) == max(
        h + int(d) for h, d in zip(heads, state.duration, strict=True)
    )


@UNHURRIED
@given(
    instance=instances(),
    seed=st.integers(0, 1000),
    wishes=st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=12
    ),
)
def test_any_move_is_made_right_or_refused_without_a_trace(
    instance: Instance, seed: int, wishes: list[tuple[int, int, int]]
) -> None:
    shop, state = started(instance, seed)
    for which, way, where in wishes:
        operation = which % shop.operations
        ways = range(int(shop.mode_at[operation]), int(shop.mode_at[operation + 1]))
        mode = ways[way % len(ways)]
        machine = int(shop.mode_machine[mode])
        places = [-1, *(each for each in lanes(shop, state)[machine] if each != operation)]
        behind = places[where % len(places)]
        before = lanes(shop, state), state.order.tolist(), state.duration.tolist()
        low, high = relocate(shop, state, operation, machine, int(shop.mode_duration[mode]), behind)
        assert not state.mark.any()
        if low < 0:
            assert (lanes(shop, state), state.order.tolist(), state.duration.tolist()) == before
            continue
        heads_from(shop, state, low)
        tails_to(shop, state, high)
        heads, tails = longest_ways(shop, state)
        assert is_order(shop, state)
        assert state.head.tolist() == heads
        assert state.tail.tolist() == tails


@UNHURRIED
@given(instance=instances(), seed=st.integers(0, 1000))
def test_a_move_on_a_machine_that_is_allowed_closes_no_circle(
    instance: Instance, seed: int
) -> None:
    shop, state = started(instance, seed)
    for lane in lanes(shop, state):
        for at, one in enumerate(lane):
            for other in lane[at + 1 :]:
                if may_follow(shop, state, one, other):
                    assert moved(shop, state, one, other)
                if may_precede(shop, state, other, one):
                    assert moved(shop, state, other, int(state.previous[one]))


def moved(shop: Shop, state: State, operation: int, behind: int) -> bool:
    """Whether a move on the operation's machine is possible; makes it on a copy."""
    copy = State(*(each.copy() for each in state))
    low, _ = relocate(
        shop, copy, operation, int(copy.machine[operation]), int(copy.duration[operation]), behind
    )
    return low >= 0


@UNHURRIED
@given(instance=instances(), seed=st.integers(0, 1000))
def test_the_search_closes_no_circle_and_counts_right(instance: Instance, seed: int) -> None:
    shop, state = started(instance, seed)
    memory = tabu.memory(shop)
    tabu.begin(shop, state, memory)
    tabu.step(shop, state, memory, seeded(seed), 60, 1_000, 0)
    heads, tails = longest_ways(shop, state)
    assert is_order(shop, state)
    assert state.head.tolist() == heads
    assert state.tail.tolist() == tails
    found = tabu.best(memory)
    load(shop, state, found.order, found.machine, found.duration)
    assert last_end(shop, state) == found.value


@UNHURRIED
@given(instance=instances(), seed=st.integers(0, 1000), share=st.integers(0, 100))
def test_what_lies_between_two_solutions_is_one(instance: Instance, seed: int, share: int) -> None:
    shop, state = started(instance, seed)
    ends = []
    for each in (seed, seed + 1):
        found = dispatched(shop, seeded(each), work_behind(shop), 40)
        load(shop, state, found.order, found.machine, found.duration)
        ends.append(found._replace(order=canonical(found.order, state.head)))
    chance = (work_behind(shop) * 37 + seed) % 100
    middle = between(ends[0], ends[1], share, chance)
    load(shop, state, middle.order, middle.machine, middle.duration)
    assert is_order(shop, state)
    longest_ways(shop, state)
    assert distance(ends[0], ends[0]) == 0
    if share == 0:
        assert distance(middle, ends[0]) == 0
