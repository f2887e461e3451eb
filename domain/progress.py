"""From counted pieces to a customer's order line: attribution, states, paces, projected ends.

Attribution. The good pieces of a work order are those of its last operation; whose they are is the
rule of `domain.pegging.attribution`, with the needs of cancelled lines behind all others. Scrap
pieces, of all operations, are shared in proportion to the pegs' quantities. So every figure is a
function of the rows, never of the order in which pieces were counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from contracts.telemetry import OperationState
from domain.orders import LineState, Moved, follow_floor
from domain.pegging.attribution import Attribution, Claim, attribute, share_scrap

HOUR_MS: Final = 3_600_000
SLOT_MS: Final = 300_000
"""A slot of pieces: five minutes."""
SLOTS: Final = HOUR_MS // SLOT_MS
ENOUGH_PIECES: Final = 10
"""Fewer pieces within the last hour say nothing about a pace."""
ENOUGH_MS: Final = SLOT_MS
"""Nor does a shorter time."""
_LAST: Final = -(2**63)
"""A priority below all that orders can have."""

_NOT_STARTED: Final = (OperationState.PLANNED, OperationState.RELEASED, OperationState.CANCELLED)
_OVER: Final = (OperationState.COMPLETED, OperationState.ABORTED, OperationState.CANCELLED)


class Peg(msgspec.Struct, frozen=True):
    """A claim on a work order.

    Attributes:
        line_id: the order line's; 0: `work_order_id` needs it as a component.
        quantity: as much as it is pegged with.
        due_ms: the line's due date.
        priority: the order's.
        held: what it has been given so far.
        work_order_id: the work order that needs it.
        cancelled: whether the line was given up: it gets what nobody else needs.
    """

    line_id: int
    quantity: Decimal
    due_ms: int | None
    priority: int = 0
    held: Decimal = Decimal(0)
    work_order_id: int = 0
    cancelled: bool = False

    @property
    def claim(self) -> Claim:
        """The same in the terms of attribution."""
        return Claim(
            id=self.line_id or self.work_order_id,
            quantity=self.quantity,
            due_ms=None if self.cancelled else self.due_ms,
            priority=_LAST if self.cancelled else self.priority,
            of_work=self.cancelled or not self.line_id,
            held=self.held,
        )


class OperationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows say of one operation. Times are epoch milliseconds."""

    number: int
    state: OperationState
    good: Decimal
    scrap: Decimal
    runs: int
    quantity: Decimal | None
    cycle_ms: int | None
    setup_ms: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    observed_ms: int | None = None
    """Milliseconds per good piece as seen in the last hour, if enough was seen."""

    @property
    def started(self) -> bool:
        """Whether the floor has worked on it."""
        return self.runs > 0 or self.good > 0 or self.state not in _NOT_STARTED

    @property
    def over(self) -> bool:
        """Whether no more pieces are expected of it."""
        return self.state in _OVER


class WorkFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A work order with its operations (in any order) and everybody's pegs on it."""

    operations: Sequence[OperationFigures]
    pegs: Sequence[Peg]

    @property
    def good(self) -> Decimal:
        """Good pieces: those of the last operation."""
        last = max(self.operations, key=lambda operation: operation.number, default=None)
        return last.good if last else Decimal(0)

    @property
    def scrap(self) -> int:
        """Scrap pieces of all operations."""
        return int(sum((operation.scrap for operation in self.operations), Decimal(0)))


class LineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an order line. Times are epoch milliseconds."""

    state: LineState
    good: Decimal
    scrap: int
    started_ms: int | None
    produced_ms: int | None


def attribute_good(good: Decimal, pegs: Sequence[Peg]) -> Attribution:
    """Share a work order's good pieces among its pegs, in the order of these."""
    return attribute(good, [peg.claim for peg in pegs])


def attribute_scrap(scrap: int, pegs: Sequence[Peg]) -> tuple[int, ...]:
    """Share scrap pieces in proportion to the pegs' quantities, in the order of these."""
    return share_scrap(scrap, [peg.claim for peg in pegs])


def to_stock(good: Decimal, pegs: Sequence[Peg]) -> Decimal:
    """Good pieces that no living demand gets: they go to stock."""
    shares = attribute_good(good, pegs).shares
    return good - sum(
        (share for share, peg in zip(shares, pegs, strict=True) if not peg.cancelled), Decimal(0)
    )


