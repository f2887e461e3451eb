"""Shapes of orders. What an order looks like is `contracts.live`'s OrderView, as on `/v1/live`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.fields import (
    Body,
    Code,
    Listing,
    Moment,
    Name,
    Number,
    Quantity,
    Reason,
    Small,
    Wanted,
    Whole,
)
from api.plans.schemas import LateCause
from contracts.telemetry import OperationState
from domain.orders import LineState
from domain.tracking import Stage


class NewLine(Body):
    """A line to be ordered. Lines are numbered from 1 in the order given."""

    item: Wanted
    quantity: Quantity
    unit: Name | None = Field(default=None, description="Must be the item's, which is the default.")
    due_at: Moment | None = None


class NewOrder(Body):
    """An order as it comes in."""

    number: Code | None = Field(default=None, description="Drawn (`SO-000123`) when absent.")
    site: Wanted
    customer: Wanted = Field(description="The customer's code.")
    customer_reference: Name | None = Field(default=None, description="Their name for the order.")
    external_source: Code | None = Field(default=None, description="The system it comes from.")
    external_id: Code | None = Field(default=None, description="Its id there.")
    priority: Small = 0
    release: Annotated[bool, Strict()] = Field(
        default=False, description="Hand it to the floor at once."
    )
    lines: list[NewLine] = Field(min_length=1, max_length=1_000)
    reservations: list[Whole] | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="Held promises (`POST /v1/promises` with `hold_minutes`) that become its own: "
        "what they hold is never free in between. One order at a time.",
    )

    @model_validator(mode="after")
    def _external_is_a_pair(self) -> Self:
        if (self.external_source is None) != (self.external_id is None):
            raise PydanticCustomError("pair", "external_source and external_id go together")
        return self


class LineChange(Body):
    """What is to change of a line; absent: nothing, `due_at` null: no due date."""

    number: Small
    quantity: Quantity | None = None
    due_at: Moment | None = None
    cancel: Annotated[bool, Strict()] = Field(default=False, description="Give the line up.")

    @model_validator(mode="after")
    def _cancelled_or_changed(self) -> Self:
        if self.cancel and self.model_fields_set & {"quantity", "due_at"}:
            raise PydanticCustomError("cancel", "a line is cancelled or changed, not both")
        return self


def _distinct_lines(lines: list[LineChange]) -> list[LineChange]:
    if len({line.number for line in lines}) < len(lines):
        raise PydanticCustomError("lines", "a line is named twice")
    return lines


class OrderChange(Body):
    """What is to change of an order, as one knew it at `version`."""

    version: Whole
    priority: Small | None = None
    lines: Annotated[list[LineChange], AfterValidator(_distinct_lines)] = Field(
        default=[], max_length=1_000
    )
    add: list[NewLine] = Field(
        default=[], max_length=1_000, description="Lines that come in addition."
    )
    reason: Reason | None = Field(default=None, description="Needed to cancel lines.")
    asked_by_customer: Annotated[bool, Strict()] = Field(
        default=False,
        description="The customer asked for it: a date moved so is no delay of the plant's.",
    )

    @model_validator(mode="after")
    def _cancelled_for_a_reason(self) -> Self:
        if self.reason is None and any(line.cancel for line in self.lines):
            raise PydanticCustomError("reason", "cancelling lines needs a reason")
        return self


class Cancellation(Body):
    """Why an order is given up."""

    reason: Reason
    version: Whole | None = Field(default=None, description="Refused (409) when it is not this.")


class OrderLine(BaseModel):
    """A line and how far it is."""

    number: int
    item: str
    item_name: str
    quantity: Number
    unit: str
    due: datetime | None
    state: LineState
    good_pieces: Number
    scrap_pieces: int
    started: datetime | None
    produced: datetime | None
    projected_end: datetime | None
    work_orders: list[str]
    site: str = Field(description="Who makes or delivers it.")
    item_known: bool = Field(description="False: review has to say which item is meant.")
    position: str | None = Field(description="Its number in the customer's document.")
    description: str | None = Field(description="The item in the document's words.")
    price: Number | None = Field(description="In the order's currency, for `price_basis` units.")
    price_basis: Number
    promised: datetime | None = Field(
        description="The date of the promise that its order took over; null: nothing but `due`."
    )
    unit_as_told: str | None = Field(description="The unit as the document writes it.")
    quantity_as_told: Number | None
    held_from: LineState | None = Field(description="Where it goes on after a hold.")
    hold_reason: str | None
    rejected_reason: str | None


class Party(BaseModel):
    """A partner as the newest document has them."""

    model_config = ConfigDict(from_attributes=True)

    role: str = Field(description="`sold_to`, `ship_to`, `bill_to`, `supplier`, `other`.")
    role_code: str = Field(description="The format's own word.")
    names: list[dict[str, str]] = Field(description="Their numbers: `scheme`, `value`.")
    name: str | None
    street: list[str]
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    phone: str | None


class Delivery(BaseModel):
    """A shipment of an order: `contracts.live`'s DeliveryView, as on `/v1/live`."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="Rises within the order.")
    state: str = Field(description="`picking`, `packed`, `shipped`, `delivered`, …")
    picked: Number
    packed: Number
    shipped: Number
    unit: str
    picking: datetime | None = Field(description="Since when it is picked.")
    packed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    carrier: str | None = None
    tracking_number: str | None = None
    carrier_status: str | None = Field(default=None, description="The carrier's newest word.")
    carrier_at: datetime | None = None
    expected_at: datetime | None = Field(default=None, description="When it is to arrive.")
    returned: Number = Decimal(0)


