"""What the planner says in its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.plan import fact_words
from domain.plan.fact_words import FACT_WORDS, Called
from domain.plan.plan import Conflict, Metrics, Solved
from store.planning.disruptions import DisruptionRow

_NAMED: Final = 3
"""Causes that are named; of the others the number is."""


def causes(rows: Sequence[DisruptionRow]) -> str:
    """`machine_down press-01, work_released and 4 more`."""
    named = [_cause(row) for row in rows[:_NAMED]]
    more = len(rows) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _cause(row: DisruptionRow) -> str:
    subject = row.machine.rsplit("/", 1)[-1] if row.machine else row.order or row.work_order
    return f"{row.kind} {subject}" if subject else row.kind


def gain(solved: Solved, waiting: Metrics) -> str:
    """`12 moved, tardiness 340 -> 120 min, cost 410, waiting would have cost 900`."""
    after = solved.metrics
    moved = f"{after.moved} moved, {after.reassigned} on another machine"
    return (
        f"{moved}, tardiness {waiting.tardiness} -> {after.tardiness} min, cost {after.cost}, "
        f"waiting would have cost {waiting.cost}"
    )


def conflicts(found: Sequence[Conflict], called: Called) -> str:
    """Facts that leave no plan together, in words; a mistake of the planner's own by its code.

    `WO-1/20 is frozen on plant/press-01; WO-1/20 comes after WO-1/10; …`
    """
    strange = [
        f"{each.code} (operation {each.operation})" for each in found if each.code not in FACT_WORDS
    ]
    told = fact_words.conflicts(found, called)
    return told + (f" [{', '.join(strange[:_NAMED])}]" if strange else "")
