"""Shapes of health."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """The process works."""

    status: Literal["ok"] = "ok"


class Component(BaseModel):
    """A part of the installation."""

    name: str
    state: Literal["ok", "degraded", "failed", "missing"]
    reason: str | None = Field(default=None, description="Only for those signed in.")


class Readiness(BaseModel):
    """Whether the installation does its work, and how each part is."""

    status: Literal["ready", "not_ready"]
    components: list[Component]
