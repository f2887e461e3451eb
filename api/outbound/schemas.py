"""Shapes of documents for partners, and of what a channel's orders cause."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import Body, Listing, Reason
from api.webhooks.schemas import Secret, Url
from domain.outbound import PRODUCTION_EVERY_S, DocumentKind, DocumentState

_DAY_S = 86_400


class OutboundDocument(BaseModel):
    """A document for a partner, without its content."""

    id: int
    kind: DocumentKind
    name: str = Field(description="As the trade calls it: `855`, `ORDRSP`, `856`, `DESADV`.")
    format: str
    media_type: str
    site: str
    channel: str | None = Field(description="By which the order came; null: by none with a name.")
    order: str | None
    work_order: str | None
    shipment: int | None
    reference: str | None = Field(description="The partner's own number of the order.")
    state: DocumentState
    pushed: bool = Field(description="It is sent to the channel's address; else it is fetched.")
    size: int = Field(description="Of the content, in bytes.")
    made_at: datetime
    attempts: int
    next_at: datetime | None = Field(description="When it is pushed next, while it waits.")
    last_status: int | None
    last_error: str | None
    last_at: datetime | None
    sent_at: datetime | None
    settled_at: datetime | None = Field(description="When the partner's system told.")
    settled_by: str | None
    reason: str | None = Field(description="Why the partner's system could not take it.")


class OutboundDocuments(Listing[OutboundDocument]):
    """Documents, oldest first: in this order they are to be sent on."""


class Acknowledgement(Body):
    """What the partner's system says to a document."""

    state: Literal["taken", "failed"]
    reason: Reason | None = Field(default=None, description="Why it could not be taken.")


class PutOutboundSettings(Body):
    """What a channel's orders cause, and where it is pushed to."""

    documents: Annotated[list[DocumentKind], Field(max_length=len(DocumentKind))] | None = Field(
        default=None, description="Left out: all that the channel's format has."
    )
    production_every_s: Annotated[int, Field(ge=1, le=_DAY_S, strict=True)] = Field(
        default=PRODUCTION_EVERY_S,
        description="How often an ERP is told what was made, at most; what ends is told at once.",
    )
    url: Url | None = Field(default=None, description="Left out: documents wait to be fetched.")
    secret: Secret | None = Field(
        default=None, description="Signs what is pushed. Left out: the one there is, else drawn."
    )
    state: Literal["active", "disabled"] = Field(
        default="active", description="Whether is pushed; what waits meanwhile goes out later."
    )


class OutboundSettings(BaseModel):
    """What a channel's orders cause, and where it is pushed to."""

    channel: str
    documents: list[DocumentKind]
    production_every_s: int
    url: str | None
    state: str = Field(description="`active` or `disabled`: by hand, or after repeated failure.")
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int = Field(description="Attempts that failed since the last success.")
    failing_since: datetime | None


class SavedOutboundSettings(OutboundSettings):
    """Settings as they were saved; a secret that was drawn or given is shown here only."""

    secret: str | None
