"""Shifts on the clock of a week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from domain.master_data.fields import WEEKDAYS
from domain.master_data.records import Shift

DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * DAY_MINUTES


def minutes_of(clock: str) -> int:
    """Minutes since midnight of `HH:MM`; `24:00` is the end of the day."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def clock_of(minutes: int) -> str:
    """Minutes since midnight as `HH:MM`; beyond a day it is a time of the next one."""
    shown = minutes - DAY_MINUTES if minutes > DAY_MINUTES else minutes
    return f"{shown // 60:02}:{shown % 60:02}"


def span_of(shift: Shift) -> tuple[int, int]:
    """Begin and end of a shift in minutes since midnight; beyond 1,440 it is the next day."""
    start, end = minutes_of(shift.start), minutes_of(shift.end)
    return start, end if end > start else end + DAY_MINUTES


def problem(shift: Shift) -> tuple[str, str] | None:
    """What is wrong with a shift by itself: the field, and what."""
    if not shift.weekdays:
        return "weekdays", f"shift {shift.shift!r} is on no weekday"
    if shift.start == "24:00":
        return "start", "starts at 24:00; say 00:00 of the next weekday"
    if shift.start == shift.end:
        return "end", "is when the shift starts; a whole day is 00:00 to 24:00"
    return None


def overlaps(shifts: Sequence[Shift]) -> Iterator[tuple[int, int, str]]:
    """Pairs of shifts that overlap, by index, each once, with the weekday on which they do."""
    spans = []
    for index, shift in enumerate(shifts):
        begin, end = span_of(shift)
        for day in map(WEEKDAYS.index, shift.weekdays):
            start, over = day * DAY_MINUTES + begin, day * DAY_MINUTES + end
            spans.append((start, min(over, _WEEK_MINUTES), index))
            if over > _WEEK_MINUTES:
                spans.append((0, over - _WEEK_MINUTES, index))
    found = set()
    for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
        pair = min(one, other), max(one, other)
        if start < end and pair not in found:
            found.add(pair)
            yield *pair, WEEKDAYS[start // DAY_MINUTES]
