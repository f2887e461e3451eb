"""Shapes of dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.fields import Listing


class DeadLetter(BaseModel):
    """Something that was refused, or a record that made no sense, with its bytes."""

    id: int
    site: str
    topic: str | None = Field(description="The MQTT topic; null for a record of the stream.")
    origin: str = Field(description="The stream topic it came by.")
    received_at: datetime = Field(description="By the gateway's clock.")
    code: str = Field(description="The reason for programs.")
    reason: str = Field(description="The reason for people.")
    size: int = Field(description="Bytes as they came; more than the payload's when it was cut.")
    payload: str
    encoding: Literal["text", "base64"] = Field(
        description="Of `payload`: UTF-8 text, or base64 when it is none."
    )
    payload_cut: bool = Field(description="Lists show 4 KiB of a payload; ask for the one.")
    replayed_at: datetime | None
    replayed_by: str | None


class DeadLetterList(Listing[DeadLetter]):
    """Dead letters, newest first."""
