"""Working time against counting it instant by instant, and weekly times against the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.calendar import Exception_, ShiftSpan, WorkingTime, merged, unavailable
from domain.plan.problem import Interval

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
LONG = 200

_intervals = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda it: Interval(it[0], sum(it))),
    max_size=6,
)


def _moment(*local: int, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime(*local, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type,misc] # year, month, day, hour, minute


class TestWorkingTime:
    """Every answer is what counting instants gives."""

    @given(_intervals, st.integers(0, 60), st.integers(0, 25))
    @settings(max_examples=400, deadline=None, derandomize=True)
    def test_agrees_with_counting(self, intervals: list[Interval], t: int, work: int) -> None:
        clock = WorkingTime(merged(intervals))
        works = [
            not any(one.start_ms <= instant < one.end_ms for one in intervals)
            for instant in range(LONG)
        ]
        assert clock.next(t) == next(x for x in range(t, LONG) if works[x])
        assert clock.advance(t, work) == next(x for x in range(t, LONG) if sum(works[t:x]) >= work)
        assert clock.fits(t, work) == next(
            x for x in range(t, LONG) if works[x] and all(works[x : x + work])
        )
        assert clock.working(t, t + work) == sum(works[t : t + work])
        if sum(works[:t]) >= work:
            assert clock.retreat(t, work) == max(x for x in range(t + 1) if sum(works[x:t]) >= work)

    def test_always_works_without_breaks(self) -> None:
        clock = WorkingTime(())
        assert (clock.next(5), clock.advance(5, 10), clock.retreat(5, 10)) == (5, 15, -5)
        assert (clock.working(5, 9), clock.working(9, 5), clock.fits(5, 10)) == (4, 0, 5)

    def test_work_that_ends_with_the_shift_does_not_wait_for_the_next(self) -> None:
        clock = WorkingTime((Interval(100, 200),))
        assert clock.advance(90, 10) == 100
        assert clock.advance(90, 11) == 201
        assert clock.fits(90, 10) == 90
        assert clock.fits(90, 11) == 200

    def test_a_retreat_over_a_break_begins_before_it(self) -> None:
        clock = WorkingTime((Interval(100, 200),))
        assert clock.retreat(205, 5) == 200
        assert clock.retreat(205, 6) == 99

    def test_takes_intervals_that_overlap_or_touch_for_one(self) -> None:
        clock = WorkingTime((Interval(10, 20), Interval(20, 30), Interval(25, 40)))
        assert clock.next(15) == 40


def test_merged_sorts_joins_and_drops_what_is_empty() -> None:
    spans = [Interval(30, 40), Interval(10, 20), Interval(20, 25), Interval(12, 14), Interval(5, 5)]
    assert merged(spans) == (Interval(10, 25), Interval(30, 40))


class TestUnavailable:
    """Weekly working times in local time."""

    WEEK = tuple(
        ShiftSpan(weekday=day, start_minute=start, end_minute=end)
        for day in range(5)
        for start, end in ((360, 600), (630, 840))
    )
    """Monday to Friday 06:00 to 14:00, with half an hour's break at 10:00."""

    def test_is_what_lies_between_the_shifts(self) -> None:
        monday = _moment(2026, 6, 1, 0, 0)
        idle = unavailable(self.WEEK, (), BERLIN, monday, monday + 24 * HOUR)
        assert idle == (
            Interval(monday, _moment(2026, 6, 1, 6, 0)),
            Interval(_moment(2026, 6, 1, 10, 0), _moment(2026, 6, 1, 10, 30)),
            Interval(_moment(2026, 6, 1, 14, 0), monday + 24 * HOUR),
        )

    def test_leaves_the_weekend_out(self) -> None:
        friday, monday = _moment(2026, 6, 5, 14, 0), _moment(2026, 6, 8, 6, 0)
        idle = unavailable(self.WEEK, (), BERLIN, friday - HOUR, monday + HOUR)
        assert idle == (Interval(friday, monday),)

    def test_a_site_without_working_times_works_always(self) -> None:
        holiday = Exception_(start_ms=50, end_ms=60, working=False)
        assert unavailable((), (), BERLIN, 0, 100) == ()
        assert unavailable((), (holiday,), BERLIN, 0, 100) == (Interval(50, 60),)

    def test_an_extra_shift_opens_and_maintenance_closes_even_that(self) -> None:
        saturday = _moment(2026, 6, 6, 0, 0)
        extra = Exception_(start_ms=saturday + 6 * HOUR, end_ms=saturday + 12 * HOUR, working=True)
        repair = Exception_(start_ms=saturday + 8 * HOUR, end_ms=saturday + 9 * HOUR, working=False)
        idle = unavailable(self.WEEK, (repair, extra), BERLIN, saturday, saturday + 24 * HOUR)
        assert idle == (
            Interval(saturday, saturday + 6 * HOUR),
            Interval(saturday + 8 * HOUR, saturday + 9 * HOUR),
            Interval(saturday + 12 * HOUR, saturday + 24 * HOUR),
        )

    def test_a_night_shift_that_began_before_the_horizon_reaches_into_it(self) -> None:
        night = (ShiftSpan(weekday=0, start_minute=22 * 60, end_minute=30 * 60),)
        tuesday = _moment(2026, 6, 2, 0, 0)
        idle = unavailable(night, (), BERLIN, tuesday, tuesday + 12 * HOUR)
        assert idle == (Interval(tuesday + 6 * HOUR, tuesday + 12 * HOUR),)

    @pytest.mark.parametrize(
        ("saturday", "hours"),
        [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 6, 6), 8)],
        ids=["clocks forward", "clocks back", "no change"],
    )
    def test_the_night_the_clocks_change_is_longer_or_shorter(
        self, saturday: tuple[int, int, int], hours: int
    ) -> None:
        night = (ShiftSpan(weekday=5, start_minute=22 * 60, end_minute=30 * 60),)
        start = _moment(*saturday, 12, 0)
        idle = unavailable(night, (), BERLIN, start, start + 30 * HOUR)
        assert WorkingTime(idle).working(start, start + 30 * HOUR) == hours * HOUR
        assert idle[0] == Interval(start, _moment(*saturday, 22, 0))

    def test_a_time_that_the_clock_skips_is_as_long_after_midnight(self) -> None:
        shift = (ShiftSpan(weekday=6, start_minute=150, end_minute=600),)
        midnight = _moment(2026, 3, 29, 0, 0)
        idle = unavailable(shift, (), BERLIN, midnight, midnight + 4 * HOUR)
        assert idle == (Interval(midnight, midnight + 5 * HOUR // 2),)

    def test_weekdays_are_local_ones(self) -> None:
        shanghai = ZoneInfo("Asia/Shanghai")
        monday = (ShiftSpan(weekday=0, start_minute=0, end_minute=1440),)
        sunday_utc = round(datetime(2026, 6, 7, 12, tzinfo=UTC).timestamp() * 1000)
        idle = unavailable(monday, (), shanghai, sunday_utc, sunday_utc + 24 * HOUR)
        assert idle == (Interval(sunday_utc, sunday_utc + 4 * HOUR),)
