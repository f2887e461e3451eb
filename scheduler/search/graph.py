"""The disjunctive graph: heads, tails, and moving one operation without losing the order.

An arc leads from each operation to its successors in the job and to the next on its machine. After
a move only the stretch of the topological order between the operation's old and new neighbours is
sorted anew (Pearce & Kelly 2006 do the same for any arc); heads are computed from there on, tails
from there back.
"""

from __future__ import annotations

from typing import Final

from scheduler.search.compiled import Ints, compiled, inlined
from scheduler.search.layout import NONE, Shop, State

_SORTED: Final = 2


@inlined
def setup_between(shop: Shop, machine: int, before: int, operation: int) -> int:
    """The set-up before an operation behind another one (NONE: the machine as it stands)."""
    if shop.has_setup == 0:
        return 0
    kind = shop.setup.shape[1] - 1 if before < 0 else shop.kind[before]
    return shop.setup[machine, kind, shop.kind[operation]]


@inlined
def job_head(shop: Shop, state: State, operation: int) -> int:
    """When its release and its job let it start."""
    earliest = shop.release[operation]
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        before = shop.before[arc]
        moment = state.head[before] + state.duration[before] + shop.before_lag[arc]
        earliest = max(earliest, moment)
    return earliest


@inlined
def job_tail(shop: Shop, state: State, operation: int) -> int:
    """What has to come after its end because of its job."""
    longest = 0
    for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
        after = shop.after[arc]
        way = shop.after_lag[arc] + state.duration[after] + state.tail[after]
        longest = max(longest, way)
    return longest


@inlined
def machine_head(shop: Shop, state: State, operation: int) -> int:
    """When its machine lets it start."""
    machine = state.machine[operation]
    before = state.previous[operation]
    if before < 0:
        free = shop.open_at[machine]
    else:
        free = state.head[before] + state.duration[before]
    return free + setup_between(shop, machine, before, operation)


@compiled
def heads_from(shop: Shop, state: State, low: int) -> None:
    """Compute the heads of what stands at `low` in the order, or behind."""
    for place in range(low, shop.operations):
        operation = state.order[place]
        by_job = job_head(shop, state, operation)
        state.head[operation] = max(by_job, machine_head(shop, state, operation))


@compiled
def tails_to(shop: Shop, state: State, high: int) -> None:
    """Compute the tails of what stands at `high` in the order, or before."""
    for place in range(high, -1, -1):
        operation = state.order[place]
        longest = job_tail(shop, state, operation)
        after = state.following[operation]
        if after >= 0:
            setup = setup_between(shop, state.machine[operation], operation, after)
            longest = max(longest, setup + state.duration[after] + state.tail[after])
        state.tail[operation] = longest


@inlined
def last_end(shop: Shop, state: State) -> int:
    """The makespan: the last end of all machines."""
    end = 0
    for machine in range(shop.machines):
        operation = state.last[machine]
        if operation >= 0:
            end = max(end, state.head[operation] + state.duration[operation])
    return end


@compiled
def load(shop: Shop, state: State, order: Ints, machine: Ints, duration: Ints) -> None:
    """Take over a solution at rest. The order has to be one of its arcs."""
    for index in range(shop.machines):
        state.first[index] = NONE
        state.last[index] = NONE
    for place in range(shop.operations):
        operation = order[place]
        on = machine[operation]
        state.order[place] = operation
        state.place[operation] = place
        state.machine[operation] = on
        state.duration[operation] = duration[operation]
        before = state.last[on]
        state.previous[operation] = before
        state.following[operation] = NONE
        if before < 0:
            state.first[on] = operation
        else:
            state.following[before] = operation
        state.last[on] = operation
    heads_from(shop, state, 0)
    tails_to(shop, state, shop.operations - 1)


@compiled
def sort_out(shop: Shop, wanted: Ints, previous: Ints, order: Ints, seen: Ints, stack: Ints) -> int:
    """Put operations in order, each behind what it waits for, else as wanted.

    Args:
        shop: the graph.
        wanted: all operations.
        previous: what is before each on its machine, or NONE.
        order: the answer.
        seen: scratch, all 0.
        stack: scratch.

    Returns:
        How many are in order; fewer than all if some wait for each other.
    """
    count = 0
    for at in range(shop.operations):
        if seen[wanted[at]] != 0:
            continue
        stack[0] = wanted[at]
        seen[wanted[at]] = 1
        height = 1
        while height > 0:
            operation = stack[height - 1]
            open_one = previous[operation]
            if open_one >= 0 and seen[open_one] == _SORTED:
                open_one = NONE
            arc = shop.before_at[operation]
            while open_one < 0 and arc < shop.before_at[operation + 1]:
                if seen[shop.before[arc]] != _SORTED:
                    open_one = shop.before[arc]
                arc += 1
            if open_one < 0:
                seen[operation] = _SORTED
                order[count] = operation
                count += 1
                height -= 1
            elif seen[open_one] == 1:
                return count
            else:
                seen[open_one] = 1
                stack[height] = open_one
                height += 1
    return count


@compiled
def save(shop: Shop, state: State, order: Ints, machine: Ints, duration: Ints) -> None:
    """Put the solution into arrays that `load` understands."""
    for index in range(shop.operations):
        order[index] = state.order[index]
        machine[index] = state.machine[index]
        duration[index] = state.duration[index]


