"""Shapes of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Listing, Name, Wanted, Whole
from domain.outward import EVENT_TYPES, secret_bytes


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.username is not None or not text.isascii() or not text.isprintable():
        raise PydanticCustomError("url", "must be https://host/path, without a user in it")
    return text


def _event_type(text: str) -> str:
    if text not in EVENT_TYPES:
        raise PydanticCustomError(
            "event_type", "must be one of {types}", {"types": ", ".join(sorted(EVENT_TYPES))}
        )
    return text


def _secret(text: str) -> str:
    try:
        secret_bytes(text)
    except ValueError as error:
        raise PydanticCustomError("secret", "{problem}", {"problem": str(error)}) from error
    return text


Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000), AfterValidator(_url)]
_EventType = Annotated[str, StringConstraints(max_length=100), AfterValidator(_event_type)]
_Types = Annotated[list[_EventType], Field(max_length=100, description="Empty: all.")]
Secret = Annotated[str, StringConstraints(max_length=200), AfterValidator(_secret)]


class NewWebhook(Body):
    """Where events are to be sent."""

    name: Name
    url: Url
    event_types: _Types = Field(default_factory=list)
    site: Wanted | None = Field(default=None, description="Of this site only.")
    secret: Secret | None = Field(default=None, description="Default: drawn.")


class WebhookChange(Body):
    """What changes about a webhook; what is left out stays."""

    version: Whole = Field(description="The version that one has looked at.")
    url: Url | None = None
    event_types: _Types | None = None
    state: Literal["active", "disabled"] | None = None
    secret: Secret | None = None


class Webhook(BaseModel):
    """A webhook. Its secret is never shown again."""

    id: int
    name: str
    url: str
    event_types: list[str]
    site: str | None
    state: str = Field(description="`active` or `disabled`: by hand, or after repeated failure.")
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int = Field(description="Attempts that failed since the last success.")
    failing_since: datetime | None
    version: int
    created_at: datetime
    created_by: str


class CreatedWebhook(Webhook):
    """A new webhook, and its secret, here and never again."""

    secret: str


class WebhookList(Listing[Webhook]):
    """Webhooks by name."""


class Delivery(BaseModel):
    """A message to a webhook."""

    id: int
    message_id: str = Field(description="The header `webhook-id`, the same at each attempt.")
    event_type: str
    body: str
    state: str = Field(description="`waiting`, `delivered` or `given_up`.")
    attempts: int
    next_at: datetime | None = Field(description="When it is tried next, while it waits.")
    last_status: int | None
    last_error: str | None
    last_at: datetime | None
    delivered_at: datetime | None
    made_at: datetime


class DeliveryList(Listing[Delivery]):
    """A webhook's deliveries, newest first."""


class Sent(BaseModel):
    """A message was put in line."""

    delivery: int
    message_id: Code
