"""Shift patterns on the days of a calendar: rotations, validity, breaks, changes of the clock."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.plan.calendar import Exception_, outside
from domain.plan.problem import Interval
from domain.plan.shifts import Period, Rotation, Worked, shifts_on, weekly, working

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = 3_600_000
MINUTE = 60_000

EARLY = Worked(shift="early", start_minute=360, end_minute=840, breaks=((540, 15), (720, 30)))
LATE = Worked(shift="late", start_minute=840, end_minute=1320)
NIGHT = Worked(shift="night", start_minute=1320, end_minute=1800, breaks=((1560, 30),))
MONDAY = date(2026, 1, 5).toordinal()

TWO_WEEKS = Rotation(
    name="two-shift",
    first_day=MONDAY,
    days=(*[(EARLY,)] * 5, (), (), *[(LATE,)] * 5, (), ()),
)
"""Early in one week, late in the next."""
NIGHTLY = Rotation(name="nights", first_day=MONDAY, days=((NIGHT,),) * 7)


def at(*local: int, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime(*local, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type,misc] # year, month, day, hour, minute


def days(*periods: Period, first: date, last: date) -> list[tuple[str, str]]:
    found = shifts_on((periods,), BERLIN, first, last)
    return [(each.day.isoformat(), each.shift) for each in found]


class TestRotation:
    def test_weeks_take_turns_also_before_the_first(self) -> None:
        always = Period(rotation=TWO_WEEKS)
        assert days(always, first=date(2026, 1, 5), last=date(2026, 1, 19)) == [
            *((f"2026-01-{day:02}", "early") for day in range(5, 10)),
            *((f"2026-01-{day:02}", "late") for day in range(12, 17)),
            ("2026-01-19", "early"),
        ]
        assert days(always, first=date(2025, 12, 29), last=date(2025, 12, 29)) == [
            ("2025-12-29", "late")
        ]

    def test_a_pattern_is_worked_on_its_days_only(self) -> None:
        spring = Period(rotation=TWO_WEEKS, from_day=MONDAY + 2, to_day=MONDAY + 3)
        assert days(spring, first=date(2026, 1, 1), last=date(2026, 1, 31)) == [
            ("2026-01-07", "early"),
            ("2026-01-08", "early"),
        ]

    def test_the_narrower_place_prevails_on_its_days(self) -> None:
        own = (Period(rotation=NIGHTLY, from_day=MONDAY + 1, to_day=MONDAY + 1),)
        site = (Period(rotation=weekly([(0, LATE), (1, LATE), (2, LATE)])),)
        found = shifts_on((own, site), BERLIN, date(2026, 1, 5), date(2026, 1, 7))
        assert [(each.shift, each.pattern) for each in found] == [
            ("late", None),
            ("night", "nights"),
            ("late", None),
        ]


class TestBreaks:
    def test_are_not_worked(self) -> None:
        day = working(
            ((Period(rotation=TWO_WEEKS),),), BERLIN, at(2026, 1, 5, 6), at(2026, 1, 5, 14)
        )
        assert day == [
            Interval(at(2026, 1, 5, 6), at(2026, 1, 5, 9)),
            Interval(at(2026, 1, 5, 9, 15), at(2026, 1, 5, 12)),
            Interval(at(2026, 1, 5, 12, 30), at(2026, 1, 5, 14)),
        ]


class TestChangeOfTheClock:
    """A night from 22:00 to 06:00 with half an hour's break at 02:00, in the plant's zone."""

    def worked_hours(self, day: date, zone: ZoneInfo) -> float:
        (night,) = shifts_on(((Period(rotation=NIGHTLY),),), zone, day, day)
        return sum(each.end_ms - each.start_ms for each in night.worked) / HOUR

    def test_the_night_of_spring_is_an_hour_shorter(self) -> None:
        assert self.worked_hours(date(2026, 3, 28), BERLIN) == 6.5
        assert self.worked_hours(date(2026, 3, 27), BERLIN) == 7.5

    def test_the_night_of_autumn_is_an_hour_longer(self) -> None:
        assert self.worked_hours(date(2026, 10, 24), BERLIN) == 8.5

    def test_another_zone_knows_nothing_of_it(self) -> None:
        assert self.worked_hours(date(2026, 3, 28), SHANGHAI) == 7.5
        assert self.worked_hours(date(2026, 10, 24), SHANGHAI) == 7.5

    def test_a_break_at_the_hour_that_comes_twice_lasts_as_long_as_ever(self) -> None:
        night = Worked(shift="night", start_minute=1320, end_minute=1800, breaks=((1590, 30),))
        rotation = Rotation(name="n", first_day=MONDAY, days=((night,),) * 7)
        (one,) = shifts_on(
            ((Period(rotation=rotation),),), BERLIN, date(2026, 10, 24), date(2026, 10, 24)
        )
        (pause,) = one.breaks
        assert pause.end_ms - pause.start_ms == 30 * MINUTE


def test_special_days_prevail() -> None:
    layers = ((Period(rotation=TWO_WEEKS),),)
    start, end = at(2026, 1, 5), at(2026, 1, 11)
    holiday = Exception_(start_ms=at(2026, 1, 6), end_ms=at(2026, 1, 7), working=False)
    overtime = Exception_(start_ms=at(2026, 1, 10, 8), end_ms=at(2026, 1, 10, 12), working=True)
    closed = outside(working(layers, BERLIN, start, end), [holiday, overtime], start, end)
    lost = sum(each.end_ms - each.start_ms for each in closed)
    assert (end - start - lost) / HOUR == 4 * 7.25 + 4
