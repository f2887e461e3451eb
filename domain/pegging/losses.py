"""What a work order can still make, and who goes short when pieces are lost for good.

A work order's first operation makes as much as it was planned to, however much it scraps on the
way: there is more material. Each further operation has what the one before it delivers, less what
it scraps itself. One that is over has delivered what it has made. So scrap behind the first
operation, and an end too early, take away from what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from domain.pegging.book import NOTHING, Book, Peg, PeggingError, Supply, SupplyId, SupplyKind
from domain.pegging.floor import scrap


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An operation's figures.

    Attributes:
        number: its place among the others.
        planned: good pieces that it is to make; None: nobody said.
        good, scrap: what it has made.
        over: it makes no more.
    """

    number: int
    planned: Decimal | None
    good: Decimal
    scrap: Decimal
    over: bool


def deliverable(steps: Sequence[Step]) -> Decimal | None:
    """Good pieces that a work order can come to; None: any number, as far as anybody knows."""
    comes: Decimal | None = None
    for place, step in enumerate(sorted(steps, key=lambda one: one.number)):
        if step.over:
            comes = step.good
        elif place == 0:
            comes = None if step.planned is None else max(step.planned, step.good)
        elif comes is not None:
            comes = max(comes - step.scrap, step.good)
    return comes


def missing(steps: Sequence[Step], wanted: Decimal) -> Decimal:
    """How much of what is pegged to a work order it cannot make any more."""
    comes = deliverable(steps)
    return NOTHING if comes is None else max(wanted - comes, NOTHING)


def make_up(book: Book, supply: SupplyId, quantity: Decimal, new: SupplyId) -> Book:
    """Let another work order make what one has lost: for those who need it last.

    Raises:
        PeggingError: it is no work order, nothing of that is pegged, or as much is not open.
    """
    if supply.kind is not SupplyKind.WORK or new in book.supplies:
        raise PeggingError(f"{supply.kind} {supply.id} cannot be made up for by {new.id}")
    free = book.surplus(supply)
    lost = scrap(book, supply, free + quantity)
    pegs = {
        (demand, new): Peg(peg.quantity - after)
        for demand, peg in book.on(supply).items()
        if (after := lost.on(supply).get(demand, Peg(NOTHING)).quantity) < peg.quantity
    }
    dates = [book.demands[demand].due_ms for demand, _ in pegs]
    row = book.supplies[supply]
    made = Supply(
        quantity=sum((peg.quantity for peg in pegs.values()), NOTHING),
        alike=row.alike,
        due_ms=min((date for date in dates if date is not None), default=row.due_ms),
    )
    return lost.changed(supplies={new: made}, pegs=pegs)
