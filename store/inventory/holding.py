"""Pegs on goods: what is meant for an order line in stock is held for it by a hard reservation.

A line's pegs on lots of an item at a site have one reservation (`origin = 'peg'`) that follows
them; what has left for the line stands on the pegs (`pegs.made`). A peg on a purchase holds
nothing yet: that much of the purchase is promised to nobody else, and when goods of it come, the
pegs move to the lot they are put on, those who need it first in front.

Orders and lines are locked before, stock by `Stock.lock`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.books import Entry, Key, Lot
from domain.inventory.words import Account, ReservationKind, ReservationOrigin, StockStatus
from domain.pegging.attribution import Claim, attribute
from store.database import Connection
from store.inventory import reservations
from store.inventory.reservations import NotAvailableError, promised_now
from store.inventory.stock import NewReservation, Stock

_ZERO: Final = Decimal(0)


class Arrival(msgspec.Struct, frozen=True):
    """So much of a purchase's line was put on a lot."""

    purchase_line_id: int
    lot: Lot
    quantity: Decimal


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held for a line of an item at a site, and what should be."""

    line_id: int
    key: Key
    reservation_id: int | None
    quantity: Decimal
    consumed: Decimal
    is_open: bool
    wanted: Decimal
    need_at: datetime


async def keys_of(connection: Connection, line_ids: Collection[int]) -> set[Key]:
    """The items that are held for lines, or pegged to them in stock, in whatever way."""
    cursor = await connection.execute(
        """
        SELECT b.item_id, b.site_id FROM pegs p JOIN stock_lots b ON b.id = p.stock_lot_id
        WHERE p.order_line_id = ANY(%(lines)s)
        UNION SELECT item_id, site_id FROM reservations
        WHERE order_line_id = ANY(%(lines)s) AND state = 'open'
        """,
        {"lines": list(line_ids)},
    )
    return {Key(*row) for row in await cursor.fetchall()}


async def hold(
    connection: Connection, line_ids: Collection[int], *, now: datetime, insist: bool = False
) -> None:
    """Let what is held for lines follow their pegs on lots.

    Args:
        connection: within a transaction; whoever holds stock locked has these items locked too.
        line_ids: the lines, locked.
        now: the moment.
        insist: the goods are theirs, whatever else was promised.

    Raises:
        NotAvailableError: goods are not free any more.
    """
    held = await _held(connection, line_ids) if line_ids else []
    changed = [one for one in held if _differs(one)]
    if not changed:
        return
    stock = await Stock.lock(connection, {one.key for one in changed}, now=now, lots=False)
    for one in changed:
        quantity = max(one.wanted, one.consumed)
        before = one.quantity - one.consumed if one.is_open else _ZERO
        more = quantity - one.consumed - before
        if more > 0 and not insist:
            free = await promised_now(stock, one.key)
            if free < more:
                raise NotAvailableError(
                    one.key,
                    wanted=more,
                    available=free,
                    first_at=None,
                    version=stock.head(one.key).version,
                    kind=ReservationKind.HARD,
                )
        await _write(stock, one, quantity)
        stock.reserved(one.key, ReservationKind.HARD, more)
        stock.head(one.key).settle()
    await stock.save()


async def _write(stock: Stock, one: _Held, quantity: Decimal) -> None:
    if one.reservation_id is None:
        stock.reservations.append(
            NewReservation(
                key=one.key,
                quantity=quantity,
                kind=ReservationKind.HARD,
                need_at=one.need_at,
                created_by="pegs",
                origin=ReservationOrigin.PEG,
                order_line_id=one.line_id,
            )
        )
        return
    state = "open"
    if quantity == one.consumed:
        state = "consumed" if quantity else "released"
    await stock.connection.execute(
        """
        UPDATE reservations SET quantity = %s, state = %s, closed_at = %s, closed_version = %s
        WHERE id = %s
        """,
        (
            quantity,
            state,
            None if state == "open" else stock.now,
            None if state == "open" else stock.next_version(one.key),
            one.reservation_id,
        ),
    )


def _differs(one: _Held) -> bool:
    quantity = max(one.wanted, one.consumed)
    if one.reservation_id is None:
        return quantity > 0
    return quantity != one.quantity or one.is_open != (quantity > one.consumed)


async def _held(connection: Connection, line_ids: Collection[int]) -> list[_Held]:
    cursor = await connection.execute(
        """
        WITH meant AS (
            SELECT p.order_line_id, b.item_id, b.site_id, sum(p.quantity) AS quantity
            FROM pegs p JOIN stock_lots b ON b.id = p.stock_lot_id
            WHERE p.order_line_id = ANY(%(lines)s) GROUP BY 1, 2, 3
        ), held AS (
            SELECT * FROM reservations WHERE origin = 'peg' AND order_line_id = ANY(%(lines)s)
        )
        SELECT b.*, coalesce(l.due_at, o.received_at)
        FROM (
            SELECT order_line_id, item_id, site_id, h.id, coalesce(h.quantity, 0),
                   coalesce(h.consumed, 0), coalesce(h.state = 'open', false),
                   coalesce(m.quantity, 0)
            FROM meant m FULL JOIN held h USING (order_line_id, item_id, site_id)
        ) b
        JOIN order_lines l ON l.id = b.order_line_id JOIN orders o ON o.id = l.order_id
        ORDER BY b.order_line_id, b.item_id, b.site_id
        """,
        {"lines": list(line_ids)},
    )
    return [
        _Held(
            line_id=line_id,
            key=Key(item_id, site_id),
            reservation_id=reservation_id,
            quantity=quantity,
            consumed=consumed,
            is_open=is_open,
            wanted=wanted,
            need_at=need_at,
        )
        for (
            line_id,
            item_id,
            site_id,
            reservation_id,
            quantity,
            consumed,
            is_open,
            wanted,
            need_at,
        ) in await cursor.fetchall()
    ]


async def free_on_lots(
    stock: Stock, key: Key, *, lot_ids: Collection[int] | None = None
) -> list[tuple[Lot, Decimal]]:
    """What of an item's lots can be meant for somebody now, first expired, first in, first out.

    Together never more than what can be promised now; the item is locked with its lots.
    """
    left = await promised_now(stock, key)
    pegged = await pegged_on(
        stock.connection, [lot.id for lot in stock.books.lots[key].values() if lot.id is not None]
    )
    found: list[tuple[Lot, Decimal]] = []
    for lot in sorted(stock.books.lots[key].values(), key=_first_out):
        if lot.id is None or lot.place.status is not StockStatus.AVAILABLE:
            continue
        if lot_ids is not None and lot.id not in lot_ids:
            continue
        part = min(left, lot.quantity - pegged.get(lot.id, _ZERO))
        if part > 0:
            found.append((lot, part))
            left -= part
    return found


def _first_out(lot: Lot) -> tuple[object, ...]:
    return (
        lot.expires_on is None,
        lot.expires_on or lot.received_at.date(),
        lot.received_at,
        lot.place,
    )


async def pegged_on(connection: Connection, lot_ids: Sequence[int]) -> dict[int, Decimal]:
    """What is meant for lines on lots, and has not left yet."""
    cursor = await connection.execute(
        """
        SELECT stock_lot_id, sum(quantity - made) FROM pegs
        WHERE stock_lot_id = ANY(%s) GROUP BY stock_lot_id
        """,
        (list(lot_ids),),
    )
    return dict(await cursor.fetchall())


async def peg_lot(connection: Connection, line_id: int, lot_id: int, quantity: Decimal) -> None:
    """Mean so much more of a lot for a line."""
    await connection.execute(
        """
        INSERT INTO pegs AS p (order_line_id, stock_lot_id, quantity) VALUES (%s, %s, %s)
        ON CONFLICT (order_line_id, stock_lot_id)
            WHERE order_line_id IS NOT NULL AND stock_lot_id IS NOT NULL
        DO UPDATE SET quantity = p.quantity + excluded.quantity
        """,
        (line_id, lot_id, quantity),
    )


async def take_over(stock: Stock, line_ids: Collection[int]) -> None:
    """Give up what people reserved hard for lines whose pegs are to hold it from now on.

    Saves the stock; `cover` is called next, under the same lock.
    """
    rows = [
        row
        for row in await reservations.of_lines(stock.connection, line_ids)
        if row.kind is ReservationKind.HARD
        and row.origin in (ReservationOrigin.REQUEST, ReservationOrigin.PROMISE)
        and Key(row.item_id, row.site_id) in stock.books.heads
    ]
    if rows:
        await reservations.release(stock, rows)
        await stock.save()


async def cover(stock: Stock, wanted: Mapping[int, tuple[Key, Decimal]]) -> dict[int, Decimal]:
    """Mean what lies free in stock for lines; answers how much each of them gets.

    Args:
        stock: their items, locked with their lots.
        wanted: which item at which site, and how much of it, by line; the first one is served
            first.
    """
    covered: dict[int, Decimal] = {}
    by_key: dict[Key, list[int]] = defaultdict(list)
    for line_id, (key, _) in wanted.items():
        by_key[key].append(line_id)
    for key, line_ids in by_key.items():
        free = await free_on_lots(stock, key)
        for line_id in line_ids:
            left = wanted[line_id][1]
            while left > 0 and free:
                lot, there = free.pop(0)
                part = min(left, there)
                assert lot.id is not None  # noqa: S101 - only lots that have a row are free
                await peg_lot(stock.connection, line_id, lot.id, part)
                covered[line_id] = covered.get(line_id, _ZERO) + part
                left -= part
                if there > part:
                    free.insert(0, (lot, there - part))
    if covered:
        await hold(stock.connection, list(covered), now=stock.now)
    return covered


async def give_up(connection: Connection, line_ids: Collection[int]) -> None:
    """Take pegs on goods from lines that want nothing any more; what has left for them stays."""
    ids = list(line_ids)
    await connection.execute(
        """
        DELETE FROM pegs WHERE order_line_id = ANY(%s) AND work_order_id IS NULL AND made = 0
        """,
        (ids,),
    )
    await connection.execute(
        """
        UPDATE pegs SET quantity = made
        WHERE order_line_id = ANY(%s) AND work_order_id IS NULL AND made < quantity
        """,
        (ids,),
    )


def arrivals(entries: Iterable[Entry]) -> list[Arrival]:
    """What of purchases was put on lots, and is available."""
    return [
        Arrival(entry.tags.purchase_line_id, entry.to_lot, entry.quantity)
        for entry in entries
        if entry.tags.purchase_line_id is not None
        and entry.to_account is Account.STOCK
        and entry.to_lot is not None
        and entry.to_lot.place.status is StockStatus.AVAILABLE
    ]


async def arrived(stock: Stock, found: Sequence[Arrival]) -> list[int]:
    """Let pegs on purchases follow the goods onto lots; answers the lines. Saves the stock."""
    if not found:
        return []
    cursor = await stock.connection.execute(
        """
        SELECT p.id, p.purchase_line_id, p.order_line_id, p.quantity, l.due_at, o.priority
        FROM pegs p JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        WHERE p.purchase_line_id = ANY(%s) ORDER BY p.id FOR UPDATE OF p
        """,
        ([one.purchase_line_id for one in found],),
    )
    waiting: dict[int, list[tuple[Claim, int]]] = defaultdict(list)
    for peg_id, purchase_line_id, line_id, quantity, due_at, priority in await cursor.fetchall():
        due_ms = None if due_at is None else round(due_at.timestamp() * 1000)
        claim = Claim(id=line_id, quantity=quantity, due_ms=due_ms, priority=priority)
        waiting[purchase_line_id].append((claim, peg_id))
    lines: set[int] = set()
    for one in found:
        queue = waiting[one.purchase_line_id]
        # As `domain.pegging.floor.receive` has it.
        shares = attribute(one.quantity, [claim for claim, _ in queue]).shares
        for index, part in enumerate(shares):
            claim, peg_id = queue[index]
            if not part or one.lot.id is None:
                continue
            left = msgspec.structs.replace(claim, quantity=claim.quantity - part)
            queue[index] = (left, peg_id)
            await _take_off(stock.connection, peg_id, part)
            await peg_lot(stock.connection, claim.id, one.lot.id, part)
            lines.add(claim.id)
    await hold(stock.connection, sorted(lines), now=stock.now, insist=True)
    return sorted(lines)


class Concerned(msgspec.Struct, frozen=True):
    """An order whose lines' pegs have moved, for the event that tells of it."""

    id: int
    version: int
    site: str


