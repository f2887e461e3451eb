"""Ruin and recreate by jobs: some are taken out from an operation on, and put back one by one.

In a shop that has too much to do one has to decide which jobs are late, and that is nothing a
single operation can do: the rest of its job would still stand in everybody's way. So all that
follows it in its job is taken out, with what of another job it has waited for, and goes back place
by place, the late job first (Shaw 1998; Christiaens & Vanden Berghe 2020). Every step is computed
exactly; steps are added up, and given up as soon as they cost more than annealing bears.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from scheduler.search.compiled import Ints, Random, compiled, draw, inlined
from scheduler.search.dispatching import Rules
from scheduler.search.drawing import displaced_operation, last_of, late_job, way_back_to
from scheduler.search.floor import (
    FREE,
    NOWHERE,
    TOLERANCE,
    Floor,
    Times,
    change_of,
    elsewhere,
    flow,
    job_end,
    touch,
)
from scheduler.search.graph import insert, link, take_out, unlink
from scheduler.search.layout import NONE, Shop, State
from scheduler.search.pricing import cheapest_from
from scheduler.search.repairing import (
    ABANDONED,
    ACCEPTED,
    BEST,
    HIGH,
    LOW,
    MOVES,
    NOISE,
    TOUCHED,
    VALUE,
    keep,
)

MOST_OUT: Final = 24
"""So many operations are taken out at most."""
_STEPS: Final = 6
"""A trail is as long as so many steps in which everything changes."""
_FINE: Final = 1 << 30
_MOST: Final = 1e17
_UNBOUND: Final = 1 << 60
_WORTH: Final = 10
ALONE: Final = 7
BLOCKED: Final = 8
MOVED: Final = 9
"""Shares of 16, in the same array as repairing's: a late job alone; with one that it waits for; one
that is displaced; the others are of any job."""


class Trail(NamedTuple):
    """What takes a rebuilding back, and what it works on.

    Attributes:
        job_at, of_job: the operations of each job.
        operation, start, end, setup: what was computed, as it was, step by step.
        out: the operations that are out, in the order they go back.
        machine, mode, lasting, hold, behind: where those were, behind whom.
        order: the order before.
        counts: how many are out, and how long the trail is.
    """

    job_at: Ints
    of_job: Ints
    operation: Ints
    start: Ints
    end: Ints
    setup: Ints
    out: Ints
    machine: Ints
    mode: Ints
    lasting: Ints
    hold: Ints
    behind: Ints
    order: Ints
    counts: Ints


_OUT: Final = 0
_LONG: Final = 1


def trail_of(shop: Shop) -> Trail:
    """An empty trail with room for the shop."""

    def row(length: int) -> Ints:
        return np.zeros(max(1, length), dtype=np.int64)

    count = shop.operations
    job = shop.job[:count]
    job_at = row(shop.jobs + 1)
    np.cumsum(np.bincount(job, minlength=shop.jobs), out=job_at[1:])
    of_job = row(count)
    of_job[:count] = np.argsort(job, kind="stable")
    length = _STEPS * count
    return Trail(
        job_at=job_at,
        of_job=of_job,
        operation=row(length),
        start=row(length),
        end=row(length),
        setup=row(length),
        out=row(MOST_OUT),
        machine=row(MOST_OUT),
        mode=row(MOST_OUT),
        lasting=row(MOST_OUT),
        hold=row(MOST_OUT),
        behind=row(MOST_OUT),
        order=row(count),
        counts=row(2),
    )


@inlined
def _choose(
    shop: Shop, floor: Floor, state: State, trail: Trail, begin: int, low: int, high: int
) -> None:
    """Have an operation taken out, with what comes after it in its job."""
    job = shop.job[begin]
    first = trail.counts[_OUT]
    from_ = state.place[begin]
    for index in range(trail.job_at[job], trail.job_at[job + 1]):
        operation = trail.of_job[index]
        at = state.place[operation]
        if at < from_ or at < low or at >= high or floor.rank[operation] != FREE:
            continue
        count = trail.counts[_OUT]
        slot = count
        while slot > first and state.place[trail.out[slot - 1]] > at:
            slot -= 1
        if slot >= MOST_OUT:
            continue
        last = min(count, MOST_OUT - 1)
        for other in range(last, slot, -1):
            trail.out[other] = trail.out[other - 1]
        trail.out[slot] = operation
        trail.counts[_OUT] = last + 1


@compiled
def _draw_out(
    shop: Shop,
    floor: Floor,
    state: State,
    times: Times,
    random: Random,
    shares: Ints,
    trail: Trail,
) -> None:
    """Choose what is taken out."""
    low, high = shares[LOW], min(shares[HIGH], shop.operations)
    trail.counts[_OUT] = 0
    kind = draw(random, 16)
    alone, blocked = shares[ALONE], shares[ALONE] + shares[BLOCKED]
    if kind < blocked:
        job = late_job(shop, floor, times, random)
        if job < 0:
            return
        length = way_back_to(shop, floor, state, times, last_of(floor, times, job))
        at = draw(random, length)
        begin = state.way[at]
        own = at
        while own > 0 and shop.job[state.way[own]] != job:
            own -= 1
        mine = state.way[own]
        if kind < alone:
            first = trail.job_at[job]
            begin = trail.of_job[first + draw(random, trail.job_at[job + 1] - first)]
            _choose(shop, floor, state, trail, begin, low, high)
            return
        _choose(shop, floor, state, trail, mine, low, high)
        if shop.job[begin] != job:
            _choose(shop, floor, state, trail, begin, low, high)
        return
    begin = NONE
    if kind < blocked + shares[MOVED]:
        begin = displaced_operation(shop, floor, state, times, random)
    if begin < 0:
        begin = state.order[low + draw(random, high - low)]
    _choose(shop, floor, state, trail, begin, low, high)


@inlined
def _remember(times: Times, trail: Trail, count: int) -> None:
    """Add a step to the trail."""
    at = trail.counts[_LONG]
    for index in range(count):
        trail.operation[at] = times.log[index]
        trail.start[at] = times.log_start[index]
        trail.end[at] = times.log_end[index]
        trail.setup[at] = times.log_setup[index]
        at += 1
    trail.counts[_LONG] = at


@compiled
def _clear_out(
    shop: Shop,
    floor: Floor,
    state: State,
    times: Times,
    random: Random,
    trail: Trail,
) -> int:
    """Take the chosen out; returns by how much that changes the cost."""
    count = trail.counts[_OUT]
    word, last = shop.operations, 0
    trail.counts[_LONG] = 0
    job, held = NONE, False
    for index in range(count):
        operation = trail.out[index]
        if shop.job[operation] != job:
            job = shop.job[operation]
            late = job_end(floor, times, job) > floor.due[job]
            held = draw(random, 4) == 0 if late else draw(random, 8) != 0
        trail.machine[index] = state.machine[operation]
        trail.mode[index] = times.mode[operation]
        trail.lasting[index] = state.duration[operation]
        trail.hold[index] = times.not_before[operation]
        trail.behind[index] = state.previous[operation]
        after = state.following[operation]
        take_out(state, operation)
        base = floor.base_start[operation]
        hold = 0
        if held and base != NOWHERE:
            hold = max(0, base - floor.price[TOLERANCE])
        times.not_before[operation] = hold
        for each in (operation, after):
            if each >= 0:
                touched = touch(state, times, each)
                word, last = min(word, touched), max(last, touched)
    changed = flow(shop, floor, state, times, word, last, _UNBOUND)
    change = change_of(shop, floor, state, times, changed)
    _remember(times, trail, changed)
    return change


@compiled
def _put_back(
    state: State,
    times: Times,
    trail: Trail,
    placed: int,
    low: int,
    high: int,
) -> None:
    """Restore everything; so many had been put back, and the order has changed from low to high."""
    for index in range(trail.counts[_LONG] - 1, -1, -1):
        operation = trail.operation[index]
        times.start[operation] = trail.start[index]
        times.end[operation] = trail.end[index]
        times.setup[operation] = trail.setup[index]
    for index in range(placed):
        unlink(state, trail.out[index])
    for index in range(trail.counts[_OUT] - 1, -1, -1):
        operation = trail.out[index]
        link(state, operation, trail.machine[index], trail.behind[index])
        state.duration[operation] = trail.lasting[index]
        times.mode[operation] = trail.mode[index]
        times.not_before[operation] = trail.hold[index]
    for place in range(low, high + 1):
        operation = trail.order[place]
        state.order[place] = operation
        state.place[operation] = place


@compiled
def _find_place(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    state: State,
    times: Times,
    random: Random,
    counters: Ints,
    shares: Ints,
    trail: Trail,
    index: int,
    bearable: int,
) -> tuple[int, int, int]:
    """Put one operation where it seems to cost least, and compute what follows.

    Returns:
        The first and the last place in the order that it concerns, and by how much that changes the
        cost: more than bearable if it was not computed to the end. (-1, -1, 0) if there is no
        place, and then it is still out.
    """
    low_at, high_at = shares[LOW], min(shares[HIGH], shop.operations)
    operation = trail.out[index]
    if trail.counts[_LONG] + shop.operations > len(trail.operation):
        return -1, -1, 0
    chosen, behind = cheapest_from(
        shop, floor, rules, state, times, random, operation, low_at, high_at, shares[NOISE]
    )
    if chosen < 0:
        return -1, -1, 0
    to = shop.mode_machine[chosen]
    low, high = insert(shop, state, operation, to, shop.mode_duration[chosen], behind)
    if low < 0:
        return -1, -1, 0
    times.mode[operation] = chosen
    change = elsewhere(floor, operation, to) - elsewhere(floor, operation, trail.machine[index])
    word = touch(state, times, operation)
    last = word
    after = state.following[operation]
    if after >= 0:
        last = touch(state, times, after)
        word, last = min(word, last), max(word, last)
    changed = flow(shop, floor, state, times, word, last, bearable - change)
    if changed < 0:
        changed = -changed - 1
        counters[ABANDONED] += 1
        change = bearable + 1
    else:
        change += change_of(shop, floor, state, times, changed)
    counters[TOUCHED] += changed
    _remember(times, trail, changed)
    return low, high, change


@compiled
def rebuild(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    state: State,
    times: Times,
    random: Random,
    counters: Ints,
    shares: Ints,
    trail: Trail,
    order: Ints,
    mode: Ints,
    hold: Ints,
    moves: int,
    temperature: float,
) -> None:
    """Rebuild some jobs at one temperature, as `repairing.repair` moves operations.

    The counters are that one's, which has to have been called before. What needs people or tools,
    or is judged by more than `Floor.price` says, is not known here.
    """
    for place in range(shop.operations):
        trail.order[place] = state.order[place]
    for _ in range(moves):
        counters[MOVES] += 1
        _draw_out(shop, floor, state, times, random, shares, trail)
        count = trail.counts[_OUT]
        if count == 0:
            continue
        # Annealing's rule, the other way round: chance first says how much may be lost.
        bearable = -math.log((draw(random, _FINE) + 1) / _FINE) * temperature
        limit = int(min(bearable, _MOST))
        change = _clear_out(shop, floor, state, times, random, trail)
        low, high = shop.operations, -1
        placed = 0
        while placed < count and change <= limit:
            first, last, by = _find_place(
                shop,
                floor,
                rules,
                state,
                times,
                random,
                counters,
                shares,
                trail,
                placed,
                limit - change,
            )
            if first < 0:
                break
            low, high = min(low, first), max(high, last)
            placed += 1
            change += by
        if placed < count or change > limit:
            _put_back(state, times, trail, placed, low, high)
            continue
        for place in range(low, high + 1):
            trail.order[place] = state.order[place]
        counters[ACCEPTED] += 1
        counters[VALUE] += change
        if counters[VALUE] < counters[BEST] - (counters[BEST] >> _WORTH):
            counters[BEST] = counters[VALUE]
            keep(shop, state, times, order, mode, hold)
    if counters[VALUE] < counters[BEST]:
        counters[BEST] = counters[VALUE]
        keep(shop, state, times, order, mode, hold)
