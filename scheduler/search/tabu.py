"""Tabu search for the makespan: N7 on critical blocks, N_opt between machines.

One longest way is drawn at random. On each of its blocks (operations that follow each other on one
machine) an inner operation moves behind the block's last or before its first, and the first and
last move inside (N7: Zhang, Li, Guan & Rao 2007). Each operation that another machine can do
is tried in every place there that closes no circle. The move with the smallest estimate is made
unless it is tabu: what was moved is not to come back behind its back, nor to its machine, for a
while that is drawn at random. A move that promises a new best is never tabu; if all are, chance
decides.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from scheduler.search.compiled import Ints, Random, compiled, draw, inlined
from scheduler.search.estimate import (
    FAR,
    after_on_machine,
    before_on_machine,
    may_follow,
    may_precede,
)
from scheduler.search.graph import (
    heads_from,
    job_head,
    job_tail,
    last_end,
    load,
    machine_head,
    relocate,
    save,
    setup_between,
    tails_to,
)
from scheduler.search.layout import NONE, Shop, Solution, State, blank

RUNNING: Final = 0
"""There is more to do."""
STALE: Final = 1
"""Too many iterations without a gain, or no move at all: the way is one job's."""
REACHED: Final = 2
"""The target is reached."""

_ITERATION: Final = 0
_VALUE: Final = 1
_BEST: Final = 2
_GAINED: Final = 3
_RETREATED: Final = 4
"""Counters."""

_ESTIMATE: Final = 0
_OPERATION: Final = 1
_MODE: Final = 2
_BEHIND: Final = 3
_TIES: Final = 4
_REFUSED: Final = 5
_ANY_OPERATION: Final = 6
_ANY_MODE: Final = 7
_ANY_BEHIND: Final = 8
_LIMIT: Final = 9
"""What is picked: the best move, how many are as good, and one of the refused ones by chance."""

_TABLE_BITS: Final = 20
_REACH: Final = 8
"""How far an operation moves on its machine where set-ups make every place different."""


class Memory(NamedTuple):
    """What a tabu search remembers.

    Attributes:
        pairs: until which iteration one operation may not come before another; hashed.
        machines: until which iteration an operation may not go to a machine; by both.
        counters: iteration, value, best value, iteration of the last gain, circles met.
        pick: the move that is being picked.
        order, machine, duration: the best solution, as `graph.save` writes it.
    """

    pairs: Ints
    machines: Ints
    counters: Ints
    pick: Ints
    order: Ints
    machine: Ints
    duration: Ints


def memory(shop: Shop) -> Memory:
    """An empty memory."""
    n = shop.operations
    bits = min(_TABLE_BITS, max(4, (n * n - 1).bit_length()))

    def zeros(length: int) -> Ints:
        return np.zeros(max(length, 1), dtype=np.int64)

    return Memory(
        pairs=zeros(1 << bits),
        machines=zeros(n * shop.machines),
        counters=zeros(8),
        pick=zeros(12),
        order=zeros(n),
        machine=zeros(n),
        duration=zeros(n),
    )


@inlined
def _pair(memory: Memory, shop: Shop, before: int, after: int) -> int:
    return (before * shop.operations + after) & (memory.pairs.shape[0] - 1)


@inlined
def _offer(
    pick: Ints, random: Random, estimate: int, tabu: bool, operation: int, mode: int, behind: int
) -> None:
    """Consider a move."""
    if tabu:
        pick[_REFUSED] += 1
        if draw(random, pick[_REFUSED]) == 0:
            pick[_ANY_OPERATION] = operation
            pick[_ANY_MODE] = mode
            pick[_ANY_BEHIND] = behind
        return
    if estimate < pick[_ESTIMATE]:
        pick[_TIES] = 1
    elif estimate == pick[_ESTIMATE]:
        pick[_TIES] += 1
        if draw(random, pick[_TIES]) != 0:
            return
    else:
        return
    pick[_ESTIMATE] = estimate
    pick[_OPERATION] = operation
    pick[_MODE] = mode
    pick[_BEHIND] = behind


@compiled
def _offer_after(
    shop: Shop, state: State, memory: Memory, random: Random, operation: int, behind: int
) -> None:
    """Consider to move an operation behind a later one of its machine."""
    if not may_follow(shop, state, operation, behind):
        return
    iteration = memory.counters[_ITERATION]
    tabu = False
    current = operation
    while current != behind:
        current = state.following[current]
        if memory.pairs[_pair(memory, shop, current, operation)] > iteration:
            tabu = True
            break
    limit = memory.counters[_BEST] - 1 if tabu else memory.pick[_ESTIMATE]
    estimate = after_on_machine(shop, state, operation, behind, limit)
    if tabu and estimate < memory.counters[_BEST]:
        tabu = False
    _offer(memory.pick, random, estimate, tabu, operation, NONE, behind)


