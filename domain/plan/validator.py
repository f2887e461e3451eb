"""The judge of every plan: does it keep all constraints of its problem?

It shares no code with what makes plans: neither decoder nor calendar nor set-up rule. Whatever it
needs it works out here in the plainest way, so that one mistake cannot hide itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Interval, Mode, Operation, Pin, PinKind, Problem


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A constraint that a plan breaks.

    Attributes:
        code: which one.

            - `missing`, `duplicated`, `unknown_operation`: each operation is placed once.
            - `wrong_machine`: none of its modes is on that machine.
            - `pin_moved`: it is not on the machine it is pinned to.
            - `started_moved`: it runs, and its start is not when it started.
            - `frozen_overtaken`: on a machine, running operations come first, then frozen ones,
              both by place, then all others.
            - `frozen_early`: it is frozen and starts before the plan in force starts it.
            - `overlap`: it is set up or worked on before the one before it (`other`) has ended.
            - `setup_short`, `setup_long`: the working time between the beginning of its set-up and
              its start is not what the change takes.
            - `setup_in_break`, `starts_in_break`: it begins while the machine does not work.
            - `precedence`: it starts before `other` has ended and its pieces have come.
            - `release`: it starts before its release.
            - `too_early`: it or its set-up starts before now.
            - `work_short`, `work_long`: it ends before or after its work is done.
            - `broken`: it must not be interrupted, and a break falls into it.
        operation: whose.
        other: the other operation that is concerned.
        detail: figures for a log; milliseconds.
    """

    code: str
    operation: int
    other: int | None = None
    detail: str = ""


def violations(problem: Problem, plan: Plan) -> list[Violation]:
    """All that is wrong with the plan; empty when it is valid."""
    return list(_Judge(problem, plan).verdict())


