"""Lists of numbers as flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from scheduler.search.compiled import Ints


def row(values: Iterable[int]) -> Ints:
    """An array."""
    return np.fromiter(values, dtype=np.int64)


def some(values: Ints) -> Ints:
    """At least one element: compiled code does not like empty arrays."""
    if len(values):
        return np.ascontiguousarray(values, dtype=np.int64)
    return np.zeros(1, dtype=np.int64)


def begins(lengths: Ints) -> Ints:
    """Where each of some rows begins in one array, and where the last one ends."""
    found = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=found[1:])
    return found


def rows(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Some rows in one array: where each begins, and the array."""
    return begins(row(map(len, lists))), some(row(list(chain.from_iterable(lists))))
