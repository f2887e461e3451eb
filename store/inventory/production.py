"""Counted pieces become stock: receipts of what was made, components by the bill, exactly once.

What is booked is the difference between what the rows of the floor say and what was booked before
(`work_order_stock`), so a late or corrected count is booked, or taken back, to the piece, and the
order in which events arrive has no influence. The rows of `work_order_stock` are locked before the
floor's rows are read: two who book the same work order do it one after the other.

A component is taken once, by the best that is known of it: what machines told that they used
(`measured`) instead of the bill; else the bill, less what was handed out to the work order
(`issued`). When the first machine speaks of a component, what the bill had taken is given back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.inventory.backflush import Component, needed
from domain.inventory.books import Key, Place, Tags
from domain.inventory.words import Account, PostingKind, ReservationOrigin, StockStatus
from store.audit import Actor
from store.database import Connection
from store.inventory import reservations
from store.inventory.components import components
from store.inventory.reservations import Standing
from store.inventory.stock import MAIN, Posting, Stock, locations

_ZERO: Final = Decimal(0)
_ACTOR: Final = Actor("floor", "streams")


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    """A work order: what the floor says, and what is booked."""

    id: int
    number: str
    item_id: int
    site_id: int
    produced: Decimal
    pieces: Decimal
    good: Decimal
    scrap: Decimal
    open_pieces: Decimal
    """Pieces that are still to be made; 0 when nothing more is."""
    need_at: datetime

    @property
    def key(self) -> Key:
        """What is made, and where."""
        return Key(self.item_id, self.site_id)


class _Component(msgspec.Struct, kw_only=True):
    """A component of a work order, and how much of it is booked."""

    work_order_id: int
    item_id: int
    quantity_per: Decimal
    scrap_factor: Decimal
    consumed: Decimal
    issued: Decimal
    measured: Decimal | None
    starts_at: datetime | None = None
    """When the plan in force starts the step that takes it, if the bill names one."""

    def needed(self, pieces: Decimal) -> Decimal:
        """How much so many pieces take."""
        part = Component(
            item_id=self.item_id, quantity_per=self.quantity_per, scrap_factor=self.scrap_factor
        )
        return needed(part, pieces)

    def by_bill(self, pieces: Decimal) -> Decimal:
        """What has to be taken for so many pieces by the bill, beyond what was issued already."""
        if self.measured is not None:
            return _ZERO
        return max(self.needed(pieces) - self.issued, _ZERO)

    def still_needed(self, pieces: Decimal, to_come: Decimal) -> Decimal:
        """What more pieces will take, of which nothing was handed out yet.

        Where it is measured: the bill's share for the pieces to come, less what was handed out and
        not used yet.
        """
        if self.measured is not None:
            return max(self.needed(to_come) - max(self.issued - self.measured, _ZERO), _ZERO)
        return self.by_bill(pieces + to_come) - self.by_bill(pieces)


async def book_production(
    connection: Connection,
    *,
    work_order_ids: Collection[int] = (),
    order_ids: Collection[int] = (),
    now: datetime,
) -> int:
    """Bring stock and reservations in line with what the floor says of work orders.

    Args:
        connection: within a transaction; orders and lines, if any, are locked already.
        work_order_ids: which ones.
        order_ids: those of these orders as well.
        now: the moment of booking.

    Returns:
        How many work orders had something to book.
    """
    ids = await _met(connection, work_order_ids, order_ids)
    if not ids:
        return 0
    works = await _works(connection, ids)
    parts = await _parts(connection, works, now)
    made = await _made_for_lines(connection, works)
    required = _required(works, parts)
    due = [work for work in works if _is_due(work, parts[work.id])]
    if not due and not await _differ(connection, made, required):
        return 0
    keys = {work.key for work in works} | {one.key for one in required}
    stock = await Stock.lock(connection, keys, now=now)
    main: dict[int, int] = {}
    for site_id in sorted({work.site_id for work in due}):
        main[site_id] = (await locations(connection, site_id, [MAIN]))[MAIN]
    for work in due:
        _receive(stock, work, main[work.site_id])
        await _consume(stock, work, parts[work.id], main[work.site_id])
    await reservations.follow(stock, ReservationOrigin.PRODUCTION, made)
    await reservations.follow(stock, ReservationOrigin.WORK_ORDER, required)
    await stock.save()
    await _note(connection, due, parts)
    return len(due)


async def meet(
    connection: Connection, work_order_ids: Collection[int], *, now: datetime
) -> set[Key]:
    """Lock what is booked of work orders, and see to it that their components are known.

    Whoever hands goods out to work orders does so before stock is locked: it is the order in which
    counted pieces are booked. Answers the items that booking them will need.
    """
    ids = await _met(connection, work_order_ids, ())
    if not ids:
        return set()
    works = await _works(connection, ids)
    parts = await _parts(connection, works, now)
    return {work.key for work in works} | {
        Key(part.item_id, work.site_id) for work in works for part in parts[work.id]
    }


async def issued(
    connection: Connection, work_order_id: int, item_id: int, quantity: Decimal
) -> None:
    """Note that a component was handed out: counted pieces do not take it once more.

    The work order was met (`meet`), and is booked anew after this.
    """
    await connection.execute(
        "UPDATE work_order_components SET issued = issued + %s"
        " WHERE work_order_id = %s AND item_id = %s",
        (quantity, work_order_id, item_id),
    )


async def measured(
    connection: Connection, work_order_id: int, item_id: int, quantity: Decimal
) -> None:
    """Note what a machine has used of a component: from now on it is its word, not the bill's.

    The work order was met (`meet`), and is booked anew after this.
    """
    await connection.execute(
        """
        INSERT INTO work_order_components AS c (work_order_id, item_id, quantity_per, measured)
        SELECT work_order_id, %(item)s, 0, %(quantity)s FROM work_order_stock
        WHERE work_order_id = %(work)s
        ON CONFLICT (work_order_id, item_id) DO UPDATE
        SET measured = coalesce(c.measured, 0) + excluded.measured
        """,
        {"work": work_order_id, "item": item_id, "quantity": quantity},
    )


async def _met(
    connection: Connection, work_order_ids: Collection[int], order_ids: Collection[int]
) -> list[int]:
    """The planned work orders of an item, each with its row here, locked."""
    named = {"works": list(work_order_ids), "orders": list(order_ids)}
    cursor = await connection.execute(
        """
        SELECT w.id FROM work_orders w
        WHERE w.planned AND w.item_id IS NOT NULL AND (w.id = ANY(%(works)s) OR w.id IN (
            SELECT p.work_order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
            WHERE l.order_id = ANY(%(orders)s)))
        """,
        named,
    )
    ids = sorted(row[0] for row in await cursor.fetchall())
    if ids:
        await connection.execute(
            """
            INSERT INTO work_order_stock (work_order_id, item_id, site_id)
            SELECT id, item_id, site_id FROM work_orders WHERE id = ANY(%s) ORDER BY id
            ON CONFLICT (work_order_id) DO NOTHING
            """,
            (ids,),
        )
        await connection.execute(
            "SELECT FROM work_order_stock WHERE work_order_id = ANY(%s)"
            " ORDER BY work_order_id FOR UPDATE",
            (ids,),
        )
    return ids


async def _works(connection: Connection, ids: Sequence[int]) -> list[_Work]:
    cursor = connection.cursor(row_factory=class_row(_Work))
    await cursor.execute(
        """
        SELECT w.id, w.number, s.item_id, s.site_id, s.produced, s.pieces,
               coalesce(last.good_pieces, 0) AS good, coalesce(made.scrap, 0) AS scrap,
               CASE WHEN w.cancelled_at IS NOT NULL OR w.closing = 'stop'
                         OR coalesce(last.state, 'cancelled')
                            IN ('completed', 'aborted', 'cancelled') THEN 0
                    ELSE greatest(coalesce(w.quantity_ordered, last.quantity, 0)
                                  - last.good_pieces, 0) END AS open_pieces,
               coalesce(made.starts_at, w.due_at, w.created_at) AS need_at
        FROM work_order_stock s
        JOIN work_orders w ON w.id = s.work_order_id
        LEFT JOIN LATERAL (
            SELECT o.good_pieces, o.state, o.quantity FROM operations o
            WHERE o.work_order_id = w.id ORDER BY o.number DESC LIMIT 1) last ON true
        LEFT JOIN LATERAL (
            SELECT sum(o.scrap_pieces) AS scrap, to_timestamp(min(a.start_ms) / 1000.0) AS starts_at
            FROM operations o
            LEFT JOIN (plan_operations a JOIN plans p ON p.id = a.plan_id AND p.state = 'published')
                ON a.operation_id = o.id
            WHERE o.work_order_id = w.id) made ON true
        WHERE s.work_order_id = ANY(%s) ORDER BY w.id
        """,
        (list(ids),),
    )
    return await cursor.fetchall()


async def _parts(
    connection: Connection, works: Sequence[_Work], now: datetime
) -> dict[int, list[_Component]]:
    """The components of work orders; the bill is copied as long as no piece was counted."""
    found = await _stored_parts(connection, [work.id for work in works])
    fresh = [work for work in works if not found[work.id] and not work.pieces]
    if fresh:
        bills = await components(connection, {work.key for work in fresh}, at=now)
        rows = [(work.id, part) for work in fresh for part in bills.get(work.key, ())]
        if rows:
            await connection.execute(
                """
                INSERT INTO work_order_components
                    (work_order_id, item_id, quantity_per, scrap_factor, step)
                SELECT * FROM unnest(
                    %s::bigint[], %s::integer[], %s::numeric[], %s::numeric[], %s::integer[])
                ON CONFLICT (work_order_id, item_id) DO NOTHING
                """,
                (
                    [work_id for work_id, _ in rows],
                    [part.item_id for _, part in rows],
                    [part.quantity_per for _, part in rows],
                    [part.scrap_factor for _, part in rows],
                    [part.step for _, part in rows],
                ),
            )
            found = await _stored_parts(connection, [work.id for work in works])
    return found


async def _stored_parts(connection: Connection, ids: Sequence[int]) -> dict[int, list[_Component]]:
    cursor = connection.cursor(row_factory=class_row(_Component))
    await cursor.execute(
        """
        SELECT c.work_order_id, c.item_id, c.quantity_per, c.scrap_factor, c.consumed, c.issued,
               c.measured, at.starts_at
        FROM work_order_components c
        LEFT JOIN LATERAL (
            -- A step that the work order has not is the next one that it has.
            SELECT to_timestamp(a.start_ms / 1000.0) AS starts_at
            FROM operations o
            LEFT JOIN (plan_operations a JOIN plans p ON p.id = a.plan_id AND p.state = 'published')
                ON a.operation_id = o.id
            WHERE o.work_order_id = c.work_order_id AND o.number >= c.step
            ORDER BY o.number LIMIT 1
        ) at ON true
        WHERE c.work_order_id = ANY(%s) ORDER BY c.work_order_id, c.item_id
        """,
        (list(ids),),
    )
    found: dict[int, list[_Component]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row.work_order_id].append(row)
    return found


async def _made_for_lines(connection: Connection, works: Sequence[_Work]) -> list[Standing]:
    """The pieces that were made for order lines, as they should be reserved."""
    by_id = {work.id: work for work in works}
    cursor = await connection.execute(
        """
        SELECT p.work_order_id, p.order_line_id,
               CASE WHEN l.state = 'cancelled' THEN 0 ELSE least(p.made, p.quantity) END,
               coalesce(l.due_at, o.received_at)
        FROM pegs p
        JOIN order_lines l ON l.id = p.order_line_id
        JOIN orders o ON o.id = l.order_id
        JOIN work_orders w ON w.id = p.work_order_id
        WHERE p.work_order_id = ANY(%(works)s) AND l.item_id = w.item_id
        UNION ALL
        -- Pegs that have moved elsewhere leave nothing reserved behind.
        SELECT r.work_order_id, r.order_line_id, 0, r.need_at FROM reservations r
        WHERE r.origin = 'production' AND r.work_order_id = ANY(%(works)s) AND NOT EXISTS (
            SELECT FROM pegs p WHERE p.work_order_id = r.work_order_id
            AND p.order_line_id = r.order_line_id)
        """,
        {"works": list(by_id)},
    )
    return [
        Standing(
            key=by_id[work_id].key,
            work_order_id=work_id,
            order_line_id=line_id,
            quantity=quantity,
            need_at=need_at,
        )
        for work_id, line_id, quantity, need_at in await cursor.fetchall()
    ]


def _required(works: Sequence[_Work], parts: dict[int, list[_Component]]) -> list[Standing]:
    """The components that are still needed, as they should be reserved."""
    return [
        Standing(
            key=Key(part.item_id, work.site_id),
            work_order_id=work.id,
            order_line_id=None,
            quantity=part.still_needed(work.good + work.scrap, work.open_pieces)
            if work.open_pieces
            else _ZERO,
            need_at=part.starts_at or work.need_at,
        )
        for work in works
        for part in parts[work.id]
    ]


def _is_due(work: _Work, parts: Sequence[_Component]) -> bool:
    """Whether something has to be booked."""
    pieces = work.good + work.scrap
    return (
        work.good != work.produced
        or pieces != work.pieces
        or any(part.by_bill(pieces) != part.consumed for part in parts)
    )


async def _differ(
    connection: Connection, made: Sequence[Standing], required: Sequence[Standing]
) -> bool:
    """Whether a reservation does not stand as it should."""
    wanted = {
        (origin.value, one.work_order_id, one.order_line_id, one.key.item_id): (
            one.quantity,
            one.need_at,
        )
        for origin, some in (
            (ReservationOrigin.PRODUCTION, made),
            (ReservationOrigin.WORK_ORDER, required),
        )
        for one in some
    }
    if not wanted:
        return False
    cursor = await connection.execute(
        """
        SELECT origin, work_order_id, order_line_id, item_id, quantity, consumed, need_at, state
        FROM reservations
        WHERE work_order_id = ANY(%s) AND origin IN ('production', 'work_order')
        """,
        (sorted({key[1] for key in wanted}),),
    )
    stands = {(row[0], row[1], row[2], row[3]): row[4:] for row in await cursor.fetchall()}
    for key, (quantity, need_at) in wanted.items():
        if key not in stands:
            if quantity > 0:
                return True
            continue
        has, consumed, had_need_at, state = stands[key]
        should = max(quantity, consumed)
        if (has, state == "open") != (should, should > consumed) or had_need_at != need_at:
            return True
    return False


def _receive(stock: Stock, work: _Work, location_id: int) -> None:
    """Book what was made since, or take back what was not made after all."""
    difference = work.good - work.produced
    if not difference:
        return
    tags = Tags(work_order_id=work.id)
    posting = stock.post(_posting(work, PostingKind.PRODUCTION, stock.now, difference))
    if difference > 0:
        stock.books.add(
            posting,
            work.key,
            difference,
            source=Account.PRODUCTION,
            place=Place(location_id, work.number, StockStatus.AVAILABLE),
            at=stock.now,
            tags=tags,
        )
    else:
        stock.books.take(
            posting,
            work.key,
            -difference,
            target=Account.PRODUCTION,
            at=stock.now,
            lot=work.number,
            only_there=True,
            insist=True,
            tags=tags,
        )


async def _consume(
    stock: Stock, work: _Work, parts: Sequence[_Component], location_id: int
) -> None:
    """Book what the pieces took of their components, or give back what they did not."""
    pieces = work.good + work.scrap
    changed = [part for part in parts if part.by_bill(pieces) != part.consumed]
    if not changed:
        return
    posting = stock.post(_posting(work, PostingKind.CONSUMPTION, stock.now, pieces - work.pieces))
    tags = Tags(work_order_id=work.id)
    for part in changed:
        key = Key(part.item_id, work.site_id)
        difference = part.by_bill(pieces) - part.consumed
        if difference > 0:
            stock.books.take(
                posting,
                key,
                difference,
                target=Account.PRODUCTION,
                at=stock.now,
                insist=True,
                tags=tags,
            )
        else:
            await _give_back(stock, posting, key, -difference, tags=tags, location_id=location_id)


async def _give_back(
    stock: Stock, posting: int, key: Key, quantity: Decimal, *, tags: Tags, location_id: int
) -> None:
    """Return components to where this work order had them from, the last ones first."""
    left = quantity
    for shortfall in reversed(stock.books.shortfalls[key]):
        if shortfall.work_order_id != tags.work_order_id:
            continue
        part = min(left, shortfall.open_quantity)
        if part > 0:
            stock.books.explain(posting, shortfall, part, source=Account.PRODUCTION, tags=tags)
            left -= part
    cursor = await stock.connection.execute(
        """
        SELECT lot_id, sum(quantity) FROM (
            SELECT id, from_lot_id AS lot_id, quantity FROM stock_ledger
            WHERE work_order_id = %(work)s AND item_id = %(item)s AND from_lot_id IS NOT NULL
              AND to_account = 'production'
            UNION ALL
            SELECT id, to_lot_id, -quantity FROM stock_ledger
            WHERE work_order_id = %(work)s AND item_id = %(item)s AND to_lot_id IS NOT NULL
              AND from_account = 'production'
        ) taken GROUP BY lot_id HAVING sum(quantity) > 0 ORDER BY max(id) DESC
        """,
        {"work": tags.work_order_id, "item": key.item_id},
    )
    lots = {lot.id: lot for lot in stock.books.lots[key].values()}
    for lot_id, taken in await cursor.fetchall():
        part = min(left, taken)
        if part > 0:
            stock.books.give_back(posting, lots[lot_id], part, source=Account.PRODUCTION, tags=tags)
            left -= part
    if left > 0:  # it had been short, and was settled by something that came later
        stock.books.add(
            posting,
            key,
            left,
            source=Account.PRODUCTION,
            place=Place(location_id),
            at=stock.now,
            tags=tags,
        )


def _posting(work: _Work, kind: PostingKind, now: datetime, pieces: Decimal) -> Posting:
    return Posting(
        site_id=work.site_id,
        kind=kind,
        actor=_ACTOR,
        occurred_at=now,
        reason=f"{pieces.normalize():+f} pieces of {work.number}",
    )


async def _note(
    connection: Connection, works: Sequence[_Work], parts: dict[int, list[_Component]]
) -> None:
    """Write down what is booked now."""
    if not works:
        return
    await connection.execute(
        """
        UPDATE work_order_stock s SET produced = n.produced, pieces = n.pieces
        FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[]) AS n (id, produced, pieces)
        WHERE s.work_order_id = n.id
        """,
        (
            [work.id for work in works],
            [work.good for work in works],
            [work.good + work.scrap for work in works],
        ),
    )
    rows = [
        (work.id, part.item_id, part.by_bill(work.good + work.scrap))
        for work in works
        for part in parts[work.id]
    ]
    if rows:
        await connection.execute(
            """
            UPDATE work_order_components c SET consumed = n.consumed
            FROM unnest(%s::bigint[], %s::integer[], %s::numeric[]) AS n (work, item, consumed)
            WHERE c.work_order_id = n.work AND c.item_id = n.item
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )
