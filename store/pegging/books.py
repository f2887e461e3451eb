"""Work orders and order lines as a book of demands, supplies and pegs; locked for a change.

Whoever changes pegs locks the orders concerned in order of id, then their lines, the work orders
and the operations, each in order of id: the order in which everybody else takes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.inventory.available import available_at
from domain.inventory.books import Key
from domain.pegging.book import (
    NOTHING,
    Book,
    Demand,
    DemandId,
    Peg,
    Supply,
    SupplyId,
    SupplyKind,
    line,
    need_of,
    work,
)
from store.database import Connection
from store.errors import ConflictError
from store.inventory import supplies


class WorkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A work order with what its operations have come to.

    Attributes:
        family: the item's; `setup_family` is what machines are set up for.
        quantity: what it is to deliver; what its pegs say where nobody said.
        good: pieces of its last operation.
        begun: pieces that some operation has made.
        started, over: whether the floor has begun it, and whether it is done with it.
        way: how it is made: numbers, machines and times of its operations.
        slowest_ms: the standard time of a piece at its slowest operation.
    """

    id: int
    site_id: int
    site: str
    number: str
    version: int
    item_id: int | None
    item: str | None
    family: str | None
    setup_family: str | None
    unit: str
    quantity: Decimal | None
    due_at: datetime | None
    kind: str
    closing: str | None
    planned: bool
    cancelled: bool
    good: Decimal
    begun: Decimal
    started: bool
    over: bool
    way: str | None
    slowest_ms: int | None

    @property
    def alike(self) -> str | None:
        """The same for work orders that may be put together."""
        if self.item_id is None or self.way is None or self.cancelled or not self.planned:
            return None
        return f"{self.site_id}/{self.item_id}/{self.unit}/{self.way}"


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order line that something is pegged to, or could be."""

    id: int
    order_id: int
    order: str
    order_version: int
    order_site_id: int
    order_site: str
    customer: str
    number: int
    item_id: int
    item: str
    quantity: Decimal
    unit: str
    due_at: datetime | None
    priority: int
    state: str


class PegRow(msgspec.Struct, frozen=True, kw_only=True):
    """A peg's row."""

    order_line_id: int | None
    demand_work_order_id: int | None
    work_order_id: int | None
    stock_lot_id: int | None
    purchase_line_id: int | None
    quantity: Decimal
    made: Decimal

    @property
    def demand(self) -> DemandId:
        """Whom it is for."""
        if self.order_line_id is not None:
            return line(self.order_line_id)
        assert self.demand_work_order_id is not None  # noqa: S101 - the table checks it
        return need_of(self.demand_work_order_id)

    @property
    def supply(self) -> SupplyId:
        """Where it comes from."""
        if self.work_order_id is not None:
            return work(self.work_order_id)
        if self.stock_lot_id is not None:
            return SupplyId(SupplyKind.LOT, self.stock_lot_id)
        assert self.purchase_line_id is not None  # noqa: S101 - the table checks it
        return SupplyId(SupplyKind.PURCHASE, self.purchase_line_id)


class GoodsRow(msgspec.Struct, frozen=True, kw_only=True):
    """A lot in stock, or a line of a purchase, that something is pegged to, or could be.

    Attributes:
        free: what of it is meant for nobody and promised to nobody.
        name: the lot's name and place, or the purchase's number and line.
        due_at: when a purchase comes.
    """

    id: int
    item_id: int
    item: str
    unit: str
    site_id: int
    site: str
    name: str
    free: Decimal
    due_at: datetime | None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A book and the rows that it was made of, by id."""

    book: Book
    works: dict[int, WorkRow]
    lines: dict[int, LineRow]
    goods: dict[SupplyId, GoodsRow] = {}


_WORKS: Final = """
SELECT w.id, w.site_id, s.code AS site, w.number, w.version, w.item_id,
       coalesce(i.code, w.item_text) AS item, i.family, i.setup_family, w.unit,
       coalesce(w.quantity_ordered, made.quantity) AS quantity, w.due_at, w.kind, w.closing,
       w.planned, w.cancelled_at IS NOT NULL AS cancelled, coalesce(made.good, 0) AS good,
       coalesce(made.begun, 0) AS begun, coalesce(made.started, false) AS started,
       coalesce(made.over, false) AS over, made.way, made.slowest_ms
