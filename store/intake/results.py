"""Orders as intake answers with them: what documents came to, read back from the rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it stands after a document."""

    id: int
    number: str
    state: str
    site: str
    customer: str
    customer_name: str
    customer_provisional: bool
    customer_reference: str | None
    currency: str | None
    priority: int


class LineResult(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it stands after a document, beside what the document said."""

    order_id: int
    number: int
    position: str | None
    item: str
    item_name: str
    item_provisional: bool
    description: str | None
    quantity: Decimal
    unit: str
    quantity_as_told: Decimal | None
    unit_as_told: str | None
    price: Decimal | None
    price_basis: Decimal
    due: datetime | None
    promised: datetime | None
    state: str


async def orders(connection: Connection, order_ids: Collection[int]) -> dict[int, OrderResult]:
    """Orders by their ids."""
    cursor = connection.cursor(row_factory=class_row(OrderResult))
    await cursor.execute(
        """
        SELECT o.id, o.number, coalesce(o.state, 'received') AS state, s.code AS site,
               c.code AS customer, c.name AS customer_name, c.provisional AS customer_provisional,
               o.customer_reference, o.currency, o.priority
        FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
        WHERE o.id = ANY(%s)
        """,
        (sorted(order_ids),),
    )
    return {row.id: row for row in await cursor.fetchall()}


async def lines(connection: Connection, order_ids: Collection[int]) -> dict[int, list[LineResult]]:
    """The lines of orders, by order, in the order of their numbers."""
    cursor = connection.cursor(row_factory=class_row(LineResult))
    await cursor.execute(
        """
        SELECT l.order_id, l.number, l.source_position AS position, i.code AS item,
               i.name AS item_name, i.provisional AS item_provisional, l.description, l.quantity,
               l.unit, l.quantity_as_told, l.unit_as_told, l.price, l.price_basis, l.due_at AS due,
               l.promised_at AS promised, l.state
        FROM order_lines l JOIN items i ON i.id = l.item_id
        WHERE l.order_id = ANY(%s) ORDER BY l.order_id, l.number
        """,
        (sorted(order_ids),),
    )
    found: dict[int, list[LineResult]] = {order_id: [] for order_id in order_ids}
    for row in await cursor.fetchall():
        found[row.order_id].append(row)
    return found
