"""What scrap cost, and how much of what was made it is.

    scrap ratio = SQ / PQ       (ISO 22400-2: scrap quantity and produced quantity)
    scrap cost  = sum of scrapped pieces x unit cost up to the operation that scrapped them

A unit cost is an item's cost in one currency, as it was at the time; without one the pieces are
counted and their cost is not known: the sum says for how many, and is never shown as if complete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from domain.reports.ratios import Absent, Ratio, parts_of_one, ratio

_ZERO: Final = Decimal(0)


class Scrapped(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Pieces of one operation on one machine in a period.

    Attributes:
        good: pieces.
        scrap: pieces.
        unit_cost: of a piece at this operation; None: not known.
        currency: of the cost; sums are kept apart by it.
    """

    item: str
    machine: str
    good: Decimal
    scrap: Decimal
    unit_cost: Decimal | None = None
    currency: str = ""


class ScrapCost(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over operations: they may be added.

    Attributes:
        costs: by currency.
        uncosted: scrapped pieces without a cost.
    """

    scrap: Decimal
    produced: Decimal
    costs: dict[str, Decimal]
    uncosted: Decimal

    @property
    def scrap_ratio(self) -> Ratio:
        """SQ / PQ."""
        return ratio(self.scrap, self.produced, Absent.NOT_PRODUCED)

    def __add__(self, other: ScrapCost) -> ScrapCost:
        currencies = sorted({*self.costs, *other.costs})
        return ScrapCost(
            scrap=self.scrap + other.scrap,
            produced=self.produced + other.produced,
            costs={
                each: self.costs.get(each, _ZERO) + other.costs.get(each, _ZERO)
                for each in currencies
            },
            uncosted=self.uncosted + other.uncosted,
        )


def scrap_cost(some: Iterable[Scrapped]) -> ScrapCost:
    """The sums of some operations."""
    scrap = produced = uncosted = _ZERO
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for each in some:
        scrap += each.scrap
        produced += each.good + each.scrap
        if each.unit_cost is None:
            uncosted += each.scrap
        elif each.scrap:
            costs[each.currency] += each.scrap * each.unit_cost
    return ScrapCost(
        scrap=scrap, produced=produced, costs=dict(sorted(costs.items())), uncosted=uncosted
    )


def scrap_shares(some: Iterable[Scrapped]) -> dict[str, Fraction]:
    """Each item's part of all scrapped pieces; they add up to 1."""
    pieces: dict[str, Decimal] = defaultdict(Decimal)
    for each in some:
        pieces[each.item] += each.scrap
    return parts_of_one(pieces)
