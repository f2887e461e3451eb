"""Shapes of signing in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from api.fields import Body, Listing, Wanted
from domain.access import Permission, Role


class SignIn(Body):
    """A name and a password."""

    name: Wanted
    password: SecretStr = Field(max_length=1_000)
    new_password: SecretStr | None = Field(
        default=None,
        max_length=1_000,
        description="Another password from now on; needed when this one is good for once only.",
    )


class PasswordChange(Body):
    """Another password for oneself."""

    password: SecretStr = Field(max_length=1_000, description="The present one.")
    new_password: SecretStr = Field(max_length=1_000)


class User(BaseModel):
    """Who is signed in, and what they may do."""

    name: str
    display_name: str
    role: Role
    sites: list[str] = Field(description="Limited to these sites; empty: all.")
    lines: list[str] = Field(description="Limited to these lines (site/area/line); empty: all.")
    customer: str | None = Field(description="The code of the customer whose orders they see.")
    permissions: list[Permission]


class Session(BaseModel):
    """The session."""

    user: User


class OpenSession(BaseModel):
    """A session that is open."""

    id: int
    created_at: datetime
    seen_at: datetime = Field(description="When it was last used, to some minutes.")
    expires_at: datetime
    method: Literal["password", "oidc"] = Field(description="How they signed in.")
    address: str | None
    agent: str | None = Field(description="The browser, as it calls itself.")
    current: bool = Field(description="Whether it is the one that asks.")


class OpenSessionList(Listing[OpenSession]):
    """Open sessions, the one used last first."""


class OidcMethod(BaseModel):
    """Signing in with the company's OpenID provider."""

    name: str = Field(description="What to call it on the button.")
    start: str = Field(description="Where the button leads; takes `next`, a path of this site.")


class SignInMethods(BaseModel):
    """How people may sign in here."""

    password: bool
    oidc: OidcMethod | None


class SignedOut(BaseModel):
    """Where to go to sign out at the OpenID provider as well."""

    url: str | None = Field(description="Null: the provider has no such page.")
