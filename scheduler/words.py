"""What the planner says in its log."""

from __future__ import annotations

from collections.abc import Sequence

from domain.plan.plan import Conflict, Metrics, Solved
from store.planning.disruptions import DisruptionRow

_NAMED = 3
"""Causes and conflicts that are named; of the others the number is."""


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


def conflicts(found: Sequence[Conflict]) -> str:
    """`cycle (operation 12), cycle (operation 13) and 2 more`."""
    named = [
        each.code + (f" (operation {each.operation})" if each.operation is not None else "")
        for each in found[:_NAMED]
    ]
    more = len(found) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
