"""Days, weeks and months of the plant, through changes of its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import HOUR, spans

from domain.reports.periods import MOST_PERIODS, Grain, Span, cut, overlap_ms, parts

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Santiago",
    "Pacific/Apia", "Australia/Lord_Howe",
]  # fmt: skip


class TestCut:
    @pytest.mark.parametrize(
        ("day", "hours"),
        [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)],
    )
    def test_a_day_has_the_hours_that_clocks_give_it(self, day: date, hours: int) -> None:
        (span,) = cut(Grain.DAY, day, day, BERLIN)
        assert span.length_ms == hours * HOUR
        assert datetime.fromtimestamp(span.from_ms / 1_000, BERLIN).hour == 0

    def test_weeks_begin_on_monday_and_months_on_the_first(self) -> None:
        weeks = cut(Grain.WEEK, date(2026, 1, 1), date(2026, 1, 5), UTC)
        months = cut(Grain.MONTH, date(2025, 12, 31), date(2026, 1, 1), UTC)
        assert [datetime.fromtimestamp(each.from_ms / 1_000, UTC).date() for each in weeks] == [
            date(2025, 12, 29),
            date(2026, 1, 5),
        ]
        assert [each.length_ms // (24 * HOUR) for each in months] == [31, 31]

    def test_a_midnight_that_clocks_skip_is_the_moment_at_which_they_do(self) -> None:
        santiago = ZoneInfo("America/Santiago")  # on 2026-09-06 00:00 becomes 01:00
        before, after = cut(Grain.DAY, date(2026, 9, 5), date(2026, 9, 6), santiago)
        assert datetime.fromtimestamp(after.from_ms / 1_000, santiago).hour == 1
        assert (before.length_ms, after.length_ms) == (24 * HOUR, 23 * HOUR)

    def test_what_is_too_much_or_backwards_is_refused(self) -> None:
        day = date(2026, 1, 1)
        with pytest.raises(ValueError, match="more than"):
            cut(Grain.DAY, day, day + timedelta(days=MOST_PERIODS), UTC)
        with pytest.raises(ValueError, match="before"):
            cut(Grain.DAY, day, day - timedelta(days=1), UTC)

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(
        st.sampled_from(Grain),
        st.dates(date(2005, 1, 1), date(2035, 1, 1)),
        st.integers(0, 200),
        st.sampled_from(ZONES),
    )
    def test_periods_follow_each_other_and_hold_what_was_asked_for(
        self, grain: Grain, first: date, days: int, name: str
    ) -> None:
        zone = ZoneInfo(name)
        last = first + timedelta(days=days)
        found = cut(grain, first, last, zone)
        assert all(one.until_ms == other.from_ms for one, other in pairwise(found))
        whole = Span(found[0].from_ms, found[-1].until_ms)
        for day in (first, last):
            noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp() * 1_000
            assert whole.holds(int(noon)) or name == "Pacific/Apia"
        finer = cut(Grain.DAY, first, last, zone)
        assert sum(each.length_ms for each in finer) <= whole.length_ms


class TestParts:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(spans(), spans(1))
    def test_merged_parts_count_every_moment_once(
        self, some: list[Span], asked: list[Span]
    ) -> None:
        for period in asked:
            found = parts(some, period)
            assert all(one.until_ms < other.from_ms for one, other in pairwise(found))
            edges = sorted({edge for each in (*some, period) for edge in msec(each)})
            expected = sum(
                ends - begins
                for begins, ends in pairwise(edges)
                if period.holds(begins) and any(each.holds(begins) for each in some)
            )
            assert overlap_ms(period, found) == expected


def msec(span: Span) -> tuple[int, int]:
    return span.from_ms, span.until_ms
