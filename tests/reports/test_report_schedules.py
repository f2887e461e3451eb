"""Reports are sent by the plant's clock, once for each period."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import DAY, HOUR, T0

from domain.reports.schedules import Every, Schedule, moment_ms, next_due

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran"]


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


class TestMoments:
    @pytest.mark.parametrize(
        ("day", "minute", "expected"),
        [
            (date(2026, 1, 15), 6 * 60, "2026-01-15T05:00"),
            (date(2026, 3, 29), 2 * 60 + 30, "2026-03-29T01:00"),  # skipped: 02:00 is 03:00
            (date(2026, 10, 25), 2 * 60 + 30, "2026-10-25T00:30"),  # twice: the first
        ],
    )
    def test_in_berlin(self, day: date, minute: int, expected: str) -> None:
        assert moment_ms(day, minute, BERLIN) == utc(expected)

    def test_a_clock_that_moves_by_half_an_hour(self) -> None:
        lord_howe = ZoneInfo("Australia/Lord_Howe")  # on 2026-10-04 02:00 is 02:30
        assert moment_ms(date(2026, 10, 4), 2 * 60 + 15, lord_howe) == utc("2026-10-03T15:30")


class TestNext:
    def test_the_week_before_on_monday_morning(self) -> None:
        schedule = Schedule(every=Every.WEEK, minute=6 * 60)
        due = next_due(schedule, utc("2026-03-31T12:00"), BERLIN)
        assert due.at_ms == utc("2026-04-06T04:00")
        assert due.period.from_ms == utc("2026-03-29T22:00")
        assert due.period.length_ms == 7 * DAY

    def test_the_day_before_has_the_hours_that_clocks_gave_it(self) -> None:
        schedule = Schedule(every=Every.DAY, minute=0)
        due = next_due(schedule, utc("2026-03-29T12:00"), BERLIN)
        assert due.at_ms == utc("2026-03-29T22:00")
        assert due.period.length_ms == 23 * HOUR

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        st.sampled_from(Every),
        st.integers(0, 1439),
        st.integers(0, 6),
        st.integers(0, 400 * DAY),
        st.sampled_from(ZONES),
    )
    def test_each_period_is_sent_once_and_when_it_is_over(
        self, every: Every, minute: int, weekday: int, begins: int, name: str
    ) -> None:
        schedule = Schedule(every=every, minute=minute, weekday=weekday)
        zone = ZoneInfo(name)
        at = T0 + begins
        sent = []
        for _ in range(9):
            sent.append(next_due(schedule, at, zone))
            assert sent[-1].at_ms > at
            assert sent[-1].period.until_ms <= sent[-1].at_ms
            at = sent[-1].at_ms
        assert all(one.period.until_ms == other.period.from_ms for one, other in pairwise(sent))
