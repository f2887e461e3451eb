"""Which work orders wait for which, for what comes from elsewhere, and at which step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from store.planning.fact_rows import LinkRow
from store.planning.materials import Material
from store.planning.problem_rows import OperationRow

StepNumber: TypeAlias = int | None
"""The step of a routing that takes a component, as the bill has it; None: the first one."""


class Taken(NamedTuple):
    """What an operation takes: work orders that make it, and when the last of the rest comes."""

    makers: tuple[int, ...] = ()
    at_ms: int = 0


class Joins:
    """What the work orders of a problem wait for.

    Attributes:
        suppliers: the work orders of the problem that others of it wait for, by who waits.
    """

    def __init__(
        self,
        operations: Iterable[OperationRow],
        links: Iterable[LinkRow],
        materials: Mapping[int, Material],
    ) -> None:
        there = {row.work_order_id for row in operations}
        inside: dict[int, dict[int, set[StepNumber]]] = defaultdict(lambda: defaultdict(set))
        self._comes: dict[int, dict[StepNumber, int]] = defaultdict(dict)
        for work, material in materials.items():
            for part in material.parts:
                for maker in part.makers:
                    if maker in there and maker != work:
                        inside[work][maker].add(part.step)
                if part.at_ms is not None:
                    self._come(work, part.step, part.at_ms)
        for link in links:
            if link.supplier_id in there and link.work_order_id in there:
                inside[link.work_order_id][link.supplier_id].add(link.step)
        for link in links:
            known = inside.get(link.work_order_id, {})
            if link.end_ms is not None and link.supplier_id not in known:
                self._come(link.work_order_id, link.step, link.end_ms + link.transport_ms)
        self._steps = {
            (work, supplier): None if None in steps else min(each for each in steps if each)
            for work, of_work in inside.items()
            for supplier, steps in of_work.items()
        }
        self.suppliers = {work: sorted(of_work) for work, of_work in inside.items()}

    def step_of(self, work: int, supplier: int) -> StepNumber:
        """At which step a work order takes what another one makes; the first of several."""
        return self._steps.get((work, supplier))

    def comes(self, work: int) -> Mapping[StepNumber, int]:
        """When what its steps take comes from outside of the problem."""
        return self._comes.get(work, {})

    def _come(self, work: int, step: StepNumber, at_ms: int) -> None:
        known = self._comes[work]
        known[step] = max(known.get(step, 0), at_ms)


def taker(chain: Sequence[OperationRow], step: StepNumber, *, begun: bool) -> OperationRow | None:
    """Which of a work order's open operations takes what a step does; None: it has it already.

    Args:
        chain: the operations, in the order of their numbers.
        step: the bill's word.
        begun: whether the floor has begun one of them: then it has what its first one takes.
    """
    if step is None:
        return None if begun else chain[0]
    row = next((each for each in chain if each.number >= step), chain[-1])
    return None if row.started else row


def suppliers_first(chains: Iterable[int], inside: Mapping[int, list[int]]) -> Iterator[int]:
    """Work orders by id, each behind those that it waits for.

    A circle would be an item that goes into itself, which master data refuses: should there be one
    all the same, what closes it is waited for no more.
    """
    done: set[int] = set()
    for root in chains:
        path: list[tuple[int, Iterator[int]]] = []
        if root not in done:
            path.append((root, iter(list(inside.get(root, ())))))
        on_path = {root}
        while path:
            work, rest = path[-1]
            supplier = next(rest, None)
            if supplier is None:
                path.pop()
                on_path.discard(work)
                done.add(work)
                yield work
            elif supplier in on_path:
                inside[work].remove(supplier)
            elif supplier not in done:
                on_path.add(supplier)
                path.append((supplier, iter(list(inside.get(supplier, ())))))
