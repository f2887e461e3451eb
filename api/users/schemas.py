"""Shapes of people's accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.fields import Body, Listing, Name, Reason, Whole
from api.granting import CustomerCode, LineLimits, SiteLimits
from domain.access import Role

UserName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/\x00-\x1f\x7f-\x9f]+$"),
    Field(description="What they sign in with: no spaces, no slashes."),
]
Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, pattern=r"^[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+$"),
]


class NewUser(Body):
    """An account to be made."""

    name: UserName
    display_name: Name | None = None
    role: Role
    sites: SiteLimits = Field(default=[])
    lines: LineLimits = Field(default=[])
    customer: CustomerCode = None
    email: Email | None = Field(
        default=None, description="By which the OpenID provider may know them."
    )
    password: bool = Field(
        default=True,
        description="True: a password for the first sign-in is made and told once. False: they sign"
        " in with the OpenID provider, which has to vouch for `email`.",
    )


class UserChange(Body):
    """What shall be different; what is left out stays."""

    version: Whole
    display_name: Name | None = None
    role: Role | None = None
    sites: SiteLimits | None = None
    lines: LineLimits | None = None
    customer: CustomerCode = None
    email: Email | None = None
    disabled: bool | None = Field(
        default=None, description="True: they are signed out and cannot sign in."
    )
    reason: Reason | None = None


class UserAccount(BaseModel):
    """A person's account."""

    name: str
    display_name: str
    role: Role
    sites: list[str]
    lines: list[str]
    customer: str | None
    email: str | None
    password: bool = Field(description="Whether they can sign in with a password.")
    password_once_until: datetime | None = Field(
        description="The password is good for one sign-in until then."
    )
    openid: bool = Field(description="Whether a person of the OpenID provider is bound to it.")
    created_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None
    version: int


class UserList(Listing[UserAccount]):
    """Accounts by name."""


class OneTimePassword(BaseModel):
    """A password for one sign-in, shown here and never again."""

    password: str
    until: datetime


class CreatedUser(BaseModel):
    """A new account."""

    user: UserAccount
    one_time_password: OneTimePassword | None = Field(
        description="Shown here and never again; null when they have none."
    )


class SessionsEnded(BaseModel):
    """How many sessions ended."""

    ended: int
