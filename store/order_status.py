"""Where one order stands, in one round trip: the question that is asked most often.

The rows are those of `store.live_order_rows`, gathered by PostgreSQL into one JSON document, so
that the answer is the same as that of the order's page. What is a customer's of an order is
gathered by the function `own_order_told` (migration 0028), under row-level security.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from psycopg import sql

from domain import progress
from store.database import Connection
from store.live_order_rows import (
    LINES_ROWS,
    ORDERS_ROWS,
    AuditRow,
    LineRow,
    OperationRow,
    OrderRow,
    OrderRows,
    operations_rows,
)
from store.live_views import OrderPicture
from store.planning.plan_rows import PLANNED_ORDER_ROWS, PlanOrderRow
from store.shipments import DELIVERY_ROWS, delivery_views


class OrderStatus(msgspec.Struct, frozen=True):
    """An order's figures, and the version of the row that they were read with."""

    picture: OrderPicture
    version: int


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is the customer's of an order."""

    order: OrderRow
    lines: list[LineRow]
    deliveries: list[_DeliveryRow]
    audit: list[AuditRow] = []


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    """The work behind it."""

    operations: list[OperationRow] = []
    slots: list[tuple[int, int, int]] = []
    planned: list[PlanOrderRow] = []


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    told: _Told
    work: _Work


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
_TOLD: Final = sql.SQL(
    """
    'order', (SELECT to_json(t) FROM ({order}) t),
    'lines', (SELECT coalesce(json_agg(t), '[]') FROM ({lines}) t),
    'deliveries', (SELECT coalesce(json_agg(t), '[]') FROM ({deliveries}) t)
    """
)
_WORK: Final = sql.SQL(
    """
    'operations', (SELECT coalesce(json_agg(t), '[]') FROM ({operations}) t),
    'slots', (SELECT coalesce(json_agg(json_build_array(t.operation_id, t.slot_ms, t.good)), '[]')
              FROM ({slots}) t)
    """
)


def _text(statement: sql.SQL, orders: sql.SQL) -> str:
    """A statement as text, made once: composing it anew for each question costs its share.

    Args:
        statement: with places for what is `told`, the `work` and the `planned` end.
        orders: which orders, an array of ids.
    """
    told = _TOLD.format(
        order=ORDERS_ROWS.format(orders=orders),
        lines=LINES_ROWS.format(orders=orders),
        deliveries=DELIVERY_ROWS.format(orders=orders),
    )
    work = _WORK.format(
        operations=operations_rows(orders, in_plan=False),
        slots=_SLOTS.format(orders=orders),
    )
    planned = PLANNED_ORDER_ROWS.format(orders=orders)
    return statement.format(told=told, work=work, planned=planned).as_string(None)


_STATUS: Final = _text(
    sql.SQL("""
    WITH chosen AS MATERIALIZED (SELECT id, version FROM orders WHERE number = %(number)s)
    SELECT json_build_object(
        'version', version,
        'told', json_build_object({told}),
        'work', json_build_object(
            {work}, 'planned', (SELECT coalesce(json_agg(t), '[]') FROM ({planned}) t))
    )::text
    FROM chosen
    """),
    orders=sql.SQL("ARRAY(SELECT id FROM chosen)"),
)
_OWN_TOLD: Final = """
SELECT order_id, is_open, told FROM own_order_told(%(customer_id)s, %(number)s)
"""
_OWN_WORK: Final = _text(
    sql.SQL("SELECT json_build_object({work})::text"), orders=sql.SQL("ARRAY[%(order)s::bigint]")
)
_decoder: Final = msgspec.json.Decoder(_Document)
_told_decoder: Final = msgspec.json.Decoder(_Told)
_work_decoder: Final = msgspec.json.Decoder(_Work)


async def read_status(connection: Connection, number: str, *, now_ms: int) -> OrderStatus | None:
    """How an order stands; None: there is no such order.

    Args:
        connection: where to read.
        number: the order's.
        now_ms: what the projections are made for; the pieces of the hour before it say the pace.
    """
    cursor = await connection.execute(
        _STATUS, {"number": number, **_hour_until(now_ms)}, prepare=True
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    document = _decoder.decode(row[0])
    return OrderStatus(_picture(document.told, document.work, now_ms), document.version)


async def read_own_status(
    connection: Connection, customer_id: int, number: str, *, now_ms: int
) -> OrderPicture | None:
    """How a customer's order stands; None: there is no such order of theirs.

    What is the customer's is read as the role that sees nothing else (`own_order_told`), the work
    behind it as ourselves; nothing of that is asked where nothing is left to be made, because only
    what is open has dates that depend on it.

    Args:
        connection: where to read.
        customer_id: whose order.
        number: the order's.
        now_ms: as for `read_status`.
    """
    cursor = await connection.execute(
        _OWN_TOLD, {"number": number, "customer_id": customer_id}, prepare=True
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    order_id, is_open, told = row
    work = _Work()
    if is_open:
        cursor = await connection.execute(
            _OWN_WORK, {"order": order_id, **_hour_until(now_ms)}, prepare=True
        )
        behind = await cursor.fetchone()
        if behind is not None:
            work = _work_decoder.decode(behind[0])
    return _picture(_told_decoder.decode(told), work, now_ms)


def _hour_until(now_ms: int) -> dict[str, int]:
    since = now_ms - progress.HOUR_MS
    return {"now": now_ms, "since": since - since % progress.SLOT_MS}


def _picture(told: _Told, work: _Work, now_ms: int) -> OrderPicture:
    slots: dict[int, dict[int, int]] = {}
    for operation_id, slot_ms, good in work.slots:
        slots.setdefault(operation_id, {})[slot_ms] = good
    shipped = delivery_views(msgspec.structs.astuple(each) for each in told.deliveries)
    rows = OrderRows(
        told.order,
        lines=told.lines,
        operations=work.operations,
        slots=slots,
        audit=told.audit,
        deliveries=shipped.get(told.order.id, []),
        planned=work.planned[-1] if work.planned else None,
    )
    return OrderPicture(rows, now_ms)
