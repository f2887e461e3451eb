"""Parts of an order: what a tracking link for one line or one shipment may tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from store.database import Connection
from store.live_goods import SHIPMENT_ACTIONS
from store.live_order_rows import AuditRow, OrderRows


def keep_line(rows: OrderRows, number: int) -> None:
    """Leave of an order's rows what concerns one line; shipments also hold other lines' goods."""
    ids = {line.id for line in rows.lines if line.number == number}
    _keep(rows, ids)
    rows.deliveries = []
    rows.audit = [
        told for told in (_of_line(row, number) for row in rows.audit) if told is not None
    ]


async def keep_shipment(connection: Connection, rows: OrderRows, number: int) -> None:
    """Leave of an order's rows what concerns one shipment: its lines, and nothing that changed."""
    cursor = await connection.execute(
        "SELECT order_line_id FROM shipment_lines WHERE order_id = %s AND number = %s",
        (rows.order.id, number),
    )
    _keep(rows, {row[0] for row in await cursor.fetchall()})
    rows.deliveries = [each for each in rows.deliveries if each.number == number]
    rows.audit = [row for row in rows.audit if row.action in _STAGES]


_STAGES = ("OrderReceived", "OrderConfirmed", "OrderReleased", "OrderCancelled")
"""What the stages of the timeline are made from."""


def _keep(rows: OrderRows, line_ids: Collection[int]) -> None:
    rows.lines = [line for line in rows.lines if line.id in line_ids]
    rows.operations = [each for each in rows.operations if each.line_id in line_ids]


def _of_line(row: AuditRow, number: int) -> AuditRow | None:
    """An entry as far as it concerns a line; None: not at all."""
    if row.action in SHIPMENT_ACTIONS or row.action == "ExpectedDateMoved":
        return None  # of the order as a whole
    if row.action == "LineStateChanged":
        return row if (row.after or {}).get("line") == number else None
    if row.action == "OrderChanged":
        return msgspec.structs.replace(
            row, before=_lines_of(row.before, number), after=_lines_of(row.after, number)
        )
    return row


def _lines_of(content: Mapping[str, Any] | None, number: int) -> dict[str, Any]:
    lines = (content or {}).get("lines") or []
    return {"lines": [line for line in lines if line.get("number") == number]}
