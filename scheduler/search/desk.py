"""Appending operations to machines, compiled: what right-shift and dispatching rules share.

The rules are those of `domain.plan.decoder.Timeline`: an operation starts behind what is on its
machine, behind its set-up, when it is ready; what is running goes on; a machine is open for free
work once all that is pinned to it is placed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from scheduler.search.calendars import advance, fits, next_working
from scheduler.search.compiled import Ints, compiled, inlined
from scheduler.search.fitting import fit
from scheduler.search.floor import FREE, Floor, Times, claim, empty
from scheduler.search.layout import NONE, Shop
from scheduler.search.usage import Around, Book

RUNNING: Final = 0
"""The rank of what has started."""


class Desk(NamedTuple):
    """Machines and operations while a plan is made by appending.

    Attributes:
        chain_at, chain: each machine's running and frozen operations, in the order they keep.
        sequence: the operations in the order they were placed.
        placed: 1 for those that are.
        machine: where they are.
        counts: how many are in `sequence`, in the heap, and in the pile.
        free, family, version, open_left: of each machine: when it has ended what is on it, what it
            is set up for then, how often it was appended to, how many pinned ones are to come.
        waits: how many predecessors of each operation are not placed.
        ready: when its predecessors and its release let it start.
        known: 1 once that is known.
        heap, heap_at, key: the operations that wait for their turn, as a binary heap by key, then
            number; `heap_at` is each one's place in it, or NONE.
        pile: the operations whose followers have not heard yet.
        parked: 1 for what waits until a machine is open.
    """

    chain_at: Ints
    chain: Ints
    sequence: Ints
    placed: Ints
    machine: Ints
    counts: Ints
    free: Ints
    family: Ints
    version: Ints
    open_left: Ints
    waits: Ints
    ready: Ints
    known: Ints
    heap: Ints
    heap_at: Ints
    key: Ints
    pile: Ints
    parked: Ints


PLACED: Final = 0
HEAPED: Final = 1
PILED: Final = 2
"""Counts."""


def desk_of(shop: Shop, chain_at: Ints, chain: Ints) -> Desk:
    """An empty desk with room for the shop."""

    def row(length: int) -> Ints:
        return np.zeros(max(1, length), dtype=np.int64)

    n, machines = shop.operations, shop.machines
    return Desk(
        chain_at=chain_at,
        chain=chain,
        sequence=row(n),
        placed=row(n),
        machine=row(n),
        counts=row(3),
        free=row(machines),
        family=row(machines),
        version=row(machines),
        open_left=row(machines),
        waits=row(n),
        ready=row(n),
        known=row(n),
        heap=row(n),
        heap_at=row(n),
        key=row(n),
        pile=row(n),
        parked=row(n),
    )


# The heap ------------------------------------------------------------------------------------


@inlined
def _before(desk: Desk, one: int, other: int) -> bool:
    if desk.key[one] != desk.key[other]:
        return desk.key[one] < desk.key[other]
    return one < other


@inlined
def _settle(desk: Desk, at: int, operation: int) -> None:
    """Put an operation at a place of the heap, or where it belongs from there."""
    heap, heap_at = desk.heap, desk.heap_at
    count = desk.counts[HEAPED]
    while at > 0:
        above = (at - 1) // 2
        if not _before(desk, operation, heap[above]):
            break
        heap[at] = heap[above]
        heap_at[heap[at]] = at
        at = above
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        if below + 1 < count and _before(desk, heap[below + 1], heap[below]):
            below += 1
        if not _before(desk, heap[below], operation):
            break
        heap[at] = heap[below]
        heap_at[heap[at]] = at
        at = below
    heap[at] = operation
    heap_at[operation] = at


@compiled
def push(desk: Desk, operation: int, key: int) -> None:
    """Put an operation into the heap, or give it another key."""
    desk.key[operation] = key
    at = desk.heap_at[operation]
    if at < 0:
        at = desk.counts[HEAPED]
        desk.counts[HEAPED] += 1
    _settle(desk, at, operation)


@compiled
def remove(desk: Desk, operation: int) -> None:
    """Take an operation out of the heap, if it is there."""
    at = desk.heap_at[operation]
    if at < 0:
        return
    desk.heap_at[operation] = NONE
    desk.counts[HEAPED] -= 1
    if at < desk.counts[HEAPED]:
        _settle(desk, at, desk.heap[desk.counts[HEAPED]])


# Placing -------------------------------------------------------------------------------------


@inlined
def setup_for(floor: Floor, desk: Desk, operation: int, mode: int, machine: int) -> int:
    """The set-up before an operation if it were appended to a machine now."""
    known, own = desk.family[machine], floor.family[operation]
    otherwise = floor.mode_setup[mode]
    if known < 0 or own < 0:
        return otherwise
    entry = floor.matrix[machine, known, own]
    if entry >= 0:
        return entry
    return 0 if known == own else otherwise


@inlined
def when(
    shop: Shop, floor: Floor, desk: Desk, times: Times, operation: int, mode: int, ready: int
) -> tuple[int, int, int]:
    """Set-up, start and end of an operation if it were appended to a mode's machine now."""
    setup = setup_for(floor, desk, operation, mode, shop.mode_machine[mode])
    args = (operation, mode, setup, ready)
    start, end = _when(shop, floor, floor.around, times.book, desk, times, *args)
    return setup, start, end


