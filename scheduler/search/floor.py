"""A real shop in arrays: calendars, set-up families, pins and the plan in force.

`Shop` and `State` hold the graph as for any search. `Floor` adds what decides times and cost, and
`Times` what follows from a solution. The times are exactly those of `domain.plan.decoder`. After a
move only what changes is computed: operations are visited in the topological order, and those that
nothing before them has touched are passed over.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from scheduler.search.aims import NOW, Aims, aimed, aimed_anew, displaced, hope, recall, remember
from scheduler.search.calendars import advance, fits, next_working, retreat
from scheduler.search.compiled import Ints, compiled, inlined
from scheduler.search.fitting import SHIFT, WORD, fit, hold, needs, swap, take_up, turned
from scheduler.search.layout import Shop, State
from scheduler.search.usage import Around, Book, clear_book

UNKNOWN: Final = -1
"""No family; no entry in the matrix; no place in the plan in force."""
GONE: Final = -2
"""A machine of the plan in force that is not there any more."""
NOWHERE: Final = -(1 << 60)
"""No start in the plan in force."""
FREE: Final = 2
"""The rank of what may be moved (`domain.plan.indexed`)."""


class Floor(NamedTuple):
    """What does not change. Times are milliseconds since the problem's now.

    Attributes:
        break_at, break_start, break_end: clock `c` does not work in the intervals
            `break_at[c]:break_at[c + 1]`; the first clocks are the machines'.
        family: the set-up family of each operation.
        machine_family: what each machine is set up for now.
        matrix: `[machine, from, to]`; UNKNOWN where nothing is said.
        mode_setup: the set-up of each mode where the matrix says nothing.
        whole: 1 where an operation must not be interrupted.
        rank: running, frozen or free.
        started: when a running operation started.
        base_machine, base_start: the plan in force.
        sink_at, sink: the operations of each job that nothing of the job waits for.
        is_sink: 1 for those.
        due, weight: of each job.
        price: of a millisecond of weighted tardiness, of set-up and of a start moved beyond the
            tolerance, of a reassignment (per 60,000); and the tolerance.
        around, aims: people, tools, transfer batches, transport, and what else a plan is judged by;
            both None in a shop without any of these, for which all is compiled without them.
    """

    break_at: Ints
    break_start: Ints
    break_end: Ints
    family: Ints
    machine_family: Ints
    matrix: Ints
    mode_setup: Ints
    whole: Ints
    rank: Ints
    started: Ints
    base_machine: Ints
    base_start: Ints
    sink_at: Ints
    sink: Ints
    is_sink: Ints
    due: Ints
    weight: Ints
    price: Ints
    around: Around | None
    aims: Aims | None


class Times(NamedTuple):
    """What follows from a solution, and what it was before the move in hand.

    Attributes:
        mode: each operation's mode.
        not_before: each operation is not started before.
        start, end, setup: of each operation.
        log, log_start, log_end, log_setup: the operations that the move has changed, as they were.
        job_mark: scratch, all 0 between calls.
        dirty: places of the order that have to be computed, 32 to a number; 0 between calls.
        hint: `[machine, time]`: who stands there, or stood.
        book: who holds which people and tools; None where `Floor.around` is.
        sums: what `Floor.aims` weighs, now and before the move in hand; see `search.aims`.
    """

    mode: Ints
    not_before: Ints
    start: Ints
    end: Ints
    setup: Ints
    log: Ints
    log_start: Ints
    log_end: Ints
    log_setup: Ints
    job_mark: Ints
    dirty: Ints
    hint: Ints
    book: Book | None
    sums: Ints


TARDINESS: Final = 0
SETUP: Final = 1
MOVE: Final = 2
REASSIGNMENT: Final = 3
TOLERANCE: Final = 4
"""Prices."""
MINUTE: Final = 60_000
_ONES: Final = (1 << WORD) - 1
_DE_BRUIJN: Final = 0x077CB531
"""Times a power of two, its upper bits tell which (Leiserson, Prokop & Randall 1998)."""
_BIT_OF: Final = np.zeros(WORD, dtype=np.int64)
for _bit in range(WORD):
    _BIT_OF[((_DE_BRUIJN << _bit) & _ONES) >> (WORD - SHIFT)] = _bit


@inlined
def setup_before(floor: Floor, state: State, times: Times, operation: int) -> int:
    """The set-up before an operation where it stands, as `domain.plan.setups` rules."""
    if floor.rank[operation] == 0:
        return 0
    machine = state.machine[operation]
    before = state.previous[operation]
    known = floor.machine_family[machine] if before < 0 else floor.family[before]
    own = floor.family[operation]
    otherwise = floor.mode_setup[times.mode[operation]]
    if known < 0 or own < 0:
        return otherwise
    entry = floor.matrix[machine, known, own]
    if entry >= 0:
        return entry
    return 0 if known == own else otherwise


@inlined
def place_in_time(shop: Shop, floor: Floor, state: State, times: Times, operation: int) -> None:
    """Compute an operation's set-up, start and end from what is before it."""
    _place(shop, floor, floor.around, times.book, state, times, operation)


