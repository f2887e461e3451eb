"""Where one order stands, in one round trip: the question that is asked most often.

The rows are those of `store.live_order_rows`, gathered by PostgreSQL into one JSON document, so
that the answer is the same as that of the order's page.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from psycopg import sql

from domain import progress
from store.database import Connection
from store.live_order_rows import (
    LINES_ROWS,
    OPERATIONS_ROWS,
    ORDERS_ROWS,
    LineRow,
    OperationRow,
    OrderRow,
    OrderRows,
)
from store.live_views import OrderPicture
from store.planning.plan_rows import PLANNED_ORDER_ROWS, PlanOrderRow
from store.shipments import DELIVERY_ROWS, delivery_views


class OrderStatus(msgspec.Struct, frozen=True):
    """An order's figures, and the version of the row that they were read with."""

    picture: OrderPicture
    version: int


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    order: OrderRow
    lines: list[LineRow]
    operations: list[OperationRow]
    slots: list[tuple[int, int, int]]
    deliveries: list[_DeliveryRow]
    planned: list[PlanOrderRow]


class _DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """As `DELIVERY_ROWS` has it."""

    order_id: int
    number: int
    state: str
    picking_ms: int | None
    packed_ms: int | None
    shipped_ms: int | None
    delivered_ms: int | None
    carrier: str | None
    tracking_number: str | None
    carrier_status: str | None
    carrier_ms: int | None
    expected_ms: int | None
    returned: Any
    picked: Any
    packed: Any
    shipped: Any
    unit: str


_CHOSEN: Final = sql.SQL("ARRAY(SELECT id FROM chosen)")
_SLOTS: Final = sql.SQL(
    """
    SELECT s.operation_id, p.slot_ms, sum(p.good)::bigint AS good
    FROM order_lines l
    JOIN pegs g ON g.order_line_id = l.id
    JOIN operations o ON o.work_order_id = g.work_order_id AND o.state = 'running'
    JOIN machine_states s ON s.operation_id = o.id
    JOIN piece_slots p ON p.machine_id = s.machine_id
    WHERE l.order_id = ANY({orders}) AND p.slot_ms >= %(since)s AND p.slot_ms <= %(now)s
    GROUP BY s.operation_id, p.slot_ms
    """
)
_STATUS: Final = sql.SQL(
    """
    WITH chosen AS MATERIALIZED (SELECT id, version FROM orders WHERE number = %(number)s)
    SELECT json_build_object(
        'version', (SELECT version FROM chosen),
        'order', (SELECT to_json(t) FROM ({order}) t),
        'lines', (SELECT coalesce(json_agg(t), '[]') FROM ({lines}) t),
        'operations', (SELECT coalesce(json_agg(t), '[]') FROM ({operations}) t),
        'slots', (SELECT coalesce(json_agg(json_build_array(t.operation_id, t.slot_ms, t.good)),
                                  '[]') FROM ({slots}) t),
        'deliveries', (SELECT coalesce(json_agg(t), '[]') FROM ({deliveries}) t),
        'planned', (SELECT coalesce(json_agg(t), '[]') FROM ({planned}) t)
    )::text
    FROM chosen
    """
).format(
    order=ORDERS_ROWS.format(orders=_CHOSEN),
    lines=LINES_ROWS.format(orders=_CHOSEN),
    operations=OPERATIONS_ROWS.format(orders=_CHOSEN),
    slots=_SLOTS.format(orders=_CHOSEN),
    deliveries=DELIVERY_ROWS.format(orders=_CHOSEN),
    planned=PLANNED_ORDER_ROWS.format(orders=_CHOSEN),
)
_decoder: Final = msgspec.json.Decoder(_Document)


async def read_status(connection: Connection, number: str, *, now_ms: int) -> OrderStatus | None:
    """How an order stands; None: there is no such order.

    Args:
        connection: where to read.
        number: the order's.
        now_ms: what the projections are made for; the pieces of the hour before it say the pace.
    """
    since = now_ms - progress.HOUR_MS
    cursor = await connection.execute(
        _STATUS,
        {"number": number, "now": now_ms, "since": since - since % progress.SLOT_MS},
        prepare=True,
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    document = _decoder.decode(row[0])
    slots: dict[int, dict[int, int]] = {}
    for operation_id, slot_ms, good in document.slots:
        slots.setdefault(operation_id, {})[slot_ms] = good
    shipped = delivery_views(msgspec.structs.astuple(each) for each in document.deliveries)
    rows = OrderRows(
        document.order,
        lines=document.lines,
        operations=document.operations,
        slots=slots,
        deliveries=shipped.get(document.order.id, []),
        planned=document.planned[-1] if document.planned else None,
    )
    return OrderStatus(OrderPicture(rows, now_ms), document.version)
