"""Inventory turns: how often the stock was used up.

    turns = what went out in the period / average stock, for a year of 365 days
    days of inventory = 365 / turns

What went out is what was shipped to customers or used in production; what was moved, counted or
written off is not. The average is taken over time (the level's integral by the length), not over
month ends, so it is exact and does not depend on when one looks; integrals of disjoint periods add.
One item is told in its own unit; several together in money, by each one's unit cost.

Source: inventory turnover as in Silver, Pyke & Thomas, "Inventory and Production Management in
Supply Chains", with cost of goods by quantity x unit cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from domain.reports.periods import Span
from domain.reports.ratios import ZERO, Absent, Ratio, ratio

YEAR_MS: Final = 365 * 86_400_000


class Movement(msgspec.Struct, frozen=True, gc=False):
    """A change of an item's stock.

    Attributes:
        at_ms: when it happened, epoch ms.
        change: what the stock rose by; below 0 what it fell by.
        used: it went to a customer or into production.
    """

    at_ms: int
    change: Decimal
    used: bool = False


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """An item's stock over a period: sums that may be added for periods that follow each other.

    Attributes:
        level_ms: the integral of the level over time.
        used: what was used or shipped.
        period_ms: how long the period is.
    """

    level_ms: Fraction
    used: Fraction
    period_ms: int

    @property
    def turns(self) -> Ratio:
        """Per year."""
        return ratio(self.used * YEAR_MS, self.level_ms, Absent.NO_STOCK)

    @property
    def days(self) -> Ratio:
        """How many days the average stock would last at the period's use."""
        if not self.used:
            return Ratio(ZERO, ZERO, Absent.NOTHING_ENDED)
        return ratio(self.level_ms * 365, self.used * YEAR_MS, Absent.NO_STOCK)

    @property
    def average(self) -> Ratio:
        """The mean level."""
        return ratio(self.level_ms, self.period_ms, Absent.NO_STOCK)

    def __add__(self, other: Stock) -> Stock:
        return Stock(
            level_ms=self.level_ms + other.level_ms,
            used=self.used + other.used,
            period_ms=self.period_ms + other.period_ms,
        )


def stock(opening: Decimal, movements: Sequence[Movement], period: Span) -> Stock:
    """An item's stock over a period.

    Args:
        opening: the level when the period begins, before what moves at that moment.
        movements: within the period, in any order. A level below 0 (goods left before they were
            booked) counts as 0 while it lasts.
        period: not longer than what is known.

    Raises:
        ValueError: a movement is not within the period.
    """
    level, at = opening, period.from_ms
    integral = used = ZERO
    for each in sorted(movements, key=lambda one: one.at_ms):
        if not period.holds(each.at_ms):
            raise ValueError(f"a movement at {each.at_ms} is not within {period}")
        integral += Fraction(max(level, Decimal(0))) * (each.at_ms - at)
        level, at = level + each.change, each.at_ms
        if each.used:
            used -= Fraction(each.change)
    integral += Fraction(max(level, Decimal(0))) * (period.until_ms - at)
    return Stock(level_ms=integral, used=used, period_ms=period.length_ms)


def valued(items: Iterable[tuple[Stock, Decimal | None]]) -> tuple[Stock, int]:
    """Several items of one period in money, and how many were left out for want of a unit cost."""
    level = used = ZERO
    period = missing = 0
    for each, cost in items:
        if cost is None:
            missing += 1
            continue
        level += each.level_ms * Fraction(cost)
        used += each.used * Fraction(cost)
        period = max(period, each.period_ms)
    return Stock(level_ms=level, used=used, period_ms=period), missing
