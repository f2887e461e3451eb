"""The plan in force again, with what has happened since: the answer that changes nothing.

Right-shift keeps every operation on its machine and every machine's sequence, and starts an
operation when the plan in force does, or later if it has to: on a machine that is down, behind work
that takes longer, after a predecessor that is late. It never uses time that has become free; that
is a decision, and right-shift takes none. So it is the yardstick for plans that do, and, decoded
with what really happened, the projection of the plan in force.
"""

from __future__ import annotations

from heapq import heappop, heappush

from domain.plan.decoder import DecodeError, Timeline
from domain.plan.indexed import FREE, FROZEN, Indexed
from domain.plan.plan import Plan
from domain.plan.problem import Problem

_Key = tuple[int, int, int, int]


def right_shift(problem: Problem, *, indexed: Indexed | None = None) -> Plan:
    """Decode the sequence of the plan in force again.

    The sequence is that of the starts in the plan in force, as far as precedence and pins agree
    (they do unless they were changed since). Operations that it does not contain come after all
    others, by due date, then weight, each on the machine where it ends first. So does one whose
    machine can do it no more, in its place.

    Args:
        problem: what is planned.
        indexed: the same problem indexed, when the caller has it.

    Raises:
        DecodeError: precedence and pins contradict each other, so that there is no plan.
    """
    indexed = indexed or Indexed(problem)
    return _Shift(indexed).plan()


class _Shift:
    """One right-shift: operations that are ready, by their place in the sequence."""

    def __init__(self, indexed: Indexed) -> None:
        self.indexed = indexed
        self.timeline = Timeline(indexed)
        self.keys = _keys(indexed)
        self.waits_for = [len(before) for before in indexed.after]
        self.ready: list[tuple[_Key, int]] = []
        self.parked: list[tuple[_Key, int]] = []
        self.batches = _batches(indexed)

    def plan(self) -> Plan:
        """Place everything."""
        indexed, timeline = self.indexed, self.timeline
        timeline.place_running()
        for operation, end in enumerate(timeline.ends):
            if end is not None:
                self._release_followers(operation)
            elif not indexed.after[operation]:
                heappush(self.ready, (self.keys[operation], operation))
        while self.ready or self.parked:
            self._step()
        if None in timeline.ends:
            stuck = indexed.operations[timeline.ends.index(None)].id
            raise DecodeError(f"operation {stuck} waits for itself", stuck)
        return timeline.plan()

    def _step(self) -> None:
        """Place the next operation, or park it until what is pinned before it is placed."""
        indexed, timeline = self.indexed, self.timeline
        forced = not self.ready
        if forced:
            # Only operations whose machine waits for a pinned one are left: another machine, then.
            self.ready, self.parked = self.parked, []
        while self.ready:
            entry = heappop(self.ready)
            operation = entry[1]
            mode = self._mode(operation, forced=forced)
            if mode is None:
                self.parked.append(entry)
                continue
            ready = self._ready(operation, mode)
            timeline.place(operation, mode, max(ready, indexed.base_start[operation] or 0))
            self._release_followers(operation)
            if indexed.ranks[operation] == FROZEN or forced:
                for parked in self.parked:
                    heappush(self.ready, parked)
                self.parked = []
            return
        if forced:
            stuck = indexed.operations[self.parked[0][1]].id
            raise DecodeError(f"operation {stuck} waits for one pinned behind it", stuck)

    def _mode(self, operation: int, *, forced: bool) -> tuple[int, int, int] | None:
        """Where it goes now; None when that machine still waits for pinned operations."""
        indexed, timeline = self.indexed, self.timeline
        modes = indexed.modes[operation]
        if indexed.ranks[operation] != FREE:
            return modes[0] if timeline.is_next(operation) else None
        base = indexed.base_machine[operation]
        if not forced:
            if self._is_waited_for(operation):
                return None
            for mode in modes:
                if mode[0] == base:
                    return mode if timeline.is_open(base) else None
        ready = max(timeline.ready(operation) or indexed.now, indexed.base_start[operation] or 0)
        best: tuple[int, tuple[int, int, int]] | None = None
        for mode in modes:
            if timeline.is_open(mode[0]):
                end = timeline.when(operation, mode, ready)[2]
                if best is None or end < best[0]:
                    best = end, mode
        return best[1] if best else None

    def _is_waited_for(self, operation: int) -> bool:
        """Whether something that shares an oven with it cannot be placed yet."""
        return any(
            self.waits_for[each] and self.timeline.ends[each] is None
            for each in self.batches.get(operation, ())
        )

    def _ready(self, operation: int, mode: tuple[int, int, int]) -> int:
        """When it can start there; with what it shares an oven with, when all of that can."""
        timeline = self.timeline
        ready = timeline.ready(operation) or self.indexed.now
        for each in self.batches.get(operation, ()):
            if timeline.ends[each] is None and not self.waits_for[each]:
                ready = max(ready, timeline.ready_on(each, mode) or ready)
        return ready

    def _release_followers(self, operation: int) -> None:
        """Hand on what waited for this operation only."""
        for follower in self.indexed.followers[operation]:
            self.waits_for[follower] -= 1
            if not self.waits_for[follower] and self.timeline.ends[follower] is None:
                heappush(self.ready, (self.keys[follower], follower))
                if follower in self.batches:
                    for parked in self.parked:
                        heappush(self.ready, parked)
                    self.parked = []


def _batches(indexed: Indexed) -> dict[int, list[int]]:
    """What shares an oven in the plan in force, by each operation of a batch that is free."""
    if indexed.extras is None:
        return {}
    room = indexed.extras.room
    found: dict[tuple[int, int, str], list[int]] = {}
    for index, operation in enumerate(indexed.operations):
        machine, start = indexed.base_machine[index], indexed.base_start[index]
        family = operation.batch_family
        if indexed.ranks[index] != FREE or machine is None or start is None or family is None:
            continue
        if room[machine] is not None and any(mode[0] == machine for mode in indexed.modes[index]):
            found.setdefault((machine, start, family), []).append(index)
    return {index: batch for batch in found.values() if len(batch) > 1 for index in batch}


def _keys(indexed: Indexed) -> list[_Key]:
    """Each operation's place in the sequence: frozen, then by baseline start, then what is new."""
    jobs = {job.id: job for job in indexed.problem.jobs}
    keys: list[_Key] = []
    for index, operation in enumerate(indexed.operations):
        start = indexed.base_start[index]
        if indexed.ranks[index] != FREE:
            keys.append((0, 0, 0, operation.id))
        elif start is not None:
            # Of two that start together the one without duration was first.
            base = indexed.base_machine[index]
            work = next((mode[1] for mode in indexed.modes[index] if mode[0] == base), 0)
            if base is not None and indexed.extras is not None and indexed.extras.room[base]:
                # What shares an oven joins the one that takes longest.
                work = -work
            keys.append((1, start, work, operation.id))
        else:
            job = jobs.get(operation.job)
            due = job.due_ms if job else None
            undated = due is None
            keys.append((3 if undated else 2, due or 0, -(job.weight if job else 1), operation.id))
    return keys