@compiled
def _offer_before(
    shop: Shop, state: State, memory: Memory, random: Random, operation: int, ahead: int
) -> None:
    """Consider to move an operation before an earlier one of its machine."""
    if not may_precede(shop, state, operation, ahead):
        return
    iteration = memory.counters[_ITERATION]
    tabu = False
    current = operation
    while current != ahead:
        current = state.previous[current]
        if memory.pairs[_pair(memory, shop, operation, current)] > iteration:
            tabu = True
            break
    limit = memory.counters[_BEST] - 1 if tabu else memory.pick[_ESTIMATE]
    estimate = before_on_machine(shop, state, operation, ahead, limit)
    if tabu and estimate < memory.counters[_BEST]:
        tabu = False
    _offer(memory.pick, random, estimate, tabu, operation, NONE, state.previous[ahead])


@inlined
def _offer_machines(
    shop: Shop, state: State, memory: Memory, random: Random, operation: int
) -> None:
    """Consider every place on the other machines that can do an operation."""
    here = state.machine[operation]
    iteration = memory.counters[_ITERATION]
    latest_before = -1
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        latest_before = max(latest_before, state.head[shop.before[arc]])
    earliest_after = FAR
    for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
        after = shop.after[arc]
        earliest_after = min(earliest_after, state.head[after] + state.duration[after])
    head = job_head(shop, state, operation)
    tail = job_tail(shop, state, operation)
    for mode in range(shop.mode_at[operation], shop.mode_at[operation + 1]):
        machine = shop.mode_machine[mode]
        if machine == here:
            continue
        lasts = shop.mode_duration[mode]
        tabu = memory.machines[operation * shop.machines + machine] > iteration
        behind = NONE
        ahead = state.first[machine]
        while ahead >= 0 and state.head[ahead] + state.duration[ahead] <= latest_before:
            behind = ahead
            ahead = state.following[ahead]
        while True:
            if behind >= 0 and state.head[behind] >= earliest_after:
                break
            free = shop.open_at[machine]
            if behind >= 0:
                free = state.head[behind] + state.duration[behind]
            start = max(head, free + setup_between(shop, machine, behind, operation))
            shortest = start + lasts + tail
            if shortest > memory.pick[_ESTIMATE] and behind >= 0 and start > head:
                break
            estimate = shortest
            if ahead >= 0:
                setup = setup_between(shop, machine, operation, ahead)
                way = setup + state.duration[ahead] + state.tail[ahead]
                estimate = max(estimate, start + lasts + way)
            refused = tabu and estimate >= memory.counters[_BEST]
            _offer(memory.pick, random, estimate, refused, operation, mode, behind)
            if ahead < 0:
                break
            behind = ahead
            ahead = state.following[ahead]


@inlined
def _trace(shop: Shop, state: State, random: Random, value: int) -> int:
    """Draw a longest way, from its end backwards, into `way`; `link` is 1 for arcs of machines.

    Returns:
        How many operations it has.
    """
    count = 0
    seen = 0
    current = NONE
    for machine in range(shop.machines):
        operation = state.last[machine]
        if operation >= 0 and state.head[operation] + state.duration[operation] == value:
            seen += 1
            if draw(random, seen) == 0:
                current = operation
    while current >= 0:
        state.way[count] = current
        head = state.head[current]
        chosen = NONE
        by_machine = 0
        seen = 0
        before = state.previous[current]
        if before >= 0 and machine_head(shop, state, current) == head:
            seen = 1
            chosen = before
            by_machine = 1
        for arc in range(shop.before_at[current], shop.before_at[current + 1]):
            before = shop.before[arc]
            moment = state.head[before] + state.duration[before] + shop.before_lag[arc]
            if moment == head:
                seen += 1
                if draw(random, seen) == 0:
                    chosen = before
                    by_machine = 0
        state.link[count] = by_machine
        count += 1
        current = chosen
    return count


@compiled
def _offer_block(
    shop: Shop, state: State, memory: Memory, random: Random, low: int, high: int
) -> None:
    """Consider N7's moves of a block; the way is backwards, so `low` is where the block ends."""
    way = state.way
    final = way[low]
    initial = way[high]
    _offer_after(shop, state, memory, random, initial, final)
    if high - low == 1:
        return
    _offer_before(shop, state, memory, random, final, initial)
    for index in range(low + 1, high):
        inner = way[index]
        _offer_after(shop, state, memory, random, inner, final)
        _offer_before(shop, state, memory, random, inner, initial)
        _offer_after(shop, state, memory, random, initial, inner)
        _offer_before(shop, state, memory, random, final, inner)


@compiled
def _offer_near(shop: Shop, state: State, memory: Memory, random: Random, operation: int) -> None:
    """Consider all near places on the operation's own machine."""
    behind = state.following[operation]
    for _ in range(_REACH):
        if behind < 0:
            break
        _offer_after(shop, state, memory, random, operation, behind)
        behind = state.following[behind]
    ahead = state.previous[operation]
    for _ in range(_REACH):
        if ahead < 0:
            break
        _offer_before(shop, state, memory, random, operation, ahead)
        ahead = state.previous[ahead]


