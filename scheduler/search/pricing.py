"""Where to put an operation: what places seem to cost, seen from there.

A place shows an operation's own lateness and displacement, and those of whom it would push. What
follows from that further on is not looked at here: whoever tries a place computes it exactly.
"""

from __future__ import annotations

from typing import Final

from scheduler.search.compiled import Random, compiled, draw, inlined
from scheduler.search.dispatching import Rules
from scheduler.search.floor import (
    FREE,
    MINUTE,
    MOVE,
    NOWHERE,
    TARDINESS,
    TOLERANCE,
    Floor,
    Times,
    elsewhere,
)
from scheduler.search.layout import NONE, Shop, State

_AROUND: Final = 3
_PARTS: Final = 6
_FAR: Final = 4
"""So many of those that are pushed are looked at."""
_BACK: Final = 2
_WALK: Final = 32
"""Places before and behind the moment that an operation is ready, of one that is out."""
_PUSHED: Final = 3
"""A push is paid for by about so many operations."""


@inlined
def is_out(state: State, operation: int) -> bool:
    """Whether an operation that has been on a machine is taken out of it."""
    return state.previous[operation] < 0 and state.first[state.machine[operation]] != operation


@inlined
def behind_at(floor: Floor, state: State, times: Times, machine: int, moment: int) -> int:
    """Behind whom a moment lies on a machine.

    A way along the whole machine would take longer than all else of a move, so it begins at whom
    the last one to ask about that time was told.
    """
    last = state.last[machine]
    if last < 0:
        return NONE
    marks = times.hint.shape[1]
    mark = min(marks - 1, max(0, moment) * marks // (times.end[last] + 1))
    current = times.hint[machine, mark]
    if current < 0 or state.machine[current] != machine or is_out(state, current):
        current = last
    while current >= 0 and floor.rank[current] == FREE and times.start[current] >= moment:
        current = state.previous[current]
    after = state.first[machine] if current < 0 else state.following[current]
    while after >= 0 and (floor.rank[after] != FREE or times.start[after] < moment):
        current = after
        after = state.following[current]
    times.hint[machine, mark] = current
    return current


@inlined
def displacement(floor: Floor, operation: int, start: int) -> int:
    """What it costs that an operation starts then, not where the plan in force has it."""
    if floor.base_start[operation] == NOWHERE:
        return 0
    beyond = abs(start - floor.base_start[operation]) - floor.price[TOLERANCE]
    return floor.price[MOVE] * max(0, beyond)


@inlined
def lateness(floor: Floor, rules: Rules, operation: int, end: int) -> int:
    """What it costs that an operation ends then, as far as its job's due date shows it."""
    late = max(0, end + rules.tail[operation] - rules.due[operation])
    return floor.price[TARDINESS] * rules.weight[operation] * late


@inlined
def price_of(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    times: Times,
    operation: int,
    mode: int,
    behind: int,
    after: int,
    ready: int,
) -> int:
    """What a place seems to cost, seen from there."""
    free = 0 if behind < 0 else times.end[behind]
    start = max(ready, free)
    end = start + shop.mode_duration[mode]
    price = displacement(floor, operation, start) + lateness(floor, rules, operation, end)
    price += elsewhere(floor, operation, shop.mode_machine[mode])
    if after >= 0 and end > times.start[after]:
        push = end - times.start[after]
        price += _PUSHED * floor.price[MOVE] * push
        price += lateness(floor, rules, after, times.end[after] + push)
        price -= lateness(floor, rules, after, times.end[after])
    for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
        follower = shop.after[arc]
        if end > times.start[follower]:
            price += _PUSHED * floor.price[MOVE] * (end - times.start[follower])
    return price


@inlined
def seek(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    state: State,
    times: Times,
    random: Random,
    operation: int,
    hold: int,
    noise: int,
) -> tuple[int, int]:
    """The mode, and behind whom, that an operation seems to cost least; not where it is."""
    ready = max(hold, shop.release[operation])
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        ready = max(ready, times.end[shop.before[arc]] + shop.before_lag[arc])
    # Where there is a queue, places far ahead in it cost most: look anywhere between.
    moment = ready
    waits = times.start[operation] - ready
    if waits > 0:
        part = draw(random, _PARTS + 1)
        moment += waits * min(part, _PARTS - 1) // (_PARTS - 1)
    best_mode, best_behind, least = NONE, NONE, 0
    for mode in range(shop.mode_at[operation], shop.mode_at[operation + 1]):
        machine = shop.mode_machine[mode]
        behind = behind_at(floor, state, times, machine, moment)
        for _ in range(_AROUND):
            if behind < 0 or floor.rank[behind] != FREE:
                break
            behind = state.previous[behind]
        for _ in range(2 * _AROUND + 1):
            after = state.first[machine] if behind < 0 else state.following[behind]
            if after == operation:
                after = state.following[operation]
            legal = after < 0 or floor.rank[after] == FREE
            here = machine == state.machine[operation] and behind == state.previous[operation]
            if legal and behind != operation and (mode != times.mode[operation] or not here):
                price = price_of(shop, floor, rules, times, operation, mode, behind, after, ready)
                price += (price >> 4) * draw(random, noise + 1)
                price += draw(random, MINUTE * (noise + 1))
                if best_mode < 0 or price < least:
                    best_mode, best_behind, least = mode, behind, price
            if after < 0:
                break
            behind = after
    return best_mode, best_behind


@inlined
def _pushes(
    shop: Shop, floor: Floor, rules: Rules, state: State, times: Times, after: int, until: int
) -> int:
    """What it seems to cost that a machine is taken until then, instead of by whom comes after."""
    price = 0
    current, end = after, until
    for _ in range(_FAR):
        if current < 0:
            break
        push = end - times.start[current]
        if push <= 0:
            break
        price += displacement(floor, current, times.start[current] + push)
        price -= displacement(floor, current, times.start[current])
        end = times.end[current] + push
        price += lateness(floor, rules, current, end)
        price -= lateness(floor, rules, current, times.end[current])
        for arc in range(shop.after_at[current], shop.after_at[current + 1]):
            follower = shop.after[arc]
            later = end - times.start[follower]
            if later > 0:
                price += _PUSHED * floor.price[MOVE] * later
                price += lateness(floor, rules, follower, times.end[follower] + later)
                price -= lateness(floor, rules, follower, times.end[follower])
        current = state.following[current]
    return price


@compiled
def cheapest_from(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    state: State,
    times: Times,
    random: Random,
    operation: int,
    low: int,
    high: int,
    noise: int,
) -> tuple[int, int]:
    """The mode, and behind whom, that an operation that is out seems to cost least.

    Places are looked at from the moment it is ready on, as long as its own lateness there leaves
    hope; only between operations that stand in a stretch of the order.
    """
    ready = max(times.not_before[operation], shop.release[operation])
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        ready = max(ready, times.end[shop.before[arc]] + shop.before_lag[arc])
    best_mode, best_behind, least = NONE, NONE, 0
    for mode in range(shop.mode_at[operation], shop.mode_at[operation + 1]):
        machine = shop.mode_machine[mode]
        lasts = shop.mode_duration[mode]
        apart = elsewhere(floor, operation, machine)
        behind = behind_at(floor, state, times, machine, ready)
        for _ in range(_BACK):
            if behind < 0 or floor.rank[behind] != FREE:
                break
            behind = state.previous[behind]
        for _ in range(_WALK):
            after = state.first[machine] if behind < 0 else state.following[behind]
            free = 0 if behind < 0 else times.end[behind]
            start = max(ready, free)
            end = start + lasts
            price = apart + lateness(floor, rules, operation, end)
            if best_mode >= 0 and price >= least:
                break
            if (after < 0 or (floor.rank[after] == FREE and state.place[after] >= low)) and (
                behind < 0 or state.place[behind] < high
            ):
                price += displacement(floor, operation, start)
                if after >= 0:
                    price += _pushes(shop, floor, rules, state, times, after, end)
                price += (price >> 4) * draw(random, noise + 1)
                price += draw(random, MINUTE * (noise + 1))
                if best_mode < 0 or price < least:
                    best_mode, best_behind, least = mode, behind, price
            if after < 0:
                break
            behind = after
    return best_mode, best_behind
