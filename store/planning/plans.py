"""Plan versions: stored, published, discarded. `plan_rows` reads them.

A version is immutable but for its state. Everything that publishing means happens in the caller's
transaction; locks are taken in this order: the scope, orders, operations by id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from psycopg.types.json import Jsonb

from contracts.live import PlanReason
from contracts.plan import DisruptionOutcome, PlanState
from domain.plan.plan import Metrics, Solved
from store.database import Connection
from store.errors import ConflictError, Fault, NotFoundError
from store.planning import disruptions
from store.planning.loaded import Loaded
from store.planning.plan_contents import copy_operations, insert_head, insert_orders, order_ends
from store.planning.plan_force import (
    StalePlanError,
    StoredPlan,
    hold,
    in_force,
    lock_scope,
    put_in_force,
    record,
    supersede,
)
from store.planning.plan_rows import (
    PlanOperationRow,
    PlanOrderRow,
    PlanRow,
    UnplannedOperation,
    assignments,
    draft,
    plan_operations,
    plan_orders,
    plan_row,
    planned_orders,
    plans,
    published,
)
from store.planning.plan_telling import EXPECTED_DATE_MOVED
from store.planning.policies import policy_of

__all__ = [
    "EXPECTED_DATE_MOVED",
    "PlanOperationRow",
    "PlanOrderRow",
    "PlanRow",
    "StalePlanError",
    "StoredPlan",
    "UnplannedOperation",
    "assignments",
    "discard",
    "draft",
    "hold",
    "in_force",
    "lock_scope",
    "plan_operations",
    "plan_orders",
    "plan_row",
    "planned_orders",
    "plans",
    "publish_draft",
    "published",
    "record",
    "store_plan",
]


async def store_plan(
    connection: Connection,
    loaded: Loaded,
    solved: Solved,
    *,
    state: PlanState,
    waiting: Metrics | None,
    reasons: Sequence[PlanReason],
    disruption_ids: Collection[int],
    now_ms: int,
    published_by: str | None = None,
) -> StoredPlan:
    """Store a plan as a draft or put it in force, and answer the disruptions that it answers.

    Drafts of the scope that still waited are discarded; the new plan gives their reasons too, and
    answers their disruptions in their place.

    Args:
        connection: in a READ COMMITTED transaction; the caller appends `record` to the log, last.
        loaded: what it was made from.
        solved: the plan, accepted by the validator.
        state: DRAFT or PUBLISHED.
        waiting: the figures of right-shift.
        reasons: why it was made.
        disruption_ids: the rows it answers.
        now_ms: the moment of storing.
        published_by: the person who put it in force; None when the planner does by itself.

    Raises:
        StalePlanError: another plan is in force by now, or an operation is gone. Load again.
        ValueError: the state is neither of the two.
    """
    if state not in (PlanState.DRAFT, PlanState.PUBLISHED):
        raise ValueError(f"a plan cannot be stored as {state}")
    scope = loaded.scope
    await lock_scope(connection, scope)
    base_id = await in_force(connection, scope)
    if base_id != (loaded.base.id if loaded.base else None):
        raise StalePlanError(scope, "another plan was published meanwhile")
    ends = order_ends(loaded, solved)
    await hold(connection, scope, loaded, [end.order_id for end in ends])
    discarded, inherited = await _discard_drafts(connection, scope)
    all_reasons = list({each.disruption: each for each in [*inherited, *reasons]}.values())
    if state is PlanState.PUBLISHED:
        await supersede(connection, base_id, now_ms)
    plan_id, number = await insert_head(
        connection,
        loaded,
        solved,
        state=state,
        waiting=waiting,
        reasons=all_reasons,
        late_orders=sum((end.lateness_ms or 0) > 0 for end in ends),
        now_ms=now_ms,
        published_by=published_by,
    )
    await copy_operations(connection, plan_id, loaded, solved)
    await insert_orders(connection, plan_id, ends)
    await connection.execute(
        "UPDATE disruptions SET plan_id = %s WHERE plan_id = ANY(%s)", (plan_id, discarded)
    )
    await disruptions.answer(
        connection, disruption_ids, outcome=DisruptionOutcome.PLANNED, plan_id=plan_id
    )
    stored = StoredPlan(id=plan_id, scope=scope, number=number, state=state, moved_orders=[])
    if state is PlanState.DRAFT:
        return stored
    return await put_in_force(
        connection,
        stored,
        base_id=base_id,
        reasons=all_reasons,
        tolerance_ms=loaded.problem.policy.tolerance_ms,
        published_by=published_by,
    )


async def publish_draft(
    connection: Connection,
    plan_id: int,
    *,
    now_ms: int,
    published_by: str,
    made_true: Collection[int] = (),
    reasons: Sequence[PlanReason] = (),
) -> StoredPlan:
    """Put a draft in force. The caller appends `record` to the log, last.

    Args:
        connection: in a READ COMMITTED transaction.
        plan_id: the draft.
        now_ms: the moment.
        published_by: who does.
        made_true: of the changes that it takes for granted, by index, those that are so by now:
            entered in the same transaction (`store.planning.entering`).
        reasons: what was told when they were entered.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft, or takes for granted what is not so yet.
        StalePlanError: the plan that it stands on is no longer in force.
    """
    row = await _locked_draft(connection, plan_id)
    _check_assumptions(row, made_true)
    base_id = await in_force(connection, row.scope)
    if base_id != row.base_id:
        raise StalePlanError(row.scope, "the plan that the draft stands on is no longer in force")
    await connection.execute(
        """
        SELECT FROM orders WHERE id IN (SELECT order_id FROM plan_orders WHERE plan_id = %s)
        ORDER BY id FOR KEY SHARE
        """,
        (plan_id,),
    )
    await supersede(connection, base_id, now_ms)
    why = [*row.reasons, *reasons]
    await connection.execute(
        """
        UPDATE plans SET state = 'published', published_at = to_timestamp(%s / 1000.0),
               published_by = %s, reasons = %s WHERE id = %s
        """,
        (now_ms, published_by, Jsonb(msgspec.to_builtins(why)), plan_id),
    )
    policy = await policy_of(connection, row.scope)
    return await put_in_force(
        connection,
        StoredPlan(
            id=plan_id,
            scope=row.scope,
            number=row.number,
            state=PlanState.PUBLISHED,
            moved_orders=[],
        ),
        base_id=base_id,
        reasons=why,
        tolerance_ms=policy.tolerance_ms,
        published_by=published_by,
    )


def _check_assumptions(row: PlanRow, made_true: Collection[int]) -> None:
    """A plan for what is only thought of is no plan for the floor."""
    thought = row.what_if
    left = [index for index in thought.assumed if index not in made_true] if thought else []
    if thought is None or not left:
        return
    kinds = [thought.told[index].kind for index in left]
    raise ConflictError(
        f"draft {row.number} of {row.scope!r} takes for granted what is not so yet"
        f" ({', '.join(kinds)}): make it so, then rebase the draft",
        code="draft-assumes",
        params={"scope": row.scope, "number": row.number, "changes": ", ".join(kinds)},
        faults=[
            Fault(place=f"changes[{index}]", problem=f"{kind} is only thought of", code=kind)
            for index, kind in zip(left, kinds, strict=True)
        ],
    )


async def discard(connection: Connection, plan_id: int) -> StoredPlan:
    """Give a draft up; what it answered stays answered. The caller appends `record`, last.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft.
    """
    row = await _locked_draft(connection, plan_id)
    await connection.execute("UPDATE plans SET state = 'discarded' WHERE id = %s", (plan_id,))
    return StoredPlan(
        id=plan_id,
        scope=row.scope,
        number=row.number,
        state=PlanState.DISCARDED,
        moved_orders=[],
    )


async def _locked_draft(connection: Connection, plan_id: int) -> PlanRow:
    """A draft, with its scope locked."""
    row = await plan_row(connection, plan_id)
    if row is None:
        raise NotFoundError("plan", str(plan_id))
    await lock_scope(connection, row.scope)
    row = await plan_row(connection, plan_id)
    if row is None or row.state is not PlanState.DRAFT:
        state = row.state if row else "gone"
        raise ConflictError(f"plan {plan_id} is {state}, not a draft")
    return row


async def _discard_drafts(connection: Connection, scope: str) -> tuple[list[int], list[PlanReason]]:
    """Discard what the planner left and still waits; answers the ids and the reasons.

    What somebody thought of stays theirs.
    """
    cursor = await connection.execute(
        """
        UPDATE plans SET state = 'discarded'
        WHERE scope = %s AND state = 'draft' AND what_if IS NULL
        RETURNING id, reasons
        """,
        (scope,),
    )
    rows = sorted(await cursor.fetchall(), key=lambda row: int(row[0]))
    reasons = [msgspec.convert(reason, PlanReason) for _, told in rows for reason in told]
    return [row[0] for row in rows], reasons
