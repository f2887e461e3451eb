"""Demands, supplies and the pegs between them, and what must hold of them at any time.

Of every supply the pegs and its free surplus make up its quantity; of every demand the pegs and its
open shortage do. Surplus and shortage are never below nothing, so no piece is promised twice and no
link from a piece to a customer gets lost: operations move pegs, they do not make or lose pieces.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

NOTHING: Final = Decimal(0)
_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


class PeggingError(Exception):
    """Something that pegs do not allow; the message names it and says what is possible.

    `code` and `params` say the same where somebody else has to find the words; None: they do not.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        params: Mapping[str, str | int | float] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.params = dict(params or {})


class DemandKind(enum.StrEnum):
    """What needs something."""

    LINE = "order_line"
    WORK = "work_order"
    """A work order that needs a component."""


class SupplyKind(enum.StrEnum):
    """Where something comes from."""

    WORK = "work_order"
    LOT = "stock_lot"
    PURCHASE = "purchase_line"


class DemandId(msgspec.Struct, frozen=True, order=True):
    """Names a demand."""

    kind: DemandKind
    id: int


class SupplyId(msgspec.Struct, frozen=True, order=True):
    """Names a supply. A work order that is only thought of yet has an id below 0."""

    kind: SupplyKind
    id: int


def line(id_: int) -> DemandId:
    """An order line as a demand."""
    return DemandId(DemandKind.LINE, id_)


def need_of(work_order: int) -> DemandId:
    """The need of a work order for components."""
    return DemandId(DemandKind.WORK, work_order)


def work(id_: int) -> SupplyId:
    """A work order as a supply."""
    return SupplyId(SupplyKind.WORK, id_)


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed, by when, and how urgently (higher is more urgent).

    `order` names the customer's order of a line; splitting by order goes by it.
    """

    quantity: Decimal
    due_ms: int | None = None
    priority: int = 0
    order: int | None = None


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """What comes in, or is there.

    Attributes:
        quantity: what it is expected to deliver in good pieces.
        made: good pieces made so far (of a purchase: received; of a lot: all of it).
        begun: pieces that the floor has worked on, at any operation; at least `made`.
        started: whether the floor has begun it.
        over: no more is expected of it.
        alike: work orders with the same value make the same item at the same site in the same way.
        due_ms: when it should be ready.
    """

    quantity: Decimal
    made: Decimal = NOTHING
    begun: Decimal = NOTHING
    started: bool = False
    over: bool = False
    alike: str | None = None
    due_ms: int | None = None


class Peg(msgspec.Struct, frozen=True):
    """A quantity of a supply that is meant for a demand; `made` of it has been made for it."""

    quantity: Decimal
    made: Decimal = NOTHING


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Demands, supplies and pegs. Operations answer a new one and leave this one alone."""

    demands: Mapping[DemandId, Demand] = {}
    supplies: Mapping[SupplyId, Supply] = {}
    pegs: Mapping[tuple[DemandId, SupplyId], Peg] = {}

    def on(self, supply: SupplyId) -> dict[DemandId, Peg]:
        """The pegs on a supply."""
        return {each: peg for (each, of), peg in self.pegs.items() if of == supply}

    def of(self, demand: DemandId) -> dict[SupplyId, Peg]:
        """The pegs of a demand."""
        return {each: peg for (of, each), peg in self.pegs.items() if of == demand}

    def surplus(self, supply: SupplyId) -> Decimal:
        """What of a supply is meant for nobody."""
        pegged = sum((peg.quantity for peg in self.on(supply).values()), NOTHING)
        return self.supplies[supply].quantity - pegged

    def shortage(self, demand: DemandId) -> Decimal:
        """What of a demand nothing is meant for."""
        pegged = sum((peg.quantity for peg in self.of(demand).values()), NOTHING)
        return self.demands[demand].quantity - pegged

    def supply(self, supply: SupplyId) -> Supply:
        """A supply.

        Raises:
            PeggingError: there is none of that name.
        """
        try:
            return self.supplies[supply]
        except KeyError:
            raise PeggingError(f"there is no {supply.kind} {supply.id}") from None

    def demand(self, demand: DemandId) -> Demand:
        """A demand.

        Raises:
            PeggingError: there is none of that name.
        """
        try:
            return self.demands[demand]
        except KeyError:
            raise PeggingError(f"there is no {demand.kind} {demand.id}") from None

    def changed(
        self,
        *,
        demands: Mapping[DemandId, Demand | None] = _NONE,
        supplies: Mapping[SupplyId, Supply | None] = _NONE,
        pegs: Mapping[tuple[DemandId, SupplyId], Peg | None] = _NONE,
    ) -> Book:
        """The book with some entries replaced; None, or a peg with nothing, takes one away."""
        return Book(
            demands=_merged(self.demands, demands),
            supplies=_merged(self.supplies, supplies),
            pegs={pair: peg for pair, peg in _merged(self.pegs, pegs).items() if peg.quantity > 0},
        )


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _merged(
    before: Mapping[_Key, _Value], changes: Mapping[_Key, _Value | None]
) -> dict[_Key, _Value]:
    after = dict(before)
    for key, value in changes.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def faults(book: Book) -> list[str]:
    """What does not hold in a book, in words; nothing does not hold in a good one."""
    found = [
        f"{demand.kind} {demand.id}: pegged with {-short} more than it needs"
        for demand in book.demands
        if (short := book.shortage(demand)) < 0
    ]
    for supply, row in book.supplies.items():
        name = f"{supply.kind} {supply.id}"
        if (free := book.surplus(supply)) < 0:
            found.append(f"{name}: {-free} more is pegged to it than it delivers")
        given = sum((peg.made for peg in book.on(supply).values()), NOTHING)
        if given > row.made:
            found.append(f"{name}: {given} pieces are given away, {row.made} are made")
        if row.begun > row.quantity:
            found.append(f"{name}: {row.begun} are begun of {row.quantity}")
    for (demand, supply), peg in book.pegs.items():
        pair = f"{demand.kind} {demand.id} on {supply.kind} {supply.id}"
        if demand not in book.demands or supply not in book.supplies:
            found.append(f"{pair}: one of the two is not there")
        if not NOTHING <= peg.made <= peg.quantity or peg.quantity <= 0:
            found.append(f"{pair}: pegged with {peg.quantity}, {peg.made} of it made")
    return found
