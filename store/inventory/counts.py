"""Stock counts: what was counted, what the books said then, and who approved the difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from domain.inventory.books import Key, Place
from domain.inventory.words import PostingKind, StockStatus
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Filters, Page
from store.inventory.moves import moved_since
from store.inventory.stock import Posting, Stock, locations

_ZERO: Final = Decimal(0)


class CountedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody counted of an item."""

    item_id: int
    lot: str
    status: StockStatus
    counted: Decimal


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """A count."""

    id: int
    site_id: int
    site: str
    location_id: int
    location: str
    reference: str | None
    digest: bytes | None
    state: str
    counted_at: datetime
    counted_by: str
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


class CountLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a count. `booked` is what the books said at the moment of counting."""

    count_id: int
    number: int
    item_id: int
    item: str
    unit: str
    lot: str
    status: StockStatus
    counted: Decimal
    booked: Decimal


_SELECT: Final = sql.SQL(
    """
    SELECT c.id, c.site_id, s.code AS site, c.location_id, l.code AS location, c.reference,
           c.digest, c.state, c.counted_at, c.counted_by, c.decided_at, c.decided_by, c.reason
    FROM stock_counts c JOIN sites s ON s.id = c.site_id JOIN locations l ON l.id = c.location_id
    """
)


async def count(
    connection: Connection,
    *,
    site_id: int,
    location: str,
    lines: Sequence[CountedLine],
    actor: Actor,
    counted_at: datetime,
    now: datetime,
    reference: str | None = None,
    digest: bytes | None = None,
) -> tuple[int, bool]:
    """Store a count; answers its id, and whether it is new. Without a difference it is applied.

    Raises:
        ConflictError: the reference stands for another count.
    """
    stock = await Stock.lock(connection, [Key(line.item_id, site_id) for line in lines], now=now)
    if reference is not None:
        cursor = await connection.execute(
            "SELECT id, digest FROM stock_counts WHERE site_id = %s AND reference = %s",
            (site_id, reference),
        )
        known = await cursor.fetchone()
        if known is not None:
            if known[1] != digest:
                raise ConflictError(f"there is a count {reference!r} already")
            return known[0], False
    location_id = (await locations(connection, site_id, [location]))[location]
    booked = [await _booked(stock, site_id, location_id, line, counted_at) for line in lines]
    equal = all(line.counted == there for line, there in zip(lines, booked, strict=True))
    try:
        cursor = await connection.execute(
            """
            INSERT INTO stock_counts (site_id, location_id, reference, digest, state, counted_at,
                                      counted_by, decided_at, decided_by)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (
                site_id,
                location_id,
                reference,
                digest,
                "applied" if equal else "waiting",
                counted_at,
                actor.name,
                now if equal else None,
                actor.name if equal else None,
            ),
        )
    except UniqueViolation as error:
        raise ConflictError(f"there is a count {reference!r} already") from error
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
    await connection.cursor().executemany(
        """
        INSERT INTO stock_count_lines (count_id, number, item_id, lot, status, counted, booked)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [
            (row[0], place, line.item_id, line.lot, line.status.value, line.counted, there)
            for place, (line, there) in enumerate(zip(lines, booked, strict=True), 1)
        ],
    )
    await stock.save()
    return row[0], True


async def _booked(
    stock: Stock, site_id: int, location_id: int, line: CountedLine, at: datetime
) -> Decimal:
    key = Key(line.item_id, site_id)
    lot = stock.books.lots[key].get(Place(location_id, line.lot, line.status))
    if lot is None or lot.id is None:
        return _ZERO
    return lot.quantity - await moved_since(stock.connection, [lot.id], at)


async def decide(
    connection: Connection,
    count_id: int,
    *,
    approve: bool,
    actor: Actor,
    reason: str | None,
    now: datetime,
) -> None:
    """Approve a count, so that the books say what was counted, or reject it.

    What moved since the counting stays: the difference of then is applied to what lies there now.

    Raises:
        NotFoundError: there is no such count.
        ConflictError: it is decided already.
    """
    lines = (await lines_of(connection, [count_id])).get(count_id, [])
    row = await find(connection, count_id)
    if row is None:
        raise NotFoundError("count", str(count_id))
    keys = [Key(line.item_id, row.site_id) for line in lines]
    stock = await Stock.lock(connection, keys, now=now)
    cursor = await connection.execute(
        """
        UPDATE stock_counts SET state = %s, decided_at = %s, decided_by = %s, reason = %s
        WHERE id = %s AND state = 'waiting' RETURNING id
        """,
        ("applied" if approve else "rejected", now, actor.name, reason, count_id),
    )
    if await cursor.fetchone() is None:
        raise ConflictError(f"count {count_id} is {row.state} already")
    if approve:
        number = stock.post(
            Posting(
                site_id=row.site_id,
                kind=PostingKind.COUNT,
                actor=actor,
                occurred_at=row.counted_at,
                reference=f"count {count_id}",
                digest=b"",
                reason=reason,
            )
        )
        for line in lines:
            key = Key(line.item_id, row.site_id)
            place = Place(row.location_id, line.lot, StockStatus(line.status))
            lot = stock.books.lots[key].get(place)
            there = lot.quantity if lot else _ZERO
            wanted = max(there + line.counted - line.booked, _ZERO)
            stock.books.set_quantity(number, key, place, wanted, at=row.counted_at)
        saved = await stock.save()
        await connection.execute(
            "UPDATE stock_counts SET posting_id = %s WHERE id = %s", (saved.postings[0], count_id)
        )


async def find(connection: Connection, count_id: int) -> CountRow | None:
    """A count by its id."""
    cursor = connection.cursor(row_factory=class_row(CountRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE c.id = %s"), (count_id,))
    return await cursor.fetchone()


async def lines_of(
    connection: Connection, count_ids: Collection[int]
) -> dict[int, list[CountLineRow]]:
    """The lines of counts, by count."""
    cursor = connection.cursor(row_factory=class_row(CountLineRow))
    await cursor.execute(
        """
        SELECT n.count_id, n.number, n.item_id, i.code AS item, i.unit, n.lot, n.status, n.counted,
               n.booked
        FROM stock_count_lines n JOIN items i ON i.id = n.item_id
        WHERE n.count_id = ANY(%s) ORDER BY n.count_id, n.number
        """,
        (list(count_ids),),
    )
    found: dict[int, list[CountLineRow]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row.count_id].append(row)
    return found


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    state: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[CountRow], int]:
    """Counts, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("c.state = %(state)s", state=state)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(CountRow))
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY c.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM stock_counts c JOIN sites s ON s.id = c.site_id")
        + filters.where,
        filters.parameters,
    )
    total: Any = await counted.fetchone()
    return rows, total[0] if total else 0
