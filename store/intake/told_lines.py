"""An order's lines as documents know them, and what a document changes of a line's telling."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from domain.orders import LineState
from store.database import Connection


class ToldLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line, with the number that documents give it."""

    id: int
    number: int
    position: str | None
    item_id: int
    item: str
    item_unit: str
    quantity: Decimal
    unit: str
    unit_as_told: str | None
    due_at: datetime | None
    price: Decimal | None
    state: LineState


async def lines(connection: Connection, order_id: int) -> list[ToldLine]:
    """The lines of an order in the order of their numbers, their rows locked."""
    cursor = connection.cursor(row_factory=class_row(ToldLine))
    await cursor.execute(
        """
        SELECT l.id, l.number, l.source_position AS position, l.item_id, i.code AS item,
               i.unit AS item_unit, l.quantity, l.unit, l.unit_as_told, l.due_at, l.price, l.state
        FROM order_lines l JOIN items i ON i.id = l.item_id
        WHERE l.order_id = %s ORDER BY l.number FOR UPDATE OF l
        """,
        (order_id,),
    )
    return [
        msgspec.structs.replace(row, state=LineState(row.state)) for row in await cursor.fetchall()
    ]


async def retell(
    connection: Connection,
    line_id: int,
    *,
    unit: str | None,
    quantity_as_told: Decimal | None,
    unit_as_told: str | None,
    price: Decimal | None,
    price_basis: Decimal,
    description: str | None,
) -> None:
    """Note what a document says of a line beside quantity and date; None leaves it as it is."""
    await connection.execute(
        """
        UPDATE order_lines
        SET unit = coalesce(%(unit)s, unit),
            quantity_as_told = coalesce(%(quantity)s, quantity_as_told),
            unit_as_told = coalesce(%(told)s, unit_as_told),
            price_basis = CASE WHEN %(price)s::numeric IS NULL THEN price_basis
                               ELSE %(basis)s END,
            price = coalesce(%(price)s, price),
            description = coalesce(%(description)s, description)
        WHERE id = %(line)s
        """,
        {
            "line": line_id,
            "unit": unit,
            "quantity": quantity_as_told,
            "told": unit_as_told,
            "price": price,
            "basis": price_basis,
            "description": description,
        },
    )


async def replace_item(connection: Connection, line_id: int, *, item_id: int) -> None:
    """Mean another item with a line. Only before anything is made for it."""
    await connection.execute(
        "UPDATE order_lines SET item_id = %s WHERE id = %s", (item_id, line_id)
    )
