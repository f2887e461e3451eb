"""Lists of orders: which ones, in which order."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Final

from psycopg import sql
from psycopg.rows import class_row

from domain.orders import LineState
from store.database import Connection
from store.filters import Filters, Page, containing
from store.orders import ORDER_COLUMNS, ORDER_TABLES, OrderRow

# The rule of `domain.orders.order_state` in SQL, for filters; a test holds the two together.
_STATE: Final = """
    (SELECT CASE
        WHEN NOT coalesce(bool_or(state <> 'cancelled'), false) THEN 'cancelled'
        WHEN bool_and(state IN ('produced', 'cancelled')) THEN 'produced'
        WHEN bool_or(state IN ('in_production', 'produced')) THEN 'in_production'
        WHEN bool_or(state = 'on_hold') THEN 'on_hold'
        WHEN bool_or(state = 'received') THEN 'received'
        WHEN bool_or(state = 'under_review') THEN 'under_review'
        WHEN bool_or(state = 'confirmed') THEN 'confirmed'
        ELSE 'released' END
     FROM order_lines l WHERE l.order_id = o.id)
"""


class OrderSort(enum.StrEnum):
    """In which order orders are told; newest first where that leaves it open."""

    RECEIVED = "received"
    """Newest first."""
    DUE = "due"
    """The next due date of what is open first; then the ones without."""
    PRIORITY = "priority"
    """Highest first."""
    LATENESS = "lateness"
    """What is furthest behind its due date first; then the ones of which nothing is known."""


_WITH_DUE: Final = sql.SQL(
    """
    LEFT JOIN (SELECT order_id, min(due_at) AS due_at FROM order_lines
               WHERE state NOT IN ('produced', 'cancelled') GROUP BY order_id) due
        ON due.order_id = o.id
    """
)
# Told to the minute, as `store.live_views` does. Only what is open and projected, or overdue, is
# looked at: that is little beside all orders.
_WITH_LATENESS: Final = sql.SQL(
    """
    LEFT JOIN (
        SELECT order_id, max(late_ms) AS late_ms FROM (
            SELECT l.order_id,
                   p.end_ms - p.end_ms %% 60000 - extract(epoch FROM l.due_at) * 1000 AS late_ms
            FROM operation_projections p
            JOIN operations w ON w.id = p.operation_id
            JOIN pegs g ON g.work_order_id = w.work_order_id
            JOIN order_lines l ON l.id = g.order_line_id
            WHERE l.due_at IS NOT NULL AND l.state NOT IN ('produced', 'cancelled')
            UNION ALL
            SELECT order_id, %(now_ms)s - extract(epoch FROM due_at) * 1000
            FROM order_lines
            WHERE due_at <= to_timestamp(%(now_ms)s / 1000.0)
              AND state NOT IN ('produced', 'cancelled')) AS lines
        GROUP BY order_id) late
        ON late.order_id = o.id
    """
)
_BY: Final = {
    OrderSort.RECEIVED: sql.SQL("o.id DESC"),
    OrderSort.DUE: sql.SQL("due.due_at NULLS LAST, o.id DESC"),
    OrderSort.PRIORITY: sql.SQL("o.priority DESC, o.id DESC"),
    OrderSort.LATENESS: sql.SQL("late.late_ms DESC NULLS LAST, o.id DESC"),
}


async def orders(
    connection: Connection,
    page: Page,
    *,
    now_ms: int,
    site: str | None = None,
    state: str | None = None,
    customer: str | None = None,
    search: str | None = None,
    is_open: bool | None = None,
    late: bool | None = None,
    priority_at_least: int | None = None,
    sort: OrderSort = OrderSort.RECEIVED,
    limited_to: Collection[str] = (),
) -> tuple[list[OrderRow], int]:
    """Orders in some order, and how many there are.

    Args:
        connection: where to read.
        page: which part.
        now_ms: what is due before is overdue.
        site: of this site only (its code).
        state: in this state only.
        customer: of this customer only (their code).
        search: text in the number, the customer's code and name, their reference and the external
            id, whatever the case.
        is_open: with something that is still to be made, or with nothing.
        late: overdue, or projected to end a minute or more after a due date; or neither.
        priority_at_least: of this priority or a higher one.
        sort: in which order.
        limited_to: of these sites, if any are given.
    """
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("c.code = %(customer)s", customer=customer)
    filters.add(
        # Only orders with a line in that state can be in it, save those that mix: this finds few.
        "EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id AND l.state = ANY(%(states)s))",
        states=_line_states(state),
    )
    filters.add(f"{_STATE} = %(state)s", state=state)
    filters.add(
        """(o.number ILIKE %(search)s OR o.customer_reference ILIKE %(search)s
            OR o.external_id ILIKE %(search)s OR c.name ILIKE %(search)s
            OR c.code ILIKE %(search)s)""",
        search=containing(search) if search else None,
    )
    filters.add(
        """EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id
                   AND l.state NOT IN ('produced', 'cancelled')) = %(is_open)s""",
        is_open=is_open,
    )
    filters.add("coalesce(late.late_ms >= 60000, false) = %(late)s", late=late)
    filters.add("o.priority >= %(priority)s", priority=priority_at_least)
    filters.limit_to_sites(limited_to)
    parameters = {**filters.parameters, "now_ms": now_ms}
    joined = [ORDER_TABLES]
    if late is not None or sort is OrderSort.LATENESS:
        joined.append(_WITH_LATENESS)
    if sort is OrderSort.DUE:
        joined.append(_WITH_DUE)
    cursor = connection.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(
        sql.SQL("{} {} {} ORDER BY {} LIMIT %(limit)s OFFSET %(offset)s").format(
            ORDER_COLUMNS, sql.SQL("").join(joined), filters.where, _BY[sort]
        ),
        {**parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) {} {} {}").format(
            ORDER_TABLES, _WITH_LATENESS if late is not None else sql.SQL(""), filters.where
        ),
        parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


def _line_states(state: str | None) -> list[str] | None:
    """The states of which an order in `state` has at least one line."""
    if state is None:
        return None
    if state == LineState.IN_PRODUCTION:
        return [LineState.IN_PRODUCTION.value, LineState.PRODUCED.value]
    return [state]
