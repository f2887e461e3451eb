"""Changes to work and orders as causes: what people change, and work that no plan holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from contracts.plan import DisruptionKind
from domain.plan.cause import Cause
from domain.plan.policy import Policy


class OrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's event says, and the facts of the order that decide about it.

    Attributes:
        name: the event's name (`contracts.streams.OrderEvent`).
        order: the order's id; None for work without one.
        work_orders: the work orders it names.
        version: of the order, or of the work order without one.
        occurred_ms: when.
        priority: of the order; 0 without one.
        released: whether the order has work on the floor that is not over, or had before it was
            cancelled.
    """

    name: str
    order: int | None
    work_orders: Sequence[int]
    version: int
    occurred_ms: int
    priority: int = 0
    released: bool = True


def order_cause(change: OrderChange, policy: Policy) -> Cause | None:
    """What a change to an order or a work order means for the plan; None when nothing."""
    match change.name:
        case "OrderReleased" | "WorkOrderPlanned":
            rush = change.priority >= policy.rush_priority and change.order is not None
            kind = DisruptionKind.RUSH_ORDER if rush else DisruptionKind.WORK_RELEASED
            detail = {"priority": change.priority} if rush else {}
        case (
            "OrderChanged"
            | "OrderHeld"
            | "OrderResumed"
            | "WorkOrdersSplit"
            | "WorkOrdersMerged"
            | "WorkOrdersArranged"
            | "PegsMoved"
            | "RearrangementUndone"
        ) if change.released:
            kind, detail = DisruptionKind.ORDER_CHANGED, {}
        case "OrderCancelled" | "WorkOrderCancelled" if change.released:
            kind, detail = DisruptionKind.ORDER_CANCELLED, {}
        case _:
            return None
    if change.name in ("WorkOrderPlanned", "WorkOrderCancelled") and change.work_orders:
        # Told once, whomever the work is for: the same event goes to each of its orders.
        subject = f"work_order:{min(change.work_orders)}"
    elif change.order is None and change.work_orders:
        subject = f"work_order:{min(change.work_orders)}:{change.version}"
    else:
        subject = f"order:{change.order}:{change.version}"
    return Cause(
        kind=kind,
        key=f"{change.name}:{subject}",
        occurred_ms=change.occurred_ms,
        order=change.order,
        detail=detail,
    )


def first_cause(scope: str, unplanned: Collection[int], now_ms: int) -> Cause | None:
    """Released work that no plan holds and nobody told of: an installation from before plans."""
    if not unplanned:
        return None
    return Cause(
        kind=DisruptionKind.WORK_RELEASED,
        key=f"first:{scope}:{max(unplanned)}",
        occurred_ms=now_ms,
    )
