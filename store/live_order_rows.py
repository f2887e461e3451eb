"""The rows that orders' read models are made of: one set-based reading for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.live import DeliveryView
from contracts.telemetry import OperationState
from domain import progress, tracking
from domain.orders import LineState, operation_state
from store.database import Connection
from store.planning.plan_rows import PlanOrderRow, planned_orders
from store.shipments import deliveries


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order with the names that belong to it."""

    id: int
    number: str
    site: str
    time_zone: str
    customer: str
    customer_reference: str | None
    priority: int
    received_at: datetime
    changed_at: datetime


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order."""

    id: int
    order_id: int
    number: int
    item: str
    item_name: str
    quantity: Decimal
    unit: str
    due_at: datetime | None
    promised_at: datetime | None
    stored_state: str
    good: Decimal
    scrap: int
    started_at: datetime | None
    produced_at: datetime | None
    packed: Decimal
    shipped: Decimal

    @property
    def state(self) -> LineState:
        """Where the line stands."""
        return LineState(self.stored_state)

    @property
    def share(self) -> tracking.LineShare:
        """What stage and percentage are made from."""
        return tracking.LineShare(
            self.state,
            self.quantity,
            self.good,
            started=self.started_at is not None,
            packed=self.packed,
            shipped=self.shipped,
        )

    @property
    def is_open(self) -> bool:
        """Whether something is still to be made for it."""
        return self.state not in (LineState.PRODUCED, LineState.CANCELLED)


class OperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operation, as one line of an order is pegged to its work order."""

    order_id: int
    line_id: int
    id: int
    work_order_id: int
    work_order: str
    number: int
    name: str | None
    machine: str | None
    machine_state: str | None
    machine_operation_id: int | None
    state: str
    cancelled: bool
    runs: int
    quantity: Decimal | None
    good: Decimal
    scrap: Decimal
    cycle_ms: int | None
    setup_ms: int
    started_ms: int | None
    ended_ms: int | None
    planned_machine: str | None = None
    planned_start_ms: int | None = None
    planned_end_ms: int | None = None
    projected_start_ms: int | None
    projected_end_ms: int | None

    def figures(self, slots: Mapping[int, int] | None, now_ms: int) -> progress.OperationFigures:
        """The figures that projections are made from."""
        observed = (
            progress.observed_cycle_ms(slots, started_ms=self.started_ms, now_ms=now_ms)
            if slots
            else None
        )
        return progress.OperationFigures(
            number=self.number,
            state=operation_state(
                OperationState(self.state), cancelled=self.cancelled, runs=self.runs
            ),
            good=self.good,
            scrap=self.scrap,
            runs=self.runs,
            quantity=self.quantity,
            cycle_ms=self.cycle_ms,
            setup_ms=self.setup_ms,
            started_ms=self.started_ms,
            ended_ms=self.ended_ms,
            observed_ms=observed,
        )


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to an order, as far as a customer's page may tell."""

    order_id: int
    at: datetime
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class OrderRows(msgspec.Struct):
    """All rows of one order. `slots` are good pieces by operation and slot of the last hour."""

    order: OrderRow
    lines: list[LineRow] = []
    operations: list[OperationRow] = []
    slots: dict[int, dict[int, int]] = {}
    audit: list[AuditRow] = []
    deliveries: list[DeliveryView] = []
    planned: PlanOrderRow | None = None
    """What the plan in force says of it."""


async def read_order_rows(
    connection: Connection, order_ids: Collection[int], *, now_ms: int, audit: bool
) -> dict[int, OrderRows]:
    """The rows of orders by id; ids that do not exist are left out.

    Args:
        connection: where to read.
        order_ids: which ones.
        now_ms: the end of the hour whose pieces are read.
        audit: whether to read what was done to them, newest first.
    """
    found = await read_told_rows(connection, order_ids, audit=audit)
    await read_work_rows(connection, found, now_ms=now_ms)
    return found


async def read_told_rows(
    connection: Connection, order_ids: Collection[int], *, audit: bool
) -> dict[int, OrderRows]:
    """The part of the rows that is the customer's: also read under the role `gemba_customer`.

    What these queries read of a table has to be granted to it (migration 0021).
    """
    ids = list(order_ids)
    found: dict[int, OrderRows] = {}
    async with connection.cursor(row_factory=class_row(OrderRow)) as orders:
        await orders.execute(ORDERS_ROWS.format(orders=GIVEN_ORDERS), {"orders": ids})
        async for order in orders:
            found[order.id] = OrderRows(order)
    async with connection.cursor(row_factory=class_row(LineRow)) as lines:
        await lines.execute(LINES_ROWS.format(orders=GIVEN_ORDERS), {"orders": ids})
        async for line in lines:
            found[line.order_id].lines.append(line)
    for order_id, shipments in (await deliveries(connection, list(found))).items():
        found[order_id].deliveries.extend(shipments)
    if audit:
        async with connection.cursor(row_factory=class_row(AuditRow)) as rows:
            await rows.execute(AUDIT_ROWS.format(orders=GIVEN_ORDERS), {"orders": ids})
            async for row in rows:
                found[row.order_id].audit.append(row)
    return found


