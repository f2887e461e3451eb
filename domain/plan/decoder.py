"""From a sequence to times: set-ups, calendars, precedence, pins.

Each operation in turn is appended to its machine and starts as early as it can: not before now, its
release, what comes before it (and the way from there), and its set-up. The set-up lies directly
before it, as late as possible, in working time; it may begin before the operation's predecessors
have ended, and breaks may fall into it. The work of an operation that must not be interrupted lies
between two breaks. What is running started when it started, and goes on from now, or from when its
machine is available again. What is frozen is not started before the plan in force starts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from domain.plan.fitting import Fit, Fitting
from domain.plan.indexed import FREE, FROZEN, RUNNING, Indexed, ProblemError
from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Problem

Sequenced: TypeAlias = Sequence[tuple[int, int]]
"""Ids of operation and machine, in an order that all machines, precedence and pins agree with."""


class DecodeError(ProblemError):
    """A sequence is incomplete, or its order contradicts precedence or pins."""


class Timeline:
    """The machines while operations are appended to them. Everything by index (`Indexed`).

    Attributes:
        free: when each machine has ended its last operation; at least now.
        family: what each machine is set up for then.
        ends: when each operation ends; None while it is not placed.
    """

    __slots__ = ("_assignments", "_fitting", "_open", "ends", "family", "free", "indexed")

    def __init__(self, indexed: Indexed) -> None:
        self.indexed = indexed
        self.free = [indexed.now] * len(indexed.machines)
        self.family = [machine.family for machine in indexed.machines]
        self.ends: list[int | None] = [None] * len(indexed.operations)
        self._assignments: list[list[Assignment]] = [[] for _ in indexed.machines]
        self._open = [len(chain) for chain in indexed.chains]
        self._fitting = Fitting(indexed, indexed.extras) if indexed.extras is not None else None

    def is_open(self, machine: int) -> bool:
        """Whether all that is pinned to the machine is placed, so that free work may follow."""
        return not self._open[machine]

    def is_next(self, operation: int) -> bool:
        """Whether a running or frozen operation is the next of its machine's chain."""
        machine = self.indexed.modes[operation][0][0]
        chain = self.indexed.chains[machine]
        return bool(self._open[machine]) and chain[-self._open[machine]] == operation

    def ready(self, operation: int) -> int | None:
        """When its release and its predecessors let it start; None while one is not placed.

        With extras, what predecessors allow depends on the machine, and `when` looks at it.
        """
        indexed = self.indexed
        ready = max(indexed.now, indexed.releases[operation])
        for predecessor, lag_ms in indexed.after[operation]:
            end = self.ends[predecessor]
            if end is None:
                return None
            if self._fitting is None:
                ready = max(ready, end + lag_ms)
        return ready

    def ready_on(self, operation: int, mode: tuple[int, int, int]) -> int | None:
        """The same on one of its machines: with the way of all pieces there."""
        ready = self.ready(operation)
        if ready is None or self._fitting is None:
            return ready
        return self._fitting.arrived(operation, mode, ready)

    def when(self, operation: int, mode: tuple[int, int, int], ready: int) -> tuple[int, int, int]:
        """Set-up (working time), start and end, if it were appended to the mode's machine now."""
        machine, duration, mode_setup = mode
        indexed = self.indexed
        if self._fitting is not None:
            fit = self._fit(self._fitting, operation, mode, ready)
            return fit.setup, fit.start, fit.end
        clock = indexed.clocks[machine]
        start = self.free[machine]
        setup = mode_setup
        before = self.family[machine]
        if before is not None:
            name = indexed.machines[machine].id
            setup = indexed.setups.ms(name, before, indexed.families[operation], mode_setup)
        if not clock.starts:
            start = max(start + setup, ready)
            return setup, start, start + duration
        if setup:
            start = clock.advance(start, setup)
        start = max(start, ready)
        if indexed.whole[operation]:
            start = clock.fits(start, duration)
            return setup, start, start + duration
        start = clock.next(start)
        return setup, start, clock.advance(start, duration)

    def place(self, operation: int, mode: tuple[int, int, int], ready: int) -> int:
        """Append it to the mode's machine; returns its end."""
        machine = mode[0]
        indexed = self.indexed
        subject = indexed.operations[operation]
        if self._fitting is not None:
            setup_start, start, end = self._place(self._fitting, operation, mode, ready)
        elif indexed.ranks[operation] == RUNNING:
            start = setup_start = self._started(operation)
            end = indexed.clocks[machine].advance(self.free[machine], mode[1])
        else:
            setup, start, end = self.when(operation, mode, ready)
            setup_start = indexed.clocks[machine].retreat(start, setup) if setup else start
        if indexed.ranks[operation] != FREE:
            self._open[machine] -= 1
        self._assignments[machine].append(
            Assignment(
                operation=subject.id,
                machine=indexed.machines[machine].id,
                setup_start_ms=setup_start,
                start_ms=start,
                end_ms=end,
            )
        )
        self.free[machine] = end
        self.family[machine] = subject.family
        self.ends[operation] = end
        return end

    def _started(self, operation: int) -> int:
        """When what runs did start; now, if nobody knows."""
        pin, now = self.indexed.operations[operation].pin, self.indexed.now
        return now if pin is None or pin.started_ms is None else min(pin.started_ms, now)

    def _fit(self, fitting: Fitting, operation: int, mode: tuple[int, int, int], ready: int) -> Fit:
        """Its place when there is more than machines to look at."""
        machine = mode[0]
        if self.indexed.ranks[operation] == RUNNING:
            return fitting.running(operation, mode, self.free[machine], self._started(operation))
        return fitting.fit(
            operation, mode, free=self.free[machine], family=self.family[machine], ready=ready
        )

    def _place(
        self, fitting: Fitting, operation: int, mode: tuple[int, int, int], ready: int
    ) -> tuple[int, int, int]:
        """Set-up start, start and end; what it holds is held from now on."""
        machine = mode[0]
        fit = self._fit(fitting, operation, mode, ready)
        fitting.place(operation, mode, fit, free=self.free[machine], family=self.family[machine])
        return fit.setup_start, fit.start, fit.end

    def place_running(self) -> None:
        """Place all that is running, each machine's by its place."""
        indexed = self.indexed
        for chain in indexed.chains:
            for operation in chain:
                if indexed.ranks[operation] == RUNNING:
                    self.place(operation, indexed.modes[operation][0], indexed.now)

    def plan(self) -> Plan:
        """What has been placed: by machine, in the machine's sequence."""
        return Plan(tuple([each for placed in self._assignments for each in placed]))