class _Judge:
    """One plan before its judge."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.plan = plan
        self.operations = {operation.id: operation for operation in problem.operations}
        self.machines = {machine.id: machine for machine in problem.machines}
        self.idle = {machine.id: _Idle(machine.unavailable) for machine in problem.machines}
        self.matrix = {
            (entry.machine, entry.from_family, entry.to_family): entry.setup_ms
            for entry in problem.setups
        }
        self.placed: dict[int, Assignment] = {}

    def verdict(self) -> Iterator[Violation]:
        yield from self._complete()
        lanes: dict[int, list[Assignment]] = {}
        for assignment in self.placed.values():
            yield from self._machine(assignment)
            yield from self._times(assignment)
            if self._mode(assignment) is not None:
                lanes.setdefault(assignment.machine, []).append(assignment)
        for lane in lanes.values():
            lane.sort(key=lambda one: (one.end_ms, self._rank(one), one.start_ms))
            yield from self._lane(lane)

    def _complete(self) -> Iterator[Violation]:
        """Every operation once; nothing else."""
        for assignment in self.plan.assignments:
            operation = assignment.operation
            if operation not in self.operations:
                yield Violation(code="unknown_operation", operation=operation)
            elif operation in self.placed:
                yield Violation(code="duplicated", operation=operation)
            else:
                self.placed[operation] = assignment
        for operation in self.operations:
            if operation not in self.placed:
                yield Violation(code="missing", operation=operation)

    def _machine(self, assignment: Assignment) -> Iterator[Violation]:
        """It is where it can be, and where it has to be."""
        name, machine = assignment.operation, assignment.machine
        pin = self.operations[name].pin
        if self._mode(assignment) is None:
            yield Violation(code="wrong_machine", operation=name, detail=f"machine {machine}")
        if pin is not None and pin.machine != machine:
            detail = f"machine {machine}, pinned to {pin.machine}"
            yield Violation(code="pin_moved", operation=name, detail=detail)

    def _times(self, assignment: Assignment) -> Iterator[Violation]:
        """It starts when it may, as far as that is no matter of its machine."""
        name, start, now = assignment.operation, assignment.start_ms, self.problem.now_ms
        operation = self.operations[name]
        running = _running(operation)
        if running is not None:
            started = now if running.started_ms is None else min(running.started_ms, now)
            if start != started or assignment.setup_start_ms != started:
                detail = f"start {start}, started {started}"
                yield Violation(code="started_moved", operation=name, detail=detail)
            return
        if min(start, assignment.setup_start_ms) < now:
            yield Violation(code="too_early", operation=name, detail=f"start {start}, now {now}")
        if start < operation.release_ms:
            detail = f"start {start}, release {operation.release_ms}"
            yield Violation(code="release", operation=name, detail=detail)
        before = self.problem.baseline.get(name)
        if before is not None and self._rank(assignment)[0] == 1 and start < before.start_ms:
            detail = f"start {start}, before {before.start_ms}"
            yield Violation(code="frozen_early", operation=name, detail=detail)
        for link in operation.after:
            predecessor = self.placed.get(link.operation)
            if predecessor is not None and start < predecessor.end_ms + link.lag_ms:
                detail = f"start {start}, end {predecessor.end_ms}, lag {link.lag_ms}"
                yield Violation(
                    code="precedence", operation=name, other=link.operation, detail=detail
                )

    def _lane(self, lane: Sequence[Assignment]) -> Iterator[Violation]:
        """One machine's operations, in its sequence."""
        machine = self.machines[lane[0].machine]
        family, free, previous = machine.family, self.problem.now_ms, None
        for assignment in lane:
            operation = self.operations[assignment.operation]
            if previous is not None and self._rank(assignment) < self._rank(previous):
                yield Violation(
                    code="frozen_overtaken",
                    operation=assignment.operation,
                    other=previous.operation,
                )
            if _running(operation) is not None:
                yield from self._work(assignment, free)
            else:
                setup = self._setup_ms(assignment, family)
                yield from self._set_up(assignment, setup)
                if previous is not None and assignment.setup_start_ms < previous.end_ms:
                    yield Violation(
                        code="overlap",
                        operation=assignment.operation,
                        other=previous.operation,
                        detail=f"from {assignment.setup_start_ms}, until {previous.end_ms}",
                    )
                yield from self._work(assignment, assignment.start_ms)
            family, free, previous = operation.family, assignment.end_ms, assignment

    def _set_up(self, assignment: Assignment, setup_ms: int) -> Iterator[Violation]:
        """Its set-up takes what the change takes, and begins in working time."""
        name, begin = assignment.operation, assignment.setup_start_ms
        idle = self.idle[assignment.machine]
        worked = idle.working(begin, assignment.start_ms)
        detail = f"{worked} worked, {setup_ms} needed"
        if worked < setup_ms:
            yield Violation(code="setup_short", operation=name, detail=detail)
        elif worked > setup_ms or (not setup_ms and begin != assignment.start_ms):
            yield Violation(code="setup_long", operation=name, detail=detail)
        elif setup_ms and idle.at(begin):
            yield Violation(code="setup_in_break", operation=name, detail=f"at {begin}")

    def _work(self, assignment: Assignment, begin: int) -> Iterator[Violation]:
        """Its work, from `begin` on, ends exactly when it is done."""
        mode = self._mode(assignment)
        if mode is None:
            return
        name, end = assignment.operation, assignment.end_ms
        operation = self.operations[name]
        idle = self.idle[assignment.machine]
        worked = idle.working(begin, end)
        detail = f"{worked} worked, {mode.duration_ms} needed"
        if worked < mode.duration_ms or end < begin:
            yield Violation(code="work_short", operation=name, detail=detail)
        elif worked > mode.duration_ms or (end > begin and idle.at(end - 1)):
            yield Violation(code="work_long", operation=name, detail=detail)
        if _running(operation) is not None:
            return
        if idle.at(begin):
            yield Violation(code="starts_in_break", operation=name, detail=f"at {begin}")
        if not operation.interruptible and worked < end - begin:
            yield Violation(code="broken", operation=name, detail=f"from {begin} to {end}")

    def _setup_ms(self, assignment: Assignment, family: str | None) -> int:
        """What the change from `family` takes, as the problem's documentation has it."""
        wanted = self.operations[assignment.operation].family
        mode = self._mode(assignment)
        usual = mode.setup_ms if mode is not None else 0
        if family is None or wanted is None:
            return usual
        same = 0 if family == wanted else usual
        return self.matrix.get((assignment.machine, family, wanted), same)

    def _mode(self, assignment: Assignment) -> Mode | None:
        """The mode it is done in; None when there is none on that machine."""
        for mode in self.operations[assignment.operation].modes:
            if mode.machine == assignment.machine and assignment.machine in self.machines:
                return mode
        return None

    def _rank(self, assignment: Assignment) -> tuple[int, int]:
        """Its rank on the machine: running, frozen, free; and its place there."""
        pin = self.operations[assignment.operation].pin
        if pin is None or pin.kind is PinKind.LOCKED:
            return 2, 0
        return (0 if pin.kind is PinKind.RUNNING else 1), pin.place


def _running(operation: Operation) -> Pin | None:
    """The pin of an operation that has started."""
    pin = operation.pin
    return pin if pin is not None and pin.kind is PinKind.RUNNING else None


class _Idle:
    """When a machine does not work."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self.intervals = intervals
        self.ends = [interval.end_ms for interval in intervals]

    def at(self, moment: int) -> bool:
        """Whether the machine does not work at this moment."""
        index = bisect_right(self.ends, moment)
        return index < len(self.ends) and self.intervals[index].start_ms <= moment

    def working(self, begin: int, end: int) -> int:
        """Working time from `begin` to `end`: what is left of the span without its breaks."""
        left = end - begin
        for interval in self.intervals[bisect_right(self.ends, begin) :]:
            if interval.start_ms >= end:
                break
            left -= min(end, interval.end_ms) - max(begin, interval.start_ms)
        return left
