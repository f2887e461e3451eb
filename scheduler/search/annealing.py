"""Simulated annealing for lateness: moves on late jobs' longest ways, each judged exactly.

With due dates there is not one longest way but one per late job, and estimates of a move would need
tails for each. So a late job is drawn, the later and heavier the likelier, and its own longest way
is traced back from its end. Where it goes along a machine, two neighbours change places or one of
them moves within its block (only such moves, and moves to other machines, can end the job earlier:
Mati, Dauzère-Pérès & Lahlou 2011, for any objective that grows with completion times). What follows
is computed, but only as far as it changes; a log takes back what chance refuses.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from scheduler.search.compiled import Ints, Random, compiled, draw, inlined
from scheduler.search.graph import job_head, machine_head, relocate, save
from scheduler.search.layout import NONE, Shop, Solution, State

_VALUE: Final = 0
_BEST: Final = 1
_MOVES: Final = 2
_TRIED: Final = 3
_CHANGES: Final = 4
_LOGGED: Final = 5
_ENDS_LOGGED: Final = 6
"""Counters: value, best value, moves tried, moves that changed it, by how much in all; lengths."""

_ANYWHERE: Final = 16
"""One in so many moves is of any operation instead of a late one's."""
_FINE: Final = 1 << 30
_NEAR: Final = 6
_KINDS: Final = 8
_SWAPS: Final = 4
"""So many of `_KINDS` moves on a block swap neighbours; the others reach further."""
_FORWARD: Final = 6


class Annealer(NamedTuple):
    """What an annealing remembers.

    Attributes:
        counters: value, best value, moves, moves that made a difference, sum of differences.
        ends: the end of each job.
        sink_at, sinks: the operations of each job that nothing comes after.
        dirty: scratch: 1 for operations whose head may have changed; all 0 between moves.
        log, heads: what has changed in a move, and its head before.
        log_jobs, log_ends: the same for jobs' ends.
        order, machine, duration: the best solution, as `graph.save` writes it.
    """

    counters: Ints
    ends: Ints
    sink_at: Ints
    sinks: Ints
    dirty: Ints
    log: Ints
    heads: Ints
    log_jobs: Ints
    log_ends: Ints
    order: Ints
    machine: Ints
    duration: Ints


def annealer(shop: Shop) -> Annealer:
    """Room for one annealing."""
    n = shop.operations

    def zeros(length: int) -> Ints:
        return np.zeros(length, dtype=np.int64)

    last = np.flatnonzero(shop.after_at[1:] == shop.after_at[:-1]).astype(np.int64)
    sinks = last[np.argsort(shop.job[last], kind="stable")]
    sink_at = np.searchsorted(shop.job[sinks], np.arange(shop.jobs + 1)).astype(np.int64)
    return Annealer(
        counters=zeros(8),
        ends=zeros(shop.jobs),
        sink_at=sink_at,
        sinks=sinks,
        dirty=zeros(n),
        log=zeros(n),
        heads=zeros(n),
        log_jobs=zeros(n),
        log_ends=zeros(n),
        order=zeros(n),
        machine=zeros(n),
        duration=zeros(n),
    )


@compiled
def lateness(shop: Shop, state: State, ends: Ints) -> int:
    """Σ weight · max(0, end - due) over jobs; leaves the jobs' ends in `ends`."""
    for job in range(shop.jobs):
        ends[job] = 0
    for operation in range(shop.operations):
        if shop.after_at[operation] == shop.after_at[operation + 1]:
            job = shop.job[operation]
            ends[job] = max(ends[job], state.head[operation] + state.duration[operation])
    total = 0
    for job in range(shop.jobs):
        total += shop.weight[job] * max(0, ends[job] - shop.due[job])
    return total


@inlined
def _late_job(shop: Shop, memory: Annealer, random: Random) -> int:
    """Draw a late job, by its share of the lateness; NONE if no job is late."""
    value = memory.counters[_VALUE]
    if value <= 0:
        return NONE
    left = draw(random, value)
    for job in range(shop.jobs):
        left -= shop.weight[job] * max(0, memory.ends[job] - shop.due[job])
        if left < 0:
            return job
    return NONE


