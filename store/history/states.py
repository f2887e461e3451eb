"""How long a machine was in which state, by bucket: arithmetic on changes that were summed up.

Time spent in a state is additive over changes. In a bucket from `start` to `end` it is

    (end − start, if the state was there at the start) + Σ (end − e) of what came into it
                                                       − Σ (end − e) of what left it

so of each kind of change only their number and the sum of their times is needed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Told: TypeAlias = tuple[str, str | None]
"""A state that a machine told, and the reason it gave."""


class Change(NamedTuple):
    """Changes of one kind within one bucket: how many, and the sum of their times (epoch ms)."""

    bucket: int
    left: Told | None
    entered: Told
    n: int
    sum_ms: int


def times_by_bucket(
    edges: Sequence[int], until_ms: int, before: Told | None, changes: Iterable[Change]
) -> list[dict[Told, int]]:
    """Per bucket how long each state lasted (ms), up to a time that nobody has lived beyond.

    Time before a machine first told its state belongs to none.

    Args:
        edges: where buckets begin, and where the last one ends.
        until_ms: no time is counted from here on. In its bucket and later ones there must be no
            changes at or after it.
        before: what the machine had told before the first bucket.
        changes: summed up by bucket.
    """
    grouped: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        grouped[change.bucket].append(change)
    there = before
    told: list[dict[Told, int]] = []
    for bucket, (start_ms, edge_ms) in enumerate(pairwise(edges)):
        end_ms = min(edge_ms, until_ms)
        if end_ms <= start_ms:
            told.append({})
            continue
        spent, there = _one(start_ms, end_ms, there, grouped[bucket])
        told.append(spent)
    return told


def _one(
    start_ms: int, end_ms: int, there: Told | None, changes: list[Change]
) -> tuple[dict[Told, int], Told | None]:
    """The times of one bucket, and what is there at its end."""
    spent: Counter[Told] = Counter()
    balance: Counter[Told] = Counter()
    if there is not None:
        spent[there] = end_ms - start_ms
        balance[there] = 1
    for change in changes:
        to_end_ms = change.n * end_ms - change.sum_ms
        spent[change.entered] += to_end_ms
        balance[change.entered] += change.n
        if change.left is not None:
            spent[change.left] -= to_end_ms
            balance[change.left] -= change.n
    # Late changes that are not rolled up yet can leave sums that do not add up, for half a minute.
    after = max(balance, key=lambda told: balance[told], default=there)
    return {told: ms for told, ms in spent.items() if ms > 0}, after
