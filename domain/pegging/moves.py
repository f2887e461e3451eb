"""Moving pegs: splitting and merging work orders, and giving a demand another supply.

None of these changes how much is made or needed: every demand keeps as much as it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.pegging.attribution import Claim, in_order
from domain.pegging.book import (
    NOTHING,
    Book,
    Demand,
    DemandId,
    DemandKind,
    Peg,
    PeggingError,
    Supply,
    SupplyId,
    SupplyKind,
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is split off a work order: how many pieces, and for whom of those that it is for.

    Attributes:
        id: the new work order's.
        quantity: all of it; what `pegs` leave of it comes from the free surplus.
        pegs: how much of it is for which demand.
    """

    id: SupplyId
    quantity: Decimal
    pegs: Mapping[DemandId, Decimal]


def splittable(supply: Supply) -> Decimal:
    """How much can be split off: all but what the floor has begun, and never all of it."""
    return max(supply.quantity - supply.begun, NOTHING) if not supply.over else NOTHING


def claims(book: Book, supply: SupplyId) -> list[tuple[DemandId, Claim]]:
    """Who a supply is for, in the order of need."""
    found = []
    for demand, peg in book.on(supply).items():
        row = book.demands[demand]
        claim = Claim(
            id=demand.id,
            quantity=peg.quantity,
            due_ms=row.due_ms,
            priority=row.priority,
            of_work=demand.kind is DemandKind.WORK,
            held=peg.made,
        )
        found.append((demand, claim))
    return [found[index] for index in in_order([claim for _, claim in found])]


def by_quantity(
    book: Book, supply: SupplyId, quantities: Sequence[tuple[SupplyId, Decimal]]
) -> list[Part]:
    """Parts of these sizes: whoever needs it first stays with the work order, then the first part.

    What was made for somebody stays with the work order that made it; what is meant for nobody is
    in the last part.

    Raises:
        PeggingError: a part is empty, or together they are more than can be split off.
    """
    _may_be_split(book, supply, [quantity for _, quantity in quantities])
    row = book.supply(supply)
    rest = row.quantity - sum((quantity for _, quantity in quantities), NOTHING)
    queue = claims(book, supply)
    kept = rest - sum((claim.held for _, claim in queue), NOTHING)
    waiting: list[tuple[DemandId, Decimal]] = []
    for demand, claim in queue:
        stays = min(kept, claim.quantity - claim.held)
        kept -= stays
        waiting.append((demand, claim.quantity - claim.held - stays))
    parts = []
    for id_, quantity in quantities:
        room, pegs = quantity, dict[DemandId, Decimal]()
        for index, (demand, left) in enumerate(waiting):
            taken = min(room, left)
            if taken:
                pegs[demand] = taken
                waiting[index] = (demand, left - taken)
                room -= taken
        parts.append(Part(id=id_, quantity=quantity, pegs=pegs))
    return parts


def split(book: Book, supply: SupplyId, parts: Sequence[Part]) -> Book:
    """Split parts off a work order.

    Raises:
        PeggingError: it is no work order, or over; a part is empty, or for somebody whom the work
            order is not for; or the parts are more than can be split off.
    """
    _may_be_split(book, supply, [part.quantity for part in parts])
    row = book.supply(supply)
    free = book.surplus(supply)
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    new: dict[SupplyId, Supply | None] = {}
    for part in parts:
        if part.id in book.supplies or part.id in new:
            raise PeggingError(f"{part.id.kind} {part.id.id} is there already")
        free -= part.quantity - sum(part.pegs.values(), NOTHING)
        for demand, quantity in part.pegs.items():
            before = pegs.get((demand, supply)) or book.pegs.get((demand, supply))
            if quantity <= 0 or before is None or quantity > before.quantity - before.made:
                raise PeggingError(
                    f"{quantity} for {demand.kind} {demand.id} cannot be split off: "
                    f"{before.quantity - before.made if before else 0} of it is open"
                )
            pegs[demand, supply] = Peg(before.quantity - quantity, before.made)
            pegs[demand, part.id] = Peg(quantity)
        new[part.id] = Supply(
            quantity=part.quantity,
            alike=row.alike,
            due_ms=_due(book, part.pegs, row.due_ms),
        )
        if sum(part.pegs.values(), NOTHING) > part.quantity:
            raise PeggingError(f"a part of {part.quantity} is pegged with more than that")
    if free < 0:
        raise PeggingError(
            f"{-free} pieces of the parts are for nobody, and the work order has no more to spare"
        )
    split_off = sum((part.quantity for part in parts), NOTHING)
    rest = msgspec.structs.replace(row, quantity=row.quantity - split_off)
    after = book.changed(supplies={supply: rest, **new}, pegs=pegs)
    return _dated(after, supply) if split_off else after


