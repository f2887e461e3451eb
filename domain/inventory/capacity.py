"""When a quantity could be made: its routing, put into the gaps of the plan in force.

A finite-capacity estimate that changes nothing: each step goes to the machine that would end it
first, into the first gap that is long enough or behind all that is planned there, in working time,
with the set-ups before it and before what follows it. A planner may do better, by moving others.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from domain.plan.calendar import WorkingTime
from domain.plan.setups import Setups


class Busy(msgspec.Struct, frozen=True, order=True):
    """A machine's time that the plan has given away: set-up, then work. Epoch milliseconds."""

    setup_start_ms: int
    start_ms: int
    end_ms: int
    family: str | None = msgspec.field(default=None)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that can do a step; milliseconds per piece (or load) and per set-up.

    Attributes:
        batch_capacity: what an oven takes at once; None: it is none.
    """

    machine: int
    cycle_ms: int
    setup_ms: int
    batch_capacity: Decimal | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a routing.

    Attributes:
        ways: the machines that can do it.

    The rest is what a planner makes of it (`contracts.new_work.NewStep`); of that the estimate in
    here looks at loads alone.
    """

    number: int
    ways: tuple[Way, ...]
    interruptible: bool = True
    transfer_batch: Decimal | None = None
    wait_ms: int = 0
    batch_family: str | None = None
    batch_room: Decimal = Decimal(1)
    needs: tuple[str, ...] = ()

    def work_ms(self, way: Way, quantity: Decimal) -> int:
        """The working time of so many pieces on a machine."""
        if self.batch_family is None:
            return math.ceil(quantity * way.cycle_ms)
        if way.batch_capacity is None:
            return way.cycle_ms
        return math.ceil(quantity * self.batch_room / way.batch_capacity) * way.cycle_ms


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step would go.

    Attributes:
        ready_ms: when it could have begun: material is there, the step before has ended.
        waits_ms: how much earlier it would have ended on this machine if that had nothing else to
            do.
    """

    step: int
    machine: int
    ready_ms: int
    setup_start_ms: int
    start_ms: int
    end_ms: int
    waits_ms: int


class Machine(msgspec.Struct, kw_only=True):
    """A machine with its working time and what it does already, by time."""

    clock: WorkingTime
    busy: list[Busy]
    family: str | None = None


class Shop:
    """Machines and their plan at one moment.

    Args:
        now_ms: the moment.
        machines: by id; `busy` is sorted in here.
        setups: the matrix.
    """

    def __init__(self, now_ms: int, machines: Mapping[int, Machine], setups: Setups) -> None:
        self.now_ms = now_ms
        self._machines = machines
        self._setups = setups
        for machine in machines.values():
            machine.busy.sort(key=_by_start)

    def earliest(
        self, steps: Sequence[Step], quantity: Decimal, *, family: str | None, ready_ms: int
    ) -> list[Placement] | None:
        """Where a routing's steps would go, one after the other; None: a step has no machine."""
        placements: list[Placement] = []
        ready_ms = max(ready_ms, self.now_ms)
        for step in steps:
            options = [
                self._place(step, way, quantity, family, ready_ms)
                for way in step.ways
                if way.machine in self._machines
            ]
            if not options:
                return None
            best = min(options, key=lambda option: (option.end_ms, option.machine))
            placements.append(best)
            ready_ms = best.end_ms
        return placements

    def take(self, placements: Sequence[Placement], *, family: str | None) -> None:
        """Keep these places, so that the next question finds them taken."""
        for placed in placements:
            busy = Busy(placed.setup_start_ms, placed.start_ms, placed.end_ms, family)
            insort(self._machines[placed.machine].busy, busy, key=_by_start)

    def _place(
        self, step: Step, way: Way, quantity: Decimal, family: str | None, ready_ms: int
    ) -> Placement:
        work_ms = step.work_ms(way, quantity)
        busy = self._machines[way.machine].busy
        # A gap that ends before the work can begin is none: begin with the one around `ready_ms`.
        first = max(bisect_right(busy, ready_ms, key=_by_start) - 1, 0)
        alone = self._fit(way, (None, None), work_ms=work_ms, family=family, ready_ms=ready_ms)
        found: tuple[int, int, int] | None = None
        for index in range(first, len(busy) + 1):
            gap = (
                busy[index - 1] if index else None,
                busy[index] if index < len(busy) else None,
            )
            found = self._fit(way, gap, work_ms=work_ms, family=family, ready_ms=ready_ms)
            if found is not None:
                break
        # Behind all that is planned there is always room.
        assert found is not None  # noqa: S101 - the last gap has no end
        assert alone is not None  # noqa: S101 - likewise
        return Placement(
            step=step.number,
            machine=way.machine,
            ready_ms=ready_ms,
            setup_start_ms=found[0],
            start_ms=found[1],
            end_ms=found[2],
            waits_ms=max(found[2] - alone[2], 0),
        )

    def _fit(
        self,
        way: Way,
        between: tuple[Busy | None, Busy | None],
        *,
        work_ms: int,
        family: str | None,
        ready_ms: int,
    ) -> tuple[int, int, int] | None:
        """Set-up's start, start and end between two others; None: it does not fit."""
        machine = self._machines[way.machine]
        clock = machine.clock
        before, after = between
        free_ms = max(before.end_ms if before else self.now_ms, self.now_ms)
        known = before.family if before else machine.family
        setup_ms = self._setups.ms(way.machine, known, family, way.setup_ms)
        start = clock.next(max(clock.advance(clock.next(free_ms), setup_ms), ready_ms))
        end = clock.advance(start, work_ms)
        if after is not None:
            if end > after.setup_start_ms:
                return None
            planned_ms = clock.working(after.setup_start_ms, after.start_ms)
            change_ms = self._setups.ms(way.machine, family, after.family, planned_ms)
            if clock.retreat(after.start_ms, change_ms) < end:
                return None
        return clock.retreat(start, setup_ms) if setup_ms else start, start, end


def _by_start(busy: Busy) -> int:
    return busy.setup_start_ms
