"""What the outside is told: events of `/v1/events` and of webhooks, by type.

Whatever is not said in words here is the audit log's: `before` and `after` hold the fields that an
action changed. Quantities of typed fields are decimals as text, exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec


class OrderHappened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something happened to an order.

    Attributes:
        order: its number; so are `external_source` and `external_id` those of its document.
        reason: why, in the words of whoever did it.
        before, after: what was changed, as it stood and as it stands.
    """

    order: str
    customer: str
    customer_reference: str | None = None
    external_source: str | None = None
    external_id: str | None = None
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class ShipmentFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shipment of an order, by its number among the order's.

    Attributes:
        state: picking, packed, shipped or delivered.
        quantity, unit: of the lines that have the unit of the first one.
        at: when it reached the state, or when the carrier says so.
        status, place: the carrier's words.
        lines: what came back, by line.
    """

    shipment: int
    state: str | None = None
    quantity: str | None = None
    unit: str | None = None
    at: str | None = None
    status: str | None = None
    place: str | None = None
    lines: list[dict[str, Any]] | None = None


class ShipmentHappened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something happened to a shipment; other fields as in `OrderHappened`."""

    order: str
    customer: str
    customer_reference: str | None = None
    external_source: str | None = None
    external_id: str | None = None
    reason: str | None = None
    before: ShipmentFacts | None = None
    after: ShipmentFacts | None = None


class LineProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a line is. `good` are pieces made for it, or taken from stock for it."""

    line: int
    item: str
    state: str
    quantity: Decimal
    unit: str
    good: Decimal
    scrap: int


class OrderProgressed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an order is; lines that are cancelled are left out."""

    order: str
    customer: str
    customer_reference: str | None = None
    external_source: str | None = None
    external_id: str | None = None
    lines: list[LineProgress]


class StockShortage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody goes short of an item, more than was told before, or until later.

    Attributes:
        work_order, order: who goes short.
        needed, missing: in `unit`; `missing` is what is not there by `need_at`.
        comes_at: when the last of it comes; absent: nothing that is known brings it.
    """

    item: str
    unit: str
    work_order: str | None = None
    order: str | None = None
    needed: Decimal
    missing: Decimal
    need_at: datetime
    comes_at: datetime | None = None


class WebhookTried(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tries a webhook."""

    webhook: str


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as `/v1/events` has it: CloudEvents 1.0, JSON event format.

    Attributes:
        id: the same event has the same one, whenever it is asked for.
        source: `/gemba`, or the site: `/gemba/plant-1`.
        subject: the order's number, or the item's code.
        sequence: rises without holes over all events.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    datacontenttype: Literal["application/json"]
    sequence: str
    data: dict[str, Any]


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a message to a webhook (Standard Webhooks); `timestamp`: when it happened."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


WEBHOOK_TEST: Final = "webhook.test"
ORDER_PROGRESSED: Final = "order.progressed"
ORDER_PRODUCED: Final = "order.produced"
STOCK_SHORTAGE: Final = "stock.shortage"

DATA: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "order.received": OrderHappened,
        "order.confirmed": OrderHappened,
        "order.rejected": OrderHappened,
        "order.released": OrderHappened,
        "order.changed": OrderHappened,
        "order.held": OrderHappened,
        "order.resumed": OrderHappened,
        "order.cancelled": OrderHappened,
        "order.line_state_changed": OrderHappened,
        "order.date_moved": OrderHappened,
        ORDER_PROGRESSED: OrderProgressed,
        ORDER_PRODUCED: OrderProgressed,
        "shipment.packed": ShipmentHappened,
        "shipment.shipped": ShipmentHappened,
        "shipment.carrier_reported": ShipmentHappened,
        "shipment.delivered": ShipmentHappened,
        "shipment.returned": ShipmentHappened,
        "shipment.corrected": ShipmentHappened,
        STOCK_SHORTAGE: StockShortage,
    }
)
"""What the data of each type of event looks like."""
