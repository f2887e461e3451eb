"""Shapes of delivery: ways, templates, letters, addresses that bounce."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.fields import ON_A_LINE, ON_LINES, STORABLE, Body, Listing, Name, Reason
from domain.alarms.recipients import Channel

Language = Literal["en", "zh-CN"]
LetterState = Literal["held", "gathered", "told", "waiting", "sent", "given_up", "withdrawn"]
Address = Annotated[str, StringConstraints(min_length=1, max_length=500), ON_A_LINE]
_Prefix = Annotated[str, StringConstraints(min_length=1, max_length=100), ON_A_LINE]
_Secret = Annotated[str, StringConstraints(min_length=1, max_length=10_000), STORABLE]
_SecretName = Annotated[str, StringConstraints(min_length=1, max_length=100), ON_A_LINE]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


# Ways --------------------------------------------------------------------------------------------


class NotificationWayPut(Body):
    """A way. `version` is the one that was seen; null: there is none yet."""

    name: Name
    kind: Annotated[str, StringConstraints(min_length=1, max_length=50), ON_A_LINE]
    enabled: bool = True
    rank: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=100, description="Of several ways of a channel the least one that works is taken."
    )
    prefixes: Annotated[list[_Prefix], Field(max_length=100)] = Field(
        default_factory=list, description="Of addresses that it serves, as `+86`; empty: all."
    )
    settings: dict[str, Any] = Field(
        description="As `GET /v1/notification-ways/schema` says of its kind."
    )
    secrets: Annotated[dict[_SecretName, _Secret | None], Field(max_length=20)] | None = Field(
        default=None,
        description="By name; what is not named stays, null forgets. They are never shown.",
    )
    version: _Version | None = None


class NotificationWay(BaseModel):
    """A way and how it does."""

    code: str
    name: str
    kind: str
    channel: Channel
    origin: Literal["people", "environment", "gemba"] = Field(
        description="`environment`: given by settings, and changed there; `gemba`: made by itself."
    )
    enabled: bool
    rank: int
    prefixes: list[str]
    settings: dict[str, Any]
    secrets: list[str] = Field(description="The names of those that are set.")
    version: int
    changed_at: datetime
    changed_by: str
    failures: int = Field(description="In a row.")
    failing_since: datetime | None
    broken_until: datetime | None = Field(description="Until then it is left alone.")
    last_error: str | None
    last_sent_at: datetime | None


class NotificationWayList(Listing[NotificationWay]):
    """Ways by channel, in the order in which they are taken."""


class NotificationWayKind(BaseModel):
    """A kind of way."""

    kind: str
    channel: Channel
    named: bool = Field(description="Whether an address is the way's code, not a person's.")
    secrets: list[str]
    settings: dict[str, Any] = Field(description="JSON Schema.")


class NotificationWayKinds(Listing[NotificationWayKind]):
    """Kinds of ways."""


class NotificationTest(Body):
    """To whom a test message goes."""

    address: Address
    language: Language = "en"


class NotificationTested(BaseModel):
    """What became of a test message."""

    message_id: UUID
    state: LetterState = Field(
        description="`waiting`: nothing was answered within `wait_s`; look again at"
        " `GET /v1/notifications/<message_id>`, and whether `notify` runs."
    )
    answer: str | None = Field(description="What the provider said.")
    error: str | None


# Templates ---------------------------------------------------------------------------------------


class NotificationWords(Body):
    """Words with placeholders: `{subject}`, and `[[ {value}]]`, which goes if it is empty."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=300), STORABLE]
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000), ON_LINES]
    short: Annotated[str, StringConstraints(min_length=1, max_length=1_000), ON_LINES]
    html: Annotated[str, StringConstraints(min_length=1, max_length=50_000), ON_LINES] | None = (
        Field(default=None, description="What stands in a mail's page; null: made of `text`.")
    )


class NotificationField(BaseModel):
    """A placeholder."""

    name: str
    about: str
    sample: str


class NotificationTemplate(BaseModel):
    """A template in a language as it stands."""

    name: str
    language: Language
    about: str
    fields: list[NotificationField]
    words: NotificationWords
    built_in: NotificationWords
    version: int = Field(description="0: the built-in words, never changed.")
    changed: bool = Field(description="Whether people's words are in force.")
    changed_at: datetime | None
    changed_by: str | None
    problem: str | None = Field(
        description="Why the words in force could not be used; the built-in ones were sent."
    )
    problem_times: int


class NotificationTemplateList(Listing[NotificationTemplate]):
    """Templates by name and language."""


class NotificationTemplateVersion(BaseModel):
    """A version of somebody's words; null: the built-in ones again."""

    version: int
    words: NotificationWords | None
    made_at: datetime
    made_by: str
    reason: str | None


class NotificationTemplateWithVersions(NotificationTemplate):
    """A template and its versions, newest first."""

    versions: list[NotificationTemplateVersion]


class NotificationTemplatePut(Body):
    """Words to be in force; null: the built-in ones. `version`: the one that was seen."""

    words: NotificationWords | None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    reason: Reason | None = None


class NotificationPreview(Body):
    """Words to look at."""

    words: NotificationWords


class NotificationFault(BaseModel):
    """What is wrong with words."""

    part: str
    placeholder: str | None
    problem: str


class NotificationPreviewed(BaseModel):
    """Words with examples in place of placeholders; null where `faults` say why."""

    subject: str | None
    text: str | None
    html: str | None
    short: str | None
    parts: int | None = Field(description="So many parts the text message has.")
    cut: bool = Field(description="Whether the text message had to be cut.")
    faults: list[NotificationFault]


# Letters -----------------------------------------------------------------------------------------


class Notification(BaseModel):
    """A message to one address, what caused it, and what became of it."""

    message_id: UUID
    source: str
    cause: str = Field(description="As `alarm:7`, `way:mail`.")
    why: str
    recipient: str
    channel: Channel
    address: str
    language: Language
    priority: str
    state: str
    next_at: datetime | None
    attempts: int
    decided_at: datetime
    sent_at: datetime | None
    way: str | None
    reference: str | None = Field(description="The provider's own id, or what it said.")
    last_error: str | None
    note: str | None


class NotificationList(Listing[Notification]):
    """Messages, the newest first."""


class NotificationRetry(Body):
    """Why it is sent once more."""

    reason: Reason | None = None


class BadAddress(BaseModel):
    """An address that refused messages for good, in a row."""

    channel: Channel
    address: str
    bounces: int
    first_at: datetime
    last_at: datetime
    last_error: str
    suppressed_at: datetime | None = Field(description="Since then it is sent nothing.")


class BadAddressList(Listing[BadAddress]):
    """Addresses that refused messages, the latest first."""


class AddressRelease(Body):
    """An address that is to be sent messages again."""

    channel: Channel
    address: Address
    reason: Reason | None = None
