"""What is ordered from suppliers: planned receipts, and how much of them has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from domain.inventory.books import Key
from store.database import Connection
from store.errors import ConflictError
from store.filters import Filters, Page
from store.inventory.stock import Stock

_ZERO: Final = Decimal(0)


class NewPurchaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be stored."""

    item_id: int
    quantity: Decimal
    due_at: datetime


class PurchaseLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase."""

    id: int
    purchase_id: int
    number: int
    item_id: int
    item: str
    unit: str
    quantity: Decimal
    received: Decimal
    due_at: datetime
    closed: bool


class PurchaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase."""

    id: int
    number: str
    site_id: int
    site: str
    supplier_id: int | None
    supplier: str | None
    state: str
    version: int
    digest: bytes | None
    created_at: datetime
    created_by: str


_SELECT: Final = sql.SQL(
    """
    SELECT p.id, p.number, p.site_id, s.code AS site, p.supplier_id, v.code AS supplier, p.state,
           p.version, p.digest, p.created_at, p.created_by
    FROM purchases p JOIN sites s ON s.id = p.site_id LEFT JOIN suppliers v ON v.id = p.supplier_id
    """
)


async def insert(
    connection: Connection,
    *,
    site_id: int,
    supplier_id: int | None,
    number: str | None,
    lines: Sequence[NewPurchaseLine],
    digest: bytes,
    created_by: str,
    now: datetime,
) -> tuple[int, bool]:
    """Store a purchase; answers its id, and whether it is new. Without `number` one is drawn.

    Raises:
        ConflictError: the number belongs to another one.
    """
    stock = await Stock.lock(
        connection, [Key(line.item_id, site_id) for line in lines], now=now, lots=False
    )
    if number is not None:
        known = await find(connection, number)
        if known is not None:
            if known.digest != digest:
                raise ConflictError(f"there is a purchase {number!r} already")
            return known.id, False
    try:
        cursor = await connection.execute(
            """
            INSERT INTO purchases (number, site_id, supplier_id, digest, created_by)
            VALUES (coalesce(%s, 'PO-' || lpad(nextval('purchase_numbers')::text, 6, '0')),
                    %s, %s, %s, %s)
            RETURNING id
            """,
            (number, site_id, supplier_id, digest, created_by),
        )
    except UniqueViolation as error:
        raise ConflictError(f"there is a purchase {number!r} already") from error
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
    purchase_id: int = row[0]
    await connection.cursor().executemany(
        """
        INSERT INTO purchase_lines
            (purchase_id, number, item_id, site_id, supplier_id, quantity, due_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [
            (purchase_id, place, line.item_id, site_id, supplier_id, line.quantity, line.due_at)
            for place, line in enumerate(lines, 1)
        ],
    )
    stock.books.touched.update(stock.books.heads)
    await stock.save()
    return purchase_id, True


async def find(connection: Connection, number: str) -> PurchaseRow | None:
    """A purchase by its number."""
    cursor = connection.cursor(row_factory=class_row(PurchaseRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE p.number = %s"), (number,))
    return await cursor.fetchone()


async def by_id(connection: Connection, purchase_id: int) -> PurchaseRow:
    """A purchase that is there."""
    cursor = connection.cursor(row_factory=class_row(PurchaseRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE p.id = %s"), (purchase_id,))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the caller has its id from its row
    return row


async def lines_of(
    connection: Connection, purchase_ids: Collection[int]
) -> dict[int, list[PurchaseLineRow]]:
    """The lines of purchases, by purchase, in the order of their numbers."""
    cursor = connection.cursor(row_factory=class_row(PurchaseLineRow))
    await cursor.execute(
        """
        SELECT l.id, l.purchase_id, l.number, l.item_id, i.code AS item, i.unit, l.quantity,
               l.received, l.due_at, l.closed
        FROM purchase_lines l JOIN items i ON i.id = l.item_id
        WHERE l.purchase_id = ANY(%s) ORDER BY l.purchase_id, l.number
        """,
        (list(purchase_ids),),
    )
    found: dict[int, list[PurchaseLineRow]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row.purchase_id].append(row)
    return found


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    supplier: str | None = None,
    item: str | None = None,
    state: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[PurchaseRow], int]:
    """Purchases, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("v.code = %(supplier)s", supplier=supplier)
    filters.add(
        "EXISTS (SELECT FROM purchase_lines l JOIN items i ON i.id = l.item_id"
        " WHERE l.purchase_id = p.id AND i.code = %(item)s)",
        item=item,
    )
    filters.add("p.state = %(state)s", state=state)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(PurchaseRow))
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY p.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL(
            "SELECT count(*) FROM purchases p JOIN sites s ON s.id = p.site_id"
            " LEFT JOIN suppliers v ON v.id = p.supplier_id"
        )
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def lock(
    connection: Connection, number: str, *, now: datetime
) -> tuple[Stock, PurchaseRow] | None:
    """A purchase with its items locked; None: there is none."""
    row = await find(connection, number)
    if row is None:
        return None
    lines = (await lines_of(connection, [row.id])).get(row.id, [])
    keys = [Key(line.item_id, row.site_id) for line in lines]
    stock = await Stock.lock(connection, keys, now=now, lots=False)
    fresh = await find(connection, number)
    return None if fresh is None else (stock, fresh)