@inlined
def _when(
    shop: Shop,
    floor: Floor,
    around: Around | None,
    book: Book | None,
    desk: Desk,
    times: Times,
    operation: int,
    mode: int,
    setup: int,
    ready: int,
) -> tuple[int, int]:
    machine, lasts = shop.mode_machine[mode], shop.mode_duration[mode]
    free = desk.free[machine]
    if book is not None and around is not None:
        args = (operation, mode, free, setup, ready)
        start, end, wish = fit(shop, floor, around, book, times, book.anybody, 1, *args)
        book.wish[operation] = wish
        return start, end
    start = max(advance(floor, machine, free, setup), ready)
    if floor.break_at[machine] == floor.break_at[machine + 1]:
        return start, start + lasts
    if floor.whole[operation] == 1:
        start = fits(floor, machine, start, lasts)
        return start, start + lasts
    start = next_working(floor, machine, start)
    return start, advance(floor, machine, start, lasts)


@inlined
def place(
    shop: Shop, floor: Floor, desk: Desk, times: Times, operation: int, mode: int, ready: int
) -> None:
    """Append an operation to a mode's machine; its followers hear of it from the pile."""
    machine = shop.mode_machine[mode]
    if floor.rank[operation] == RUNNING:
        setup, start = 0, floor.started[operation]
        clock = _run_on(floor.around, machine, mode)
        end = advance(floor, clock, desk.free[machine], shop.mode_duration[mode])
    else:
        setup, start, end = when(shop, floor, desk, times, operation, mode, ready)
    if floor.rank[operation] != FREE:
        desk.open_left[machine] -= 1
    times.mode[operation] = mode
    times.setup[operation] = setup
    times.start[operation] = start
    times.end[operation] = end
    claim(floor, floor.around, times.book, times, operation)
    desk.free[machine] = end
    desk.family[machine] = floor.family[operation]
    desk.version[machine] += 1
    desk.placed[operation] = 1
    desk.machine[operation] = machine
    desk.sequence[desk.counts[PLACED]] = operation
    desk.counts[PLACED] += 1
    desk.pile[desk.counts[PILED]] = operation
    desk.counts[PILED] += 1


@inlined
def _run_on(around: Around | None, machine: int, mode: int) -> int:
    """By which clock a mode's work goes on."""
    if around is not None:
        return around.run_clock[mode]
    return machine


@inlined
def ready_of(shop: Shop, floor: Floor, times: Times, operation: int) -> int:
    """When its release and its predecessors, which are placed, let an operation start.

    With transfer batches or transport, what predecessors allow depends on the machine: `when` looks
    at it.
    """
    ready = shop.release[operation]
    if floor.around is None:
        for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
            ready = max(ready, times.end[shop.before[arc]] + shop.before_lag[arc])
    return ready


@inlined
def is_next(shop: Shop, desk: Desk, operation: int) -> bool:
    """Whether a frozen operation is the next of its machine's chain."""
    machine = shop.mode_machine[shop.mode_at[operation]]
    left = desk.open_left[machine]
    return left > 0 and desk.chain[desk.chain_at[machine + 1] - left] == operation


@compiled
def clear(shop: Shop, floor: Floor, desk: Desk, times: Times) -> None:
    """Empty the desk, and place what is running."""
    empty(times.book)
    for index in range(3):
        desk.counts[index] = 0
    for machine in range(shop.machines):
        desk.free[machine] = 0
        desk.family[machine] = floor.machine_family[machine]
        desk.version[machine] = 0
        desk.open_left[machine] = desk.chain_at[machine + 1] - desk.chain_at[machine]
    for operation in range(shop.operations):
        desk.placed[operation] = 0
        desk.heap_at[operation] = NONE
        desk.parked[operation] = 0
        desk.known[operation] = 0
        desk.waits[operation] = shop.before_at[operation + 1] - shop.before_at[operation]
    for machine in range(shop.machines):
        for index in range(desk.chain_at[machine], desk.chain_at[machine + 1]):
            operation = desk.chain[index]
            if floor.rank[operation] == RUNNING:
                place(shop, floor, desk, times, operation, shop.mode_at[operation], 0)
