"""How a job's delay divides among what caused it: shares that add up to the delay.

A job's path leads from its last operation back over what each operation waited for to come before
it, to now. Every moment between now and the job's end belongs to one span of the path: work, a
way between two operations, or a wait for something. Work and ways have to be; the time that they
leave until the due date is slack. The waits have used the slack up and have made the delay: each
has its part of the delay in proportion to its length. What the work alone takes beyond the time
that there was is the work's own share, and what was overdue before is told apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from domain.plan.calendar import WorkingTime
from domain.plan.plan import Assignment, DelayShare
from domain.plan.problem import (
    Closure,
    Mode,
    Operation,
    Phase,
    PinKind,
    Precedence,
    Problem,
    ReleaseKind,
)

NEEDED: Final = frozenset({"work", "way"})
"""What a job's path is made of when nothing is waited for."""


_Key: TypeAlias = tuple[str, int, int, int | None, int | None, str | None]


class Span(msgspec.Struct, frozen=True, gc=False):
    """A part of a job's path: why it did not go on between two moments, or that it did."""

    cause: str
    operation: int
    machine: int
    behind: int | None
    start_ms: int
    end_ms: int
    resource: int | None = None
    closure: str | None = None

    @property
    def key(self) -> _Key:
        """What it is counted under."""
        return self.cause, self.operation, self.machine, self.behind, self.resource, self.closure


class Ways:
    """When pieces of predecessors are there: cooling, travelling, handed on in batches."""

    def __init__(self, problem: Problem) -> None:
        self._sites = {machine.id: machine.site for machine in problem.machines}
        self._travels = bool(problem.transports)
        self._transports = {
            (way.from_site, way.to_site): way.transport_ms for way in problem.transports
        }

    def lag_ms(self, link: Precedence, from_machine: int, to_machine: int) -> int:
        """How long pieces are under way between two machines."""
        if not self._travels:
            return link.lag_ms
        sites = self._sites[from_machine], self._sites[to_machine]
        if None in sites:
            return link.lag_ms
        return link.lag_ms + self._transports.get((sites[0] or 0, sites[1] or 0), 0)

    def arrival(self, link: Precedence, before: Assignment, each: Assignment) -> int:
        """When there is enough of a predecessor's pieces for an operation to start."""
        comes = before.end_ms + self.lag_ms(link, before.machine, each.machine)
        return comes if link.overlap is None else min(comes, each.start_ms)


