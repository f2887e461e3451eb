"""Between two solutions: what both agree on stays, what they differ in is divided.

A solution's operations sorted by their heads are an order that all its arcs agree with. The places
of two such orders, weighed and added, give an order again that all arcs of the jobs agree with, and
all arcs of machines that both solutions have: so whatever lies between two solutions is one (Peng,
Lü & Cheng 2015 walk such a path by swaps and have to repair what they meet).
"""

from __future__ import annotations

import numpy as np

from scheduler.search.compiled import Ints
from scheduler.search.layout import Solution

PERCENT = 100


def canonical(order: Ints, heads: Ints) -> Ints:
    """The operations by head; where heads are equal, in the order they had."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return np.lexsort((place, heads)).astype(np.int64)


def between(one: Solution, other: Solution, share: int, chance: Ints) -> Solution:
    """A solution between two; its value is not known yet.

    Args:
        one: where the way begins, in canonical order.
        other: where it ends, likewise.
        share: how far from one to the other, in percent.
        chance: for each operation a number from 0 to 99: below `share`, it goes to the machine
            that the other has it on.
    """
    count = len(one.order)
    places = np.arange(count)
    key = np.empty(count, dtype=np.int64)
    key[one.order] = places * (PERCENT - share)
    key[other.order] += places * share
    from_other = chance < share
    return Solution(
        order=np.argsort(key, kind="stable").astype(np.int64),
        machine=np.where(from_other, other.machine, one.machine),
        duration=np.where(from_other, other.duration, one.duration),
        value=max(one.value, other.value),
    )


def distance(one: Solution, other: Solution) -> int:
    """How many operations are on another machine, or behind another number of operations there."""
    return int(np.count_nonzero((one.machine != other.machine) | (_ranks(one) != _ranks(other))))


def _ranks(solution: Solution) -> Ints:
    """Each operation's place on its machine."""
    ranks = np.empty(len(solution.order), dtype=np.int64)
    machines = solution.machine[solution.order]
    by_machine = np.argsort(machines, kind="stable")
    sorted_machines = machines[by_machine]
    begins = np.searchsorted(sorted_machines, sorted_machines)
    ranks[solution.order[by_machine]] = np.arange(len(ranks)) - begins
    return ranks
