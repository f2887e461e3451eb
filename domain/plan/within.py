"""What cannot begin before the horizon of a problem, for reasons of its own.

Its date lies behind it, or no calendar of a machine that could do it leaves time before. A planner
who sets a horizon wants the work until then planned, not to be told that later work has no plan.
"""

from __future__ import annotations

import msgspec

from domain.plan.changing import without
from domain.plan.fact_book import FactBook
from domain.plan.problem import PinKind, Problem


class Within(msgspec.Struct, frozen=True, kw_only=True):
    """A problem until its horizon.

    Attributes:
        problem: without what cannot begin before, and what comes behind that.
        beyond: operations that cannot.
        behind: operations behind them.
    """

    problem: Problem
    beyond: frozenset[int] = frozenset()
    behind: frozenset[int] = frozenset()


def within(problem: Problem) -> Within:
    """The problem without what begins behind its horizon; the same if it has none."""
    if problem.horizon_ms is None:
        return Within(problem=problem)
    near = FactBook(problem)
    far = FactBook(msgspec.structs.replace(problem, horizon_ms=None))
    beyond = {
        operation.id
        for operation in problem.operations
        if not (operation.pin is not None and operation.pin.kind is PinKind.RUNNING)
        and near.able(operation, None) == []
        and far.able(operation, None) != []
    }
    if not beyond:
        return Within(problem=problem)
    followers: dict[int, list[int]] = {}
    for operation in problem.operations:
        for link in operation.after:
            followers.setdefault(link.operation, []).append(operation.id)
    reached, waiting = set(beyond), list(beyond)
    while waiting:
        for follower in followers.get(waiting.pop(), ()):
            if follower not in reached:
                reached.add(follower)
                waiting.append(follower)
    running = {
        operation.id
        for operation in problem.operations
        if operation.pin is not None and operation.pin.kind is PinKind.RUNNING
    }
    gone = reached - running
    return Within(
        problem=without(problem, gone),
        beyond=frozenset(beyond),
        behind=frozenset(gone - beyond),
    )
