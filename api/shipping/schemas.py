"""Shapes of shipments by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from api.fields import Body, Code, Listing, Moment, Name, Number, Quantity, Reason, Small
from domain.dispatch import CarrierStatus, LineDelivery
from domain.shipping import ShipmentState


class LineQuantity(Body):
    """So much of a line."""

    line: Small
    quantity: Quantity


_Lines = Annotated[list[LineQuantity], Field(max_length=1_000)]


class NewShipment(Body):
    """What is to leave together."""

    lines: _Lines = Field(default=[], description="Empty: all that is still to be shipped.")
    carrier: Name | None = None
    tracking_number: Code | None = None
    expected_at: Moment | None = None


class StepTaken(Body):
    """What was done to a shipment."""

    lines: _Lines = Field(
        default=[], description="What is not named: as much as the step before left."
    )
    carrier: Name | None = None
    tracking_number: Code | None = None
    expected_at: Moment | None = None
    insist: bool = Field(
        default=False,
        description="It has left, whatever the books say: what they do not have becomes a"
        " shortfall.",
    )
    reason: Reason | None = None


class CarrierWord(Body):
    """What a carrier says."""

    status: CarrierStatus
    at: Moment
    place: Name | None = None
    detail: Reason | None = None
    expected_at: Moment | None = None
    reference: Code | None = Field(
        default=None, description="The carrier's id of the event; a repeat changes nothing."
    )


class NewReturn(Body):
    """What came back. It waits for an inspection (`quality`)."""

    lines: Annotated[list[LineQuantity], Field(min_length=1, max_length=1_000)]
    location: Code | None = None
    reason: Reason


class ShipmentLine(BaseModel):
    """A line's part of a shipment."""

    line: int
    item: str
    unit: str
    planned: Number
    picked: Number
    packed: Number
    shipped: Number
    returned: Number


class CarrierEntry(BaseModel):
    """A carrier's word."""

    status: CarrierStatus
    at: datetime
    place: str | None
    detail: str | None
    expected_at: datetime | None
    reference: str | None
    told_by: str


class Shipment(BaseModel):
    """A shipment with its lines and its carrier's words."""

    order: str
    number: int
    state: ShipmentState
    by_hand: bool = Field(description="False: made of the warehouse devices' moves.")
    carrier: str | None
    tracking_number: str | None
    expected_at: datetime | None
    carrier_status: CarrierStatus | None
    carrier_at: datetime | None
    picking_at: datetime | None
    packed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    version: int
    lines: list[ShipmentLine]
    carrier_events: list[CarrierEntry]


class LineState(BaseModel):
    """Where a line's goods are."""

    line: int
    delivery: LineDelivery


class DeliveryState(Listing[LineState]):
    """Where an order's goods are: derived from the lines, these from the shipments."""

    delivery: LineDelivery
