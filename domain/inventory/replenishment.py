"""When to order or make how much: minimum and maximum, reorder point, lot sizes, lead time."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from domain.inventory.available import Balance

_ZERO: Final = Decimal(0)
_REVIEW: Final = timedelta(days=1)
"""Proposals are looked at once a day: what is short by then is ordered today."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How an item is replenished at a site.

    Attributes:
        minimum: what should always be there.
        maximum: up to what is ordered; None: as much as is missing.
        reorder_point: at or below it something is ordered; None: the minimum, below it.
        lot_size: the least that is ordered or made at a time.
        order_multiple: only whole multiples of it.
        lead_time: from the order to the goods.
    """

    minimum: Decimal = _ZERO
    maximum: Decimal | None = None
    reorder_point: Decimal | None = None
    lot_size: Decimal | None = None
    order_multiple: Decimal | None = None
    lead_time: timedelta = timedelta(0)


class ReasonCode(enum.StrEnum):
    """Why something should be ordered."""

    REORDER_POINT = "reorder_point"
    BELOW_ZERO = "below_zero"
    BELOW_MINIMUM = "below_minimum"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why so much should be ordered, for whoever puts it into words of a language.

    Attributes:
        left: what is left of the item at `at`, when it is short for the first time.
        limit: the reorder point or the minimum; None: there is none (`below_zero`).
        lowest: the least that is left within the lead time.
    """

    code: ReasonCode
    left: Decimal
    at: datetime
    limit: Decimal | None
    lowest: Decimal

    @property
    def words(self) -> str:
        """The same in English."""
        limit = "" if self.limit is None else f"{self.limit.normalize():f}"
        where = {
            ReasonCode.REORDER_POINT: f"at or below the reorder point of {limit}",
            ReasonCode.BELOW_ZERO: "below zero",
            ReasonCode.BELOW_MINIMUM: f"below the minimum of {limit}",
        }[self.code]
        return (
            f"{self.left.normalize():f} are left on {self.at:%Y-%m-%d}, {where};"
            f" the lowest within the lead time is {self.lowest.normalize():f}"
        )


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """So much should be ordered.

    Attributes:
        need_at: when it is missed.
        order_by: when it has to be ordered for that; in the past: it comes too late.
        reason: why.
    """

    quantity: Decimal
    need_at: datetime
    order_by: datetime
    reason: Reason


def order_quantity(missing: Decimal, rules: Rules) -> Decimal:
    """The least quantity that may be ordered and is not below what is missing."""
    quantity = max(missing, rules.lot_size or _ZERO)
    multiple = rules.order_multiple
    if multiple is None or multiple <= 0:
        return quantity
    lots = (quantity / multiple).to_integral_value(rounding=ROUND_CEILING)
    # A quotient is rounded to the context's digits: the product says whether it was enough.
    while lots * multiple < quantity:
        lots += 1
    while (lots - 1) * multiple >= quantity:
        lots -= 1
    return lots * multiple


def propose(rules: Rules, steps: Sequence[Balance]) -> Proposal | None:
    """What to order, if anything.

    The projection is looked at as far as the lead time reaches (and a day more): what comes up
    later can be ordered later. Without a minimum and a reorder point only what is promised and not
    covered is ordered.

    Args:
        rules: the item's.
        steps: `domain.inventory.available.project`; the first one is now.
    """
    now = steps[0].at
    horizon = now + rules.lead_time + _REVIEW
    seen = [step for step in steps if step.at <= horizon]
    short = next((step for step in seen if _is_low(step.projected, rules)), None)
    if short is None:
        return None
    lowest = min(step.projected for step in seen)
    floor = max(rules.minimum, rules.reorder_point or _ZERO)
    target = max(floor, rules.maximum or _ZERO)
    missing = target - lowest
    if missing <= 0:
        # At the reorder point exactly, and nothing says up to what: one lot.
        missing = rules.lot_size or rules.order_multiple or _ZERO
        if missing <= 0:
            return None
    return Proposal(
        quantity=order_quantity(missing, rules),
        need_at=short.at,
        order_by=short.at - rules.lead_time,
        reason=_reason(short, lowest, rules),
    )


def _is_low(projected: Decimal, rules: Rules) -> bool:
    if projected < rules.minimum:
        return True
    return rules.reorder_point is not None and projected <= rules.reorder_point


def _reason(short: Balance, lowest: Decimal, rules: Rules) -> Reason:
    code, limit = ReasonCode.BELOW_MINIMUM, None
    if rules.reorder_point is not None and short.projected <= rules.reorder_point:
        code, limit = ReasonCode.REORDER_POINT, rules.reorder_point
    elif short.projected < 0:
        code = ReasonCode.BELOW_ZERO
    else:
        limit = rules.minimum
    return Reason(code=code, left=short.projected, at=short.at, limit=limit, lowest=lowest)
