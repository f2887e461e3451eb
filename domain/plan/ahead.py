"""Work put before what it may displace: its place, and the order in which all is decoded then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

import msgspec

from domain.plan.decoder import Timeline
from domain.plan.indexed import FROZEN, RUNNING, Indexed, ProblemError
from domain.plan.insertion import Gaps, Inserted
from domain.plan.plan import Plan
from domain.plan.surroundings import Lot, Surroundings


class Ahead(Gaps):
    """Work goes before what it may displace, as soon as that has not begun when it could.

    People and tools of what it may displace are free for it, too.

    Args:
        indexed: the problem, the work that is put in included.
        plan: where everything else is.
        displaceable: ids of the jobs that give way.
        from_ms: what is put in is not set up or worked on before.
        fixed_until_ms: what starts before stays at its turn.
    """

    def __init__(
        self,
        indexed: Indexed,
        plan: Plan,
        displaceable: frozenset[int],
        *,
        from_ms: int,
        fixed_until_ms: int,
    ) -> None:
        self._displaceable = displaceable
        super().__init__(indexed, plan, from_ms=from_ms, fixed_until_ms=fixed_until_ms)

    def _surroundings(self) -> Surroundings | None:
        extras = self.indexed.extras
        if extras is None:
            return None
        return Surroundings(self.indexed, extras, self.lanes, self._gives_way)

    def where(self, operation: int, mode: tuple[int, int, int], ready: int) -> Inserted:
        """The first place on the mode's machine where it fits, or from where work is displaced."""
        lane = self.lanes[mode[0]]
        first = max(bisect_left(lane, ready, key=_start), self.opening(lane))
        for place in range(first, len(lane)):
            if self.joins(operation, mode, place, ready):
                lot = lane[place]
                shared = lot.setup_start_ms, lot.start_ms, lot.end_ms
                found = self.told(operation, mode, place, ready, shared)
                return msgspec.structs.replace(found, joins=True)
            if self._gives_way(lane[place]) or self.fit(operation, mode, place, ready) is not None:
                break
        else:
            place = len(lane)
        times = self.times(operation, mode, lane[place - 1] if place else None, ready)
        return self.told(operation, mode, place, ready, times)

    def take(self, found: Inserted) -> None:
        """Keep the place; what follows it is decoded again."""
        if found.joins or self.around is None:
            super().take(found)
            return
        times = found.setup_start_ms, found.start_ms, found.end_ms
        lot = Lot(found.operation, *times, found.mode[2], fixed=False)
        self.lanes[found.mode[0]].insert(found.place, lot)
        self.ends[found.operation] = found.end_ms
        self.around.take(found.operation, found.mode, times)

    def _gives_way(self, lot: Lot) -> bool:
        jobs = self.indexed.operations
        return not lot.fixed and all(jobs[each].job in self._displaceable for each in lot.every)


def ready_in(timeline: Timeline, operation: int, machine: int, start_ms: int) -> int:
    """When an operation of a sequence may start: as planned, or later if it has to.

    Raises:
        ProblemError: something before it is not placed.
    """
    indexed = timeline.indexed
    rank = indexed.ranks[operation]
    if rank == RUNNING:
        return indexed.now
    mode = next(mode for mode in indexed.modes[operation] if mode[0] == machine)
    ready = timeline.ready_on(operation, mode)
    if ready is None:
        raise ProblemError("operations wait for each other")
    if rank == FROZEN:
        ready = max(ready, indexed.base_start[operation] or 0)
    return max(ready, start_ms)


def topological(
    indexed: Indexed, lanes: Sequence[Sequence[Lot]], keys: Mapping[int, int] | None = None
) -> list[tuple[Lot, int]]:
    """Lots and their machines in an order that lanes and precedence agree with.

    Args:
        indexed: the problem.
        lanes: each machine's lots, in its sequence.
        keys: by operation, what decides where lanes and precedence do not, and goes before what
            starts then; of others the start decides.

    Raises:
        ProblemError: there is none.
    """
    keys = keys or {}
    lots = [(lot, machine) for machine, lane in enumerate(lanes) for lot in lane]
    place_of = {each: place for place, (lot, _) in enumerate(lots) for each in lot.every}
    waits = [0] * len(lots)
    behind = [False] * len(lots)
    for place, (lot, machine) in enumerate(lots):
        for each in lot.every:
            if indexed.ranks[each] != RUNNING:  # what is running waits for no predecessor
                waits[place] += len(indexed.after[each])
        if place and lots[place - 1][1] == machine:
            behind[place - 1] = True
            waits[place] += 1
    key = [
        (keys.get(lot.operation, lot.start_ms), lot.operation not in keys, lot.operation, place)
        for place, (lot, _) in enumerate(lots)
    ]
    ready = [key[place] for place, count in enumerate(waits) if not count]
    heapify(ready)
    order: list[tuple[Lot, int]] = []
    while ready:
        *_, place = heappop(ready)
        lot = lots[place][0]
        order.append(lots[place])
        follows = [
            place_of[follower]
            for each in lot.every
            for follower in indexed.followers[each]
            if indexed.ranks[follower] != RUNNING
        ]
        if behind[place]:
            follows.append(place + 1)
        for after in follows:
            waits[after] -= 1
            if not waits[after]:
                heappush(ready, key[after])
    if len(order) < len(lots):
        raise ProblemError("operations wait for each other")
    return order


def _start(lot: Lot) -> int:
    return lot.start_ms