@inlined
def _trace(shop: Shop, state: State, memory: Annealer, random: Random, job: int) -> int:
    """Trace a longest way of a job back from its end; returns its length.

    `way` holds it backwards; `link` is 1 where it goes on along the machine.
    """
    current = NONE
    for place in range(memory.sink_at[job], memory.sink_at[job + 1]):
        operation = memory.sinks[place]
        if state.head[operation] + state.duration[operation] == memory.ends[job]:
            current = operation
    length = 0
    while current >= 0:
        state.way[length] = current
        head = state.head[current]
        chosen = NONE
        seen = 0
        by_machine = 0
        before = state.previous[current]
        if before >= 0 and machine_head(shop, state, current) == head:
            seen = 1
            chosen = before
            by_machine = 1
        for arc in range(shop.before_at[current], shop.before_at[current + 1]):
            ahead = shop.before[arc]
            if state.head[ahead] + state.duration[ahead] + shop.before_lag[arc] == head:
                seen += 1
                if draw(random, seen) == 0:
                    chosen = ahead
                    by_machine = 0
        state.link[length] = by_machine
        length += 1
        current = chosen
    return length


@inlined
def _on_block(state: State, length: int, random: Random) -> tuple[int, int]:
    """Draw a move on a block of the way: which operation, and behind whom; (NONE, NONE) if none."""
    seen = 0
    at = NONE
    for index in range(length):
        if state.link[index] == 1:
            seen += 1
            if draw(random, seen) == 0:
                at = index
    if at < 0:
        return NONE, NONE
    later = state.way[at]
    earlier = state.way[at + 1]
    kind = draw(random, _KINDS)
    if kind < _SWAPS:
        return later, state.previous[earlier]
    if kind < _FORWARD:
        reach = 1
        while state.link[at + reach] == 1:
            reach += 1
        return later, state.previous[state.way[at + 1 + draw(random, reach)]]
    reach = 1
    while at - reach >= 0 and state.link[at - reach] == 1:
        reach += 1
    return earlier, state.way[at - draw(random, reach)]


@inlined
def _place_on(state: State, operation: int, machine: int, random: Random) -> int:
    """Draw behind whom an operation goes on another machine, near its own time."""
    head = state.head[operation]
    behind = NONE
    current = state.first[machine]
    while current >= 0 and state.head[current] + state.duration[current] // 2 < head:
        behind = current
        current = state.following[current]
    steps = draw(random, _NEAR) - 1
    while steps > 0 and behind >= 0:
        behind = state.previous[behind]
        steps -= 1
    if steps < 0 and current >= 0:
        behind = current
    return behind


@inlined
def _nearby(state: State, operation: int, random: Random) -> int:
    """Draw behind whom an operation goes on its own machine; itself where it cannot move so."""
    steps = 1
    while steps < _NEAR and draw(random, 2) == 0:
        steps += 1
    behind = operation
    if draw(random, 4) != 0:
        behind = state.previous[operation]
        if behind < 0:
            return operation
        while steps > 0 and behind >= 0:
            behind = state.previous[behind]
            steps -= 1
        return behind
    while steps > 0 and state.following[behind] >= 0:
        behind = state.following[behind]
        steps -= 1
    return behind


@inlined
def _touch(memory: Annealer, operation: int) -> int:
    """Note that an operation's head may have changed; 1 if that is new."""
    if operation < 0 or memory.dirty[operation] == 1:
        return 0
    memory.dirty[operation] = 1
    return 1


@inlined
def _spread(shop: Shop, state: State, memory: Annealer, low: int, moved: int, after: int) -> int:
    """Compute what changes behind a move, and log it; returns the new value.

    Args:
        shop: the shop.
        state: after the move, with the heads before it.
        memory: whose log is begun anew.
        low: the first place in the order that it concerns.
        moved: the operation that moved.
        after: what followed it where it was, or NONE.
    """
    logged = 0
    ends_logged = 0
    value = memory.counters[_VALUE]
    waiting = _touch(memory, moved) + _touch(memory, after)
    waiting += _touch(memory, state.following[moved])
    place = low
    while waiting > 0:
        operation = state.order[place]
        place += 1
        if memory.dirty[operation] == 0:
            continue
        memory.dirty[operation] = 0
        waiting -= 1
        was = state.head[operation]
        head = max(job_head(shop, state, operation), machine_head(shop, state, operation))
        if head == was and operation != moved:
            continue
        memory.log[logged] = operation
        memory.heads[logged] = was
        logged += 1
        state.head[operation] = head
        waiting += _touch(memory, state.following[operation])
        first, last = shop.after_at[operation], shop.after_at[operation + 1]
        for arc in range(first, last):
            waiting += _touch(memory, shop.after[arc])
        if first == last:
            job = shop.job[operation]
            end = 0
            for sink in range(memory.sink_at[job], memory.sink_at[job + 1]):
                each = memory.sinks[sink]
                end = max(end, state.head[each] + state.duration[each])
            ended = memory.ends[job]
            if end != ended:
                memory.log_jobs[ends_logged] = job
                memory.log_ends[ends_logged] = ended
                ends_logged += 1
                memory.ends[job] = end
                due = shop.due[job]
                value += shop.weight[job] * (max(0, end - due) - max(0, ended - due))
    memory.counters[_LOGGED] = logged
    memory.counters[_ENDS_LOGGED] = ends_logged
    return value


