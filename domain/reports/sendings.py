"""What of a schedule is due: the newest period is sent, of older ones that were missed it is told.

After hours or days in which nothing ran, one message says what is due and what was left out:
nobody is served ten reports of ten days at once, and none is passed over in silence.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from domain.reports.periods import Span
from domain.reports.schedules import Due, Schedule, next_due

LATE_MS: Final = 15 * 60_000
"""So long after its time a report is told as late."""
MOST_MISSED: Final = 60
"""So many periods that were missed are looked at, the newest ones."""
_LONGEST_DAYS: Final = 8 * MOST_MISSED


class Days(msgspec.Struct, frozen=True, order=True):
    """A period of whole days, and when it was due (epoch ms)."""

    first: date
    last: date
    at_ms: int


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent of a schedule.

    Attributes:
        period: what it is of.
        missed: earlier periods that were due since, and that nobody sent; the oldest first.
        late: whether its own time is long past, too.
    """

    period: Days
    missed: tuple[Days, ...] = ()
    late: bool = False


def due_sending(
    schedule: Schedule, *, since_ms: int, now_ms: int, zone: tzinfo
) -> tuple[Sending | None, int]:
    """What became due after one moment up to another, and when something is due next (epoch ms)."""
    begin = max(since_ms, now_ms - _LONGEST_DAYS * timedelta(days=1) // timedelta(milliseconds=1))
    found: list[Due] = []
    coming = next_due(schedule, begin, zone)
    while coming.at_ms <= now_ms:
        found.append(coming)
        coming = next_due(schedule, coming.at_ms, zone)
    if not found:
        return None, coming.at_ms
    *missed, newest = [Days(*days_of(due.period, zone), due.at_ms) for due in found]
    return (
        Sending(
            period=newest,
            missed=tuple(missed[-MOST_MISSED:]),
            late=now_ms - newest.at_ms >= LATE_MS,
        ),
        coming.at_ms,
    )


def days_of(period: Span, zone: tzinfo) -> tuple[date, date]:
    """The first and the last day of a period of whole days."""
    first = datetime.fromtimestamp(period.from_ms / 1_000, zone).date()
    last = datetime.fromtimestamp((period.until_ms - 1) / 1_000, zone).date()
    return first, last
