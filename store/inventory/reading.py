"""Stock as screens and programs ask for it: lots, sums, movements, shortfalls."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.inventory.words import PostingKind, StockStatus
from store.database import Connection
from store.filters import Filters, Page


class LotRow(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of one item at one place."""

    id: int
    item: str
    item_name: str
    unit: str
    site: str
    location: str
    lot: str
    status: str
    quantity: Decimal
    received_at: datetime
    expires_on: date | None


class SumRow(msgspec.Struct, frozen=True, kw_only=True):
    """An item's stock at a site.

    Attributes:
        available, quality, blocked, expired: what lies there, by status.
        hard_reserved, soft_reserved: what is promised.
        free: available, not reserved hard and owed to nobody; below zero: too much is reserved.
        uncovered: reserved hard and not there.
        shortfall: taken although the books had none.
        incoming: what purchases still bring.
        version: counts the changes of available stock and reservations.
    """

    item: str
    item_name: str
    unit: str
    site: str
    available: Decimal
    quality: Decimal
    blocked: Decimal
    expired: Decimal
    hard_reserved: Decimal
    soft_reserved: Decimal
    free: Decimal
    uncovered: Decimal
    shortfall: Decimal
    incoming: Decimal
    version: int


class MovementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger with the posting it belongs to."""

    id: int
    posting: int
    kind: PostingKind
    reference: str | None
    reason: str | None
    actor: str
    origin: str
    occurred_at: datetime
    recorded_at: datetime
    item: str
    unit: str
    site: str
    quantity: Decimal
    from_account: str
    from_location: str | None
    from_lot: str | None
    from_status: str | None
    from_left: Decimal | None
    to_account: str
    to_location: str | None
    to_lot: str | None
    to_status: str | None
    to_left: Decimal | None
    order: str | None
    line: int | None
    work_order: str | None
    purchase: str | None
    head_version: int


class ShortfallRow(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that left although the books had none."""

    id: int
    item: str
    unit: str
    site: str
    quantity: Decimal
    open_quantity: Decimal
    occurred_at: datetime
    settled_at: datetime | None
    reason: str | None
    actor: str
    work_order: str | None
    order: str | None


_LOTS: Final = sql.SQL(
    """
    FROM stock_lots l
    JOIN items i ON i.id = l.item_id
    JOIN sites s ON s.id = l.site_id
    JOIN locations c ON c.id = l.location_id
    """
)
# What a lot held then: what it holds, less all that happened to it since.
_AS_OF: Final = sql.SQL(
    """
    CROSS JOIN LATERAL (
        SELECT l.quantity
            - coalesce((SELECT sum(e.quantity) FROM stock_ledger e
                        JOIN stock_postings p ON p.id = e.posting_id
                        WHERE e.to_lot_id = l.id AND p.occurred_at > %(as_of)s), 0)
            + coalesce((SELECT sum(e.quantity) FROM stock_ledger e
                        JOIN stock_postings p ON p.id = e.posting_id
                        WHERE e.from_lot_id = l.id AND p.occurred_at > %(as_of)s), 0) AS quantity
    ) q
    """
)
_NOW: Final = sql.SQL(" CROSS JOIN LATERAL (SELECT l.quantity) q ")
# What nobody has booked as expired yet, because nobody touched the item since, is expired as well.
_STATUS: Final = """
    CASE WHEN l.status = 'available' AND l.expires_on < (%(now)s AT TIME ZONE s.time_zone)::date
         THEN 'expired' ELSE l.status END
"""


