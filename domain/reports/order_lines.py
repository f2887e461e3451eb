"""How an order line did, judged once when something of it changes and kept as a revision (ADR 17).

What is kept does not depend on when a report is asked for: a line that is complete has its delay,
one that is late and not complete has the delay up to `judged_ms`, a full hour, from which on it is
judged again (`next_judgement`). So reports as of a moment are sums over revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.reports.delay_causes import Attribution, Evidence, LateOrder, Planned, attribute
from domain.reports.delivery import Against, Delivered, DeliveryPolicy, DueLine, line_result

POLICY_VERSION: Final = 1
"""Which rules lines are judged by: rises with them, and what was judged before keeps its own."""

POLICY: Final = DeliveryPolicy()
"""No tolerance: what a customer tolerates is not in the master data yet."""

FORECAST_DAYS: Final = (1, 3, 7, 14, 28)
"""So many days before an order's end it is looked at what plans said of it."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """What the plan in force said of an order's end, `days` before it came; epoch ms."""

    days: int
    made_ms: int
    end_ms: int


class LineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A line as rows tell it; times are epoch ms.

    Attributes:
        order, line, number, site, customer, item: ids, and the line's number.
        made_on: `site/area/line` that made it or is to; None: nothing was made for it.
        ordered: what the customer wants; 0: nothing any more.
        first_due_ms, customer_due_ms, due_ms: see `domain.reports.line_past`.
        deliveries: what left, by shipment.
        packed_ms, delivered_ms: of the last of the shipments that it needed, once all were.
        planned_ms, planned_end_ms, planned: of the first plan in force with the order.
    """

    order: int
    line: int
    number: int
    site: int
    customer: int
    item: int
    unit: str
    made_on: str | None
    ordered: Decimal
    received_ms: int
    confirmed_ms: int | None
    released_ms: int | None
    started_ms: int | None
    produced_ms: int | None
    packed_ms: int | None
    delivered_ms: int | None
    first_due_ms: int | None
    customer_due_ms: int | None
    due_ms: int | None
    deliveries: tuple[Delivered, ...] = ()
    planned_ms: int | None = None
    planned_end_ms: int | None = None
    planned: tuple[Planned, ...] = ()
    forecasts: tuple[Forecast, ...] = ()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How a line did: what a revision holds beside its facts.

    Attributes:
        shipped: what left, less what came back.
        complete_ms: when the last piece that was needed left.
        first_on_time, first_by_date: against the date agreed first.
        due_on_time, due_by_date: against the date that holds.
        judged_ms: up to when the delay of a line that is not complete is divided.
        delay: since the first date.
        makes_late: it is the line of its order with the greatest delay.
    """

    facts: LineFacts
    shipped: Decimal
    complete_ms: int | None
    first_on_time: bool
    first_by_date: Decimal
    due_on_time: bool
    due_by_date: Decimal
    judged_ms: int | None
    delay: Attribution
    makes_late: bool


def late_until(facts: LineFacts, now_ms: int) -> int | None:
    """Up to when a line is late against its first date; None: it is not, as far as is known."""
    complete = _complete_ms(facts)
    end = complete if complete is not None else now_ms - now_ms % _HOUR_MS
    if facts.first_due_ms is None or facts.ordered <= 0 or end <= facts.first_due_ms:
        return None
    return end


def judge(
    lines: Sequence[LineFacts], evidence: Mapping[int, Sequence[Evidence]], now_ms: int
) -> list[Judged]:
    """How the lines of one order did.

    Args:
        lines: all of the order's.
        evidence: by line, of those that are late (`late_until`).
        now_ms: the moment of the judgement.
    """
    delays = {each.line: _delay(each, evidence.get(each.line, ()), now_ms) for each in lines}
    worst = max(lines, key=lambda each: (delays[each.line].delay_ms, -each.line), default=None)
    return [
        _judged(
            each, delays[each.line], now_ms, makes_late=each is worst and _is_late(delays, each)
        )
        for each in lines
    ]


def next_judgement(first_due_ms: int, judged_ms: int) -> int:
    """When a line that is late and not complete is judged again: hourly for a day, then daily."""
    return judged_ms + (_HOUR_MS if judged_ms - first_due_ms < _DAY_MS else _DAY_MS)


def _is_late(delays: Mapping[int, Attribution], line: LineFacts) -> bool:
    return delays[line.line].delay_ms > 0


def _delay(facts: LineFacts, evidence: Sequence[Evidence], now_ms: int) -> Attribution:
    end = late_until(facts, now_ms)
    if end is None or facts.first_due_ms is None:
        return Attribution(order=facts.order, delay_ms=0, shares=())
    customer = facts.customer_due_ms
    return attribute(
        LateOrder(
            order=facts.order,
            first_due_ms=facts.first_due_ms,
            customer_due_ms=facts.first_due_ms if customer is None else customer,
            end_ms=end,
            planned_ms=facts.planned_ms,
            planned=facts.planned,
            evidence=tuple(evidence),
        )
    )


def _judged(facts: LineFacts, delay: Attribution, now_ms: int, *, makes_late: bool) -> Judged:
    complete = _complete_ms(facts)
    first_on_time, first_by_date = _kept(facts, Against.FIRST)
    due_on_time, due_by_date = _kept(facts, Against.CURRENT)
    return Judged(
        facts=facts,
        shipped=sum((each.quantity for each in facts.deliveries), Decimal(0)),
        complete_ms=complete,
        first_on_time=first_on_time,
        first_by_date=first_by_date,
        due_on_time=due_on_time,
        due_by_date=due_by_date,
        judged_ms=now_ms - now_ms % _HOUR_MS if delay.delay_ms and complete is None else None,
        delay=delay,
        makes_late=makes_late,
    )


def _kept(facts: LineFacts, against: Against) -> tuple[bool, Decimal]:
    """Whether what was needed left in time, and how much had left by the date."""
    result = line_result(_due_line(facts), as_of_ms=_after(facts), against=against, policy=POLICY)
    return (False, Decimal(0)) if result is None else (result.on_time, result.by_date)


def _complete_ms(facts: LineFacts) -> int | None:
    # Being complete does not go by a date: any will do.
    line = msgspec.structs.replace(_due_line(facts), due_ms=0)
    result = line_result(line, as_of_ms=_after(facts), against=Against.CURRENT, policy=POLICY)
    return None if result is None else result.complete_ms


def _after(facts: LineFacts) -> int:
    """A moment when all that is known to have left had left, whatever a device's clock says."""
    return max((each.at_ms for each in facts.deliveries), default=0) + 1


def _due_line(facts: LineFacts) -> DueLine:
    return DueLine(
        order=facts.order,
        line=facts.line,
        ordered=facts.ordered,
        first_due_ms=facts.first_due_ms,
        due_ms=facts.due_ms,
        deliveries=facts.deliveries,
    )