@compiled
def _offer_all(shop: Shop, state: State, memory: Memory, random: Random) -> int:
    """Pick a move; returns the length of the way that was drawn."""
    pick = memory.pick
    pick[_ESTIMATE] = FAR - 1
    pick[_OPERATION] = NONE
    pick[_REFUSED] = 0
    count = _trace(shop, state, random, memory.counters[_VALUE])
    low = 0
    while low < count:
        high = low
        while high < count - 1 and state.link[high] == 1:
            high += 1
        if high > low and shop.has_setup == 0:
            _offer_block(shop, state, memory, random, low, high)
        low = high + 1
    for index in range(count):
        operation = state.way[index]
        if shop.has_setup == 1:
            _offer_near(shop, state, memory, random, operation)
        if shop.mode_at[operation + 1] - shop.mode_at[operation] > 1:
            _offer_machines(shop, state, memory, random, operation)
    return count


@inlined
def _forbid(
    shop: Shop, state: State, memory: Memory, operation: int, behind: int, until: int
) -> None:
    """Make the way back of a move on one machine tabu; called before the move is made."""
    if behind >= 0 and state.place[behind] > state.place[operation]:
        current = operation
        while current != behind:
            current = state.following[current]
            memory.pairs[_pair(memory, shop, operation, current)] = until
    else:
        current = state.previous[operation]
        while current != behind:
            memory.pairs[_pair(memory, shop, current, operation)] = until
            current = state.previous[current]


@compiled
def begin(shop: Shop, state: State, memory: Memory) -> None:
    """Start from the state's solution, with nothing forbidden and nothing better known."""
    memory.pairs[:] = 0
    memory.machines[:] = 0
    memory.counters[:] = 0
    value = last_end(shop, state)
    memory.counters[_VALUE] = value
    memory.counters[_BEST] = value
    save(shop, state, memory.order, memory.machine, memory.duration)


@compiled
def step(
    shop: Shop,
    state: State,
    memory: Memory,
    random: Random,
    iterations: int,
    patience: int,
    target: int,
) -> int:
    """Go on for some iterations.

    Args:
        shop: what is searched.
        state: where the search is.
        memory: what it remembers.
        random: where chance comes from.
        iterations: how many at most.
        patience: STALE after so many without a gain.
        target: REACHED as soon as the best value is not above it.

    Returns:
        RUNNING, STALE or REACHED.
    """
    counters, pick = memory.counters, memory.pick
    base = 10 + shop.jobs // max(shop.machines, 1)
    for _ in range(iterations):
        if counters[_BEST] <= target:
            return REACHED
        if counters[_ITERATION] - counters[_GAINED] >= patience:
            return STALE
        counters[_ITERATION] += 1
        iteration = counters[_ITERATION]
        length = _offer_all(shop, state, memory, random)
        operation, mode, behind = pick[_OPERATION], pick[_MODE], pick[_BEHIND]
        if operation < 0:
            if pick[_REFUSED] == 0:
                return STALE
            operation, mode = pick[_ANY_OPERATION], pick[_ANY_MODE]
            behind = pick[_ANY_BEHIND]
        if mode < 0:
            machine, lasts = state.machine[operation], state.duration[operation]
            until = iteration + base + draw(random, base // 2 + 1)
            _forbid(shop, state, memory, operation, behind, until)
        else:
            machine, lasts = shop.mode_machine[mode], shop.mode_duration[mode]
            until = iteration + base + draw(random, length + 1)
            memory.machines[operation * shop.machines + state.machine[operation]] = until
        low, high = relocate(shop, state, operation, machine, lasts, behind)
        if low < 0:
            counters[_RETREATED] += 1
            continue
        heads_from(shop, state, low)
        tails_to(shop, state, high)
        value = last_end(shop, state)
        counters[_VALUE] = value
        if value < counters[_BEST]:
            counters[_BEST] = value
            counters[_GAINED] = iteration
            save(shop, state, memory.order, memory.machine, memory.duration)
    return RUNNING


def best(memory: Memory) -> Solution:
    """A copy of the best solution since `begin`."""
    return Solution(
        order=memory.order.copy(),
        machine=memory.machine.copy(),
        duration=memory.duration.copy(),
        value=int(memory.counters[_BEST]),
    )


def start(shop: Shop, state: State, memory: Memory, solution: Solution) -> None:
    """Begin at a solution at rest."""
    load(shop, state, solution.order, solution.machine, solution.duration)
    begin(shop, state, memory)


def fresh(shop: Shop) -> tuple[State, Memory]:
    """Room for one search."""
    return blank(shop), memory(shop)
