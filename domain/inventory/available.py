"""Available to promise by date, with look-ahead.

The projected balance `P(t)` is what is there and free now, plus every supply that is due by `t`,
minus every promise that is needed by `t`. A new promise of `q` from `t` on lowers `P` everywhere
after `t`, so it may be made if and only if `P(u) >= q` for *every* `u >= t`: a later promise is
never robbed for an earlier one, and nothing is refused that could be kept. (Cumulative ATP with
look-ahead; see Vollmann, Berry & Whybark, "Manufacturing Planning and Control Systems".)

Supplies and promises of one moment count together. Moments are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.words import SupplyKind

_ZERO: Final = Decimal(0)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on there is more (`quantity` above zero: a supply) or less (a promise).

    Attributes:
        kind: why.
        reference: whose it is, in words: the purchase, the work order, the reservation's id.
    """

    at: datetime
    quantity: Decimal
    kind: SupplyKind
    reference: str = ""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the projection.

    Attributes:
        at: from when on; the first step begins at the moment of asking.
        supply, demand: what comes and what is needed at that moment.
        projected: what is left then.
        available: what can still be promised from then on: the least that is left at or after it,
            and never below zero.
    """

    at: datetime
    supply: Decimal
    demand: Decimal
    projected: Decimal
    available: Decimal


def project(free: Decimal, changes: Iterable[Change], now: datetime) -> list[Balance]:
    """The projection as steps in order of time, beginning with `now`.

    Args:
        free: what is there and not reserved hard.
        changes: what comes and what is promised. What is overdue counts from now on.
        now: the moment of asking.
    """
    supplies: dict[datetime, Decimal] = {now: _ZERO}
    demands: dict[datetime, Decimal] = {now: _ZERO}
    for change in changes:
        at = max(change.at, now)
        side = supplies if change.quantity > 0 else demands
        side[at] = side.get(at, _ZERO) + abs(change.quantity)
    moments = sorted(supplies.keys() | demands.keys())
    projected: list[Decimal] = []
    left = free
    for at in moments:
        left += supplies.get(at, _ZERO) - demands.get(at, _ZERO)
        projected.append(left)
    least = projected[-1]
    available: list[Decimal] = []
    for balance in reversed(projected):
        least = min(least, balance)
        available.append(max(least, _ZERO))
    available.reverse()
    return [
        Balance(
            at=at,
            supply=supplies.get(at, _ZERO),
            demand=demands.get(at, _ZERO),
            projected=balance,
            available=promised,
        )
        for at, balance, promised in zip(moments, projected, available, strict=True)
    ]


def available_at(steps: Sequence[Balance], at: datetime) -> Decimal:
    """What can be promised from a moment on; a moment before the first step means that one."""
    found = steps[0].available
    for step in steps:
        if step.at > at:
            break
        found = step.available
    return found


def first_date(steps: Sequence[Balance], quantity: Decimal) -> datetime | None:
    """From when on so much can be promised; None: not by anything that is known."""
    # What can be promised never falls with time, so the first step that has enough is the answer.
    return next((step.at for step in steps if step.available >= quantity), None)
