"""Orders as the API shows them, from the read models that `/v1/live` uses too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from api.context import Context
from api.orders.schemas import Order, OrderOperation, OrderSummary, Party, Peg
from store import order_details, orders
from store.database import Connection
from store.errors import NotFoundError
from store.live_views import OrderPicture, read_orders
from store.order_details import LineDetail, OrderDetail
from store.orders import OrderRow


async def summaries(
    context: Context, connection: Connection, rows: Sequence[OrderRow]
) -> list[OrderSummary]:
    """Orders for a list, in the order given."""
    pictures = await read_orders(
        connection, [row.id for row in rows], now_ms=context.clock.now_ms(), audit=False
    )
    found = await order_details.details(connection, [row.id for row in rows])
    return [
        _summary(row, pictures[row.id], found[row.id])
        for row in rows
        if row.id in pictures and row.id in found
    ]


async def order(context: Context, connection: Connection, number: str) -> Order:
    """One order with its operations and pegs.

    Raises:
        NotFoundError: there is none.
    """
    row = await orders.find(connection, number=number)
    if row is None:
        raise NotFoundError("order", number)
    pictures = await read_orders(connection, [row.id], now_ms=context.clock.now_ms(), audit=False)
    picture = pictures[row.id]
    detail = (await order_details.details(connection, [row.id]))[row.id]
    pegs = await orders.pegs(connection, row.id)
    parties = await order_details.parties(connection, row.id)
    return Order(
        **_summary(row, picture, detail).__dict__,
        operations=[
            OrderOperation.model_validate(operation)
            for operation in picture.operation_views().values()
        ],
        pegs=[
            Peg(
                line=peg.line,
                work_order_id=peg.work_order_id,
                work_order=peg.work_order,
                quantity=peg.quantity,
            )
            for peg in pegs
        ],
        parties=[Party.model_validate(party) for party in parties],
    )


def _summary(row: OrderRow, picture: OrderPicture, detail: OrderDetail) -> OrderSummary:
    told = msgspec.to_builtins(picture.view())
    told["lines"] = [
        line | _plain(detail.lines[line["number"]])
        for line in told["lines"]
        if line["number"] in detail.lines
    ]
    return OrderSummary.model_validate(
        told
        | {name: value for name, value in _plain(detail).items() if name not in ("id", "lines")}
        | {
            "customer_code": row.customer,
            "customer_reference": row.customer_reference,
            "external_source": row.external_source,
            "external_id": row.external_id,
            "version": row.version,
            "priority": row.priority,
        }
    )


def _plain(detail: LineDetail | OrderDetail) -> dict[str, Any]:
    return {name: getattr(detail, name) for name in detail.__struct_fields__}
