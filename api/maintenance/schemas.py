"""Shapes of maintenance."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Listing, Moment, Name


class NewMaintenance(Body):
    """From when to when a machine is closed, and why."""

    starts_at: Moment
    ends_at: Moment
    reason: Name

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("span", "ends_at must be after starts_at")
        return self


class Maintenance(BaseModel):
    """A span in which a machine is closed."""

    id: int = Field(description="Another one after the site's calendar was put or imported.")
    starts_at: datetime
    ends_at: datetime
    reason: str


class MaintenanceList(Listing[Maintenance]):
    """A machine's maintenance by begin."""
