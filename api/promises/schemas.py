"""Shapes of promise dates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import Body, Code, Moment, Number, Quantity, Reason, Wanted
from api.reservations.schemas import Reservation
from api.stock.schemas import UNIT


class AskedLine(Body):
    """What somebody would order."""

    item: Code
    quantity: Quantity
    unit: Wanted | None = Field(default=None, description=UNIT)
    due: Moment | None = Field(default=None, description="By when they want it.")


class NewPromise(Body):
    """A question: when could these be ready?"""

    site: Wanted | None = Field(
        default=None, description="Where; default: the site that has all of it ready first."
    )
    customer: Code | None = None
    lines: Annotated[list[AskedLine], Field(min_length=1, max_length=200)]
    hold_minutes: int | None = Field(
        default=None,
        ge=1,
        le=60 * 24 * 90,
        description="Hold it for so long: soft reservations that expire by themselves.",
    )
    reference: Code | None = Field(
        default=None, description="Of the reservations; the line's place is added to it."
    )
    note: Reason | None = None


class Binding(BaseModel):
    """What keeps a promise from being earlier; the first of several costs the most time."""

    kind: Literal["material", "machine", "work", "unknown"]
    what: str = Field(description="The item or the machine.")
    until: datetime | None
    reason: str


class PromisedLine(BaseModel):
    """When a line could be ready, and why not earlier."""

    item: str
    unit: str
    quantity: Number
    due: datetime | None
    promised_at: datetime | None = Field(description="Null: it cannot be promised.")
    in_time: bool | None = Field(description="Null: no date was asked for.")
    from_stock: Number = Field(description="What of it comes from stock and what is on its way.")
    to_make: Number
    to_buy: Number
    bindings: list[Binding]


class Promise(BaseModel):
    """When everything could be ready at a site. Nothing is held, unless it was asked for."""

    site: str
    as_of: datetime
    promised_at: datetime | None = Field(description="The last line's; null: one cannot be had.")
    in_time: bool | None
    lines: list[PromisedLine]
    reservations: list[Reservation]
    elsewhere: dict[str, datetime | None] = Field(
        description="The same question at the other sites that could do it."
    )
