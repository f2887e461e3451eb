"""Plans by dispatching rules: fast, feasible, and often good.

Operations are appended one at a time. Of all that are ready, the one that can end first names the
machine; of those that compete with it for that machine (they could start before it ends) the rule
picks one (Giffler & Thompson 1960, on the machines that operations would choose now). An operation
chooses the machine where it ends first, with the price of stability added: what the policy says a
reassignment, a moved start and a set-up cost, in time of tardiness.

A rule that keeps leaves all work where it is that right-shift neither delays nor ends late. What is
affected chooses again: the machine where tardiness, reassignment, moved start and set-up cost
least. Neither starts earlier than before, unless that was too late for its job. New work is free.
In the order of the plan in force that is a repair: it moves little, and ends less late than
right-shift as long as there is room. Where there is little, a gentle one moves less still.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

import msgspec

from domain.plan.decoder import DecodeError, Timeline
from domain.plan.indexed import FREE, FROZEN, Indexed
from domain.plan.metrics import MINUTE_MS, job_ends, metrics, ranking
from domain.plan.plan import Metrics, Plan
from domain.plan.priorities import Order, Urgency
from domain.plan.problem import Problem
from domain.plan.right_shift import right_shift

_Mode = tuple[int, int, int]


class Rule(msgspec.Struct, frozen=True):
    """A way to dispatch.

    Attributes:
        order: who comes first.
        keep: whether unaffected work stays where the plan in force has it.
        gentle: whether what goes to another machine pays for the delay of what is planned there
            next. Of meaning only for a rule that keeps.
    """

    order: Order
    keep: bool = False
    gentle: bool = False

    @property
    def name(self) -> str:
        """How a plan's method names it."""
        kept = ("_gentle" if self.gentle else "_keep") if self.keep else ""
        return f"dispatch:{self.order}{kept}"


RULES: Final = (
    Rule(Order.PLANNED, keep=True),
    Rule(Order.PLANNED, keep=True, gentle=True),
    Rule(Order.EDD),
    Rule(Order.ATC),
    Rule(Order.PLANNED_DUE, keep=True),
    Rule(Order.PLANNED),
    Rule(Order.ATC, keep=True),
    Rule(Order.EDD, keep=True),
    Rule(Order.SPT, keep=True),
    Rule(Order.SLACK),
    Rule(Order.CR),
    Rule(Order.SPT),
    Rule(Order.MWR),
)
"""All rules, the most promising first: whoever has little time takes a few from the front."""


def dispatch(
    problem: Problem,
    rule: Rule,
    *,
    indexed: Indexed | None = None,
    shifted: Plan | None = None,
) -> Plan:
    """A plan by the rule.

    Args:
        problem: what is planned.
        rule: how.
        indexed: the same problem indexed, when the caller has it.
        shifted: its right-shift, when the caller has it; only rules that keep need one.

    Raises:
        DecodeError: precedence and pins contradict each other, so that there is no plan.
    """
    indexed = indexed or Indexed(problem)
    kept: set[int] = set()
    if rule.keep:
        kept = unaffected(problem, shifted or right_shift(problem, indexed=indexed))
    return _Dispatch(indexed, rule, kept).plan()


def best(problem: Problem, candidates: Iterable[tuple[str, Plan]]) -> tuple[str, Plan, Metrics]:
    """The candidate of the lowest cost, with its metrics; the first of equals.

    Args:
        problem: what was planned.
        candidates: plans with what found them; at least one.
    """
    judged = [(method, plan, metrics(problem, plan)) for method, plan in candidates]
    return min(judged, key=lambda candidate: ranking(problem, candidate[1]))


def unaffected(problem: Problem, shifted: Plan) -> set[int]:
    """The operations that right-shift neither moves by more than the tolerance nor ends late."""
    ends = job_ends(problem, shifted)
    late = {
        job.id
        for job in problem.jobs
        if job.due_ms is not None and ends.get(job.id, 0) > job.due_ms
    }
    job_of = {operation.id: operation.job for operation in problem.operations}
    tolerance = problem.policy.move_tolerance_ms
    return {
        each.operation
        for each in shifted.assignments
        if (before := problem.baseline.get(each.operation)) is not None
        and before.machine == each.machine
        and each.start_ms - before.start_ms <= tolerance
        and job_of[each.operation] not in late
    }


class _Choice(msgspec.Struct, frozen=True, gc=False):
    """Where an operation would go, and when it would end there.

    Attributes:
        mode: where.
        end: when, if nothing else is appended there before.
        version: how often the machine had been appended to when it chose.
    """

    mode: _Mode
    end: int
    version: int


