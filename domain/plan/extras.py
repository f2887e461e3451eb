"""What a problem has beyond machines, set-ups and precedence, by index: for the decoder.

Resources, ovens, transfer batches and transport are in here. A problem without any of them has no
extras, and everything that places operations does without asking for them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from domain.plan.calendar import WorkingTime, merged
from domain.plan.problem import Mode, Overlap, Phase, PinKind, Problem
from domain.plan.usage import Wanted

Modes: TypeAlias = list[tuple[tuple[int, int, int], ...]]


class Way(NamedTuple):
    """What a mode needs beside its machine, and when it can have it.

    Attributes:
        setup, run: what is held during set-up, and during the work.
        setup_clock, run_clock: when the machine and all that is needed are there.
    """

    setup: Wanted
    run: Wanted
    setup_clock: WorkingTime
    run_clock: WorkingTime


class Link(NamedTuple):
    """An operation that comes before: by index, with the way of its pieces."""

    operation: int
    lag_ms: int
    overlap: Overlap | None


class Extras:
    """See the module.

    Attributes:
        ways: by operation and machine; only of usable modes.
        links: what comes before each operation.
        room: what fits into each machine at once; None for one operation.
    """

    __slots__ = ("_clocks", "_site", "_transport", "links", "room", "ways")

    def __init__(
        self,
        problem: Problem,
        machine_at: dict[int, int],
        operation_at: dict[int, int],
        clocks: list[WorkingTime],
    ) -> None:
        self.room = [machine.batch_units for machine in problem.machines]
        self._site = [machine.site for machine in problem.machines]
        self._transport = {
            (way.from_site, way.to_site): way.transport_ms for way in problem.transports
        }
        self._clocks: dict[tuple[int, frozenset[int]], WorkingTime] = {
            (machine, frozenset()): clock for machine, clock in enumerate(clocks)
        }
        self.links = [
            [Link(operation_at[one.operation], one.lag_ms, one.overlap) for one in each.after]
            for each in problem.operations
        ]
        self.ways: dict[tuple[int, int], Way] = {}
        resource_at = {resource.id: index for index, resource in enumerate(problem.resources)}
        for index, operation in enumerate(problem.operations):
            for mode in operation.modes:
                machine = machine_at[mode.machine]
                self.ways[index, machine] = self._way(problem, resource_at, machine, mode)

    def travel_ms(self, from_machine: int, to_machine: int) -> int:
        """How long pieces travel between the sites of two machines."""
        one, other = self._site[from_machine], self._site[to_machine]
        if one is None or other is None or one == other:
            return 0
        return self._transport.get((one, other), 0)

    def _way(self, problem: Problem, resource_at: dict[int, int], machine: int, mode: Mode) -> Way:
        wanted: dict[Phase, list[tuple[int, int]]] = {Phase.SETUP: [], Phase.RUN: []}
        for need in mode.needs:
            for phase, units in wanted.items():
                if need.phase in (phase, Phase.BOTH):
                    units.append((resource_at[need.resource], need.units))
        setup, run = (tuple(sorted(wanted[phase])) for phase in (Phase.SETUP, Phase.RUN))
        return Way(
            setup, run, self._clock(problem, machine, setup), self._clock(problem, machine, run)
        )

    def _clock(self, problem: Problem, machine: int, wanted: Wanted) -> WorkingTime:
        """When the machine and all the resources are there."""
        key = machine, frozenset(resource for resource, _ in wanted)
        if key not in self._clocks:
            idle = [*problem.machines[machine].unavailable]
            for resource in key[1]:
                idle += problem.resources[resource].unavailable
            self._clocks[key] = WorkingTime(merged(idle))
        return self._clocks[key]


def has_extras(problem: Problem) -> bool:
    """Whether there is anything in the problem that a machine and precedence do not tell."""
    return (
        bool(problem.transports)
        or any(machine.batch_units is not None for machine in problem.machines)
        or any(
            any(mode.needs for mode in operation.modes)
            or any(link.overlap is not None for link in operation.after)
            for operation in problem.operations
        )
    )


def usable(problem: Problem, machine_at: dict[int, int], modes: Modes) -> Modes:
    """The modes without those that ask for more than there ever is, but for what is running."""
    capacity = {resource.id: resource.capacity for resource in problem.resources}
    room = {machine.id: machine.batch_units for machine in problem.machines}
    found: Modes = []
    for operation, ways in zip(problem.operations, modes, strict=True):
        pin = operation.pin
        if pin is not None and pin.kind is PinKind.RUNNING:
            found.append(ways)
            continue
        able = {
            machine_at[mode.machine]
            for mode in operation.modes
            if operation.units <= (room[mode.machine] or operation.units)
            and all(need.units <= capacity[need.resource] for need in mode.needs)
        }
        found.append(tuple(way for way in ways if way[0] in able))
    return found


def as_batches(problem: Problem, modes: Modes) -> Modes:
    """The modes with what runs in one oven since the same moment taking equally long."""
    room = {machine.id: machine.batch_units for machine in problem.machines}
    longest: dict[tuple[int, str, str | None, int], int] = {}
    keys: list[tuple[int, str, str | None, int] | None] = []
    for operation in problem.operations:
        pin, key = operation.pin, None
        if (
            pin is not None
            and pin.kind is PinKind.RUNNING
            and pin.started_ms is not None
            and operation.batch_family is not None
            and room.get(pin.machine) is not None
        ):
            key = pin.machine, operation.batch_family, operation.family, pin.started_ms
            work = next((m.duration_ms for m in operation.modes if m.machine == pin.machine), 0)
            longest[key] = max(longest.get(key, 0), work)
        keys.append(key)
    return [
        tuple((machine, longest[key], setup) for machine, _, setup in ways) if key else ways
        for key, ways in zip(keys, modes, strict=True)
    ]
