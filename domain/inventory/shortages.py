"""Who goes short, of how much, and when it comes: supplies are dealt out by date of need."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

_ZERO: Final = Decimal(0)


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's need; `id` says whose."""

    id: int
    at: datetime
    quantity: Decimal


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """What comes, and when; `reference` says what it is."""

    at: datetime
    quantity: Decimal
    reference: str


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """What a demand lacks at its date.

    Attributes:
        demand: whose.
        missing: how much of it is not there by then.
        comes_at: when the last of it comes; None: nothing that is known brings it.
        from_: what brings it.
    """

    demand: int
    missing: Decimal
    comes_at: datetime | None
    from_: tuple[str, ...]


def shortages(
    free: Decimal, demands: Iterable[Demand], supplies: Iterable[Supply]
) -> list[Shortage]:
    """The demands that are not covered in time.

    Stock and supplies go to demands in order of need (then id); what is needed first is covered by
    what comes first.

    Args:
        free: what is there; below zero: so much is owed to others already.
        demands: who needs what.
        supplies: what comes.
    """
    waiting = sorted(supplies, key=lambda supply: supply.at)
    place, rest = 0, waiting[0].quantity if waiting else _ZERO
    owed = max(-free, _ZERO)
    left = max(free, _ZERO)
    found: list[Shortage] = []
    for demand in sorted(demands, key=lambda demand: (demand.at, demand.id)):
        here = min(left, demand.quantity)
        left -= here
        lacking = demand.quantity - here
        missing = _ZERO
        comes: datetime | None = None
        sources: list[str] = []
        while lacking > 0 and place < len(waiting):
            supply = waiting[place]
            used = min(owed, rest)  # what is owed to others is made good first
            owed -= used
            rest -= used
            got = min(lacking, rest)
            if got > 0:
                lacking -= got
                rest -= got
                if supply.at > demand.at:
                    missing += got
                    comes = supply.at
                    sources.append(supply.reference)
            if rest == 0:
                place += 1
                rest = waiting[place].quantity if place < len(waiting) else _ZERO
        if lacking > 0:
            missing, comes = missing + lacking, None
        if missing > 0:
            found.append(
                Shortage(demand=demand.id, missing=missing, comes_at=comes, from_=tuple(sources))
            )
    return found
