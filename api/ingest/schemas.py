"""Shapes of ingest totals."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Ingest(BaseModel):
    """How much of a site was stored so far."""

    site: str
    arrivals: int = Field(description="MQTT messages.")
    accepted: int = Field(description="Objects that count.")
    repeats: int = Field(description="Objects that had come before.")
    refused: int = Field(description="Objects that went to the dead letters.")
