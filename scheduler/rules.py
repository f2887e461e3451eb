"""The first plan from arrays: right-shift and the dispatching rules, compiled.

Says what `domain.plan.right_shift` and `domain.plan.dispatch` would say, for problems that the
arrays can hold; what they cannot, or what has no plan, is left to those.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np

from domain.plan.dispatch import RULES, Rule
from domain.plan.priorities import Order
from scheduler.floor_arrays import Arrays
from scheduler.floor_plans import rank, times
from scheduler.search import dispatching
from scheduler.search.aims import NOW, aimed_on
from scheduler.search.compiled import Ints
from scheduler.search.dispatching import dispatch, keep_unaffected, own
from scheduler.search.floor import Times, cost_of
from scheduler.search.layout import NONE
from scheduler.search.shifting import shift

RIGHT_SHIFT: Final = "right_shift"
LEAST_RULES: Final = 3
THREADS: Final = 2
_NUMBERS: Final = {
    Order.EDD: dispatching.EDD,
    Order.PLANNED: dispatching.PLANNED,
    Order.PLANNED_DUE: dispatching.PLANNED_DUE,
    Order.ATC: dispatching.ATC,
    Order.SLACK: dispatching.SLACK,
    Order.SPT: dispatching.SPT,
    Order.CR: dispatching.CR,
    Order.MWR: dispatching.MWR,
}


class Candidate(NamedTuple):
    """A plan in arrays: what found it, its exact cost times 60,000, its order and times."""

    cost: int
    method: str
    order: Ints
    at: Times


def candidates(arrays: Arrays, *, deadline: float) -> list[Candidate]:
    """Right-shift, then the rules' plans; empty if there is none.

    Args:
        arrays: the problem.
        deadline: no further rule is tried after this moment (`time.perf_counter`); LEAST_RULES
            always are.
    """
    shop, floor, rules, desk = arrays.shop, arrays.floor, arrays.rules, arrays.desk
    at = times(shop, floor)
    if shift(shop, floor, desk, at, arrays.turn) < shop.operations:
        return []
    found = [_candidate(arrays, RIGHT_SHIFT, desk.sequence.copy(), at)]
    keep_unaffected(shop, floor, rules, desk, at)
    left = list(reversed(list(enumerate(RULES))))
    with ThreadPoolExecutor(THREADS, "rules") as executor:
        lanes = [executor.submit(_lane, arrays, left, deadline) for _ in range(THREADS)]
    made = sorted((each for lane in lanes for each in lane.result()), key=lambda each: each[0])
    return found + [each for _, each in made]


def ranked(arrays: Arrays, found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, the best one first: by cost, or by what the policy orders."""
    if arrays.problem.policy.order:
        return sorted(found, key=lambda each: rank(arrays, each.at))
    return sorted(found, key=lambda each: each.cost)


def _lane(
    arrays: Arrays, left: list[tuple[int, Rule]], deadline: float
) -> list[tuple[int, Candidate]]:
    """Plans by the next rule that nobody has taken, as long as there is time."""
    shop, floor = arrays.shop, arrays.floor
    desk, rules = arrays.desk, own(arrays.rules)
    found: list[tuple[int, Candidate]] = []
    while left:
        try:
            place, rule = left.pop()
        except IndexError:
            break
        if place >= LEAST_RULES and time.perf_counter() > deadline:
            break
        at = times(shop, floor)
        rules.how[:] = _NUMBERS[rule.order], rule.keep, rule.keep and rule.gentle, 0
        if dispatch(shop, floor, rules, desk, at) == shop.operations:
            found.append((place, _candidate(arrays, rule.name, desk.sequence.copy(), at)))
    return found


def _candidate(arrays: Arrays, method: str, order: Ints, at: Times) -> Candidate:
    shop, floor = arrays.shop, arrays.floor
    if floor.aims is not None:
        at.sums[NOW] = _aimed(arrays, order, at)
    return Candidate(int(cost_of(shop, floor, shop.mode_machine[at.mode], at)), method, order, at)


def _aimed(arrays: Arrays, order: Ints, at: Times) -> int:
    """What the plan costs by objectives that look at machines' sequences."""
    shop, floor = arrays.shop, arrays.floor
    machine = shop.mode_machine[at.mode]
    previous = np.full_like(order, NONE)
    lane = order[np.argsort(machine[order], kind="stable")]
    same = machine[lane][1:] == machine[lane][:-1]
    previous[lane[1:][same]] = lane[:-1][same]
    return int(aimed_on(shop, floor, machine, previous, at))
