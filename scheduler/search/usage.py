"""People and tools, compiled: who holds how much of them, and when.

A resource's holds stand in one row, by their beginning. Whoever asks counts only holds of those who
come before him in the order that operations are placed in, so a plan can be changed in the middle:
those behind are asked again only where something has changed around them. The rules are those of
`domain.plan.usage`: tools are held through breaks, people only while the machine works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scheduler.search.calendars import break_after
from scheduler.search.compiled import Ints, compiled, inlined

if TYPE_CHECKING:
    from scheduler.search.floor import Floor


class Around(NamedTuple):
    """What a shop has beside machines. Times are milliseconds since the problem's now.

    Attributes:
        setup_clock, run_clock: of each mode: when its machine and all that it needs are there.
        want_at, want, units: what each mode needs: row `2 * mode` for its set-up, the next one for
            its work.
        capacity, is_tool: of each resource.
        lack_at, lack_from, lack: how much of each resource is not there, from step to step.
        row_at: where each resource's holds begin in `Book`.
        travel: `[from, to]`, of machines: how long pieces travel.
        first, last: of each arc: pieces of the first transfer batch, UNSPLIT if all go on together;
            and those that the follower makes of the last one.
        pieces: of each operation.
        begun: when the work that is left of what runs begins.
    """

    setup_clock: Ints
    run_clock: Ints
    want_at: Ints
    want: Ints
    units: Ints
    capacity: Ints
    is_tool: Ints
    lack_at: Ints
    lack_from: Ints
    lack: Ints
    row_at: Ints
    travel: Ints
    first: Ints
    last: Ints
    pieces: Ints
    begun: Ints


UNSPLIT = -1
"""No transfer batches."""
UNHELD = -1
"""The mode of an operation that holds nothing."""


class Book(NamedTuple):
    """Who holds what.

    Attributes:
        held: how many holds are in each resource's row.
        begin, end, who, units: the holds.
        reach, wait: at most so long an operation ends after one of its holds in a resource begins,
            and so long it had waited before.
        wish: when each operation's set-up would have begun if people and tools had been there.
        mode: with which mode it holds, or UNHELD.
        log_wish, log_mode: as they were before the move in hand, as in `Times`.
        anybody: zeros: in the place of places, all holds count.
    """

    held: Ints
    begin: Ints
    end: Ints
    who: Ints
    units: Ints
    reach: Ints
    wait: Ints
    wish: Ints
    mode: Ints
    log_wish: Ints
    log_mode: Ints
    anybody: Ints


@compiled
def clear_book(book: Book) -> None:
    """Nobody holds anything."""
    for resource in range(len(book.held)):
        book.held[resource] = 0
        book.reach[resource] = 0
        book.wait[resource] = 0
    for operation in range(len(book.mode)):
        book.mode[operation] = UNHELD


# Asking --------------------------------------------------------------------------------------


@inlined
def _first_from(around: Around, book: Book, resource: int, moment: int) -> int:
    """The first hold of a row that begins at or after a moment."""
    low = around.row_at[resource]
    high = low + book.held[resource]
    while low < high:
        middle = (low + high) // 2
        if book.begin[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _lacking(around: Around, resource: int, moment: int) -> int:
    """The step that says what is not there at a moment."""
    low, high = around.lack_at[resource], around.lack_at[resource + 1]
    while low < high:
        middle = (low + high) // 2
        if around.lack_from[middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return low - 1


@compiled
def _full(
    around: Around, book: Book, place: Ints, own: int, resource: int, moment: int, left: int
) -> int:
    """Until when, at least, more than `left` is used from a moment on; 0 if it is not."""
    used, until = 0, 1 << 60
    step = _lacking(around, resource, moment)
    if step >= around.lack_at[resource]:
        used = around.lack[step]
    if used > 0:
        until = around.lack_from[step + 1]
    over = around.row_at[resource] + book.held[resource]
    at = _first_from(around, book, resource, moment - book.reach[resource])
    while at < over and book.begin[at] <= moment:
        if book.end[at] > moment and place[book.who[at]] < own:
            used += book.units[at]
            until = min(until, book.end[at])
        at += 1
    return until if used > left else 0


@inlined
def _missing(
    around: Around, book: Book, place: Ints, own: int, want: int, begin: int, end: int
) -> int:
    """Until when, at least, too little of a resource is there in a span; 0 if there is enough."""
    if begin >= end:
        return 0
    resource = around.want[want]
    left = around.capacity[resource] - around.units[want]
    used = 0
    step = _lacking(around, resource, begin)
    first_step = step + 1
    if step >= around.lack_at[resource]:
        used = around.lack[step]
    step = first_step
    most = used
    while step < around.lack_at[resource + 1] and around.lack_from[step] < end:
        most = max(most, around.lack[step])
        step += 1
    row = around.row_at[resource]
    over = row + book.held[resource]
    first = _first_from(around, book, resource, begin - book.reach[resource])
    at = first
    while at < over and book.begin[at] < end:
        if book.end[at] > begin and place[book.who[at]] < own:
            most += book.units[at]
        at += 1
    if most <= left:
        return 0
    # Together they are too many; whether they are so at any one moment is seen where one begins.
    until = _full(around, book, place, own, resource, begin, left)
    if until > 0:
        return until
    soonest = end
    for at in range(first, over):
        moment = book.begin[at]
        if moment >= soonest:
            break
        if moment > begin and place[book.who[at]] < own:
            until = _full(around, book, place, own, resource, moment, left)
            if until > 0:
                soonest = moment
                break
    for step in range(first_step, around.lack_at[resource + 1]):
        moment = around.lack_from[step]
        if moment >= soonest:
            break
        sooner = _full(around, book, place, own, resource, moment, left)
        if sooner > 0:
            return sooner
    return until


@inlined
def blocked(
    floor: Floor,
    around: Around,
    book: Book,
    place: Ints,
    own: int,
    row: int,
    begin: int,
    end: int,
    clock: int,
) -> int:
    """Until when, at least, something of a row of wants is missing in a span; 0: nothing is.

    Args:
        floor: clocks.
        around: wants and resources.
        book: who holds what.
        place: where operations have their turn.
        own: only those whose turn is before this one count.
        row: of `want_at`.
        begin: of the span.
        end: of the span.
        clock: when people are wanted in it.
    """
    for want in range(around.want_at[row], around.want_at[row + 1]):
        if around.is_tool[around.want[want]] == 1:
            until = _missing(around, book, place, own, want, begin, end)
            if until > 0:
                return until
            continue
        over = floor.break_at[clock + 1]
        index = break_after(floor, clock, begin)
        now = begin
        if index > floor.break_at[clock]:
            now = max(now, floor.break_end[index - 1])
        while now < end:
            until = end if index == over else min(end, floor.break_start[index])
            until = _missing(around, book, place, own, want, now, until)
            if until > 0:
                return until
            if index == over:
                break
            now = floor.break_end[index]
            index += 1
    return 0


# Holding -------------------------------------------------------------------------------------


@inlined
def _put(
    around: Around, book: Book, resource: int, begin: int, end: int, units: int, who: int
) -> None:
    if begin >= end:
        return
    first = around.row_at[resource]
    at = first + book.held[resource]
    while at > first and book.begin[at - 1] > begin:
        book.begin[at] = book.begin[at - 1]
        book.end[at] = book.end[at - 1]
        book.units[at] = book.units[at - 1]
        book.who[at] = book.who[at - 1]
        at -= 1
    book.begin[at] = begin
    book.end[at] = end
    book.units[at] = units
    book.who[at] = who
    book.held[resource] += 1


@inlined
def _drop(around: Around, book: Book, resource: int, begin: int, end: int, who: int) -> None:
    if begin >= end:
        return
    at = _first_from(around, book, resource, begin)
    while book.who[at] != who:
        at += 1
    book.held[resource] -= 1
    over = around.row_at[resource] + book.held[resource]
    while at < over:
        book.begin[at] = book.begin[at + 1]
        book.end[at] = book.end[at + 1]
        book.units[at] = book.units[at + 1]
        book.who[at] = book.who[at + 1]
        at += 1


@inlined
def _unbroken(floor: Floor, clock: int, begin: int, end: int) -> bool:
    """Whether a span is not empty, and no break falls into it."""
    index = break_after(floor, clock, begin)
    if index > floor.break_at[clock] and begin < floor.break_end[index - 1]:
        return False
    return begin < end and (index == floor.break_at[clock + 1] or end <= floor.break_start[index])


@inlined
def slides(
    floor: Floor,
    around: Around,
    row: int,
    clock: int,
    was: int,
    until: int,
    begin: int,
    end: int,
) -> bool:
    """Whether all holds of a row are in one piece in two spans, and of one resource each."""
    first, over = around.want_at[row], around.want_at[row + 1]
    for want in range(first + 1, over):
        if around.want[want] == around.want[want - 1]:
            return False
    if first == over or (was == until and begin == end):
        return True
    return _unbroken(floor, clock, was, until) and _unbroken(floor, clock, begin, end)


@inlined
def slide(around: Around, book: Book, who: int, row: int, was: int, begin: int, end: int) -> None:
    """Move an operation's holds of a row, each in one piece, to another time.

    Args:
        around: what there is.
        book: who holds it.
        who: whose holds.
        row: of `want_at`.
        was: when they began.
        begin: when they begin now.
        end: when they end now.
    """
    if begin == end:
        return
    for want in range(around.want_at[row], around.want_at[row + 1]):
        resource, units = around.want[want], around.units[want]
        first = around.row_at[resource]
        last = first + book.held[resource] - 1
        at = _first_from(around, book, resource, was)
        while book.who[at] != who:
            at += 1
        while at < last and book.begin[at + 1] <= begin:
            book.begin[at] = book.begin[at + 1]
            book.end[at] = book.end[at + 1]
            book.units[at] = book.units[at + 1]
            book.who[at] = book.who[at + 1]
            at += 1
        while at > first and book.begin[at - 1] > begin:
            book.begin[at] = book.begin[at - 1]
            book.end[at] = book.end[at - 1]
            book.units[at] = book.units[at - 1]
            book.who[at] = book.who[at - 1]
            at -= 1
        book.begin[at] = begin
        book.end[at] = end
        book.units[at] = units
        book.who[at] = who


@inlined
def enter(
    floor: Floor,
    around: Around,
    book: Book,
    who: int,
    row: int,
    begin: int,
    end: int,
    clock: int,
    takes: int,
) -> None:
    """Let an operation hold a row of wants in a span (`takes` 1), or no more (0)."""
    for want in range(around.want_at[row], around.want_at[row + 1]):
        resource, units = around.want[want], around.units[want]
        if around.is_tool[resource] == 1:
            if takes == 1:
                _put(around, book, resource, begin, end, units, who)
            else:
                _drop(around, book, resource, begin, end, who)
            continue
        over = floor.break_at[clock + 1]
        index = break_after(floor, clock, begin)
        now = begin
        if index > floor.break_at[clock]:
            now = max(now, floor.break_end[index - 1])
        while now < end:
            until = end if index == over else min(end, floor.break_start[index])
            if takes == 1:
                _put(around, book, resource, now, until, units, who)
            else:
                _drop(around, book, resource, now, until, who)
            if index == over:
                break
            now = floor.break_end[index]
            index += 1


@inlined
def stretch_out(around: Around, book: Book, row: int, wish: int, begin: int, end: int) -> None:
    """Remember how long who wants a row has waited at most, and how long holds may matter.

    Args:
        around: what there is.
        book: who holds it.
        row: of `want_at`.
        wish: since when there has been waiting.
        begin: the first hold's beginning.
        end: the operation's end.
    """
    for want in range(around.want_at[row], around.want_at[row + 1]):
        resource = around.want[want]
        book.reach[resource] = max(book.reach[resource], end - begin)
        book.wait[resource] = max(book.wait[resource], end - wish)
