"""Plan versions: stored, published, discarded. `plan_rows` reads them.

A version is immutable but for its state. Everything that publishing means happens in the caller's
transaction; locks are taken in this order: the scope, orders, operations by id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from contracts.live import PlanReason
from contracts.plan import DisruptionOutcome, PlanState
from contracts.streams import PARTITIONS, PLANS, PlanStored, encode_events
from contracts.topics import partition_of
from domain.plan.plan import Metrics, Solved
from store import audit
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.log import NewRecord
from store.planning import disruptions
from store.planning.loaded import Loaded
from store.planning.plan_contents import copy_operations, insert_head, insert_orders, order_ends
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
from store.planning.plan_telling import EXPECTED_DATE_MOVED, Version, tell
from store.planning.plan_telling import ends as ends_of
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

_SCOPE_LOCKS: Final = 20_261
"""The namespace of the advisory locks of scopes whose plans are written."""
_MINUTE_MS: Final = 60_000


class StalePlanError(ConflictError):
    """The plan stands on one that is no longer in force, or on work that is no longer there."""

    def __init__(self, scope: str, problem: str) -> None:
        super().__init__(f"plan of scope {scope!r}: {problem}")
        self.scope = scope


class StoredPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it was just written.

    Attributes:
        moved_orders: orders whose end differs from the plan before by a minute or more, those that
            are new in it or gone from it included; for a published plan.
    """

    id: int
    scope: str
    number: int
    state: PlanState
    moved_orders: list[int]


