"""What the work of a plan holds beside its machines, while other work is put into its gaps.

People and tools, ovens, transfer batches and transport, by the decoder's rules (`domain.plan.
fitting`); but here everything that is planned stands where it stands, and what is put between it
takes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from domain.plan.calendar import WorkingTime
from domain.plan.extras import Extras, Way
from domain.plan.fitting import Fitting, earliest
from domain.plan.indexed import RUNNING, Indexed
from domain.plan.usage import Usage, Wanted

Times = tuple[int, int, int]
"""Set-up's start, start and end."""


class Lot(msgspec.Struct, gc=False):
    """A machine's time: an operation's, or that of a batch in an oven; by index, milliseconds.

    Attributes:
        operation: whose; of a batch the one that it was begun with.
        own_setup_ms: its set-up there where the matrix says nothing.
        fixed: whether nothing may come before it.
        others: what else is in the oven.
    """

    operation: int
    setup_start_ms: int
    start_ms: int
    end_ms: int
    own_setup_ms: int
    fixed: bool
    others: tuple[int, ...] = ()

    @property
    def every(self) -> tuple[int, ...]:
        """All operations of it."""
        return (self.operation, *self.others)


class Surroundings:
    """The resources of a plan, and where its work is.

    Args:
        indexed: the problem.
        extras: its.
        lanes: each machine's lots, in its sequence.
        gives_way: which of them give back what they hold; None: none does.
    """

    def __init__(
        self,
        indexed: Indexed,
        extras: Extras,
        lanes: Sequence[Sequence[Lot]],
        gives_way: Callable[[Lot], bool] | None = None,
    ) -> None:
        self._indexed = indexed
        self._extras = extras
        self._fitting = Fitting(indexed, extras)
        self._nobody = Usage(indexed.problem.resources)
        for machine, lane in enumerate(lanes):
            free = indexed.now
            for lot in lane:
                self._stands(machine, lot, free, holds=gives_way is None or not gives_way(lot))
                free = lot.end_ms

    def arrived(self, operation: int, mode: tuple[int, int, int], ready: int) -> int:
        """When all that comes before it, which is placed, lets it start on this machine."""
        return self._fitting.arrived(operation, mode, ready)

    def fit(
        self,
        operation: int,
        mode: tuple[int, int, int],
        *,
        free: int,
        setup: int,
        ready: int,
        latest: int | None = None,
        alone: bool = False,
    ) -> Times | None:
        """The first place from a moment on; `alone`: if nobody else needed people and tools."""
        machine, duration, _ = mode
        found = earliest(
            self._nobody if alone else self._fitting.usage,
            self._extras.ways[operation, machine],
            free=free,
            setup=setup,
            ready=ready,
            duration=duration,
            whole=self._indexed.whole[operation],
            latest=latest,
        )
        return None if found is None else (found.setup_start, found.start, found.end)

    def take(self, operation: int, mode: tuple[int, int, int], times: Times) -> None:
        """Hold what an operation needs at a place that fits."""
        machine, duration, _ = mode
        setup_start, start, end = times
        way = self._extras.ways[operation, machine]
        self._fitting.usage.hold(way.setup, setup_start, start, way.setup_clock)
        self._fitting.usage.hold(way.run, start, end, way.run_clock)
        self._fitting.note(operation, machine, begin=start, duration=duration, end=end)

    def joins(
        self,
        operation: int,
        mode: tuple[int, int, int],
        lot: Lot,
        *,
        ready: int,
        setup: int,
        before_ms: int,
    ) -> bool:
        """Whether an operation may go into the oven with a lot, which does not change for it.

        Args:
            operation: which one.
            mode: in that oven.
            lot: what is planned there.
            ready: when the operation could begin.
            setup: what its set-up takes there.
            before_ms: what the lot's set-up takes.
        """
        indexed, machine = self._indexed, mode[0]
        room = self._extras.room[machine]
        if room is None or lot.fixed or not self._alike(operation, lot):
            return False
        units = sum(indexed.operations[each].units for each in (operation, *lot.every))
        longest = max(self._duration(each, machine) for each in lot.every)
        way = self._extras.ways[operation, machine]
        broken = lot.end_ms - lot.start_ms > longest
        return (
            units <= room
            and ready <= lot.start_ms
            and mode[1] <= longest
            and not (broken and indexed.whole[operation])
            and setup <= before_ms
            and set(way.setup) <= set(self._wanted(machine, lot, setup=True))
            and set(way.run) <= set(self._wanted(machine, lot, setup=False))
        )

    def join(self, operation: int, mode: tuple[int, int, int], lot: Lot) -> None:
        """Put an operation into the oven with a lot."""
        lot.others = (*lot.others, operation)
        self._fitting.note(operation, mode[0], begin=lot.start_ms, duration=mode[1], end=lot.end_ms)

    def set_up(self, machine: int, lot: Lot, setup: int) -> int:
        """When a lot's set-up begins if it takes so long."""
        if not setup:
            return lot.start_ms
        return self._setup_clock(machine, lot).retreat(lot.start_ms, setup)

    def may_begin(self, machine: int, lot: Lot, setup_start: int) -> bool:
        """Whether all that a lot's set-up needs is there from another moment on."""
        if setup_start >= lot.setup_start_ms:
            return True
        wanted = self._wanted(machine, lot, setup=True)
        clock = self._setup_clock(machine, lot)
        usage = self._fitting.usage
        return usage.blocked(wanted, setup_start, lot.setup_start_ms, clock) is None

    def begin(self, machine: int, lot: Lot, setup_start: int) -> None:
        """Let a lot's set-up begin at another moment."""
        wanted = self._wanted(machine, lot, setup=True)
        clock, usage = self._setup_clock(machine, lot), self._fitting.usage
        if setup_start < lot.setup_start_ms:
            usage.hold(wanted, setup_start, lot.setup_start_ms, clock)
        elif setup_start > lot.setup_start_ms:
            given_back = tuple((resource, -units) for resource, units in wanted)
            usage.hold(given_back, lot.setup_start_ms, setup_start, clock)
        lot.setup_start_ms = setup_start

    def lacking(self, operation: int, mode: tuple[int, int, int], times: Times) -> int | None:
        """Which resource others hold at a place that would be free on the machine; by index."""
        way = self._extras.ways[operation, mode[0]]
        setup_start, start, end = times
        for wanted, span, clock in (
            (way.setup, (setup_start, start), way.setup_clock),
            (way.run, (start, end), way.run_clock),
        ):
            for one in wanted:
                if self._fitting.usage.blocked((one,), *span, clock) is not None:
                    return one[0]
        return None

    def alike(self, one: int, other: int) -> bool:
        """Whether two operations may share an oven."""
        first, second = self._indexed.operations[one], self._indexed.operations[other]
        return (
            first.batch_family is not None
            and first.batch_family == second.batch_family
            and first.family == second.family
        )

    def is_oven(self, machine: int) -> bool:
        """Whether a machine does several operations at once."""
        return self._extras.room[machine] is not None

    def members(self, machine: int, lot: Lot) -> list[int]:
        """A lot's operations, the one first that the others can join when they are decoded."""
        if not lot.others:
            return [lot.operation]
        return sorted(
            lot.every,
            key=lambda each: (
                -self._duration(each, machine),
                -len(self._extras.ways[each, machine].run),
                each,
            ),
        )

    def _stands(self, machine: int, lot: Lot, free: int, *, holds: bool) -> None:
        """Remember where a lot of the plan is, and hold what it has."""
        runs = self._indexed.ranks[lot.operation] == RUNNING
        begin = free if runs else lot.start_ms
        for each in lot.every:
            duration = self._duration(each, machine)
            self._fitting.note(each, machine, begin=begin, duration=duration, end=lot.end_ms)
        if not holds:
            return
        usage = self._fitting.usage
        wanted = self._wanted(machine, lot, setup=True)
        if wanted and not runs:
            usage.hold(wanted, lot.setup_start_ms, lot.start_ms, self._setup_clock(machine, lot))
        wanted = self._wanted(machine, lot, setup=False)
        if wanted:
            usage.hold(wanted, begin, lot.end_ms, self._run_clock(machine, lot))

    def _wanted(self, machine: int, lot: Lot, *, setup: bool) -> Wanted:
        """What a lot needs: of each resource the most that one of its operations does."""
        if not lot.others:
            way = self._extras.ways[lot.operation, machine]
            return way.setup if setup else way.run
        ways = [self._extras.ways[each, machine] for each in lot.every]
        most: dict[int, int] = {}
        for way in ways:
            for resource, units in way.setup if setup else way.run:
                most[resource] = max(most.get(resource, 0), units)
        return tuple(sorted(most.items()))

    def _setup_clock(self, machine: int, lot: Lot) -> WorkingTime:
        return self._widest(machine, lot, setup=True).setup_clock

    def _run_clock(self, machine: int, lot: Lot) -> WorkingTime:
        return self._widest(machine, lot, setup=False).run_clock

    def _widest(self, machine: int, lot: Lot, *, setup: bool) -> Way:
        """The way of the operation that needs all that the others do."""
        if not lot.others:
            return self._extras.ways[lot.operation, machine]
        ways = [self._extras.ways[each, machine] for each in lot.every]
        return max(ways, key=lambda way: len(way.setup if setup else way.run))

    def _duration(self, operation: int, machine: int) -> int:
        modes = self._indexed.modes[operation]
        return next((mode[1] for mode in modes if mode[0] == machine), 0)

    def _alike(self, operation: int, lot: Lot) -> bool:
        return self.alike(operation, lot.operation)
