"""A customer's own orders, read under a role that sees nothing else.

The rows that are the customer's (orders, lines, shipments, what was done to them) are read as
`gemba_customer`, to whom PostgreSQL shows that customer's rows only (migration 0021): a mistake in
a query here can leave something out, and can show nobody else's. What is nobody's (when the work
behind those lines will be done) is then read for the orders that were found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.live import DeliveryView
from store.database import Connection
from store.filters import Filters, Page, containing
from store.live_order_rows import read_told_rows, read_work_rows
from store.live_views import OrderPicture
from store.shipments import deliveries


class OwnOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the customer may see; `customer_id` is looked at once more by the caller."""

    id: int
    number: str
    customer_id: int


@asynccontextmanager
async def as_customer(connection: Connection, customer_id: int) -> AsyncIterator[Connection]:
    """Be the role `gemba_customer`, for this customer, until the block ends.

    It is a transaction: both end with it, however it ends.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE gemba_customer")
        await connection.execute(
            "SELECT set_config('gemba.customer_id', %s, true)", (str(customer_id),)
        )
        yield connection


async def own_orders(
    connection: Connection,
    page: Page,
    *,
    customer_id: int,
    search: str | None = None,
    is_open: bool | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[OwnOrder], int]:
    """A customer's orders, newest first, and how many there are; within `as_customer`.

    The customer stands in the query as well: the policies are the second lock, not the only one.
    """
    filters = Filters()
    filters.add("o.customer_id = %(customer_id)s", customer_id=customer_id)
    filters.add(
        "(o.number ILIKE %(search)s OR o.customer_reference ILIKE %(search)s)",
        search=containing(search) if search else None,
    )
    filters.add(
        """EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id
               AND l.state NOT IN ('produced', 'cancelled')) = %(is_open)s""",
        is_open=is_open,
    )
    filters.limit_to_sites(limited_to)
    source = sql.SQL(" FROM orders o JOIN sites s ON s.id = o.site_id")
    async with connection.cursor(row_factory=class_row(OwnOrder)) as cursor:
        await cursor.execute(
            sql.SQL("SELECT o.id, o.number, o.customer_id")
            + source
            + filters.where
            + sql.SQL(" ORDER BY o.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
            {**filters.parameters, **page.parameters},
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + source + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def own_order(
    connection: Connection, number: str, *, limited_to: Collection[str] = ()
) -> OwnOrder | None:
    """An order by its number, if it is the customer's; within `as_customer`."""
    filters = Filters()
    filters.add("o.number = %(number)s", number=number)
    filters.limit_to_sites(limited_to)
    async with connection.cursor(row_factory=class_row(OwnOrder)) as cursor:
        await cursor.execute(
            sql.SQL(
                """
                SELECT o.id, o.number, o.customer_id
                FROM orders o JOIN sites s ON s.id = o.site_id
                """
            )
            + filters.where,
            filters.parameters,
        )
        return await cursor.fetchone()


async def pictures(
    connection: Connection, customer_id: int, order_ids: Sequence[int], *, now_ms: int
) -> dict[int, OrderPicture]:
    """The pictures of a customer's orders by id; whatever else the ids name is left out."""
    async with as_customer(connection, customer_id):
        rows = await read_told_rows(connection, order_ids, audit=True)
    await read_work_rows(connection, rows, now_ms=now_ms)
    return {order_id: OrderPicture(each, now_ms) for order_id, each in rows.items()}


async def own_deliveries(connection: Connection, order_id: int) -> list[DeliveryView]:
    """An order's shipments, if it is the customer's; within `as_customer`."""
    return (await deliveries(connection, [order_id])).get(order_id, [])


async def still_own(connection: Connection, customer_id: int, numbers: Collection[str]) -> set[str]:
    """Which of these orders are the customer's."""
    async with as_customer(connection, customer_id):
        cursor = await connection.execute(
            "SELECT number FROM orders WHERE number = ANY(%s) AND customer_id = %s",
            (list(numbers), customer_id),
        )
        return {row[0] for row in await cursor.fetchall()}