async def lock_scope(connection: Connection, scope: str) -> None:
    """Wait for whoever writes plans of the scope; held until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_SCOPE_LOCKS, scope)
    )


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
    base_id = await _in_force(connection, scope)
    if base_id != (loaded.base.id if loaded.base else None):
        raise StalePlanError(scope, "another plan was published meanwhile")
    ends = order_ends(loaded, solved)
    await _hold(connection, scope, loaded, [end.order_id for end in ends])
    discarded, inherited = await _discard_drafts(connection, scope)
    all_reasons = list({each.disruption: each for each in [*inherited, *reasons]}.values())
    if state is PlanState.PUBLISHED:
        await _supersede(connection, base_id, now_ms)
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
    return await _put_in_force(
        connection,
        stored,
        base_id=base_id,
        reasons=all_reasons,
        tolerance_ms=loaded.problem.policy.tolerance_ms,
        published_by=published_by,
    )


async def publish_draft(
    connection: Connection, plan_id: int, *, now_ms: int, published_by: str
) -> StoredPlan:
    """Put a draft in force. The caller appends `record` to the log, last.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft.
        StalePlanError: the plan that it stands on is no longer in force.
    """
    row = await _locked_draft(connection, plan_id)
    base_id = await _in_force(connection, row.scope)
    if base_id != row.base_id:
        raise StalePlanError(row.scope, "the plan that the draft stands on is no longer in force")
    await connection.execute(
        """
        SELECT FROM orders WHERE id IN (SELECT order_id FROM plan_orders WHERE plan_id = %s)
        ORDER BY id FOR KEY SHARE
        """,
        (plan_id,),
    )
    await _supersede(connection, base_id, now_ms)
    await connection.execute(
        """
        UPDATE plans SET state = 'published', published_at = to_timestamp(%s / 1000.0),
               published_by = %s WHERE id = %s
        """,
        (now_ms, published_by, plan_id),
    )
    policy = await policy_of(connection, row.scope)
    return await _put_in_force(
        connection,
        StoredPlan(
            id=plan_id,
            scope=row.scope,
            number=row.number,
            state=PlanState.PUBLISHED,
            moved_orders=[],
        ),
        base_id=base_id,
        reasons=row.reasons,
        tolerance_ms=policy.tolerance_ms,
        published_by=published_by,
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


def record(stored: StoredPlan) -> NewRecord:
    """The record that tells of it."""
    event = PlanStored(stored.scope, stored.id, stored.number, stored.state, stored.moved_orders)
    return NewRecord(
        PLANS,
        partition_of(stored.scope, PARTITIONS),
        stored.scope.encode(),
        encode_events([event]),
    )


async def _in_force(connection: Connection, scope: str) -> int | None:
    cursor = await connection.execute(
        "SELECT id FROM plans WHERE scope = %s AND state = 'published'", (scope,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


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


async def _hold(
    connection: Connection, scope: str, loaded: Loaded, order_ids: Sequence[int]
) -> None:
    """Keep what the plan names from being deleted, in the order in which everybody locks."""
    await connection.execute(
        "SELECT FROM orders WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", (list(order_ids),)
    )
    planned = [operation.id for operation in loaded.problem.operations]
    cursor = await connection.execute(
        """
        SELECT count(*) FROM (
            SELECT FROM operations WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE) AS held
        """,
        (planned,),
    )
    row = await cursor.fetchone()
    if row is None or row[0] != len(planned):
        raise StalePlanError(scope, "an operation that only the floor had named is gone")


async def _discard_drafts(connection: Connection, scope: str) -> tuple[list[int], list[PlanReason]]:
    """Discard what still waits to be published; answers the ids and the reasons."""
    cursor = await connection.execute(
        """
        UPDATE plans SET state = 'discarded' WHERE scope = %s AND state = 'draft'
        RETURNING id, reasons
        """,
        (scope,),
    )
    rows = sorted(await cursor.fetchall(), key=lambda row: int(row[0]))
    reasons = [msgspec.convert(reason, PlanReason) for _, told in rows for reason in told]
    return [row[0] for row in rows], reasons


async def _supersede(connection: Connection, base_id: int | None, now_ms: int) -> None:
    await connection.execute(
        """
        UPDATE plans SET state = 'superseded', superseded_at = to_timestamp(%s / 1000.0)
        WHERE id = %s
        """,
        (now_ms, base_id),
    )


async def _put_in_force(
    connection: Connection,
    stored: StoredPlan,
    *,
    base_id: int | None,
    reasons: Sequence[PlanReason],
    tolerance_ms: int,
    published_by: str | None,
) -> StoredPlan:
    """Let the floor's work follow the plan, and tell the orders whose end moved."""
    await _follow(connection, stored.id)
    now = await ends_of(connection, stored.id)
    before = await ends_of(connection, base_id) if base_id is not None else {}
    await tell(
        connection,
        Version(stored.id, stored.scope, stored.number),
        now,
        before,
        actor=audit.Actor(published_by or "planner", "planning"),
        reason=",".join(sorted({each.kind for each in reasons})) or None,
        tolerance_ms=tolerance_ms,
    )
    moved = sorted(
        order
        for order in now.keys() | before.keys()
        if order not in now
        or order not in before
        or abs(now[order].end_ms - before[order].end_ms) >= _MINUTE_MS
    )
    return msgspec.structs.replace(stored, moved_orders=moved)


async def _follow(connection: Connection, plan_id: int) -> None:
    """Give operations that have not begun the machine that the plan has them on.

    Rows are locked in order of id, as the telemetry agent does; one that was begun meanwhile stays.
    """
    await connection.execute(
        """
        WITH moved AS (
            SELECT o.id, p.machine_id
            FROM plan_operations p JOIN operations o ON o.id = p.operation_id
            WHERE p.plan_id = %s AND o.machine_id IS DISTINCT FROM p.machine_id
              AND o.runs = 0 AND o.state IN ('planned', 'released')
            ORDER BY o.id FOR NO KEY UPDATE OF o
        )
        UPDATE operations o
        SET machine_id = a.machine_id, cycle_ms = a.cycle_ms, setup_ms = a.setup_ms,
            version = o.version + 1
        FROM moved m JOIN operation_alternatives a
             ON a.operation_id = m.id AND a.machine_id = m.machine_id
        WHERE o.id = m.id
        """,
        (plan_id,),
    )
