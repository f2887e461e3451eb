"""The order of operations as it was, compiled: who has which turn at people and tools.

An operation that is moved back to where it was on its machine need not come back to its place in
the order. Where people or tools are shared, that would be another plan.
"""

from __future__ import annotations

from scheduler.search.compiled import inlined
from scheduler.search.layout import State
from scheduler.search.usage import Around


@inlined
def before_move(
    around: Around | None, state: State, operation: int, behind: int, after: int
) -> tuple[int, int]:
    """Remember the stretch of the order that a move may sort anew; its first and last place."""
    low = state.place[operation]
    high = low
    if around is not None:
        if behind >= 0 and state.place[behind] > low:
            high = state.place[behind]
        elif after >= 0 and state.place[after] < low:
            low = state.place[after]
        for place in range(low, high + 1):
            state.heads[place] = state.order[place]
    return low, high


@inlined
def after_undo(around: Around | None, state: State, low: int, high: int) -> None:
    """Put a stretch of the order back as it was before the move."""
    if around is not None:
        for place in range(low, high + 1):
            state.order[place] = state.heads[place]
            state.place[state.heads[place]] = place
