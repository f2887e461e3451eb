"""The judge of every plan: does it keep all constraints of its problem?

It shares no code with what makes plans: neither decoder nor calendar nor set-up rule. Whatever it
needs it works out here in the plainest way, so that one mistake cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Mode, Operation, Phase, Pin, PinKind, Problem
from domain.plan.validator_between import Lot, handed_on, held
from domain.plan.validator_times import Idle, calendars, united


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
            - `lock_early`: it starts before the date that it is locked to.
            - `lock_overtaken`: it is locked to a turn behind `other`, and starts before it has
              ended.
            - `transport`: it starts before the pieces of `other` have come from another site.
            - `transfer_start`: it starts before the first transfer batch of `other` has come.
            - `transfer_end`: it ends before it can have worked on the last transfer batch.
            - `resource_short`: it uses more of a resource than others leave, or one that is not
              there.
            - `batch_full`: it is in an oven, alone or with others, that has no room for all of it.
            - `batch_mixed`: it shares an oven with another kind of work.
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
        self.idle = calendars(problem)
        self.matrix = {
            (entry.machine, entry.from_family, entry.to_family): entry.setup_ms
            for entry in problem.setups
        }
        self.resources = {resource.id: resource for resource in problem.resources}
        self.placed: dict[int, Assignment] = {}
        self.modes: dict[int, Mode | None] = {}
        self.ranks: dict[int, tuple[int, int]] = {}
        # Where machines have nothing in common, nothing is kept of them.
        self.common = bool(problem.resources or problem.transports) or any(
            link.overlap is not None for each in problem.operations for link in each.after
        )
        self.lots: dict[int, Lot] = {}
        self.joint: dict[tuple[int, frozenset[int]], Idle] = {}

    def verdict(self) -> Iterator[Violation]:
        yield from self._complete()
        lanes: dict[int, list[Assignment]] = {}
        for name, assignment in self.placed.items():
            self.modes[name] = self._look_up(assignment)
            self.ranks[name] = _rank(self.operations[name])
            yield from self._machine(assignment)
            yield from self._times(assignment)
            if self.modes[name] is not None:
                lanes.setdefault(assignment.machine, []).append(assignment)
        for lane in lanes.values():
            lane.sort(key=lambda one: (one.end_ms, self.ranks[one.operation], one.start_ms))
            yield from self._lane(lane)
            yield from self._turns(lane)
        if not self.common:
            return
        for found in (*handed_on(self.problem, self.lots), *held(self.problem, self.lots)):
            yield Violation(
                code=found.code, operation=found.operation, other=found.other, detail=found.detail
            )

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
        if self.modes[name] is None:
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
        if before is not None and self.ranks[name][0] == 1 and start < before.start_ms:
            detail = f"start {start}, before {before.start_ms}"
            yield Violation(code="frozen_early", operation=name, detail=detail)
        pin = operation.pin
        if pin is not None and pin.kind is PinKind.LOCKED and start < (pin.not_before_ms or 0):
            detail = f"start {start}, locked to {pin.not_before_ms}"
            yield Violation(code="lock_early", operation=name, detail=detail)
        for link in operation.after:
            predecessor = self.placed.get(link.operation)
            if predecessor is None or (
                link.overlap is not None and not self._oven(predecessor) | self._oven(assignment)
            ):
                continue
            if start < predecessor.end_ms + link.lag_ms:
                detail = f"start {start}, end {predecessor.end_ms}, lag {link.lag_ms}"
                yield Violation(
                    code="precedence", operation=name, other=link.operation, detail=detail
                )

    def _turns(self, lane: Sequence[Assignment]) -> Iterator[Violation]:
        """What is locked to turns on one machine keeps them."""
        locked = []
        for assignment in lane:
            pin = self.operations[assignment.operation].pin
            if pin is not None and pin.kind is PinKind.LOCKED and pin.turn is not None:
                locked.append((pin.turn, assignment))
        for turn, assignment in locked:
            for other_turn, other in locked:
                if other_turn < turn and assignment.start_ms < other.end_ms:
                    yield Violation(
                        code="lock_overtaken",
                        operation=assignment.operation,
                        other=other.operation,
                    )

    def _lane(self, lane: Sequence[Assignment]) -> Iterator[Violation]:
        """One machine's operations, in its sequence; in an oven, several at once."""
        machine = self.machines[lane[0].machine]
        family, free = machine.family, self.problem.now_ms
        previous: Assignment | None = None
        for together in self._batches(lane):
            first = together[0]
            runs = _running(self.operations[first.operation]) is not None
            for assignment in together:
                if previous is not None and self._ranks_before(assignment, previous):
                    yield Violation(
                        code="frozen_overtaken",
                        operation=assignment.operation,
                        other=previous.operation,
                    )
                if not runs and previous and assignment.setup_start_ms < previous.end_ms:
                    yield _overlap(previous, assignment)
            yield from self._shared(together)
            setup_idle = self._idle(together, Phase.SETUP)
            if not runs:
                setup = max(self._setup_ms(each, family) for each in together)
                for assignment in together:
                    yield from self._set_up(assignment, setup, setup_idle)
            begin = free if runs else first.start_ms
            yield from self._work(together, begin)
            if self.common:
                self._remember(together, begin, setup_idle)
            family = self.operations[together[-1].operation].family
            free, previous = first.end_ms, together[-1]

    def _batches(self, lane: Sequence[Assignment]) -> Iterator[list[Assignment]]:
        """Operations of a lane, those together that are one batch."""
        if not self._oven(lane[0]):
            yield from ([assignment] for assignment in lane)
            return
        together: list[Assignment] = []
        for assignment in lane:
            if together and not self._same_batch(together[0], assignment):
                yield together
                together = []
            together.append(assignment)
        if together:
            yield together

    def _same_batch(self, one: Assignment, other: Assignment) -> bool:
        if not self._oven(one) or (one.setup_start_ms, one.start_ms, one.end_ms) != (
            other.setup_start_ms,
            other.start_ms,
            other.end_ms,
        ):
            return False
        first, second = self.operations[one.operation], self.operations[other.operation]
        # What takes no time, or has begun one behind the other, may look like a batch.
        surely = one.end_ms > one.setup_start_ms and _running(first) is None
        return surely or _alike(first, second)

    def _shared(self, together: Sequence[Assignment]) -> Iterator[Violation]:
        """What is in an oven is of one kind, and there is room for all of it."""
        room = self.machines[together[0].machine].batch_units
        if room is None:
            return
        operations = [self.operations[each.operation] for each in together]
        units = sum(operation.units for operation in operations)
        for operation in operations:
            pinned = _running(operation) is not None
            if units > room and not pinned:
                detail = f"{units} units, room for {room}"
                yield Violation(code="batch_full", operation=operation.id, detail=detail)
            for other in operations:
                if other is not operation and not _alike(operation, other):
                    yield Violation(code="batch_mixed", operation=operation.id, other=other.id)

    def _remember(self, together: Sequence[Assignment], begin: int, setup_idle: Idle) -> None:
        """Keep what is needed to judge what is between machines."""
        work_idle = self._idle(together, Phase.RUN)
        for place, assignment in enumerate(together):
            operation = self.operations[assignment.operation]
            mode = self.modes[assignment.operation]
            if mode is None:
                continue
            self.lots[assignment.operation] = Lot(
                operation=operation,
                mode=mode,
                placed=assignment,
                begin_ms=begin,
                worked=work_idle.spans(begin, assignment.end_ms),
                prepared=setup_idle.spans(assignment.setup_start_ms, assignment.start_ms),
                idle=work_idle.working,
                runs=_running(operation) is not None,
                oven=self._oven(assignment),
                batch=tuple(each.operation for each in together),
                leads=not place,
            )

    def _set_up(self, assignment: Assignment, setup_ms: int, idle: Idle) -> Iterator[Violation]:
        """Its set-up takes what the change takes, and begins in working time."""
        name, begin = assignment.operation, assignment.setup_start_ms
        worked = idle.working(begin, assignment.start_ms)
        kept = not idle.at(begin) if setup_ms else begin == assignment.start_ms
        if kept and worked == setup_ms:
            return
        detail = f"{worked} worked, {setup_ms} needed"
        if worked < setup_ms:
            yield Violation(code="setup_short", operation=name, detail=detail)
        elif worked > setup_ms or (not setup_ms and begin != assignment.start_ms):
            yield Violation(code="setup_long", operation=name, detail=detail)
        elif setup_ms and idle.at(begin):
            yield Violation(code="setup_in_break", operation=name, detail=f"at {begin}")

    def _work(self, together: Sequence[Assignment], begin: int) -> Iterator[Violation]:
        """The work, from `begin` on, ends exactly when it is done: when the longest of it is."""
        modes = [mode for each in together if (mode := self.modes[each.operation]) is not None]
        duration = max((mode.duration_ms for mode in modes), default=0)
        idle = self._idle(together, Phase.RUN)
        for assignment in together:
            name, end = assignment.operation, assignment.end_ms
            operation = self.operations[name]
            worked = idle.working(begin, end)
            wrong = None
            if worked < duration or end < begin:
                wrong = "work_short"
            elif worked > duration or (end > begin and idle.at(end - 1)):
                wrong = "work_long"
            if wrong is not None:
                detail = f"{worked} worked, {duration} needed"
                yield Violation(code=wrong, operation=name, detail=detail)
            if _running(operation) is not None:
                continue
            if idle.at(begin):
                yield Violation(code="starts_in_break", operation=name, detail=f"at {begin}")
            if not operation.interruptible and worked < end - begin:
                detail = f"from {begin} to {end}"
                yield Violation(code="broken", operation=name, detail=detail)

    def _idle(self, together: Sequence[Assignment], phase: Phase) -> Idle:
        """When the machine, or something that is needed with it, is not there."""
        machine = together[0].machine
        if not self.resources:
            return self.idle[machine]
        needed = {
            need.resource
            for each in together
            if (mode := self.modes[each.operation]) is not None
            for need in mode.needs
            if need.phase in (phase, Phase.BOTH) and need.resource in self.resources
        }
        if not needed:
            return self.idle[machine]
        key = machine, frozenset(needed)
        if key not in self.joint:
            gone = [*self.machines[machine].unavailable]
            for resource in needed:
                gone += self.resources[resource].unavailable
            self.joint[key] = Idle(united(gone))
        return self.joint[key]

    def _oven(self, assignment: Assignment) -> bool:
        machine = self.machines.get(assignment.machine)
        return machine is not None and machine.batch_units is not None

    def _setup_ms(self, assignment: Assignment, family: str | None) -> int:
        """What the change from `family` takes, as the problem's documentation has it."""
        wanted = self.operations[assignment.operation].family
        mode = self.modes[assignment.operation]
        usual = mode.setup_ms if mode is not None else 0
        if family is None or wanted is None:
            return usual
        same = 0 if family == wanted else usual
        return self.matrix.get((assignment.machine, family, wanted), same)

    def _look_up(self, assignment: Assignment) -> Mode | None:
        """The mode it is done in; None when there is none on that machine."""
        for mode in self.operations[assignment.operation].modes:
            if mode.machine == assignment.machine and assignment.machine in self.machines:
                return mode
        return None

    def _ranks_before(self, assignment: Assignment, other: Assignment) -> bool:
        return self.ranks[assignment.operation] < self.ranks[other.operation]


def _rank(operation: Operation) -> tuple[int, int]:
    """An operation's rank on its machine: running, frozen, free; and its place there."""
    pin = operation.pin
    if pin is None or pin.kind is PinKind.LOCKED:
        return 2, 0
    return (0 if pin.kind is PinKind.RUNNING else 1), pin.place


def _overlap(before: Assignment, assignment: Assignment) -> Violation:
    return Violation(
        code="overlap",
        operation=assignment.operation,
        other=before.operation,
        detail=f"from {assignment.setup_start_ms}, until {before.end_ms}",
    )


def _running(operation: Operation) -> Pin | None:
    """The pin of an operation that has started."""
    pin = operation.pin
    return pin if pin is not None and pin.kind is PinKind.RUNNING else None


def _alike(one: Operation, other: Operation) -> bool:
    """Whether two operations may share an oven."""
    return (
        one.batch_family is not None
        and one.batch_family == other.batch_family
        and one.family == other.family
    )
