"""What a move would do to the longest way, without making it.

The estimates are Balas & Vazacopoulos' (1998) for moves on a machine, with set-ups added: heads and
tails of what is moved are computed anew, those of all others are taken as they are. A move to
another machine is judged by the longest way through the operation there (Mastrolilli & Gambardella
2000). Whether a move closes a circle is told by heads and tails: if a way leads from `a` to `b`,
then the tail of `a` contains `b`.
"""

from __future__ import annotations

from scheduler.search.compiled import inlined
from scheduler.search.graph import job_head, job_tail, setup_between
from scheduler.search.layout import Shop, State

FAR = 1 << 60
"""More than any way: the move is impossible, or too bad to be told exactly."""


@inlined
def may_follow(shop: Shop, state: State, operation: int, behind: int) -> bool:
    """Whether no way leads from the operation's job successors to `behind`; sure if True."""
    reach = state.duration[behind] + state.tail[behind]
    for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
        after = shop.after[arc]
        if after == behind:
            return False
        lasts = state.duration[after]
        if reach + (1 if lasts > 0 else 0) <= lasts + state.tail[after]:
            return False
    return True


@inlined
def may_precede(shop: Shop, state: State, operation: int, ahead: int) -> bool:
    """Whether no way leads from `ahead` to the operation's job predecessors; sure if True."""
    reach = state.head[ahead] + state.duration[ahead]
    for arc in range(shop.before_at[operation], shop.before_at[operation + 1]):
        before = shop.before[arc]
        if before == ahead:
            return False
        lasts = state.duration[before]
        if reach + (1 if lasts > 0 else 0) <= state.head[before] + lasts:
            return False
    return True


@inlined
def after_on_machine(shop: Shop, state: State, operation: int, behind: int, limit: int) -> int:
    """The longest way if the operation moved behind a later one; FAR if it exceeds `limit`."""
    machine = state.machine[operation]
    chain, heads = state.pile, state.heads
    ahead = state.previous[operation]
    free = shop.open_at[machine] if ahead < 0 else state.head[ahead] + state.duration[ahead]
    count = 0
    current = state.following[operation]
    while True:
        head = max(
            job_head(shop, state, current), free + setup_between(shop, machine, ahead, current)
        )
        chain[count] = current
        heads[count] = head
        count += 1
        ahead = current
        free = head + state.duration[current]
        if current == behind:
            break
        current = state.following[current]
    lasts = state.duration[operation]
    head = max(
        job_head(shop, state, operation), free + setup_between(shop, machine, behind, operation)
    )
    tail = job_tail(shop, state, operation)
    after = state.following[behind]
    if after >= 0:
        setup = setup_between(shop, machine, operation, after)
        tail = max(tail, setup + state.duration[after] + state.tail[after])
    longest = head + lasts + tail
    if longest > limit:
        return FAR
    way = lasts + tail
    after = operation
    for index in range(count - 1, -1, -1):
        current = chain[index]
        tail = max(
            job_tail(shop, state, current), setup_between(shop, machine, current, after) + way
        )
        way = state.duration[current] + tail
        longest = max(longest, heads[index] + way)
        if longest > limit:
            return FAR
        after = current
    return longest


@inlined
def before_on_machine(shop: Shop, state: State, operation: int, ahead: int, limit: int) -> int:
    """The longest way if the operation moved before an earlier one; FAR if it exceeds `limit`."""
    machine = state.machine[operation]
    chain, tails = state.pile, state.heads
    after = state.following[operation]
    way = 0 if after < 0 else state.duration[after] + state.tail[after]
    count = 0
    current = state.previous[operation]
    while True:
        tail = job_tail(shop, state, current)
        if after >= 0:
            tail = max(tail, setup_between(shop, machine, current, after) + way)
        chain[count] = current
        tails[count] = tail
        count += 1
        after = current
        way = state.duration[current] + tail
        if current == ahead:
            break
        current = state.previous[current]
    lasts = state.duration[operation]
    tail = max(
        job_tail(shop, state, operation), setup_between(shop, machine, operation, ahead) + way
    )
    before = state.previous[ahead]
    free = shop.open_at[machine] if before < 0 else state.head[before] + state.duration[before]
    head = max(
        job_head(shop, state, operation), free + setup_between(shop, machine, before, operation)
    )
    longest = head + lasts + tail
    if longest > limit:
        return FAR
    free = head + lasts
    before = operation
    for index in range(count - 1, -1, -1):
        current = chain[index]
        head = max(
            job_head(shop, state, current), free + setup_between(shop, machine, before, current)
        )
        free = head + state.duration[current]
        longest = max(longest, free + tails[index])
        if longest > limit:
            return FAR
        before = current
    return longest