FROM work_orders w
JOIN sites s ON s.id = w.site_id
LEFT JOIN items i ON i.id = w.item_id
LEFT JOIN LATERAL (
    SELECT (array_agg(o.good_pieces ORDER BY o.number DESC))[1] AS good,
           max(o.good_pieces) AS begun, max(o.quantity) AS quantity, max(o.cycle_ms) AS slowest_ms,
           bool_or(o.runs > 0 OR o.good_pieces > 0
                   OR o.state NOT IN ('planned', 'released', 'cancelled')) AS started,
           bool_and(o.state IN ('completed', 'aborted')) AS over,
           string_agg(o.number || '=' || coalesce(
               (SELECT string_agg(a.machine_id || ':' || a.cycle_ms || ':' || a.setup_ms, ','
                                  ORDER BY a.machine_id)
                FROM operation_alternatives a WHERE a.operation_id = o.id),
               concat_ws(':', o.machine_id, o.cycle_ms, o.setup_ms)), ';' ORDER BY o.number) AS way
    FROM operations o WHERE o.work_order_id = w.id
) made ON true
WHERE w.id = ANY(%s) ORDER BY w.id
"""

_LINES: Final = """
SELECT l.id, l.order_id, o.number AS order, o.version AS order_version, o.site_id AS order_site_id,
       s.code AS order_site, c.name AS customer, l.number, l.item_id, i.code AS item, l.quantity,
       l.unit, l.due_at, o.priority, l.state
