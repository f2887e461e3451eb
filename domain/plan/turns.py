"""A plan as the turns that operations have on their machines: to be changed and decoded again.

The decoder makes times of it: each operation as early as it can, in its turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from domain.plan.decoder import DecodeError
from domain.plan.metrics import in_sequence
from domain.plan.plan import Plan
from domain.plan.problem import PinKind, Problem


class Turns:
    """Which operations each machine works on, one after the other; a change makes others.

    Attributes:
        queues: operation ids by machine id.
        starts: when a plan starts them; decides only where turns and precedence leave it open.
    """

    def __init__(self, queues: Mapping[int, Sequence[int]], starts: Mapping[int, int]) -> None:
        self.queues = {machine: tuple(queue) for machine, queue in queues.items()}
        self.starts = dict(starts)
        self._machine = {each: machine for machine, queue in queues.items() for each in queue}

    def machine(self, operation: int) -> int:
        """Where an operation has its turn."""
        return self._machine[operation]

    def without(self, operations: Iterable[int]) -> Turns:
        """The turns of the others."""
        gone = set(operations)
        queues = {
            machine: [each for each in queue if each not in gone]
            for machine, queue in self.queues.items()
        }
        return Turns(queues, {each: at for each, at in self.starts.items() if each not in gone})

    def placed(self, operation: int, machine: int, *, before: int | None, start_ms: int) -> Turns:
        """The turns with an operation, there already or not, on a machine.

        Args:
            operation: which one.
            machine: where it is to be.
            before: whose turn comes next there; None: it is the last.
            start_ms: about when it is to start.

        Raises:
            ValueError: `before` is not on that machine.
        """
        others = self.without([operation])
        queue = list(others.queues.get(machine, ()))
        queue.insert(len(queue) if before is None else queue.index(before), operation)
        return Turns({**others.queues, machine: queue}, {**others.starts, operation: start_ms})

    def sequence(self, problem: Problem) -> list[tuple[int, int]]:
        """Operations with their machines in an order that turns and precedence agree with.

        Raises:
            DecodeError: there is none: operations wait for each other.
        """
        running = running_of(problem)
        followers: dict[int, list[int]] = defaultdict(list)
        waits = dict.fromkeys(self._machine, 0)
        for operation in problem.operations:
            for link in operation.after if operation.id not in running else ():
                followers[link.operation].append(operation.id)
                waits[operation.id] += 1
        for queue in self.queues.values():
            for one, following in pairwise(queue):
                followers[one].append(following)
                waits[following] += 1
        ready = [(self.starts.get(each, 0), each) for each, count in waits.items() if not count]
        heapify(ready)
        order: list[tuple[int, int]] = []
        while ready:
            _, operation_id = heappop(ready)
            order.append((operation_id, self._machine[operation_id]))
            for following in followers[operation_id]:
                waits[following] -= 1
                if not waits[following]:
                    heappush(ready, (self.starts.get(following, 0), following))
        if len(order) < len(waits):
            stuck = min(each for each, count in waits.items() if count)
            raise DecodeError(f"operation {stuck} waits for itself", stuck)
        return order


def turns_of(problem: Problem, plan: Plan) -> Turns:
    """The turns of a plan."""
    queues: dict[int, list[int]] = defaultdict(list)
    for each in in_sequence(plan.assignments, running_of(problem)):
        queues[each.machine].append(each.operation)
    return Turns(queues, {each.operation: each.start_ms for each in plan.assignments})


def running_of(problem: Problem) -> set[int]:
    """The operations that have started."""
    return {
        operation.id
        for operation in problem.operations
        if operation.pin is not None and operation.pin.kind is PinKind.RUNNING
    }


def movable(problem: Problem) -> set[int]:
    """The operations that are neither running nor frozen."""
    return {
        operation.id
        for operation in problem.operations
        if operation.pin is None or operation.pin.kind is PinKind.LOCKED
    }