@inlined
def _place(
    shop: Shop,
    floor: Floor,
    around: Around | None,
    book: Book | None,
    state: State,
    times: Times,
    operation: int,
) -> None:
    machine = state.machine[operation]
    before = state.previous[operation]
    free = 0 if before < 0 else times.end[before]
    lasts = state.duration[operation]
    clock = machine
    if around is not None:
        clock = around.run_clock[times.mode[operation]]
    if floor.rank[operation] == 0:
        times.setup[operation] = 0
        times.start[operation] = floor.started[operation]
        times.end[operation] = advance(floor, clock, free, lasts)
        return
    setup = setup_before(floor, state, times, operation)
    ready = max(shop.release[operation], times.not_before[operation])
    times.setup[operation] = setup
    if around is not None and book is not None:
        mode, own = times.mode[operation], state.place[operation]
        args = (operation, mode, free, setup, ready)
        start, end, wish = fit(shop, floor, around, book, times, state.place, own, *args)
        times.start[operation] = start
        times.end[operation] = end
        book.wish[operation] = wish
        return
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        ready = max(ready, times.end[shop.before[arc]] + shop.before_lag[arc])
    start = max(advance(floor, machine, free, setup), ready)
    if floor.whole[operation] == 1:
        start = fits(floor, machine, start, lasts)
        end = start + lasts
    else:
        start = next_working(floor, machine, start)
        end = advance(floor, machine, start, lasts)
    times.start[operation] = start
    times.end[operation] = end


@compiled
def place_all(shop: Shop, floor: Floor, state: State, times: Times) -> None:
    """Compute all times."""
    empty(times.book)
    for place in range(shop.operations):
        operation = state.order[place]
        place_in_time(shop, floor, state, times, operation)
        claim(floor, floor.around, times.book, times, operation)
    times.sums[0] = aimed(shop, floor, floor.aims, state.machine, state.previous, times)


@inlined
def empty(book: Book | None) -> None:
    """Nobody holds any people and tools."""
    if book is not None:
        clear_book(book)


@inlined
def claim(
    floor: Floor, around: Around | None, book: Book | None, times: Times, operation: int
) -> None:
    """Let an operation that has been placed hold what it needs."""
    if around is not None and book is not None:
        mode, start = times.mode[operation], times.start[operation]
        if floor.rank[operation] == 0:
            book.wish[operation] = start
        book.mode[operation] = mode
        if needs(around, mode):
            end, setup = times.end[operation], times.setup[operation]
            hold(floor, around, book, operation, mode, start, end, setup, 1)


@inlined
def steadiness(floor: Floor, operation: int, start: int, setup: int) -> int:
    """What an operation's set-up and moved start cost."""
    cost = floor.price[SETUP] * setup
    if floor.base_start[operation] != NOWHERE and floor.rank[operation] != 0:
        beyond = abs(start - floor.base_start[operation]) - floor.price[TOLERANCE]
        cost += floor.price[MOVE] * max(0, beyond)
    return cost


@inlined
def job_end(floor: Floor, times: Times, job: int) -> int:
    """When a job's last operation ends."""
    end = -(1 << 60)
    for index in range(floor.sink_at[job], floor.sink_at[job + 1]):
        end = max(end, times.end[floor.sink[index]])
    return end


@inlined
def touch(state: State, times: Times, operation: int) -> int:
    """Have an operation computed anew; returns its word in `dirty`."""
    place = state.place[operation]
    times.dirty[place >> SHIFT] |= 1 << (place & (WORD - 1))
    return place >> SHIFT


@compiled
def follow(
    shop: Shop,
    floor: Floor,
    state: State,
    times: Times,
    operation: int,
    was_before: int,
    bearable: int,
    low: int,
    high: int,
) -> int:
    """Compute what a move has changed; returns how many operations are in the log.

    Args:
        shop: the graph's fixed part.
        floor: what decides times.
        state: the solution, after the move.
        times: the times, of before the move.
        operation: what has moved.
        was_before: what it stood before on its machine, or NONE.
        bearable: by how much the cost may rise.
        low: where the stretch of the order begins that has been sorted anew.
        high: where it ends.

    Returns:
        As `flow`.
    """
    word = touch(state, times, operation)
    last = word
    for each in (was_before, state.following[operation]):
        if each >= 0:
            touched = touch(state, times, each)
            word, last = min(word, touched), max(last, touched)
    word = _first_turned(floor.around, low, word)
    last = _turned(floor, floor.around, times.book, state, times, operation, low, high, last)
    return flow(shop, floor, state, times, word, last, bearable)


