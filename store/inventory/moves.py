"""Warehouse devices' moves change stock, each exactly once; what fits nothing waits with a reason.

Reality wins: what a device says has happened. Goods that the books did not have become shortfalls.
`received` brings goods in, `issued` and `shipped` take them out, `transferred`, `picked` and
`packed` move them, `counted` sets what lies at a place at its own time. `consumed` is a machine's
`material`: it takes goods out for the work order that it names, and where a machine tells what it
used of a component, the bill is not asked any more (`store.inventory.production`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.streams import CONSUMED, GoodsMoved
from contracts.telemetry import MoveEvent
from domain.dispatch import still_to_issue
from domain.inventory.books import Key, Place, Tags, pick
from domain.inventory.words import Account, PostingKind, StockStatus
from domain.units import InexactError, UnitMismatchError, convert, unit_of
from store import dispatches
from store.audit import Actor
from store.database import Connection
from store.filters import Filters, Page
from store.inventory import holding, production, purchases, reservations
from store.inventory.stock import MAIN, STAGING, Posting, Stock, locations

_ZERO: Final = Decimal(0)
_AT_ONCE: Final = 500
"""So many moves that had waited for their item are booked with a batch."""

_KINDS: Final[dict[str, PostingKind]] = {
    CONSUMED: PostingKind.CONSUMPTION,
    MoveEvent.RECEIVED: PostingKind.RECEIPT,
    MoveEvent.ISSUED: PostingKind.ISSUE,
    MoveEvent.TRANSFERRED: PostingKind.TRANSFER,
    MoveEvent.PICKED: PostingKind.PICK,
    MoveEvent.PACKED: PostingKind.PICK,
    MoveEvent.SHIPPED: PostingKind.SHIPMENT,
    MoveEvent.COUNTED: PostingKind.COUNT,
}


class _Move(msgspec.Struct, frozen=True, kw_only=True):
    """A move whose item is known."""

    publisher_id: int
    seq: int
    site_id: int
    device: str
    t_ms: int
    event: str
    item_id: int
    quantity: Decimal
    unit: str | None
    kept_in: str
    lot: str | None
    from_location: str | None
    to_location: str | None
    order_number: str | None
    work_order_id: int | None

    @property
    def key(self) -> Key:
        """Which item at which site."""
        return Key(self.item_id, self.site_id)

    @property
    def at(self) -> datetime:
        """When it happened, by the device's clock."""
        return datetime.fromtimestamp(self.t_ms / 1000, UTC)


class MoveRow(msgspec.Struct, frozen=True, kw_only=True):
    """A move as it was told, and why stock did not change by it."""

    site: str
    device: str
    source: str
    boot: str
    seq: int
    t_ms: int
    event: str
    item: str
    quantity: Decimal
    unit: str | None
    lot: str | None
    from_location: str | None
    to_location: str | None
    work_order: str | None
    order: str | None
    reason: str | None


async def book_moves(
    connection: Connection,
    moves: Sequence[GoodsMoved],
    *,
    now: datetime,
    on_arrival: Callable[[Sequence[int]], None] = lambda _: None,
) -> tuple[int, int]:
    """Store new moves and book them, and those whose item has become known meanwhile.

    Args:
        connection: within a transaction; orders are locked before.
        moves: as they were told.
        now: the moment.
        on_arrival: told of the order lines for whom goods of a purchase have come.

    Returns:
        How many were booked, and how many of the new ones fit no item.
    """
    new = await _store(connection, moves) if moves else []
    ready = await _ready(connection, new)
    ready, strange = _in_own_units(ready)
    await _set_aside(connection, strange)
    fitting = {(move.publisher_id, move.seq) for move in ready}
    unmatched = sum(place not in fitting for place in new)
    if not ready:
        return 0, unmatched
    used_by = {
        move.work_order_id
        for move in ready
        if move.work_order_id is not None and move.event in (MoveEvent.ISSUED, CONSUMED)
    }
    keys = await production.meet(connection, used_by, now=now)
    stock = await Stock.lock(connection, keys | {move.key for move in ready}, now=now)
    booked: list[tuple[_Move, int]] = []
    places = await _places(connection, ready)
    told: dict[tuple[int, int], Decimal] = {}
    for move in sorted(ready, key=lambda one: (one.t_ms, one.publisher_id, one.seq)):
        number = stock.post(
            Posting(
                site_id=move.site_id,
                kind=_KINDS[move.event],
                actor=Actor("warehouse", move.device),
                occurred_at=move.at,
                reason=f"{move.event} by {move.device}",
            )
        )
        await _book(stock, number, await _not_told_by_hand(connection, move, told), places)
        booked.append((move, number))
    arrivals = holding.arrivals(stock.books.entries)
    saved = await stock.save()
    on_arrival(await holding.arrived(stock, arrivals))
    await connection.execute(
        """
        UPDATE stock_moves m SET unmatched = NULL, posting_id = n.posting_id
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (publisher_id, seq, posting_id)
        WHERE m.publisher_id = n.publisher_id AND m.seq = n.seq
        """,
        (
            [move.publisher_id for move, _ in booked],
            [move.seq for move, _ in booked],
            [saved.postings[number] for _, number in booked],
        ),
    )
    if used_by:
        # What the bill had taken of it before is given back; their items are locked already.
        await production.book_production(connection, work_order_ids=used_by, now=now)
    return len(booked), unmatched


