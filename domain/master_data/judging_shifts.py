"""Calendars, shift patterns and special days judged."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, cast

from domain.master_data import week
from domain.master_data.case import Case, span
from domain.master_data.kinds import AREAS, LINES, MACHINES
from domain.master_data.records import (
    Calendar,
    CalendarException,
    PatternShift,
    Shift,
    ShiftPattern,
    ShiftPlan,
    SpecialDay,
)

_MONDAY: Final = 0
_MOST_DAYS: Final = 366
_MACHINE_LEVELS: Final = 4
_LINE_LEVELS: Final = 3


def calendar(case: Case) -> None:
    """A calendar has shifts beside each other."""
    told = cast("Calendar", case.record)
    if told.machine is not None:
        case.machine_at("machine", told.machine, told.site)
    if not told.shifts and not case.unread("shifts"):
        case.fault("shifts", "has no shifts; without a calendar a site works always")
    _shifts(case, told.shifts)


def exception(case: Case) -> None:
    """An exception is a span."""
    told = cast("CalendarException", case.record)
    if told.machine is not None:
        case.machine_at("machine", told.machine, told.site)
    if told.ends_at <= told.starts_at:
        case.fault("ends_at", "must be after starts_at", told.ends_at.isoformat())


def pattern(case: Case) -> None:
    """A pattern has shifts that fit into its rotation, beside each other."""
    told = cast("ShiftPattern", case.record)
    span(case, told.valid_from, told.valid_to)
    if told.rotation_weeks > 1 and told.first_day is None and not case.unread("first_day"):
        case.fault(
            "rotation_weeks",
            "needs first_day, the Monday on which the first week of the rotation begins",
            told.rotation_weeks,
        )
    if told.first_day is not None and told.first_day.weekday() != _MONDAY:
        case.fault("first_day", "is no Monday; name the Monday of that week", told.first_day)
    if not told.shifts and not case.unread("shifts"):
        case.fault("shifts", "has no shifts; for days off there are special days")
    for index, shift in enumerate(told.shifts):
        beyond = [each for each in shift.weeks if int(each) > told.rotation_weeks]
        if beyond:
            case.fault(
                f"shifts.{index}.weeks",
                f"names week {beyond[0]} of a rotation of {told.rotation_weeks}",
                beyond[0],
            )
    _shifts(case, told.shifts, told.rotation_weeks)


def plan(case: Case) -> None:
    """A plan is for a place that there is."""
    told = cast("ShiftPlan", case.record)
    span(case, told.valid_from, told.valid_to)
    place(case, told.at)


def special_day(case: Case) -> None:
    """A holiday is days, overtime says from when to when."""
    told = cast("SpecialDay", case.record)
    place(case, told.at)
    if told.last_day is not None:
        if told.last_day < told.day:
            case.fault("last_day", f"is before day ({told.day})", told.last_day)
        elif (told.last_day - told.day).days >= _MOST_DAYS:
            case.fault("last_day", f"is more than {_MOST_DAYS} days after day", told.last_day)
    for field, other in (("start", told.end), ("end", told.start)):
        if getattr(told, field) is None and other is not None and not case.unread(field):
            case.fault(field, "must be said too: on each of the days it is from start to end")
    if told.start is None and told.end is None and told.working:
        case.fault("working", "needs start and end: from when to when is worked")
    if told.start is not None and told.start == told.end:
        case.fault("end", "is when it starts; a whole day is 00:00 to 24:00", told.end)
    elif told.start == "24:00":
        case.fault("start", "starts at 24:00; say 00:00 of the next day", told.start)


def place(case: Case, at: str, field: str = "at") -> None:
    """An area or a line is known by its name or by a machine that stands there."""
    levels = at.split("/")
    if not 1 < len(levels) < _MACHINE_LEVELS:
        return
    known = {one.path.rsplit("/", 1)[0] for one in case.wanted.records.of(MACHINES).values()}
    known |= {f"{one.site}/{one.area}/{one.code}" for one in case.wanted.records.of(LINES).values()}
    if len(levels) < _LINE_LEVELS:
        known = {path.rsplit("/", 1)[0] for path in known}
        known |= {f"{one.site}/{one.code}" for one in case.wanted.records.of(AREAS).values()}
    if at not in known:
        near = get_close_matches(at, sorted(known), n=1)
        hint = f", maybe {near[0]!r}" if near else ""
        what = "area" if len(levels) < _LINE_LEVELS else "line"
        case.fault(field, f"there is no {what} {at!r}{hint}", at)


def _shifts(case: Case, shifts: Sequence[Shift], weeks: int = 1) -> None:
    """Each is a span, with its breaks within it; no two are worked at once."""
    sound = True
    for index, shift in enumerate(shifts):
        problem = week.problem(shift)
        if problem is not None:
            sound = False
            case.fault(f"shifts.{index}.{problem[0]}", problem[1])
        elif isinstance(shift, PatternShift):
            wrong = week.wrong_break(shift)
            if wrong is not None:
                case.fault(f"shifts.{index}.breaks", wrong[1], wrong[0])
    if sound:
        for one, other, day in week.overlaps(shifts, weeks):
            before, after = shifts[one], shifts[other]
            case.fault(
                f"shifts.{other}.start",
                f"overlaps {before.shift!r} ({before.start} to {before.end}) on {day};"
                " end the one before the other",
                after.start,
            )
