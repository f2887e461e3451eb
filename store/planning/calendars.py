"""When sites and machines work: weekly working times and dated exceptions, and what they add up to.

A machine with working times of its own goes by those alone, others by their site's; a site without
any works always. Exceptions of a site hold for all its machines. On the days on which a shift
pattern is planned for a place, it prevails over weekly times of that place and of wider ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from psycopg.rows import class_row

from domain.plan.calendar import Exception_, ShiftSpan, merged, outside, unavailable
from domain.plan.problem import Interval
from domain.plan.shifts import Layers, working
from store.database import Connection
from store.planning import shift_plans

DAY_MS: Final = 86_400_000
LEAST_HORIZON_MS: Final = 14 * DAY_MS
MOST_HORIZON_MS: Final = 2 * 366 * DAY_MS
"""Beyond this calendars are not told: machines count as working always."""

_WEEK_MINUTES: Final = 7 * 24 * 60
_RESERVE: Final = 1.5
"""A plan has idle times: by so much it may outlast its most loaded machine."""


class WorkingTimeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A span of a weekly working time, in the site's local time; `weekday` 0 is Monday.

    Minutes count from that day's midnight; one that ends on the next day goes beyond 1,440.
    """

    machine_id: int | None
    machine: str | None
    shift: str
    weekday: int
    start_minute: int
    end_minute: int


class ExceptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A span that goes by no weekly time: an extra shift, or (not working) a holiday, a repair."""

    machine_id: int | None
    machine: str | None
    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str


class NewWorkingTime(msgspec.Struct, frozen=True, kw_only=True):
    """A working time to be stored, of a site or of one of its machines."""

    shift: str
    weekday: int
    start_minute: int
    end_minute: int
    machine_id: int | None = None


class NewException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception to be stored, of a site or of one of its machines."""

    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str
    machine_id: int | None = None


async def working_times(connection: Connection, site_id: int) -> list[WorkingTimeRow]:
    """A site's weekly working times: its own first, then by machine; by weekday and begin."""
    cursor = connection.cursor(row_factory=class_row(WorkingTimeRow))
    await cursor.execute(
        """
        SELECT t.machine_id, m.path AS machine, t.shift, t.weekday, t.start_minute, t.end_minute
        FROM working_times t LEFT JOIN machines m ON m.id = t.machine_id
        WHERE t.site_id = %s
        ORDER BY m.path COLLATE "C" NULLS FIRST, t.weekday, t.start_minute, t.id
        """,
        (site_id,),
    )
    return await cursor.fetchall()


async def exceptions(
    connection: Connection, site_id: int, *, since: datetime | None = None
) -> list[ExceptionRow]:
    """A site's exceptions by begin; with `since` only those that end after it."""
    cursor = connection.cursor(row_factory=class_row(ExceptionRow))
    await cursor.execute(
        """
        SELECT e.machine_id, m.path AS machine, e.starts_at, e.ends_at, e.working, e.reason
        FROM calendar_exceptions e LEFT JOIN machines m ON m.id = e.machine_id
        WHERE e.site_id = %(site)s AND (%(since)s::timestamptz IS NULL OR e.ends_at > %(since)s)
        ORDER BY e.starts_at, e.id
        """,
        {"site": site_id, "since": since},
    )
    return await cursor.fetchall()


async def replace(
    connection: Connection,
    site_id: int,
    *,
    times: Sequence[NewWorkingTime],
    exceptions: Sequence[NewException],
) -> None:
    """Replace a site's calendar; machines that are named must stand there."""
    # One calendar at a time: two of them at once would leave the rows of both.
    await connection.execute("SELECT FROM sites WHERE id = %s FOR NO KEY UPDATE", (site_id,))
    await connection.execute("DELETE FROM working_times WHERE site_id = %s", (site_id,))
    await connection.execute("DELETE FROM calendar_exceptions WHERE site_id = %s", (site_id,))
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO working_times (site_id, machine_id, shift, weekday, start_minute, end_minute)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [(site_id, t.machine_id, t.shift, t.weekday, t.start_minute, t.end_minute) for t in times],
    )
    await cursor.executemany(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, working, reason)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [(site_id, e.machine_id, e.starts_at, e.ends_at, e.working, e.reason) for e in exceptions],
    )


class Calendar(msgspec.Struct, frozen=True):
    """What one machine goes by.

    Attributes:
        shifts: weekly working times; none: it works always.
        exceptions: what prevails over everything.
        time_zone: whose clock the times are told on.
        layers: shift patterns that hold from day to day, weekly times among them, the narrowest
            place first. If there are any, `shifts` is not looked at.
    """

    shifts: tuple[ShiftSpan, ...]
    exceptions: tuple[Exception_, ...]
    time_zone: str
    layers: Layers = ()

    def unavailable(
        self, start_ms: int, end_ms: int, *, without_closures: bool = False
    ) -> tuple[Interval, ...]:
        """When it does not work within a span.

        Args:
            start_ms: where the span begins.
            end_ms: where it ends.
            without_closures: leave out what is closed by exception; extra shifts count.
        """
        exceptions = [each for each in self.exceptions if each.working or not without_closures]
        zone = zone_of(self.time_zone)
        if not self.layers:
            return unavailable(self.shifts, exceptions, zone, start_ms, end_ms)
        shifts = working(self.layers, zone, start_ms, end_ms)
        return outside(shifts, exceptions, start_ms, end_ms)

    @property
    def share(self) -> float:
        """The part of a week that is worked, more than 0."""
        if not self.shifts:
            return 1.0
        week = merged(
            Interval(1440 * span.weekday + span.start_minute, 1440 * span.weekday + span.end_minute)
            for span in self.shifts
        )
        return min(sum(each.end_ms - each.start_ms for each in week) / _WEEK_MINUTES, 1.0)

    def horizon_ms(self, work_ms: int, now_ms: int) -> int:
        """How long after `now_ms` this calendar has to be told for so much work to fit."""
        if self.layers:
            return self._horizon_by_days(int(_RESERVE * work_ms), now_ms)
        closed = merged(
            Interval(max(each.start_ms, now_ms), each.end_ms)
            for each in self.exceptions
            if not each.working
        )
        lost = sum(each.end_ms - each.start_ms for each in closed)
        needed = int(_RESERVE * work_ms / self.share) + lost
        return min(max(needed, LEAST_HORIZON_MS), MOST_HORIZON_MS)

    def _horizon_by_days(self, work_ms: int, now_ms: int) -> int:
        """The same where a week is not like another: twice as far until the work fits."""
        horizon = LEAST_HORIZON_MS
        while horizon < MOST_HORIZON_MS:
            lost = sum(
                each.end_ms - each.start_ms for each in _unavailable(self, now_ms, now_ms + horizon)
            )
            if horizon - lost >= work_ms:
                return horizon
            horizon *= 2
        return MOST_HORIZON_MS


