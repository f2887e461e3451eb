"""What would help a late job: single changes, each tried out by decoding the plan again.

Nothing is guessed. From the root of what makes the job late towards its end, each link of the
chain names changes: an overtime shift where a machine does not work or is busy, another machine, an
earlier turn, earlier material, one more of a tool, the work split between two machines. Each is
made in the problem or in the plan's turns alone, everything else keeps its machine and its turn,
and what the decoder makes of it is compared with what it makes of the plan as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

import msgspec

from domain.plan.changing import more_of, opened, split, with_machine, with_operation
from domain.plan.decoder import decode
from domain.plan.delay import mode_of
from domain.plan.indexed import ProblemError
from domain.plan.metrics import job_ends
from domain.plan.plan import Assignment, LateCause, LateJob, Plan
from domain.plan.problem import Interval, Problem
from domain.plan.turns import Turns, movable, turns_of

MOST_TRIED: Final = 16
"""So many changes are tried for a job."""
SHOWN: Final = 3
"""So many that help are told."""
OVERTIME_MS: Final = 8 * 3_600_000
"""An overtime shift is no longer."""
LEAST_GAIN_MS: Final = 60_000
"""What brings less than a minute does not help."""
_LATER_SHOWN: Final = 3


class HelpKind(enum.StrEnum):
    """A change that could make a job earlier."""

    CLOSE_UP = "close_up"
    """Nothing but a new plan: work starts as early as it can now."""
    OVERTIME = "overtime"
    """The machine works in a time in which it would not."""
    OTHER_MACHINE = "other_machine"
    """The operation goes to another machine that can do it."""
    AHEAD = "ahead"
    """The operation takes its turn before others that it waits for."""
    EARLIER_MATERIAL = "earlier_material"
    """What it waits for is there now."""
    MORE_OF_RESOURCE = "more_of_resource"
    """There is one more of a tool or of the people."""
    SPLIT = "split"
    """Part of the pieces is made on another machine at the same time."""


class JobShift(msgspec.Struct, frozen=True, kw_only=True):
    """A job that ends later by `by_ms`; `late_ms` is how late it is then, 0 if in time."""

    job: int
    by_ms: int
    late_ms: int


class Help(msgspec.Struct, frozen=True, kw_only=True):
    """What one change brings.

    Attributes:
        kind: what change.
        operation: which one is moved or waits for less; None where it is about all.
        machine: where it goes, or which machine works longer.
        from_machine: where it is moved away from, or split off.
        behind: the operation that it goes ahead of.
        resource: of which one more is there.
        from_ms, until_ms: the overtime, or for how long there is one more; for material, now and
            when it would have come.
        gain_ms: by how much the job ends earlier, at least a minute.
        end_ms: when it ends then.
        later: other jobs that end later by a minute or more, the most first; a few of them.
        later_jobs: how many there are.
    """

    kind: HelpKind
    operation: int | None = None
    machine: int | None = None
    from_machine: int | None = None
    behind: int | None = None
    resource: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    gain_ms: int = 0
    end_ms: int = 0
    later: tuple[JobShift, ...] = ()
    later_jobs: int = 0


class _Try(msgspec.Struct, frozen=True):
    """A change to be tried: what it is, the problem and the turns with it."""

    help: Help
    problem: Problem
    turns: Turns


def helps(
    problem: Problem,
    plan: Plan,
    late: LateJob,
    *,
    enough: Callable[[], bool] = lambda: False,
    down: Collection[int] = (),
) -> tuple[Help, ...]:
    """The changes that bring a late job most, the best first; SHOWN at most.

    Args:
        problem: what was planned.
        plan: a valid plan of it.
        late: the job, with its chain in that plan.
        enough: says when no further change is to be tried.
        down: machines that are down: they do not work overtime before they are repaired.
    """
    turns = turns_of(problem, plan)
    try:
        base = decode(problem, turns.sequence(problem))
    except ProblemError:
        return ()
    ends = job_ends(problem, base)
    found: list[Help] = []
    if late.end_ms - ends[late.job] >= LEAST_GAIN_MS:
        gain_ms = late.end_ms - ends[late.job]
        found.append(Help(kind=HelpKind.CLOSE_UP, gain_ms=gain_ms, end_ms=ends[late.job]))
    tried: set[Help] = set()
    for each in _Changes(problem, base, turns, set(down)).of(late.chain):
        if each.help in tried:
            continue
        if len(tried) >= MOST_TRIED or enough():
            break
        tried.add(each.help)
        help_ = _tried(each, late.job, ends)
        if help_ is not None:
            found.append(help_)
    return _best(found)


def _tried(each: _Try, job: int, before: dict[int, int]) -> Help | None:
    """What a change brings the job; None when it is nothing, or cannot be."""
    try:
        plan = decode(each.problem, each.turns.sequence(each.problem))
    except ProblemError:
        return None
    after = job_ends(each.problem, plan)
    gain_ms = before[job] - after[job]
    if gain_ms < LEAST_GAIN_MS:
        return None
    later = job_shifts(each.problem, before, after)
    return msgspec.structs.replace(
        each.help,
        gain_ms=gain_ms,
        end_ms=after[job],
        later=tuple(later[:_LATER_SHOWN]),
        later_jobs=len(later),
    )


def job_shifts(problem: Problem, before: dict[int, int], after: dict[int, int]) -> list[JobShift]:
    """The jobs that end later by a minute or more, the most first."""
    dues = {job.id: job.due_ms for job in problem.jobs}
    found = [
        JobShift(
            job=job,
            by_ms=after[job] - end_ms,
            late_ms=max(after[job] - due_ms, 0) if (due_ms := dues.get(job)) is not None else 0,
        )
        for job, end_ms in before.items()
        if job in after and after[job] - end_ms >= LEAST_GAIN_MS
    ]
    return sorted(found, key=lambda shift: (-shift.by_ms, shift.job))


def _best(found: Iterable[Help]) -> tuple[Help, ...]:
    """The best of each kind, then the best of the others; by what they bring, and whom they hurt.

    Somebody who cannot have overtime wants to know what else there is.
    """
    ranked = sorted(found, key=lambda each: (-each.gain_ms, each.later_jobs))
    kinds: set[HelpKind] = set()
    seen: set[tuple[HelpKind, int | None, int | None]] = set()
    best: list[Help] = []
    others: list[Help] = []
    for each in ranked:
        key = each.kind, each.operation, each.machine
        if key in seen:
            continue
        seen.add(key)
        (others if each.kind in kinds else best).append(each)
        kinds.add(each.kind)
    chosen = [*best, *others][:SHOWN]
    return tuple(sorted(chosen, key=lambda each: (-each.gain_ms, each.later_jobs)))


class _Changes:
    """The changes that a chain's links suggest, from the root on."""

    def __init__(self, problem: Problem, plan: Plan, turns: Turns, down: set[int]) -> None:
        self.problem = problem
        self.turns = turns
        self.down = down
        self.placed = {each.operation: each for each in plan.assignments}
        self.operations = {operation.id: operation for operation in problem.operations}
        self.machines = {machine.id: machine for machine in problem.machines}
        self.movable = movable(problem)

    def of(self, chain: Iterable[LateCause]) -> Iterator[_Try]:
        """Changes link by link; the root's first."""
        for link in reversed(tuple(chain)):
            each = self.placed[link.operation]
            if link.cause in ("material", "release"):
                yield from self._earlier_material(each)
            if link.cause == "resource":
                yield from self._more_of(each, link)
            if link.cause in ("machine_busy", "unavailable", "work"):
                yield from self._overtime(each)
            if link.operation in self.movable:
                if link.cause == "machine_busy":
                    yield from self._ahead(each, link.behind)
                yield from self._elsewhere(each)
                if link.cause in ("work", "unavailable"):
                    yield from self._split(each)

    def _ready(self, each: Assignment) -> int:
        """When an operation could start if its machine were free."""
        operation = self.operations[each.operation]
        arrivals = [self.placed[link.operation].end_ms + link.lag_ms for link in operation.after]
        return max(self.problem.now_ms, operation.release_ms, *arrivals)

    def _first_later(self, machine: int, moment: int, *, but: int) -> int | None:
        """The first operation of a machine that may wait and is not over by then."""
        for other in self.turns.queues.get(machine, ()):
            if other != but and other in self.movable and self.placed[other].end_ms > moment:
                return other
        return None

    def _overtime(self, each: Assignment) -> Iterator[_Try]:
        """The machine works through the first time in which it would not, up to a shift."""
        machine = self.machines[each.machine]
        now_ms = self.problem.now_ms
        for closed in machine.unavailable:
            if closed.end_ms <= now_ms:
                continue
            if closed.start_ms >= each.end_ms:
                return
            if closed.start_ms <= now_ms and machine.id in self.down:
                continue
            begins = max(closed.start_ms, now_ms)
            # Work that goes on from the shift before comes first; what is opened later is opened
            # right before the next one.
            shift = Interval(begins, min(closed.end_ms, begins + OVERTIME_MS))
            yield _Try(
                Help(
                    kind=HelpKind.OVERTIME,
                    operation=each.operation,
                    machine=machine.id,
                    from_ms=shift.start_ms,
                    until_ms=shift.end_ms,
                ),
                with_machine(self.problem, opened(machine, shift)),
                self.turns,
            )
            return

    def _elsewhere(self, each: Assignment) -> Iterator[_Try]:
        """Another machine, as soon as the operation is ready, or at the time it has now."""
        for mode in self.operations[each.operation].modes:
            if mode.machine == each.machine:
                continue
            for moment in (self._ready(each), each.start_ms):
                before = self._first_later(mode.machine, moment, but=each.operation)
                yield _Try(
                    Help(
                        kind=HelpKind.OTHER_MACHINE,
                        operation=each.operation,
                        machine=mode.machine,
                        from_machine=each.machine,
                        behind=before,
                    ),
                    self.problem,
                    self.turns.placed(each.operation, mode.machine, before=before, start_ms=moment),
                )

    def _ahead(self, each: Assignment, behind: int | None) -> Iterator[_Try]:
        """An earlier turn: as soon as it is ready, or right before what it waits for."""
        ready = self._ready(each)
        first = self._first_later(each.machine, ready, but=each.operation)
        for other in dict.fromkeys((first, behind)):
            if other is None or other not in self.movable:
                continue
            if self.placed[other].end_ms > each.start_ms:
                continue
            yield _Try(
                Help(
                    kind=HelpKind.AHEAD,
                    operation=each.operation,
                    machine=each.machine,
                    behind=other,
                ),
                self.problem,
                self.turns.placed(each.operation, each.machine, before=other, start_ms=ready),
            )

    def _earlier_material(self, each: Assignment) -> Iterator[_Try]:
        operation = self.operations[each.operation]
        if operation.release_ms <= self.problem.now_ms:
            return
        yield _Try(
            Help(
                kind=HelpKind.EARLIER_MATERIAL,
                operation=operation.id,
                machine=each.machine,
                from_ms=self.problem.now_ms,
                until_ms=operation.release_ms,
            ),
            with_operation(
                self.problem, msgspec.structs.replace(operation, release_ms=self.problem.now_ms)
            ),
            self.turns,
        )

    def _more_of(self, each: Assignment, link: LateCause) -> Iterator[_Try]:
        """One more of what is waited for, from when it is wanted until the work is over."""
        short = next((one for one in self.problem.resources if one.id == link.resource), None)
        if short is None:
            return
        begins = self.problem.now_ms if link.since_ms is None else link.since_ms
        span = Interval(max(begins, self.problem.now_ms), each.end_ms)
        if span.start_ms >= span.end_ms:
            return
        yield _Try(
            Help(
                kind=HelpKind.MORE_OF_RESOURCE,
                operation=link.operation,
                machine=link.machine,
                resource=link.resource,
                from_ms=span.start_ms,
                until_ms=span.end_ms,
            ),
            more_of(self.problem, short, span),
            self.turns,
        )

    def _split(self, each: Assignment) -> Iterator[_Try]:
        """Part of the pieces on the fastest other machine, so that both take about as long."""
        operation = self.operations[each.operation]
        here = mode_of(operation, each.machine)
        others = [mode for mode in operation.modes if mode.machine != each.machine]
        if here is None or not others or operation.pin is not None or operation.pieces == 1:
            return
        other = min(others, key=lambda mode: mode.duration_ms)
        problem, part = split(self.problem, operation, here, other)
        ready = self._ready(each)
        before = self._first_later(other.machine, ready, but=each.operation)
        yield _Try(
            Help(
                kind=HelpKind.SPLIT,
                operation=operation.id,
                machine=other.machine,
                from_machine=each.machine,
            ),
            problem,
            self.turns.placed(part, other.machine, before=before, start_ms=ready),
        )
