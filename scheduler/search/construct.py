"""First solutions, by dispatching with some chance in it.

Of all operations that are ready the one that can end first names the machine; of those that could
start there before it ends, the one with the most work behind it (or, where due dates count, the
least slack) is next, give or take a random share (Giffler & Thompson 1960).
"""

from __future__ import annotations

import numpy as np

from scheduler.search.compiled import Ints, Random, allocating, draw, inlined
from scheduler.search.estimate import FAR
from scheduler.search.layout import NONE, Shop, Solution


@inlined
def _best_mode(
    shop: Shop, operation: int, ready: int, free: Ints, kinds: Ints
) -> tuple[int, int, int]:
    """The mode in which an operation would end first, and when it would start and end."""
    best_mode, best_start, best_end = NONE, FAR, FAR
    for mode in range(shop.mode_at[operation], shop.mode_at[operation + 1]):
        machine = shop.mode_machine[mode]
        start = free[machine]
        if shop.has_setup == 1:
            start += shop.setup[machine, kinds[machine], shop.kind[operation]]
        start = max(start, ready)
        end = start + shop.mode_duration[mode]
        if end < best_end:
            best_mode, best_start, best_end = mode, start, end
    return best_mode, best_start, best_end


@allocating
def _dispatch(
    shop: Shop,
    random: Random,
    urgency: Ints,
    noise: int,
    order: Ints,
    machine: Ints,
    duration: Ints,
) -> None:
    """Fill the three arrays with a solution."""
    n = shop.operations
    free = shop.open_at.copy()
    kinds = np.full(shop.machines, shop.setup.shape[1] - 1, dtype=np.int64)
    waits = np.zeros(n, dtype=np.int64)
    ready_at = shop.release.copy()
    ready = np.zeros(n, dtype=np.int64)
    modes = np.zeros(n, dtype=np.int64)
    starts = np.zeros(n, dtype=np.int64)
    ends = np.zeros(n, dtype=np.int64)
    count = 0
    for operation in range(n):
        waits[operation] = shop.before_at[operation + 1] - shop.before_at[operation]
        if waits[operation] == 0:
            ready[count] = operation
            count += 1
    changed = NONE
    for index in range(count):
        operation = ready[index]
        modes[operation], starts[operation], ends[operation] = _best_mode(
            shop, operation, ready_at[operation], free, kinds
        )
    for place in range(n):
        first = ready[0]
        for index in range(count):
            if ends[ready[index]] < ends[first]:
                first = ready[index]
        on = shop.mode_machine[modes[first]]
        winner, slot, highest = NONE, 0, -FAR
        for index in range(count):
            operation = ready[index]
            if shop.mode_machine[modes[operation]] != on or (
                starts[operation] >= ends[first] and operation != first
            ):
                continue
            rank = urgency[operation]
            if noise > 0:
                rank += draw(random, noise)
            if rank > highest:
                winner, slot, highest = operation, index, rank
        order[place] = winner
        machine[winner] = on
        duration[winner] = shop.mode_duration[modes[winner]]
        free[on] = ends[winner]
        kinds[on] = shop.kind[winner]
        changed = on
        count -= 1
        ready[slot] = ready[count]
        fresh = count
        for arc in range(shop.after_at[winner], shop.after_at[winner + 1]):
            after = shop.after[arc]
            waits[after] -= 1
            ready_at[after] = max(ready_at[after], ends[winner] + shop.after_lag[arc])
            if waits[after] == 0:
                ready[count] = after
                count += 1
        for index in range(count):
            operation = ready[index]
            if index >= fresh or shop.mode_machine[modes[operation]] == changed:
                modes[operation], starts[operation], ends[operation] = _best_mode(
                    shop, operation, ready_at[operation], free, kinds
                )


def dispatched(shop: Shop, random: Random, urgency: Ints, noise: int) -> Solution:
    """A solution; its value is not known yet.

    Args:
        shop: the shop.
        random: where chance comes from.
        urgency: who comes first: the higher.
        noise: a random number below this is added to it each time; 0 for none.
    """
    order = np.zeros(shop.operations, dtype=np.int64)
    machine, duration = order.copy(), order.copy()
    _dispatch(shop, random, urgency, noise, order, machine, duration)
    return Solution(order, machine, duration, FAR)


def work_behind(shop: Shop) -> Ints:
    """The longest way from each operation's start to its job's end, every one at its shortest."""
    shortest = [
        int(shop.mode_duration[shop.mode_at[i] : shop.mode_at[i + 1]].min())
        for i in range(shop.operations)
    ]
    waits = [int(shop.after_at[i + 1] - shop.after_at[i]) for i in range(shop.operations)]
    behind = list(shortest)
    done = [i for i, count in enumerate(waits) if not count]
    while done:
        operation = done.pop()
        for arc in range(int(shop.before_at[operation]), int(shop.before_at[operation + 1])):
            before = int(shop.before[arc])
            way = shortest[before] + int(shop.before_lag[arc]) + behind[operation]
            behind[before] = max(behind[before], way)
            waits[before] -= 1
            if not waits[before]:
                done.append(before)
    return np.array(behind, dtype=np.int64)
