"""Who goes short, of how much, and when it comes: supplies are dealt out by date of need.

What lies there serves a need that comes before it expires. In order of need everybody takes what
leaves first of what outlasts the need: nobody who comes later can do with less (each lot is there
from now on until it leaves, so this is scheduling unit jobs by their deadlines).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        expiring: how much of what is missing lies there now and will have expired by then.
    """

    demand: int
    missing: Decimal
    comes_at: datetime | None
    from_: tuple[str, ...]
    expiring: Decimal = _ZERO


class _Shelf:
    """What lies there free, and until when."""

    def __init__(self, free: Decimal, expiries: Mapping[datetime, Decimal]) -> None:
        self._until = sorted(expiries.items())
        self._lasting = max(free - sum(expiries.values(), _ZERO), _ZERO)
        self._gone = _ZERO

    def take(self, at: datetime, wanted: Decimal) -> Decimal:
        """Take for a need at a moment, none earlier than those before; answers how much."""
        while self._until and self._until[0][0] <= at:
            self._gone += self._until.pop(0)[1]
        taken = _ZERO
        while self._until and taken < wanted:
            until, there = self._until[0]
            part = min(there, wanted - taken)
            taken += part
            if part == there:
                self._until.pop(0)
            else:
                self._until[0] = (until, there - part)
        part = min(self._lasting, wanted - taken)
        self._lasting -= part
        return taken + part

    def blame(self, missing: Decimal) -> Decimal:
        """How much of what is missing has left unused; told once."""
        part = min(self._gone, missing)
        self._gone -= part
        return part


def shortages(
    free: Decimal,
    demands: Iterable[Demand],
    supplies: Iterable[Supply],
    expiries: Mapping[datetime, Decimal] | None = None,
) -> list[Shortage]:
    """The demands that are not covered in time.

    Stock and supplies go to demands in order of need (then id); what is needed first is covered by
    what comes first.

    Args:
        free: what is there; below zero: so much is owed to others already.
        demands: who needs what.
        supplies: what comes.
        expiries: how much of what is free leaves when (`domain.inventory.expiring`).
    """
    waiting = sorted(supplies, key=lambda supply: supply.at)
    place, rest = 0, waiting[0].quantity if waiting else _ZERO
    owed = max(-free, _ZERO)
    shelf = _Shelf(max(free, _ZERO), expiries or {})
    found: list[Shortage] = []
    for demand in sorted(demands, key=lambda demand: (demand.at, demand.id)):
        lacking = demand.quantity - shelf.take(demand.at, demand.quantity)
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
                Shortage(
                    demand=demand.id,
                    missing=missing,
                    comes_at=comes,
                    from_=tuple(sources),
                    expiring=shelf.blame(missing),
                )
            )
    return found
