"""The demo's calendars: weekly shifts at life's speed, dated breaks at a higher one. Pure.

A week that is sixty times as short has no weekdays of its own, so at other speeds than 1 what keeps
people from working is written as dated exceptions on the factory's own clock, whose days lie one
after the other since the epoch; the simulator writes further ones before they run out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulator import factory
from simulator.factory import Machine, Shift, Site
from simulator.pace import Pace
from simulator.working_time import BREAK, SHIFT_OVER, Calendar, DatedException

FASTEST_WITH_BREAKS: Final = 60.0
"""At a higher speed a break would be too short to be seen: nobody has any."""

DAYS_AHEAD: Final = 3
"""So many of the factory's days exceptions are written ahead."""

_DAY_MINUTES: Final = 24 * 60
_DAY_MS: Final = _DAY_MINUTES * 60_000
_WEEKDAYS: Final = 7
_OURS: Final = frozenset((BREAK, SHIFT_OVER))


def calendar_body(site: Site, pace: Pace, now_ms: int, known: Calendar) -> dict[str, Any]:
    """The calendar of a site of the demo, as `PUT /v1/sites/{code}/calendar` takes it.

    Args:
        site: whose.
        pace: of the factory.
        now_ms: the present; what is over is left out.
        known: what the installation has: people's own exceptions stay.
    """
    kept = [
        _exception_body(one)
        for one in known.exceptions
        if one.reason not in _OURS and _ms(one.ends_at) > now_ms
    ]
    if pace.speed == 1:
        return {"working_times": _working_times(site), "exceptions": kept}
    return {"working_times": [], "exceptions": [*kept, *_dated(site, pace, now_ms)]}


def up_to_date(site: Site, pace: Pace, now_ms: int, known: Calendar) -> bool:
    """Whether what the installation has still tells the site's shifts and breaks."""
    ours = [one for one in known.exceptions if one.reason in _OURS]
    if pace.speed == 1:
        wanted = {_key(span) for span in _working_times(site)}
        has = {
            (span.machine, span.shift, span.weekday, span.start, span.end)
            for span in known.working_times
        }
        return wanted == has and not ours
    if known.working_times:
        return False
    if pace.speed > FASTEST_WITH_BREAKS:
        return not any(_ms(one.ends_at) > now_ms for one in ours)
    ahead_ms = pace.ms((DAYS_AHEAD - 1) * _DAY_MS)
    grid = {_span_ms(one) for one in _dated(site, pace, now_ms)}
    there = {(one.machine, _ms(one.starts_at), _ms(one.ends_at)) for one in ours}
    return all(span in there for span in grid if span[1] < now_ms + ahead_ms)


def promise_ms(site: Site, pace: Pace, now_ms: int, minutes: float) -> int:
    """The date that is promised for so many of the factory's minutes: nights do not count."""
    left_ms, at_ms = pace.minutes(minutes), now_ms
    for begins_ms, ends_ms in _nights(site, pace, now_ms):
        if begins_ms - at_ms >= left_ms:
            break
        left_ms -= max(0, begins_ms - at_ms)
        at_ms = ends_ms
    return at_ms + left_ms


def shift_at(site: Site, pace: Pace, t_ms: int) -> str:
    """The shift of a moment, with its day: whoever is there goes home when it changes."""
    if pace.speed == 1:
        local = datetime.fromtimestamp(t_ms / 1_000, UTC).astimezone(ZoneInfo(site.time_zone))
        day, minute = local.date().toordinal(), local.hour * 60 + local.minute
    else:
        day, minute = divmod(int(t_ms * pace.speed / 60_000), _DAY_MINUTES)
    for shift in site.shifts:
        for back in (0, 1):
            since = minute + back * _DAY_MINUTES
            if shift.start_minute <= since < shift.end_minute:
                return f"{day - back}/{shift.name}"
    return f"{day}/-"


