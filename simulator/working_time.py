"""When the installation's calendar says that a machine works, as its people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from contracts.ids import EpochMs, MachinePath

_DAY_MINUTES: Final = 24 * 60
_BEFORE: Final = timedelta(days=2)
_AFTER: Final = timedelta(days=3)
_SHORT_MS: Final = 2 * 3_600_000
"""A shorter gap between two spans of working time is a break, a longer one the end of the shift."""

BREAK: Final = "break"
SHIFT_OVER: Final = "shift over"


class WorkingSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly working time of `GET /v1/sites/{code}/calendar`."""

    weekday: int
    start: str
    end: str
    shift: str = ""
    machine: str | None = None


class DatedException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception of `GET /v1/sites/{code}/calendar`."""

    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str
    machine: str | None = None


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """A site's calendar; without anything in it the site works always."""

    time_zone: str = "UTC"
    working_times: list[WorkingSpan] = []
    exceptions: list[DatedException] = []


class Off(NamedTuple):
    """A half-open span in which nobody works, and why. Epoch milliseconds."""

    start_ms: int
    end_ms: int
    reason: str


def off_times(calendar: Calendar, machine: MachinePath, now_ms: EpochMs) -> list[Off]:
    """When nobody works at the machine, from two days ago to three days ahead; in order.

    A machine with weekly working times of its own goes by those alone. Exceptions prevail; where
    two contradict, nobody works.
    """
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    begin, end = _ms(now - _BEFORE), _ms(now + _AFTER)
    own = [span for span in calendar.working_times if span.machine == machine]
    weekly = own or [span for span in calendar.working_times if span.machine is None]
    exceptions = [one for one in calendar.exceptions if one.machine in (None, machine)]
    extra = [(_ms(one.starts_at), _ms(one.ends_at)) for one in exceptions if one.working]
    off: list[Off] = []
    if weekly:
        zone = ZoneInfo(calendar.time_zone)
        working = sorted([*_weekly(weekly, zone, now), *extra])
        off = _gaps(working, begin, end)
    off += [
        Off(_ms(one.starts_at), _ms(one.ends_at), one.reason)
        for one in exceptions
        if not one.working
    ]
    return sorted(one for one in off if one.end_ms > begin and one.start_ms < end)


def off_at(off: Sequence[Off], t_ms: int) -> Off | None:
    """The span that holds the moment, the longest lasting one."""
    holding = [one for one in off if one.start_ms <= t_ms < one.end_ms]
    return max(holding, key=lambda one: one.end_ms, default=None)


def last_return(off: Sequence[Off], t_ms: int) -> int | None:
    """When work began again the last time before a moment at which there is work."""
    return max((one.end_ms for one in off if one.end_ms <= t_ms), default=None)


def _weekly(
    spans: Iterable[WorkingSpan], zone: ZoneInfo, now: datetime
) -> Iterable[tuple[int, int]]:
    """The spans' occurrences around now, in epoch milliseconds."""
    first = (now - _BEFORE).astimezone(zone).date() - timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((_BEFORE + _AFTER).days + 3)]
    for span in spans:
        start, end = _minutes(span.start), _minutes(span.end)
        if end <= start:
            end += _DAY_MINUTES
        for day in days:
            if day.weekday() == span.weekday:
                yield _at(day, start, zone), _at(day, end, zone)


def _gaps(working: Sequence[tuple[int, int]], begin: int, end: int) -> list[Off]:
    gaps: list[Off] = []
    until = begin
    for start, stop in [*working, (end, end)]:
        if start > until:
            reason = BREAK if start - until < _SHORT_MS else SHIFT_OVER
            gaps.append(Off(until, start, reason))
        until = max(until, stop)
    return gaps


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    """A local time of day, told in minutes since midnight, maybe of the next day."""
    over, minute = divmod(minute, _DAY_MINUTES)
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    return _ms(local + timedelta(days=over))


def _minutes(time_of_day: str) -> int:
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)
