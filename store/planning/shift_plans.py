"""Shift patterns, where they are worked, and special days, as the planner takes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta, tzinfo
from functools import lru_cache
from typing import Final

import msgspec
from psycopg.rows import class_row, dict_row

from domain.master_data import week
from domain.master_data.fields import WEEKDAYS
from domain.master_data.records import PatternShift
from domain.plan.calendar import Exception_, ShiftSpan, moment_of
from domain.plan.shifts import (
    FIRST_DAY,
    LAST_DAY,
    Layers,
    Period,
    Rotation,
    Worked,
    weekly,
)
from store.database import Connection

_WEEK: Final = 7
_DAY_MINUTES: Final = 24 * 60


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern at a place, as long as both hold: days, both included."""

    place: str
    code: str
    rotation_weeks: int
    first_day: date | None
    from_day: date | None
    to_day: date | None
    shifts: tuple[PatternShift, ...]


class SpecialRow(msgspec.Struct, frozen=True, kw_only=True):
    """Days that are special at a place; `starts` None: all day."""

    place: str
    day: date
    last_day: date
    starts: str | None
    ends: str | None
    working: bool
    reason: str

    def spans(self, zone: tzinfo) -> list[Exception_]:
        """The days as moments on the clock of the place."""
        if self.starts is None or self.ends is None:
            return [
                Exception_(
                    start_ms=moment_of(self.day, 0, zone),
                    end_ms=moment_of(self.last_day, _DAY_MINUTES, zone),
                    working=self.working,
                )
            ]
        start, end = week.minutes_of(self.starts), week.minutes_of(self.ends)
        if end <= start:
            end += _DAY_MINUTES
        days = (self.last_day - self.day).days + 1
        return [
            Exception_(
                start_ms=moment_of(day, start, zone),
                end_ms=moment_of(day, end, zone),
                working=self.working,
            )
            for day in (self.day + timedelta(days=each) for each in range(days))
        ]


class ShiftPlans(msgspec.Struct, frozen=True):
    """What is planned and special at some sites."""

    plans: Sequence[PlanRow]
    days: Sequence[SpecialRow]

    def layers(self, place: str, *, own: Rotation | None, of_site: Rotation | None) -> Layers:
        """What holds at a machine or another place: patterns, with weekly times between them.

        Args:
            place: its path.
            own: the machine's weekly times, which count after its own patterns.
            of_site: its site's, which count last.

        Returns:
            Nothing if no pattern is planned there.
        """
        found: list[tuple[Period, ...]] = []
        planned = False
        for at in _places(place):
            periods = tuple(_period(row) for row in self.plans if row.place == at)
            planned = planned or bool(periods)
            if periods:
                found.append(periods)
            if at == place and own is not None:
                found.append((Period(rotation=own),))
        if of_site is not None:
            found.append((Period(rotation=of_site),))
        return tuple(found) if planned else ()

    def special_at(self, place: str) -> list[SpecialRow]:
        """What is special at a place: told of it, or of a wider one."""
        within = set(_places(place))
        return [row for row in self.days if row.place in within]

    def special(self, place: str, zone: tzinfo) -> list[Exception_]:
        """The same as exceptions."""
        return [span for row in self.special_at(place) for span in row.spans(zone)]


async def read(connection: Connection, site_ids: Collection[int], *, since_ms: int) -> ShiftPlans:
    """Everything at some sites. Special days that were over days before `since_ms` are out."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        SELECT t.place, p.code, p.rotation_weeks, p.first_day,
               greatest(t.valid_from, p.valid_from) AS from_day,
               least(t.valid_to, p.valid_to) AS to_day,
               (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'shift', s.shift, 'weekdays', s.weekdays, 'weeks', s.weeks::text[],
                    'start', s.starts, 'end', s.ends, 'breaks', s.breaks) ORDER BY s.number), '[]')
                FROM shift_pattern_shifts s WHERE s.pattern_id = p.id) AS shifts
        FROM shift_plans t JOIN shift_patterns p ON p.id = t.pattern_id
        WHERE t.site_id = ANY (%s)
        ORDER BY t.place, t.valid_from NULLS FIRST
        """,
        (list(site_ids),),
    )
    plans = [msgspec.convert(row, PlanRow) for row in await cursor.fetchall()]
    days = connection.cursor(row_factory=class_row(SpecialRow))
    await days.execute(
        """
        SELECT place, day, coalesce(last_day, day) AS last_day, starts, ends, working, reason
        FROM special_days
        -- A day is not over everywhere at once, and a night ends on the day after.
        WHERE site_id = ANY (%s) AND coalesce(last_day, day) + 3 > to_timestamp(%s / 1000.0)::date
        ORDER BY day, place, starts NULLS FIRST
        """,
        (list(site_ids), since_ms),
    )
    return ShiftPlans(plans, await days.fetchall())