async def _not_told_by_hand(
    connection: Connection, move: _Move, told: dict[tuple[int, int], Decimal]
) -> _Move:
    """A move without what people have shipped by hand already: both tell of the same goods.

    Args:
        connection: the transaction; the order is locked, as its shipments were looked at before.
        move: as the device told it.
        told: by order and item, what moves of this batch have shipped before; it is kept up.
    """
    if move.event != MoveEvent.SHIPPED:
        return move
    cursor = await connection.execute(
        "SELECT order_id FROM goods_moves"
        " WHERE publisher_id = %s AND seq = %s AND order_id IS NOT NULL AND unmatched IS NULL",
        (move.publisher_id, move.seq),
    )
    row = await cursor.fetchone()
    if row is None:
        return move
    order_id: int = row[0]
    by_hand = await dispatches.told_by_hand(connection, order_id, move.item_id)
    if not by_hand:
        return move
    where = (order_id, move.item_id)
    before = await dispatches.told_by_devices(connection, *where) + told.get(where, _ZERO)
    told[where] = told.get(where, _ZERO) + move.quantity
    left = still_to_issue(before, by_hand, move.quantity)
    return msgspec.structs.replace(move, quantity=left)


async def _store(connection: Connection, moves: Sequence[GoodsMoved]) -> list[tuple[int, int]]:
    """Keep moves as they were told; answers (publisher, seq) of those that were not known."""
    cursor = await connection.execute(
        """
        INSERT INTO stock_moves (publisher_id, seq, site_id, device_id, t_ms, event, item, quantity,
            unit, lot, from_location, to_location, work_order, order_number, unmatched)
        SELECT n.publisher_id, n.seq, m.site_id, m.id, n.t_ms, n.event, n.item, n.quantity, n.unit,
               n.lot, n.from_location, n.to_location, n.work_order, n.order_number, 'unknown_item'
        FROM unnest(%s::bigint[], %s::bigint[], %s::integer[], %s::bigint[], %s::text[], %s::text[],
                    %s::numeric[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::text[])
            AS n (publisher_id, seq, device_id, t_ms, event, item, quantity, unit, lot,
                  from_location, to_location, work_order, order_number)
        JOIN machines m ON m.id = n.device_id
        ORDER BY n.publisher_id, n.seq
        ON CONFLICT (publisher_id, seq) DO NOTHING RETURNING publisher_id, seq
        """,
        (
            [move.publisher_id for move in moves],
            [move.seq for move in moves],
            [move.device_id for move in moves],
            [move.t_ms for move in moves],
            [move.event for move in moves],
            [move.item for move in moves],
            [Decimal(move.quantity) for move in moves],
            [move.unit for move in moves],
            [move.lot for move in moves],
            [move.from_ for move in moves],
            [move.to for move in moves],
            [move.work_order for move in moves],
            [move.order for move in moves],
        ),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


def _in_own_units(moves: Sequence[_Move]) -> tuple[list[_Move], list[_Move]]:
    """Moves with their quantities in the items' own units; and those that do not convert."""
    ready: list[_Move] = []
    strange: list[_Move] = []
    for move in moves:
        if move.unit is None or move.unit == move.kept_in:
            ready.append(move)
            continue
        try:
            quantity = convert(move.quantity, unit_of(move.unit) or move.unit, move.kept_in)
        except (UnitMismatchError, InexactError):
            strange.append(move)
        else:
            ready.append(msgspec.structs.replace(move, quantity=quantity))
    return ready, strange


async def _set_aside(connection: Connection, moves: Sequence[_Move]) -> None:
    """Say of moves that their unit does not become the item's."""
    if moves:
        await connection.execute(
            """
            UPDATE stock_moves m SET unmatched = 'unit'
            FROM unnest(%s::bigint[], %s::bigint[]) AS n (publisher_id, seq)
            WHERE m.publisher_id = n.publisher_id AND m.seq = n.seq
            """,
            ([move.publisher_id for move in moves], [move.seq for move in moves]),
        )


async def _ready(connection: Connection, new: Sequence[tuple[int, int]]) -> list[_Move]:
    """New moves that can be booked, and old ones that can be by now."""
    cursor = connection.cursor(row_factory=class_row(_Move))
    await cursor.execute(
        """
        SELECT m.publisher_id, m.seq, m.site_id, d.path AS device, m.t_ms, m.event,
               i.id AS item_id, m.quantity, m.unit, i.unit AS kept_in, m.lot, m.from_location,
               m.to_location, m.order_number,
               w.id AS work_order_id
        FROM (
            SELECT publisher_id, seq FROM unnest(%(publishers)s::bigint[], %(seqs)s::bigint[])
                AS n (publisher_id, seq)
            UNION
            (SELECT x.publisher_id, x.seq FROM stock_moves x JOIN items j ON j.code = x.item
             WHERE x.unmatched = 'unknown_item' OR (x.unmatched = 'unit' AND x.unit = j.unit)
             ORDER BY x.t_ms LIMIT %(at_once)s)
        ) n
        JOIN stock_moves m USING (publisher_id, seq)
        JOIN items i ON i.code = m.item
        JOIN machines d ON d.id = m.device_id
        LEFT JOIN work_orders w ON w.site_id = m.site_id AND w.number = m.work_order AND w.planned
        WHERE m.posting_id IS NULL
        FOR UPDATE OF m SKIP LOCKED
        """,
        {
            "publishers": [publisher for publisher, _ in new],
            "seqs": [seq for _, seq in new],
            "at_once": _AT_ONCE,
        },
    )
    return await cursor.fetchall()


async def _places(connection: Connection, moves: Sequence[_Move]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for site_id in sorted({move.site_id for move in moves}):
        codes = {MAIN, STAGING}
        for move in moves:
            if move.site_id == site_id:
                codes |= {code for code in (move.from_location, move.to_location) if code}
        named = await locations(connection, site_id, codes)
        found |= {(site_id, code): id_ for code, id_ in named.items()}
    return found


async def _book(stock: Stock, number: int, move: _Move, places: dict[tuple[int, str], int]) -> None:
    if not move.quantity and move.event != MoveEvent.COUNTED:
        return
    source = places[move.site_id, move.from_location] if move.from_location else None
    target = places[move.site_id, move.to_location] if move.to_location else None
    main = places[move.site_id, MAIN]
    staging = places[move.site_id, STAGING]
    match move.event:
        case MoveEvent.RECEIVED:
            await _receive(stock, number, move, target or main)
        case MoveEvent.ISSUED:
            await _issue(stock, number, move, source)
        case MoveEvent.TRANSFERRED:
            _move(stock, number, move, source, target or main)
        case MoveEvent.PICKED:
            _move(stock, number, move, source, target or staging)
        case MoveEvent.PACKED:
            if target is not None:
                _move(stock, number, move, source or staging, target)
        case MoveEvent.SHIPPED:
            await _ship(stock, number, move, source or staging)
        case MoveEvent.COUNTED:
            await _count(stock, number, move, target or source or main)
        case _:
            await _consume(stock, number, move)


async def _receive(stock: Stock, number: int, move: _Move, location_id: int) -> None:
    shares: Sequence[tuple[int | None, Decimal]] = [(None, move.quantity)]
    if move.order_number is not None:
        shares = (
            await purchases.receive(stock, move.order_number, move.key, move.quantity) or shares
        )
    for purchase_line_id, part in shares:
        stock.books.add(
            number,
            move.key,
            part,
            source=Account.SUPPLIER,
            place=Place(location_id, move.lot or ""),
            at=move.at,
            tags=Tags(purchase_line_id=purchase_line_id),
        )


async def _issue(stock: Stock, number: int, move: _Move, location_id: int | None) -> None:
    work_order_id = move.work_order_id
    stock.books.take(
        number,
        move.key,
        move.quantity,
        target=Account.USE if work_order_id is None else Account.PRODUCTION,
        at=move.at,
        location_id=location_id,
        lot=move.lot,
        insist=True,
        tags=Tags(work_order_id=work_order_id),
    )
    if work_order_id is not None:
        await production.issued(stock.connection, work_order_id, move.item_id, move.quantity)


async def _consume(stock: Stock, number: int, move: _Move) -> None:
    """A machine has used goods: they are taken out once, for the work order that it worked on."""
    stock.books.take(
        number,
        move.key,
        move.quantity,
        target=Account.USE if move.work_order_id is None else Account.PRODUCTION,
        at=move.at,
        insist=True,
        tags=Tags(work_order_id=move.work_order_id),
    )
    if move.work_order_id is not None:
        await production.measured(stock.connection, move.work_order_id, move.item_id, move.quantity)


def _move(stock: Stock, number: int, move: _Move, source: int | None, target: int) -> None:
    """Goods go to another location; what the books do not have there is left where it is."""
    draws, _ = pick(
        [lot for lot in stock.books.lots[move.key].values() if lot.place.location_id != target],
        move.quantity,
        location_id=source,
        lot=move.lot,
    )
    for lot, part in draws:
        to = Place(target, lot.place.lot, lot.place.status)
        stock.books.move(number, lot, part, to=to, tags=Tags(work_order_id=move.work_order_id))


async def _ship(stock: Stock, number: int, move: _Move, location_id: int) -> None:
    line_ids = await _lines(stock.connection, move)
    shares = await reservations.consume(stock, move.key, move.quantity, line_ids=line_ids)
    rest = move.quantity - sum(shares.values(), _ZERO)
    if rest > 0:
        first = line_ids[0] if line_ids else 0
        shares[first] = shares.get(first, _ZERO) + rest
    for line_id, part in shares.items():
        stock.books.take(
            number,
            move.key,
            part,
            target=Account.CUSTOMER,
            at=move.at,
            location_id=location_id,
            lot=move.lot,
            insist=True,
            tags=Tags(order_line_id=line_id or None),
        )


async def _lines(connection: Connection, move: _Move) -> list[int]:
    """The order lines that shipped goods may belong to, by due date."""
    cursor = await connection.execute(
        """
        SELECT l.id FROM order_lines l JOIN orders o ON o.id = l.order_id
        WHERE l.item_id = %(item)s AND (
            o.number = %(order)s OR (%(order)s::text IS NULL AND EXISTS (
                SELECT FROM pegs p WHERE p.order_line_id = l.id AND p.work_order_id = %(work)s)))
        ORDER BY l.due_at NULLS LAST, l.number
        """,
        {"item": move.item_id, "order": move.order_number, "work": move.work_order_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def _count(stock: Stock, number: int, move: _Move, location_id: int) -> None:
    """Set what lies at a place, as of the time of counting: what moved since then stays."""
    lots = [
        lot
        for place, lot in stock.books.lots[move.key].items()
        if place.location_id == location_id
        and place.status is StockStatus.AVAILABLE
        and (move.lot is None or place.lot == move.lot)
    ]
    here = sum((lot.quantity for lot in lots), _ZERO)
    since = await moved_since(stock.connection, [lot.id for lot in lots if lot.id], move.at)
    difference = move.quantity - (here - since)
    if difference > 0:
        stock.books.add(
            number,
            move.key,
            difference,
            source=Account.DIFFERENCE,
            place=Place(location_id, move.lot or ""),
            at=move.at,
            settles=False,
        )
    elif difference < 0:
        stock.books.take(
            number,
            move.key,
            min(-difference, here),
            target=Account.DIFFERENCE,
            at=move.at,
            location_id=location_id,
            lot=move.lot,
            only_there=True,
        )


async def moved_since(connection: Connection, lot_ids: Collection[int], at: datetime) -> Decimal:
    """By how much lots have changed, together, by what happened after a moment."""
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(e.quantity) FILTER (WHERE e.to_lot_id = ANY(%(lots)s)), 0)
               - coalesce(sum(e.quantity) FILTER (WHERE e.from_lot_id = ANY(%(lots)s)), 0)
        FROM stock_ledger e JOIN stock_postings p ON p.id = e.posting_id
        WHERE (e.to_lot_id = ANY(%(lots)s) OR e.from_lot_id = ANY(%(lots)s))
          AND p.occurred_at > %(at)s
        """,
        {"lots": list(lot_ids), "at": at},
    )
    row = await cursor.fetchone()
    return row[0] if row else _ZERO


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    unmatched: bool | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[MoveRow], int]:
    """Moves as they were told, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("(m.unmatched IS NOT NULL) = %(unmatched)s", unmatched=unmatched)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(MoveRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT s.code AS site, d.path AS device, p.source, p.boot, m.seq, m.t_ms, m.event,
                   m.item, m.quantity, m.unit, m.lot, m.from_location, m.to_location, m.work_order,
                   m.order_number AS order, m.unmatched AS reason
            FROM stock_moves m
            JOIN sites s ON s.id = m.site_id
            JOIN machines d ON d.id = m.device_id
            JOIN publishers p ON p.id = m.publisher_id
            """
        )
        + filters.where
        + sql.SQL(" ORDER BY m.t_ms DESC, m.publisher_id, m.seq LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM stock_moves m JOIN sites s ON s.id = m.site_id")
        + filters.where,
        filters.parameters,
    )
    total: Any = await counted.fetchone()
    return rows, total[0] if total else 0
