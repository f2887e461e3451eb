"""Shipments by hand: their rows, carriers' words, and the stock that leaves and comes back.

Whoever calls has locked the order's row: devices' moves of the same order wait for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from domain.dispatch import CarrierStatus, LineDelivery, Part, line_delivery, still_to_issue
from domain.inventory.books import Key, Place, Tags
from domain.inventory.words import Account, PostingKind, StockStatus
from domain.shipping import ShipmentState
from store.audit import Actor
from store.database import Connection
from store.inventory import movements
from store.inventory.stock import MAIN, Posting, Stock, locations

_ZERO = Decimal(0)


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """An order's line, as far as shipping is concerned. `site_id`: where its goods leave."""

    id: int
    number: int
    item_id: int
    item: str
    site_id: int
    unit: str
    quantity: Decimal
    state: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment without its lines."""

    number: int
    state: str
    by_hand: bool
    carrier: str | None
    tracking_number: str | None
    expected_at: datetime | None
    carrier_status: str | None
    carrier_at: datetime | None
    picking_ms: int | None
    packed_ms: int | None
    shipped_ms: int | None
    delivered_ms: int | None
    version: int


class CarrierEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A carrier's word, by its own time."""

    status: CarrierStatus
    at: datetime
    place: str | None = None
    detail: str | None = None
    expected_at: datetime | None = None
    reference: str | None = None


async def lines_of(connection: Connection, order_id: int) -> list[OrderLine]:
    """An order's lines by number."""
    cursor = connection.cursor(row_factory=class_row(OrderLine))
    await cursor.execute(
        """
        SELECT l.id, l.number, l.item_id, i.code AS item, coalesce(l.site_id, o.site_id) AS site_id,
               l.unit, l.quantity, l.state
        FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN items i ON i.id = l.item_id
        WHERE l.order_id = %s ORDER BY l.number
        """,
        (order_id,),
    )
    return await cursor.fetchall()


async def heads(connection: Connection, order_id: int) -> dict[int, Head]:
    """An order's shipments by number, made of moves or by hand."""
    cursor = connection.cursor(row_factory=class_row(Head))
    await cursor.execute(
        """
        SELECT number, state, by_hand, carrier, tracking_number, expected_at, carrier_status,
               carrier_at, picking_ms, packed_ms, shipped_ms, delivered_ms, version
        FROM shipments WHERE order_id = %s ORDER BY number
        """,
        (order_id,),
    )
    return {row.number: row for row in await cursor.fetchall()}


async def parts(connection: Connection, order_id: int) -> dict[int, tuple[Part, ...]]:
    """The lines of an order's shipments, by the shipment's number."""
    cursor = await connection.execute(
        """
        SELECT s.number, l.number, s.planned, s.picked, s.packed, s.shipped, s.returned
        FROM shipment_lines s JOIN order_lines l ON l.id = s.order_line_id
        WHERE s.order_id = %s ORDER BY s.number, l.number
        """,
        (order_id,),
    )
    found: dict[int, list[Part]] = defaultdict(list)
    for number, line, planned, picked, packed, shipped, returned in await cursor.fetchall():
        found[number].append(
            Part(
                line=line,
                planned=planned,
                picked=picked,
                packed=packed,
                shipped=shipped,
                returned=returned,
            )
        )
    return {number: tuple(some) for number, some in found.items()}


async def insert(
    connection: Connection,
    order_id: int,
    *,
    number: int,
    planned: Mapping[int, Decimal],
    carrier: str | None,
    tracking_number: str | None,
    expected_at: datetime | None,
    device: str,
) -> None:
    """A new shipment by hand; `planned` by order line id."""
    await connection.execute(
        """
        INSERT INTO shipments (order_id, number, state, device, by_hand, carrier, tracking_number,
                               expected_at)
        VALUES (%s, %s, 'picking', %s, true, %s, %s, %s)
        """,
        (order_id, number, device, carrier, tracking_number, expected_at),
    )
    await connection.execute(
        """
        INSERT INTO shipment_lines
            (order_id, number, order_line_id, planned, picked, packed, shipped)
        SELECT %s, %s, n.line_id, n.planned, 0, 0, 0
        FROM unnest(%s::bigint[], %s::numeric[]) AS n (line_id, planned)
        """,
        (order_id, number, list(planned), list(planned.values())),
    )