async def read_work_rows(
    connection: Connection, found: Mapping[int, OrderRows], *, now_ms: int
) -> None:
    """Complete orders' rows with the work behind them: operations, plan, projections."""
    async with connection.cursor(row_factory=class_row(OperationRow)) as operations:
        await operations.execute(
            operations_rows(GIVEN_ORDERS, in_plan=True), {"orders": list(found)}
        )
        async for operation in operations:
            found[operation.order_id].operations.append(operation)
    await _read_slots(connection, found.values(), now_ms)
    for order_id, planned in (await planned_orders(connection, list(found))).items():
        found[order_id].planned = planned


async def _read_slots(connection: Connection, orders: Iterable[OrderRows], now_ms: int) -> None:
    """Read the last hour's pieces of the machines that the orders' operations are on."""
    on_machine: dict[int, list[OrderRows]] = defaultdict(list)
    for order in orders:
        for operation in order.operations:
            if operation.state == OperationState.RUNNING:
                on_machine[operation.id].append(order)
    if not on_machine:
        return
    since = now_ms - progress.HOUR_MS
    cursor = await connection.execute(
        """
        SELECT s.operation_id, p.slot_ms, sum(p.good)::bigint
        FROM machine_states s JOIN piece_slots p ON p.machine_id = s.machine_id
        WHERE s.operation_id = ANY(%s) AND p.slot_ms >= %s AND p.slot_ms <= %s
        GROUP BY s.operation_id, p.slot_ms
        """,
        (list(on_machine), since - since % progress.SLOT_MS, now_ms),
    )
    for operation_id, slot_ms, good in await cursor.fetchall():
        for order in on_machine[operation_id]:
            order.slots.setdefault(operation_id, {})[slot_ms] = good


# Which orders stands apart: a parameter here, one that was just found in `store.order_status`.
GIVEN_ORDERS: Final = sql.SQL("%(orders)s")
ORDERS_ROWS: Final = sql.SQL(
    """
SELECT o.id, o.number, s.code AS site, s.time_zone, c.name AS customer, o.customer_reference,
       o.priority, o.received_at, o.changed_at
FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
WHERE o.id = ANY({orders})
"""
)

LINES_ROWS: Final = sql.SQL(
    """
SELECT l.id, l.order_id, l.number, i.code AS item, i.name AS item_name, l.quantity, l.unit,
       l.due_at, l.promised_at, l.state AS stored_state, l.good_quantity AS good,
       l.scrap_pieces AS scrap, l.started_at, l.produced_at, coalesce(g.packed, 0) AS packed,
       coalesce(g.shipped, 0) AS shipped
FROM order_lines l JOIN items i ON i.id = l.item_id
LEFT JOIN LATERAL (
    SELECT sum(packed) AS packed, sum(shipped) AS shipped FROM shipment_lines
    WHERE order_line_id = l.id) g ON true
WHERE l.order_id = ANY({orders}) ORDER BY l.order_id, l.number
"""
)

_OPERATIONS: Final = sql.SQL(
    """
SELECT l.order_id, l.id AS line_id, o.id, w.id AS work_order_id, w.number AS work_order, o.number,
       o.name, m.path AS machine, s.state AS machine_state, s.operation_id AS machine_operation_id,
       o.state, w.cancelled_at IS NOT NULL AS cancelled, o.runs,
       coalesce(o.quantity, w.quantity_ordered, o.requested) AS quantity,
       o.good_pieces AS good, o.scrap_pieces AS scrap, o.cycle_ms, o.setup_ms, o.started_ms,
       o.ended_ms, {place} e.start_ms AS projected_start_ms, e.end_ms AS projected_end_ms
FROM order_lines l
JOIN pegs p ON p.order_line_id = l.id
JOIN work_orders w ON w.id = p.work_order_id
JOIN operations o ON o.work_order_id = w.id
LEFT JOIN machines m ON m.id = o.machine_id
LEFT JOIN machine_states s ON s.machine_id = m.id
LEFT JOIN operation_projections e ON e.operation_id = o.id
{plan}
WHERE l.order_id = ANY({orders})
"""
)
_PLACE: Final = sql.SQL(
    "b.path AS planned_machine, a.start_ms AS planned_start_ms, a.end_ms AS planned_end_ms,"
)
# Work that is over stands in the last version that held it.
_PLAN: Final = sql.SQL(
    """
LEFT JOIN LATERAL (
    SELECT h.machine_id, h.start_ms, h.end_ms
    FROM plan_operations h
    JOIN plans v ON v.id = h.plan_id AND v.state IN ('published', 'superseded')
    WHERE h.operation_id = o.id
      AND (v.state = 'published' OR o.state IN ('completed', 'aborted'))
    ORDER BY v.id DESC LIMIT 1
) a ON true
LEFT JOIN machines b ON b.id = a.machine_id
"""
)


def operations_rows(orders: sql.Composable, *, in_plan: bool) -> sql.Composed:
    """The statement for operations.

    Args:
        orders: of which orders, an array of ids.
        in_plan: with their places in the plan, which cost the most; no date of an order needs them.
    """
    nothing = sql.SQL("")
    return _OPERATIONS.format(
        orders=orders,
        place=_PLACE if in_plan else nothing,
        plan=_PLAN if in_plan else nothing,
    )


AUDIT_ROWS: Final = sql.SQL(
    """
SELECT order_id, at, action, before, after FROM audit_log
WHERE order_id = ANY({orders}) AND action IN ('OrderReceived', 'OrderConfirmed', 'OrderReleased',
      'OrderChanged', 'OrderCancelled', 'LineStateChanged', 'ShipmentPacked', 'ShipmentShipped',
      'ShipmentCorrected', 'ExpectedDateMoved')
ORDER BY order_id, id DESC
"""
)
