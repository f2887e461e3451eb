"""Why a plan ends a job late: the chain of causes, from its last operation backwards.

An operation ends when it does because of what it waits for last. If its machine is busy, the chain
goes on with the operation before it there; if a predecessor has not ended, with that. A chain ends
where nothing is waited for any more: at a machine that does not work, at a release, or at work that
simply takes its time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from domain.plan.calendar import WorkingTime
from domain.plan.delay import Path, closure_at, mode_of, released_by, shares, turns_of
from domain.plan.metrics import in_sequence
from domain.plan.plan import Assignment, LateCause, LateJob, Plan
from domain.plan.problem import Operation, PinKind, Problem
from domain.plan.setups import Setups

LINKS: Final = 8
"""A longer chain keeps its first links and its last one, the root."""


def late_jobs(
    problem: Problem, plan: Plan, *, only: Collection[int] | None = None
) -> tuple[LateJob, ...]:
    """The jobs that the plan ends after their due dates, the latest first.

    Args:
        problem: what was planned.
        plan: a valid plan for it.
        only: the jobs that are asked about; None: all.
    """
    job_of = {operation.id: operation.job for operation in problem.operations}
    last: dict[int, Assignment] = {}
    for assignment in plan.assignments:
        job = job_of[assignment.operation]
        if job not in last or assignment.end_ms > last[job].end_ms:
            last[job] = assignment
    late = [
        (job, job.due_ms, last[job.id])
        for job in problem.jobs
        if job.due_ms is not None
        and job.id in last
        and last[job.id].end_ms > job.due_ms
        and (only is None or job.id in only)
    ]
    if not late:
        return ()
    causes = _Causes(problem, plan)
    late.sort(key=lambda one: (one[1] - one[2].end_ms, one[0].id))
    return tuple(
        LateJob(
            job=job.id,
            end_ms=end.end_ms,
            due_ms=due_ms,
            chain=causes.chain(end.operation),
            shares=shares(causes.path.spans(end.operation), now_ms=problem.now_ms, due_ms=due_ms),
        )
        for job, due_ms, end in late
    )


class _Causes:
    """What each operation of a plan waits for."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.operations = {operation.id: operation for operation in problem.operations}
        self.placed = {assignment.operation: assignment for assignment in plan.assignments}
        # Machines of a site share one tuple of intervals more often than not.
        calendars = {id(machine.unavailable): machine.unavailable for machine in problem.machines}
        known = {key: WorkingTime(intervals) for key, intervals in calendars.items()}
        self.clocks = {machine.id: known[id(machine.unavailable)] for machine in problem.machines}
        self.running = {
            operation.id
            for operation in problem.operations
            if operation.pin is not None and operation.pin.kind is PinKind.RUNNING
        }
        self.closures = {machine.id: machine.closures for machine in problem.machines}
        self.before: dict[int, Assignment | None] = {}
        self.setup: dict[int, int] = {}
        ordered = in_sequence(plan.assignments, self.running)
        self._sequence(ordered)
        self.links: dict[int, tuple[LateCause, ...]] = {}
        self.roots: dict[int, LateCause] = {}
        self.path = Path(problem, self.operations, self.placed, turns_of(ordered), self.clocks)

    def _sequence(self, ordered: list[Assignment]) -> None:
        """What is before each operation on its machine, and what set-up that makes."""
        setups = Setups(self.problem.setups)
        families = {machine.id: machine.family for machine in self.problem.machines}
        previous: Assignment | None = None
        for each in ordered:
            same = previous is not None and previous.machine == each.machine
            if previous is not None and same and _together(previous, each):
                # In one oven load: it waits for what that waits for.
                self.before[each.operation] = self.before[previous.operation]
                self.setup[each.operation] = self.setup[previous.operation]
                continue
            self.before[each.operation] = previous if same else None
            operation = self.operations[each.operation]
            mode = mode_of(operation, each.machine)
            usual = 0 if mode is None else mode.setup_ms
            self.setup[each.operation] = (
                0
                if each.operation in self.running
                else setups.ms(each.machine, families[each.machine], operation.family, usual)
            )
            families[each.machine] = operation.family
            previous = each

    def chain(self, operation: int) -> tuple[LateCause, ...]:
        """The links from an operation backwards."""
        links: list[LateCause] = []
        seen: set[int] = set()
        following: int | None = operation
        while following is not None and following not in seen and len(links) <= LINKS:
            seen.add(following)
            own = self._known(following)
            links += own
            following = own[-1].behind
        if len(links) > LINKS:
            links[LINKS - 1 :] = [self._root(operation)]
        return tuple(links)

    def _known(self, operation: int) -> tuple[LateCause, ...]:
        """Its links, which are the same in every chain."""
        own = self.links.get(operation)
        if own is None:
            own = self.links[operation] = self._links(self.placed[operation])
        return own

    def _root(self, operation: int) -> LateCause:
        """The last link of the chain from an operation on.

        Chains come together soon, so what they come from is remembered: a chain of a busy shop is
        hundreds of links long, and hundreds of jobs are late. Where one comes back to itself its
        end depends on where it was entered.
        """
        way: dict[int, None] = {}
        following = operation
        while following not in self.roots:
            way[following] = None
            last = self._known(following)[-1]
            if last.behind in way:
                return last
            if last.behind is None:
                self.roots[following] = last
            else:
                following = last.behind
        root = self.roots[following]
        self.roots.update(dict.fromkeys(way, root))
        return root

    def _links(self, each: Assignment) -> tuple[LateCause, ...]:
        """Why an operation ends when it does, from its end backwards."""
        links = self._of_running(each) if each.operation in self.running else self._of_other(each)
        found = tuple(link for link in links if link is not None)
        if found:
            return found
        begin = max(each.setup_start_ms, self.problem.now_ms)
        return (self._cause(each, "work", since_ms=begin, wait_ms=max(each.end_ms - begin, 0)),)

    def _of_running(self, each: Assignment) -> Iterator[LateCause | None]:
        """It goes on now, or behind another one that has started there, too."""
        now = self.problem.now_ms
        before = self.before[each.operation]
        begin = max(now, before.end_ms if before else 0)
        yield self._unavailable(each, begin, each.end_ms)
        if before is not None and before.end_ms > now:
            yield self._busy(each, before, since_ms=now, wait_ms=before.end_ms - now)

    def _of_other(self, each: Assignment) -> Iterator[LateCause | None]:
        """Breaks in its work, breaks before it, and what let it wait until then."""
        yield self._unavailable(each, each.start_ms, each.end_ms)
        now = self.problem.now_ms
        operation = self.operations[each.operation]
        before = self.before[each.operation]
        clock = self.clocks[each.machine]
        free = max(now, before.end_ms) if before else now
        set_up = clock.advance(free, self.setup[each.operation])
        predecessor, arrived = self._predecessor(operation, each)
        ready = max(now, operation.release_ms, arrived)
        possible = max(set_up, ready)
        mode = mode_of(operation, each.machine)
        duration = 0 if mode is None else mode.duration_ms
        possible = (
            clock.next(possible) if operation.interruptible else clock.fits(possible, duration)
        )
        if each.start_ms > possible:
            # The plan starts it later than it has to; that is a decision, not an effect.
            yield from self._held(each, possible)
        elif set_up > ready:
            yield self._unavailable(each, max(free, ready), each.start_ms)
            if before is not None and before.end_ms > now:
                wait = before.end_ms - ready if before.end_ms > ready else set_up - ready
                yield self._busy(each, before, since_ms=ready, wait_ms=wait)
        else:
            yield self._unavailable(each, ready, each.start_ms)
            if ready > now:
                arrives = predecessor is not None and arrived == ready
                yield self._cause(
                    each,
                    "predecessor" if arrives else released_by(operation),
                    behind=predecessor if arrives else None,
                    since_ms=set_up,
                    wait_ms=ready - set_up,
                )

    def _unavailable(self, each: Assignment, begin: int, end: int) -> LateCause | None:
        """The longest time between two moments in which the machine does not work."""
        clock = self.clocks[each.machine]
        index = bisect_right(clock.ends, begin)
        if index == len(clock.starts) or clock.starts[index] >= end:
            return None
        worst: tuple[int, int] | None = None
        while index < len(clock.starts) and clock.starts[index] < end:
            stops = max(clock.starts[index], begin)
            lost = min(clock.ends[index], end) - stops
            if worst is None or lost > worst[0]:
                worst = lost, stops
            index += 1
        if worst is None:
            return None
        closure = closure_at(self.closures[each.machine], worst[1])
        link = self._cause(each, "unavailable", since_ms=worst[1], wait_ms=worst[0])
        return link if closure is None else msgspec.structs.replace(link, closure=closure)

    def _held(self, each: Assignment, possible: int) -> Iterator[LateCause]:
        """It starts later than machine and pieces let it: others have what it needs, or it is so.

        What the plan does without need is a decision, not an effect.
        """
        wait = each.start_ms - possible
        others = [*self.path.held_by_others(each, possible, each.start_ms)]
        if not others:
            yield self._cause(each, "held", since_ms=possible, wait_ms=wait)
            return
        begins, _, resource, holder = others[-1]
        link = self._cause(each, "resource", behind=holder, since_ms=begins, wait_ms=wait)
        yield msgspec.structs.replace(link, resource=resource)

    def _predecessor(self, operation: Operation, each: Assignment) -> tuple[int | None, int]:
        """Which predecessor's pieces come last, and when."""
        latest: tuple[int | None, int] = (None, 0)
        for link in operation.after:
            arrival = self.path.ways.arrival(link, self.placed[link.operation], each)
            if arrival > latest[1]:
                latest = link.operation, arrival
        return latest

    def _busy(
        self, each: Assignment, before: Assignment, *, since_ms: int, wait_ms: int
    ) -> LateCause:
        return self._cause(
            each, "machine_busy", behind=before.operation, since_ms=since_ms, wait_ms=wait_ms
        )

    def _cause(
        self,
        each: Assignment,
        cause: str,
        *,
        since_ms: int,
        wait_ms: int,
        behind: int | None = None,
    ) -> LateCause:
        return LateCause(
            operation=each.operation,
            machine=each.machine,
            cause=cause,
            behind=behind,
            since_ms=since_ms,
            wait_ms=wait_ms,
        )


def _together(one: Assignment, other: Assignment) -> bool:
    """Whether two operations on a machine are one load; those without length are none."""
    return one.start_ms < one.end_ms and (one.setup_start_ms, one.start_ms, one.end_ms) == (
        other.setup_start_ms,
        other.start_ms,
        other.end_ms,
    )
