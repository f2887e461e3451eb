"""Shifts on the clock of a week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from domain.master_data.fields import WEEKDAYS
from domain.master_data.records import PatternShift, Shift

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


def breaks_of(shift: PatternShift) -> list[tuple[int, int]]:
    """Begin and end of its breaks in minutes since midnight of the day on which it begins."""
    begin, _ = span_of(shift)
    found = []
    for each in shift.breaks:
        start, end = (minutes_of(clock) for clock in each.split("-"))
        if start < begin:
            start += DAY_MINUTES
        while end <= start:
            end += DAY_MINUTES
        found.append((start, end))
    return sorted(found)


def wrong_break(shift: PatternShift) -> tuple[str, str] | None:
    """A break that does not lie within its shift or beside the others: as written, and why."""
    begin, end = span_of(shift)
    until = begin
    for start, over in breaks_of(shift):
        told = f"{clock_of(start % DAY_MINUTES)}-{clock_of(over)}"
        if start < until and until > begin:
            return told, "overlaps the break before it"
        if start <= begin or over >= end:
            return told, f"must lie within the shift ({shift.start} to {shift.end})"
        until = over
    return None


def overlaps(shifts: Sequence[Shift], weeks: int = 1) -> Iterator[tuple[int, int, str]]:
    """Pairs of shifts that overlap, by index, each once, with the weekday on which they do.

    Args:
        shifts: sound ones.
        weeks: of the rotation, after which it begins again.
    """
    rotation = weeks * _WEEK_MINUTES
    spans = []
    for index, shift in enumerate(shifts):
        begin, end = span_of(shift)
        chosen = shift.weeks if isinstance(shift, PatternShift) else ()
        for number in [int(each) - 1 for each in chosen] or range(weeks):
            for day in map(WEEKDAYS.index, shift.weekdays):
                midnight = number * _WEEK_MINUTES + day * DAY_MINUTES
                over = midnight + end
                spans.append((midnight + begin, min(over, rotation), index))
                if over > rotation:
                    spans.append((0, over - rotation, index))
    found = set()
    for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
        pair = min(one, other), max(one, other)
        if start < end and pair not in found:
            found.add(pair)
            yield *pair, WEEKDAYS[start % _WEEK_MINUTES // DAY_MINUTES]