@inlined
def _take_back(state: State, memory: Annealer) -> None:
    """Put the logged heads and ends back."""
    for index in range(memory.counters[_LOGGED]):
        state.head[memory.log[index]] = memory.heads[index]
    for index in range(memory.counters[_ENDS_LOGGED] - 1, -1, -1):
        memory.ends[memory.log_jobs[index]] = memory.log_ends[index]


@inlined
def _accepted(change: int, temperature: float, random: Random) -> bool:
    if change <= 0:
        return True
    if temperature <= 0.0:
        return False
    ratio = change / temperature
    if ratio > 20.0:  # noqa: PLR2004 - one in 500 million
        return False
    return draw(random, _FINE) < math.exp(-ratio) * _FINE


@compiled
def start_annealing(shop: Shop, state: State, memory: Annealer) -> None:
    """Begin at the state's solution."""
    memory.counters[:] = 0
    value = lateness(shop, state, memory.ends)
    memory.counters[_VALUE] = value
    memory.counters[_BEST] = value
    save(shop, state, memory.order, memory.machine, memory.duration)


@compiled
def anneal(
    shop: Shop, state: State, memory: Annealer, random: Random, moves: int, temperature: float
) -> None:
    """Try some moves at one temperature, in units of the objective."""
    counters = memory.counters
    n = shop.operations
    for _ in range(moves):
        counters[_MOVES] += 1
        job = NONE
        if draw(random, _ANYWHERE) != 0:
            job = _late_job(shop, memory, random)
        length = 0
        operation = draw(random, n)
        behind = operation
        if job >= 0:
            length = _trace(shop, state, memory, random, job)
            operation = state.way[draw(random, length)]
            behind = operation
        to, lasts = state.machine[operation], state.duration[operation]
        modes = shop.mode_at[operation + 1] - shop.mode_at[operation]
        if modes > 1 and draw(random, 2) == 0:
            mode = shop.mode_at[operation] + draw(random, modes)
            if shop.mode_machine[mode] != to:
                to = shop.mode_machine[mode]
                lasts = shop.mode_duration[mode]
                behind = _place_on(state, operation, to, random)
        if to == state.machine[operation]:
            if length > 0 and (shop.has_setup == 0 or draw(random, 2) == 0):
                operation, behind = _on_block(state, length, random)
                if operation < 0:
                    continue
                to, lasts = state.machine[operation], state.duration[operation]
            else:
                behind = _nearby(state, operation, random)
            if behind == operation:
                continue
        machine = state.machine[operation]
        lasted = state.duration[operation]
        was_behind = state.previous[operation]
        after = state.following[operation]
        low, _high = relocate(shop, state, operation, to, lasts, behind)
        if low < 0:
            continue
        value = _spread(shop, state, memory, low, operation, after)
        change = value - counters[_VALUE]
        if change != 0:
            counters[_TRIED] += 1
            counters[_CHANGES] += abs(change)
        if _accepted(change, temperature, random):
            counters[_VALUE] = value
            if value < counters[_BEST]:
                counters[_BEST] = value
                save(shop, state, memory.order, memory.machine, memory.duration)
                if value == 0:
                    return
            continue
        relocate(shop, state, operation, machine, lasted, was_behind)
        _take_back(state, memory)


def best_annealed(memory: Annealer) -> Solution:
    """A copy of the best solution since `start_annealing`."""
    return Solution(
        memory.order.copy(),
        memory.machine.copy(),
        memory.duration.copy(),
        int(memory.counters[_BEST]),
    )


def mean_change(memory: Annealer) -> float:
    """By how much a move that makes a difference changes the objective, on average."""
    return float(memory.counters[_CHANGES]) / max(1, int(memory.counters[_TRIED]))
