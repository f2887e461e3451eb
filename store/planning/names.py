"""What operations, machines and orders are called, for telling how plans differ."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class NamedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation's names, and what became of it. Epoch milliseconds.

    `order` is the first by due date of those that its work order is pegged to.
    """

    id: int
    work_order: str
    operation: int
    name: str | None
    order: str | None
    started_ms: int | None
    ended_ms: int | None


async def named_operations(
    connection: Connection, operation_ids: Collection[int]
) -> dict[int, NamedOperation]:
    """The names of operations, by id. `ended_ms` is null of one that is not over."""
    cursor = connection.cursor(row_factory=class_row(NamedOperation))
    await cursor.execute(
        """
        SELECT o.id, w.number AS work_order, o.number AS operation, o.name,
               (SELECT r.number FROM pegs g
                JOIN order_lines l ON l.id = g.order_line_id JOIN orders r ON r.id = l.order_id
                WHERE g.work_order_id = w.id
                ORDER BY l.due_at NULLS LAST, l.id LIMIT 1) AS order,
               o.started_ms,
               CASE WHEN o.state IN ('completed', 'aborted') THEN o.ended_ms END AS ended_ms
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        WHERE o.id = ANY(%s)
        """,
        (list(operation_ids),),
    )
    return {row.id: row for row in await cursor.fetchall()}


async def machine_paths(connection: Connection, machine_ids: Collection[int]) -> dict[int, str]:
    """The paths of machines, by id."""
    cursor = await connection.execute(
        "SELECT id, path FROM machines WHERE id = ANY(%s)", (list(machine_ids),)
    )
    return dict(await cursor.fetchall())


async def produced_orders(connection: Connection, order_ids: Collection[int]) -> set[int]:
    """Which of some orders are done: something was produced, and nothing is left to be."""
    cursor = await connection.execute(
        """
        SELECT order_id FROM order_lines WHERE order_id = ANY(%s) GROUP BY order_id
        HAVING bool_or(state = 'produced') AND bool_and(state IN ('produced', 'cancelled'))
        """,
        (list(order_ids),),
    )
    return {row[0] for row in await cursor.fetchall()}