def merge(book: Book, into: SupplyId, others: Sequence[SupplyId]) -> Book:
    """Put work orders together into one of them; the others are no more.

    Raises:
        PeggingError: they do not make the same in the same way, or one has been started.
    """
    target = book.supply(into)
    quantity, due_ms = target.quantity, target.due_ms
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    gone: dict[SupplyId, Supply | None] = {}
    if not others or into in others or len(set(others)) < len(others):
        raise PeggingError("a merge takes one work order and others, each named once")
    for id_ in (into, *others):
        row = book.supply(id_)
        _is_work(id_)
        if row.started or row.over:
            raise PeggingError(
                f"work order {id_.id} has been started: it cannot be merged", code="merge-started"
            )
        if row.alike is None or row.alike != target.alike:
            raise PeggingError(
                f"work orders {into.id} and {id_.id} do not make the same item at the same site in "
                "the same way",
                code="merge-different",
            )
    for id_ in others:
        row = book.supplies[id_]
        quantity += row.quantity
        due_ms = _earlier(due_ms, row.due_ms)
        gone[id_] = None
        for demand, peg in book.on(id_).items():
            before = pegs.get((demand, into)) or book.pegs.get((demand, into))
            pegs[demand, into] = Peg(peg.quantity + (before.quantity if before else NOTHING))
            pegs[demand, id_] = None
    merged = msgspec.structs.replace(target, quantity=quantity, due_ms=due_ms)
    return book.changed(supplies={into: merged, **gone}, pegs=pegs)


def move(
    book: Book,
    demand: DemandId,
    quantity: Decimal,
    *,
    source: SupplyId | None,
    target: SupplyId | None,
) -> Book:
    """Give a demand a quantity from another supply; None is its open shortage.

    What was made for it already stays where it was made.

    Raises:
        PeggingError: the demand has not that much there, or the other supply not that much to
            spare.
    """
    book.demand(demand)
    if quantity <= 0 or source == target:
        raise PeggingError("a move takes more than nothing, from one supply to another")
    pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
    if source is None:
        open_ = book.shortage(demand)
    else:
        peg = book.pegs.get((demand, source), Peg(NOTHING))
        open_ = peg.quantity - peg.made
        pegs[demand, source] = Peg(peg.quantity - quantity, peg.made)
    if quantity > open_:
        place = f"{source.kind} {source.id}" if source else "its shortage"
        raise PeggingError(
            f"{demand.kind} {demand.id} has {max(open_, NOTHING)} open from {place}, not {quantity}"
        )
    if target is not None:
        book.supply(target)
        if (free := book.surplus(target)) < quantity:
            raise PeggingError(
                f"{target.kind} {target.id} has {max(free, NOTHING)} to spare, not {quantity}"
            )
        before = book.pegs.get((demand, target), Peg(NOTHING))
        pegs[demand, target] = Peg(before.quantity + quantity, before.made)
    return book.changed(pegs=pegs)


def _may_be_split(book: Book, supply: SupplyId, quantities: Sequence[Decimal]) -> None:
    row = book.supply(supply)
    _is_work(supply)
    if row.over:
        raise PeggingError(
            f"work order {supply.id} is over: nothing of it can be split off", code="split-over"
        )
    if not quantities or min(quantities) <= 0:
        raise PeggingError("a split takes parts of more than nothing")
    wanted = sum(quantities, NOTHING)
    if wanted > splittable(row) or wanted >= row.quantity:
        raise PeggingError(
            f"{wanted} cannot be split off work order {supply.id}: of {row.quantity} the floor has "
            f"begun {row.begun}, and something has to stay",
            code="split-too-much",
            params={
                "wanted": f"{wanted.normalize():f}",
                "quantity": f"{row.quantity.normalize():f}",
                "begun": f"{row.begun.normalize():f}",
            },
        )


def _is_work(supply: SupplyId) -> None:
    if supply.kind is not SupplyKind.WORK:
        raise PeggingError(f"{supply.kind} {supply.id} is no work order")


_NO_DATE: Final = Demand(quantity=NOTHING)


def _due(book: Book, demands: Mapping[DemandId, Decimal], otherwise: int | None) -> int | None:
    """The first date by which one of the demands needs it; without any, that of the whole."""
    dates = [book.demands.get(demand, _NO_DATE).due_ms for demand in demands]
    return min((date for date in dates if date is not None), default=otherwise)


def _dated(book: Book, supply: SupplyId) -> Book:
    """The book with a work order due when the first of those needs it who it is for now."""
    row = book.supplies[supply]
    due_ms = _due(book, {demand: peg.quantity for demand, peg in book.on(supply).items()}, None)
    if due_ms is None or due_ms == row.due_ms:
        return book
    return book.changed(supplies={supply: msgspec.structs.replace(row, due_ms=due_ms)})


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((date for date in (one, other) if date is not None), default=None)
