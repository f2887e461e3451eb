"""Annealing of a real shop: what is late or displaced is put where it seems to cost least.

An operation is chosen on the way that makes a late job late, or a displaced operation displaced.
All its machines, and the places there around the moment it is ready, are priced by what is seen at
once: its own lateness and displacement, and those of whom it would push. The cheapest by that, with
some chance in it, is tried; its consequences are computed exactly, and perhaps taken back.
"""

from __future__ import annotations

import math
from typing import Final

from scheduler.search.compiled import Ints, Random, compiled, draw
from scheduler.search.dispatching import Rules
from scheduler.search.drawing import displaced_operation, late_operation, next_in_turn
from scheduler.search.floor import (
    FREE,
    NOWHERE,
    TOLERANCE,
    Floor,
    Times,
    change_of,
    cost_of,
    elsewhere,
    follow,
    undo,
)
from scheduler.search.graph import relocate
from scheduler.search.layout import NONE, Shop, State
from scheduler.search.pricing import behind_at, seek
from scheduler.search.turns import after_undo, before_move

VALUE: Final = 0
BEST: Final = 1
MOVES: Final = 2
ACCEPTED: Final = 3
ABANDONED: Final = 4
TOUCHED: Final = 5
"""Counters: value, best value, moves, moves that were kept, moves whose consequences were not worth
computing to the end, operations computed, and (`TURN`) whose turn it is."""
_KINDS: Final = 16
LATE: Final = 0
DISPLACED: Final = 1
BACK: Final = 2
SWEEP: Final = 3
"""Shares of moves, of 16: along the way of a late job, of a displaced operation, back to where the
plan in force has it, and of what is late or displaced, one after the other; the others are of any
operation."""
NOISE: Final = 4
"""How much of a price is chance, in 16ths."""
LOW: Final = 5
HIGH: Final = 6
"""The stretch of the topological order that is worked on. What stands in it stays in it, so threads
that work on different stretches of one solution find changes that go together."""
_FINE: Final = 1 << 30
_DRAWN: Final = 3
_MOST: Final = 1e17
_WORTH: Final = 10


@compiled
def keep(shop: Shop, state: State, times: Times, order: Ints, mode: Ints, hold: Ints) -> None:
    """Put the solution into arrays."""
    for index in range(shop.operations):
        order[index] = state.order[index]
        mode[index] = times.mode[index]
        hold[index] = times.not_before[index]


@compiled
def repair(
    shop: Shop,
    floor: Floor,
    rules: Rules,
    state: State,
    times: Times,
    random: Random,
    counters: Ints,
    shares: Ints,
    order: Ints,
    mode: Ints,
    hold: Ints,
    moves: int,
    temperature: float,
) -> None:
    """Try some moves at one temperature, in units of the objective times 60,000."""
    if counters[MOVES] == 0:
        counters[VALUE] = cost_of(shop, floor, state.machine, times)
        counters[BEST] = counters[VALUE]
        keep(shop, state, times, order, mode, hold)
    tolerance = floor.price[TOLERANCE]
    late, displaced = shares[LATE], shares[LATE] + shares[DISPLACED]
    back, sweep = displaced + shares[BACK], _KINDS - shares[SWEEP]
    low_at, high_at = shares[LOW], min(shares[HIGH], shop.operations)
    for _ in range(moves):
        counters[MOVES] += 1
        kind = draw(random, _KINDS)
        operation = NONE
        for _ in range(_DRAWN):
            if kind >= sweep:
                operation = next_in_turn(shop, floor, state, times, counters, low_at, high_at)
            elif kind < late:
                operation = late_operation(shop, floor, state, times, random)
            elif kind < displaced:
                operation = displaced_operation(shop, floor, state, times, random)
            if operation < 0 or low_at <= state.place[operation] < high_at:
                break
            operation = NONE
        if operation < 0:
            operation = state.order[low_at + draw(random, high_at - low_at)]
        if floor.rank[operation] != FREE:
            continue
        base = floor.base_start[operation]
        machine = state.machine[operation]
        held = times.not_before[operation]
        hold_at = 0 if base == NOWHERE else max(0, base - tolerance)
        if kind < late or (kind >= sweep and draw(random, 2) == 0):
            hold_at = 0
        chosen, behind = NONE, NONE
        if displaced <= kind < back and base != NOWHERE:
            for each in range(shop.mode_at[operation], shop.mode_at[operation + 1]):
                if shop.mode_machine[each] == floor.base_machine[operation]:
                    chosen = each
            if chosen >= 0:
                behind = behind_at(floor, state, times, shop.mode_machine[chosen], base)
                if behind == operation:
                    behind = state.previous[operation]
        if chosen < 0:
            chosen, behind = seek(
                shop, floor, rules, state, times, random, operation, hold_at, shares[NOISE]
            )
        if chosen < 0:
            continue
        to = shop.mode_machine[chosen]
        was_mode = times.mode[operation]
        was_lasting = state.duration[operation]
        was_behind = state.previous[operation]
        was_before = state.following[operation]
        if to == machine and behind == was_behind and hold_at == held and chosen == was_mode:
            continue
        after = state.first[to] if behind < 0 else state.following[behind]
        if (behind >= 0 and state.place[behind] >= high_at) or (
            after >= 0 and state.place[after] < low_at
        ):
            continue
        was_low, was_high = before_move(floor.around, state, operation, behind, after)
        low, high = relocate(shop, state, operation, to, shop.mode_duration[chosen], behind)
        if low < 0:
            continue
        times.mode[operation] = chosen
        times.not_before[operation] = hold_at
        # Annealing's rule, the other way round: chance first says how much may be lost.
        bearable = -math.log((draw(random, _FINE) + 1) / _FINE) * temperature
        bearable -= elsewhere(floor, operation, to) - elsewhere(floor, operation, machine)
        limit = int(min(bearable, _MOST))
        changed = follow(shop, floor, state, times, operation, was_before, limit, low, high)
        counters[TOUCHED] += abs(changed)
        change = limit + 1
        if changed >= 0:
            change = change_of(shop, floor, state, times, changed)
        else:
            changed = -changed - 1
            counters[ABANDONED] += 1
        if change <= limit:
            change += elsewhere(floor, operation, to) - elsewhere(floor, operation, machine)
            counters[ACCEPTED] += 1
            counters[VALUE] += change
            # To keep a solution takes as long as a move: not for every small gain.
            if counters[VALUE] < counters[BEST] - (counters[BEST] >> _WORTH):
                counters[BEST] = counters[VALUE]
                keep(shop, state, times, order, mode, hold)
            continue
        undo(floor, times, changed)
        times.mode[operation] = was_mode
        times.not_before[operation] = held
        relocate(shop, state, operation, machine, was_lasting, was_behind)
        after_undo(floor.around, state, was_low, was_high)
    if counters[VALUE] < counters[BEST]:
        counters[BEST] = counters[VALUE]
        keep(shop, state, times, order, mode, hold)
