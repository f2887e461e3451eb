"""What happens to pegs: pieces are made, scrapped, or come no more; what was bought arrives."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.pegging.attribution import attribute
from domain.pegging.book import (
    NOTHING,
    Book,
    DemandId,
    Peg,
    PeggingError,
    Supply,
    SupplyId,
    SupplyKind,
)
from domain.pegging.moves import claims


def produce(book: Book, supply: SupplyId, good: Decimal) -> Book:
    """A work order has made `good` pieces in all; they are given to those whom it is for.

    More than it was to make is kept: the work order delivers more then, and that goes to stock.
    Fewer than before is a correction.

    Raises:
        PeggingError: it is no work order, or `good` is below 0.
    """
    row = book.supply(supply)
    if supply.kind is not SupplyKind.WORK or good < 0:
        raise PeggingError(f"{supply.kind} {supply.id} cannot have made {good}")
    after = msgspec.structs.replace(
        row,
        made=good,
        begun=max(row.begun, good),
        quantity=max(row.quantity, good),
        started=row.started or good > 0,
    )
    queue = claims(book, supply)
    shares = attribute(good, [claim for _, claim in queue]).shares
    return book.changed(
        supplies={supply: after},
        pegs={
            (demand, supply): Peg(claim.quantity, share)
            for (demand, claim), share in zip(queue, shares, strict=True)
        },
    )


def receive(book: Book, purchase: SupplyId, lot: SupplyId, quantity: Decimal) -> Book:
    """Goods of a purchase were put on a lot: who they are for is pegged there from now on.

    Those who need it first are served first; what is for nobody lies free on the lot. More than was
    ordered is kept.

    Raises:
        PeggingError: it is no purchase or no lot, or nothing came.
    """
    row = book.supply(purchase)
    kinds = (purchase.kind, lot.kind)
    if kinds != (SupplyKind.PURCHASE, SupplyKind.LOT) or quantity <= 0:
        raise PeggingError(
            f"{quantity} of {purchase.kind} {purchase.id} cannot come to {lot.kind} {lot.id}"
        )
    queue = claims(book, purchase)
    shares = attribute(quantity, [claim for _, claim in queue]).shares
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    for (demand, claim), share in zip(queue, shares, strict=True):
        there = book.pegs.get((demand, lot), Peg(NOTHING))
        pegs[demand, purchase] = Peg(claim.quantity - share)
        pegs[demand, lot] = Peg(there.quantity + share, there.made)
    before = book.supplies.get(lot, Supply(quantity=NOTHING, started=True))
    here = before.quantity + quantity
    return book.changed(
        supplies={
            purchase: msgspec.structs.replace(row, quantity=max(row.quantity - quantity, NOTHING)),
            lot: msgspec.structs.replace(before, quantity=here, made=here, begun=here),
        },
        pegs=pegs,
    )


def scrap(book: Book, supply: SupplyId, quantity: Decimal) -> Book:
    """So many pieces of a work order are lost and not made again: it delivers less.

    Free surplus is lost first, then what is pegged, the last in the order of need first: their
    shortage opens. What is made stays made.

    Raises:
        PeggingError: it is no work order, or that much is not open any more.
    """
    row = book.supply(supply)
    if supply.kind is not SupplyKind.WORK or not NOTHING < quantity <= row.quantity - row.made:
        raise PeggingError(
            f"{quantity} of {supply.kind} {supply.id} cannot be scrapped: "
            f"{row.quantity - row.made} of it is open"
        )
    left = row.quantity - quantity
    after = msgspec.structs.replace(row, quantity=left, begun=min(row.begun, left))
    return book.changed(supplies={supply: after}, pegs=_lost(book, supply, quantity))


def close(book: Book, supply: SupplyId) -> Book:
    """No more comes of a supply than was made: what it was meant for lacks the rest."""
    row = book.supply(supply)
    lost = row.quantity - row.made
    after = msgspec.structs.replace(row, quantity=row.made, begun=row.made, over=True)
    return book.changed(supplies={supply: after}, pegs=_lost(book, supply, lost))


def _lost(
    book: Book, supply: SupplyId, quantity: Decimal
) -> dict[tuple[DemandId, SupplyId], Peg | None]:
    """The pegs of a supply that delivers less by `quantity`."""
    missing = max(quantity - book.surplus(supply), NOTHING)
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    for demand, claim in reversed(claims(book, supply)):
        less = min(missing, claim.quantity - claim.held)
        if less:
            pegs[demand, supply] = Peg(claim.quantity - less, claim.held)
            missing -= less
    return pegs
