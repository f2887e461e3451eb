"""Orders' lines and work orders: which state follows which, and why not.

State lives on the *line*; an order's state is derived, so that partial deliveries are natural.
Every decision is a function `(state, …) -> Moved | Refused`, and both carry their reason.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from contracts.telemetry import OperationState


class LineState(enum.StrEnum):
    """Where an order line stands."""

    RECEIVED = "received"
    UNDER_REVIEW = "under_review"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    IN_PRODUCTION = "in_production"
    PRODUCED = "produced"
    ON_HOLD = "on_hold"
    CANCELLED = "cancelled"


class WorkOrderState(enum.StrEnum):
    """Where a work order stands, derived from its operations."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"


class Moved(msgspec.Struct, frozen=True):
    """The line goes to `state`, for this reason."""

    state: LineState
    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The line stays where it is, for this reason; `code` says the same to programs."""

    reason: str
    code: str = "line-state"


Decision: TypeAlias = Moved | Refused

_BEFORE_RELEASE: Final = (
    LineState.RECEIVED,
    LineState.UNDER_REVIEW,
    LineState.CONFIRMED,
)
_HELD_FROM: Final = (*_BEFORE_RELEASE, LineState.RELEASED, LineState.IN_PRODUCTION)
_CLOSED: Final = (LineState.PRODUCED, LineState.CANCELLED)

_FLOOR: Final = (LineState.IN_PRODUCTION, LineState.PRODUCED)

NEXT: Final[Mapping[LineState, frozenset[LineState]]] = MappingProxyType(
    {
        # Work that was planned for a line by hand may begin before the line is released: the
        # floor's word prevails.
        LineState.RECEIVED: frozenset(LineState) - {LineState.RECEIVED},
        LineState.UNDER_REVIEW: frozenset(
            {LineState.CONFIRMED, LineState.ON_HOLD, LineState.CANCELLED, *_FLOOR}
        ),
        LineState.CONFIRMED: frozenset(
            {
                LineState.UNDER_REVIEW,
                LineState.RELEASED,
                LineState.ON_HOLD,
                LineState.CANCELLED,
                *_FLOOR,
            }
        ),
        LineState.RELEASED: frozenset({LineState.ON_HOLD, LineState.CANCELLED, *_FLOOR}),
        LineState.IN_PRODUCTION: frozenset(
            {LineState.RELEASED, LineState.PRODUCED, LineState.ON_HOLD, LineState.CANCELLED}
        ),
        # A correction on the floor takes pieces back; what was delivered comes back as a return.
        LineState.PRODUCED: frozenset({LineState.IN_PRODUCTION, LineState.RELEASED}),
        LineState.ON_HOLD: frozenset({*_HELD_FROM, LineState.CANCELLED}),
        LineState.CANCELLED: frozenset(),
    }
)
"""Every way that a line can go. No function here answers with another one."""

_AT_WORK: Final = (OperationState.RUNNING, OperationState.PAUSED, OperationState.INTERRUPTED)
_ENDED: Final = (OperationState.COMPLETED, OperationState.ABORTED)


def review(
    state: LineState, *, findings: int, auto_confirm: bool, entered: bool = False
) -> Decision:
    """Where a line goes once the rules have looked at its order.

    An order waits for people as a whole: a finding at one line keeps all of its lines from the
    floor. What was confirmed goes back when it changed into something that has findings; what the
    floor has already stays there.

    Args:
        state: where the line stands.
        findings: how many of the order's are open.
        auto_confirm: whether what has none is confirmed without anybody looking.
        entered: one of ours entered the order: without findings nobody has to look at it again.
    """
    if state not in _BEFORE_RELEASE:
        return Refused(f"a line that is {state} is not reviewed any more")
    if findings:
        wanted, reason = LineState.UNDER_REVIEW, f"{_counted(findings)} of the review"
    elif state is LineState.CONFIRMED or auto_confirm:
        wanted = LineState.CONFIRMED
        reason = "the review found nothing, and the policy confirms that"
    elif entered and state is LineState.RECEIVED:
        return Refused("somebody entered it, and the review found nothing")
    else:
        wanted, reason = LineState.UNDER_REVIEW, "somebody has to confirm it"
    return Refused(f"it is {state} already") if wanted is state else Moved(wanted, reason)


def confirm(state: LineState, *, errors: int, overrule: str | None) -> Decision:
    """Accept a line, so that it can be released.

    Args:
        state: where the line stands.
        errors: how many findings of severity error its order has.
        overrule: why it is accepted in spite of them.
    """
    if state is LineState.CONFIRMED:
        return Refused("the line is confirmed already", "line-already")
    if state not in _BEFORE_RELEASE:
        return Refused(f"a line that is {state} cannot be confirmed")
    if errors and not overrule:
        return Refused(
            f"{_counted(errors)} to settle first, or to overrule with a reason", "line-findings"
        )
    return Moved(LineState.CONFIRMED, overrule or "confirmed")


def release(state: LineState) -> Decision:
    """Hand the line to the floor. One that no rule has looked at is confirmed by it."""
    if state is LineState.UNDER_REVIEW:
        return Refused(
            f"a line that is {state} has to be confirmed before it is released", "line-unconfirmed"
        )
    if state in _BEFORE_RELEASE:
        return Moved(LineState.RELEASED, f"released from {state}")
    return Refused(f"a line that is {state} cannot be released")


def hold(state: LineState, reason: str) -> Decision:
    """Keep a line where it is: neither confirmed nor released, nor moved by the floor's progress.

    What is on a machine goes on; what nobody has begun leaves the plan until the line is resumed.
    `resume` needs to be told the state it was held from.
    """
    if state is LineState.ON_HOLD:
        return Refused("the line is on hold already", "line-already")
    if state not in _HELD_FROM:
        return Refused(f"a line that is {state} cannot be held")
    return Moved(LineState.ON_HOLD, reason)


def resume(state: LineState, held_from: LineState | None) -> Decision:
    """Let a line go on from where it was held; one of which nobody knows is reviewed again."""
    if state is not LineState.ON_HOLD:
        return Refused(f"a line that is {state} is not on hold", "line-not-held")
    if held_from not in _HELD_FROM:
        return Moved(LineState.UNDER_REVIEW, "nobody knows where it was held")
    return Moved(held_from, f"goes on from {held_from}")


def follow_floor(state: LineState, *, started: bool, produced: bool) -> Decision:
    """Where the floor's progress takes a line, forth and, after a correction, back.

    Args:
        state: where the line stands.
        started: whether any operation for it was begun.
        produced: whether its good pieces have reached its quantity.
    """
    if state in (LineState.ON_HOLD, LineState.CANCELLED):
        return Refused(f"a line that is {state} stays so, whatever the floor does")
    if produced:
        wanted, reason = LineState.PRODUCED, "all of it is made"
    elif started:
        wanted, reason = LineState.IN_PRODUCTION, "work on it has begun"
    elif state in (LineState.IN_PRODUCTION, LineState.PRODUCED):
        wanted, reason = LineState.RELEASED, "the work on it was taken back"
    else:
        return Refused("nothing was begun")
    if wanted is state:
        return Refused(f"it is {state} already")
    return Moved(wanted, reason)


def reject(state: LineState, reason: str, *, held_from: LineState | None = None) -> Decision:
    """Refuse a line that was not handed to the floor: the customer is told so."""
    stands = held_from if state is LineState.ON_HOLD and held_from is not None else state
    if stands in _BEFORE_RELEASE:
        return Moved(LineState.CANCELLED, reason)
    if stands is LineState.CANCELLED:
        return Refused("the line is cancelled already", "line-already")
    return Refused(
        f"a line that is {stands} cannot be rejected; it can be cancelled", "line-beyond-rejection"
    )


def cancel(state: LineState, reason: str) -> Decision:
    """Give the line up; what was produced stays produced."""
    if state is LineState.CANCELLED:
        return Refused("the line is cancelled already", "line-already")
    if state is LineState.PRODUCED:
        return Refused("the line is produced: it can be returned, not cancelled", "line-produced")
    return Moved(LineState.CANCELLED, reason)


def change(state: LineState) -> Decision:
    """Change a line's quantity or due date; its state stays."""
    if state in _CLOSED:
        return Refused(f"a line that is {state} cannot be changed")
    return Moved(state, "changed")


