"""When sites, machines and operators work: weekly times, dated exceptions, and what they add up to.

A machine with working times of its own goes by those alone, others by their site's; a site without
any works always. Exceptions of a site hold for all its machines. On the days on which a shift
pattern is planned for a place, it prevails over weekly times of that place and of wider ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.plan.calendar import Exception_, ShiftSpan, merged, outside, unavailable
from domain.plan.problem import Interval
from domain.plan.shifts import Layers, working

DAY_MS: Final = 86_400_000
LEAST_HORIZON_MS: Final = 14 * DAY_MS
MOST_HORIZON_MS: Final = 2 * 366 * DAY_MS
"""Beyond this calendars are not told: machines count as working always."""

_WEEK_MINUTES: Final = 7 * 24 * 60
_RESERVE: Final = 1.5
"""A plan has idle times: by so much it may outlast its most loaded machine."""


class Calendar(msgspec.Struct, frozen=True):
    """What one machine goes by.

    Attributes:
        shifts: weekly working times; none: it works always.
        exceptions: what prevails over everything.
        time_zone: whose clock the times are told on.
        layers: shift patterns that hold from day to day, weekly times among them, the narrowest
            place first. If there are any, `shifts` is not looked at.
        own: of the exceptions, those that are told of this machine alone: its maintenance.
    """

    shifts: tuple[ShiftSpan, ...]
    exceptions: tuple[Exception_, ...]
    time_zone: str
    layers: Layers = ()
    own: tuple[Exception_, ...] = ()

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
    """What machines and operators of some sites go by. Those alike share an object.

    Attributes:
        by_machine: by the machine's id.
        by_operator: by the resource's id; tools have none, they go by their machine.
    """

    by_machine: Mapping[int, Calendar]
    by_operator: Mapping[int, Calendar] = {}

    def horizon_ms(
        self, work_ms: Mapping[int, int], now_ms: int, *, operators: Collection[int] = ()
    ) -> int:
        """How far the calendars have to be told for each machine to do so much work.

        Args:
            work_ms: by machine.
            now_ms: the moment.
            operators: those who are needed for some of it: as if the most loaded machine worked
                when they do.
        """
        spans = [
            self.by_machine[machine].horizon_ms(work, now_ms)
            for machine, work in work_ms.items()
            if machine in self.by_machine
        ]
        most = max(work_ms.values(), default=0)
        of_people = {self.by_operator[one] for one in operators if one in self.by_operator}
        spans += [calendar.horizon_ms(most, now_ms) for calendar in of_people]
        return max(spans, default=LEAST_HORIZON_MS)

    def unavailable(self, start_ms: int, end_ms: int) -> dict[int, tuple[Interval, ...]]:
        """When each machine does not work within a span. Machines alike share a tuple."""
        return _told_of(self.by_machine, start_ms, end_ms)

    def away(self, start_ms: int, end_ms: int) -> dict[int, tuple[Interval, ...]]:
        """When each operator's calendar has no shift within a span, by resource."""
        return _told_of(self.by_operator, start_ms, end_ms)

    def closures(self, machine: int, start_ms: int, end_ms: int) -> list[tuple[int, int, bool]]:
        """Why a machine is closed by exception within a span: from, to, whether it alone is."""
        calendar = self.by_machine.get(machine)
        if calendar is None:
            return []
        return [
            (max(each.start_ms, start_ms), min(each.end_ms, end_ms), each in calendar.own)
            for each in calendar.exceptions
            if not each.working and each.start_ms < end_ms and each.end_ms > start_ms
        ]


def _told_of(
    calendars: Mapping[int, Calendar], start_ms: int, end_ms: int
) -> dict[int, tuple[Interval, ...]]:
    told: dict[int, tuple[Interval, ...]] = {}
    found: dict[int, tuple[Interval, ...]] = {}
    for name, calendar in calendars.items():
        if id(calendar) not in told:
            told[id(calendar)] = _unavailable(calendar, start_ms, end_ms)
        found[name] = told[id(calendar)]
    return found


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
