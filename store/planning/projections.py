"""The ETA projection: when operations will really run, as far as anybody can tell now.

It changes with every micro-stop and makes no plan version. One row for each operation that is not
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from store.database import Connection

TOLERANCE_MS: Final = 1_000
"""A row is written anew when its start or its end moved by so much."""


class Projection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where and when an operation is expected to run. Epoch milliseconds.

    Attributes:
        machine: the machine's id.
        start_ms: its start, or when it really started.
        end_ms: when the last piece is made.
        plan_id: the plan in force when the row was last written.
    """

    machine: int
    start_ms: int
    end_ms: int
    plan_id: int | None = None

    def differs(self, other: Projection) -> bool:
        """Whether it says something else, the plan it stands on aside."""
        return (
            self.machine != other.machine
            or abs(self.start_ms - other.start_ms) >= TOLERANCE_MS
            or abs(self.end_ms - other.end_ms) >= TOLERANCE_MS
        )


async def write_projections(
    connection: Connection, scope: str, projections: Mapping[int, Projection]
) -> set[int]:
    """Replace a scope's projections by these; answers the operations whose projection changed.

    Rows that differ by less than TOLERANCE_MS stay as they are. Those of operations that are not in
    `projections` (they are over, cancelled, or in no plan) are deleted and count as changed.

    Args:
        connection: in the caller's transaction; one writer of a scope at a time.
        scope: whose operations.
        projections: by operation id.
    """
    stored = await projections_of_scope(connection, scope)
    changed = {
        operation: projection
        for operation, projection in projections.items()
        if operation not in stored or projection.differs(stored[operation])
    }
    gone = stored.keys() - projections.keys()
    if gone:
        await connection.execute(
            "DELETE FROM operation_projections WHERE operation_id = ANY(%s)", (sorted(gone),)
        )
    if not changed:
        return gone
    ids = sorted(changed)
    rows = [changed[operation] for operation in ids]
    cursor = await connection.execute(
        """
        INSERT INTO operation_projections (operation_id, machine_id, start_ms, end_ms, plan_id)
        SELECT n.* FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::bigint[],
            %s::bigint[]) AS n (id, machine, start_ms, end_ms, plan_id)
        -- Nobody holds on to an operation that only the floor had named.
        WHERE EXISTS (SELECT FROM operations o WHERE o.id = n.id)
        ORDER BY n.id
        ON CONFLICT (operation_id) DO UPDATE
        SET machine_id = excluded.machine_id, start_ms = excluded.start_ms,
            end_ms = excluded.end_ms, plan_id = excluded.plan_id
        RETURNING operation_id
        """,
        (
            ids,
            [row.machine for row in rows],
            [row.start_ms for row in rows],
            [row.end_ms for row in rows],
            [row.plan_id for row in rows],
        ),
    )
    return {row[0] for row in await cursor.fetchall()} | gone


async def projections_of_scope(connection: Connection, scope: str) -> dict[int, Projection]:
    """All projections of a scope's operations, by id."""
    cursor = await connection.execute(
        """
        SELECT p.operation_id, p.machine_id, p.start_ms, p.end_ms, p.plan_id
        FROM operation_projections p
        JOIN operations o ON o.id = p.operation_id
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id
        WHERE coalesce(s.planning_scope, s.code) = %s
        """,
        (scope,),
    )
    return _by_operation(await cursor.fetchall())


def _by_operation(rows: list[tuple[int, int, int, int, int | None]]) -> dict[int, Projection]:
    return {
        operation: Projection(machine=machine, start_ms=start_ms, end_ms=end_ms, plan_id=plan_id)
        for operation, machine, start_ms, end_ms, plan_id in rows
    }
