"""Whose are the good pieces of a work order? The rule (docs/protocol.md, PEG-1 to PEG-6).

The good pieces of a work order are those of its last operation. Its pegs take them in the order of
need: by due date (none is last), then by the order's priority (highest first), then order lines
before the needs of other work orders, then by id. Each takes as much as it is pegged with; what is
beyond all of them belongs to nobody and goes to stock.

What a peg has been given it keeps, whatever comes later with an earlier date or a higher priority;
it gives back only when its own quantity shrinks, or when fewer pieces were made than had been
counted: then the last ones in the order give back first. As long as the pegs stay the same, the
result is a function of the number of pieces alone, in however many steps they were counted.
Pieces are never cut: a share is whole wherever the pegs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

_NOTHING = Decimal(0)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A demand's peg on a work order.

    Attributes:
        id: the line's id, or that of the work order that needs a component.
        quantity: as much as it is pegged with.
        due_ms: when the demand needs it.
        priority: the order's, the highest first.
        of_work: whether the demand is another work order's.
        held: what it has been given so far.
    """

    id: int
    quantity: Decimal
    due_ms: int | None = None
    priority: int = 0
    of_work: bool = False
    held: Decimal = _NOTHING

    @property
    def place(self) -> tuple[bool, int, int, bool, int]:
        """Its place in the order of need."""
        return (self.due_ms is None, self.due_ms or 0, -self.priority, self.of_work, self.id)


class Attribution(msgspec.Struct, frozen=True):
    """The shares of claims, as these were given, and what belongs to nobody."""

    shares: tuple[Decimal, ...]
    to_stock: Decimal


def in_order(claims: Sequence[Claim]) -> list[int]:
    """The indexes of claims in the order of need."""
    return sorted(range(len(claims)), key=lambda index: claims[index].place)


def attribute(good: Decimal, claims: Sequence[Claim]) -> Attribution:
    """Share a work order's good pieces among the claims on it, as the module says."""
    order = in_order(claims)
    shares = [min(claim.held, claim.quantity) for claim in claims]
    missing = sum(shares, _NOTHING) - good
    for index in reversed(order):
        if missing <= 0:
            break
        back = min(missing, shares[index])
        shares[index] -= back
        missing -= back
    left = good - sum(shares, _NOTHING)
    for index in order:
        more = min(left, claims[index].quantity - shares[index])
        shares[index] += more
        left -= more
    return Attribution(tuple(shares), left)


def share_scrap(scrap: int, claims: Sequence[Claim]) -> tuple[int, ...]:
    """Share scrap pieces in proportion to the claims' quantities; whole pieces, `scrap` in all.

    The largest remainders are rounded up, ties in the order of need. Without claims it is nobody's.
    """
    total = sum((claim.quantity for claim in claims), _NOTHING)
    if not total:
        return (0,) * len(claims)
    order = in_order(claims)
    exact = [scrap * claim.quantity / total for claim in claims]
    whole = [int(share) for share in exact]
    by_remainder = sorted(order, key=lambda index: whole[index] - exact[index])
    for index in by_remainder[: scrap - sum(whole)]:
        whole[index] += 1
    return tuple(whole)
