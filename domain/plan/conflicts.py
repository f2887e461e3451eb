"""Why a problem has no plan: the facts that contradict each other, and none too many.

A problem without due dates that bind is feasible when everything can be placed one after the other:
what waits for nothing that is left over. What remains waits for itself, or has no machine that
could ever do it. Of operations that come behind each other the shortest circle is told. Otherwise,
of the facts about them, those are taken away (in halves first: QuickXplain, Junker 2004) without
which the rest still has no plan. What is left is minimal: without any one of them the others have a
plan. Around several operations such a set is looked for, from near to far; the smallest is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from domain.plan.fact_book import FactBook, Standing
from domain.plan.facts import data_errors
from domain.plan.plan import Conflict
from domain.plan.problem import Problem

_TRIED: Final = 12
"""Operations around which a smallest set is looked for."""
_MOST_JUDGED: Final = 200_000
"""Facts looked at, after which the smallest set so far is told; about a second."""


def conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """The smallest set of facts found that has no plan; empty when the problem has one.

    Args:
        problem: what is planned.

    Returns:
        Facts, each with a code of `domain.plan.facts.Fact`, in the order of operations.
    """
    errors = data_errors(problem)
    if errors:
        return errors[:1]
    book = FactBook(problem)
    stuck = book.stuck()
    if not stuck:
        return ()
    standing = Standing(book, stuck)
    found: tuple[Conflict, ...] | None = None
    for operation in sorted(stuck, key=lambda one: (not standing.is_dead(one), one))[:_TRIED]:
        if found is not None and (len(found) == 1 or standing.judged > _MOST_JUDGED):
            break
        least = _least(standing, operation)
        if least is not None and (found is None or len(least) < len(found)):
            found = least
    if found is None:
        found = smallest(standing.facts(stuck), standing.is_feasible)
    return tuple(sorted(found, key=_place))


def _least(standing: Standing, operation: int) -> tuple[Conflict, ...] | None:
    """A set of facts about an operation and those near it of which none can be left out."""
    circle = None if standing.is_dead(operation) else standing.circle(operation)
    if circle is not None:
        return tuple(circle)
    around = _around(standing, operation)
    return None if around is None else smallest(around, standing.is_feasible)


def smallest(
    facts: Sequence[Conflict], is_feasible: Callable[[Iterable[Conflict]], bool]
) -> tuple[Conflict, ...]:
    """Facts of which none can be left out; all of them together are not feasible.

    Args:
        facts: more than enough of them; the first ones are kept rather than the last.
        is_feasible: whether some facts have a plan; fewer facts never have fewer plans.
    """
    return tuple(_explain([], [], list(facts), is_feasible))


def _explain(
    kept: list[Conflict],
    new: list[Conflict],
    facts: list[Conflict],
    is_feasible: Callable[[Iterable[Conflict]], bool],
) -> list[Conflict]:
    """QuickXplain: of `facts`, those that are needed beside what is kept (of that, `new` last)."""
    if new and not is_feasible(kept):
        return []
    if len(facts) == 1:
        return facts
    half = len(facts) // 2
    first, second = facts[:half], facts[half:]
    needed = _explain([*kept, *first], first, second, is_feasible)
    return _explain([*kept, *needed], needed, first, is_feasible) + needed


def _around(standing: Standing, operation: int) -> list[Conflict] | None:
    """The facts about an operation and those near it that have no plan; None when all have one."""
    near = {operation}
    while True:
        facts = standing.facts(near)
        if not standing.is_feasible(facts):
            return facts
        further = near | standing.neighbours(near)
        if further == near:
            return None
        near = further


def _place(fact: Conflict) -> tuple[bool, int, str, int, int]:
    """Facts about operations first, in the operations' order, then what they share."""
    shared = fact.operation is None
    return shared, fact.operation or 0, fact.code, fact.other or 0, fact.machine or 0