class Path:
    """The spans of jobs' paths in one plan.

    Args:
        problem: what was planned.
        operations: its operations by id.
        placed: where the plan has each of them.
        turns: the sequence of each machine.
        clocks: machines' working time.
    """

    def __init__(
        self,
        problem: Problem,
        operations: Mapping[int, Operation],
        placed: Mapping[int, Assignment],
        turns: Mapping[int, Sequence[Assignment]],
        clocks: Mapping[int, WorkingTime],
    ) -> None:
        self._now_ms = problem.now_ms
        self._operations = operations
        self._placed = placed
        self._turns = turns
        self._clocks = clocks
        self._ends = {machine: [each.end_ms for each in there] for machine, there in turns.items()}
        self._closures = {machine.id: machine.closures for machine in problem.machines}
        self._holders = _holders(problem, operations, placed)
        self.ways = Ways(problem)

    def spans(self, operation: int) -> list[Span]:
        """The path to an operation's end, from there backwards; without a gap."""
        found: list[Span] = []
        following: int | None = operation
        until: int | None = None
        while following is not None:
            each = self._placed[following]
            subject = self._operations[following]
            end = each.end_ms if until is None else min(until, each.end_ms)
            link, arrived = (None, self._now_ms) if _runs(subject) else self._arrival(subject, each)
            part: list[Span] = []
            if link is None:
                self._of(part, each, arrived, end)
                following = None
            else:
                before = self._placed[link.operation]
                lag_ms = self.ways.lag_ms(link, before.machine, each.machine)
                left = min(max(arrived - lag_ms, self._now_ms), arrived)
                if left < arrived:
                    part.append(_span("way", each, left, arrived))
                self._of(part, each, arrived, end)
                following, until = before.operation, left
            part.reverse()
            found += part
        return found

    def _arrival(self, operation: Operation, each: Assignment) -> tuple[Precedence | None, int]:
        """Whose pieces come last, and when; nobody's when that is no later than now.

        Of a predecessor that hands on in batches and still works when this one starts, all is there
        when it starts; what it waits for then is that one's path up to there.
        """
        latest: Precedence | None = None
        arrived = self._now_ms
        for link in operation.after:
            comes = self.ways.arrival(link, self._placed[link.operation], each)
            if comes > arrived:
                latest, arrived = link, comes
        return latest, arrived

    # What follows is done for every wait of every late job: it appends spans that have a length,
    # and makes no others.

    def _of(self, part: list[Span], each: Assignment, arrived: int, end: int) -> None:
        """An operation's part of the path, from when its pieces are there: its waits, its work."""
        operation = self._operations[each.operation]
        begun = min(max(each.start_ms, arrived), end)
        since = arrived
        if not _runs(operation):
            since = min(max(operation.release_ms, arrived), begun)
            if since > arrived:
                part.append(_span(released_by(operation), each, arrived, since))
        self._waits(part, each, since, begun)
        self._cut(part, _span("work", each, begun, end))

    def _waits(self, part: list[Span], each: Assignment, since: int, until: int) -> None:
        """What an operation that could begin waits for, moment by moment."""
        at = since
        turns = self._turns[each.machine]
        index = bisect_right(self._ends[each.machine], since)
        while at < until and index < len(turns) and turns[index].operation != each.operation:
            other = turns[index]
            begins = min(max(other.setup_start_ms, at), until)
            if begins > at:
                self._own(part, each, at, begins)
            ends = min(max(other.end_ms, begins), until)
            self._cut(part, _span("machine_busy", each, begins, ends, behind=other.operation))
            at = max(at, ends)
            index += 1
        if at < until:
            self._own(part, each, at, until)

    def _own(self, part: list[Span], each: Assignment, since: int, until: int) -> None:
        """Time that nothing else is on the machine: set-up, a resource, or the plan's decision."""
        set_up = min(max(each.setup_start_ms, since), until)
        at = since
        for begins, ends, resource, holder in self.held_by_others(each, since, set_up):
            self._cut(part, _span("held", each, at, begins))
            held = _span("resource", each, begins, ends, behind=holder)
            self._cut(part, msgspec.structs.replace(held, resource=resource))
            at = ends
        self._cut(part, _span("held", each, at, set_up))
        self._cut(part, _span("setup", each, set_up, until))

    def held_by_others(
        self, each: Assignment, since: int, until: int
    ) -> Iterator[tuple[int, int, int, int]]:
        """When others have a resource that it needs, piece by piece: from, until, which, who."""
        if not self._holders or until <= since:
            return
        mode = mode_of(self._operations[each.operation], each.machine)
        found: list[tuple[int, int, int, int]] = []
        for need in mode.needs if mode is not None else ():
            for begins, ends, holder in self._holders.get(need.resource, ()):
                if holder != each.operation and begins < until and ends > since:
                    found.append((max(begins, since), min(ends, until), need.resource, holder))
        found.sort()
        at = since
        for begins, ends, resource, holder in found:
            if ends > at:
                yield max(begins, at), ends, resource, holder
                at = ends

    def _cut(self, part: list[Span], span: Span) -> None:
        """The span without the times in which its machine does not work, and those times."""
        at, until = span.start_ms, span.end_ms
        if at >= until:
            return
        clock = self._clocks[span.machine]
        index = bisect_right(clock.ends, at)
        if index == len(clock.starts) or clock.starts[index] >= until:
            part.append(span)
            return
        while index < len(clock.starts) and clock.starts[index] < until:
            stops = max(clock.starts[index], at)
            if at < stops:
                part.append(msgspec.structs.replace(span, start_ms=at, end_ms=stops))
            at = min(clock.ends[index], until)
            closure = closure_at(self._closures[span.machine], stops)
            part.append(
                Span("unavailable", span.operation, span.machine, None, stops, at, closure=closure)
            )
            index += 1
        if at < until:
            part.append(msgspec.structs.replace(span, start_ms=at))


