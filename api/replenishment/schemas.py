"""Shapes of shortages and of proposals to order or make."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.fields import Body, Listing, Moment, Number, Quantity, Reason, Wanted


class Proposed(BaseModel):
    """What is proposed to be ordered or made of an item (`GET /v1/replenishment`)."""

    id: int
    kind: Literal["purchase", "work_order"]
    quantity: Number
    order_by: datetime


class Shortage(BaseModel):
    """Somebody goes short of an item: a released work order, or whoever was promised it."""

    site: str
    item: str
    item_name: str
    unit: str
    work_order: str | None
    order: str | None = Field(description="Whom it was promised to.")
    orders: list[str] = Field(
        description="The orders that wait for it, also by way of what is made of it."
    )
    reservation: int
    needed: Number
    missing: Number = Field(description="What of it is not there by `need_at`.")
    need_at: datetime
    comes_at: datetime | None = Field(description="When the last of it comes; null: nobody knows.")
    comes_from: list[str] = Field(description="The purchases and work orders that bring it.")
    expiring: Number = Field(
        description="How much of `missing` lies there now, and will have expired by `need_at`."
    )
    proposal: Proposed | None = Field(description="Open for the item at the site.")


class ShortageList(Listing[Shortage]):
    """Shortages by date of need."""


class Refresh(Body):
    """Which site is looked at; default: all that one may see."""

    site: Wanted | None = None


class ProposalReason(BaseModel):
    """Why something should be ordered, to be put into words of a language."""

    code: Literal["reorder_point", "below_zero", "below_minimum"]
    left: Number = Field(description="What is left at `at`.")
    at: datetime = Field(description="When it is short for the first time.")
    limit: Number | None = Field(description="The reorder point or the minimum.")
    lowest: Number = Field(description="The least that is left within the lead time.")


class ReplenishmentProposal(BaseModel):
    """So much should be ordered, or made."""

    id: int
    item: str
    unit: str
    site: str
    kind: Literal["purchase", "work_order"]
    supplier: str | None
    quantity: Number
    need_at: datetime
    order_by: datetime = Field(description="In the past: it comes too late, whatever is done.")
    reason: str = Field(description="Why, in English.")
    because: ProposalReason | None = Field(
        description="The same to be put into words; null: an earlier release proposed it."
    )
    state: Literal["open", "accepted", "dismissed", "superseded"]
    purchase: str | None
    work_order: str | None
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None


class ProposalList(Listing[ReplenishmentProposal]):
    """Proposals by when they have to be ordered."""


class Acceptance(Body):
    """How a proposal is carried out; what is left out stays as proposed."""

    quantity: Quantity | None = None
    due_at: Moment | None = None


class Dismissal(Body):
    """Why nothing is ordered."""

    reason: Reason | None = None
