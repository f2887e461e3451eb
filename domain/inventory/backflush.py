"""What counted pieces took of their components: the bill's quantity, pieces, scrap. Exact."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from typing import Final

import msgspec

_EXACT: Final = Context(prec=400, traps=[Inexact])
"""Products of database numbers fit; what would be rounded is an error instead."""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a bill of materials.

    Attributes:
        item_id: what is used.
        quantity_per: for one piece, in the component's own unit.
        scrap_factor: what is lost on the way, as a part of that: 0.05 is 5 %.
        step: the number of the step of the routing that takes it; None: the first one.
    """

    item_id: int
    quantity_per: Decimal
    scrap_factor: Decimal = Decimal(0)
    step: int | None = None


def needed(component: Component, pieces: Decimal) -> Decimal:
    """How much of a component so many pieces take.

    Raises:
        decimal.Inexact: the product has more than 400 digits.
    """
    factor = _EXACT.add(Decimal(1), component.scrap_factor)
    return _EXACT.multiply(_EXACT.multiply(component.quantity_per, pieces), factor)
