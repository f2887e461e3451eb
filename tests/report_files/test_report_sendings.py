"""What of a schedule is due, by the plant's clock: also after a night in which nothing ran."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from domain.reports.schedules import Every, Schedule
from domain.reports.sendings import MOST_MISSED, due_sending

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Schedule(every=Every.DAY, minute=6 * 60)
WEEKLY = Schedule(every=Every.WEEK, minute=6 * 60, weekday=0)
MINUTE_MS = 60_000


def ms(text: str) -> int:
    """A moment on Berlin's clock."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1_000)


def test_nothing_is_due_before_its_time() -> None:
    sending, next_ms = due_sending(
        DAILY, since_ms=ms("2026-11-02 06:00"), now_ms=ms("2026-11-03 05:59"), zone=BERLIN
    )
    assert sending is None
    assert next_ms == ms("2026-11-03 06:00")


def test_the_day_before_is_due_in_time() -> None:
    sending, next_ms = due_sending(
        DAILY, since_ms=ms("2026-11-02 06:00"), now_ms=ms("2026-11-03 06:00"), zone=BERLIN
    )
    assert sending is not None
    assert (sending.period.first, sending.period.last) == (date(2026, 11, 2), date(2026, 11, 2))
    assert (sending.missed, sending.late) == ((), False)
    assert next_ms == ms("2026-11-04 06:00")


def test_of_days_that_were_missed_the_newest_is_sent_and_the_others_told() -> None:
    sending, _ = due_sending(
        DAILY, since_ms=ms("2026-11-02 06:00"), now_ms=ms("2026-11-06 09:00"), zone=BERLIN
    )
    assert sending is not None
    assert sending.period.first == date(2026, 11, 5)
    assert [each.first.day for each in sending.missed] == [2, 3, 4]
    assert sending.late


def test_a_week_is_from_monday_to_sunday() -> None:
    sending, next_ms = due_sending(
        WEEKLY, since_ms=ms("2026-11-01 00:00"), now_ms=ms("2026-11-03 00:00"), zone=BERLIN
    )
    assert sending is not None
    assert (sending.period.first, sending.period.last) == (date(2026, 10, 26), date(2026, 11, 1))
    assert next_ms == ms("2026-11-09 06:00")


def test_a_time_that_clocks_skip_is_the_moment_of_the_change() -> None:
    skipped = Schedule(every=Every.DAY, minute=2 * 60 + 30)
    sending, next_ms = due_sending(
        skipped, since_ms=ms("2027-03-27 12:00"), now_ms=ms("2027-03-28 12:00"), zone=BERLIN
    )
    assert sending is not None
    assert sending.period.at_ms == round(datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp() * 1_000)
    assert next_ms == ms("2027-03-29 02:30")


def test_a_time_that_comes_twice_is_sent_at_the_first() -> None:
    twice = Schedule(every=Every.DAY, minute=2 * 60 + 30)
    first = round(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1_000)
    sending, next_ms = due_sending(twice, since_ms=first - 1, now_ms=first, zone=BERLIN)
    assert sending is not None
    assert sending.period.first == date(2026, 10, 24)
    again, _ = due_sending(twice, since_ms=first, now_ms=first + 3_600_000, zone=BERLIN)
    assert again is None
    assert next_ms == ms("2026-10-26 02:30")


def test_after_years_of_silence_only_the_newest_periods_are_told() -> None:
    sending, _ = due_sending(
        DAILY, since_ms=ms("2016-01-01 06:00"), now_ms=ms("2026-11-06 09:00"), zone=BERLIN
    )
    assert sending is not None
    assert len(sending.missed) == MOST_MISSED
    assert sending.missed[-1].first == date(2026, 11, 4)


@given(
    st.integers(ms("2026-01-01 00:00"), ms("2027-12-31 00:00")),
    st.lists(st.integers(1, 4 * 24 * 60), min_size=1, max_size=40),
    st.integers(0, 1439),
    st.sampled_from(Every),
    st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_however_often_it_is_looked_at_every_period_is_sent_or_told_once(
    begin_ms: int, looks: list[int], minute: int, every: Every, zone: str
) -> None:
    clock = ZoneInfo(zone)
    schedule = Schedule(every=every, minute=minute, weekday=2)
    seen: list[date] = []
    since = now = begin_ms
    for minutes in looks:
        now += minutes * MINUTE_MS
        sending, next_ms = due_sending(schedule, since_ms=since, now_ms=now, zone=clock)
        assert next_ms > now
        if sending is not None:
            seen += [each.first for each in (*sending.missed, sending.period)]
            assert sending.period.at_ms <= now
        since = now
    assert seen == sorted(set(seen))
    step = 1 if every is Every.DAY else 7
    gaps = {(after - before).days for before, after in pairwise(seen)}
    assert gaps <= {step}