class _Dispatch:
    """One run of one rule."""

    def __init__(self, indexed: Indexed, rule: Rule, kept: set[int]) -> None:
        self.indexed = indexed
        self.order = rule.order
        self.urgency = Urgency(indexed)
        self.timeline = Timeline(indexed)
        self.kept = [operation.id in kept for operation in indexed.operations]
        self.by_cost = rule.keep
        self.waits_for = [len(before) for before in indexed.after]
        self.ready_at: dict[int, int] = {}
        self.choices: dict[int, _Choice] = {}
        self.heap: list[tuple[int, int]] = []
        # Who would choose each machine now, and how often the machine has been appended to.
        self.lanes: list[set[int]] = [set() for _ in indexed.machines]
        self.versions = [0] * len(indexed.machines)
        # Who waits until what is pinned to its machines is placed.
        self.closed: set[int] = set()
        self.begun = False
        self.planned = _planned(indexed) if rule.keep and rule.gentle else []

    def plan(self) -> Plan:
        """Place everything."""
        indexed, timeline = self.indexed, self.timeline
        timeline.place_running()
        for operation, end in enumerate(list(timeline.ends)):
            if end is not None:
                self._release_followers(operation)
            elif not indexed.after[operation]:
                self._is_ready(operation)
        # Only now is it known which machines are open.
        self.begun = True
        self._choose_again()
        while self.heap:
            end, operation = heappop(self.heap)
            choice = self.choices.get(operation)
            if choice is None or choice.end != end:
                continue
            if choice.version != self.versions[choice.mode[0]] or self._is_stale(operation, choice):
                # The machine ends later than when it chose; another may be better by now.
                self._choose(operation)
                continue
            winner = self._winner(operation)
            if winner != operation:
                heappush(self.heap, (end, operation))
            self._append(winner)
        if None in timeline.ends:
            stuck = indexed.operations[timeline.ends.index(None)].id
            raise DecodeError(f"operation {stuck} waits for one pinned behind it", stuck)
        return timeline.plan()

    def _winner(self, first: int) -> int:
        """Whom the rule prefers of those that could start on its machine before `first` ends."""
        machine = self.choices[first].mode[0]
        end = self.choices[first].end
        timeline, ready_at, choices = self.timeline, self.ready_at, self.choices
        free = timeline.free[machine]
        contest: list[tuple[float, int, int]] = []
        for rival in self.lanes[machine]:
            ready = ready_at[rival]
            if ready >= end and rival != first:
                continue
            when = timeline.when(rival, choices[rival].mode, ready)
            if when[1] < end or rival == first:
                rank = self.urgency.priority(self.order, rival, free, when)
                contest.append((rank, when[2], rival))
        contest.sort()
        for _, _, rival in contest:
            if rival == first:
                break
            if choices[rival].version != self.versions[machine]:
                self._choose(rival)
            if choices[rival].mode[0] == machine:
                return rival
        return first

    def _is_stale(self, operation: int, choice: _Choice) -> bool:
        """Whether work on other machines has taken resources that it counted on."""
        if self.indexed.extras is None:
            return False
        return self.timeline.when(operation, choice.mode, self.ready_at[operation])[2] != choice.end

    def _append(self, operation: int) -> None:
        """Place it where it has chosen; in an oven, with what else is there to go in."""
        machine = self.choices[operation].mode[0]
        extras = self.indexed.extras
        if extras is None or extras.room[machine] is None:
            self._append_one(operation)
            return
        for each in self._batch(operation):
            self._append_one(each)

    def _batch(self, first: int) -> list[int]:
        """What could share an oven with an operation without making it wait, the longest first."""
        indexed, timeline, choices = self.indexed, self.timeline, self.choices
        subject = indexed.operations[first]
        machine = choices[first].mode[0]
        extras = indexed.extras
        room = (extras.room[machine] if extras is not None else None) or 0
        start = timeline.when(first, choices[first].mode, self.ready_at[first])[1]
        found = [first]
        room -= subject.units
        for rival in sorted(self.lanes[machine] - {first}):
            other = indexed.operations[rival]
            if (
                subject.batch_family is not None
                and other.batch_family == subject.batch_family
                and other.family == subject.family
                and other.units <= room
                and timeline.when(rival, choices[rival].mode, self.ready_at[rival])[1] <= start
            ):
                found.append(rival)
                room -= other.units
        found.sort(key=lambda each: (-choices[each].mode[1], each != first, each))
        return found

    def _append_one(self, operation: int) -> None:
        """Place it where it has chosen."""
        choice = self.choices.pop(operation)
        machine = choice.mode[0]
        self.lanes[machine].discard(operation)
        self.timeline.place(operation, choice.mode, self.ready_at[operation])
        self.versions[machine] += 1
        self._release_followers(operation)

    def _release_followers(self, operation: int) -> None:
        """Hand on what waited for this operation only."""
        for follower in self.indexed.followers[operation]:
            self.waits_for[follower] -= 1
            if not self.waits_for[follower] and self.timeline.ends[follower] is None:
                self._is_ready(follower)

    def _is_ready(self, operation: int) -> None:
        """It may be placed from now on; what is frozen and next on its machine is, at once."""
        ready = self.timeline.ready(operation) or self.indexed.now
        frozen = self.indexed.ranks[operation] == FROZEN
        if frozen or self.kept[operation] or (self.by_cost and self._in_time(operation)):
            ready = max(ready, self.indexed.base_start[operation] or 0)
        self.ready_at[operation] = ready
        if not frozen:
            if self.begun:
                self._choose(operation)
            else:
                self.closed.add(operation)
            return
        machine = self.indexed.modes[operation][0][0]
        placed: list[int] = []
        for following in self.indexed.chains[machine]:
            if following in self.ready_at and self.timeline.is_next(following):
                self.timeline.place(
                    following, self.indexed.modes[following][0], self.ready_at[following]
                )
                self.versions[machine] += 1
                placed.append(following)
        for following in placed:
            self._release_followers(following)
        if placed and self.begun and self.timeline.is_open(machine):
            self.closed |= self.choices.keys()
            self._choose_again()

    def _choose_again(self) -> None:
        """Another machine is open."""
        waiting, self.closed = self.closed, set()
        for operation in sorted(waiting):
            self._choose(operation)

    def _in_time(self, operation: int) -> bool:
        """Whether its job would be in time if it started when the plan in force starts it."""
        start = self.indexed.base_start[operation]
        urgency = self.urgency
        return (
            start is not None
            and start + urgency.shortest[operation] <= urgency.latest_end[operation]
        )

    def _choose(self, operation: int) -> None:
        """Choose its machine as things are now."""
        before = self.choices.pop(operation, None)
        if before is not None:
            self.lanes[before.mode[0]].discard(operation)
        indexed, timeline = self.indexed, self.timeline
        ready = self.ready_at[operation]
        modes = indexed.modes[operation]
        if self.kept[operation] and indexed.ranks[operation] == FREE:
            base = indexed.base_machine[operation]
            modes = tuple([mode for mode in modes if mode[0] == base])
        least: tuple[int, int] | None = None
        chosen: _Mode | None = None
        for mode in modes:
            if not timeline.is_open(mode[0]):
                continue
            setup, start, end = timeline.when(operation, mode, ready)
            price = self._price(operation, mode, setup, start, end) if len(modes) > 1 else 0
            if least is None or (price, end) < least:
                least = price, end
                chosen = mode
        if least is None or chosen is None:
            self.closed.add(operation)
            return
        version = self.versions[chosen[0]]
        self.choices[operation] = _Choice(chosen, least[1], version)
        self.lanes[chosen[0]].add(operation)
        heappush(self.heap, (least[1], operation))

    def _delay(self, machine: int, end: int) -> int:
        """By how much, weighted, what is planned next on the machine starts later behind `end`."""
        queue = self.planned[machine]
        while queue and self.timeline.ends[queue[-1][1]] is not None:
            queue.pop()
        if not queue:
            return 0
        start, following = queue[-1]
        return self.urgency.weight[following] * max(end - start, 0)

    def _price(self, operation: int, mode: _Mode, setup: int, start: int, end: int) -> int:
        """What this place would cost: its end or its job's tardiness, and what is disturbed."""
        policy = self.indexed.policy
        urgency = self.urgency
        price = policy.setup * setup
        before = self.indexed.base_start[operation]
        rate = policy.tardiness * urgency.weight[operation]
        if before is not None and self.by_cost:
            late = end + urgency.tail[operation] - urgency.due[operation]
            price += rate * max(late, 0)
        else:
            price += max(rate, 1) * (end - self.indexed.now)
        if before is not None:
            if mode[0] != self.indexed.base_machine[operation]:
                price += policy.reassignment * MINUTE_MS
                if self.planned:
                    price += policy.tardiness * self._delay(mode[0], end)
            price += policy.move * max(abs(start - before) - policy.move_tolerance_ms, 0)
        return price


def _planned(indexed: Indexed) -> list[list[tuple[int, int]]]:
    """What the plan in force has on each machine, by start, the next one last."""
    planned: list[list[tuple[int, int]]] = [[] for _ in indexed.machines]
    for operation, machine in enumerate(indexed.base_machine):
        start = indexed.base_start[operation]
        if machine is not None and start is not None:
            planned[machine].append((start, operation))
    for queue in planned:
        queue.sort(reverse=True)
    return planned
