"""Shapes of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, Strict

from api.fields import Body, Code, Listing
from api.granting import CustomerCode, LineLimits, SiteLimits
from domain.access import Role


class NewKey(Body):
    """A key to be made."""

    name: Code = Field(description="What it is for; stands in the audit log.")
    role: Role
    sites: SiteLimits = Field(default=[])
    lines: LineLimits = Field(default=[])
    customer: CustomerCode = None
    days: Annotated[int, Strict(), Field(ge=1, le=3_660)] | None = Field(
        default=None, description="How long it opens doors; null: until it is revoked."
    )


class ApiKey(BaseModel):
    """A key, without its text, which nobody keeps."""

    id: int
    name: str
    prefix: str = Field(description="How it begins.")
    role: Role
    sites: list[str]
    lines: list[str]
    customer: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To a minute.")


class ApiKeyList(Listing[ApiKey]):
    """Keys, newest first."""


class CreatedKey(BaseModel):
    """A new key. Its text is shown here and never again."""

    key: str
    api_key: ApiKey
