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
from contracts.what_if import Change, ToldChange
from domain.plan.plan import Assignment, Metrics
from store.database import Connection
from store.filters import Filters, Page


class UnplannedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that a plan leaves out. `code`: see `store.planning.problem.Unplanned`."""

    operation_id: int
    work_order: str
    operation: int
    code: str


class AddedOperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a draft has a step of an order that is only thought of."""

    order: str
    item: str
    operation: int
    machine: str
    setup_start_ms: int
    start_ms: int
    end_ms: int


class AddedOrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft means for an order that is only thought of."""

    order: str
    end_ms: int
    due_ms: int | None = None


class PartRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a draft has what it splits off of an operation."""

    work_order: str
    operation: int
    machine: str
    pieces: int
    setup_start_ms: int
    start_ms: int
    end_ms: int


class EnteredRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What publishing a draft enters, or entered (`domain.plan.entering.EntryKind`).

    Attributes:
        change: for which of the draft's changes, by index.
        kind: what it is; what does not concern its kind is left out.
        resource_key: what the audit log calls it: `<site>/<code>`.
        absence_id: the row of an absence.
        reason: as it stands in the calendar: what the draft is called.
        before, after: fields of the policy, or the order's priority.
        gone: why it is no more: `taken_back`, or `changed` by somebody before it was to be.
    """

    change: int
    kind: str
    site_id: int | None = None
    machine_id: int | None = None
    machine: str | None = None
    resource_id: int | None = None
    resource: str | None = None
    resource_key: str | None = None
    count: int | None = None
    absence_id: int | None = None
    order: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    reason: str = ""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    gone: str | None = None


class WhatIfRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody thought of, and what came of it beyond the rows of a plan.

    Attributes:
        name: what the draft is called.
        settle: `shift`: everything else keeps its machine and its turn; `plan`: planned anew.
        improve_ms: how long a better plan was looked for.
        changes: `contracts.what_if.Change`, in order.
        told: the same in the names that people know.
        assumed: by index, the changes that are not so yet: it cannot be put in force before.
        moved: the operations that were put somewhere, by id.
        added, added_orders: work that is only thought of.
        parts: what was split off.
        basis: what it was planned with (`store.planning.basis`), as digests.
        entered: what was entered when it was put in force.
    """

    name: str
    settle: str
    improve_ms: int = 0
    changes: list[Change]
    told: list[ToldChange] = []
    assumed: list[int] = []
    moved: list[int] = []
    added: list[AddedOperationRow] = []
    added_orders: list[AddedOrderRow] = []
    parts: list[PartRow] = []
    basis: dict[str, str] = {}
    entered: list[EnteredRow] = []


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
        what_if: of a draft that somebody thought of, of what; None: the planner made it by itself.
        created_by, expires_at: who thought of it, and when it is discarded.
        searched_cost, cost_bound: what the best plan of the search costs, and what none can be
            below; None: nothing is proven.
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
    what_if: WhatIfRow | None = None
    created_by: str | None = None
    expires_at: datetime | None = None
    searched_cost: int | None = None
    cost_bound: int | None = None


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
        shares: what each cause has of the delay (`domain.plan.plan.DelayShare`), by names, as in
            `chain`, with `share_minutes`, which add up to the delay.
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
    shares: list[dict[str, Any]] = []


_SELECT: Final = sql.SQL(
    """
    SELECT p.id, p.scope, p.number, p.state, p.base_id, b.number AS base_number, p.as_of_ms,
           p.created_at, p.published_at, p.published_by, p.superseded_at, p.method, p.solve_ms,
           p.reasons, p.metrics, p.waiting, p.unplanned, p.late_orders, p.what_if, p.created_by,
           p.expires_at, p.searched_cost, p.cost_bound
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
    """The planner's draft of a scope that waits for somebody to publish it."""
    condition = sql.SQL(
        " WHERE p.scope = %(scope)s AND p.state = 'draft' AND p.what_if IS NULL"
        " ORDER BY p.number DESC LIMIT 1"
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


async def what_ifs(connection: Connection, scope: str) -> list[PlanRow]:
    """The drafts of a scope that somebody thought of and nobody has discarded, newest first."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        _SELECT
        + sql.SQL(
            " WHERE p.scope = %(scope)s AND p.state = 'draft' AND p.what_if IS NOT NULL"
            " ORDER BY p.id DESC"
        ),
        {"scope": scope},
    )
    return [msgspec.convert(row, PlanRow) for row in await cursor.fetchall()]


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
           p.lateness_ms, coalesce(p.chain, '[]') AS chain, coalesce(p.shares, '[]') AS shares,
           coalesce(p.told_ms, p.end_ms) AS told_ms
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
