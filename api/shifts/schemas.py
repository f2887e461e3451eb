"""Shapes of shift patterns, shift plans and special days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, Strict

from api.calendars.schemas import TimeOfDay
from api.fields import Body, Code, Listing, Name, Wanted

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_BREAK = "As `09:00-09:15`, within the shift."
_PLACE = "A site, or an area, line or machine of it: `site/area/line/machine`."


class PatternShift(Body):
    """A shift of a pattern, on the clock of the place where it is worked."""

    shift: Name = Field(description="What people call it: `early`, `night`.")
    weekdays: list[Weekday] = Field(min_length=1, max_length=7, description="On which it begins.")
    weeks: list[Annotated[int, Field(ge=1, le=52)]] = Field(
        default=[], max_length=52, description="Of the rotation, from 1; none: each."
    )
    start: TimeOfDay
    end: TimeOfDay = Field(description="Not after `start`: on the next day.")
    breaks: list[Annotated[str, Field(max_length=20, description=_BREAK)]] = Field(
        default=[], max_length=20
    )


class ShiftPatternChange(Body):
    """A shift pattern. What is left out stays as it is; `shifts` are replaced whole."""

    name: Name | None = None
    rotation_weeks: Annotated[int, Strict(), Field(ge=1, le=52)] | None = Field(
        default=None, description="After so many weeks it begins again."
    )
    first_day: date | None = Field(
        default=None, description="The Monday of a first week; a rotation needs it."
    )
    valid_from: date | None = None
    valid_to: date | None = None
    shifts: list[PatternShift] | None = Field(default=None, max_length=500)


class ShiftPlanPlace(BaseModel):
    """Where a pattern is worked, and when."""

    at: str = Field(description=_PLACE)
    valid_from: date | None
    valid_to: date | None


class ShiftPattern(BaseModel):
    """Shifts under a name."""

    code: str
    name: str
    rotation_weeks: int
    first_day: date | None
    valid_from: date | None = Field(description="Days, both included; null: without end.")
    valid_to: date | None
    shifts: list[PatternShift]
    plans: list[ShiftPlanPlace]


class ShiftPatternList(Listing[ShiftPattern]):
    """Shift patterns by code."""


class ShiftPlanChange(Body):
    """A place works by a pattern from a day on; by `at` and `valid_from` the plan is known."""

    at: Wanted = Field(description=_PLACE)
    pattern: Code
    valid_from: date | None = Field(default=None, description="Null: since ever.")
    valid_to: date | None = Field(default=None, description="The last day; null: until further.")


class ShiftPlan(ShiftPlanPlace):
    """A place works by a pattern."""

    pattern: str


class ShiftPlanList(Listing[ShiftPlan]):
    """Shift plans by place and day."""


class SpecialDayChange(Body):
    """A holiday (all day, or from `start` to `end`), or overtime (`working`)."""

    at: Wanted = Field(description=_PLACE)
    day: date
    last_day: date | None = Field(default=None, description="Of several days; null: one.")
    start: TimeOfDay | None = Field(default=None, description="On each of the days; null: all day.")
    end: TimeOfDay | None = None
    working: Annotated[bool, Strict()] = False
    reason: Name


class SpecialDay(BaseModel):
    """A holiday, or overtime, by date."""

    at: str = Field(description=_PLACE)
    day: date
    last_day: date | None
    start: str | None
    end: str | None
    working: bool
    reason: str


class SpecialDayList(Listing[SpecialDay]):
    """Special days by place and day."""


class Break(BaseModel):
    """A break as moments."""

    starts_at: datetime
    ends_at: datetime


class DatedShift(BaseModel):
    """A shift on a day, without what special days change of it."""

    day: date = Field(description="On which it begins.")
    shift: str
    pattern: str | None = Field(description="Null: a weekly time of the calendar.")
    starts_at: datetime
    ends_at: datetime
    breaks: list[Break]
    worked_minutes: int = Field(description="Without breaks; changes of the clock count.")


class WorkedDays(BaseModel):
    """When a place works from day to day, as the planner takes it."""

    at: str
    time_zone: str
    always: bool = Field(description="Nothing says when it works, so it works day and night.")
    shifts: list[DatedShift]
    special_days: list[SpecialDay]
