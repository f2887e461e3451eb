"""Shapes of calendars: working times by weekday, and the exceptions that prevail over them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, Field, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Moment, Name, Wanted

DAY_MINUTES: Final = 24 * 60
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


def _time_of_day(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise PydanticCustomError("time_of_day", "must be a time of day HH:MM, as '06:00'")
    return text


TimeOfDay = Annotated[str, StringConstraints(max_length=5), AfterValidator(_time_of_day)]


def minutes_of(time_of_day: str) -> int:
    """Minutes since midnight of `HH:MM`; `24:00` is the end of the day."""
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)


def time_of_day(minutes: int) -> str:
    """Minutes since midnight as `HH:MM`; beyond a day it is a time of the next one."""
    shown = minutes - DAY_MINUTES if minutes > DAY_MINUTES else minutes
    return f"{shown // 60:02}:{shown % 60:02}"


class WorkingTime(Body):
    """A span of a weekday during which a site, or a machine of it, works. Breaks are the gaps."""

    machine: Wanted | None = Field(
        default=None,
        description="The machine's path; null: the site. A machine with working times of its own"
        " goes by those alone.",
    )
    shift: Name = Field(description="What people call it: `early`, `night`.")
    weekday: Annotated[int, Strict(), Field(ge=0, le=6)] = Field(
        description="On which it begins: 0 is Monday, 6 is Sunday."
    )
    start: TimeOfDay = Field(description="In the site's time zone.", examples=["06:00"])
    end: TimeOfDay = Field(
        description="Not after `start`: on the next day. A whole day is `00:00` to `24:00`.",
        examples=["14:00"],
    )

    @property
    def start_minute(self) -> int:
        """Since midnight of the weekday."""
        return minutes_of(self.start)

    @property
    def end_minute(self) -> int:
        """Since midnight of the weekday; beyond 1440 it is the next day."""
        end = minutes_of(self.end)
        return end if end > self.start_minute else end + DAY_MINUTES

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.start == "24:00":
            raise PydanticCustomError("span", "starts at 24:00; say 00:00 of the next weekday")
        if self.start == self.end:
            raise PydanticCustomError(
                "span", "starts and ends at the same time; a whole day is 00:00 to 24:00"
            )
        return self


class CalendarException(Body):
    """Maintenance, a holiday, an extra shift: it prevails over the working times."""

    machine: Wanted | None = Field(default=None, description="The machine's path; null: the site.")
    starts_at: Moment
    ends_at: Moment
    working: Annotated[bool, Strict()] = Field(
        default=False, description="True: it works although it otherwise would not."
    )
    reason: Name

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("span", "ends_at must be after starts_at")
        return self


class CalendarChange(Body):
    """What a site's calendar is to be. Without any working time the site works always."""

    working_times: list[WorkingTime] = Field(max_length=5_000)
    exceptions: list[CalendarException] = Field(max_length=5_000)


class Calendar(BaseModel):
    """When a site and its machines work."""

    site: str
    time_zone: str = Field(description="The zone that the working times are told in.")
    working_times: list[WorkingTime]
    exceptions: list[CalendarException]

    @property
    def content(self) -> dict[str, Any]:
        """What a change may change, for the audit log."""
        return self.model_dump(mode="json", include={"working_times", "exceptions"})
