"""Shapes of disruptions: `contracts.live`'s DisruptionView, as on `/v1/live`, with its scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.fields import Listing
from contracts.plan import DisruptionKind, DisruptionOutcome


class Disruption(BaseModel):
    """Something that made a plan wrong, and how it was answered."""

    id: int
    scope: str
    site: str | None
    kind: DisruptionKind
    machine: str | None = Field(description="Its path.")
    work_order: str | None
    operation: int | None
    order_number: str | None
    occurred: datetime = Field(description="When it happened.")
    raised: datetime = Field(description="When it was noticed.")
    detail: dict[str, Any] = Field(description="By kind: `reason`, `since`, `minutes`, `by`, …")
    handled: datetime | None = Field(description="When it was answered; null: it is open.")
    outcome: DisruptionOutcome | None
    plan_id: int | None = Field(description="The plan that answers it.")
    plan_number: int | None


class DisruptionList(Listing[Disruption]):
    """Disruptions, newest first."""
