"""Lists of orders: which ones, in which order, and how many there are."""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row, dict_row

from store.database import Connection
from store.filters import Filters, Page, containing
from store.orders import ORDER_COLUMNS, OrderRow

COUNTED: Final = 100_000
"""So many orders are counted one by one; beyond it the planner's estimate is told."""
_FEW: Final = 2_000
"""So many orders of a search are remembered instead of looked for again."""


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
    WAITING = "waiting"
    """Oldest first."""


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are wanted; None: whatever it is.

    Attributes:
        site: of this site (its code).
        line_sites: whether orders are of a site, too, that makes or delivers a line of them.
        state: in this state.
        customer: of this customer (their code).
        source: from this source (`OrderDocument.source`, or a program's `external_source`).
        channel: that came in by this channel (its name).
        item: with a line of this item (its code).
        due_from: due then or later; the date that the list shows.
        due_until: due before then.
        received_from: received then or later.
        received_until: received before then.
        finding: with an open finding of this code.
        severity: with an open finding of this severity.
        search: text in the number, the customer's code and name, their reference and the external
            id, whatever the case.
        is_open: with something that is still to be made, or with nothing.
        late: overdue, or projected to end a minute or more after a due date; or neither.
        priority_at_least: of this priority or a higher one.
        numbers: one of these.
    """

    site: str | None = None
    line_sites: bool = False
    state: str | None = None
    customer: str | None = None
    source: str | None = None
    channel: str | None = None
    item: str | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None
    finding: str | None = None
    severity: str | None = None
    search: str | None = None
    is_open: bool | None = None
    late: bool | None = None
    priority_at_least: int | None = None
    numbers: tuple[str, ...] | None = None


class Total(msgspec.Struct, frozen=True):
    """How many orders there are, and whether that is an estimate."""

    count: int
    is_estimate: bool = False


# How late orders will be by the projection: that is little beside all orders. It is read once, and
# handed to the queries of a list.
_READ_PROJECTED: Final = """
WITH ends AS MATERIALIZED (
    SELECT w.work_order_id, max(p.end_ms) AS end_ms
    FROM operation_projections p JOIN operations w ON w.id = p.operation_id
    GROUP BY w.work_order_id)
SELECT l.order_id,
       max(e.end_ms - e.end_ms % 60000 - (extract(epoch FROM l.due_at) * 1000)::bigint)
FROM ends e
JOIN pegs g ON g.work_order_id = e.work_order_id
JOIN order_lines l ON l.id = g.order_line_id
WHERE l.due_at IS NOT NULL AND l.state NOT IN ('produced', 'cancelled')
GROUP BY l.order_id
"""
_PROJECTED: Final = sql.SQL(
    """
    projected AS MATERIALIZED (
        SELECT * FROM unnest(%(projected)s::bigint[], %(late_ms)s::bigint[])
            AS p (order_id, late_ms))
    """
)
# Overdue (the first due date says by how much), or projected to be late.
_LATE: Final = """
    o.id = ANY(ARRAY(
        SELECT d.id FROM orders d
        WHERE d.next_due_at <= to_timestamp((%(now_ms)s - 60000) / 1000.0)
        UNION SELECT order_id FROM projected WHERE late_ms >= 60000))
"""
_KNOWN_LATENESS: Final = """
    o.id = ANY(ARRAY(
        SELECT d.id FROM orders d WHERE d.next_due_at <= to_timestamp(%(now_ms)s / 1000.0)
        UNION SELECT order_id FROM projected))
"""
_LATENESS: Final = sql.SQL(
    """
    greatest(CASE WHEN o.next_due_at <= to_timestamp(%(now_ms)s / 1000.0)
                  THEN %(now_ms)s - extract(epoch FROM o.next_due_at) * 1000 END,
             late_ms) DESC NULLS LAST, o.id DESC
    """
)
_OF_SITE_OR_LINES: Final = """
    (SELECT id FROM sites WHERE code = %(site)s) IN (
        SELECT o.site_id UNION ALL
        SELECT l.site_id FROM order_lines l
        WHERE l.order_id = o.id AND l.state <> 'cancelled')
"""
_ORDERS: Final = sql.SQL("* FROM orders o")
_WITH_LATENESS: Final = sql.SQL(
    "o.*, p.late_ms FROM orders o LEFT JOIN projected p ON p.order_id = o.id"
)
_NEWEST: Final = sql.SQL("o.id DESC")
_BY: Final = {
    OrderSort.RECEIVED: _NEWEST,
    OrderSort.DUE: sql.SQL("o.next_due_at, o.id DESC"),
    OrderSort.PRIORITY: sql.SQL("o.priority DESC, o.id DESC"),
    OrderSort.LATENESS: _LATENESS,
    OrderSort.WAITING: sql.SQL("o.id"),
}


class _Selection:
    """The clauses of a query, from fixed texts and bound parameters."""

    def __init__(
        self,
        query: OrderQuery,
        *,
        now_ms: int,
        limited_to: Collection[str],
        projected: Mapping[int, int],
    ) -> None:
        self._query = query
        self._lateness = {
            "now_ms": now_ms,
            "projected": list(projected),
            "late_ms": list(projected.values()),
        }
        self._limited_to = list(limited_to)
        self.filters = self._made()

    def narrowed(self, condition: str) -> Filters:
        """The same with one more condition, one of this module's."""
        filters = self._made()
        conditions: Mapping[str, Any] = {"known": _KNOWN_LATENESS, "unknown": _UNKNOWN_LATENESS}
        filters.add(conditions[condition], **self._lateness)
        return filters

    def _made(self) -> Filters:
        query, filters = self._query, Filters()
        of_site = "o.site_id = (SELECT id FROM sites WHERE code = %(site)s)"
        filters.add(_OF_SITE_OR_LINES if query.line_sites else of_site, site=query.site)
        if self._limited_to:
            filters.add(
                "o.site_id = ANY(ARRAY(SELECT id FROM sites WHERE code = ANY(%(limited_to)s)))",
                limited_to=self._limited_to,
            )
        filters.add("o.state = %(state)s", state=query.state)
        filters.add(
            "o.customer_id = (SELECT id FROM customers WHERE code = %(customer)s)",
            customer=query.customer,
        )
        filters.add("o.external_source = %(source)s", source=query.source)
        filters.add(
            "o.channel_id = (SELECT id FROM channels WHERE name = %(channel)s)",
            channel=query.channel,
        )
        filters.add(
            """EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id
                       AND l.item_id = (SELECT id FROM items WHERE code = %(item)s))""",
            item=query.item,
        )
        filters.add("o.due_at >= %(due_from)s", due_from=query.due_from)
        filters.add("o.due_at < %(due_until)s", due_until=query.due_until)
        filters.add("o.received_at >= %(received_from)s", received_from=query.received_from)
        filters.add("o.received_at < %(received_until)s", received_until=query.received_until)
        filters.add(
            """EXISTS (SELECT FROM review_findings f WHERE f.order_id = o.id
                       AND f.settled_at IS NULL AND f.code = %(finding)s)""",
            finding=query.finding,
        )
        filters.add(
            """EXISTS (SELECT FROM review_findings f WHERE f.order_id = o.id
                       AND f.settled_at IS NULL AND f.severity = %(severity)s)""",
            severity=query.severity,
        )
        # Lower case is the database's on both sides.
        filters.add(
            """(o.search_text LIKE lower(%(search)s) OR o.customer_id = ANY(ARRAY(
                SELECT id FROM customers WHERE lower(code) LIKE lower(%(search)s)
                                            OR lower(name) LIKE lower(%(search)s))))""",
            search=containing(query.search) if query.search else None,
        )
        filters.add("o.priority >= %(priority)s", priority=query.priority_at_least)
        filters.add("o.number = ANY(%(numbers)s)", numbers=_listed(query.numbers))
        # These two as texts of their own, so that indexes serve them.
        if query.is_open is not None:
            open_ = "o.state NOT IN ('produced', 'cancelled')"
            filters.add(open_ if query.is_open else "o.state IN ('produced', 'cancelled')")
        if query.late is not None:
            filters.add(_LATE if query.late else _NOT_LATE, **self._lateness)
        return filters


_NOT_LATE: Final = """
    NOT coalesce(o.next_due_at <= to_timestamp((%(now_ms)s - 60000) / 1000.0)
                 OR o.id IN (SELECT order_id FROM projected WHERE late_ms >= 60000), false)
"""
_UNKNOWN_LATENESS: Final = """
    NOT coalesce(o.next_due_at <= to_timestamp(%(now_ms)s / 1000.0), false)
    AND o.id NOT IN (SELECT order_id FROM projected)
"""


async def orders(
    connection: Connection,
    page: Page,
    query: OrderQuery,
    *,
    now_ms: int,
    sort: OrderSort = OrderSort.RECEIVED,
    limited_to: Collection[str] = (),
) -> tuple[list[OrderRow], Total]:
    """A page of the orders that are wanted, and how many they are.

    Args:
        connection: where to read.
        page: which part.
        query: which ones.
        now_ms: what is due before is overdue.
        sort: in which order.
        limited_to: of these sites, if any are given.
    """
    selection = await _select(
        connection, query, now_ms=now_ms, limited_to=limited_to, lateness=sort is OrderSort.LATENESS
    )
    if sort is OrderSort.LATENESS:
        rows = await _by_lateness(connection, selection, page)
        return rows, await _total(connection, selection.filters)
    if query.search is not None:
        found = await _found(connection, selection.filters)
        if len(found) <= _FEW:
            filters = Filters()
            filters.add("o.id = ANY(%(found)s)", found=found)
            return await _rows(connection, filters, _BY[sort], page), Total(len(found))
    rows = await _rows(connection, selection.filters, _BY[sort], page)
    return rows, await _total(connection, selection.filters)


async def _found(connection: Connection, filters: Filters) -> list[int]:
    """What a search finds, up to a bound: looking through all texts is done once."""
    cursor = await connection.execute(
        sql.SQL("{}SELECT o.id FROM orders o {} LIMIT %(at_most)s").format(
            _with(filters), filters.where
        ),
        {**filters.parameters, "at_most": _FEW + 1},
    )
    return [row[0] for row in await cursor.fetchall()]


async def total(
    connection: Connection, query: OrderQuery, *, now_ms: int, limited_to: Collection[str] = ()
) -> Total:
    """How many orders are wanted: counted up to `COUNTED`, else as the planner estimates."""
    selection = await _select(connection, query, now_ms=now_ms, limited_to=limited_to)
    return await _total(connection, selection.filters)


async def _select(
    connection: Connection,
    query: OrderQuery,
    *,
    now_ms: int,
    limited_to: Collection[str],
    lateness: bool = False,
) -> _Selection:
    """The clauses for a query; what is projected is read where it matters."""
    projected: Mapping[int, int] = {}
    if lateness or query.late is not None:
        cursor = await connection.execute(_READ_PROJECTED)
        projected = dict(await cursor.fetchall())
    return _Selection(query, now_ms=now_ms, limited_to=limited_to, projected=projected)


async def _total(connection: Connection, filters: Filters) -> Total:
    count = await _count(connection, filters, at_most=COUNTED + 1)
    if count <= COUNTED:
        return Total(count)
    cursor = await connection.execute(
        sql.SQL("EXPLAIN (FORMAT JSON) {}SELECT FROM orders o {}").format(
            _with(filters), filters.where
        ),
        filters.parameters,
    )
    row = await cursor.fetchone()
    estimate = int(row[0][0]["Plan"]["Plan Rows"]) if row else 0
    return Total(max(estimate, count), is_estimate=True)


async def matching(
    connection: Connection,
    query: OrderQuery,
    *,
    now_ms: int,
    at_most: int,
    limited_to: Collection[str] = (),
) -> list[str]:
    """The numbers of the orders that are wanted, oldest first: for what is done to all of them."""
    selection = await _select(connection, query, now_ms=now_ms, limited_to=limited_to)
    filters = selection.filters
    cursor = await connection.execute(
        sql.SQL("{}SELECT o.number FROM orders o {} ORDER BY o.id LIMIT %(at_most)s").format(
            _with(filters), filters.where
        ),
        {**filters.parameters, "at_most": at_most},
    )
    return [row[0] for row in await cursor.fetchall()]


async def exported(
    connection: Connection,
    query: OrderQuery,
    *,
    now_ms: int,
    at_most: int,
    limited_to: Collection[str] = (),
) -> AsyncGenerator[dict[str, Any], None]:
    """The orders that are wanted as rows of a table, newest first, read as they are taken.

    The connection stays within one transaction until the last row is taken.
    """
    selection = await _select(connection, query, now_ms=now_ms, limited_to=limited_to)
    filters = selection.filters
    async with (
        connection.transaction(),
        connection.cursor(name="exported_orders", row_factory=dict_row) as cursor,
    ):
        cursor.itersize = 1_000
        await cursor.execute(
            _EXPORTED.format(with_=_with(filters), where=filters.where),
            {**filters.parameters, "at_most": at_most},
        )
        async for row in cursor:
            yield row


_EXPORTED: Final = sql.SQL(
    """
    {with_}SELECT o.number, s.code AS site, c.code AS customer_code, c.name AS customer,
           o.customer_reference, o.external_source AS source, o.external_id, o.state, o.priority,
           o.received_at, o.due_at, o.confirmed_at, l.lines, l.item, l.quantity, l.unit,
           l.good_quantity, l.scrap_pieces, l.value, o.currency, f.findings
    FROM (SELECT * FROM orders o {where} ORDER BY o.id DESC LIMIT %(at_most)s) o
    JOIN sites s ON s.id = o.site_id
    JOIN customers c ON c.id = o.customer_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS lines, (array_agg(i.code ORDER BY n.number))[1] AS item,
               CASE WHEN count(DISTINCT n.unit) = 1 THEN sum(n.quantity) END AS quantity,
               CASE WHEN count(DISTINCT n.unit) = 1 THEN min(n.unit) END AS unit,
               CASE WHEN count(DISTINCT n.unit) = 1 THEN sum(n.good_quantity) END AS good_quantity,
               sum(n.scrap_pieces)::bigint AS scrap_pieces,
               CASE WHEN bool_and(n.price IS NOT NULL) THEN round(sum(
                   n.price / n.price_basis * coalesce(n.quantity_as_told, n.quantity)), 2)
               END AS value
        FROM order_lines n JOIN items i ON i.id = n.item_id
        WHERE n.order_id = o.id AND (n.state <> 'cancelled' OR o.state = 'cancelled')) l ON true
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT code, ' ' ORDER BY code) AS findings FROM review_findings
        WHERE order_id = o.id AND settled_at IS NULL) f ON true
    ORDER BY o.id DESC
    """
)


def _listed(numbers: tuple[str, ...] | None) -> list[str] | None:
    return None if numbers is None else list(numbers)


def _with(filters: Filters) -> sql.Composable:
    """What the conditions look into beside orders."""
    if "now_ms" in filters.parameters:
        return sql.SQL("WITH {} ").format(_PROJECTED)
    return sql.SQL("")


async def _rows(
    connection: Connection, filters: Filters, order: sql.Composable, page: Page
) -> list[OrderRow]:
    cursor = connection.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(
        sql.SQL(
            """
            {with_}{columns}
            FROM (SELECT {found} {where} ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s) o
            JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
            ORDER BY {order}
            """
        ).format(
            with_=_with(filters),
            columns=ORDER_COLUMNS,
            found=_WITH_LATENESS if order is _LATENESS else _ORDERS,
            where=filters.where,
            order=order,
        ),
        {**filters.parameters, **page.parameters},
    )
    return await cursor.fetchall()


async def _by_lateness(connection: Connection, selection: _Selection, page: Page) -> list[OrderRow]:
    """First those of which something is known, which are few; the rest is newest first."""
    known = selection.narrowed("known")
    rows = await _rows(connection, known, _LATENESS, page)
    if len(rows) == page.limit:
        return rows
    before = page.offset if rows else await _count(connection, known, at_most=page.offset)
    rest = Page(page.limit - len(rows), page.offset - before if not rows else 0)
    return rows + await _rows(connection, selection.narrowed("unknown"), _NEWEST, rest)


async def _count(connection: Connection, filters: Filters, *, at_most: int) -> int:
    cursor = await connection.execute(
        sql.SQL(
            "{}SELECT count(*) FROM (SELECT FROM orders o {} LIMIT %(at_most)s) AS wanted"
        ).format(_with(filters), filters.where),
        {**filters.parameters, "at_most": at_most},
    )
    row = await cursor.fetchone()
    return row[0] if row else 0
