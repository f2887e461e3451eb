"""Calendars as rows, and what they come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from planning_rows import DAY_MS, HOUR_MS, NOW_MS, Rows, at
from planning_shop import SCOPE, Shop

from domain.plan.problem import Interval
from store.database import Connection
from store.planning import calendar_rows, calendars
from store.planning.calendar_reading import read_calendars
from store.planning.calendar_rows import NewException, NewWorkingTime
from store.planning.calendars import LEAST_HORIZON_MS, MOST_HORIZON_MS, Calendar

DAY = [
    NewWorkingTime(shift="day", weekday=weekday, start_minute=480, end_minute=960)
    for weekday in range(5)
]
"""08:00 to 16:00, Monday to Friday."""


def closed(start_ms: int, end_ms: int, *, machine: int | None = None) -> NewException:
    return NewException(
        starts_at=at(start_ms),
        ends_at=at(end_ms),
        working=False,
        reason="maintenance",
        machine_id=machine,
    )


async def unavailable_by_machine(
    connection: Connection, sites: list[int], start_ms: int, end_ms: int
) -> dict[int, tuple[Interval, ...]]:
    found = await read_calendars(connection, sites, since_ms=start_ms)
    return found.unavailable(start_ms, end_ms)


class TestReplace:
    async def test_what_was_stored_is_read_again(self, shop: Shop) -> None:
        own = NewWorkingTime(
            shift="night", weekday=6, start_minute=1_320, end_minute=1_800, machine_id=shop.m2
        )
        extra = NewException(
            starts_at=datetime(2026, 3, 7, 8, tzinfo=UTC),
            ends_at=datetime(2026, 3, 7, 12, tzinfo=UTC),
            working=True,
            reason="extra shift",
        )

        await calendar_rows.replace(
            shop.connection,
            shop.site,
            times=[own, *DAY],
            exceptions=[extra, closed(NOW_MS, NOW_MS + HOUR_MS, machine=shop.m1)],
        )

        times = await calendar_rows.working_times(shop.connection, shop.site)
        assert [(row.machine, row.shift, row.weekday) for row in times] == [
            *((None, "day", weekday) for weekday in range(5)),
            ("plant-1/hall/line1/m2", "night", 6),
        ]
        assert (times[-1].start_minute, times[-1].end_minute) == (1_320, 1_800)
        found = await calendar_rows.exceptions(shop.connection, shop.site)
        assert [(row.machine, row.reason, row.working) for row in found] == [
            ("plant-1/hall/line1/m1", "maintenance", False),
            (None, "extra shift", True),
        ]
        assert found[1].starts_at == extra.starts_at
        later = await calendar_rows.exceptions(
            shop.connection, shop.site, since=at(NOW_MS + HOUR_MS)
        )
        assert [row.reason for row in later] == ["extra shift"]

    async def test_it_replaces_the_sites_calendar_and_no_others(
        self, shop: Shop, rows: Rows
    ) -> None:
        other = await rows.site("plant-2")
        for site in (shop.site, other):
            await calendar_rows.replace(shop.connection, site, times=DAY, exceptions=[])

        await calendar_rows.replace(shop.connection, shop.site, times=DAY[:1], exceptions=[])

        assert len(await calendar_rows.working_times(shop.connection, shop.site)) == 1
        assert len(await calendar_rows.working_times(shop.connection, other)) == 5


class TestUnavailable:
    async def test_without_any_rows_machines_work_always(self, shop: Shop) -> None:
        found = await unavailable_by_machine(
            shop.connection, [shop.site], NOW_MS, NOW_MS + 7 * DAY_MS
        )

        assert found == {shop.m1: (), shop.m2: ()}

    async def test_weekly_times_are_told_within_the_span(self, shop: Shop) -> None:
        await calendar_rows.replace(shop.connection, shop.site, times=DAY, exceptions=[])

        found = await unavailable_by_machine(
            shop.connection, [shop.site], NOW_MS, NOW_MS + 26 * HOUR_MS
        )

        # From Monday 08:00 to Tuesday 10:00: one night.
        assert found[shop.m1] == (Interval(NOW_MS + 8 * HOUR_MS, NOW_MS + 24 * HOUR_MS),)
        assert found[shop.m1] is found[shop.m2]

    async def test_a_machine_with_times_of_its_own_goes_by_those_alone(self, shop: Shop) -> None:
        own = NewWorkingTime(
            shift="all", weekday=0, start_minute=480, end_minute=1_080, machine_id=shop.m2
        )
        holiday = closed(NOW_MS + 1 * HOUR_MS, NOW_MS + 2 * HOUR_MS)
        await calendar_rows.replace(
            shop.connection, shop.site, times=[*DAY, own], exceptions=[holiday]
        )

        found = await unavailable_by_machine(
            shop.connection, [shop.site], NOW_MS, NOW_MS + 12 * HOUR_MS
        )

        hour = Interval(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS)
        assert found == {
            shop.m1: (hour, Interval(NOW_MS + 8 * HOUR_MS, NOW_MS + 12 * HOUR_MS)),
            shop.m2: (hour, Interval(NOW_MS + 10 * HOUR_MS, NOW_MS + 12 * HOUR_MS)),
        }

    async def test_times_are_the_sites_own(self, rows: Rows, connection: Connection) -> None:
        """08:00 in New York is 13:00 UTC in the first days of March."""
        site = await rows.site("plant-9", time_zone="America/New_York")
        machine = await rows.machine("plant-9/hall/line1/m1")
        await calendar_rows.replace(connection, site, times=DAY, exceptions=[])

        found = await unavailable_by_machine(connection, [site], NOW_MS, NOW_MS + 10 * HOUR_MS)

        assert found == {machine: (Interval(NOW_MS, NOW_MS + 5 * HOUR_MS),)}

    async def test_a_zone_that_nobody_knows_counts_as_utc(
        self, rows: Rows, connection: Connection
    ) -> None:
        site = await rows.site("plant-9", time_zone="Atlantis/Centre")
        machine = await rows.machine("plant-9/hall/line1/m1")
        await calendar_rows.replace(connection, site, times=DAY, exceptions=[])

        found = await unavailable_by_machine(connection, [site], NOW_MS, NOW_MS + 9 * HOUR_MS)

        assert found == {machine: (Interval(NOW_MS + 8 * HOUR_MS, NOW_MS + 9 * HOUR_MS),)}

    async def test_a_new_calendar_counts_at_once(self, shop: Shop) -> None:
        span = (NOW_MS, NOW_MS + 9 * HOUR_MS)
        await calendar_rows.replace(shop.connection, shop.site, times=DAY, exceptions=[])
        before = await unavailable_by_machine(shop.connection, [shop.site], *span)

        await calendar_rows.replace(
            shop.connection, shop.site, times=DAY, exceptions=[closed(*span)]
        )

        after = await unavailable_by_machine(shop.connection, [shop.site], *span)
        assert before[shop.m1] == (Interval(NOW_MS + 8 * HOUR_MS, NOW_MS + 9 * HOUR_MS),)
        assert after[shop.m1] == (Interval(*span),)


class TestHorizon:
    @pytest.fixture
    async def calendar(self, shop: Shop) -> Calendar:
        """40 hours a week, and closed for all of April."""
        april = closed(1_775_001_600_000, 1_777_593_600_000)
        await calendar_rows.replace(shop.connection, shop.site, times=DAY, exceptions=[april])
        found = await read_calendars(shop.connection, [shop.site], since_ms=NOW_MS)
        return found.by_machine[shop.m1]

    async def test_it_is_at_least_two_weeks(self, calendar: Calendar) -> None:
        assert calendar.share == pytest.approx(40 / 168)
        assert calendar.horizon_ms(0, NOW_MS) >= LEAST_HORIZON_MS

    async def test_work_fits_into_it_closures_included(self, calendar: Calendar) -> None:
        needed = 400 * HOUR_MS

        horizon = calendar.horizon_ms(needed, NOW_MS)

        closed_ms = sum(
            each.end_ms - each.start_ms
            for each in calendars._unavailable(calendar, NOW_MS, NOW_MS + horizon)
        )
        assert horizon - closed_ms >= needed

    async def test_it_ends_somewhere(self, calendar: Calendar) -> None:
        assert calendar.horizon_ms(10**15, NOW_MS) == MOST_HORIZON_MS

    async def test_exceptions_of_the_past_are_left_out(self, shop: Shop) -> None:
        await calendar_rows.replace(
            shop.connection,
            shop.site,
            times=[],
            exceptions=[closed(NOW_MS - HOUR_MS, NOW_MS), closed(NOW_MS - 1, NOW_MS + 1)],
        )

        found = await read_calendars(shop.connection, [shop.site], since_ms=NOW_MS)

        assert [each.end_ms for each in found.by_machine[shop.m1].exceptions] == [NOW_MS + 1]


async def test_problems_are_told_the_calendar(shop: Shop) -> None:
    await calendar_rows.replace(shop.connection, shop.site, times=DAY, exceptions=[])
    await shop.order(1)

    loaded = await shop.load()

    assert loaded.scope == SCOPE
    first = loaded.problem.machines[0].unavailable[0]
    assert first == Interval(NOW_MS + 8 * HOUR_MS, NOW_MS + 24 * HOUR_MS)
