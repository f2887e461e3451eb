"""Shapes of contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import ON_A_LINE, Body, Code, Listing, Name, TimeZone
from domain.customer_notices.contacts import MOST_TOLERANCE_MINUTES

AddressText = Annotated[str, StringConstraints(min_length=3, max_length=2_000), ON_A_LINE]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Language = Literal["en", "zh-CN"]


class QuietHours(Body):
    """Hours in which nothing is sent: from a time of day to another, which may be the day after."""

    from_: Clock = Field(alias="from")
    until: Clock
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default=[0, 1, 2, 3, 4, 5, 6], max_length=7, description="On which they begin; 0: Monday."
    )


class Wishes(Body):
    """How somebody wants to be told."""

    language: Language = "en"
    tolerance_minutes: int = Field(
        default=240,
        ge=1,
        le=MOST_TOLERANCE_MINUTES,
        description="A date that moves by no more than this is not told.",
    )
    counted: Literal["clock", "working"] = Field(
        default="clock",
        description="Of which time: the clock's, or the working time of the site.",
    )
    quiet: list[QuietHours] = Field(default=[], max_length=14)
    time_zone: TimeZone = Field(default="UTC", description="Of the quiet hours.")


class NewContact(Wishes):
    """Somebody who is to be told."""

    name: Name = Field(description="How they are addressed.")
    channel: Literal["email", "sms"] = "email"
    address: AddressText = Field(description="A mail address, or a number with its country.")
    order: Code | None = Field(default=None, description="Of this order only; null: of all.")
    agreed: bool = Field(
        default=True,
        description="They have agreed to it, whoever writes this vouches for that; false: a mail"
        " asks them.",
    )


class _OnesOwn(Wishes):
    channel: Literal["email", "web_push"] = "email"
    address: AddressText | None = Field(
        default=None,
        description="A mail address; of `web_push` nothing: the browsers that subscribed are told.",
    )

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        """Only mail needs an address: whose browsers are told is not for anybody to say."""
        if self.channel == "email" and self.address is None:
            raise PydanticCustomError("address", "a mail address is missing")
        return self


class NewOwnContact(_OnesOwn):
    """An address of one's own, which a mail asks for, or one's own browsers."""

    name: Name
    order: Code | None = Field(default=None, description="Of this order only; null: of all.")


class NewLinkContact(_OnesOwn):
    """An address that is to be told of what a tracking link shows, or the link's browsers."""

    name: Name | None = None


class ContactChange(Wishes):
    """How somebody is addressed and wants to be told; an address is taken out and put in anew."""

    name: Name
    version: int = Field(description="As it was read: 409 when it was changed meanwhile.")


class Contact(BaseModel):
    """Somebody who is told, was told, or has not confirmed yet."""

    id: UUID
    customer: str
    order: str | None = Field(description="Of this order only; null: of all.")
    line: int | None
    name: str
    channel: Literal["email", "sms", "web_push"]
    address: str
    language: Language
    tolerance_minutes: int
    counted: Literal["clock", "working"]
    quiet: list[QuietHours]
    time_zone: str
    state: Literal["asked", "told", "left"] = Field(
        description="`asked`: has not confirmed yet; `left`: wants no more."
    )
    confirmed_at: datetime | None
    confirmed_by: str | None
    created_at: datetime
    created_by: str
    version: int


class ContactList(Listing[Contact]):
    """Contacts of a customer."""


class Asked(BaseModel):
    """What is said to everybody who asks to be told, whatever there is of the address."""

    state: Literal["asked", "told"] = Field(
        description="`asked`: a mail may have been sent to the address; `told`: this browser is."
    )