async def change_line(
    connection: Connection, line_id: int, *, quantity: Decimal, due_at: datetime, closed: bool
) -> None:
    """Say anew how much of a line comes, and when. The item is locked."""
    await connection.execute(
        "UPDATE purchase_lines SET quantity = %s, due_at = %s, closed = %s WHERE id = %s",
        (quantity, due_at, closed, line_id),
    )


async def touch(stock: Stock, purchase_id: int, *, state: str | None = None) -> None:
    """Note that a purchase changed, and its items with it."""
    await stock.connection.execute(
        """
        UPDATE purchases p SET version = version + 1, state = coalesce(%s, CASE
            WHEN p.state = 'cancelled' THEN p.state
            WHEN EXISTS (SELECT FROM purchase_lines l
                         WHERE l.purchase_id = p.id AND NOT l.closed AND l.received < l.quantity)
            THEN 'open' ELSE 'received' END)
        WHERE id = %s
        """,
        (state, purchase_id),
    )
    stock.books.touched.update(stock.books.heads)


async def receive(
    stock: Stock, number: str, key: Key, quantity: Decimal, *, line: int | None = None
) -> list[tuple[int, Decimal]] | None:
    """Goods of a purchase have come; answers which lines got how much. The item is locked.

    They fill the open lines of the item by due date; what is too much goes to the last one.
    None: there is no such purchase of this item here.
    """
    cursor = await stock.connection.execute(
        """
        SELECT l.id, l.purchase_id, l.quantity - l.received FROM purchase_lines l
        JOIN purchases p ON p.id = l.purchase_id
        WHERE p.number = %s AND l.item_id = %s AND l.site_id = %s
          AND (%s::integer IS NULL OR l.number = %s) AND p.state <> 'cancelled'
        ORDER BY l.closed, l.received >= l.quantity, l.due_at, l.number
        """,
        (number, key.item_id, key.site_id, line, line),
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    left = quantity
    shares: list[tuple[int, Decimal]] = []
    for place, (line_id, _, missing) in enumerate(rows):
        last = place == len(rows) - 1 or rows[place + 1][2] <= 0
        part = left if last else min(left, max(missing, _ZERO))
        if part > 0:
            shares.append((line_id, part))
            left -= part
        if left <= 0:
            break
    for line_id, part in shares:
        await stock.connection.execute(
            "UPDATE purchase_lines SET received = received + %s WHERE id = %s", (part, line_id)
        )
    await touch(stock, rows[0][1])
    return shares
