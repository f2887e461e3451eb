"""From where a search puts operations to a sequence that the decoder takes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from domain.plan.indexed import FREE, RUNNING, Indexed
from domain.plan.plan import Assignment


class CyclicError(ValueError):
    """Operations wait for each other.

    Attributes:
        operations: ids of those that can never come, sorted.
    """

    def __init__(self, operations: tuple[int, ...]) -> None:
        super().__init__(f"operations {list(operations)} wait for each other")
        self.operations = operations


def sequence(
    indexed: Indexed, starts: Mapping[int, int], machines: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Operations with their machines by start, so that precedence and pins agree with the order.

    Args:
        indexed: the problem.
        starts: by operation id; any unit, compared with each other only.
        machines: a machine's id, by operation id.

    Raises:
        CyclicError: precedence and pins leave no order.
    """
    operations = indexed.operations
    chosen = [indexed.machine_at[machines[operation.id]] for operation in operations]
    order = _ordered(indexed, chosen, [starts[operation.id] for operation in operations])
    return [(operations[index].id, indexed.machines[chosen[index]].id) for index in order]


def sequence_of(indexed: Indexed, assignments: Iterable[Assignment]) -> list[tuple[int, int]]:
    """The sequence of a plan.

    Raises:
        CyclicError: as above; never for a plan that the validator accepts.
    """
    placed = {each.operation: each for each in assignments}
    return sequence(
        indexed,
        {id_: each.start_ms for id_, each in placed.items()},
        {id_: each.machine for id_, each in placed.items()},
    )


def check_order(indexed: Indexed) -> None:
    """Make sure that there is an order, whatever machines are chosen where there is a choice.

    Raises:
        CyclicError: precedence and pins contradict each other.
    """
    only = [modes[0][0] if len(modes) == 1 else None for modes in indexed.modes]
    _ordered(indexed, only, [0] * len(only))


def _ordered(indexed: Indexed, machines: Sequence[int | None], starts: Sequence[int]) -> list[int]:
    """Indices in an order that keeps precedence and pins, else by start."""
    followers: list[list[int]] = [[] for _ in indexed.operations]
    waits = [0] * len(followers)
    for before, after in _orderings(indexed, machines):
        followers[before].append(after)
        waits[after] += 1
    keys = _keys(indexed, machines, starts)
    ready = [(keys[index], index) for index, waiting in enumerate(waits) if not waiting]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        _, index = heapq.heappop(ready)
        order.append(index)
        for after in followers[index]:
            waits[after] -= 1
            if not waits[after]:
                heapq.heappush(ready, (keys[after], after))
    if len(order) < len(waits):
        stuck = set(range(len(waits))).difference(order)
        raise CyclicError(tuple(sorted(indexed.operations[index].id for index in stuck)))
    return order


def _keys(
    indexed: Indexed, machines: Sequence[int | None], starts: Sequence[int]
) -> list[tuple[int, int, int]]:
    """What comes first of operations that need not wait for each other: by start.

    With resources, what is pinned takes them before others do. Of what may share an oven, the
    longest comes first: others can join it, and not it them.
    """
    extras = indexed.extras
    if extras is None:
        return [(0, start, 0) for start in starts]
    keys = []
    for index, (machine, start) in enumerate(zip(machines, starts, strict=True)):
        longest = 0
        if machine is not None and extras.room[machine] is not None:
            longest = next(way[1] for way in indexed.modes[index] if way[0] == machine)
        keys.append((indexed.ranks[index], start, -longest))
    return keys


def _orderings(indexed: Indexed, machines: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Pairs of which the first comes before the second."""
    for index, rank in enumerate(indexed.ranks):
        if rank != RUNNING:  # what is running waits for no predecessor
            for before, _ in indexed.after[index]:
                yield before, index
        machine = machines[index]
        if rank == FREE and machine is not None and indexed.chains[machine]:
            yield indexed.chains[machine][-1], index
    for chain in indexed.chains:
        yield from pairwise(chain)
