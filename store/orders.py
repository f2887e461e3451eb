"""Customers' orders, their lines and the pegs from lines to work orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.orders import LineState
from store.database import Connection
from store.filters import Filters


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order line. `good_quantity` is what was made for it so far."""

    id: int
    order_id: int
    number: int
    item_id: int
    item: str
    item_name: str
    quantity: Decimal
    unit: str
    due_at: datetime | None
    state: LineState
    good_quantity: Decimal
    scrap_pieces: int
    started_at: datetime | None
    produced_at: datetime | None


class PegRow(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity of a work order that is meant for a line."""

    order_line_id: int
    line: int
    work_order_id: int
    work_order: str
    quantity: Decimal


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order's own row."""

    id: int
    site_id: int
    site: str
    customer: str
    number: str
    external_source: str | None
    external_id: str | None
    customer_reference: str | None
    version: int
    priority: int
    received_at: datetime
    changed_at: datetime
    intake_digest: bytes | None


ORDER_COLUMNS: Final = sql.SQL(
    """
    SELECT o.id, o.site_id, s.code AS site, c.code AS customer, o.number, o.external_source,
           o.external_id, o.customer_reference, o.version, o.priority, o.received_at, o.changed_at,
           o.intake_digest
    """
)
ORDER_TABLES: Final = sql.SQL(
    " FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id "
)


async def find(
    connection: Connection,
    *,
    number: str | None = None,
    external: tuple[str, str] | None = None,
    for_update: bool = False,
) -> OrderRow | None:
    """An order by its number or its external id, its row locked if asked."""
    filters = Filters()
    filters.add("o.number = %(number)s", number=number)
    if external is not None:
        filters.add(
            "o.external_source = %(source)s AND o.external_id = %(external_id)s",
            source=external[0],
            external_id=external[1],
        )
    lock = sql.SQL(" FOR UPDATE OF o" if for_update else "")
    cursor = connection.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(ORDER_COLUMNS + ORDER_TABLES + filters.where + lock, filters.parameters)
    return await cursor.fetchone()


async def states(connection: Connection, numbers: Sequence[str]) -> dict[str, LineState]:
    """The states of orders, by their numbers."""
    cursor = await connection.execute(
        "SELECT number, state FROM orders WHERE number = ANY(%s) AND state IS NOT NULL",
        (list(numbers),),
    )
    return {row[0]: LineState(row[1]) for row in await cursor.fetchall()}


async def lines(
    connection: Connection, order_ids: Sequence[int], *, for_update: bool = False
) -> dict[int, list[LineRow]]:
    """The lines of orders, by order, in the order of their numbers; locked if asked."""
    lock = sql.SQL(" FOR UPDATE OF l" if for_update else "")
    cursor = connection.cursor(row_factory=class_row(LineRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT l.id, l.order_id, l.number, l.item_id, i.code AS item, i.name AS item_name,
                   l.quantity, l.unit, l.due_at, l.state, l.good_quantity, l.scrap_pieces,
                   l.started_at, l.produced_at
            FROM order_lines l JOIN items i ON i.id = l.item_id
            WHERE l.order_id = ANY(%s) ORDER BY l.order_id, l.number
            """
        )
        + lock,
        (list(order_ids),),
    )
    found: dict[int, list[LineRow]] = {order_id: [] for order_id in order_ids}
    for row in await cursor.fetchall():
        found[row.order_id].append(msgspec.structs.replace(row, state=LineState(row.state)))
    return found


async def pegs(connection: Connection, order_id: int) -> list[PegRow]:
    """What is pegged to an order, by line and work order."""
    cursor = connection.cursor(row_factory=class_row(PegRow))
    await cursor.execute(
        """
        SELECT p.order_line_id, l.number AS line, p.work_order_id, w.number AS work_order,
               p.quantity
        FROM pegs p
        JOIN order_lines l ON l.id = p.order_line_id
        JOIN work_orders w ON w.id = p.work_order_id
        WHERE l.order_id = %s ORDER BY l.number, p.id
        """,
        (order_id,),
    )
    return await cursor.fetchall()


async def touch(connection: Connection, order_id: int, *, priority: int | None = None) -> int:
    """Note that an order changed; answers its new version."""
    cursor = await connection.execute(
        """
        UPDATE orders
        SET version = version + 1, changed_at = now(), priority = coalesce(%s, priority)
        WHERE id = %s RETURNING version
        """,
        (priority, order_id),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the caller holds the row's lock
    version: int = row[0]
    return version


async def set_line_state(connection: Connection, line_id: int, state: LineState) -> None:
    """Move a line to a state that `domain.orders` decided on."""
    await connection.execute(
        "UPDATE order_lines SET state = %s WHERE id = %s", (state.value, line_id)
    )


async def peg(
    connection: Connection, *, line_id: int, work_order_id: int, quantity: Decimal
) -> None:
    """Mean a quantity of a work order for a line."""
    await connection.execute(
        """
        INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, %s)
        ON CONFLICT (order_line_id, work_order_id) DO UPDATE SET quantity = excluded.quantity
        """,
        (line_id, work_order_id, quantity),
    )


async def work_orders_for(connection: Connection, line_ids: Sequence[int]) -> list[int]:
    """Work orders that are pegged to these lines, whoever else they are for."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT work_order_id FROM pegs
        WHERE order_line_id = ANY(%s) AND work_order_id IS NOT NULL ORDER BY work_order_id
        """,
        (list(line_ids),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def work_orders_only_for(connection: Connection, line_ids: Sequence[int]) -> list[int]:
    """Work orders that are pegged to these lines and to no line that is still wanted."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT p.work_order_id FROM pegs p
        WHERE p.order_line_id = ANY(%(lines)s) AND NOT EXISTS (
            SELECT FROM pegs q JOIN order_lines l ON l.id = q.order_line_id
            WHERE q.work_order_id = p.work_order_id AND l.state <> 'cancelled'
              AND l.id <> ALL(%(lines)s))
        ORDER BY p.work_order_id
        """,
        {"lines": list(line_ids)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def pegged_to(connection: Connection, work_order_id: int) -> list[tuple[int, int]]:
    """The orders that a work order is meant for: their ids and versions."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT o.id, o.version
        FROM pegs p JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        WHERE p.work_order_id = %s ORDER BY o.id
        """,
        (work_order_id,),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
