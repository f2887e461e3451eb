"""A ratio that can be added up: its two parts, and why there is no number where there is none."""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias, TypeVar

import msgspec

Amount: TypeAlias = int | Decimal | Fraction
"""What is added exactly: never a float."""

ZERO: Final = Fraction(0)
_Key = TypeVar("_Key", bound=Hashable)


class Absent(enum.StrEnum):
    """Why there is no number."""

    NOT_PLANNED = "not_planned"
    """No working time was planned in the period."""
    NOTHING_TOLD = "nothing_told"
    """The machine told nothing about the whole of it."""
    NOT_PRODUCED = "not_produced"
    """It did not produce in the period."""
    NO_CYCLE_TIME = "no_cycle_time"
    """Pieces were made of which no planned run time is known."""
    NOTHING_DUE = "nothing_due"
    """Nothing was due in the period, or not yet."""
    NOTHING_ENDED = "nothing_ended"
    """Nothing came to its end in the period."""
    NO_STOCK = "no_stock"
    """There was no stock at any moment of the period."""
    NO_COST = "no_cost"
    """Something has no cost that is known."""
    NO_CAPACITY = "no_capacity"
    """There was no working time for what was to be done."""
    NOTHING_ASKED = "nothing_asked"
    """Nobody asked."""
    MIXED_UNITS = "mixed_units"
    """Quantities of several units of measure, which nobody can add."""


class Ratio(msgspec.Struct, frozen=True):
    """`part / whole`, exactly. Ratios of the same kind are added part by part.

    Attributes:
        part: at least 0, or below where a ratio is signed (a bias).
        whole: at least 0; with 0 there is no number.
        absent: why there is none; it stands only where `whole` is 0 or the number would mislead.
    """

    part: Fraction
    whole: Fraction
    absent: Absent | None = None

    @property
    def exact(self) -> Fraction | None:
        """The number without rounding; None as `absent` says."""
        return None if self.absent is not None else self.part / self.whole

    @property
    def value(self) -> float | None:
        """The number; None as `absent` says."""
        exact = self.exact
        return None if exact is None else float(exact)


def ratio(part: Amount, whole: Amount, otherwise: Absent) -> Ratio:
    """A ratio; without a number for the reason `otherwise` when the whole is 0.

    Raises:
        ValueError: the whole is below 0.
    """
    if whole < 0:
        raise ValueError(f"a ratio's whole is {whole}, below 0")
    return Ratio(Fraction(part), Fraction(whole), None if whole else otherwise)


def product(*ratios: Ratio) -> Ratio:
    """The product; without a number where one of them has none, for the first one's reason."""
    part = whole = Fraction(1)
    for each in ratios:
        if each.absent is not None:
            return Ratio(ZERO, ZERO, each.absent)
        part *= each.part
        whole *= each.whole
    return Ratio(part, whole)


def parts_of_one(amounts: Mapping[_Key, Amount]) -> dict[_Key, Fraction]:
    """Each one's part of all, exactly: they add up to 1, or all are 0 when there is nothing."""
    whole = sum((Fraction(amount) for amount in amounts.values()), ZERO)
    return {key: Fraction(amount) / whole if whole else ZERO for key, amount in amounts.items()}


def total(amounts: Iterable[Amount]) -> Fraction:
    """The exact sum."""
    return sum((Fraction(amount) for amount in amounts), ZERO)
