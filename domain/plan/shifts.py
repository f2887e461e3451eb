"""Which shifts are worked on which days: rotations with a validity, the narrower place first.

Days are told apart on the clock of the place; a night shift belongs to the day on which it begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, tzinfo
from typing import Final

import msgspec

from domain.plan.calendar import day_of, merged, moment_of
from domain.plan.problem import Interval

FIRST_DAY: Final = date.min.toordinal()
LAST_DAY: Final = date.max.toordinal()
_WEEK: Final = 7
_MINUTE_MS: Final = 60_000


class Worked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A shift that begins on a day.

    Attributes:
        shift: what people call it.
        start_minute: since that day's midnight, on the clock.
        end_minute: the same; beyond 1,440 it is the next day.
        breaks: begin (on the same clock) and length in minutes.
    """

    shift: str
    start_minute: int
    end_minute: int
    breaks: tuple[tuple[int, int], ...] = ()


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """Shifts that come again after some weeks.

    Attributes:
        name: of the pattern; None: weekly times without a name.
        first_day: the Monday of a first week, as an ordinal; before it the rotation goes on alike.
        days: the shifts that begin on each day of the rotation, as many as its weeks have days.
    """

    name: str | None
    first_day: int
    days: tuple[tuple[Worked, ...], ...]

    def on(self, day: int) -> tuple[Worked, ...]:
        """The shifts that begin on a day."""
        return self.days[(day - self.first_day) % len(self.days)]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A rotation from a day to a day, both included, as ordinals."""

    rotation: Rotation
    from_day: int = FIRST_DAY
    to_day: int = LAST_DAY


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """A shift on a day, as moments; breaks are within it."""

    day: date
    shift: str
    pattern: str | None
    start_ms: int
    end_ms: int
    breaks: tuple[Interval, ...]

    @property
    def worked(self) -> Iterator[Interval]:
        """What is worked of it."""
        at = self.start_ms
        for each in self.breaks:
            yield Interval(at, each.start_ms)
            at = max(at, each.end_ms)
        yield Interval(at, self.end_ms)


Layers = tuple[tuple[Period, ...], ...]
"""What holds at a place, the narrowest first: the first layer with a period on a day counts."""


def weekly(spans: Sequence[tuple[int, Worked]]) -> Rotation:
    """The rotation of one week: shifts with their weekdays, 0 is Monday."""
    days: list[list[Worked]] = [[] for _ in range(_WEEK)]
    for weekday, worked in spans:
        days[weekday].append(worked)
    # The first of January of the year 1 was a Monday.
    return Rotation(name=None, first_day=FIRST_DAY, days=tuple(map(tuple, days)))


def shifts_on(layers: Layers, zone: tzinfo, first: date, last: date) -> Iterator[Dated]:
    """The shifts that begin on the days from `first` to `last`, both included, in their order.

    On a day on which no layer holds nobody works.
    """
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        rotation = _on(layers, ordinal)
        if rotation is None:
            continue
        day = date.fromordinal(ordinal)
        for worked in sorted(rotation.on(ordinal), key=lambda one: one.start_minute):
            yield _dated(worked, day, rotation.name, zone)


def working(layers: Layers, zone: tzinfo, start_ms: int, end_ms: int) -> list[Interval]:
    """When somebody works between two moments; shifts that reach beyond are not cut."""
    # A shift ends by the end of the day after, so only yesterday's may reach into the span.
    first = max(day_of(start_ms, zone).toordinal() - 1, FIRST_DAY)
    dated = shifts_on(layers, zone, date.fromordinal(first), day_of(end_ms, zone))
    return list(merged(each for shift in dated for each in shift.worked))


def _on(layers: Layers, day: int) -> Rotation | None:
    for layer in layers:
        for period in layer:
            if period.from_day <= day <= period.to_day:
                return period.rotation
    return None


def _dated(worked: Worked, day: date, pattern: str | None, zone: tzinfo) -> Dated:
    """A shift on the clock of a day, which may be set back or forth within it.

    Begin and end follow the clock. A break lasts as long as it is written.
    """
    start_ms = moment_of(day, worked.start_minute, zone)
    end_ms = moment_of(day, worked.end_minute, zone)
    breaks = []
    for begin, minutes in worked.breaks:
        at = moment_of(day, begin, zone)
        breaks.append(Interval(min(at, end_ms), min(at + minutes * _MINUTE_MS, end_ms)))
    return Dated(
        day=day,
        shift=worked.shift,
        pattern=pattern,
        start_ms=start_ms,
        end_ms=max(start_ms, end_ms),
        breaks=tuple(breaks),
    )
