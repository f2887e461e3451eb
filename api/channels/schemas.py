"""Shapes of channels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    NaiveDatetime,
    SecretStr,
    Strict,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Listing, Small, Wanted
from connectors.polling.asked import INTERVAL_S
from domain.documents import Format

Secret = Annotated[SecretStr, Field(min_length=8, max_length=500)]


def _address(text: str) -> str:
    """An address that can be asked; what signs in is no part of it."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise PydanticCustomError(
            "address",
            "must be an address as https://erp.example.com/k3cloud, without user or query",
        )
    return text


Address = Annotated[
    str,
    StringConstraints(min_length=8, max_length=500, pattern=r"^[!-~]+$"),
    AfterValidator(_address),
]


class PollSettings(Body):
    """How the channel's system is asked which orders changed. What signs in is `secret`."""

    account: Code = Field(description="Kingdee: the data centre's id. Yonyou: the tenant's id.")
    server: Address | None = Field(
        default=None,
        description="Kingdee: the site's address, with its folder. Yonyou: where tenants are looked"
        " up, if not in public.",
    )
    user: Code | None = Field(default=None, description="Kingdee: the integration's user.")
    app_id: Code | None = Field(
        default=None, description="Of the third-party sign-in. Yonyou: the app key."
    )
    interval_s: Annotated[float, Strict(), Field(ge=5, le=86_400)] = Field(
        default=INTERVAL_S, description="From the end of a round to the next one."
    )
    since: NaiveDatetime | None = Field(
        default=None,
        description="What changed before is not asked for, by the system's own clock (no offset);"
        " a week ago, if left out.",
    )
    page_size: Annotated[int, Strict(), Field(ge=1, le=2_000)] | None = Field(
        default=None, description="Orders per call of a list; left out: what the system takes well."
    )


class PollState(PollSettings):
    """How the channel's system is asked, and how that goes."""

    next_at: datetime = Field(description="When the next round is due; past: it is going on.")
    last_at: datetime | None = Field(description="When the last round ended.")
    last_success_at: datetime | None = Field(description="When the last one that worked ended.")
    last_error: str | None = Field(description="What the last one that failed ended with.")
    last_error_at: datetime | None
    failures: int = Field(description="Rounds in a row that failed, up to now.")
    last_round: dict[str, Any] | None = Field(
        description="Of the last one that worked: `delivered`, `gone`, `since`, `outcomes`,"
        " `refused`."
    )


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
        description="What signs the channel's webhooks, or signs in at the system that is asked."
        " Kept sealed, and never told again.",
    )
    poll: PollSettings | None = Field(
        default=None, description="Of kingdee and yonyou: asked regularly what changed."
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
    poll: PollState | None = None


class ChannelList(Listing[Channel]):
    """Channels by name."""


ChannelName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
]
