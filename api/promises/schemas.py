"""Shapes of promise dates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import Body, Code, Moment, Number, Quantity, Reason, Small, Wanted
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
    priority: Small | None = Field(
        default=None,
        description="Of the order; says whom it may put off for `with_cost`. Default: a rush"
        " order's.",
    )
    release_within_minutes: int = Field(
        default=15,
        ge=0,
        le=60 * 24 * 30,
        description="The dates hold if the order is released by then (`valid_until`).",
    )


class Binding(BaseModel):
    """What keeps a promise from being earlier; the first of several costs the most time."""

    kind: Literal["material", "machine", "resource", "work", "unknown"]
    what: str = Field(description="The item, the machine, or what the people or tools are for.")
    until: datetime | None
    reason: str


class Choice(BaseModel):
    """An item that could be made, or come without being made, and which of both it is."""

    item: str
    chosen: Literal["make", "wait", "buy"]
    made_at: datetime | None = Field(description="Null: no sooner than it comes without.")
    otherwise: Literal["wait", "buy"]
    otherwise_at: datetime
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
    way: Literal["stock", "wait", "make", "buy"] = Field(
        description="How it is had, as far as it is not there."
    )
    choices: list[Choice] = Field(
        description="Items of it that could be made, or come without: the sooner by the plan wins."
    )
    bindings: list[Binding]


class PromisePlan(BaseModel):
    """On which plan the dates stand."""

    scope: str
    number: int | None = Field(description="The plan in force; null: the scope has none yet.")
    as_of: datetime
    pending: bool = Field(description="Another plan is on its way; ask again for its dates.")


class WhyCoarse(BaseModel):
    """Why the dates stand on the coarse rule and on no plan."""

    code: Literal[
        "no_planner",
        "busy",
        "no_answer",
        "away",
        "unknown_machine",
        "no_resource",
        "no_plan",
        "not_supported",
        "too_long",
        "broken",
    ]
    detail: str


class PutOff(BaseModel):
    """Somebody who would get theirs later."""

    order: str | None = Field(description="Null: work for no customer's order.")
    work_order: str
    minutes: int = Field(description="By how much later it ends.")
    late_minutes: int = Field(description="How late it is then; 0: in time, or nothing is due.")


class DateWithCost(BaseModel):
    """An earlier date for which others would have to wait."""

    at: datetime
    cost: int = Field(description="By how much the objective of the scope's policy rises.")
    priority: int = Field(description="The priority that the order needs for it.")
    later: list[PutOff]


class Promise(BaseModel):
    """When everything could be ready at a site. Nothing is held, unless it was asked for."""

    site: str
    as_of: datetime
    promised_at: datetime | None = Field(description="The last line's; null: one cannot be had.")
    in_time: bool | None
    basis: Literal["plan", "capacity", "stock"] = Field(
        description="What the dates stand on: the plan in force; a coarse rule for capacity, as the"
        " planner gave no answer; stock and supplies alone, as nothing has to be made."
    )
    basis_because: WhyCoarse | None = Field(description="For `capacity`: why.")
    plan: PromisePlan | None
    valid_until: datetime | None = Field(
        description="For `plan`: the dates hold if the order is released by then."
    )
    without_harm: datetime | None = Field(
        description="The earliest date that makes nobody later; null: nobody knows (`capacity`)."
    )
    with_cost: DateWithCost | None = Field(
        description="An earlier one, and who would be later; null: there is none, or none is"
        " needed because everything is in time."
    )
    lines: list[PromisedLine]
    reservations: list[Reservation]
    elsewhere: dict[str, datetime | None] = Field(
        description="The same question at the other sites that could do it."
    )