def roll_up(
    line_id: int,
    *,
    quantity: Decimal,
    current: LineFigures,
    works: Iterable[WorkFigures],
    now_ms: int,
    from_stock: Decimal = Decimal(0),
) -> LineFigures:
    """A line's figures from the work orders it is pegged to. Applying it twice changes nothing.

    A line is in production from the first start of any operation of its work orders, and produced
    when its good pieces reach its quantity; both are taken back when the rows no longer say so.
    A line on hold or cancelled keeps its state, not its figures.

    Args:
        line_id: the line's.
        quantity: as much as was ordered.
        current: what is kept of it now.
        works: the work orders it is pegged to.
        now_ms: when it was produced if nothing else says so.
        from_stock: what is pegged to it in stock: nobody has to make that.
    """
    works = list(works)
    good = from_stock
    scrap = 0
    for work in works:
        shares = attribute_good(work.good, work.pegs).shares
        scraps = attribute_scrap(work.scrap, work.pegs)
        for peg, share, pieces in zip(work.pegs, shares, scraps, strict=True):
            if peg.line_id == line_id:
                good += share
                scrap += pieces
    started = [operation for work in works for operation in work.operations if operation.started]
    starts = [operation.started_ms for operation in started if operation.started_ms is not None]
    state = _line_state(current.state, started=bool(started), produced=good >= quantity)
    produced_ms = None
    if state is LineState.PRODUCED:
        ends = [operation.ended_ms for operation in started if operation.ended_ms is not None]
        produced_ms = current.produced_ms or min(max(ends, default=now_ms), now_ms)
    return LineFigures(
        state=state,
        good=good,
        scrap=scrap,
        started_ms=min(starts, default=None),
        produced_ms=produced_ms,
    )


def _line_state(state: LineState, *, started: bool, produced: bool) -> LineState:
    decision = follow_floor(state, started=started, produced=produced)
    return decision.state if isinstance(decision, Moved) else state


# Paces and projected ends --------------------------------------------------------------------


def pace_slots(pieces: Mapping[int, int], now_ms: int) -> list[int]:
    """Good pieces in each of the last SLOTS slots, oldest first; the last one is still open.

    Args:
        pieces: good pieces by the start of the slot in epoch milliseconds.
        now_ms: the time of asking.
    """
    newest = now_ms - now_ms % SLOT_MS
    return [pieces.get(newest - SLOT_MS * back, 0) for back in range(SLOTS - 1, -1, -1)]


def observed_cycle_ms(
    pieces: Mapping[int, int], *, started_ms: int | None, now_ms: int
) -> int | None:
    """Milliseconds per good piece within the last hour, since the operation began; else None.

    None also when there were fewer than ENOUGH_PIECES, or less than ENOUGH_MS to see them.
    """
    window_ms, good = _window(pieces, started_ms=started_ms, now_ms=now_ms)
    if good < ENOUGH_PIECES or window_ms < ENOUGH_MS:
        return None
    return window_ms // good


def pace_percent(
    pieces: Mapping[int, int], *, cycle_ms: int | None, started_ms: int | None, now_ms: int
) -> int | None:
    """Pieces of the last hour (since the operation began) against the standard cycle, in percent.

    None without a standard, without an operation, or when it began less than ENOUGH_MS ago.
    """
    window_ms, good = _window(pieces, started_ms=started_ms, now_ms=now_ms)
    if not cycle_ms or started_ms is None or window_ms < ENOUGH_MS:
        return None
    return min(round(100 * good * cycle_ms / window_ms), 999)


def _window(pieces: Mapping[int, int], *, started_ms: int | None, now_ms: int) -> tuple[int, int]:
    """How long the window is and what was made in it. A slot cut by its begin counts whole."""
    begin = max(now_ms - HOUR_MS, started_ms if started_ms is not None else 0)
    oldest = begin - begin % SLOT_MS
    good = sum(count for slot, count in pieces.items() if oldest <= slot <= now_ms)
    return max(now_ms - begin, 0), good


def remaining_ms(operation: OperationFigures) -> int | None:
    """How long an operation still takes at its pace; None when quantity or pace are unknown.

    The pace is the observed one where enough was seen, else the standard cycle. Setup is still to
    come when it was never started.
    """
    if operation.over:
        return 0
    if operation.quantity is None:
        return None
    pieces = max(operation.quantity - operation.good, Decimal(0))
    if not pieces:
        return 0
    pace = operation.observed_ms or operation.cycle_ms
    if pace is None:
        return None
    return int(pieces * pace) + (0 if operation.started else operation.setup_ms)


def projected_end_ms(operations: Iterable[OperationFigures], now_ms: int) -> int | None:
    """When a chain of operations ends if each takes its remaining time one after the other.

    None when nothing is left to do, or when something that is left has no known pace: an end that
    leaves work out would be a promise nobody can keep.
    """
    total = 0
    open_operations = [operation for operation in operations if not operation.over]
    if not open_operations:
        return None
    for operation in open_operations:
        left = remaining_ms(operation)
        if left is None:
            return None
        total += left
    return now_ms + total
