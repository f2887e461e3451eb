"""Periods of reports: from a moment up to another; days, weeks and months are the plant's own."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

import msgspec

_DECEMBER: Final = 12
_WEEK_DAYS: Final = 7
MOST_PERIODS: Final = 4_000
"""Ten years of days, and some: no report is drawn from more."""


class Grain(enum.StrEnum):
    """How a period is cut."""

    DAY = "day"
    WEEK = "week"
    """From Monday on (ISO 8601)."""
    MONTH = "month"


class Span(msgspec.Struct, frozen=True, order=True, gc=False):
    """From a moment up to, and without, another; epoch ms."""

    from_ms: int
    until_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is; never below 0."""
        return max(self.until_ms - self.from_ms, 0)

    def within(self, other: Span) -> Span:
        """The common part; of length 0 where there is none."""
        begins = max(self.from_ms, other.from_ms)
        return Span(begins, max(min(self.until_ms, other.until_ms), begins))

    def holds(self, moment_ms: int) -> bool:
        """Whether a moment is in it: its first is, its last is not."""
        return self.from_ms <= moment_ms < self.until_ms


def cut(grain: Grain, first: date, last: date, zone: tzinfo) -> list[Span]:
    """The periods from the one with the day `first` to the one with the day `last`, whole.

    They follow each other without gap or overlap. A day is 23 or 25 hours long when clocks change;
    a midnight that clocks skip is the moment at which they do, and of two it is the first.

    Raises:
        ValueError: `last` is before `first`, or there are more than MOST_PERIODS.
    """
    if last < first:
        raise ValueError(f"the period's last day {last} is before its first {first}")
    edges: list[int] = []
    for day in _beginnings(grain, first):
        edges.append(_midnight_ms(day, zone))
        if day > last:
            break
        if len(edges) > MOST_PERIODS:
            raise ValueError(
                f"{first} to {last} has more than {MOST_PERIODS:,} of '{grain.value}': ask for"
                " fewer days, or by week or month"
            )
    return [Span(begins, ends) for begins, ends in pairwise(edges)]


def parts(spans: Iterable[Span], period: Span) -> list[Span]:
    """What of some spans lies within a period, in order, merged; none of length 0."""
    merged: list[Span] = []
    for span in sorted(each.within(period) for each in spans):
        if not span.length_ms:
            continue
        if merged and span.from_ms <= merged[-1].until_ms:
            merged[-1] = Span(merged[-1].from_ms, max(merged[-1].until_ms, span.until_ms))
        else:
            merged.append(span)
    return merged


def overlap_ms(span: Span, merged: Iterable[Span]) -> int:
    """How much of a span lies in spans that do not overlap each other."""
    return sum(span.within(each).length_ms for each in merged)


def _beginnings(grain: Grain, first: date) -> Iterator[date]:
    day = first
    if grain is Grain.WEEK:
        day -= timedelta(days=day.weekday())
    elif grain is Grain.MONTH:
        day = day.replace(day=1)
    while True:
        yield day
        if grain is Grain.MONTH:
            day = _month_after(day)
        else:
            day += timedelta(days=1 if grain is Grain.DAY else _WEEK_DAYS)


def _month_after(first: date) -> date:
    if first.month == _DECEMBER:
        return date(first.year + 1, 1, 1)
    return first.replace(month=first.month + 1)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    midnight = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    return int(midnight.timestamp()) * 1_000