def shares(spans: Iterable[Span], *, now_ms: int, due_ms: int) -> tuple[DelayShare, ...]:
    """The delay of the job that a path belongs to, divided; the greatest share first.

    Args:
        spans: the path, from its end backwards (`Path.spans`), up to an end after `due_ms`.
        now_ms: where the path begins.
        due_ms: when it should have ended.

    Returns:
        Shares above 0 that add up to the delay.
    """
    waits: dict[_Key, int] = defaultdict(int)
    since: dict[_Key, int] = {}
    needed = 0
    end_ms = now_ms
    worker: Span | None = None
    for span in spans:
        end_ms = max(end_ms, span.end_ms)
        length = span.end_ms - span.start_ms
        if span.cause in NEEDED:
            needed += length
            worker = worker or span
            continue
        key = span.key
        waits[key] += length
        since[key] = min(since.get(key, span.start_ms), span.start_ms)
    overdue = min(max(now_ms - due_ms, 0), end_ms - due_ms)
    beyond = max(needed - max(due_ms - now_ms, 0), 0)
    keys = list(waits)
    parts = apportion(end_ms - due_ms - overdue - beyond, [waits[key] for key in keys])
    found = [
        DelayShare(
            cause=key[0],
            operation=key[1],
            machine=key[2],
            behind=key[3],
            resource=key[4],
            closure=key[5],
            since_ms=since[key],
            wait_ms=waits[key],
            share_ms=part,
        )
        for key, part in zip(keys, parts, strict=True)
    ]
    if overdue:
        found.append(DelayShare(cause="overdue", since_ms=due_ms, share_ms=overdue))
    if beyond and worker is not None:
        found.append(
            DelayShare(
                cause="work",
                operation=worker.operation,
                machine=worker.machine,
                since_ms=now_ms,
                wait_ms=needed,
                share_ms=beyond,
            )
        )
    found.sort(key=lambda share: -share.share_ms)
    return tuple(share for share in found if share.share_ms > 0)


def apportion(total: int, parts: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to `parts` that add up to `total` (largest remainders).

    Args:
        total: at least 0.
        parts: at least 0 each; without any above 0 everything is 0.
    """
    whole = sum(parts)
    if not whole or total <= 0:
        return [0] * len(parts)
    found = [total * part // whole for part in parts]
    left = total - sum(found)
    order = sorted(range(len(parts)), key=lambda index: -(total * parts[index] % whole))
    for index in order[:left]:
        found[index] += 1
    return found


def turns_of(assignments: Iterable[Assignment]) -> dict[int, list[Assignment]]:
    """Each machine's assignments, given in the order in which machines work on them."""
    turns: dict[int, list[Assignment]] = defaultdict(list)
    for each in assignments:
        turns[each.machine].append(each)
    return turns


def released_by(operation: Operation) -> str:
    """The cause of a wait for an operation's release: `material` or `release`."""
    return "material" if operation.release_kind is ReleaseKind.MATERIAL else "release"


def closure_at(closures: Sequence[Closure], moment: int) -> str | None:
    """Why a machine does not work at a moment, where somebody said so."""
    for closure in closures:
        if closure.start_ms <= moment < closure.end_ms:
            return closure.kind.value
    return None


def mode_of(operation: Operation, machine: int) -> Mode | None:
    """How an operation is done on a machine; None where it is not."""
    for mode in operation.modes:
        if mode.machine == machine:
            return mode
    return None


def _runs(operation: Operation) -> bool:
    return operation.pin is not None and operation.pin.kind is PinKind.RUNNING


def _span(
    cause: str, each: Assignment, start_ms: int, end_ms: int, *, behind: int | None = None
) -> Span:
    return Span(cause, each.operation, each.machine, behind, start_ms, end_ms)


def _holders(
    problem: Problem, operations: Mapping[int, Operation], placed: Mapping[int, Assignment]
) -> dict[int, list[tuple[int, int, int]]]:
    """When each resource is held, and by whom: from, until, operation; by resource."""
    held: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    if not problem.resources:
        return held
    for each in placed.values():
        mode = mode_of(operations[each.operation], each.machine)
        for need in mode.needs if mode is not None else ():
            begins = each.start_ms if need.phase is Phase.RUN else each.setup_start_ms
            ends = each.start_ms if need.phase is Phase.SETUP else each.end_ms
            if ends > begins:
                held[need.resource].append((begins, ends, each.operation))
    return held