async def periods(
    connection: Connection, pattern_ids: Collection[int]
) -> dict[int, tuple[Period, ...]]:
    """When patterns hold, by id: for those who work by one wherever they are."""
    if not pattern_ids:
        return {}
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        SELECT p.id, '' AS place, p.code, p.rotation_weeks, p.first_day,
               p.valid_from AS from_day, p.valid_to AS to_day,
               (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'shift', s.shift, 'weekdays', s.weekdays, 'weeks', s.weeks::text[],
                    'start', s.starts, 'end', s.ends, 'breaks', s.breaks) ORDER BY s.number), '[]')
                FROM shift_pattern_shifts s WHERE s.pattern_id = p.id) AS shifts
        FROM shift_patterns p WHERE p.id = ANY (%s)
        """,
        (list(pattern_ids),),
    )
    return {
        row.pop("id"): (_period(msgspec.convert(row, PlanRow)),) for row in await cursor.fetchall()
    }


async def sites_of(connection: Connection, patterns: Collection[str]) -> set[str]:
    """The sites at which some patterns are planned, or somebody works by them, by code."""
    if not patterns:
        return set()
    cursor = await connection.execute(
        """
        SELECT DISTINCT s.code
        FROM shift_plans t
        JOIN shift_patterns p ON p.id = t.pattern_id
        JOIN sites s ON s.id = t.site_id
        WHERE p.code = ANY (%(patterns)s)
        UNION
        SELECT s.code
        FROM resources r
        JOIN shift_patterns p ON p.id = r.pattern_id
        JOIN sites s ON s.id = r.site_id
        WHERE p.code = ANY (%(patterns)s) AND r.retired_at IS NULL
        """,
        {"patterns": list(patterns)},
    )
    return {row[0] for row in await cursor.fetchall()}


def _places(place: str) -> list[str]:
    """A place and the wider ones that it is within, the narrowest first."""
    levels = place.split("/")
    return ["/".join(levels[:depth]) for depth in range(len(levels), 0, -1)]


def _period(row: PlanRow) -> Period:
    return Period(
        rotation=_rotation(row.code, row.rotation_weeks, row.first_day, row.shifts),
        from_day=FIRST_DAY if row.from_day is None else row.from_day.toordinal(),
        to_day=LAST_DAY if row.to_day is None else row.to_day.toordinal(),
    )


@lru_cache(maxsize=256)
def _rotation(
    code: str, weeks: int, first_day: date | None, shifts: tuple[PatternShift, ...]
) -> Rotation:
    days: list[list[Worked]] = [[] for _ in range(_WEEK * weeks)]
    for shift in shifts:
        start, end = week.span_of(shift)
        worked = Worked(
            shift=shift.shift,
            start_minute=start,
            end_minute=end,
            breaks=tuple((begin, over - begin) for begin, over in week.breaks_of(shift)),
        )
        for number in [int(each) - 1 for each in shift.weeks] or range(weeks):
            for weekday in map(WEEKDAYS.index, shift.weekdays):
                days[_WEEK * number + weekday].append(worked)
    return Rotation(
        name=code,
        first_day=FIRST_DAY if first_day is None else first_day.toordinal(),
        days=tuple(map(tuple, days)),
    )


@lru_cache(maxsize=256)
def weekly_times(spans: tuple[ShiftSpan, ...]) -> Rotation | None:
    """Weekly working times as a rotation; None: there are none."""
    if not spans:
        return None
    return weekly(
        [
            (
                span.weekday,
                Worked(shift="", start_minute=span.start_minute, end_minute=span.end_minute),
            )
            for span in spans
        ]
    )