def decode(
    problem: Problem,
    sequence: Sequenced,
    *,
    not_before: Mapping[int, int] | None = None,
    indexed: Indexed | None = None,
) -> Plan:
    """Place every operation of the problem in the order of `sequence`.

    Args:
        problem: what is planned.
        sequence: every operation once, with its machine. On each machine running operations come
            first, then frozen ones, both by place. What is running waits for no predecessor.
        not_before: moments, by operation id, before which an operation is not to start.
        indexed: the same problem indexed, when the caller has it.

    Raises:
        DecodeError: an operation is missing, told twice or unknown, its machine is none of its
            modes, or it comes before a predecessor or before what is pinned to its machine.
    """
    indexed = indexed or Indexed(problem)
    timeline = Timeline(indexed)
    for operation_id, machine_id in sequence:
        operation = indexed.operation_at.get(operation_id)
        if operation is None:
            raise DecodeError(f"operation {operation_id} is not in the problem", operation_id)
        if timeline.ends[operation] is not None:
            raise DecodeError(f"operation {operation_id} is in the sequence twice", operation_id)
        machine = indexed.machine_at.get(machine_id)
        mode = next((mode for mode in indexed.modes[operation] if mode[0] == machine), None)
        if mode is None:
            raise DecodeError(
                f"operation {operation_id} cannot be done on machine {machine_id}", operation_id
            )
        ready = _ready(timeline, operation, mode[0])
        if not_before:
            ready = max(ready, not_before.get(operation_id, 0))
        timeline.place(operation, mode, ready)
    missing = [
        indexed.operations[index].id for index, end in enumerate(timeline.ends) if end is None
    ]
    if missing:
        raise DecodeError(f"operations {missing} are not in the sequence", missing[0])
    return timeline.plan()


def _ready(timeline: Timeline, operation: int, machine: int) -> int:
    """When the next operation of a sequence may start; checks that it is its turn."""
    indexed = timeline.indexed
    rank = indexed.ranks[operation]
    name = indexed.operations[operation].id
    if not (timeline.is_open(machine) if rank == FREE else timeline.is_next(operation)):
        raise DecodeError(f"operation {name} comes before what is pinned before it", name)
    if rank == RUNNING:
        return indexed.now
    ready = timeline.ready(operation)
    if ready is None:
        raise DecodeError(f"operation {name} comes before a predecessor", name)
    if rank == FROZEN:
        ready = max(ready, indexed.base_start[operation] or 0)
    return ready
