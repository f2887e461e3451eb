"""Whether some of a problem's facts have a plan."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TypeAlias

from domain.plan.calendar import WorkingTime, merged
from domain.plan.facts import (
    Fact,
    dates,
    frozen_on,
    need_of,
    only_on,
    pinned,
    size,
    uninterrupted,
)
from domain.plan.plan import Conflict
from domain.plan.problem import Mode, Operation, Phase, PinKind, Problem

Facts: TypeAlias = Collection[Conflict]
Holds: TypeAlias = Callable[[Conflict], bool]


class FactBook:
    """A problem's facts by operation, and what they mean."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.operations = {operation.id: operation for operation in problem.operations}
        self.machines = {machine.id: machine for machine in problem.machines}
        self.resources = {resource.id: resource for resource in problem.resources}
        self.behind: dict[int, list[Conflict]] = defaultdict(list)
        self.frozen: dict[int, list[int]] = defaultdict(list)
        self._clocks: dict[tuple[int | None, frozenset[int]], WorkingTime] = {}
        self._order()

    def _order(self) -> None:
        """Frozen operations of each machine, and who is behind whom."""
        turns: dict[int, list[tuple[int, int]]] = defaultdict(list)
        frozen: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for operation in self.problem.operations:
            pin = operation.pin
            if pin is not None and pin.kind is PinKind.FROZEN:
                frozen[pin.machine].append((pin.place, operation.id))
            elif pin is not None and pin.kind is PinKind.LOCKED and pin.turn is not None:
                turns[pin.machine].append((pin.turn, operation.id))
            for link in operation.after:
                self.behind[operation.id].append(
                    Conflict(code=Fact.PRECEDENCE, operation=operation.id, other=link.operation)
                )
        for code, lanes in ((Fact.FROZEN_ORDER, frozen), (Fact.LOCK_TURN, turns)):
            for machine, lane in lanes.items():
                lane.sort()
                for (_, first), (_, second) in pairwise(lane):
                    self.behind[second].append(
                        Conflict(code=code, operation=second, other=first, machine=machine)
                    )
        self.frozen.update({m: [name for _, name in lane] for m, lane in frozen.items()})
        self._kept = {name for lane in self.frozen.values() for name in lane}

    def stuck(self) -> set[int]:
        """Operations that can never be placed, all facts taken together."""
        waiting = {operation.id for operation in self.problem.operations if not _runs(operation)}
        return self.left(waiting, None)

    def left(self, waiting: set[int], facts: Facts | None) -> set[int]:
        """Of what waits, what can never be placed; only some facts hold if `facts` are given."""
        frozen = self._frozen_among(waiting, facts)
        waits_for = {name: self._before(name, waiting, facts) for name in waiting}
        followers: dict[int, list[int]] = defaultdict(list)
        for name, before in waits_for.items():
            for each in before:
                followers[each].append(name)
        left = set(waiting)
        ready = [name for name in waiting if not waits_for[name]]
        parked: dict[int, list[int]] = defaultdict(list)
        while ready:
            name = ready.pop()
            if name not in left:
                continue
            machines = self.able(self.operations[name], facts)
            if machines is not None and not self._is_open(name, machines, frozen):
                for machine in machines:
                    parked[machine].append(name)
                continue
            left.discard(name)
            ready += _released(name, frozen, parked)
            for follower in followers[name]:
                waits_for[follower].discard(name)
                if not waits_for[follower]:
                    ready.append(follower)
        return left

    def _is_open(
        self, name: int, machines: Collection[int], frozen: Mapping[int, set[int]]
    ) -> bool:
        """Whether one of the machines has nothing frozen left that is to come before.

        What is frozen is not behind the frozen as such, not even where that fact is left out.
        """
        return any(name in self._kept or not frozen.get(machine) for machine in machines)

    def _before(self, name: int, waiting: set[int], facts: Facts | None) -> set[int]:
        """Of what waits, what it comes behind."""
        return {
            fact.other
            for fact in self.behind[name]
            if fact.other is not None and fact.other in waiting and (facts is None or fact in facts)
        }

    def _frozen_among(self, waiting: set[int], facts: Facts | None) -> dict[int, set[int]]:
        """By machine, what waits and comes before all that is not frozen."""
        return {
            machine: {
                name
                for name in lane
                if name in waiting and (facts is None or frozen_on(name, machine) in facts)
            }
            for machine, lane in self.frozen.items()
        }

    def able(self, operation: Operation, facts: Facts | None) -> list[int] | None:
        """The machines that could do it some time; None for any machine."""

        def holds(fact: Conflict) -> bool:
            return facts is None or fact in facts

        pin = pinned(operation)
        if not holds(only_on(operation)):
            if pin is None or pin.machine is None or not holds(pin):
                return None
            # Whatever it would be that it does there: the machine has to be open some time.
            nothing = Mode(pin.machine, 0)
            return [pin.machine] if self._has_time(operation, nothing, holds) else []
        modes: Iterable[Mode] = operation.modes
        if pin is not None and holds(pin):
            modes = [mode for mode in modes if mode.machine == pin.machine]
        return [mode.machine for mode in modes if self._possible(operation, mode, holds)]

    def _possible(self, operation: Operation, mode: Mode, holds: Holds) -> bool:
        """Whether a mode asks for no more than there is, and for a time that comes."""
        room = self.machines[mode.machine].batch_units
        if (
            room is not None
            and operation.units > room
            and holds(size(operation))
            and holds(Conflict(code=Fact.ROOM, machine=mode.machine, limit=room))
        ):
            return False
        for need in mode.needs:
            capacity = self.resources[need.resource].capacity
            if (
                need.units > capacity
                and holds(need_of(operation, mode, need.resource, need.units))
                and holds(Conflict(code=Fact.CAPACITY, resource=need.resource, limit=capacity))
            ):
                return False
        return self._has_time(operation, mode, holds)

    def _has_time(self, operation: Operation, mode: Mode, holds: Holds) -> bool:
        horizon = self.problem.horizon_ms
        if horizon is None:
            return True
        begin = self.problem.now_ms
        for fact in dates(operation):
            if holds(fact):
                begin = max(begin, fact.at_ms or 0)
        machine = mode.machine if holds(self.calendar(mode.machine)) else None
        clock = self._clock(
            machine,
            frozenset(
                need.resource
                for need in mode.needs
                if need.phase is not Phase.SETUP
                and holds(need_of(operation, mode, need.resource, need.units))
                and holds(self.resource_calendar(need.resource))
            ),
        )
        if not operation.interruptible and holds(uninterrupted(operation)):
            return clock.fits(begin, mode.duration_ms) + mode.duration_ms <= horizon
        return clock.next(begin) < horizon

    def _clock(self, machine: int | None, resources: frozenset[int]) -> WorkingTime:
        key = machine, resources
        if key not in self._clocks:
            idle = [*self.machines[machine].unavailable] if machine is not None else []
            for resource in resources:
                idle += self.resources[resource].unavailable
            self._clocks[key] = WorkingTime(merged(idle))
        return self._clocks[key]

    def calendar(self, machine: int) -> Conflict:
        """The fact that a machine works by its calendar."""
        return Conflict(code=Fact.CALENDAR, machine=machine, at_ms=self.problem.horizon_ms)

    def resource_calendar(self, resource: int) -> Conflict:
        """The fact that a resource is there by its calendar."""
        return Conflict(
            code=Fact.RESOURCE_CALENDAR, resource=resource, at_ms=self.problem.horizon_ms
        )

    def about(self, operation: Operation) -> Iterator[Conflict]:
        """All facts about an operation, and those that it shares with others."""
        yield only_on(operation)
        pin = pinned(operation)
        if pin is not None:
            yield pin
        yield from self.behind[operation.id]
        yield from dates(operation)
        if not operation.interruptible:
            yield uninterrupted(operation)
        for mode in operation.modes:
            room = self.machines[mode.machine].batch_units
            if room is not None:
                yield size(operation)
                yield Conflict(code=Fact.ROOM, machine=mode.machine, limit=room)
            yield self.calendar(mode.machine)
            for need in mode.needs:
                yield need_of(operation, mode, need.resource, need.units)
                capacity = self.resources[need.resource].capacity
                yield Conflict(code=Fact.CAPACITY, resource=need.resource, limit=capacity)
                yield self.resource_calendar(need.resource)


