"""Shapes of signing in."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from api.fields import Body, Wanted
from domain.access import Permission, Role


class SignIn(Body):
    """A name and a password."""

    name: Wanted
    password: SecretStr = Field(max_length=1_000)


class User(BaseModel):
    """Who is signed in, and what they may do."""

    name: str
    display_name: str
    role: Role
    sites: list[str] = Field(description="Limited to these sites; empty: all.")
    permissions: list[Permission]


class Session(BaseModel):
    """The session."""

    user: User
