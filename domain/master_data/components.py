"""What goes into what: bills of material as a graph, and the circles in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from domain.master_data.records import Bill

_MOST_STEPS: Final = 100_000
"""So far a circle is followed; where that does not suffice, any path back counts as one."""


class _Edge(NamedTuple):
    """An item goes into another, from a day to a day, at a site (None: at all)."""

    component: str
    site: str | None
    first: date
    last: date


def cycles(bills: Iterable[Bill]) -> Iterator[tuple[str, list[str]]]:
    """Items that go into themselves, each circle once, with the path back to the item.

    Bills that never hold on the same day, or at the same site, make no circle.
    """
    graph: dict[str, list[_Edge]] = defaultdict(list)
    for bill in bills:
        for line in bill.lines:
            graph[bill.item].append(
                _Edge(
                    line.component,
                    bill.site,
                    bill.valid_from or date.min,
                    bill.valid_to or date.max,
                )
            )
    told: set[str] = set()
    for item in sorted(_in_circles(graph)):
        if item in told:
            continue
        path = _way_back(graph, item)
        if path is not None:
            told.update(path)
            yield item, path


def _in_circles(graph: dict[str, list[_Edge]]) -> set[str]:
    """Items that are left when those without, or with settled components only, are taken away."""
    users: dict[str, list[str]] = defaultdict(list)
    left: dict[str, int] = {}
    for item, edges in graph.items():
        distinct = {edge.component for edge in edges}
        left[item] = len(distinct)
        for component in distinct:
            users[component].append(item)
    settled = [component for component in users if component not in graph]
    while settled:
        for user in users[settled.pop()]:
            left[user] -= 1
            if left[user] == 0:
                settled.append(user)
    return {item for item, count in left.items() if count > 0}


def _way_back(graph: dict[str, list[_Edge]], item: str) -> list[str] | None:
    """A path from an item to itself on which all bills hold together; None: there is none."""
    stack: list[tuple[list[str], str | None, date, date]] = [([item], None, date.min, date.max)]
    for _ in range(_MOST_STEPS):
        if not stack:
            return None
        path, site, first, last = stack.pop()
        for edge in graph.get(path[-1], ()):
            begins, ends = max(first, edge.first), min(last, edge.last)
            apart = site is not None and edge.site is not None and site != edge.site
            if begins > ends or apart:
                continue
            if edge.component == item:
                return [*path, item]
            if edge.component not in path:
                stack.append(([*path, edge.component], site or edge.site, begins, ends))
    return [item, "…", item]
