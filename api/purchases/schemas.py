"""Shapes of purchases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import Body, Code, Listing, Moment, Number, Quantity, Reason, Wanted, Whole
from api.stock.schemas import UNIT


class NewLine(Body):
    """What is ordered."""

    item: Code
    quantity: Quantity
    unit: Wanted | None = Field(default=None, description=UNIT)
    due_at: Moment


class NewPurchase(Body):
    """An order to a supplier."""

    number: Code | None = Field(
        default=None, description="Default: drawn. The same number and content again: the same."
    )
    site: Wanted
    supplier: Code | None = None
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=1_000)]


class LineChange(Body):
    """What changes about a line."""

    number: Whole
    quantity: Quantity | None = None
    due_at: Moment | None = None
    closed: bool | None = Field(default=None, description="True: nothing more of it comes.")


class PurchaseChange(Body):
    """What changes about a purchase."""

    version: Whole = Field(description="The version that one has looked at.")
    lines: Annotated[list[LineChange], Field(min_length=1, max_length=1_000)]
    reason: Reason | None = None


class PurchaseCancellation(Body):
    """Why a purchase is given up."""

    reason: Reason


class PurchaseLine(BaseModel):
    """A line of a purchase."""

    number: int
    item: str
    unit: str
    quantity: Number
    received: Number
    open: Number = Field(description="What is still to come.")
    due_at: datetime
    closed: bool


class Purchase(BaseModel):
    """An order to a supplier, and what of it has come."""

    number: str
    site: str
    supplier: str | None
    state: Literal["open", "received", "cancelled"]
    version: int
    created_at: datetime
    created_by: str
    lines: list[PurchaseLine]


class PurchaseList(Listing[Purchase]):
    """Purchases, newest first."""
