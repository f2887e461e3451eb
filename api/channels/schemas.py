"""Shapes of channels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, Strict, StringConstraints

from api.fields import Body, Code, Listing, Small, Wanted
from domain.documents import Format

Secret = Annotated[SecretStr, Field(min_length=8, max_length=500)]


class PutChannel(Body):
    """A channel as it should be. What is left out gets its default; a secret is kept."""

    format: Format
    site: Wanted | None = Field(default=None, description="Who handles what comes in there.")
    customer: Wanted | None = Field(
        default=None, description="Who orders there, where a document names nobody we know."
    )
    source: Code | None = Field(
        default=None, description="Who numbered the orders, where documents do not say."
    )
    mapping: Code | None = Field(default=None, description="Of a table's columns.")
    priority: Small = Field(default=0, description="Of orders that say nothing of urgency.")
    secret: Secret | None = Field(
        default=None,
        description="What signs the channel's webhooks. Kept sealed, and never told again.",
    )
    enabled: Annotated[bool, Strict()] = True


class Channel(BaseModel):
    """A channel, without its secret."""

    name: str
    format: Format
    site: str | None
    customer: str | None
    source: str | None
    mapping: str | None
    priority: int
    has_secret: bool
    enabled: bool
    changed_at: datetime


class ChannelList(Listing[Channel]):
    """Channels by name."""


ChannelName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
]