class DeliveryList(Listing[Delivery]):
    """An order's shipments by number."""


class OrderSummary(BaseModel):
    """Where an order is, when it will be there, what it waits for."""

    number: str
    site: str
    customer: str = Field(description="Their name.")
    customer_code: str
    customer_reference: str | None
    external_source: str | None
    external_id: str | None
    version: int
    priority: int
    item: str = Field(description="The first line's item, and how many more there are.")
    state: LineState = Field(description="Derived from the lines.")
    stage: Stage = Field(description="In the customer's terms.")
    quantity_ordered: Number
    unit: str
    good_pieces: Number
    scrap_pieces: int
    percent: int
    due: datetime | None
    projected_end: datetime | None
    lateness_minutes: int | None = Field(description="Negative is early.")
    waits_for: str | None = Field(
        description="`release`, `hold`, `machine`, `machine:<path>`, `operator:<path>` or null."
    )
    received: datetime
    changed: datetime
    lines: list[OrderLine]
    planned_end: datetime | None = Field(
        description="When the plan in force ends it; `projected_end` is what reality makes of it."
    )
    late_because: list[LateCause] = Field(
        description="Why the plan in force ends it late; empty when it does not."
    )
    deliveries: list[Delivery]
    customer_known: bool = Field(description="False: review has to say whose order it is.")
    channel: str | None = Field(description="By which channel it came in.")
    source_version: int | None = Field(description="Of the newest document that was applied.")
    currency: str | None
    document_date: date | None
    notes: list[str] = Field(description="Free texts of the document.")
    confirmed: datetime | None = Field(description="When it was confirmed first.")
    findings: int = Field(description="Open findings of review.")
    errors: int = Field(description="How many of them have to be settled or overruled.")


class OrderOperation(BaseModel):
    """An operation of an order's work orders."""

    model_config = ConfigDict(from_attributes=True)

    work_order: str
    operation: int
    name: str | None
    machine: str | None
    state: OperationState
    quantity_ordered: Number | None
    good_pieces: int
    scrap_pieces: int
    runs: int
    planned_start: datetime | None
    planned_end: datetime | None
    started: datetime | None
    ended: datetime | None
    projected_start: datetime | None
    projected_end: datetime | None
    planned_machine: str | None = Field(description="Where the plan in force has it (path).")


class Peg(BaseModel):
    """A quantity of a work order that is meant for a line."""

    line: int
    work_order_id: int
    work_order: str
    quantity: Number


class Order(OrderSummary):
    """An order with its operations and pegs."""

    operations: list[OrderOperation]
    pegs: list[Peg]
    parties: list[Party]


class OrderList(Listing[OrderSummary]):
    """A part of the orders that are wanted."""

    total_is_estimate: bool = Field(
        default=False, description="They are too many to be counted each time."
    )


class CancelledOrder(BaseModel):
    """A cancelled order, and what the floor still works on for it."""

    order: Order
    still_running: list[OrderOperation] = Field(
        description="Left to the floor: on a machine, or interrupted there."
    )


class AuditEntry(BaseModel):
    """Who changed what, when, from where and why."""

    id: int
    at: datetime
    actor: str
    origin: str
    action: str
    work_order: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditList(Listing[AuditEntry]):
    """Entries, newest first."""


class NewLink(Body):
    """How long a tracking link leads somewhere, and what it shows."""

    days: Annotated[int, Strict(), Field(ge=1, le=366)] = 90
    line: Small | None = Field(default=None, description="Show this line of the order only.")
    shipment: Small | None = Field(default=None, description="Show this shipment only.")


class TrackingLink(BaseModel):
    """A tracking link, without its token, which nobody keeps."""

    id: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    line: int | None = Field(description="The only line that it shows.")
    shipment: int | None = Field(description="The only shipment that it shows.")


class CreatedLink(BaseModel):
    """A new tracking link. The token is shown here and never again."""

    id: int
    url: str
    token: str
    expires_at: datetime


class LinkList(Listing[TrackingLink]):
    """An order's links, newest first."""