async def write(
    connection: Connection,
    order_id: int,
    number: int,
    *,
    state: ShipmentState,
    after: Sequence[Part],
    at_ms: int,
) -> None:
    """A shipment after a step, a return or a carrier's word; each state's first time stays."""
    await connection.execute(
        """
        UPDATE shipments SET state = %(state)s, version = version + 1,
            picking_ms = coalesce(picking_ms, CASE WHEN %(picked)s THEN %(at)s::bigint END),
            packed_ms = coalesce(packed_ms, CASE WHEN %(state)s <> 'picking' THEN %(at)s::bigint
                                            END),
            shipped_ms = coalesce(shipped_ms, CASE WHEN %(state)s IN ('shipped', 'delivered')
                                              THEN %(at)s::bigint END),
            delivered_ms = coalesce(delivered_ms, CASE WHEN %(state)s = 'delivered'
                                                  THEN %(at)s::bigint END)
        WHERE order_id = %(order)s AND number = %(number)s
        """,
        {
            "state": state.value,
            "picked": any(part.picked for part in after),
            "at": at_ms,
            "order": order_id,
            "number": number,
        },
    )
    await connection.execute(
        """
        UPDATE shipment_lines s
        SET picked = n.picked, packed = n.packed, shipped = n.shipped, returned = n.returned
        FROM unnest(%s::integer[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[])
            AS n (line, picked, packed, shipped, returned)
        JOIN order_lines l ON l.number = n.line
        WHERE l.order_id = %s AND s.order_id = l.order_id AND s.number = %s
          AND s.order_line_id = l.id
        """,
        (
            [part.line for part in after],
            [part.picked for part in after],
            [part.packed for part in after],
            [part.shipped for part in after],
            [part.returned for part in after],
            order_id,
            number,
        ),
    )
    await connection.execute("UPDATE orders SET changed_at = now() WHERE id = %s", (order_id,))


async def name_carrier(
    connection: Connection,
    order_id: int,
    number: int,
    *,
    carrier: str | None,
    tracking_number: str | None,
    expected_at: datetime | None,
) -> None:
    """Say who carries a shipment; what is None stays."""
    await connection.execute(
        """
        UPDATE shipments SET carrier = coalesce(%s, carrier),
            tracking_number = coalesce(%s, tracking_number),
            expected_at = coalesce(%s, expected_at), version = version + 1
        WHERE order_id = %s AND number = %s
        """,
        (carrier, tracking_number, expected_at, order_id, number),
    )


async def hear(
    connection: Connection, order_id: int, number: int, event: CarrierEvent, *, told_by: str
) -> bool:
    """Keep a carrier's word; False: it was known. The newest by its own time is the shipment's."""
    cursor = await connection.execute(
        """
        INSERT INTO carrier_events
            (order_id, number, status, at, place, detail, expected_at, reference, told_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (order_id, number, status, at, reference) DO NOTHING RETURNING id
        """,
        (
            order_id,
            number,
            event.status.value,
            event.at,
            event.place,
            event.detail,
            event.expected_at,
            event.reference,
            told_by,
        ),
    )
    if await cursor.fetchone() is None:
        return False
    await connection.execute(
        """
        UPDATE shipments SET carrier_status = %(status)s, carrier_at = %(at)s,
            expected_at = coalesce(%(expected)s, expected_at), version = version + 1
        WHERE order_id = %(order)s AND number = %(number)s
          AND (carrier_at IS NULL OR carrier_at <= %(at)s)
        """,
        {
            "status": event.status.value,
            "at": event.at,
            "expected": event.expected_at,
            "order": order_id,
            "number": number,
        },
    )
    return True


async def words(
    connection: Connection, order_id: int, number: int
) -> list[tuple[CarrierEvent, str]]:
    """A shipment's carrier events, oldest first, each with who told it."""
    cursor = await connection.execute(
        """
        SELECT status, at, place, detail, expected_at, reference, told_by FROM carrier_events
        WHERE order_id = %s AND number = %s ORDER BY at, id
        """,
        (order_id, number),
    )
    return [
        (
            CarrierEvent(
                status=CarrierStatus(status),
                at=at,
                place=place,
                detail=detail,
                expected_at=expected_at,
                reference=reference,
            ),
            told_by,
        )
        for status, at, place, detail, expected_at, reference, told_by in await cursor.fetchall()
    ]