@inlined
def _first_turned(around: Around | None, low: int, word: int) -> int:
    """The first word of `dirty` in which somebody's turn at people and tools may be told."""
    if around is not None:
        return min(word, low >> SHIFT)
    return word


@inlined
def _turned(
    floor: Floor,
    around: Around | None,
    book: Book | None,
    state: State,
    times: Times,
    operation: int,
    low: int,
    high: int,
    last: int,
) -> int:
    """Have those computed anew whose turn at people and tools is another one; the last word."""
    if book is not None and around is not None and low < high:
        return turned(floor, around, book, state, times, operation, low, high, last)
    return last


@compiled
def flow(
    shop: Shop, floor: Floor, state: State, times: Times, word: int, last: int, bearable: int
) -> int:
    """Compute what has been touched and all that it changes.

    Most moves push dozens of operations, and cost more than any search would bear. So what is
    computed is added up on the way, less all that jobs could still gain by what ends earlier, and
    the rest is left out as soon as that is more than bearable.

    Args:
        shop: the graph's fixed part.
        floor: what decides times.
        state: the solution, after the move.
        times: the times, of before the move.
        word: the first word of `dirty` that is not 0.
        last: the last one.
        bearable: by how much the cost may rise.

    Returns:
        How many operations are in the log; one less than minus that where it was too much.
    """
    remember(floor.aims, times)
    partial = -hope(floor.aims, times)
    count = 0
    while word <= last:
        bits = times.dirty[word]
        if bits == 0:
            word += 1
            continue
        lowest = bits & -bits
        times.dirty[word] = bits ^ lowest
        place = (word << SHIFT) + _BIT_OF[((lowest * _DE_BRUIJN) & _ONES) >> (WORD - SHIFT)]
        current = state.order[place]
        start, end, setup = times.start[current], times.end[current], times.setup[current]
        mode, wish = _claimed(times.book, current)
        place_in_time(shop, floor, state, times, current)
        same = times.start[current] == start and times.end[current] == end
        same = same and times.setup[current] == setup
        if same and _claims_the_same(times.book, times, current, wish):
            continue
        times.log[count] = current
        times.log_start[count] = start
        times.log_end[count] = end
        times.log_setup[count] = setup
        args = (current, mode, wish, start, end, setup, last, count)
        last = _claim_anew(floor, floor.around, times.book, state, times, *args)
        count += 1
        partial += steadiness(floor, current, times.start[current], times.setup[current])
        partial -= steadiness(floor, current, start, setup)
        partial += _lateness(shop, floor, times, current, end)
        if partial > bearable:
            while word <= last:
                times.dirty[word] = 0
                word += 1
            return -count - 1
        # What is handed on in transfer batches, or travels, depends on more than the end.
        if times.end[current] != end or (
            floor.around is not None
            and (times.start[current] != start or times.mode[current] != mode)
        ):
            after = state.following[current]
            if after >= 0:
                last = max(last, touch(state, times, after))
            for arc in range(shop.after_at[current], shop.after_at[current + 1]):
                last = max(last, touch(state, times, shop.after[arc]))
    return count


@inlined
def _lateness(shop: Shop, floor: Floor, times: Times, operation: int, end: int) -> int:
    """What it has cost so far that an operation ends otherwise, or could gain at most."""
    job = shop.job[operation]
    sinks = floor.sink_at[job + 1] - floor.sink_at[job]
    now = times.end[operation]
    if floor.is_sink[operation] == 1 and sinks == 1:
        return late_cost(floor, job, now) - late_cost(floor, job, end)
    if now < end and (floor.weight[job] > 0 or floor.aims is not None):
        ends = job_end(floor, times, job)
        return late_cost(floor, job, ends - (end - now)) - late_cost(floor, job, ends)
    return 0


@inlined
def _claimed(book: Book | None, operation: int) -> tuple[int, int]:
    """With which mode an operation holds people and tools, and since when it has wanted to."""
    if book is not None:
        return book.mode[operation], book.wish[operation]
    return 0, 0


@inlined
def _claims_the_same(book: Book | None, times: Times, operation: int, wish: int) -> bool:
    """Whether an operation whose times are the same holds the same."""
    if book is not None:
        return book.mode[operation] == times.mode[operation] and book.wish[operation] == wish
    return True


