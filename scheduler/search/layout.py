"""What the compiled search works on: a shop, and a solution of it, as arrays.

Operations and machines are numbered from 0, times are whole numbers of any unit. A solution is the
assignment of operations to machines and the machines' sequences; everything else follows from it:
heads (earliest starts), tails (what has to come after an operation's end until the last end), and a
topological order that is kept up to date move by move.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scheduler.search.compiled import Ints

NONE = -1
"""No operation: before the first of a machine, behind the last."""


class Shop(NamedTuple):
    """What does not change during a search.

    Attributes:
        operations, machines, jobs: how many.
        before_at, before, before_lag: operation `i` comes after `before[before_at[i]:
            before_at[i + 1]]`, each by at least its lag.
        after_at, after, after_lag: the same arcs seen from the other end.
        mode_at, mode_machine, mode_duration: the modes of each operation, likewise.
        release: no operation starts before its own.
        open_at: no machine starts anything before its own.
        kind: the set-up class of each operation.
        setup: `setup[machine, from, to]`; the last `from` is the machine as it stands. Empty
            (one class, zeros) where there are none.
        has_setup: 1 if any entry differs from 0.
        job: the job of each operation.
        due, weight: of each job.
    """

    operations: int
    machines: int
    jobs: int
    before_at: Ints
    before: Ints
    before_lag: Ints
    after_at: Ints
    after: Ints
    after_lag: Ints
    mode_at: Ints
    mode_machine: Ints
    mode_duration: Ints
    release: Ints
    open_at: Ints
    kind: Ints
    setup: Ints
    has_setup: int
    job: Ints
    due: Ints
    weight: Ints


class State(NamedTuple):
    """A solution under search; arrays of the operations' length but for `first` and `last`.

    Attributes:
        machine, duration: where each operation is, and how long it takes there.
        previous, following: its neighbours on the machine, or NONE.
        first, last: of each machine, or NONE.
        head: earliest start.
        tail: the longest way from its end to the last end of all.
        order, place: a topological order of all arcs, and each operation's place in it.
        mark, pile, way, link, heads: scratch; `mark` is all 0 between calls.
    """

    machine: Ints
    duration: Ints
    previous: Ints
    following: Ints
    first: Ints
    last: Ints
    head: Ints
    tail: Ints
    order: Ints
    place: Ints
    mark: Ints
    pile: Ints
    way: Ints
    link: Ints
    heads: Ints


class Solution(NamedTuple):
    """A solution at rest: a topological order, and each operation's machine and duration."""

    order: Ints
    machine: Ints
    duration: Ints
    value: int


def blank(shop: Shop) -> State:
    """A state with room for a solution of the shop."""

    def row(length: int, value: int = 0) -> Ints:
        return np.full(max(length, 1), value, dtype=np.int64)

    n = shop.operations
    return State(
        machine=row(n),
        duration=row(n),
        previous=row(n, NONE),
        following=row(n, NONE),
        first=row(shop.machines, NONE),
        last=row(shop.machines, NONE),
        head=row(n),
        tail=row(n),
        order=row(n),
        place=row(n),
        mark=row(n),
        pile=row(n),
        way=row(n),
        link=row(n),
        heads=row(n),
    )
