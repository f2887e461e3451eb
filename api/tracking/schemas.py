"""The shape of a customer's view: `contracts.live`'s TrackingView, as on `/v1/live`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Number
from api.orders.schemas import Delivery
from domain.tracking import Stage


class StageMark(BaseModel):
    """A stage of the timeline."""

    stage: Stage
    state: Literal["done", "current", "ahead"]
    at: datetime | None


class Change(BaseModel):
    """Something that changed, as a code with its particulars."""

    at: datetime
    what: str
    detail: dict[str, Any] | None


class Tracking(BaseModel):
    """What a customer sees of their order."""

    model_config = ConfigDict(from_attributes=True)

    number: str
    reference: str | None = Field(description="The customer's own name for the order.")
    customer: str
    item: str
    stage: Stage
    stages: list[StageMark]
    quantity_ordered: Number
    unit: str
    good_pieces: Number
    percent: int
    due: datetime | None
    expected: datetime | None
    expected_latest: datetime | None
    time_zone: str
    changed: datetime
    changes: list[Change] = Field(description="Newest first.")
    deliveries: list[Delivery]