def _working_times(site: Site) -> list[dict[str, Any]]:
    """Each machine's shifts, cut in two by its break: not everybody leaves at once."""
    return [
        {
            "machine": machine.path,
            "shift": shift.name,
            "weekday": (weekday + start // _DAY_MINUTES) % _WEEKDAYS,
            "start": _clock(start),
            "end": _clock(end),
        }
        for machine in factory.machines_of(site.code)
        for weekday in range(_WEEKDAYS)
        for shift in site.shifts
        for start, end in _halves(machine, shift)
    ]


def _halves(machine: Machine, shift: Shift) -> tuple[tuple[int, int], tuple[int, int]]:
    pause = shift.start_minute + machine.break_minute
    return (shift.start_minute, pause), (pause + factory.BREAK_MINUTES, shift.end_minute)


def _dated(site: Site, pace: Pace, now_ms: int) -> list[dict[str, Any]]:
    if pace.speed > FASTEST_WITH_BREAKS:
        return []
    today = int(now_ms * pace.speed) // _DAY_MS
    return [
        body
        for day in range(today - 1, today + DAYS_AHEAD)
        for body in _of_day(site, pace, day)
        if _moment_ms(body["ends_at"]) > now_ms
    ]


def _of_day(site: Site, pace: Pace, day: int) -> Iterator[dict[str, Any]]:
    """Breaks and the hours without a shift of one of the factory's days."""
    begin = day * _DAY_MINUTES

    def body(start: int, end: int, reason: str, machine: str | None) -> dict[str, Any]:
        return {
            "machine": machine,
            "starts_at": _rfc3339(round(start * 60_000 / pace.speed)),
            "ends_at": _rfc3339(round(end * 60_000 / pace.speed)),
            "working": False,
            "reason": reason,
        }

    for machine in factory.machines_of(site.code):
        for shift in site.shifts:
            pause = begin + shift.start_minute + machine.break_minute
            yield body(pause, pause + factory.BREAK_MINUTES, BREAK, machine.path)
    ends = max(shift.end_minute for shift in site.shifts)
    begins = min(shift.start_minute for shift in site.shifts) + _DAY_MINUTES
    if ends < begins:
        yield body(begin + ends, begin + begins, SHIFT_OVER, None)


def _nights(site: Site, pace: Pace, now_ms: int) -> Iterator[tuple[int, int]]:
    """The hours without a shift, from the present one on; none where somebody works always."""
    if pace.speed > FASTEST_WITH_BREAKS:
        return
    ends = max(shift.end_minute for shift in site.shifts)
    begins = min(shift.start_minute for shift in site.shifts) + _DAY_MINUTES
    zone = ZoneInfo(site.time_zone)
    today = datetime.fromtimestamp(now_ms / 1_000, zone).replace(hour=0, minute=0, second=0)
    factory_day = int(now_ms * pace.speed) // _DAY_MS

    def clock_ms(day: int, minute: int) -> int:
        if pace.speed == 1:
            midnight = today.replace(microsecond=0)
            return _ms(midnight + timedelta(days=day, minutes=minute))
        return round(((factory_day + day) * _DAY_MINUTES + minute) * 60_000 / pace.speed)

    for day in count(-1):
        night = clock_ms(day, ends), clock_ms(day, begins)
        if night[0] >= night[1]:
            return
        if night[1] > now_ms:
            yield max(now_ms, night[0]), night[1]


def _exception_body(one: DatedException) -> dict[str, Any]:
    return {
        "machine": one.machine,
        "starts_at": one.starts_at.isoformat(),
        "ends_at": one.ends_at.isoformat(),
        "working": one.working,
        "reason": one.reason,
    }


def _key(span: dict[str, Any]) -> tuple[str | None, str, int, str, str]:
    return span["machine"], span["shift"], span["weekday"], span["start"], span["end"]


def _span_ms(body: dict[str, Any]) -> tuple[str | None, int, int]:
    return body["machine"], _moment_ms(body["starts_at"]), _moment_ms(body["ends_at"])


def _clock(minute: int) -> str:
    minute %= _DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


def _rfc3339(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def _moment_ms(text: str) -> int:
    return _ms(datetime.fromisoformat(text))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)