class Standing:
    """The operations that can never be placed, and questions about some of the facts on them.

    Attributes:
        judged: how many facts have been looked at in all questions together: what it cost.
    """

    def __init__(self, book: FactBook, stuck: set[int]) -> None:
        self.judged = 0
        self._book = book
        self._stuck = stuck
        self._near: dict[int, set[int]] = defaultdict(set)
        for name in stuck:
            others = {fact.other for fact in book.behind[name] if fact.other in stuck}
            for mode in book.operations[name].modes:
                others.update(stuck.intersection(book.frozen.get(mode.machine, ())))
            for other in others:
                if other is not None:
                    self._near[name].add(other)
                    self._near[other].add(name)

    def facts(self, operations: Iterable[int]) -> list[Conflict]:
        """All facts about some operations, each once."""
        found: dict[Conflict, None] = {}
        for name in sorted(operations):
            found.update(dict.fromkeys(self._book.about(self._book.operations[name])))
        return list(found)

    def neighbours(self, operations: Iterable[int]) -> set[int]:
        """What is before or behind them, or frozen on their machines."""
        return {near for name in operations for near in self._near[name]}

    def circle(self, operation: int) -> list[Conflict] | None:
        """The shortest circle of facts by which it comes behind itself; None if there is none.

        Of a shortest one no fact can be left out.
        """
        reached: dict[int, Conflict] = {}
        queue = deque([operation])
        while queue:
            for fact in self._book.behind[queue.popleft()]:
                other = fact.other
                if other is None or other not in self._stuck or other in reached:
                    continue
                reached[other] = fact
                if other == operation:
                    return list(_walked(reached, operation))
                queue.append(other)
        return None

    def is_dead(self, operation: int) -> bool:
        """Whether no machine can ever do it, whatever it waits for."""
        return self._book.able(self._book.operations[operation], None) == []

    def is_feasible(self, facts: Iterable[Conflict]) -> bool:
        """Whether some facts have a plan."""
        holding = set(facts)
        self.judged += len(holding)
        named = {fact.operation for fact in holding if fact.operation is not None}
        return not self._book.left(named & self._stuck, holding)


def _walked(reached: Mapping[int, Conflict], operation: int) -> Iterator[Conflict]:
    """The facts by which an operation was reached from itself."""
    at: int | None = None
    while at != operation:
        fact = reached[operation if at is None else at]
        yield fact
        at = fact.operation


def _released(
    name: int, frozen: Mapping[int, set[int]], parked: dict[int, list[int]]
) -> Iterator[int]:
    """What waited for the last frozen operation of a machine, which has been placed."""
    for machine, lane in frozen.items():
        lane.discard(name)
        if not lane:
            yield from parked.pop(machine, ())


def _runs(operation: Operation) -> bool:
    return operation.pin is not None and operation.pin.kind is PinKind.RUNNING
