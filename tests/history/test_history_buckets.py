"""Buckets of time, and time in states by arithmetic: against the calendar and a stopwatch."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.history.buckets import (
    HOUR_MS,
    MINUTES_5_MS,
    MOST_BUCKETS,
    SUITABLE_BUCKETS,
    Resolution,
    TooManyBucketsError,
    edges,
    finest_suitable,
)
from store.history.extents import kept
from store.history.rollups import finished_ms
from store.history.states import Change, Told, times_by_bucket

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Santiago",  # clocks skip midnight
    "America/Havana",  # one o'clock becomes midnight once more
    "Asia/Kathmandu",  # 5:45 before UTC
    "Australia/Lord_Howe",  # clocks move by half an hour
    "Pacific/Apia",  # left a whole day out in 2011
)
TIMES = st.integers(946_684_800_000, 4_102_444_800_000)


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


class TestEdges:
    @given(TIMES, st.integers(1, 60 * 86_400_000), st.sampled_from(ZONES))
    def test_days_are_the_calendars(self, from_ms: int, length: int, zone: str) -> None:
        found = edges(Resolution.DAY, from_ms, from_ms + length, ZoneInfo(zone))
        assert found[0] <= from_ms < found[1]
        assert found[-2] < from_ms + length <= found[-1]
        for start, end in pairwise(found):
            first, last, before = (
                datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)).date()
                for at in (start, end - 1, start - 1)
            )
            assert before < first == last
        assert all(edge % MINUTES_5_MS == 0 for edge in found)  # what days are made of

    @pytest.mark.parametrize(
        ("day", "zone", "hours"),
        [
            ("2026-03-29", "Europe/Berlin", 23),
            ("2026-10-25", "Europe/Berlin", 25),
            ("2026-06-01", "Europe/Berlin", 24),
            ("2026-09-06", "America/Santiago", 23),
            ("2026-11-01", "America/Havana", 25),
            ("2026-10-04", "Australia/Lord_Howe", 23.5),
        ],
    )
    def test_a_day_on_which_clocks_change(self, day: str, zone: str, hours: float) -> None:
        noon = ms(f"{day}T12:00", zone)
        start, end = edges(Resolution.DAY, noon, noon + 1, ZoneInfo(zone))
        assert (end - start) / HOUR_MS == hours

    @given(TIMES, st.integers(1, 800 * HOUR_MS))
    def test_hours_and_minutes_cover_the_range_and_no_more(self, from_ms: int, length: int) -> None:
        for resolution, step in ((Resolution.HOUR, HOUR_MS), (Resolution.MINUTES_5, MINUTES_5_MS)):
            found = edges(resolution, from_ms, from_ms + length, ZoneInfo("UTC"))
            assert found[0] <= from_ms < found[1]
            assert found[-2] < from_ms + length <= found[-1]
            assert all(end - start == step for start, end in pairwise(found))
            assert found[0] % step == 0

    @pytest.mark.parametrize("resolution", [Resolution.MINUTES_5, Resolution.HOUR, Resolution.DAY])
    def test_too_many_are_refused(self, resolution: Resolution) -> None:
        day = 86_400_000
        step = {"5m": MINUTES_5_MS, "1h": HOUR_MS, "1d": day}[resolution.value]
        start = ms("2000-01-01")
        zone = ZoneInfo("UTC")
        found = edges(resolution, start, start + MOST_BUCKETS * step, zone)
        assert len(found) == MOST_BUCKETS + 1
        with pytest.raises(TooManyBucketsError):
            edges(resolution, start, start + MOST_BUCKETS * step + 1, zone)

    def test_an_empty_range_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="empty"):
            edges(Resolution.HOUR, 5, 5, ZoneInfo("UTC"))

    @given(TIMES, st.integers(1, 40 * 86_400_000))
    def test_auto_is_the_finest_that_suits(self, from_ms: int, length: int) -> None:
        zone = ZoneInfo("UTC")
        found = finest_suitable(from_ms, from_ms + length)
        order = [Resolution.MINUTES_5, Resolution.HOUR, Resolution.DAY]
        for resolution in order:
            count = _count(resolution, from_ms, from_ms + length, zone)
            suits = count is not None and count <= SUITABLE_BUCKETS
            if resolution is found:
                assert suits or resolution is Resolution.DAY
                break
            assert not suits


def _count(resolution: Resolution, from_ms: int, to_ms: int, zone: ZoneInfo) -> int | None:
    try:
        return len(edges(resolution, from_ms, to_ms, zone)) - 1
    except TooManyBucketsError:
        return None


class TestTimesInStates:
    @given(
        st.lists(st.tuples(st.integers(0, 99), st.sampled_from("abc"), st.sampled_from("xy"))),
        st.lists(st.integers(1, 120), min_size=2, unique=True).map(sorted),
        st.integers(1, 130),
    )
    def test_sums_of_changes_tell_what_a_stopwatch_tells(
        self, told: list[tuple[int, str, str]], borders: list[int], until: int
    ) -> None:
        told.sort(key=lambda one: one[0])
        there: Told | None = None
        at_ms: list[Told | None] = []
        summed: dict[tuple[int, Told | None, Told], list[int]] = defaultdict(lambda: [0, 0])
        before: Told | None = None
        end = min(borders[-1], until)
        rest = list(told)
        for moment in range(131):
            while rest and rest[0][0] == moment:
                _, state, reason = rest.pop(0)
                now: Told = (state, reason)
                if now != there:
                    if moment < borders[0]:
                        before = now
                    elif moment < end:
                        bucket = max(n for n, border in enumerate(borders) if border <= moment)
                        entry = summed[bucket, there, now]
                        entry[0] += 1
                        entry[1] += moment
                there = now
            at_ms.append(there)
        changes = [Change(*key, *entry) for key, entry in summed.items()]
        found = times_by_bucket(borders, until, before, changes)
        for (start, stop), spent in zip(pairwise(borders), found, strict=True):
            counted: dict[Told, int] = defaultdict(int)
            for moment in range(start, min(stop, until)):
                state_then = at_ms[moment]
                if state_then is not None:
                    counted[state_then] += 1
            assert spent == dict(counted)


class TestWindows:
    @given(
        st.lists(st.integers(0, 50), unique=True).map(sorted),
        st.integers(0, 50),
        st.integers(0, 50),
    )
    def test_kept_is_the_range_without_what_was_dropped(
        self, marks: list[int], start: int, end: int
    ) -> None:
        ranges = list(zip(marks[::2], marks[1::2], strict=False))
        gone = {at for first, last in ranges for at in range(first, last)}
        windows = kept(ranges, start, end)
        assert [at for first, last in windows for at in range(first, last)] == [
            at for at in range(start, end) if at not in gone
        ]
        assert all(first < last for first, last in windows)

    def test_an_hour_is_finished_ten_minutes_after_its_end(self) -> None:
        assert finished_ms(ms("2026-01-01T12:09:59")) == ms("2026-01-01T11:00")
        assert finished_ms(ms("2026-01-01T12:10:00")) == ms("2026-01-01T12:00")
