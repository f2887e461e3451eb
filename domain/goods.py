"""Whether a warehouse move's goods can be an order's."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from domain.shipping import Line

LONGEST_NAME: Final = 256
"""Characters of an order, a work order, an item, a unit, a lot or a place."""
_LARGEST_EXPONENT: Final = 15
_DECIMALS: Final = 9


class Unmatched(enum.StrEnum):
    """Why a move belongs to no order, for now."""

    UNKNOWN_ORDER = "unknown_order"
    NO_ORDER = "no_order"
    """The work order is unknown, or for nobody's order."""
    SEVERAL_ORDERS = "several_orders"
    """The work order is for more than one order, and the move does not say which."""
    UNKNOWN_ITEM = "unknown_item"
    """The order has no line of this item."""
    UNIT = "unit"
    """The order's lines count the item in another unit."""


def unusable(names: Mapping[str, str | None], quantity: str) -> str | None:
    """Why no order can be found by these names or this quantity be added up; None: nothing is."""
    for name, value in names.items():
        if value is not None and "\x00" in value:
            return f"{name} holds the character NUL"
        if value is not None and len(value) > LONGEST_NAME:
            return f"{name} is {len(value):,} characters long; at most {LONGEST_NAME} are taken"
    try:
        exact = Decimal(quantity)
    except InvalidOperation:
        return f"quantity is {quantity[:40]!r}; must be a decimal"
    if not exact.is_finite() or exact < 0:
        return f"quantity is {quantity[:40]}; must be finite and not negative"
    sign, digits, exponent = exact.normalize().as_tuple()
    del sign
    if exact and (
        exact.adjusted() > _LARGEST_EXPONENT
        or -int(exponent) > _DECIMALS
        or len(digits) > _LARGEST_EXPONENT + _DECIMALS
    ):
        return f"quantity is {quantity[:40]}; at most 16 digits and {_DECIMALS} decimals are taken"
    return None


def judge(lines: Iterable[Line], *, item: str, unit: str | None) -> Unmatched | None:
    """Whether goods can belong to an order with these lines; None: they do."""
    units = {line.unit for line in lines if line.item == item}
    if not units:
        return Unmatched.UNKNOWN_ITEM
    return Unmatched.UNIT if unit is not None and unit not in units else None
