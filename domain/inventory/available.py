"""Available to promise by date, with look-ahead.

The projected balance `P(t)` is what is there and free now, plus every supply that is due by `t`,
minus every promise that is needed by `t`. A new promise of `q` from `t` on lowers `P` everywhere
after `t`, so it may be made if and only if `P(u) >= q` for *every* `u >= t`: a later promise is
never robbed for an earlier one, and nothing is refused that could be kept. (Cumulative ATP with
look-ahead; see Vollmann, Berry & Whybark, "Manufacturing Planning and Control Systems".)

Lots leave when their last day is over. A promise before that takes from those that leave first, so
only what nobody took until then is lost: `W(t)`, the most by which, at any moment up to `t`, what
has left is more than what was promised before that moment. Then `P(t) = free - W(t) + B(t)` with
`B` the supplies minus the promises, and `q` may be promised from `t` on if and only if
`free - W(t) + B(u) >= q` for every `u >= t`: after a lot has left it counts for nobody. (What lies
there serves needs from now on until it leaves, what comes serves them from then on: so Hall's
condition has to be looked at for intervals of time only.)

Supplies and promises of one moment count together; what leaves at a moment serves none of them.
Moments are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.words import SupplyKind

_ZERO: Final = Decimal(0)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on there is more (`quantity` above zero: a supply) or less (a promise, an expiry).

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
            and never below zero. What expires after it does not lessen it.
        expired: what of the stock has left by then because its last day was over, unused.
    """

    at: datetime
    supply: Decimal
    demand: Decimal
    projected: Decimal
    available: Decimal
    expired: Decimal = _ZERO


def project(free: Decimal, changes: Iterable[Change], now: datetime) -> list[Balance]:
    """The projection as steps in order of time, beginning with `now`.

    Args:
        free: what is there and not reserved hard.
        changes: what comes, what is promised, and what of `free` expires
            (`domain.inventory.expiring`). What is overdue counts from now on.
        now: the moment of asking.
    """
    supplies: dict[datetime, Decimal] = {now: _ZERO}
    demands: dict[datetime, Decimal] = {now: _ZERO}
    expiries: dict[datetime, Decimal] = {}
    for change in changes:
        at = max(change.at, now)
        if change.kind is SupplyKind.EXPIRY:
            side = expiries
        else:
            side = supplies if change.quantity > 0 else demands
        side[at] = side.get(at, _ZERO) + abs(change.quantity)
    moments = sorted(supplies.keys() | demands.keys() | expiries.keys())
    lost = _lost(moments, demands, expiries)
    balances: list[Decimal] = []
    balance = _ZERO
    for at in moments:
        balance += supplies.get(at, _ZERO) - demands.get(at, _ZERO)
        balances.append(balance)
    least = balances[-1]
    lowest: list[Decimal] = []
    for balance in reversed(balances):
        least = min(least, balance)
        lowest.append(least)
    lowest.reverse()
    return [
        Balance(
            at=at,
            supply=supplies.get(at, _ZERO),
            demand=demands.get(at, _ZERO),
            projected=free - gone + balance,
            available=max(free - gone + least, _ZERO),
            expired=gone,
        )
        for at, balance, least, gone in zip(moments, balances, lowest, lost, strict=True)
    ]


def _lost(
    moments: Sequence[datetime],
    demands: Mapping[datetime, Decimal],
    expiries: Mapping[datetime, Decimal],
) -> list[Decimal]:
    """What has left unused by each moment: whoever needs goods takes those that leave first."""
    lost: list[Decimal] = []
    most = left = taken = _ZERO
    for at in moments:
        left += expiries.get(at, _ZERO)
        most = max(most, left - taken)
        lost.append(most)
        taken += demands.get(at, _ZERO)
    return lost


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
    return next((step.at for step in steps if step.available >= quantity), None)


def lasting(steps: Sequence[Balance]) -> Decimal:
    """What can be promised by any date from the first step on: what comes and goes counts not."""
    return min(step.available for step in steps)


def held_until(steps: Sequence[Balance], at: datetime) -> Decimal:
    """What can be taken out of what lies there now, for a need at a moment, robbing nobody.

    It is gone for everybody from now on, and lots that leave before it is needed are of no use.
    What outlasts the need has to be there as well: that is for the caller to judge.
    """
    gone = _ZERO
    for step in steps:
        if step.at > at:
            break
        gone = step.expired
    return max(min(step.projected + step.expired for step in steps) - gone, _ZERO)
