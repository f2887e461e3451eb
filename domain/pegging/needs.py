"""What becomes of pegs and supplies when a customer wants more, less, or nothing any more."""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from domain.pegging.book import (
    NOTHING,
    Book,
    Demand,
    DemandId,
    Peg,
    PeggingError,
    Supply,
    SupplyId,
    SupplyKind,
)


class Running(enum.StrEnum):
    """What becomes of work that has begun and is wanted no more."""

    STOP = "stop"
    """The floor is asked to stop it; what was begun goes to stock."""
    TO_STOCK = "to_stock"
    """It is finished as planned, for the stock."""


class Freed(msgspec.Struct, frozen=True):
    """A book after a demand shrank, and how much of which supply is wanted no more."""

    book: Book
    supplies: dict[SupplyId, Decimal]


def change(book: Book, demand: DemandId, quantity: Decimal) -> Freed:
    """Let a demand need another quantity; 0: it is cancelled.

    More opens a shortage. Less closes its shortage first; then it gives back what is easiest to do
    without: work that has not begun (what it is served with last goes first), purchases, stock,
    then work that has begun, and what was made for it already at the very last.

    Raises:
        PeggingError: there is no such demand, or the quantity is below 0.
    """
    row = book.demand(demand)
    if quantity < 0:
        raise PeggingError(f"{demand.kind} {demand.id} cannot need {quantity}")
    too_much = sum((peg.quantity for peg in book.of(demand).values()), NOTHING) - quantity
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    freed: dict[SupplyId, Decimal] = {}
    served = sorted(book.of(demand).items(), key=lambda pair: _ease(book, pair[0]))
    for supply, peg in served:
        back = min(max(too_much, NOTHING), peg.quantity - peg.made)
        if back:
            pegs[demand, supply] = Peg(peg.quantity - back, peg.made)
            freed[supply] = back
            too_much -= back
    for supply, peg in served:
        back = min(max(too_much, NOTHING), peg.made)
        if back:
            pegs[demand, supply] = Peg(peg.made - back, peg.made - back)
            freed[supply] = freed.get(supply, NOTHING) + back
            too_much -= back
    new: Demand | None = msgspec.structs.replace(row, quantity=quantity) if quantity else None
    return Freed(book.changed(demands={demand: new}, pegs=pegs), freed)


def extend(book: Book, demand: DemandId, supply: SupplyId, quantity: Decimal) -> Book:
    """Make more of a work order for a demand's shortage.

    Raises:
        PeggingError: the demand lacks less than that, or the work order is over.
    """
    row = book.supply(supply)
    if supply.kind is not SupplyKind.WORK or row.over:
        raise PeggingError(f"{supply.kind} {supply.id} cannot be made to deliver more")
    if not NOTHING < quantity <= book.shortage(demand):
        raise PeggingError(f"{demand.kind} {demand.id} lacks {book.shortage(demand)}")
    peg = book.pegs.get((demand, supply), Peg(NOTHING))
    return book.changed(
        supplies={supply: msgspec.structs.replace(row, quantity=row.quantity + quantity)},
        pegs={(demand, supply): Peg(peg.quantity + quantity, peg.made)},
    )


def trim(book: Book, supply: SupplyId, quantity: Decimal, running: Running) -> Book:
    """Make less of a work order: as much of `quantity` as nobody is meant to have and can be saved.

    One that has not begun shrinks, to nothing if nothing of it is wanted. One that has begun
    shrinks to what was begun, or, by policy, goes on for the stock. What was bought or lies in
    stock stays.
    """
    row = book.supply(supply)
    if supply.kind is not SupplyKind.WORK or row.over:
        return book
    if row.started and running is Running.TO_STOCK:
        return book
    less = min(quantity, book.surplus(supply), row.quantity - row.begun)
    if less <= 0:
        return book
    after: Supply | None = msgspec.structs.replace(row, quantity=row.quantity - less)
    if less == row.quantity and not row.started:
        after = None
    return book.changed(supplies={supply: after})


def _ease(book: Book, supply: SupplyId) -> tuple[int, int, int]:
    """How easily a supply is done without: the smallest first."""
    row = book.supplies[supply]
    due_ms = row.due_ms if row.due_ms is not None else 2**63
    if supply.kind is SupplyKind.WORK:
        return (0 if not row.started and not row.over else 3, -due_ms, -supply.id)
    return (1 if supply.kind is SupplyKind.PURCHASE else 2, -due_ms, -supply.id)
