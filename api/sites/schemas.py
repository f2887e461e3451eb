"""Shapes of sites."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.fields import Body, Level, Listing, Name, TimeZone


class SiteChange(Body):
    """How a site is called, and the zone its people live in."""

    name: Name
    time_zone: TimeZone = Field(default="UTC", description="IANA name, as `Asia/Shanghai`.")
    planning_scope: Level | None = Field(
        default=None,
        description="Sites with the same scope are planned together; null: planned by itself.",
    )


class Site(BaseModel):
    """A site."""

    code: str = Field(description="Its level in MQTT topics and in machines' paths.")
    name: str
    time_zone: str
    planning_scope: str | None


class SiteList(Listing[Site]):
    """Sites by code."""