async def lots(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    location: str | None = None,
    lot: str | None = None,
    status: StockStatus | None = None,
    as_of: datetime | None = None,
    empty: bool = False,
    now: datetime | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[LotRow], int]:
    """What lies where, by item, site, location, lot and status; and how many rows there are.

    `as_of`: as it stood at that moment, by when things happened; `empty`: also the places where
    nothing lies any more; `now`: the moment by which goods expire, default the clock's.
    """
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("c.code = %(location)s", location=location)
    filters.add("l.lot = %(lot)s", lot=lot)
    filters.add(f"{_STATUS} = %(status)s", status=status)
    if not empty:
        filters.add("q.quantity <> 0")
    filters.limit_to_sites(limited_to)
    tables = _LOTS + (_NOW if as_of is None else _AS_OF)
    moment = as_of or now or datetime.now(UTC)
    parameters = {**filters.parameters, "as_of": as_of, "now": moment}
    cursor = connection.cursor(row_factory=class_row(LotRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT l.id, i.code AS item, i.name AS item_name, i.unit, s.code AS site,
                   c.code AS location, l.lot,
            """
        )
        + sql.SQL(_STATUS)
        + sql.SQL(" AS status, q.quantity, l.received_at, l.expires_on")
        + tables
        + filters.where
        + sql.SQL(
            " ORDER BY i.code, s.code, c.code, l.lot, l.status LIMIT %(limit)s OFFSET %(offset)s"
        ),
        {**parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + tables + filters.where, parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def sums(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    search: str | None = None,
    now: datetime | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[SumRow], int]:
    """Items' stock by site, and how many there are. `now`: goods expire by it."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("(i.code ILIKE %(search)s OR i.name ILIKE %(search)s)", search=search)
    filters.limit_to_sites(limited_to)
    tables = sql.SQL(
        """
        FROM stock_heads h JOIN items i ON i.id = h.item_id JOIN sites s ON s.id = h.site_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN h.expires_at <= %(now)s
                        THEN expired_stock(h.item_id, h.site_id, %(now)s)
                        ELSE 0 END AS quantity) past
        """
    )
    parameters = {**filters.parameters, "now": now or datetime.now(UTC)}
    cursor = connection.cursor(row_factory=class_row(SumRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT i.code AS item, i.name AS item_name, i.unit, s.code AS site,
                   h.available - past.quantity AS available,
                   coalesce((SELECT sum(l.quantity) FROM stock_lots l
                             WHERE (l.item_id, l.site_id) = (h.item_id, h.site_id)
                               AND l.status = 'quality'), 0) AS quality,
                   coalesce((SELECT sum(l.quantity) FROM stock_lots l
                             WHERE (l.item_id, l.site_id) = (h.item_id, h.site_id)
                               AND l.status = 'blocked'), 0) AS blocked,
                   coalesce((SELECT sum(l.quantity) FROM stock_lots l
                             WHERE (l.item_id, l.site_id) = (h.item_id, h.site_id)
                               AND l.status = 'expired'), 0) + past.quantity AS expired,
                   h.hard_reserved, h.soft_reserved,
                   h.available - past.quantity - h.hard_reserved - h.shortfall AS free,
                   h.uncovered, h.shortfall,
                   coalesce((SELECT sum(p.quantity - p.received) FROM purchase_lines p
                             WHERE (p.item_id, p.site_id) = (h.item_id, h.site_id)
                               AND NOT p.closed AND p.quantity > p.received), 0) AS incoming,
                   h.version
            """
        )
        + tables
        + filters.where
        + sql.SQL(" ORDER BY i.code, s.code LIMIT %(limit)s OFFSET %(offset)s"),
        {**parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + tables + filters.where, parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


_LEDGER: Final = sql.SQL(
    """
    FROM stock_ledger e
    JOIN stock_postings p ON p.id = e.posting_id
    JOIN items i ON i.id = e.item_id
    JOIN sites s ON s.id = e.site_id
    LEFT JOIN stock_lots f ON f.id = e.from_lot_id
    LEFT JOIN locations fl ON fl.id = f.location_id
    LEFT JOIN stock_lots t ON t.id = e.to_lot_id
    LEFT JOIN locations tl ON tl.id = t.location_id
    LEFT JOIN order_lines n ON n.id = e.order_line_id
    LEFT JOIN orders o ON o.id = n.order_id
    LEFT JOIN work_orders w ON w.id = e.work_order_id
    LEFT JOIN purchase_lines b ON b.id = e.purchase_line_id
    LEFT JOIN purchases u ON u.id = b.purchase_id
    """
)


async def movements(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    location: str | None = None,
    lot: str | None = None,
    kind: PostingKind | None = None,
    order: str | None = None,
    work_order: str | None = None,
    purchase: str | None = None,
    posting: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[MovementRow], int]:
    """The ledger, newest first, and how many rows there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("(fl.code = %(location)s OR tl.code = %(location)s)", location=location)
    filters.add("(f.lot = %(lot)s OR t.lot = %(lot)s)", lot=lot)
    filters.add("p.kind = %(kind)s", kind=kind)
    filters.add("o.number = %(order)s", order=order)
    filters.add("w.number = %(work_order)s", work_order=work_order)
    filters.add("u.number = %(purchase)s", purchase=purchase)
    filters.add("p.id = %(posting)s", posting=posting)
    filters.add("p.occurred_at >= %(since)s", since=since)
    filters.add("p.occurred_at < %(until)s", until=until)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT e.id, p.id AS posting, p.kind, p.reference, p.reason, p.actor, p.origin,
                   p.occurred_at, p.recorded_at, i.code AS item, i.unit, s.code AS site,
                   e.quantity, e.from_account, fl.code AS from_location, f.lot AS from_lot,
                   f.status AS from_status, e.from_left, e.to_account, tl.code AS to_location,
                   t.lot AS to_lot, t.status AS to_status, e.to_left, o.number AS order,
                   n.number AS line, w.number AS work_order, u.number AS purchase, e.head_version
            """
        )
        + _LEDGER
        + filters.where
        + sql.SQL(" ORDER BY e.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + _LEDGER + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def shortfalls(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    is_open: bool | None = None,
    shortfall_id: int | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[ShortfallRow], int]:
    """Where the books were short, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("(f.open_quantity > 0) = %(open)s", open=is_open)
    filters.add("f.id = %(id)s", id=shortfall_id)
    filters.limit_to_sites(limited_to)
    tables = sql.SQL(
        """
        FROM stock_shortfalls f
        JOIN stock_postings p ON p.id = f.posting_id
        JOIN items i ON i.id = f.item_id
        JOIN sites s ON s.id = f.site_id
        LEFT JOIN work_orders w ON w.id = f.work_order_id
        LEFT JOIN order_lines n ON n.id = f.order_line_id
        LEFT JOIN orders o ON o.id = n.order_id
        """
    )
    cursor = connection.cursor(row_factory=class_row(ShortfallRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT f.id, i.code AS item, i.unit, s.code AS site, f.quantity, f.open_quantity,
                   f.occurred_at, f.settled_at, p.reason, p.actor, w.number AS work_order,
                   o.number AS order
            """
        )
        + tables
        + filters.where
        + sql.SQL(" ORDER BY f.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + tables + filters.where, filters.parameters
    )
    total: Any = await counted.fetchone()
    return rows, total[0] if total else 0


async def imbalances(connection: Connection) -> list[str]:
    """What does not add up in the books, in words; empty: everything does.

    Lots against the ledger, sums against lots, reservations and shortfalls: a proof for tests and
    for `gemba doctor`.
    """
    cursor = await connection.execute(
        """
        SELECT format('lot %s holds %s, the ledger says %s', l.id, l.quantity, m.quantity)
        FROM stock_lots l CROSS JOIN LATERAL (
            SELECT coalesce((SELECT sum(quantity) FROM stock_ledger WHERE to_lot_id = l.id), 0)
                - coalesce((SELECT sum(quantity) FROM stock_ledger WHERE from_lot_id = l.id), 0)
                AS quantity) m
        WHERE l.quantity <> m.quantity
        UNION ALL
        SELECT format('item %s at site %s: %s available, its lots hold %s', h.item_id, h.site_id,
                      h.available, m.quantity)
        FROM stock_heads h CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0) AS quantity FROM stock_lots l
            WHERE (l.item_id, l.site_id) = (h.item_id, h.site_id) AND l.status = 'available') m
        WHERE h.available <> m.quantity
        UNION ALL
        SELECT format('item %s at site %s: %s hard and %s soft reserved, rows say %s and %s',
                      h.item_id, h.site_id, h.hard_reserved, h.soft_reserved, m.hard, m.soft)
        FROM stock_heads h CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity - consumed) FILTER (WHERE kind = 'hard'), 0) AS hard,
                   coalesce(sum(quantity - consumed) FILTER (WHERE kind = 'soft'), 0) AS soft
            FROM reservations r
            WHERE (r.item_id, r.site_id) = (h.item_id, h.site_id) AND r.state = 'open') m
        WHERE (h.hard_reserved, h.soft_reserved) <> (m.hard, m.soft)
        UNION ALL
        SELECT format('item %s at site %s: short of %s, rows say %s, the ledger %s', h.item_id,
                      h.site_id, h.shortfall, m.quantity, e.quantity)
        FROM stock_heads h CROSS JOIN LATERAL (
            SELECT coalesce(sum(open_quantity), 0) AS quantity FROM stock_shortfalls f
            WHERE (f.item_id, f.site_id) = (h.item_id, h.site_id)) m
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN from_account = 'shortfall' THEN quantity
                                     WHEN to_account = 'shortfall' THEN -quantity END), 0)
                AS quantity
            FROM stock_ledger e WHERE (e.item_id, e.site_id) = (h.item_id, h.site_id)) e
        WHERE h.shortfall <> m.quantity OR h.shortfall <> e.quantity
        """
    )
    return [row[0] for row in await cursor.fetchall()]
