"""When a report is sent, and which period it is of: by the clock of the plant.

Daily reports are of the day before, weekly ones of the week before (Monday to Sunday). A time of
day that clocks skip is the moment at which they do; of one that comes twice it is the first.
"""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Final

import msgspec

from domain.reports.periods import Grain, Span, cut

_DAYS_A_WEEK: Final = 7
_MIDNIGHT: Final = time()


class Every(enum.StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a report is sent.

    Attributes:
        minute: of the day, on the plant's clock.
        weekday: of weekly ones; 0 is Monday.
    """

    every: Every
    minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)]
    weekday: Annotated[int, msgspec.Meta(ge=0, le=6)] = 0


class Due(msgspec.Struct, frozen=True):
    """A report that is to be sent at a moment (epoch ms), and the period that it is of."""

    at_ms: int
    period: Span


def next_due(schedule: Schedule, after_ms: int, zone: tzinfo) -> Due:
    """The first sending after a moment.

    Each period has one sending, also where clocks change: whoever stores the period it was sent
    for sends none twice.
    """
    day = datetime.fromtimestamp(after_ms / 1_000, zone).date() - timedelta(days=1)
    while True:
        if schedule.every is Every.DAY or day.weekday() == schedule.weekday:
            at_ms = moment_ms(day, schedule.minute, zone)
            if at_ms > after_ms:
                return Due(at_ms, _period(schedule, day, zone))
        day += timedelta(days=1)


def moment_ms(day: date, minute: int, zone: tzinfo) -> int:
    """A time of day on the plant's clock as epoch ms, as the module says."""
    wall = datetime.combine(day, _MIDNIGHT) + timedelta(minutes=minute)
    told = wall.replace(tzinfo=zone, fold=0)
    moment = told.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return round(moment.timestamp() * 1_000)
    # Skipped: read by the clock before the change (fold=0) it lies after it, by the one after the
    # change before it; the change itself is where the offset differs.
    low = round(told.replace(fold=1).astimezone(UTC).timestamp())
    high = round(moment.timestamp())
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * 1_000


def _period(schedule: Schedule, day: date, zone: tzinfo) -> Span:
    if schedule.every is Every.DAY:
        of = day - timedelta(days=1)
        return cut(Grain.DAY, of, of, zone)[0]
    of = day - timedelta(days=_DAYS_A_WEEK)
    return cut(Grain.WEEK, of, of, zone)[0]
