"""Shapes of subscriptions to notifications in browsers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.fields import ON_A_LINE, Body
from domain.alarms.recipients import Language

_Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_=-]+$")]


class PushKeys(Body):
    """The browser's own keys, base64url (RFC 8291)."""

    p256dh: _Key
    auth: _Key


class PushSubscriptionAsked(Body):
    """What `PushSubscription.toJSON()` says, and what people call the device."""

    endpoint: Annotated[
        str,
        StringConstraints(min_length=10, max_length=2_000, pattern=r"^https?://[!-~]+$"),
    ]
    keys: PushKeys
    device: Annotated[str, StringConstraints(max_length=200), ON_A_LINE] = ""
    language: Language = Language.ENGLISH


class PushSubscription(BaseModel):
    """A browser that is told. Its address is not shown."""

    id: int
    endpoint_sha256: str = Field(description="In hexadecimal, so that a browser knows itself.")
    host: str = Field(description="Of its push service.")
    device: str
    language: str
    created_at: datetime
    last_sent_at: datetime | None


class PushState(BaseModel):
    """One's own subscriptions, newest first, and the key to subscribe with."""

    public_key: str = Field(description="`applicationServerKey`, base64url.")
    subscriptions: list[PushSubscription]


class PushTested(BaseModel):
    """A notification that is on its way."""

    message_id: UUID