@inlined
def link(state: State, operation: int, machine: int, behind: int) -> None:
    """Put an operation that is on no machine behind another (NONE: first)."""
    after = state.first[machine] if behind < 0 else state.following[behind]
    state.machine[operation] = machine
    state.previous[operation] = behind
    state.following[operation] = after
    if behind < 0:
        state.first[machine] = operation
    else:
        state.following[behind] = operation
    if after < 0:
        state.last[machine] = operation
    else:
        state.previous[after] = operation


@inlined
def unlink(state: State, operation: int) -> None:
    """Take an operation off its machine."""
    machine = state.machine[operation]
    before = state.previous[operation]
    after = state.following[operation]
    if before < 0:
        state.first[machine] = after
    else:
        state.following[before] = after
    if after < 0:
        state.last[machine] = before
    else:
        state.previous[after] = before


@inlined
def _later(shop: Shop, state: State, operation: int, behind: int) -> bool:
    """Sort an operation, and all that has to follow it, behind `behind`; False in a circle."""
    start = state.place[operation]
    end = state.place[behind]
    mark, pile, order, place = state.mark, state.pile, state.order, state.place
    mark[operation] = 1
    pile[0] = operation
    count = 1
    for at in range(start + 1, end + 1):
        candidate = order[at]
        before = state.previous[candidate]
        follows = before >= 0 and mark[before] == 1
        if not follows:
            for arc in range(shop.before_at[candidate], shop.before_at[candidate + 1]):
                if mark[shop.before[arc]] == 1:
                    follows = True
                    break
        if follows:
            mark[candidate] = 1
            pile[count] = candidate
            count += 1
    possible = mark[behind] == 0
    if possible:
        to = start
        for at in range(start, end + 1):
            candidate = order[at]
            if mark[candidate] == 0:
                order[to] = candidate
                place[candidate] = to
                to += 1
        for index in range(count):
            order[to] = pile[index]
            place[pile[index]] = to
            to += 1
    for index in range(count):
        mark[pile[index]] = 0
    return possible


@inlined
def _earlier(shop: Shop, state: State, operation: int, ahead: int) -> bool:
    """Sort an operation, and all that has to precede it, before `ahead`; False in a circle."""
    start = state.place[ahead]
    end = state.place[operation]
    mark, pile, order, place = state.mark, state.pile, state.order, state.place
    mark[operation] = 1
    pile[0] = operation
    count = 1
    for at in range(end - 1, start - 1, -1):
        candidate = order[at]
        after = state.following[candidate]
        precedes = after >= 0 and mark[after] == 1
        if not precedes:
            for arc in range(shop.after_at[candidate], shop.after_at[candidate + 1]):
                if mark[shop.after[arc]] == 1:
                    precedes = True
                    break
        if precedes:
            mark[candidate] = 1
            pile[count] = candidate
            count += 1
    possible = mark[ahead] == 0
    if possible:
        to = end
        for at in range(end, start - 1, -1):
            candidate = order[at]
            if mark[candidate] == 0:
                order[to] = candidate
                place[candidate] = to
                to -= 1
        for index in range(count):
            order[to] = pile[index]
            place[pile[index]] = to
            to -= 1
    for index in range(count):
        mark[pile[index]] = 0
    return possible


@inlined
def _put(
    shop: Shop, state: State, operation: int, machine: int, duration: int, behind: int
) -> tuple[int, int]:
    """Put an operation that is on no machine behind another one; as `insert`."""
    low = state.place[operation]
    high = low
    link(state, operation, machine, behind)
    after = state.following[operation]
    possible = True
    if behind >= 0 and state.place[behind] > low:
        high = state.place[behind]
        possible = _later(shop, state, operation, behind)
    elif after >= 0 and state.place[after] < low:
        low = state.place[after]
        possible = _earlier(shop, state, operation, after)
    if not possible:
        unlink(state, operation)
        return -1, -1
    state.duration[operation] = duration
    return low, high


@compiled
def take_out(state: State, operation: int) -> None:
    """Take an operation off its machine; it stays in the order, and waits for its job only."""
    unlink(state, operation)
    state.previous[operation] = NONE
    state.following[operation] = NONE


@compiled
def insert(
    shop: Shop, state: State, operation: int, machine: int, duration: int, behind: int
) -> tuple[int, int]:
    """Put an operation that was taken out behind another one of a machine (NONE: to its front).

    Returns:
        The first and the last place in the order that it concerns; (-1, -1) if it would close a
        circle, and then it is still out.
    """
    low, high = _put(shop, state, operation, machine, duration, behind)
    if low < 0:
        state.previous[operation] = NONE
        state.following[operation] = NONE
    return low, high


@compiled
def relocate(
    shop: Shop, state: State, operation: int, machine: int, duration: int, behind: int
) -> tuple[int, int]:
    """Move an operation behind another one of a machine (NONE: to its front).

    Heads and tails are left as they were: compute them from the first place on and from the second
    one back.

    Returns:
        The first and the last place in the order that it concerns; (-1, -1) if the move would close
        a circle, and then nothing has changed.
    """
    was_on = state.machine[operation]
    was_behind = state.previous[operation]
    unlink(state, operation)
    low, high = _put(shop, state, operation, machine, duration, behind)
    if low < 0:
        link(state, operation, was_on, was_behind)
    return low, high