FROM order_lines l
JOIN orders o ON o.id = l.order_id
JOIN sites s ON s.id = o.site_id
JOIN customers c ON c.id = o.customer_id
JOIN items i ON i.id = l.item_id
WHERE l.id = ANY(%s) ORDER BY l.id
"""

_PEGS: Final = sql.SQL(
    """
    SELECT p.order_line_id, p.demand_work_order_id, p.work_order_id, p.stock_lot_id,
           p.purchase_line_id, p.quantity, p.made
    FROM pegs p
    """
)


async def works(connection: Connection, ids: Collection[int]) -> dict[int, WorkRow]:
    """Work orders by id."""
    cursor = connection.cursor(row_factory=class_row(WorkRow))
    await cursor.execute(_WORKS, (list(ids),))
    return {row.id: row for row in await cursor.fetchall()}


async def pegs_on(connection: Connection, work_order_ids: Collection[int]) -> list[PegRow]:
    """The pegs on work orders, of whomever."""
    cursor = connection.cursor(row_factory=class_row(PegRow))
    await cursor.execute(
        _PEGS + sql.SQL(" WHERE p.work_order_id = ANY(%s) ORDER BY p.id"),
        (list(work_order_ids),),
    )
    return await cursor.fetchall()


async def pegs_on_goods(connection: Connection, line_ids: Collection[int]) -> list[PegRow]:
    """The pegs of order lines on lots in stock and on purchases."""
    cursor = connection.cursor(row_factory=class_row(PegRow))
    await cursor.execute(
        _PEGS
        + sql.SQL(" WHERE p.order_line_id = ANY(%s) AND p.work_order_id IS NULL ORDER BY p.id"),
        (list(line_ids),),
    )
    return await cursor.fetchall()


async def load(
    connection: Connection,
    *,
    work_order_ids: Collection[int] = (),
    line_ids: Collection[int] = (),
    goods: Collection[SupplyId] = (),
    now: datetime | None = None,
) -> Loaded:
    """The book of some work orders, lines and goods: with them all that is pegged to either.

    `goods` are lots and lines of purchases; what of them is free is told as of `now` (None: the
    clock's). Of those that come in by their pegs nothing is free as far as the book says.

    Of the lines that come in by a work order only what is pegged to the book's supplies is in it,
    so nothing can be said of their shortage.
    """
    cursor = connection.cursor(row_factory=class_row(PegRow))
    await cursor.execute(
        _PEGS
        + sql.SQL(
            """
            WHERE p.order_line_id = ANY(%(lines)s) OR p.work_order_id = ANY(%(works)s)
               OR p.stock_lot_id = ANY(%(lots)s) OR p.purchase_line_id = ANY(%(purchases)s)
               OR p.work_order_id IN (SELECT q.work_order_id FROM pegs q
                                      WHERE q.order_line_id = ANY(%(lines)s))
            ORDER BY p.id
            """
        ),
        {
            "lines": list(line_ids),
            "works": list(work_order_ids),
            "lots": [one.id for one in goods if one.kind is SupplyKind.LOT],
            "purchases": [one.id for one in goods if one.kind is SupplyKind.PURCHASE],
        },
    )
    pegs = await cursor.fetchall()
    there = await goods_rows(
        connection,
        {*goods, *(peg.supply for peg in pegs if peg.work_order_id is None)},
        free=goods,
        now=now or datetime.now(UTC),
    )
    found = await works(
        connection,
        {*work_order_ids, *(peg.work_order_id for peg in pegs if peg.work_order_id is not None)},
    )
    cursor_of_lines = connection.cursor(row_factory=class_row(LineRow))
    await cursor_of_lines.execute(
        _LINES,
        (
            list(
                {
                    *line_ids,
                    *(peg.order_line_id for peg in pegs if peg.order_line_id is not None),
                }
            ),
        ),
    )
    lines = {row.id: row for row in await cursor_of_lines.fetchall()}
    return Loaded(
        book=_book(found, lines, pegs, set(line_ids), there),
        works=found,
        lines=lines,
        goods=there,
    )


async def goods_rows(
    connection: Connection,
    wanted: Collection[SupplyId],
    *,
    free: Collection[SupplyId],
    now: datetime,
) -> dict[SupplyId, GoodsRow]:
    """Lots and lines of purchases by their names in a book.

    What is free of a lot lies there, is pegged to nobody, and can be promised by now without
    robbing anybody; it is asked for those in `free` only.
    """
    rows: dict[SupplyId, GoodsRow] = {}
    for kind, query in _GOODS.items():
        ids = [one.id for one in wanted if one.kind is kind]
        if not ids:
            continue
        cursor = connection.cursor(row_factory=class_row(GoodsRow))
        await cursor.execute(query, (ids,))
        rows |= {SupplyId(kind, row.id): row for row in await cursor.fetchall()}
    keys = {
        Key(row.item_id, row.site_id)
        for name, row in rows.items()
        if name.kind is SupplyKind.LOT and name in free
    }
    there = await supplies.free(connection, keys, now=now)
    promised = {
        key: min(
            available_at(await supplies.available_to_promise(connection, key, now=now), now),
            there[key],
        )
        for key in keys
    }
    for name, row in rows.items():
        most = NOTHING if name not in free else row.free
        if name.kind is SupplyKind.LOT and name in free:
            most = min(most, promised[Key(row.item_id, row.site_id)])
        rows[name] = msgspec.structs.replace(row, free=max(most, NOTHING))
    return rows


_GOODS: Final = {
    SupplyKind.LOT: """
        SELECT b.id, b.item_id, i.code AS item, i.unit, b.site_id, s.code AS site,
               concat_ws(' ', nullif(b.lot, ''), '@', c.code) AS name,
               CASE WHEN b.status = 'available' THEN b.quantity - coalesce((
                   SELECT sum(p.quantity - p.made) FROM pegs p WHERE p.stock_lot_id = b.id), 0)
                    ELSE 0 END AS free,
               NULL::timestamptz AS due_at
        FROM stock_lots b JOIN items i ON i.id = b.item_id JOIN sites s ON s.id = b.site_id
        JOIN locations c ON c.id = b.location_id
        WHERE b.id = ANY(%s) ORDER BY b.id
    """,
    SupplyKind.PURCHASE: """
        SELECT b.id, b.item_id, i.code AS item, i.unit, b.site_id, s.code AS site,
               concat(u.number, '/', b.number) AS name,
               CASE WHEN b.closed THEN 0 ELSE b.quantity - b.received - coalesce((
                   SELECT sum(p.quantity) FROM pegs p WHERE p.purchase_line_id = b.id), 0)
                    END AS free,
               b.due_at
        FROM purchase_lines b JOIN items i ON i.id = b.item_id JOIN sites s ON s.id = b.site_id
        JOIN purchases u ON u.id = b.purchase_id
        WHERE b.id = ANY(%s) ORDER BY b.id
    """,
}


async def lock(
    connection: Connection, work_order_ids: Collection[int], line_ids: Collection[int] = ()
) -> None:
    """Lock work orders with their operations, the orders and lines they are for, and other lines.

    Raises:
        ConflictError: they came to be for another order meanwhile.
    """
    orders = await _orders_of(connection, work_order_ids, line_ids)
    await connection.execute(
        "SELECT FROM orders WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (orders,)
    )
    await connection.execute(
        "SELECT FROM order_lines WHERE order_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (orders,)
    )
    await lock_works(connection, work_order_ids)
    if await _orders_of(connection, work_order_ids, line_ids) != orders:
        raise ConflictError("the work orders are just being changed; try again")


async def lock_works(connection: Connection, work_order_ids: Collection[int]) -> None:
    """Lock work orders and their operations; their orders are locked already."""
    ids = list(work_order_ids)
    await connection.execute(
        "SELECT FROM work_orders WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (ids,)
    )
    await connection.execute(
        "SELECT FROM operations WHERE work_order_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (ids,)
    )


async def _orders_of(
    connection: Connection, work_order_ids: Collection[int], line_ids: Collection[int]
) -> list[int]:
    cursor = await connection.execute(
        """
        SELECT l.order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
        WHERE p.work_order_id = ANY(%s)
        UNION SELECT order_id FROM order_lines WHERE id = ANY(%s) ORDER BY order_id
        """,
        (list(work_order_ids), list(line_ids)),
    )
    return [row[0] for row in await cursor.fetchall()]


def _book(
    works_: Mapping[int, WorkRow],
    lines: Mapping[int, LineRow],
    pegs: Collection[PegRow],
    whole: Collection[int],
    goods: Mapping[SupplyId, GoodsRow],
) -> Book:
    demands: dict[DemandId, Demand] = {}
    found: dict[SupplyId, Supply] = {}
    pegged: dict[SupplyId | DemandId, Decimal] = {}
    kept: dict[tuple[DemandId, SupplyId], Peg] = {}
    for peg in pegs:
        # Work planned for a line by hand may be for more than the line asks for, and more lines
        # may be pegged to work than it was to make: what is pegged is what is meant.
        kept[peg.demand, peg.supply] = Peg(peg.quantity, min(peg.made, peg.quantity))
        for end in (peg.demand, peg.supply):
            pegged[end] = pegged.get(end, NOTHING) + peg.quantity
    for id_, row in works_.items():
        told = pegged.get(work(id_), NOTHING)
        given = sum((peg.made for (_, of), peg in kept.items() if of == work(id_)), NOTHING)
        quantity = max(row.quantity if row.quantity is not None else told, told, row.begun)
        found[work(id_)] = Supply(
            quantity=quantity,
            made=max(row.good, given),
            begun=max(row.begun, given),
            started=row.started,
            over=row.over or row.cancelled,
            alike=row.alike,
            due_ms=epoch_ms(row.due_at),
        )
    for id_, row_ in lines.items():
        told = pegged.get(line(id_), NOTHING)
        demands[line(id_)] = Demand(
            quantity=max(row_.quantity, told) if id_ in whole else told,
            due_ms=epoch_ms(row_.due_at),
            priority=row_.priority,
            order=row_.order_id,
        )
    for supply, there in goods.items():
        quantity = pegged.get(supply, NOTHING) + there.free
        found[supply] = Supply(
            quantity=quantity,
            made=quantity if supply.kind is SupplyKind.LOT else NOTHING,
            begun=quantity if supply.kind is SupplyKind.LOT else NOTHING,
            started=True,
            due_ms=epoch_ms(there.due_at),
        )
    for demand, _ in kept:
        demands.setdefault(demand, Demand(quantity=pegged[demand]))
    return Book(demands=demands, supplies=found, pegs=kept)


def epoch_ms(at: datetime | None) -> int | None:
    """A time as epoch milliseconds."""
    return round(at.timestamp() * 1000) if at is not None else None


async def not_begun(
    connection: Connection,
    site_id: int,
    *,
    item: str | None = None,
    family: str | None = None,
    limit: int,
) -> list[int]:
    """Work orders of a site that are planned and that the floor has not begun, by id."""
    cursor = await connection.execute(
        """
        SELECT w.id FROM work_orders w JOIN items i ON i.id = w.item_id
        WHERE w.site_id = %(site)s AND w.planned AND w.cancelled_at IS NULL
          AND (%(item)s::text IS NULL OR i.code = %(item)s)
          AND (%(family)s::text IS NULL OR i.family = %(family)s)
          AND EXISTS (SELECT FROM operations o WHERE o.work_order_id = w.id)
          AND NOT EXISTS (
            SELECT FROM operations o WHERE o.work_order_id = w.id
              AND (o.runs > 0 OR o.good_pieces > 0
                   OR o.state NOT IN ('planned', 'released', 'cancelled')))
        ORDER BY w.id LIMIT %(limit)s
        """,
        {"site": site_id, "item": item, "family": family, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def to_stock(connection: Connection, work_order_id: int) -> Decimal:
    """Good pieces of a work order that are attributed to nobody."""
    cursor = await connection.execute(
        "SELECT to_stock FROM work_orders WHERE id = %s", (work_order_id,)
    )
    row = await cursor.fetchone()
    return row[0] if row is not None else NOTHING