async def told_by_hand(connection: Connection, order_id: int, item_id: int) -> Decimal:
    """How much of an order's item people have shipped."""
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(s.shipped), 0)
        FROM shipment_lines s
        JOIN shipments h USING (order_id, number)
        JOIN order_lines l ON l.id = s.order_line_id
        WHERE s.order_id = %s AND l.item_id = %s AND h.by_hand
        """,
        (order_id, item_id),
    )
    row = await cursor.fetchone()
    return row[0] if row else _ZERO


async def told_by_devices(connection: Connection, order_id: int, item_id: int) -> Decimal:
    """How much of an order's item devices have shipped, as far as stock has been told."""
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(g.quantity), 0)
        FROM goods_moves g
        JOIN items i ON i.code = g.item
        JOIN stock_moves m ON m.publisher_id = g.publisher_id AND m.seq = g.seq
        WHERE g.order_id = %s AND g.unmatched IS NULL AND g.event = 'shipped' AND i.id = %s
          AND m.posting_id IS NOT NULL
        """,
        (order_id, item_id),
    )
    row = await cursor.fetchone()
    return row[0] if row else _ZERO


async def issue(
    connection: Connection,
    order_id: int,
    leaving: Sequence[tuple[OrderLine, Decimal]],
    *,
    reference: str,
    actor: Actor,
    now: datetime,
    insist: bool,
) -> None:
    """Take what leaves from stock, less what devices have taken already. Before `write`.

    Raises:
        ConflictError: it is not there, or others have it reserved, and nobody insists.
    """
    by_item: dict[int, list[tuple[OrderLine, Decimal]]] = defaultdict(list)
    for line, quantity in leaving:
        if quantity:
            by_item[line.item_id].append((line, quantity))
    at_site: dict[int, list[movements.Line]] = defaultdict(list)
    for item_id, some in sorted(by_item.items()):
        told = await told_by_hand(connection, order_id, item_id)
        others = await told_by_devices(connection, order_id, item_id)
        left = still_to_issue(told, others, sum((quantity for _, quantity in some), _ZERO))
        for line, quantity in some:
            part = min(left, quantity)
            left -= part
            if part > 0:
                at_site[line.site_id].append(
                    movements.Line(
                        item_id=item_id, item=line.item, quantity=part, order_line_ids=(line.id,)
                    )
                )
    if len(at_site) > 1:  # all that will be locked is locked at once
        keys = [Key(line.item_id, site_id) for site_id, some in at_site.items() for line in some]
        await Stock.lock(connection, keys, now=now, lots=False)
    for site_id, lines in sorted(at_site.items()):
        posting = Posting(
            site_id=site_id,
            kind=PostingKind.SHIPMENT,
            actor=actor,
            occurred_at=now,
            reason=f"shipment {reference}",
        )
        await movements.issue(connection, posting, lines, target=Account.CUSTOMER, insist=insist)


async def take_back(
    connection: Connection,
    returning: Sequence[tuple[OrderLine, Decimal]],
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    location: str | None,
) -> None:
    """Bring goods back from the customer; they wait for an inspection."""
    at_site: dict[int, list[tuple[OrderLine, Decimal]]] = defaultdict(list)
    for line, quantity in returning:
        at_site[line.site_id].append((line, quantity))
    keys = [Key(line.item_id, line.site_id) for line, _ in returning]
    stock = await Stock.lock(connection, keys, now=now)
    for site_id, some in sorted(at_site.items()):
        place = (await locations(connection, site_id, {location or MAIN}))[location or MAIN]
        number = stock.post(
            Posting(
                site_id=site_id,
                kind=PostingKind.RETURN,
                actor=actor,
                occurred_at=now,
                reason=reason,
            )
        )
        for line, quantity in some:
            stock.books.add(
                number,
                Key(line.item_id, site_id),
                quantity,
                source=Account.CUSTOMER,
                place=Place(place, "", StockStatus.QUALITY),
                at=now,
                tags=Tags(order_line_id=line.id),
            )
    await stock.save()


async def line_states(connection: Connection, order_id: int) -> dict[int, LineDelivery]:
    """Where an order's lines are, by line number; cancelled ones are left out."""
    cursor = await connection.execute(
        """
        SELECT l.number, l.quantity, coalesce(sum(s.shipped), 0),
               coalesce(sum(s.shipped - s.returned) FILTER (WHERE h.state = 'delivered'), 0),
               coalesce(sum(s.returned), 0)
        FROM order_lines l
        LEFT JOIN (shipment_lines s JOIN shipments h USING (order_id, number))
            ON s.order_line_id = l.id
        WHERE l.order_id = %s AND l.state <> 'cancelled'
        GROUP BY l.id ORDER BY l.number
        """,
        (order_id,),
    )
    return {
        number: line_delivery(quantity, shipped=shipped, delivered=delivered, returned=returned)
        for number, quantity, shipped, delivered, returned in await cursor.fetchall()
    }
