"""Locks on operations: a planner's word that the planner program keeps to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class LockableRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that somebody wants to lock or to free, with what decides about it.

    Attributes:
        state: the floor's word.
        planned: whether it and its work order are planned, and not cancelled.
        machines: the paths of the machines that may do it, with their ids.
        machine_id, machine, not_before, turn, reason: the lock it has; `machine_id` None: none.
    """

    id: int
    work_order_id: int
    work_order: str
    number: int
    site_id: int
    site: str
    scope: str
    state: str
    planned: bool
    machines: dict[str, int]
    machine_id: int | None
    machine: str | None
    not_before: datetime | None
    turn: int | None
    reason: str | None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.work_order}/{self.number}"

    @property
    def lock(self) -> dict[str, Any] | None:
        """The lock, for the audit log."""
        if self.machine_id is None:
            return None
        return {
            "operation": self.name,
            "machine": self.machine,
            "not_before": None if self.not_before is None else self.not_before.isoformat(),
            "turn": self.turn,
        }


async def lockable(connection: Connection, operation_id: int) -> LockableRow | None:
    """An operation, its row locked; None: there is none."""
    cursor = connection.cursor(row_factory=class_row(LockableRow))
    await cursor.execute(
        """
        SELECT o.id, o.work_order_id, w.number AS work_order, o.number, w.site_id, s.code AS site,
               coalesce(s.planning_scope, s.code) AS scope, o.state,
               o.planned AND w.planned AND w.cancelled_at IS NULL AS planned,
               coalesce((SELECT jsonb_object_agg(m.path, m.id)
                         FROM operation_alternatives a JOIN machines m ON m.id = a.machine_id
                         WHERE a.operation_id = o.id),
                        (SELECT jsonb_build_object(m.path, m.id)
                         FROM machines m WHERE m.id = o.machine_id), '{}') AS machines,
               k.machine_id, l.path AS machine, k.not_before, k.turn, k.reason
        FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id
        LEFT JOIN operation_locks k ON k.operation_id = o.id
        LEFT JOIN machines l ON l.id = k.machine_id
        WHERE o.id = %s FOR NO KEY UPDATE OF o
        """,
        (operation_id,),
    )
    return await cursor.fetchone()


async def put_lock(
    connection: Connection,
    operation_id: int,
    *,
    machine_id: int,
    not_before: datetime | None,
    turn: int | None,
    reason: str | None,
    locked_by: str,
) -> None:
    """Lock an operation, or lock it otherwise."""
    await connection.execute(
        """
        INSERT INTO operation_locks
            (operation_id, machine_id, not_before, turn, reason, locked_by)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (operation_id) DO UPDATE
        SET machine_id = excluded.machine_id, not_before = excluded.not_before,
            turn = excluded.turn, reason = excluded.reason, locked_by = excluded.locked_by,
            locked_at = now()
        """,
        (operation_id, machine_id, not_before, turn, reason, locked_by),
    )


async def remove_lock(connection: Connection, operation_id: int) -> None:
    """Free an operation."""
    await connection.execute("DELETE FROM operation_locks WHERE operation_id = %s", (operation_id,))
