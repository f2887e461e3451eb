"""What documents have to be made for: tasks that are gone with the documents they caused."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.outbound import SPOKEN, DocumentKind
from store.database import Connection

_APPLIED: Final = ["created", "changed", "cancelled"]
_TURN: Final = 0x67656D62_00000023
"""Of whoever makes documents."""
_LONGEST: Final = timedelta(hours=1)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """An order of which a partner may have to be told."""

    audit_id: int
    kind: str
    order_id: int
    shipment: int | None
    attempts: int


class Cause(msgspec.Struct, frozen=True):
    """An entry of the audit log after which a partner may have to be told."""

    audit_id: int
    kind: DocumentKind
    order_id: int
    shipment: int | None


async def add(connection: Connection, causes: Collection[Cause]) -> None:
    """Note causes whose orders came as documents that can be answered."""
    if not causes:
        return
    await connection.execute(
        """
        INSERT INTO outbound_tasks (audit_id, kind, order_id, shipment)
        SELECT c.audit_id, c.kind, c.order_id, c.shipment
        FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::integer[])
            AS c (audit_id, kind, order_id, shipment)
        WHERE EXISTS (SELECT 1 FROM intake_documents d
                      WHERE d.order_id = c.order_id AND d.outcome = ANY(%s) AND d.format = ANY(%s))
        """,
        (
            [one.audit_id for one in causes],
            [one.kind.value for one in causes],
            [one.order_id for one in causes],
            [one.shipment for one in causes],
            _APPLIED,
            sorted(SPOKEN),
        ),
    )


async def take(connection: Connection, *, now: datetime, at_once: int) -> list[Task]:
    """Tasks that are due, in the order of their causes; none while another process makes documents.

    One process at a time, so that an order's documents follow each other.
    """
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return []
    tasks = connection.cursor(row_factory=class_row(Task))
    await tasks.execute(
        """
        SELECT audit_id, kind, order_id, shipment, attempts FROM outbound_tasks
        WHERE next_at <= %s ORDER BY audit_id LIMIT %s
        """,
        (now, at_once),
    )
    return await tasks.fetchall()


async def done(connection: Connection, task: Task) -> None:
    """The task's document is made, or none is needed."""
    await connection.execute("DELETE FROM outbound_tasks WHERE audit_id = %s", (task.audit_id,))


async def put_off(connection: Connection, task: Task, *, error: str, now: datetime) -> None:
    """The document cannot be made: later again, and why."""
    wait = min(timedelta(seconds=10) * 2 ** min(task.attempts, 10), _LONGEST)
    await connection.execute(
        "UPDATE outbound_tasks SET attempts = attempts + 1, next_at = %s, error = %s"
        " WHERE audit_id = %s",
        (now + wait, error[:500], task.audit_id),
    )


async def stuck(connection: Connection) -> int:
    """How many documents could not be made when it was tried last."""
    cursor = await connection.execute("SELECT count(*) FROM outbound_tasks WHERE attempts > 0")
    row = await cursor.fetchone()
    return row[0] if row else 0