async def orders_of(connection: Connection, line_ids: Collection[int]) -> list[Concerned]:
    """The orders of lines, by id."""
    if not line_ids:
        return []
    cursor = await connection.execute(
        """
        SELECT DISTINCT o.id, o.version, s.code FROM order_lines l
        JOIN orders o ON o.id = l.order_id JOIN sites s ON s.id = o.site_id
        WHERE l.id = ANY(%s) ORDER BY o.id
        """,
        (list(line_ids),),
    )
    return [Concerned(*row) for row in await cursor.fetchall()]


async def _take_off(connection: Connection, peg_id: int, quantity: Decimal) -> None:
    gone = await connection.execute(
        "DELETE FROM pegs WHERE id = %s AND quantity = %s", (peg_id, quantity)
    )
    if not gone.rowcount:
        await connection.execute(
            "UPDATE pegs SET quantity = quantity - %s WHERE id = %s", (quantity, peg_id)
        )


async def trim_purchase(connection: Connection, purchase_line_id: int) -> list[int]:
    """Less comes of a purchase: those who need it last lack it. Answers whom, by line.

    The purchase's line has been changed, its item is locked.
    """
    cursor = await connection.execute(
        """
        WITH comes AS (
            SELECT CASE WHEN closed THEN 0 ELSE greatest(quantity - received, 0) END AS quantity
            FROM purchase_lines WHERE id = %(line)s
        ), turn AS (
            SELECT p.id, p.order_line_id, p.quantity, sum(p.quantity) OVER (
                       ORDER BY l.due_at NULLS LAST, o.priority DESC, l.id) - p.quantity AS before
            FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
            JOIN orders o ON o.id = l.order_id WHERE p.purchase_line_id = %(line)s
        )
        SELECT t.id, t.order_line_id, t.quantity - greatest(least(c.quantity - t.before,
                                                                  t.quantity), 0)
        FROM turn t CROSS JOIN comes c WHERE c.quantity - t.before < t.quantity
        """,
        {"line": purchase_line_id},
    )
    rows = await cursor.fetchall()
    for peg_id, _, less in rows:
        await _take_off(connection, peg_id, less)
    return [line_id for _, line_id, _ in rows]
