"""Shapes of operators and tools, and of their absences."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Listing, Moment, Name


class ResourceKind(StrEnum):
    """What a resource is."""

    OPERATOR = "operator"
    TOOL = "tool"


class NewAbsence(Body):
    """From when to when a resource is not there."""

    starts_at: Moment | None = Field(default=None, description="Null: from now on.")
    ends_at: Moment | None = Field(default=None, description="Null: until further notice.")
    reason: Name
    quantity: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="How many of several alike; null: all of it."
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        starts_at, ends_at = self.starts_at, self.ends_at
        if starts_at is not None and ends_at is not None and ends_at <= starts_at:
            raise PydanticCustomError("span", "ends_at must be after starts_at")
        return self


class Absence(BaseModel):
    """When a resource is not there."""

    id: int
    starts_at: datetime
    ends_at: datetime | None = Field(description="Null: until further notice.")
    reason: str
    told_by: str
    told_at: datetime
    quantity: int | None = Field(description="How many of several alike; null: all of it.")


class Resource(BaseModel):
    """An operator or a tool, or several alike, that work needs beside its machine."""

    id: int
    site: str
    code: str
    name: str
    kind: ResourceKind
    quantity: int = Field(description="How many there are; so many operations can have one.")
    skills: list[str] = Field(description="What they are good for; their code counts as one.")
    place: str | None = Field(description="Of operators: whose calendar they work by.")
    pattern: str | None = Field(description="Of operators: the shift pattern they work by instead.")
    absences: list[Absence] = Field(description="What is not over, by begin.")


class ResourceList(Listing[Resource]):
    """Operators and tools by site and code."""
