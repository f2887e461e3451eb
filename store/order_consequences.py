"""What cancelling orders would reach, told before it is done; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class OrderReach(msgspec.Struct, frozen=True, kw_only=True):
    """How far cancelling one order reaches.

    Attributes:
        open_lines: how many of its lines can be cancelled still; 0: nothing can.
        reserved: how many reservations would be freed.
    """

    number: str
    site: str
    customer: str
    open_lines: int
    reserved: int


class WorkReach(msgspec.Struct, frozen=True, kw_only=True):
    """A work order that makes something for the orders.

    Attributes:
        shared: others wait for it, too: it makes as much less as they do not need.
        begun: the floor has begun it: it is stopped, or goes on for the stock (`running`).
        good: pieces that it has made, in `unit`.
        orders: which of the orders it is for.
    """

    number: str
    site: str
    item: str | None
    unit: str
    shared: bool
    begun: bool
    good: Decimal
    quantity: Decimal | None
    running: str
    orders: list[str]


async def orders_reached(connection: Connection, numbers: Sequence[str]) -> list[OrderReach]:
    """Orders by number, with what can be cancelled of each; unknown ones are left out."""
    cursor = connection.cursor(row_factory=class_row(OrderReach))
    await cursor.execute(
        """
        SELECT o.number, s.code AS site, c.code AS customer,
               count(l.id) FILTER (WHERE l.state NOT IN ('cancelled', 'produced')) AS open_lines,
               coalesce(sum(r.count) FILTER (WHERE l.state NOT IN ('cancelled', 'produced')), 0)
                   ::int AS reserved
        FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
        JOIN order_lines l ON l.order_id = o.id
        LEFT JOIN LATERAL (
            SELECT count(*) AS count FROM reservations r
            WHERE r.order_line_id = l.id AND r.state = 'open'
        ) r ON true
        WHERE o.number = ANY(%s) GROUP BY o.id, o.number, s.code, c.code ORDER BY o.id
        """,
        (list(numbers),),
    )
    return await cursor.fetchall()


async def work_reached(connection: Connection, numbers: Sequence[str]) -> list[WorkReach]:
    """The work orders that are not over and make something for lines that would be cancelled."""
    cursor = connection.cursor(row_factory=class_row(WorkReach))
    await cursor.execute(
        """
        WITH leaving AS (
            SELECT l.id, o.number FROM orders o JOIN order_lines l ON l.order_id = o.id
            WHERE o.number = ANY(%s) AND l.state NOT IN ('cancelled', 'produced')
        ), works AS (
            SELECT p.work_order_id AS id, array_agg(DISTINCT g.number ORDER BY g.number) AS orders
            FROM leaving g JOIN pegs p ON p.order_line_id = g.id
            WHERE p.work_order_id IS NOT NULL GROUP BY p.work_order_id
        )
        SELECT w.number, s.code AS site, coalesce(i.code, w.item_text) AS item, w.unit,
               EXISTS (SELECT FROM pegs p LEFT JOIN order_lines l ON l.id = p.order_line_id
                       WHERE p.work_order_id = w.id AND l.state IS DISTINCT FROM 'cancelled'
                         AND (p.order_line_id IS NULL
                              OR p.order_line_id NOT IN (SELECT id FROM leaving))) AS shared,
               a.begun, a.good, w.quantity_ordered AS quantity,
               coalesce(y.policy ->> 'running', 'stop') AS running, k.orders
        FROM works k JOIN work_orders w ON w.id = k.id JOIN sites s ON s.id = w.site_id
        LEFT JOIN items i ON i.id = w.item_id
        LEFT JOIN work_order_policies y ON y.site_id = w.site_id
        JOIN LATERAL (
            SELECT coalesce(bool_or(o.runs > 0 OR o.good_pieces > 0
                                OR o.state NOT IN ('planned', 'released', 'cancelled')), false)
                       AS begun,
                   coalesce((array_agg(o.good_pieces ORDER BY o.number DESC))[1], 0) AS good,
                   coalesce(bool_and(o.state IN ('completed', 'aborted', 'cancelled')), false)
                       AS over
            FROM operations o WHERE o.work_order_id = w.id
        ) a ON NOT a.over
        WHERE w.cancelled_at IS NULL ORDER BY a.begun DESC, w.number
        """,
        (list(numbers),),
    )
    return await cursor.fetchall()
