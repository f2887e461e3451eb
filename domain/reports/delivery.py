"""On time in full, and how much of what was due was delivered.

    on time in full  = lines delivered completely by their date / lines due in the period
    on time          = lines of which something left, and nothing that was needed after the date
    in full          = lines delivered completely by the moment that is asked about
    fulfilment rate  = quantity delivered by its date / quantity due (fill rate, by line at most
                       what was ordered)

A line belongs to the period in which it was due; so a line that has not left yet counts as late as
soon as its date is over, and the figure of a past period changes only when something was delivered
late or a date was corrected. Both dates are judged: the one that was confirmed first and the one
that holds now (`Against`), for a date that was moved is kept by moving it.

Sources: McKinsey and the Trading Partner Alliance, "Defining 'on-time, in-full' in the consumer
sector" (2019): by line, a window around an agreed date, an agreed quantity; the fill rate as the
beta service level of Silver, Pyke & Thomas, "Inventory and Production Management in Supply Chains".
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from domain.reports.periods import Span
from domain.reports.ratios import Absent, Ratio, ratio

_ZERO: Final = Decimal(0)


class Against(enum.StrEnum):
    """Which date a delivery is judged by."""

    FIRST = "first"
    """The first that was agreed with the customer."""
    CURRENT = "current"
    """The one that holds at the moment that is asked about."""


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """A quantity of a line that left; below 0 for what came back."""

    at_ms: int
    quantity: Decimal


class DueLine(msgspec.Struct, frozen=True, kw_only=True):
    """An order line as it was known at the moment that is asked about.

    Attributes:
        order: the order's id.
        line: the line's id.
        ordered: what the customer wants; what was cancelled is not in it.
        first_due_ms: the date that was agreed first; None: none ever was.
        due_ms: the date that holds.
        deliveries: in any order.
    """

    order: int
    line: int
    ordered: Decimal
    first_due_ms: int | None
    due_ms: int | None
    deliveries: tuple[Delivered, ...] = ()

    def due_against(self, against: Against) -> int | None:
        """The date it is judged by."""
        return self.first_due_ms if against is Against.FIRST else self.due_ms


class DeliveryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What still counts as on time and as in full.

    Attributes:
        late_ms: so much after the date is on time yet.
        early_ms: more than this before it is not on time either; None: early is never wrong.
        under: the part of the quantity that may be missing, 0 to below 1 (the customer's own).
    """

    late_ms: int = 0
    early_ms: int | None = None
    under: Decimal = _ZERO


class LineResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one line did: what a bar of the report is made of.

    Attributes:
        complete_ms: when the last piece that was needed left; None: it is not complete.
        late_ms: how long after its date it was complete, or is not yet; at most 0: in time.
        by_date: what had left by its date (with what is tolerated), at most what was ordered.
    """

    order: int
    line: int
    due_ms: int
    ordered: Decimal
    complete_ms: int | None
    late_ms: int
    on_time: bool
    in_full: bool
    by_date: Decimal

    @property
    def on_time_in_full(self) -> bool:
        """Both."""
        return self.on_time and self.in_full


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over lines: they may be added over disjoint periods, but for orders and the undated.

    Attributes:
        lines: due in the period.
        orders: with a line due in the period; an order is on time in full when all these are.
        undated: lines without a date, which are in no figure.
    """

    lines: int
    lines_on_time: int
    lines_in_full: int
    lines_on_time_in_full: int
    orders: int
    orders_on_time_in_full: int
    ordered: Decimal
    by_date: Decimal
    undated: int

    @property
    def on_time_in_full(self) -> Ratio:
        """By line."""
        return ratio(self.lines_on_time_in_full, self.lines, Absent.NOTHING_DUE)

    @property
    def on_time(self) -> Ratio:
        """By line."""
        return ratio(self.lines_on_time, self.lines, Absent.NOTHING_DUE)

    @property
    def in_full(self) -> Ratio:
        """By line."""
        return ratio(self.lines_in_full, self.lines, Absent.NOTHING_DUE)

    @property
    def orders_ratio(self) -> Ratio:
        """On time in full, by order."""
        return ratio(self.orders_on_time_in_full, self.orders, Absent.NOTHING_DUE)

    @property
    def fulfilment(self) -> Ratio:
        """By quantity: of one item or unit, or it adds what does not belong together."""
        return ratio(self.by_date, self.ordered, Absent.NOTHING_DUE)


def line_result(
    line: DueLine, *, as_of_ms: int, against: Against, policy: DeliveryPolicy
) -> LineResult | None:
    """How a line did as far as was known at a moment; None: it has no date."""
    due_ms = line.due_against(against)
    if due_ms is None or line.ordered <= 0:
        return None
    needed = line.ordered * (1 - policy.under)
    left = by_date = _ZERO
    complete_ms: int | None = None
    last_ms: int | None = None
    for each in sorted(line.deliveries, key=lambda one: (one.at_ms, -one.quantity)):
        if each.at_ms >= as_of_ms:
            break
        left += each.quantity
        if complete_ms is None and each.quantity > 0:
            last_ms = each.at_ms
        if left < needed:
            complete_ms = None
        elif complete_ms is None:
            complete_ms = each.at_ms
        if each.at_ms <= due_ms + policy.late_ms:
            by_date = left
    reached = as_of_ms if complete_ms is None else complete_ms
    early = policy.early_ms
    return LineResult(
        order=line.order,
        line=line.line,
        due_ms=due_ms,
        ordered=line.ordered,
        complete_ms=complete_ms,
        late_ms=reached - due_ms,
        on_time=last_ms is not None
        and last_ms <= due_ms + policy.late_ms
        and (early is None or last_ms >= due_ms - early),
        in_full=complete_ms is not None,
        by_date=min(max(by_date, _ZERO), line.ordered),
    )


def results(
    lines: Iterable[DueLine],
    period: Span,
    *,
    as_of_ms: int,
    against: Against = Against.CURRENT,
    policy: DeliveryPolicy | None = None,
) -> tuple[Delivery, list[LineResult]]:
    """The figures of the lines that were due in a period, and each line's result, latest first.

    Lines whose date (with what is tolerated) is still to come at `as_of_ms` are not judged yet.
    """
    judged = policy or DeliveryPolicy()
    found: list[LineResult] = []
    undated = 0
    for line in lines:
        result = line_result(line, as_of_ms=as_of_ms, against=against, policy=judged)
        if result is None:
            undated += line.ordered > 0
        elif period.holds(result.due_ms) and result.due_ms + judged.late_ms < as_of_ms:
            found.append(result)
    found.sort(key=lambda each: (-each.late_ms, each.order, each.line))
    return _summed(found, undated), found


def _summed(found: list[LineResult], undated: int) -> Delivery:
    kept: dict[int, bool] = defaultdict(lambda: True)
    for each in found:
        kept[each.order] = kept[each.order] and each.on_time_in_full
    return Delivery(
        lines=len(found),
        lines_on_time=sum(each.on_time for each in found),
        lines_in_full=sum(each.in_full for each in found),
        lines_on_time_in_full=sum(each.on_time_in_full for each in found),
        orders=len(kept),
        orders_on_time_in_full=sum(kept.values()),
        ordered=sum((each.ordered for each in found), _ZERO),
        by_date=sum((each.by_date for each in found), _ZERO),
        undated=undated,
    )
