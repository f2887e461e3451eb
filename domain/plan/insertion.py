"""Work put into the gaps of a plan: everything else starts and ends when it did.

An operation goes where it ends first: between two others, if it and the set-up of whatever follows
it (which may take longer now, or less) fit in before that one starts, else behind all that is
planned there. Times are the decoder's: the set-up directly before the work, in working time, as
late as possible; work that must not be interrupted between two breaks. Nothing comes before what is
running, frozen, or will be by the time the work is released. What shares more than its machine
(people, tools, ovens, transfer batches, transport) takes what the plan leaves of it, or goes into
an oven with what is planned there (`domain.plan.surroundings`).

For a chain of operations on different machines this is the earliest end that moves nobody: an
operation that can begin earlier never ends later in the same gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

from domain.plan.indexed import FREE, Indexed
from domain.plan.plan import Assignment, Plan
from domain.plan.surroundings import Lot, Surroundings, Times

_Mode = tuple[int, int, int]


class Inserted(msgspec.Struct, frozen=True, gc=False):
    """Where an operation went.

    Attributes:
        mode: (machine, duration, set-up) by index.
        place: its place in the machine's sequence.
        ready_ms: from when on it could have been worked on.
        waits_ms: by how much it would have ended earlier if nobody else needed the machine, nor the
            people and tools with it.
        joins: whether it goes into the oven with what is at that place.
        resource: of what it waits for people or tools, which ones, by index; None: for none.
        resource_ms: how much of the waiting is for them.
    """

    operation: int
    mode: _Mode
    place: int
    ready_ms: int
    setup_start_ms: int
    start_ms: int
    end_ms: int
    waits_ms: int
    joins: bool = False
    resource: int | None = None
    resource_ms: int = 0


class Gaps:
    """A plan as the sequences of its machines, into which work is put.

    Args:
        indexed: the problem, the work that is put in included.
        plan: where everything else is; valid, each machine's assignments in its sequence.
        from_ms: what is put in is not set up or worked on before.
        fixed_until_ms: what starts before stays at its turn, as what is running or frozen does.
    """

    def __init__(
        self, indexed: Indexed, plan: Plan, *, from_ms: int, fixed_until_ms: int = 0
    ) -> None:
        self.indexed = indexed
        self.from_ms = max(from_ms, indexed.now)
        self.fixed_until_ms = fixed_until_ms
        self.lanes: list[list[Lot]] = [[] for _ in indexed.machines]
        self.ends: dict[int, int] = {}
        for each in plan.assignments:
            operation = indexed.operation_at[each.operation]
            machine = indexed.machine_at[each.machine]
            self.ends[operation] = each.end_ms
            if not self._shares(machine, operation, each):
                self.lanes[machine].append(self._lot(machine, operation, each))
        for lane in self.lanes:
            self._fix(lane)
        self.around = self._surroundings()

    def _surroundings(self) -> Surroundings | None:
        """What the plan holds beside machines; None where nothing needs more."""
        extras = self.indexed.extras
        return None if extras is None else Surroundings(self.indexed, extras, self.lanes)

    def _lot(self, machine: int, operation: int, placed: Assignment) -> Lot:
        indexed = self.indexed
        base = indexed.base_start[operation]
        starts_ms = placed.start_ms if base is None else min(base, placed.start_ms)
        return Lot(
            operation,
            placed.setup_start_ms,
            placed.start_ms,
            placed.end_ms,
            _own_setup(indexed, operation, machine),
            indexed.ranks[operation] != FREE or starts_ms < self.fixed_until_ms,
        )

    def _shares(self, machine: int, operation: int, placed: Assignment) -> bool:
        """Whether it is in an oven with the lot before it; then it is of that lot."""
        indexed, lane = self.indexed, self.lanes[machine]
        if indexed.machines[machine].batch_units is None or not lane:
            return False
        last = lane[-1]
        one, other = indexed.operations[last.operation], indexed.operations[operation]
        if (
            (last.setup_start_ms, last.start_ms, last.end_ms)
            != (placed.setup_start_ms, placed.start_ms, placed.end_ms)
            or one.batch_family is None
            or (one.batch_family, one.family) != (other.batch_family, other.family)
        ):
            return False
        alone = self._lot(machine, operation, placed)
        last.others = (*last.others, operation)
        last.own_setup_ms = max(last.own_setup_ms, alone.own_setup_ms)
        last.fixed = last.fixed or alone.fixed
        return True

    @staticmethod
    def _fix(lane: Sequence[Lot]) -> None:
        """What comes before something fixed is fixed."""
        last = max((place for place, lot in enumerate(lane) if lot.fixed), default=0)
        for lot in lane[:last]:
            lot.fixed = True

    def insert(self, operation: int) -> Inserted:
        """Put an operation, whose predecessors are all placed, where it ends first."""
        found = min(
            (
                self.where(operation, mode, self.ready(operation, mode))
                for mode in self.indexed.modes[operation]
            ),
            key=lambda one: (one.end_ms, one.start_ms, one.mode[0]),
        )
        self.take(found)
        return found

    def ready(self, operation: int, mode: _Mode) -> int:
        """When its release and its predecessors let it start on one of its machines."""
        indexed = self.indexed
        ready = max(self.from_ms, indexed.releases[operation])
        if self.around is not None:
            return self.around.arrived(operation, mode, ready)
        for predecessor, lag_ms in indexed.after[operation]:
            ready = max(ready, self.ends[predecessor] + lag_ms)
        return ready

    def where(self, operation: int, mode: _Mode, ready: int) -> Inserted:
        """The first place on the mode's machine where it moves nobody."""
        lane = self.lanes[mode[0]]
        # Between two that start before it could begin there is no room for it.
        first = max(bisect_left(lane, ready, key=_start), self.opening(lane))
        for place in range(first, len(lane) + 1):
            fits = self.fit(operation, mode, place, ready)
            if fits is not None:
                return self.told(operation, mode, place, ready, fits)
            if self.joins(operation, mode, place, ready):
                break
        lot = lane[place]
        shared = (lot.setup_start_ms, lot.start_ms, lot.end_ms)
        found = self.told(operation, mode, place, ready, shared)
        return msgspec.structs.replace(found, joins=True)

    def told(self, operation: int, mode: _Mode, place: int, ready: int, times: Times) -> Inserted:
        """A place with what it waits for there."""
        if self.around is None:
            alone = self.times(operation, mode, None, ready)
            return Inserted(operation, mode, place, ready, *times, times[2] - alone[2])
        free, setup = self._behind(mode, None, operation)
        alone_there = self.around.fit(
            operation, mode, free=free, setup=setup, ready=ready, alone=True
        )
        machine_free = self.around.fit(operation, mode, free=free, setup=setup, ready=ready)
        assert alone_there is not None  # noqa: S101 - without an end there is always room
        assert machine_free is not None  # noqa: S101 - likewise
        waits = max(times[2] - alone_there[2], 0)
        for_people = min(max(machine_free[2] - alone_there[2], 0), waits)
        return Inserted(
            operation,
            mode,
            place,
            ready,
            *times,
            waits,
            resource=self.around.lacking(operation, mode, alone_there) if for_people else None,
            resource_ms=for_people,
        )

    def fit(self, operation: int, mode: _Mode, place: int, ready: int) -> Times | None:
        """Set-up's start, start and end before what is at `place`; None: it does not fit."""
        lane, machine = self.lanes[mode[0]], mode[0]
        before = lane[place - 1] if place else None
        if place == len(lane):
            return self.times(operation, mode, before, ready)
        behind = lane[place]
        begins = self.set_up(behind, machine, operation)
        free = before.end_ms if before is not None else self.from_ms
        if max(free, ready) + mode[1] > begins:
            return None
        if self.around is None:
            times = self.times(operation, mode, before, ready)
            return times if times[2] <= begins else None
        if not self.around.may_begin(machine, behind, begins):
            return None
        # Where the set-up of what follows becomes shorter, its people are free until then.
        was = behind.setup_start_ms
        if begins > was:
            self.around.begin(machine, behind, begins)
        free, setup = self._behind(mode, before, operation)
        found = self.around.fit(operation, mode, free=free, setup=setup, ready=ready, latest=begins)
        if begins > was:
            self.around.begin(machine, behind, was)
        return found

    def joins(self, operation: int, mode: _Mode, place: int, ready: int) -> bool:
        """Whether it may go into the oven with what is at `place`, which does not change for it."""
        lane, machine = self.lanes[mode[0]], mode[0]
        if self.around is None or not self.around.is_oven(machine) or place >= len(lane):
            return False
        lot = lane[place]
        if lot.setup_start_ms < self.from_ms:
            return False
        before = lane[place - 1] if place else None
        own = self._setup(machine, before, operation, mode[2])
        takes = self._setup(machine, before, lot.operation, lot.own_setup_ms)
        return self.around.joins(operation, mode, lot, ready=ready, setup=own, before_ms=takes)

    def times(self, operation: int, mode: _Mode, before: Lot | None, ready: int) -> Times:
        """Set-up's start, start and end behind a lot, or on a machine without one."""
        machine, duration, _ = mode
        free, setup = self._behind(mode, before, operation)
        if self.around is not None:
            found = self.around.fit(operation, mode, free=free, setup=setup, ready=ready)
            assert found is not None  # noqa: S101 - without an end there is always room
            return found
        clock = self.indexed.clocks[machine]
        start = max(clock.advance(free, setup), ready)
        if self.indexed.whole[operation]:
            start = clock.fits(start, duration)
            end = start + duration
        else:
            start = clock.next(start)
            end = clock.advance(start, duration)
        return clock.retreat(start, setup) if setup else start, start, end

    def set_up(self, lot: Lot, machine: int, before: int) -> int:
        """When a lot's set-up begins if it comes behind an operation and starts when it does."""
        family = self.indexed.families[before]
        setup = self._change(machine, family, lot.operation, lot.own_setup_ms)
        if self.around is not None:
            return self.around.set_up(machine, lot, setup)
        clock = self.indexed.clocks[machine]
        return clock.retreat(lot.start_ms, setup) if setup else lot.start_ms

    def take(self, found: Inserted) -> None:
        """Keep the place; what follows it is set up behind it."""
        machine = found.mode[0]
        lane = self.lanes[machine]
        self.ends[found.operation] = found.end_ms
        if found.joins and self.around is not None:
            self.around.join(found.operation, found.mode, lane[found.place])
            return
        if found.place < len(lane):
            following = lane[found.place]
            begins = self.set_up(following, machine, found.operation)
            if self.around is not None:
                self.around.begin(machine, following, begins)
            following.setup_start_ms = begins
        times = found.setup_start_ms, found.start_ms, found.end_ms
        lane.insert(found.place, Lot(found.operation, *times, found.mode[2], fixed=False))
        if self.around is not None:
            self.around.take(found.operation, found.mode, times)

    def plan(self) -> Plan:
        """Everything as it is now: by machine, in the machine's sequence."""
        indexed = self.indexed
        return Plan(
            tuple(
                Assignment(
                    operation=indexed.operations[operation].id,
                    machine=indexed.machines[machine].id,
                    setup_start_ms=lot.setup_start_ms,
                    start_ms=lot.start_ms,
                    end_ms=lot.end_ms,
                )
                for machine, lane in enumerate(self.lanes)
                for lot in lane
                for operation in lot.every
            )
        )

    @staticmethod
    def opening(lane: Sequence[Lot]) -> int:
        """The first place behind all that is fixed."""
        return next((place for place, lot in enumerate(lane) if not lot.fixed), len(lane))

    def _behind(self, mode: _Mode, before: Lot | None, operation: int) -> tuple[int, int]:
        """When the machine is free behind a lot, and what the set-up takes then."""
        free = self.from_ms if before is None else max(before.end_ms, self.from_ms)
        return free, self._setup(mode[0], before, operation, mode[2])

    def _setup(self, machine: int, before: Lot | None, operation: int, own_ms: int) -> int:
        family = (
            self.indexed.families[before.operation]
            if before is not None
            else self.indexed.machines[machine].family
        )
        return self._change(machine, family, operation, own_ms)

    def _change(self, machine: int, family: str | None, operation: int, own_ms: int) -> int:
        indexed = self.indexed
        name = indexed.machines[machine].id
        return indexed.setups.ms(name, family, indexed.families[operation], own_ms)


def inserted(indexed: Indexed, plan: Plan, operations: Iterable[int]) -> Plan:
    """A plan with further operations in its gaps.

    Args:
        indexed: the problem, those operations included.
        plan: where all the others are.
        operations: by index, each behind its predecessors.
    """
    gaps = Gaps(indexed, plan, from_ms=indexed.now)
    for operation in operations:
        gaps.insert(operation)
    return gaps.plan()


def _own_setup(indexed: Indexed, operation: int, machine: int) -> int:
    return next((mode[2] for mode in indexed.modes[operation] if mode[0] == machine), 0)


def _start(lot: Lot) -> int:
    return lot.start_ms
