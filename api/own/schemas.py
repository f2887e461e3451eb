"""Shapes of a customer's own orders: what a tracking link shows, line by line."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.fields import Listing, Number
from api.tracking.schemas import Tracking
from domain.tracking import Stage


class OwnLine(BaseModel):
    """A line of one's order."""

    number: int
    item: str = Field(description="Our code of it.")
    item_name: str
    quantity: Number
    unit: str
    due: datetime | None
    promised: datetime | None = Field(description="What we promised; null: nothing but `due`.")
    stage: Stage
    good_pieces: Number
    packed: Number
    shipped: Number


class OwnOrderSummary(BaseModel):
    """One's order in a list."""

    number: str
    reference: str | None = Field(description="Your own name for the order.")
    item: str = Field(description="The first line's item, and how many more there are.")
    stage: Stage
    quantity_ordered: Number
    unit: str
    good_pieces: Number
    percent: int
    due: datetime | None
    expected: datetime | None
    expected_latest: datetime | None
    changed: datetime


class OwnOrderList(Listing[OwnOrderSummary]):
    """One's orders, newest first."""


class OwnOrder(Tracking):
    """One's order with its lines."""

    lines: list[OwnLine]
