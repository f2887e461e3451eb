"""When what lies there leaves by itself: lots whose last day is over promise nothing any more.

A lot can serve a need that comes before its expiry, and none after it. What is held hard is held
out of what lies there: it takes the lots that outlast its need, those that leave first before the
others, so that what is left for everybody else lasts as long as it can.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

_ZERO: Final = Decimal(0)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def leaving(
    lots: Iterable[tuple[datetime | None, Decimal]],
    held: Iterable[tuple[datetime, Decimal]],
    *,
    short: Decimal = _ZERO,
) -> dict[datetime, Decimal]:
    """How much of what is free leaves when, by moment.

    Args:
        lots: when each available lot leaves (None: never), and how much of it there is.
        held: by when what is reserved hard is needed, and how much of it.
        short: what was taken although the books had none: the goods that leave first stand for it.
    """
    left: dict[datetime, Decimal] = {}
    for leaves, quantity in lots:
        moment = leaves or _NEVER
        left[moment] = left.get(moment, _ZERO) + quantity
    moments = sorted(left)
    # Who needs goods the latest has the fewest lots to choose from: they choose first.
    for need_at, quantity in sorted(held, reverse=True):
        lasting = [moment for moment in moments if moment > need_at]
        # What no lot outlasts is held all the same, out of those that come closest to it.
        others = [moment for moment in reversed(moments) if moment <= need_at]
        _take(left, [*lasting, *others], quantity)
    _take(left, moments, short)
    return {moment: left[moment] for moment in moments if moment < _NEVER and left[moment] > 0}


def _take(left: dict[datetime, Decimal], order: Iterable[datetime], quantity: Decimal) -> None:
    for moment in order:
        part = min(left[moment], quantity)
        left[moment] -= part
        quantity -= part
