"""Which operation to move: what makes a late job late, or keeps another one from its place."""

from __future__ import annotations

from typing import Final

from scheduler.search.compiled import Ints, Random, draw, inlined
from scheduler.search.floor import FREE, NOWHERE, TOLERANCE, Floor, Times, job_end
from scheduler.search.layout import NONE, Shop, State
from scheduler.search.pricing import displacement

TURN: Final = 6
"""The counter that says whose turn it is."""
_TRIES: Final = 6
_DEEP: Final = 12
_SOON: Final = 64


@inlined
def way_back_to(shop: Shop, floor: Floor, state: State, times: Times, current: int) -> int:
    """Write the way that lets an operation end when it does into `way`; returns how long it is."""
    length = 0
    while current >= 0 and length < _DEEP:
        state.way[length] = current
        length += 1
        before = state.previous[current]
        latest = -1 if before < 0 else times.end[before] + times.setup[current]
        for arc in range(shop.before_at[current], shop.before_at[current + 1]):
            ahead = shop.before[arc]
            arrives = times.end[ahead] + shop.before_lag[arc]
            if arrives >= latest:
                before, latest = ahead, arrives
        if (
            latest < times.start[current]
            and floor.break_at[state.machine[current]] == floor.break_at[state.machine[current] + 1]
        ):
            before = NONE
        current = before
    return length


@inlined
def way_back(
    shop: Shop, floor: Floor, state: State, times: Times, random: Random, current: int
) -> int:
    """Draw an operation of the way that lets one end when it does."""
    return state.way[draw(random, way_back_to(shop, floor, state, times, current))]


@inlined
def late_job(shop: Shop, floor: Floor, times: Times, random: Random) -> int:
    """Draw a job, the costlier its lateness the rather; NONE if none that is late is found soon."""
    job = NONE
    late = 0
    for _ in range(_TRIES):
        other = draw(random, shop.jobs)
        if floor.sink_at[other] == floor.sink_at[other + 1]:
            continue
        by = floor.weight[other] * (job_end(floor, times, other) - floor.due[other])
        if by > late:
            job, late = other, by
    return job


@inlined
def last_of(floor: Floor, times: Times, job: int) -> int:
    """The operation that a job ends with."""
    last = floor.sink[floor.sink_at[job]]
    for index in range(floor.sink_at[job], floor.sink_at[job + 1]):
        if times.end[floor.sink[index]] > times.end[last]:
            last = floor.sink[index]
    return last


@inlined
def late_operation(shop: Shop, floor: Floor, state: State, times: Times, random: Random) -> int:
    """Draw an operation of the way that makes a late job late; NONE if none is found soon."""
    job = late_job(shop, floor, times, random)
    if job < 0:
        return NONE
    return way_back(shop, floor, state, times, random, last_of(floor, times, job))


@inlined
def displaced_operation(
    shop: Shop, floor: Floor, state: State, times: Times, random: Random
) -> int:
    """Draw an operation of the way that keeps one from where the plan in force has it."""
    worst = NONE
    most = 0
    for _ in range(_TRIES):
        other = draw(random, shop.operations)
        if floor.base_start[other] == NOWHERE:
            continue
        by = abs(times.start[other] - floor.base_start[other]) - floor.price[TOLERANCE]
        if by > most:
            worst, most = other, by
    if worst < 0:
        return NONE
    if times.start[worst] < floor.base_start[worst]:
        return worst
    return way_back(shop, floor, state, times, random, worst)


@inlined
def next_in_turn(
    shop: Shop, floor: Floor, state: State, times: Times, counters: Ints, low: int, high: int
) -> int:
    """The next late or displaced operation in time; NONE if there is none soon."""
    place = counters[TURN]
    found = NONE
    for _ in range(_SOON):
        place = place + 1 if low <= place + 1 < high else low
        operation = state.order[place]
        if floor.rank[operation] != FREE:
            continue
        job = shop.job[operation]
        if displacement(floor, operation, times.start[operation]) > 0 or (
            job_end(floor, times, job) > floor.due[job]
        ):
            found = operation
            break
    counters[TURN] = place
    return found
