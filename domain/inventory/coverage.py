"""From when on each demand is covered: supplies are dealt out by date of need.

`shortages` says who goes short at their date; this says when each could have what they need,
whatever their date is: a plan may want to begin earlier than was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.shortages import Demand, Supply

_ZERO: Final = Decimal(0)


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """What covers a demand.

    Attributes:
        supplies: what has to come for it, in the order of coming; none: it is all there.
        missing: how much of it nothing brings that is known.
    """

    supplies: tuple[Supply, ...] = ()
    missing: Decimal = _ZERO


def covers(
    free: Decimal, demands: Iterable[Demand], supplies: Iterable[Supply]
) -> dict[int, Cover]:
    """What covers each demand, by its id.

    Stock and supplies go to demands in order of need (then id); what is needed first is covered by
    what comes first.

    Args:
        free: what is there; below zero: so much is owed to others already.
        demands: who needs what.
        supplies: what comes.
    """
    waiting = sorted(supplies, key=lambda supply: (supply.at, supply.reference), reverse=True)
    owed, left = max(-free, _ZERO), max(free, _ZERO)
    rest = _ZERO
    found: dict[int, Cover] = {}
    current: Supply | None = None
    for demand in sorted(demands, key=lambda one: (one.at, one.id)):
        here = min(left, demand.quantity)
        left -= here
        lacking = demand.quantity - here
        used: list[Supply] = []
        while lacking > 0 and (rest > 0 or waiting):
            if rest <= 0:
                current = waiting.pop()
                rest = current.quantity
            paid = min(owed, rest)  # what is owed to others is made good first
            owed -= paid
            rest -= paid
            got = min(lacking, rest)
            if got > 0 and current is not None:
                lacking -= got
                rest -= got
                used.append(current)
        found[demand.id] = Cover(supplies=tuple(used), missing=lacking)
    return found
