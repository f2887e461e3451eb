"""What putting a plan in force means: the floor follows it, orders are told, one is superseded.

Everything happens in the caller's transaction; locks are taken in this order: the scope, orders,
operations by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.live import PlanReason
from contracts.plan import PlanState
from contracts.streams import PARTITIONS, PLANS, PlanStored, encode_events
from contracts.topics import partition_of
from store import audit
from store.database import Connection
from store.errors import ConflictError
from store.log import NewRecord
from store.planning.loaded import Loaded
from store.planning.plan_telling import Version, tell
from store.planning.plan_telling import ends as ends_of

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


def record(stored: StoredPlan) -> NewRecord:
    """The record that tells of it."""
    event = PlanStored(stored.scope, stored.id, stored.number, stored.state, stored.moved_orders)
    return NewRecord(
        PLANS,
        partition_of(stored.scope, PARTITIONS),
        stored.scope.encode(),
        encode_events([event]),
    )


async def in_force(connection: Connection, scope: str) -> int | None:
    """The id of the plan in force of a scope."""
    cursor = await connection.execute(
        "SELECT id FROM plans WHERE scope = %s AND state = 'published'", (scope,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def hold(
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


async def supersede(connection: Connection, base_id: int | None, now_ms: int) -> None:
    """Take the plan before out of force; None: there was none."""
    await connection.execute(
        """
        UPDATE plans SET state = 'superseded', superseded_at = to_timestamp(%s / 1000.0)
        WHERE id = %s
        """,
        (now_ms, base_id),
    )


async def put_in_force(
    connection: Connection,
    stored: StoredPlan,
    *,
    base_id: int | None,
    reasons: Sequence[PlanReason],
    tolerance_ms: int,
    published_by: str | None,
) -> StoredPlan:
    """Let the floor's work follow the plan, and tell the orders whose end moved.

    Args:
        connection: in a transaction with the scope locked.
        stored: the plan, stored as published.
        base_id: the plan that was in force before.
        reasons: why it was made.
        tolerance_ms: ends that move by less are not told to customers.
        published_by: the person who put it in force; None: the planner.

    Returns:
        The same, with the orders whose end moved.
    """
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
