"""How far a calendar by shift patterns has to be told for work to fit."""

from __future__ import annotations

from datetime import UTC, date, datetime

from domain.plan.shifts import Period, Rotation, Worked
from store.planning.calendars import DAY_MS, LEAST_HORIZON_MS, MOST_HORIZON_MS, Calendar

NOW_MS = round(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)
MONDAY = date(2026, 1, 5).toordinal()
HOUR_MS = 3_600_000
DAY = Worked(shift="day", start_minute=480, end_minute=960)
WEEKS = Rotation(name="day", first_day=MONDAY, days=(*[(DAY,)] * 5, (), ()))


def calendar(*periods: Period) -> Calendar:
    return Calendar((), (), "UTC", (periods,))


def test_little_work_fits_into_the_least() -> None:
    assert calendar(Period(rotation=WEEKS)).horizon_ms(20 * HOUR_MS, NOW_MS) == LEAST_HORIZON_MS


def test_much_work_is_told_as_far_as_it_fits_with_a_reserve() -> None:
    always = calendar(Period(rotation=WEEKS))
    horizon = always.horizon_ms(400 * HOUR_MS, NOW_MS)
    lost = sum(each.end_ms - each.start_ms for each in always.unavailable(NOW_MS, NOW_MS + horizon))
    assert horizon - lost >= 1.5 * 400 * HOUR_MS
    assert horizon == 8 * LEAST_HORIZON_MS


def test_a_pattern_that_ends_leaves_no_work_after_it() -> None:
    ending = calendar(Period(rotation=WEEKS, to_day=MONDAY + 4))
    assert ending.horizon_ms(100 * HOUR_MS, NOW_MS) == MOST_HORIZON_MS
    closed = ending.unavailable(NOW_MS, NOW_MS + 30 * DAY_MS)
    assert closed[-1].end_ms == NOW_MS + 30 * DAY_MS
    assert 30 * DAY_MS - sum(each.end_ms - each.start_ms for each in closed) == 40 * HOUR_MS
