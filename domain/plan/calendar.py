"""Working time: arithmetic over what a machine cannot work, and that from weekly working times.

Working time is time outside the unavailable intervals. With `W(t)` the working time that has passed
until `t`, every question is one about `W` or its inverse, so each is answered by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated

import msgspec

from domain.plan.problem import Interval

_DAY_MINUTES = 24 * 60


class ShiftSpan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span of a weekly working time, in the site's local time.

    Attributes:
        weekday: the day it begins; 0 is Monday.
        start_minute: minutes after that day's midnight, 0 to 1439.
        end_minute: the same, up to 2880: a night shift ends on the day after.
    """

    weekday: Annotated[int, msgspec.Meta(ge=0, le=6)]
    start_minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)]
    end_minute: Annotated[int, msgspec.Meta(gt=0, le=2880)]


class Exception_(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # noqa: N801 - the trade's word, taken by a builtin
    """A span `[start_ms, end_ms)` that the weekly working times say nothing about.

    Attributes:
        working: an extra shift; else a holiday or maintenance, which prevails where both are told.
    """

    start_ms: int
    end_ms: int
    working: bool


class WorkingTime:
    """What can be asked about one machine's working time. Moments and durations in milliseconds.

    After the last unavailable interval, and before the first, the machine works always.
    """

    __slots__ = ("_lost", "_worked", "ends", "starts")

    def __init__(self, unavailable: Sequence[Interval]) -> None:
        self.starts = [interval.start_ms for interval in unavailable]
        self.ends = [interval.end_ms for interval in unavailable]
        if any(map(int.__ge__, self.ends, self.starts[1:])):
            whole = merged(unavailable)
            self.starts = [interval.start_ms for interval in whole]
            self.ends = [interval.end_ms for interval in whole]
        lost = 0
        self._lost = [0]
        self._worked: list[int] = []
        for start, end in zip(self.starts, self.ends, strict=True):
            self._worked.append(start - lost)
            lost += end - start
            self._lost.append(lost)

    def _until(self, t: int) -> int:
        """`W(t)`, from an arbitrary origin."""
        index = bisect_right(self.starts, t)
        if index and t < self.ends[index - 1]:
            return self._worked[index - 1]
        return t - self._lost[index]

    def next(self, t: int) -> int:
        """The first working instant at or after `t`."""
        index = bisect_right(self.starts, t)
        if index and t < self.ends[index - 1]:
            return self.ends[index - 1]
        return t

    def advance(self, t: int, work_ms: int) -> int:
        """The earliest moment by which `work_ms` of working time after `t` have passed."""
        if work_ms <= 0:
            return t
        index = bisect_right(self.starts, t)
        if index and t < self.ends[index - 1]:
            worked = self._worked[index - 1] + work_ms
        else:
            worked = t - self._lost[index] + work_ms
        return worked + self._lost[bisect_left(self._worked, worked, max(index - 1, 0))]

    def retreat(self, t: int, work_ms: int) -> int:
        """The latest moment from which `work_ms` of working time pass until `t`."""
        if work_ms <= 0:
            return t
        worked = self._until(t) - work_ms
        return worked + self._lost[bisect_right(self._worked, worked)]

    def working(self, a: int, b: int) -> int:
        """The working time between `a` and `b`; 0 when `b` is not after `a`."""
        return self._until(b) - self._until(a) if b > a else 0

    def spans(self, a: int, b: int) -> list[tuple[int, int]]:
        """The working spans between `a` and `b`, none of them empty."""
        found: list[tuple[int, int]] = []
        index = bisect_right(self.ends, a)
        while a < b:
            if index == len(self.starts) or self.starts[index] >= b:
                found.append((a, b))
                break
            if self.starts[index] > a:
                found.append((a, self.starts[index]))
            a = self.ends[index]
            index += 1
        return found

    def fits(self, t: int, work_ms: int) -> int:
        """The first working instant at or after `t` that `work_ms` without a break follow."""
        start = self.next(t)
        index = bisect_left(self.starts, start)
        while index < len(self.starts) and start + work_ms > self.starts[index]:
            start = self.ends[index]
            index += 1
        return start


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same time as sorted, disjoint intervals that do not touch; empty ones are left out."""
    whole: list[Interval] = []
    for interval in sorted(intervals, key=lambda interval: interval.start_ms):
        if interval.end_ms <= interval.start_ms:
            continue
        if whole and interval.start_ms <= whole[-1].end_ms:
            if interval.end_ms > whole[-1].end_ms:
                whole[-1] = Interval(whole[-1].start_ms, interval.end_ms)
        else:
            whole.append(interval)
    return tuple(whole)


def unavailable(
    shifts: Sequence[ShiftSpan],
    exceptions: Iterable[Exception_],
    zone: tzinfo,
    start_ms: int,
    end_ms: int,
) -> tuple[Interval, ...]:
    """When nobody works between `start_ms` and `end_ms`.

    Local times are those of `zone`, so the night of a change of the clock has an hour more or less.
    A local time that comes twice is its first one, one that is skipped is as long after midnight.

    Args:
        shifts: the weekly working times; without any, work goes on day and night.
        exceptions: what prevails over them; where two contradict, nobody works.
        zone: the site's time zone.
        start_ms: where the horizon begins; outside of it nothing is said.
        end_ms: where it ends.
    """
    working = _shifts(shifts, zone, start_ms, end_ms) if shifts else [Interval(start_ms, end_ms)]
    return outside(working, exceptions, start_ms, end_ms)


def outside(
    shifts: Sequence[Interval], exceptions: Iterable[Exception_], start_ms: int, end_ms: int
) -> tuple[Interval, ...]:
    """When nobody works between `start_ms` and `end_ms`, given the shifts as moments."""
    told = list(exceptions)
    working = [*shifts]
    working += [Interval(extra.start_ms, extra.end_ms) for extra in told if extra.working]
    closed = [Interval(each.start_ms, each.end_ms) for each in told if not each.working]
    idle = _gaps(merged(working), start_ms, end_ms)
    return tuple(
        Interval(max(interval.start_ms, start_ms), min(interval.end_ms, end_ms))
        for interval in merged([*idle, *closed])
        if interval.start_ms < end_ms and interval.end_ms > start_ms
    )


def _shifts(
    shifts: Sequence[ShiftSpan], zone: tzinfo, start_ms: int, end_ms: int
) -> list[Interval]:
    """The shifts that touch the horizon, as moments."""
    # A shift ends by the end of the day after, so only yesterday's may reach into the horizon.
    day = day_of(start_ms, zone) - timedelta(days=1)
    last = day_of(end_ms, zone)
    spans: list[Interval] = []
    while day <= last:
        spans += [
            Interval(
                moment_of(day, shift.start_minute, zone), moment_of(day, shift.end_minute, zone)
            )
            for shift in shifts
            if shift.weekday == day.weekday()
        ]
        day += timedelta(days=1)
    return spans


def day_of(moment_ms: int, zone: tzinfo) -> date:
    """The day that a moment belongs to on the clock of a place."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).date()


def moment_of(day: date, minute: int, zone: tzinfo) -> int:
    """A local time as a moment; `minute` may reach into the days after."""
    days, minute = divmod(minute, _DAY_MINUTES)
    local = time(minute // 60, minute % 60, tzinfo=zone)
    return round(datetime.combine(day + timedelta(days=days), local).timestamp() * 1000)


def _gaps(working: Iterable[Interval], start_ms: int, end_ms: int) -> list[Interval]:
    """What lies between sorted, disjoint intervals within the horizon."""
    gaps: list[Interval] = []
    at = start_ms
    for interval in working:
        if interval.start_ms > at:
            gaps.append(Interval(at, min(interval.start_ms, end_ms)))
        at = max(at, interval.end_ms)
        if at >= end_ms:
            return gaps
    gaps.append(Interval(at, end_ms))
    return gaps
