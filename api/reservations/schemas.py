"""Shapes of reservations and of what is available."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.fields import Body, Code, Listing, Moment, Number, Quantity, Reason, Wanted, Whole
from api.stock.schemas import UNIT
from domain.inventory.words import ReservationKind, ReservationOrigin, ReservationState


class NewReservation(Body):
    """What is to be held, and for whom."""

    site: Wanted
    item: Code
    quantity: Quantity
    unit: Wanted | None = Field(default=None, description=UNIT)
    kind: ReservationKind = Field(
        default=ReservationKind.SOFT,
        description="`hard`: out of what lies there; `soft`: of what will be there by `need_at`.",
    )
    need_at: Moment | None = Field(default=None, description="Default: now.")
    expires_at: Moment | None = Field(default=None, description="It is given up by itself then.")
    order: Code | None = None
    line: Whole | None = Field(default=None, description="The order's line; default: the first.")
    customer: Code | None = None
    reference: Code | None = Field(
        default=None, description="Yours: the same one again is the same reservation."
    )
    note: Reason | None = None


class Reservation(BaseModel):
    """A quantity that somebody was promised."""

    id: int
    item: str
    unit: str
    site: str
    quantity: Number
    consumed: Number = Field(description="What of it has left, or was used.")
    kind: ReservationKind
    state: ReservationState
    origin: ReservationOrigin
    need_at: datetime
    expires_at: datetime | None
    order: str | None
    line: int | None
    work_order: str | None
    customer: str | None
    reference: str | None
    note: str | None
    head_version: int = Field(description="The item's version at which it was accepted.")
    created_at: datetime
    created_by: str
    closed_at: datetime | None


class ReservationList(Listing[Reservation]):
    """Reservations by need."""


class AvailabilityStep(BaseModel):
    """From `at` on."""

    at: datetime
    supply: Number = Field(description="What comes then.")
    demand: Number = Field(description="What is needed then by those who were promised it.")
    projected: Number = Field(description="What is left then.")
    available: Number = Field(description="What can still be promised from then on.")
    expired: Number = Field(
        description="What of the stock has left by then, unused, because its last day was over."
    )


class AvailabilitySource(BaseModel):
    """What a step is made of."""

    at: datetime
    quantity: Number
    kind: str
    reference: str


class Availability(BaseModel):
    """What of an item can be promised at a site, by date."""

    item: str
    unit: str
    site: str
    as_of: datetime
    quantity: Number | None = Field(description="What was asked for.")
    date: datetime | None = Field(description="By when it was asked for.")
    available: Number = Field(description="What can be promised from `date` on.")
    enough: bool | None = Field(description="Whether that is what was asked for.")
    first_date: datetime | None = Field(
        description="From when on all of `quantity` can be promised out of what is known."
    )
    steps: list[AvailabilityStep]
    sources: list[AvailabilitySource] = Field(
        description="Purchases and work in progress; below zero: stock whose last day is over."
    )


class SiteAvailability(BaseModel):
    """An item's availability at the sites that one may see."""

    items: list[Availability]
    total: int
