"""Working time, compiled: the arithmetic of `domain.plan.calendar` over the breaks of a floor.

A clock is a row of breaks. The first ones are the machines'; others are machines with people and
tools that are not always there (`scheduler.search.usage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.search.compiled import inlined

if TYPE_CHECKING:
    from scheduler.search.floor import Floor


@inlined
def break_after(floor: Floor, clock: int, moment: int) -> int:
    """The first of the clock's breaks that starts after a moment."""
    low, high = floor.break_at[clock], floor.break_at[clock + 1]
    while low < high:
        middle = (low + high) // 2
        if floor.break_start[middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def next_working(floor: Floor, clock: int, moment: int) -> int:
    """The first working instant at or after a moment."""
    index = break_after(floor, clock, moment)
    if index > floor.break_at[clock] and moment < floor.break_end[index - 1]:
        return floor.break_end[index - 1]
    return moment


@inlined
def advance(floor: Floor, clock: int, moment: int, work: int) -> int:
    """The earliest moment by which so much working time has passed."""
    if work <= 0:
        return moment
    begin, over = floor.break_at[clock], floor.break_at[clock + 1]
    if begin == over:
        return moment + work
    index = break_after(floor, clock, moment)
    now = moment
    if index > begin and moment < floor.break_end[index - 1]:
        now = floor.break_end[index - 1]
    left = work
    while index < over and now + left > floor.break_start[index]:
        left -= floor.break_start[index] - now
        now = floor.break_end[index]
        index += 1
    return now + left


@inlined
def fits(floor: Floor, clock: int, moment: int, work: int) -> int:
    """The first working instant that so much time without a break follows."""
    now = next_working(floor, clock, moment)
    index = break_after(floor, clock, now)
    while index < floor.break_at[clock + 1] and now + work > floor.break_start[index]:
        now = floor.break_end[index]
        index += 1
    return now


@inlined
def retreat(floor: Floor, clock: int, moment: int, work: int) -> int:
    """The latest moment from which so much working time passes until another one."""
    if work <= 0:
        return moment
    index = break_after(floor, clock, moment) - 1
    begin = floor.break_at[clock]
    now, left = moment, work
    if index >= begin and moment < floor.break_end[index]:
        now = floor.break_start[index]
        index -= 1
    while index >= begin and now - left < floor.break_end[index]:
        left -= now - floor.break_end[index]
        now = floor.break_start[index]
        index -= 1
    return now - left