class Calendars(msgspec.Struct, frozen=True):
    """What the machines of some sites go by, by machine. Machines alike share an object."""

    by_machine: Mapping[int, Calendar]

    def horizon_ms(self, work_ms: Mapping[int, int], now_ms: int) -> int:
        """How far the calendars have to be told for each machine to do so much work."""
        spans = [
            self.by_machine[machine].horizon_ms(work, now_ms)
            for machine, work in work_ms.items()
            if machine in self.by_machine
        ]
        return max(spans, default=LEAST_HORIZON_MS)

    def unavailable(self, start_ms: int, end_ms: int) -> dict[int, tuple[Interval, ...]]:
        """When each machine does not work within a span. Machines alike share a tuple."""
        told: dict[int, tuple[Interval, ...]] = {}
        found: dict[int, tuple[Interval, ...]] = {}
        for machine, calendar in self.by_machine.items():
            if id(calendar) not in told:
                told[id(calendar)] = _unavailable(calendar, start_ms, end_ms)
            found[machine] = told[id(calendar)]
        return found


async def read_calendars(
    connection: Connection, site_ids: Collection[int], *, since_ms: int
) -> Calendars:
    """The calendars of all machines of sites. Exceptions that ended before `since_ms` are out."""
    sites = list(site_ids)
    shifts: dict[tuple[int, int | None], list[ShiftSpan]] = defaultdict(list)
    cursor = await connection.execute(
        """
        SELECT site_id, machine_id, weekday, start_minute, end_minute FROM working_times
        WHERE site_id = ANY(%s) ORDER BY weekday, start_minute, end_minute
        """,
        (sites,),
    )
    for site, machine, weekday, start_minute, end_minute in await cursor.fetchall():
        shifts[site, machine].append(
            ShiftSpan(weekday=weekday, start_minute=start_minute, end_minute=end_minute)
        )
    told: dict[tuple[int, int | None], list[Exception_]] = defaultdict(list)
    cursor = await connection.execute(
        """
        SELECT site_id, machine_id, (extract(epoch FROM starts_at) * 1000)::bigint,
               (extract(epoch FROM ends_at) * 1000)::bigint, working
        FROM calendar_exceptions
        WHERE site_id = ANY(%s) AND ends_at > to_timestamp(%s / 1000.0)
        ORDER BY starts_at, id
        """,
        (sites, since_ms),
    )
    for site, machine, start_ms, end_ms, works in await cursor.fetchall():
        told[site, machine].append(Exception_(start_ms=start_ms, end_ms=end_ms, working=works))
    patterns = await shift_plans.read(connection, sites, since_ms=since_ms)
    cursor = await connection.execute(
        """
        SELECT m.id, m.site_id, m.path, s.time_zone
        FROM machines m JOIN sites s ON s.id = m.site_id
        WHERE m.site_id = ANY(%s) ORDER BY m.id
        """,
        (sites,),
    )
    alike: dict[Calendar, Calendar] = {}
    by_machine: dict[int, Calendar] = {}
    for machine, site, path, time_zone in await cursor.fetchall():
        own, of_site = shifts.get((site, machine)), shifts[site, None]
        exceptions = [*told[site, None], *told.get((site, machine), [])]
        exceptions += patterns.special(path, zone_of(time_zone))
        calendar = Calendar(
            tuple(own or of_site),
            tuple(exceptions),
            time_zone,
            patterns.layers(
                path,
                own=shift_plans.weekly_times(tuple(own or ())),
                of_site=shift_plans.weekly_times(tuple(of_site)),
            ),
        )
        by_machine[machine] = alike.setdefault(calendar, calendar)
    return Calendars(by_machine)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name; UTC when nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _unavailable(calendar: Calendar, start_ms: int, end_ms: int) -> tuple[Interval, ...]:
    # Whole days and weeks, so that one answer serves the plans of a day.
    first = start_ms - start_ms % DAY_MS
    last = end_ms + -end_ms % (7 * DAY_MS)
    whole = _told(calendar, first, last)
    return tuple(
        Interval(max(each.start_ms, start_ms), min(each.end_ms, end_ms))
        for each in whole
        if each.start_ms < end_ms and each.end_ms > start_ms
    )


@lru_cache(maxsize=256)
def _told(calendar: Calendar, start_ms: int, end_ms: int) -> tuple[Interval, ...]:
    return calendar.unavailable(start_ms, end_ms)