@inlined
def _claim_anew(
    floor: Floor,
    around: Around | None,
    book: Book | None,
    state: State,
    times: Times,
    operation: int,
    mode: int,
    wish: int,
    start: int,
    end: int,
    setup: int,
    last: int,
    count: int,
) -> int:
    """Enter what an operation holds now, and have those computed anew who counted on that."""
    if book is not None and around is not None:
        book.log_wish[count] = wish
        book.log_mode[count] = mode
        if needs(around, mode) or needs(around, times.mode[operation]):
            args = (operation, mode, start, end, setup, last)
            return take_up(floor, around, book, state, times, *args)
        book.mode[operation] = times.mode[operation]
    return last


@compiled
def undo(floor: Floor, times: Times, count: int) -> None:
    """Put back the times that the log tells, and what was held then."""
    for index in range(count):
        current = times.log[index]
        _give_back(floor, floor.around, times.book, times, current, index)
        times.start[current] = times.log_start[index]
        times.end[current] = times.log_end[index]
        times.setup[current] = times.log_setup[index]
    recall(floor.aims, times)


@inlined
def _give_back(
    floor: Floor,
    around: Around | None,
    book: Book | None,
    times: Times,
    operation: int,
    index: int,
) -> None:
    if book is not None and around is not None:
        now = (book.mode[operation], times.start[operation])
        now_until = (times.end[operation], times.setup[operation])
        was = (book.log_mode[index], times.log_start[index])
        was_until = (times.log_end[index], times.log_setup[index])
        book.wish[operation] = book.log_wish[index]
        swap(floor, around, book, operation, *now, *now_until, *was, *was_until)
        book.mode[operation] = book.log_mode[index]


@compiled
def job_ends(shop: Shop, times: Times, ends: Ints) -> None:
    """When each job's last operation ends; long ago if it has none."""
    for job in range(shop.jobs):
        ends[job] = -(1 << 60)
    for operation in range(shop.operations):
        job = shop.job[operation]
        ends[job] = max(ends[job], times.end[operation])


@compiled
def set_up_from(shop: Shop, floor: Floor, machine: Ints, times: Times, begin: Ints) -> None:
    """When each operation's set-up begins, which lies directly before its start."""
    for operation in range(shop.operations):
        clock = machine[operation]
        if floor.around is not None:
            clock = _set_up_on(floor.around, times.mode[operation])
        begin[operation] = retreat(floor, clock, times.start[operation], times.setup[operation])


@inlined
def _set_up_on(around: Around | None, mode: int) -> int:
    """By which clock a mode's set-up goes on."""
    if around is not None:
        return around.setup_clock[mode]
    return 0


@inlined
def late_cost(floor: Floor, job: int, end: int) -> int:
    """What it costs that a job ends then."""
    late = max(0, end - floor.due[job])
    return floor.price[TARDINESS] * floor.weight[job] * late + displaced(floor.aims, job, end)


@inlined
def job_cost(floor: Floor, times: Times, job: int) -> int:
    """What a job's lateness costs."""
    return late_cost(floor, job, job_end(floor, times, job))


@inlined
def elsewhere(floor: Floor, operation: int, machine: int) -> int:
    """What it costs that an operation is on a machine."""
    base = floor.base_machine[operation]
    if base in (UNKNOWN, machine) or floor.rank[operation] == 0:
        return 0
    return floor.price[REASSIGNMENT] * MINUTE


@compiled
def cost_of(shop: Shop, floor: Floor, machine: Ints, times: Times) -> int:
    """The policy's objective times 60,000, with operations on these machines."""
    total = 0
    for job in range(shop.jobs):
        total += job_cost(floor, times, job)
    for operation in range(shop.operations):
        total += steadiness(floor, operation, times.start[operation], times.setup[operation])
        total += elsewhere(floor, operation, machine[operation])
    return total + times.sums[NOW]


@compiled
def change_of(shop: Shop, floor: Floor, state: State, times: Times, count: int) -> int:
    """By how much the logged changes have changed the cost; reassignments are not in it."""
    change = aimed_anew(shop, floor, floor.aims, state.machine, state.previous, times)
    jobs = 0
    for index in range(count):
        current = times.log[index]
        change += steadiness(floor, current, times.start[current], times.setup[current])
        change -= steadiness(floor, current, times.log_start[index], times.log_setup[index])
        job = shop.job[current]
        if floor.is_sink[current] == 1 and times.job_mark[job] == 0:
            times.job_mark[job] = 1
            jobs += 1
            change += job_cost(floor, times, job)
    if jobs == 0:
        return change
    # Once more with the ends of before.
    for index in range(count):
        current = times.log[index]
        now = times.end[current]
        times.end[current] = times.log_end[index]
        times.log_end[index] = now
    for index in range(count):
        job = shop.job[times.log[index]]
        if times.job_mark[job] == 1:
            times.job_mark[job] = 0
            change -= job_cost(floor, times, job)
    for index in range(count):
        current = times.log[index]
        before = times.end[current]
        times.end[current] = times.log_end[index]
        times.log_end[index] = before
    return change
