"""Right-shift, compiled: the plan in force again, later where it has to be.

What `domain.plan.right_shift` does, with the same result: operations that are ready are placed by
their turn in the plan in force, each where it was; what waits for a pinned one is parked.
"""

from __future__ import annotations

from scheduler.search.compiled import Ints, compiled, inlined
from scheduler.search.desk import (
    HEAPED,
    PILED,
    PLACED,
    Desk,
    clear,
    is_next,
    place,
    push,
    ready_of,
    remove,
    when,
)
from scheduler.search.floor import FREE, Floor, Times
from scheduler.search.layout import NONE, Shop


@inlined
def _soonest(shop: Shop, floor: Floor, desk: Desk, times: Times, operation: int, ready: int) -> int:
    """The mode in which an operation ends first, of those whose machines are open."""
    first, over = shop.mode_at[operation], shop.mode_at[operation + 1]
    best, least = NONE, 0
    for mode in range(first, over):
        if desk.open_left[shop.mode_machine[mode]] == 0:
            _setup, _start, end = when(shop, floor, desk, times, operation, mode, ready)
            if best < 0 or end < least:
                best, least = mode, end
    return best


@inlined
def _where(shop: Shop, floor: Floor, desk: Desk, times: Times, operation: int, ready: int) -> int:
    """The mode that an operation takes where it was; NONE when that waits for pinned work."""
    first, over = shop.mode_at[operation], shop.mode_at[operation + 1]
    if floor.rank[operation] != FREE:
        return first if is_next(shop, desk, operation) else NONE
    for mode in range(first, over):
        if shop.mode_machine[mode] == floor.base_machine[operation]:
            return mode if desk.open_left[shop.mode_machine[mode]] == 0 else NONE
    return _soonest(shop, floor, desk, times, operation, ready)


@inlined
def _hand_on(shop: Shop, desk: Desk, turn: Ints) -> None:
    """Let the followers of what has been placed have their turn."""
    while desk.counts[PILED] > 0:
        desk.counts[PILED] -= 1
        operation = desk.pile[desk.counts[PILED]]
        for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
            follower = shop.after[arc]
            desk.waits[follower] -= 1
            if desk.waits[follower] == 0 and desk.placed[follower] == 0:
                push(desk, follower, turn[follower])


@inlined
def _unpark(shop: Shop, desk: Desk, turn: Ints) -> None:
    for operation in range(shop.operations):
        if desk.parked[operation] == 1:
            desk.parked[operation] = 0
            push(desk, operation, turn[operation])


@compiled
def shift(shop: Shop, floor: Floor, desk: Desk, times: Times, turn: Ints) -> int:
    """Place everything by turn; returns how many operations could be placed."""
    clear(shop, floor, desk, times)
    for operation in range(shop.operations):
        if desk.waits[operation] == 0 and desk.placed[operation] == 0:
            push(desk, operation, turn[operation])
    _hand_on(shop, desk, turn)
    parked = 0
    while desk.counts[HEAPED] > 0 or parked > 0:
        forced = desk.counts[HEAPED] == 0
        if forced:
            # Only operations whose machine waits for a pinned one are left: another machine, then.
            _unpark(shop, desk, turn)
            parked = 0
        found = False
        while desk.counts[HEAPED] > 0 and not found:
            operation = desk.heap[0]
            remove(desk, operation)
            ready = max(ready_of(shop, floor, times, operation), floor.base_start[operation])
            if forced and floor.rank[operation] == FREE:
                mode = _soonest(shop, floor, desk, times, operation, ready)
            else:
                mode = _where(shop, floor, desk, times, operation, ready)
            if mode < 0:
                desk.parked[operation] = 1
                parked += 1
                continue
            found = True
            place(shop, floor, desk, times, operation, mode, ready)
            _hand_on(shop, desk, turn)
            if parked > 0 and (forced or floor.rank[operation] != FREE):
                _unpark(shop, desk, turn)
                parked = 0
        if forced and not found:
            break
    return desk.counts[PLACED]
