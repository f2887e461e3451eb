"""Plan versions as they were stored: reading them. `store.planning.plans` writes them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row, dict_row

from contracts.live import PlanReason
from contracts.plan import PlanState
from domain.plan.plan import Assignment, Metrics
from store.database import Connection
from store.filters import Filters, Page


class UnplannedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that a plan leaves out. `code`: see `store.planning.problem.Unplanned`."""

    operation_id: int
    work_order: str
    operation: int
    code: str


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan version.

    Attributes:
        number: counts the scope's versions from 1.
        base_id, base_number: the plan that was in force when it was made.
        as_of_ms: the moment that it was made for.
        reasons: the disruptions that it answers, as they were told.
        metrics: how good it is.
        waiting: how good waiting (right-shift of the plan in force) would have been.
        unplanned: what it leaves out, and why.
        late_orders: how many orders it ends after a due date.
    """

    id: int
    scope: str
    number: int
    state: PlanState
    base_id: int | None
    base_number: int | None
    as_of_ms: int
    created_at: datetime
    published_at: datetime | None
    published_by: str | None
    superseded_at: datetime | None
    method: str
    solve_ms: int
    reasons: list[PlanReason]
    metrics: Metrics
    waiting: Metrics | None
    unplanned: list[UnplannedOperation]
    late_orders: int


class PlanOperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operation's place in a plan, with the names that belong to it.

    `order` is the first by due date of those that its work order is pegged to.
    """

    operation_id: int
    work_order: str
    operation: int
    name: str | None
    order: str | None
    machine: str
    setup_start_ms: int
    start_ms: int
    end_ms: int
    pin: str | None
    on_hold: bool


class PlanOrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan means for an order.

    Attributes:
        end_ms: the end of its last open operation.
        due_ms: its earliest open due date.
        lateness_ms: the worst of its work orders: end after due date; None: nothing is due.
        chain: why it is late, from the last link backwards: `{"cause", "machine", "work_order",
            "operation", "behind": {"work_order", "operation"} or null, "since", "wait_minutes"}`
            (`domain.plan.plan.LateCause`); empty when it is not.
        told_ms: the end that was last told.
    """

    order_id: int
    order: str
    site: str
    customer: str
    end_ms: int
    due_ms: int | None
    lateness_ms: int | None
    chain: list[dict[str, Any]]
    told_ms: int


_SELECT: Final = sql.SQL(
    """
    SELECT p.id, p.scope, p.number, p.state, p.base_id, b.number AS base_number, p.as_of_ms,
           p.created_at, p.published_at, p.published_by, p.superseded_at, p.method, p.solve_ms,
           p.reasons, p.metrics, p.waiting, p.unplanned, p.late_orders
    FROM plans p LEFT JOIN plans b ON b.id = p.base_id
    """
)


async def plan_row(connection: Connection, plan_id: int) -> PlanRow | None:
    """A plan by its id."""
    return await _one(connection, sql.SQL(" WHERE p.id = %(plan)s"), {"plan": plan_id})


async def published(connection: Connection, scope: str) -> PlanRow | None:
    """The plan in force of a scope."""
    condition = sql.SQL(" WHERE p.scope = %(scope)s AND p.state = 'published'")
    return await _one(connection, condition, {"scope": scope})


async def draft(connection: Connection, scope: str) -> PlanRow | None:
    """The draft of a scope that waits for somebody to publish it."""
    condition = sql.SQL(
        " WHERE p.scope = %(scope)s AND p.state = 'draft' ORDER BY p.number DESC LIMIT 1"
    )
    return await _one(connection, condition, {"scope": scope})


async def plans(
    connection: Connection, page: Page, *, scope: str | None = None
) -> tuple[list[PlanRow], int]:
    """Plan versions, newest first, and how many there are."""
    filters = Filters()
    filters.add("p.scope = %(scope)s", scope=scope)
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY p.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = [msgspec.convert(row, PlanRow) for row in await cursor.fetchall()]
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM plans p") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def assignments(connection: Connection, plan_id: int) -> dict[int, Assignment]:
    """A plan's operations by id; empty when the version is so old that they were dropped."""
    cursor = await connection.execute(
        """
        SELECT operation_id, machine_id, setup_start_ms, start_ms, end_ms
        FROM plan_operations WHERE plan_id = %s
        """,
        (plan_id,),
    )
    return {
        operation: Assignment(
            operation=operation,
            machine=machine,
            setup_start_ms=setup_start_ms,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        for operation, machine, setup_start_ms, start_ms, end_ms in await cursor.fetchall()
    }


async def plan_operations(
    connection: Connection, plan_id: int, page: Page
) -> tuple[list[PlanOperationRow], int]:
    """A plan's operations with their names, by machine and start, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(PlanOperationRow))
    await cursor.execute(
        """
        SELECT p.operation_id, w.number AS work_order, o.number AS operation, o.name,
               (SELECT r.number FROM pegs g
                JOIN order_lines l ON l.id = g.order_line_id JOIN orders r ON r.id = l.order_id
                WHERE g.work_order_id = w.id
                ORDER BY l.due_at NULLS LAST, l.id LIMIT 1) AS order,
               m.path AS machine, p.setup_start_ms, p.start_ms, p.end_ms, p.pin,
               w.id IN (SELECT id FROM work_orders_on_hold) AS on_hold
        FROM plan_operations p
        JOIN operations o ON o.id = p.operation_id
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN machines m ON m.id = p.machine_id
        WHERE p.plan_id = %(plan)s
        ORDER BY m.path COLLATE "C", p.start_ms, p.operation_id
        LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"plan": plan_id, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        "SELECT count(*) FROM plan_operations WHERE plan_id = %s", (plan_id,)
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


_SELECTED: Final = """
    SELECT p.order_id, o.number AS order, s.code AS site, c.name AS customer, p.end_ms, p.due_ms,
           p.lateness_ms, coalesce(p.chain, '[]') AS chain, coalesce(p.told_ms, p.end_ms) AS told_ms
    FROM plan_orders p
    JOIN orders o ON o.id = p.order_id
    JOIN sites s ON s.id = o.site_id
    JOIN customers c ON c.id = o.customer_id
"""
_ORDERS: Final = sql.SQL(_SELECTED)


async def plan_orders(connection: Connection, plan_id: int) -> list[PlanOrderRow]:
    """What a plan means for orders, the latest ones first."""
    cursor = connection.cursor(row_factory=class_row(PlanOrderRow))
    await cursor.execute(
        _ORDERS
        + sql.SQL(" WHERE p.plan_id = %s ORDER BY p.lateness_ms DESC NULLS LAST, p.order_id"),
        (plan_id,),
    )
    return await cursor.fetchall()


PLANNED_ORDER_ROWS: Final = sql.SQL(
    _SELECTED
    + """
    JOIN plans v ON v.id = p.plan_id AND v.state = 'published'
    WHERE p.order_id = ANY({orders}) ORDER BY p.end_ms
    """
)
"""What plans in force mean for orders: rows of `PlanOrderRow`, the last one counts."""


async def planned_orders(
    connection: Connection, order_ids: Collection[int]
) -> dict[int, PlanOrderRow]:
    """What the plans in force mean for orders, by id.

    An order that several scopes work for is told what the last of them says.
    """
    cursor = connection.cursor(row_factory=class_row(PlanOrderRow))
    await cursor.execute(
        PLANNED_ORDER_ROWS.format(orders=sql.SQL("%(orders)s")), {"orders": list(order_ids)}
    )
    return {row.order_id: row for row in await cursor.fetchall()}


async def _one(
    connection: Connection, condition: sql.SQL, parameters: dict[str, object]
) -> PlanRow | None:
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(_SELECT + condition, parameters)
    row = await cursor.fetchone()
    return msgspec.convert(row, PlanRow) if row is not None else None
