"""Orders' lines and work orders: which state follows which, and why not.

State lives on the *line*; an order's state is derived, so that partial deliveries are natural.
Every decision is a function `(state, …) -> Moved | Refused`, and both carry their reason.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
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
    """The line stays where it is, for this reason."""

    reason: str


Decision: TypeAlias = Moved | Refused

_BEFORE_RELEASE: Final = (
    LineState.RECEIVED,
    LineState.UNDER_REVIEW,
    LineState.CONFIRMED,
)
_AT_WORK: Final = (OperationState.RUNNING, OperationState.PAUSED, OperationState.INTERRUPTED)
_ENDED: Final = (OperationState.COMPLETED, OperationState.ABORTED)


def release(state: LineState) -> Decision:
    """Hand the line to the floor. A line that was not reviewed is confirmed by it."""
    if state in _BEFORE_RELEASE:
        return Moved(LineState.RELEASED, f"released from {state}")
    return Refused(f"a line that is {state} cannot be released")


def cancel(state: LineState, reason: str) -> Decision:
    """Give the line up; what was produced stays produced."""
    if state is LineState.CANCELLED:
        return Refused("the line is cancelled already")
    if state is LineState.PRODUCED:
        return Refused("the line is produced: it can be returned, not cancelled")
    return Moved(LineState.CANCELLED, reason)


def change(state: LineState) -> Decision:
    """Change a line's quantity or due date; its state stays."""
    if state in (LineState.PRODUCED, LineState.CANCELLED):
        return Refused(f"a line that is {state} cannot be changed")
    return Moved(state, "changed")


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
