"""Schedules become letters: once per period, however many processes look, and after a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from notify.report_rounds import ReportRounds
from store.database import Pool, build_pool
from store.reports import letters
from store.reports.letters import read_body


class Moment:
    """A clock that stands where it is put."""

    def __init__(self, text: str) -> None:
        self.at = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def now_ms(self) -> int:
        return round(self.at.timestamp() * 1_000)

    def monotonic(self) -> float:
        return self.at.timestamp()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a database with a schedule at 6:30 in Berlin, due on 3 November."""
    found = build_pool(database_url, name="test", max_size=8)
    await found.open(wait=True, timeout=60)
    async with found.connection() as connection:
        await connection.execute(
            """
            INSERT INTO sites (code, name, time_zone) VALUES ('plant-1', 'P', 'Europe/Berlin')
            """
        )
        await connection.execute(
            """
            INSERT INTO report_schedules (code, name, reports, site_id, recipients, language,
                formats, every, minute, since, next_at, changed_by)
            SELECT 'daily', 'Daily', '{delivery,oee}', id, '{a@x.example,b@x.example}', 'zh-CN',
                '{pdf}', 'day', 390, '2026-11-02T12:00:00Z', '2026-11-03T05:30:00Z', 'test'
            FROM sites
            """
        )
    try:
        yield found
    finally:
        await found.close()


def rounds(pool: Pool, clock: Moment) -> ReportRounds:
    return ReportRounds(pool=pool, clock=clock, keep=timedelta(days=400))


async def told(pool: Pool) -> list[tuple[str, bool, int]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """
            SELECT n.first_day::text, n.sent, count(l.id)
            FROM report_sendings n LEFT JOIN report_letters l ON l.sending_id = n.id
            GROUP BY n.id ORDER BY n.first_day
            """
        )
        return await cursor.fetchall()


async def test_nothing_before_its_time_and_one_letter_each_at_its_time(pool: Pool) -> None:
    clock = Moment("2026-11-03T05:29:59")
    one = rounds(pool, clock)
    assert not await one.round()
    clock.at += timedelta(seconds=1)
    assert await one.round()
    assert not await one.round()
    assert await told(pool) == [("2026-11-02", True, 2)]
    assert one.metrics["report_letters"] == 2
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT address, language, body FROM report_letters")
        rows = await cursor.fetchall()
        cursor = await connection.execute("SELECT next_at FROM report_schedules")
        assert await cursor.fetchone() == (datetime(2026, 11, 4, 5, 30, tzinfo=UTC),)
    assert {row[0] for row in rows} == {"a@x.example", "b@x.example"}
    body = read_body(rows[0][2])
    assert (body.reports, body.late, body.missed) == (("delivery", "oee"), False, ())
    assert body.as_of == clock.at


async def test_many_at_once_write_one_sending(pool: Pool) -> None:
    clock = Moment("2026-11-03T05:30:02")
    done = await asyncio.gather(*(rounds(pool, clock).round() for _ in range(6)))
    assert sum(done) == 1
    assert await told(pool) == [("2026-11-02", True, 2)]


async def test_after_days_without_anybody_one_letter_says_what_was_left_out(pool: Pool) -> None:
    one = rounds(pool, Moment("2026-11-06T08:00:00"))
    while await one.round():
        pass
    assert await told(pool) == [
        ("2026-11-02", False, 0),
        ("2026-11-03", False, 0),
        ("2026-11-04", False, 0),
        ("2026-11-05", True, 2),
    ]
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT body FROM report_letters LIMIT 1")
        (content,) = await cursor.fetchone() or (None,)
    body = read_body(content)
    assert body.late
    assert [first.day for first, _ in body.missed] == [2, 3, 4]


async def test_a_period_that_was_sent_is_not_sent_by_another_version(pool: Pool) -> None:
    clock = Moment("2026-11-03T05:30:00")
    one = rounds(pool, clock)
    assert await one.round()
    async with pool.connection() as connection:
        # Moved to a later hour of the same day: the same period would be due again.
        await connection.execute(
            "UPDATE report_schedules SET minute = 600, since = '2026-11-03T06:00:00Z',"
            " next_at = '2026-11-03T09:00:00Z'"
        )
    clock.at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert await one.round()
    assert await told(pool) == [("2026-11-02", True, 2)]


async def test_one_that_rests_or_was_taken_away_sends_nothing(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("UPDATE report_schedules SET active = false")
    assert not await rounds(pool, Moment("2026-11-03T06:00:00")).round()
    assert await told(pool) == []


async def test_old_letters_go_when_nothing_waits_for_them(pool: Pool) -> None:
    await rounds(pool, Moment("2026-11-03T05:30:00")).round()
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE report_letters SET state = 'sent' WHERE address = 'a@x.example'"
        )
        later = datetime(2028, 1, 1, tzinfo=UTC)
        assert await letters.prune(connection, older_than=later, at_most=10) == 1
        cursor = await connection.execute("SELECT address FROM report_letters")
        assert await cursor.fetchall() == [("b@x.example",)]


async def test_a_schedule_in_no_time_zone_holds_up_no_other(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            """
            INSERT INTO report_schedules (code, name, reports, recipients, language, formats,
                every, minute, time_zone, since, next_at, changed_by)
            VALUES ('lost', 'Lost', '{oee}', '{a@x.example}', 'en', '{pdf}', 'day', 0,
                'Mars/Olympus', '2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z', 'test')
            """
        )
    one = rounds(pool, Moment("2026-11-03T05:30:00"))
    assert [await one.round() for _ in range(3)] == [True, True, False]
    assert await told(pool) == [("2026-11-02", True, 2)]
