"""Where an operation goes that needs more than its machine, compiled.

The rules are those of `domain.plan.fitting`: it starts as early as calendars, people, tools,
transfer batches and transport let it. What it holds then is entered into the book, and whoever had
counted on that hears of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.search.calendars import advance, fits, next_working, retreat
from scheduler.search.compiled import Ints, compiled, inlined
from scheduler.search.usage import UNSPLIT, Around, Book, blocked, enter, slide, slides, stretch_out

if TYPE_CHECKING:
    from scheduler.search.floor import Floor, Times
    from scheduler.search.layout import Shop, State

RUNNING = 0
"""The rank of what has started."""
WORD = 32
SHIFT = 5
"""Places to a number of `Times.dirty`."""


@inlined
def _arrived(
    shop: Shop,
    floor: Floor,
    around: Around,
    times: Times,
    operation: int,
    mode: int,
    ready: int,
) -> int:
    """When all that comes before an operation lets it start on a mode's machine."""
    machine, lasts = shop.mode_machine[mode], shop.mode_duration[mode]
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        before = shop.before[arc]
        done = times.mode[before]
        way = shop.before_lag[arc] + around.travel[shop.mode_machine[done], machine]
        comes = times.end[before] + way
        if around.first[arc] != UNSPLIT:
            made, first = around.pieces[before], 0
            if around.first[arc] > 0:
                begin = times.start[before]
                if floor.rank[before] == RUNNING:
                    begin = around.begun[before]
                share = -(-shop.mode_duration[done] * min(around.first[arc], made) // made)
                first = advance(floor, around.run_clock[done], begin, share) + way
            # It ends when its work on the last batch does.
            own = around.pieces[operation]
            share = -(-lasts * min(around.last[arc], own) // own)
            clock = around.run_clock[mode]
            comes = retreat(floor, clock, advance(floor, clock, comes, share), lasts)
            comes = max(first, comes)
        ready = max(ready, comes)
    return ready


@compiled
def fit(
    shop: Shop,
    floor: Floor,
    around: Around,
    book: Book,
    times: Times,
    place: Ints,
    own: int,
    operation: int,
    mode: int,
    free: int,
    setup: int,
    ready: int,
) -> tuple[int, int, int]:
    """Start, end, and when its set-up would begin if people and tools were there.

    Args:
        shop: the graph.
        floor: what decides times.
        around: what there is beside machines.
        book: who holds what.
        times: of what comes before it.
        place: where operations have their turn at people and tools.
        own: whose turn is before this one counts.
        operation: which one; it does not run.
        mode: how.
        free: when its machine has ended what comes before.
        setup: its set-up then.
        ready: before when it does not start for reasons of its own.
    """
    lasts = shop.mode_duration[mode]
    set_up, run = around.setup_clock[mode], around.run_clock[mode]
    ready = _arrived(shop, floor, around, times, operation, mode, ready)
    start = max(advance(floor, set_up, free, setup), ready)
    whole = floor.whole[operation] == 1
    wish = -1
    while True:
        if whole:
            start = fits(floor, run, start, lasts)
            end = start + lasts
        else:
            start = next_working(floor, run, start)
            end = advance(floor, run, start, lasts)
        begin = retreat(floor, set_up, start, setup)
        if wish < 0:
            wish = begin
            if around.want_at[2 * mode] == around.want_at[2 * mode + 2]:
                return start, end, wish
        until = blocked(floor, around, book, place, own, 2 * mode, begin, start, set_up)
        if until > 0:
            start = max(start + 1, advance(floor, set_up, until, setup))
            continue
        until = blocked(floor, around, book, place, own, 2 * mode + 1, start, end, run)
        if until == 0:
            return start, end, wish
        start = max(start + 1, until)


@compiled
def hold(
    floor: Floor,
    around: Around,
    book: Book,
    operation: int,
    mode: int,
    start: int,
    end: int,
    setup: int,
    takes: int,
) -> None:
    """Enter what an operation holds into the book (`takes` 1), or strike it out (0)."""
    set_up, run = around.setup_clock[mode], around.run_clock[mode]
    begin = start
    if floor.rank[operation] == RUNNING:
        begin = around.begun[operation]
    else:
        before = retreat(floor, set_up, start, setup)
        enter(floor, around, book, operation, 2 * mode, before, start, set_up, takes)
        if takes == 1:
            stretch_out(around, book, 2 * mode, min(book.wish[operation], before), before, end)
    enter(floor, around, book, operation, 2 * mode + 1, begin, end, run, takes)
    if takes == 1:
        stretch_out(around, book, 2 * mode + 1, min(book.wish[operation], begin), begin, end)


@compiled
def swap(
    floor: Floor,
    around: Around,
    book: Book,
    operation: int,
    mode: int,
    start: int,
    end: int,
    setup: int,
    to_mode: int,
    to_start: int,
    to_end: int,
    to_setup: int,
) -> None:
    """Let an operation hold what it needs in one mode at one time instead of another.

    Most of the time it moves a little, and so do its holds in their rows.
    """
    if mode == to_mode and floor.rank[operation] != RUNNING:
        if not needs(around, mode):
            return
        set_up, run = around.setup_clock[mode], around.run_clock[mode]
        was = retreat(floor, set_up, start, setup)
        begin = retreat(floor, set_up, to_start, to_setup)
        row = 2 * mode
        if slides(floor, around, row, set_up, was, start, begin, to_start) and slides(
            floor, around, row + 1, run, start, end, to_start, to_end
        ):
            # Nothing is to come to stand where the other one is looked for.
            if to_start >= start:
                slide(around, book, operation, row + 1, start, to_start, to_end)
                slide(around, book, operation, row, was, begin, to_start)
            else:
                slide(around, book, operation, row, was, begin, to_start)
                slide(around, book, operation, row + 1, start, to_start, to_end)
            wish = min(book.wish[operation], begin)
            stretch_out(around, book, row, wish, begin, to_end)
            stretch_out(around, book, row + 1, wish, to_start, to_end)
            return
    if needs(around, mode):
        hold(floor, around, book, operation, mode, start, end, setup, 0)
    if needs(around, to_mode):
        hold(floor, around, book, operation, to_mode, to_start, to_end, to_setup, 1)


@inlined
def _wake(
    around: Around,
    book: Book,
    state: State,
    times: Times,
    mode: int,
    begin: int,
    end: int,
    low: int,
    high: int,
    last: int,
) -> int:
    """Have those computed anew who want around a span what a mode needs.

    Only those between two places of the order; returns the last word of `dirty`.
    """
    for want in range(around.want_at[2 * mode], around.want_at[2 * mode + 2]):
        resource = around.want[want]
        at, reach = around.row_at[resource], book.reach[resource]
        until = over = at + book.held[resource]
        while at < until:
            middle = (at + until) // 2
            if book.begin[middle] + reach < begin:
                at = middle + 1
            else:
                until = middle
        latest = end + book.wait[resource]
        while at < over and book.begin[at] <= latest:
            other = book.who[at]
            place = state.place[other]
            if low <= place <= high and book.wish[other] <= end and times.end[other] >= begin:
                times.dirty[place >> SHIFT] |= 1 << (place & (WORD - 1))
                last = max(last, place >> SHIFT)
            at += 1
    return last


@inlined
def _begins(floor: Floor, around: Around, operation: int, mode: int, start: int, setup: int) -> int:
    """From when on an operation holds people and tools."""
    if floor.rank[operation] == RUNNING:
        return around.begun[operation]
    return retreat(floor, around.setup_clock[mode], start, setup)


@compiled
def take_up(
    floor: Floor,
    around: Around,
    book: Book,
    state: State,
    times: Times,
    operation: int,
    mode: int,
    start: int,
    end: int,
    setup: int,
    last: int,
) -> int:
    """Let an operation hold what it needs now, and no more what it needed before.

    Args:
        floor: what decides times.
        around: what there is beside machines.
        book: who holds what.
        state: the solution.
        times: its times.
        operation: whose times have been computed anew.
        mode: how it was done before.
        start: as it was before.
        end: as it was before.
        setup: as it was before.
        last: the last word of `dirty` so far.

    Returns:
        The last word of `dirty`: who had counted on what has changed is to be computed anew.
    """
    low, high = state.place[operation] + 1, len(state.place)
    to_mode, to_start, to_end = times.mode[operation], times.start[operation], times.end[operation]
    to_setup = times.setup[operation]
    now = (to_mode, to_start, to_end, to_setup)
    swap(floor, around, book, operation, mode, start, end, setup, *now)
    book.mode[operation] = to_mode
    was = _begins(floor, around, operation, mode, start, setup)
    begin = _begins(floor, around, operation, to_mode, to_start, to_setup)
    if mode == to_mode and was <= to_end and begin <= end:
        was, end = min(was, begin), max(end, to_end)
        return _wake(around, book, state, times, mode, was, end, low, high, last)
    last = _wake(around, book, state, times, mode, was, end, low, high, last)
    return _wake(around, book, state, times, to_mode, begin, to_end, low, high, last)


@compiled
def turned(
    floor: Floor,
    around: Around,
    book: Book,
    state: State,
    times: Times,
    operation: int,
    low: int,
    high: int,
    last: int,
) -> int:
    """Have those computed anew whose turn at people and tools is another one after a move.

    Args:
        floor: what decides times.
        around: what there is beside machines.
        book: who holds what.
        state: the solution, after the move.
        times: the times, of before the move.
        operation: what has moved.
        low: where the stretch of the order begins that has been sorted anew.
        high: where it ends.
        last: the last word of `dirty` so far.

    Returns:
        The last word of `dirty`.
    """
    place = state.place[operation]
    if low < place < high:
        # Others may have moved along.
        for at in range(low, high + 1):
            if needs(around, times.mode[state.order[at]]):
                times.dirty[at >> SHIFT] |= 1 << (at & (WORD - 1))
        return max(last, high >> SHIFT)
    # It has passed all the others: who wanted what it held is before it now, or behind it.
    mode, start, end = book.mode[operation], times.start[operation], times.end[operation]
    if needs(around, mode):
        begin = _begins(floor, around, operation, mode, start, times.setup[operation])
        last = _wake(around, book, state, times, mode, begin, end, low, high, last)
    return last


@inlined
def needs(around: Around, mode: int) -> bool:
    """Whether a mode needs anybody or anything."""
    return around.want_at[2 * mode] < around.want_at[2 * mode + 2]
