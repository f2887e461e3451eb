"""The validator's word on a plan as it stands in its rows: not what was meant to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Problem
from domain.plan.validator import Violation, violations
from store.database import Connection
from store.errors import StoreError
from store.planning.plan_rows import assignments

_SHOWN: Final = 5


class RefusedPlanError(StoreError):
    """The validator refuses a plan as it was stored; whoever stores it takes it back.

    Attributes:
        wrong: the constraints that it breaks, never none.
    """

    def __init__(self, plan_id: int, wrong: list[Violation]) -> None:
        named = "; ".join(
            f"{each.code} (operation {each.operation}) {each.detail}" for each in wrong[:_SHOWN]
        )
        super().__init__(
            f"plan {plan_id} breaks {len(wrong)} constraints as it was stored and is taken back:"
            f" {named}"
        )
        self.wrong = wrong


async def judged(
    connection: Connection, plan_id: int, problem: Problem, *, beside: Sequence[Assignment] = ()
) -> list[Violation]:
    """What is wrong with a stored plan of a problem; empty when nothing is.

    Args:
        connection: it may see rows that are not committed yet.
        plan_id: a version whose operations are still kept.
        problem: what it was made for, at the moment that it was made for.
        beside: what a draft has of work that is only thought of, which has no rows.
    """
    placed = await assignments(connection, plan_id)
    whole = Plan((*placed.values(), *beside))
    return await asyncio.to_thread(violations, problem, whole)


async def check(
    connection: Connection, plan_id: int, problem: Problem, *, beside: Sequence[Assignment] = ()
) -> None:
    """Make sure that a plan may leave the planner, in the transaction that stores it.

    Args:
        connection: that of the transaction.
        plan_id: the version.
        problem: what it was made for.
        beside: work that is only thought of, as of `judged`.

    Raises:
        RefusedPlanError: it breaks constraints; nothing of it may be committed.
    """
    wrong = await judged(connection, plan_id, problem, beside=beside)
    if wrong:
        raise RefusedPlanError(plan_id, wrong)
