"""What a plan is judged by beside lateness, set-ups and stability, compiled.

The last end, how evenly machines are loaded, who follows whom, and jobs that nobody may displace:
the exact sums of `domain.plan.metrics`. Shops whose policy asks for none of these are compiled
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from scheduler.search.compiled import Ints, compiled, inlined

if TYPE_CHECKING:
    from scheduler.search.floor import Floor, Times
    from scheduler.search.layout import Shop

_MINUTE: Final = 60_000


class Aims(NamedTuple):
    """Further objectives.

    Attributes:
        keep: until when each job may end without having been displaced.
        price: of a millisecond of displacement, makespan and imbalance, and of an operation behind
            another one than before (per 60,000).
        lane_at, lane: what the plan in force has on each machine, what runs first, then by start.
    """

    keep: Ints
    price: Ints
    lane_at: Ints
    lane: Ints


DISPLACED: Final = 0
MAKESPAN: Final = 1
BALANCE: Final = 2
RESEQUENCING: Final = 3
"""Prices."""
NOW: Final = 0
BEFORE: Final = 1
LOADS: Final = 2
"""What `Times.sums` has: the cost now and before the move in hand, and then each machine's load."""


@inlined
def displaced(aims: Aims | None, job: int, end: int) -> int:
    """What it costs that a job ends then although nobody may displace it."""
    if aims is not None:
        return aims.price[DISPLACED] * max(0, end - aims.keep[job])
    return 0


@inlined
def hope(aims: Aims | None, times: Times) -> int:
    """By how much these objectives could become less at most."""
    if aims is not None:
        return times.sums[NOW]
    return 0


@inlined
def remember(aims: Aims | None, times: Times) -> None:
    """A move begins."""
    if aims is not None:
        times.sums[BEFORE] = times.sums[NOW]


@inlined
def aimed(
    shop: Shop, floor: Floor, aims: Aims | None, machine: Ints, previous: Ints, times: Times
) -> int:
    """What these objectives cost, times 60,000; jobs that are displaced are counted elsewhere.

    Args:
        shop: the graph.
        floor: what decides times.
        aims: the objectives.
        machine: where each operation is.
        previous: what is before it there, or NONE.
        times: when.
    """
    if aims is not None:
        return _cost(shop, floor, aims, machine, previous, times)
    return 0


@compiled
def aimed_on(shop: Shop, floor: Floor, machine: Ints, previous: Ints, times: Times) -> int:
    """The same for who is not compiled."""
    return aimed(shop, floor, floor.aims, machine, previous, times)


@inlined
def aimed_anew(
    shop: Shop, floor: Floor, aims: Aims | None, machine: Ints, previous: Ints, times: Times
) -> int:
    """Compute the same after a move; returns by how much the move has changed it."""
    if aims is not None:
        times.sums[NOW] = _cost(shop, floor, aims, machine, previous, times)
        return times.sums[NOW] - times.sums[BEFORE]
    return 0


@inlined
def recall(aims: Aims | None, times: Times) -> None:
    """The move has been taken back."""
    if aims is not None:
        times.sums[NOW] = times.sums[BEFORE]


@compiled
def _cost(shop: Shop, floor: Floor, aims: Aims, machine: Ints, previous: Ints, times: Times) -> int:
    total = 0
    if aims.price[MAKESPAN] > 0:
        last = 0
        for operation in range(shop.operations):
            last = max(last, times.end[operation])
        total += aims.price[MAKESPAN] * last
    if aims.price[BALANCE] > 0 and shop.machines > 0:
        total += aims.price[BALANCE] * _imbalance(shop, machine, times)
    if aims.price[RESEQUENCING] > 0:
        behind = _resequenced(shop, floor, aims, machine, previous, times)
        total += aims.price[RESEQUENCING] * _MINUTE * behind
    return total


@inlined
def _imbalance(shop: Shop, machine: Ints, times: Times) -> int:
    """By how much the busiest machine's work exceeds the average, set-ups included."""
    for index in range(shop.machines):
        times.sums[LOADS + index] = 0
    for operation in range(shop.operations):
        load = shop.mode_duration[times.mode[operation]] + times.setup[operation]
        times.sums[LOADS + machine[operation]] += load
    most, whole = 0, 0
    for index in range(shop.machines):
        most = max(most, times.sums[LOADS + index])
        whole += times.sums[LOADS + index]
    return most - whole // shop.machines


@inlined
def _resequenced(
    shop: Shop, floor: Floor, aims: Aims, machine: Ints, previous: Ints, times: Times
) -> int:
    """How many operations are behind another one than before, of those that stayed there.

    As many as pairs that were behind each other, others left aside, and are no more.
    """
    count = 0
    for index in range(shop.machines):
        before = -1
        at, over = aims.lane_at[index], aims.lane_at[index + 1]
        while at < over:
            group = at + 1
            while group < over and _same_turn(floor, aims.lane[at], aims.lane[group]):
                group += 1
            # Those that began together stand as they end now.
            left = group - at
            last = -1
            while left > 0:
                left -= 1
                chosen = -1
                for place in range(at, group):
                    each = aims.lane[place]
                    left_out = machine[each] != index
                    left_out = left_out or (last >= 0 and not _sooner(times, last, each))
                    if not left_out and (chosen < 0 or _sooner(times, each, chosen)):
                        chosen = each
                if chosen < 0:
                    break
                if before >= 0:
                    ahead = previous[chosen]
                    while ahead >= 0 and floor.base_machine[ahead] != index:
                        ahead = previous[ahead]
                    count += int(ahead != before)
                before = chosen
                last = chosen
            at = group
    return count


@inlined
def _same_turn(floor: Floor, one: int, other: int) -> bool:
    """Whether the plan in force starts two operations together."""
    if (floor.rank[one] == 0) != (floor.rank[other] == 0):
        return False
    return floor.base_start[one] == floor.base_start[other]


@inlined
def _sooner(times: Times, one: int, other: int) -> bool:
    """Whether one ends, or then starts, before another; of equals the first in number."""
    if times.end[one] != times.end[other]:
        return times.end[one] < times.end[other]
    if times.start[one] != times.start[other]:
        return times.start[one] < times.start[other]
    return one < other