def _counted(findings: int) -> str:
    return "1 finding" if findings == 1 else f"{findings} findings"


def order_state(lines: Iterable[LineState]) -> LineState:
    """The state of an order as a whole, in the words of its lines.

    Cancelled lines count only when there is nothing else. An order is in production from the first
    line that is until the last is produced; before that, it is where its least advanced line is.
    """
    live = {state for state in lines if state is not LineState.CANCELLED}
    if not live:
        return LineState.CANCELLED
    if live == {LineState.PRODUCED}:
        return LineState.PRODUCED
    if live & {LineState.IN_PRODUCTION, LineState.PRODUCED}:
        return LineState.IN_PRODUCTION
    for state in (LineState.ON_HOLD, *_BEFORE_RELEASE):
        if state in live:
            return state
    return LineState.RELEASED


def operation_state(state: OperationState, *, cancelled: bool, runs: int) -> OperationState:
    """The state that people see: the join's word, unless the work was called off before it began.

    Args:
        state: what the join says; `planned` until the floor speaks of the operation.
        cancelled: whether its work order was cancelled.
        runs: how often it was started.
    """
    if cancelled and runs == 0 and state in (OperationState.PLANNED, OperationState.RELEASED):
        return OperationState.CANCELLED
    return state


def work_order_state(
    operations: Sequence[OperationState], *, cancelled: bool = False
) -> WorkOrderState:
    """A work order's state from those of its operations (as `operation_state` shows them).

    While an operation is on a machine the work order is what that operation is, running before
    paused before interrupted. Between two operations it counts as running, unless the last word was
    an abort, which somebody has to decide on: then it is interrupted.
    """
    states = set(operations)
    at_work = next((state for state in _AT_WORK if state in states), None)
    if at_work is not None:
        return WorkOrderState(at_work)
    if states == {OperationState.COMPLETED}:
        return WorkOrderState.COMPLETED
    if cancelled:
        return WorkOrderState.CANCELLED
    ended = states.intersection(_ENDED)
    if not ended:
        return WorkOrderState.PLANNED
    if OperationState.ABORTED not in ended:
        return WorkOrderState.RUNNING
    return WorkOrderState.ABORTED if states == ended else WorkOrderState.INTERRUPTED
