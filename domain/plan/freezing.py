"""What the frozen zone holds: work that the plan in force begins in it, and that can begin in it.

The zone is there so that nobody takes work away that people are getting ready for. What cannot
begin within it whatever is decided (its machine is down or in maintenance, what it waits for is
stuck on such a machine, its material or its people come later) is not about to begin: to freeze it
would keep it on a machine that does not work, or keep an idle machine waiting for it. So it is free
again, and to move it has the price of any other move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.plan.calendar import WorkingTime, merged
from domain.plan.problem import Interval, Operation, Phase, PinKind


class FrozenZone:
    """One scope's frozen zone. Operations are told in an order in which predecessors come first.

    What it reckons with are lower bounds: machines' queues and set-ups are left out. So nothing is
    let go that could begin in time.

    Args:
        now_ms: the moment of planning.
        until_ms: where the zone ends; not before now.
        closed: when machines do not work, at least within the zone.
        away: when nothing of a resource is there, at least within the zone.
    """

    def __init__(
        self,
        now_ms: int,
        until_ms: int,
        *,
        closed: Mapping[int, Sequence[Interval]],
        away: Mapping[int, Sequence[Interval]],
    ) -> None:
        self._now_ms = now_ms
        self._last_ms = max(now_ms, until_ms - 1)
        self._closed = closed
        self._away = away
        self._clocks: dict[tuple[int, frozenset[int]], WorkingTime] = {}
        self._times: dict[int, tuple[int, int]] = {}

    def holds(self, operation: Operation) -> bool:
        """Whether it can begin within the zone; `operation` has the one mode that it is to keep."""
        return self._reckoned(operation)[0] <= self._last_ms

    def add(self, operation: Operation) -> None:
        """Have an operation looked at by what comes after it."""
        self._times[operation.id] = self._reckoned(operation)

    def _reckoned(self, operation: Operation) -> tuple[int, int]:
        """Before when it cannot begin, and not end."""
        runs = operation.pin is not None and operation.pin.kind is PinKind.RUNNING
        ready = self._now_ms
        if not runs:
            ready = max(ready, operation.release_ms)
            for link in operation.after:
                begin, end = self._times.get(link.operation, (ready, ready))
                ready = max(ready, (end if link.overlap is None else begin) + link.lag_ms)
        times = []
        for mode in operation.modes:
            needs = frozenset(
                need.resource
                for need in mode.needs
                if need.phase is not Phase.SETUP and self._away.get(need.resource)
            )
            clock = self._clock(mode.machine, needs)
            begin = clock.next(ready)
            times.append((begin, clock.advance(begin, mode.duration_ms)))
        begins, ends = zip(*times, strict=True)
        return min(begins), min(ends)

    def _clock(self, machine: int, resources: frozenset[int]) -> WorkingTime:
        key = machine, resources
        if key not in self._clocks:
            idle = [*self._closed.get(machine, ())]
            for resource in resources:
                idle += self._away[resource]
            self._clocks[key] = WorkingTime(merged(idle))
        return self._clocks[key]
