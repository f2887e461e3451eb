"""Orders' shipments: kept up with the warehouse's moves, and as screens show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.live import DeliveryView
from domain import shipping
from domain.shipping import Portion, Shipment, ShipmentState, Total
from store import goods_moves, shipment_audit
from store.database import Connection
from store.live_times import rfc3339_ms

SHIPMENT_CHANGED: Final = "ShipmentChanged"
"""The event's word when goods move an order's shipments."""


class Reshipped(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose shipments were written. `told`: with an entry in the audit log."""

    order_id: int
    site: str
    version: int
    told: bool


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    site: str
    site_id: int
    version: int


async def ship(connection: Connection, order_ids: Collection[int]) -> list[Reshipped]:
    """Bring orders' shipments up to date with their moves; answers the orders that were written.

    Within the transaction that holds `store.goods_moves.lock`. Only what differs is written. Orders
    that are shipped by hand keep the shipments that people told (`domain.dispatch`).
    """
    orders = await _lock_orders(connection, order_ids)
    by_hand = await _by_hand(connection, [order.id for order in orders])
    orders = [order for order in orders if order.id not in by_hand]
    if not orders:
        return []
    ids = [order.id for order in orders]
    moves = await goods_moves.of_orders(connection, ids)
    lines = await goods_moves.order_lines(connection, ids)
    stored = await _stored(connection, ids)
    written = []
    for order in orders:
        before = stored.get(order.id, {})
        now = shipping.shipments(lines[order.id], moves[order.id])
        after = {each.number: _still_delivered(each, before.get(each.number)) for each in now}
        if after == before:
            continue
        await _write(connection, order.id, before, after)
        units = {line.id: line.unit for line in lines[order.id]}
        told = await shipment_audit.tell(
            connection,
            site_id=order.site_id,
            order_id=order.id,
            before=before,
            after=after,
            units=units,
        )
        written.append(
            Reshipped(order_id=order.id, site=order.site, version=order.version, told=told)
        )
    await connection.execute(
        "UPDATE orders SET changed_at = now() WHERE id = ANY(%s)",
        ([each.order_id for each in written if each.told],),
    )
    return written


async def deliveries(
    connection: Connection, order_ids: Collection[int]
) -> dict[int, list[DeliveryView]]:
    """Shipments by order, in order of their numbers; orders without one are left out.

    Quantities are of the lines that have the unit of the shipment's first line.
    """
    cursor = await connection.execute(
        DELIVERY_ROWS.format(orders=sql.SQL("%(orders)s")), {"orders": list(order_ids)}
    )
    return delivery_views(await cursor.fetchall())


DELIVERY_ROWS: Final = sql.SQL(
    """
    SELECT s.order_id, s.number, s.state, s.picking_ms, s.packed_ms, s.shipped_ms,
           s.delivered_ms, s.carrier, s.tracking_number, s.carrier_status,
           (extract(epoch FROM s.carrier_at) * 1000)::bigint AS carrier_ms,
           (extract(epoch FROM s.expected_at) * 1000)::bigint AS expected_ms,
           l.returned, l.picked, l.packed, l.shipped, o.unit
    FROM shipments s
    JOIN shipment_lines l USING (order_id, number)
    JOIN order_lines o ON o.id = l.order_line_id
    WHERE s.order_id = ANY({orders}) ORDER BY s.order_id, s.number, o.number
    """
)
"""A row per line of a shipment; `delivery_views` makes shipments of them."""


def delivery_views(told: Iterable[Sequence[Any]]) -> dict[int, list[DeliveryView]]:
    """Shipments by order from DELIVERY_ROWS."""
    rows: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for row in told:
        rows[row[0], row[1]].append(row[2:])  # what is the shipment's, then what is the line's
    found: dict[int, list[DeliveryView]] = defaultdict(list)
    for (order_id, number), some in rows.items():
        state, picking_ms, packed_ms, shipped_ms, delivered_ms = some[0][:5]
        carrier, tracking_number, carrier_status, carrier_ms, expected_ms = some[0][5:10]
        total = shipping.total([Total(*row[11:]) for row in some])
        view = DeliveryView(
            number=number,
            state=state,
            picked=float(total.picked),
            packed=float(total.packed),
            shipped=float(total.shipped),
            unit=total.unit,
            picking=rfc3339_ms(picking_ms),
            packed_at=rfc3339_ms(packed_ms),
            shipped_at=rfc3339_ms(shipped_ms),
            delivered_at=rfc3339_ms(delivered_ms),
            carrier=carrier,
            tracking_number=tracking_number,
            carrier_status=carrier_status,
            carrier_at=rfc3339_ms(carrier_ms),
            expected_at=rfc3339_ms(expected_ms),
            returned=float(sum(row[10] for row in some if row[14] == total.unit)),
        )
        found[order_id].append(view)
    return dict(found)


async def _lock_orders(connection: Connection, order_ids: Collection[int]) -> list[_Order]:
    async with connection.cursor(row_factory=class_row(_Order)) as cursor:
        await cursor.execute(
            """
            SELECT o.id, s.code AS site, s.id AS site_id, o.version
            FROM orders o JOIN sites s ON s.id = o.site_id
            WHERE o.id = ANY(%s) ORDER BY o.id FOR NO KEY UPDATE OF o
            """,
            (list(order_ids),),
        )
        return await cursor.fetchall()


async def _by_hand(connection: Connection, order_ids: Collection[int]) -> set[int]:
    """The orders that are shipped by hand. Their rows are locked: nobody begins meanwhile."""
    cursor = await connection.execute(
        "SELECT DISTINCT order_id FROM shipments WHERE order_id = ANY(%s) AND by_hand",
        (list(order_ids),),
    )
    return {row[0] for row in await cursor.fetchall()}


async def _stored(
    connection: Connection, order_ids: Collection[int]
) -> dict[int, dict[int, Shipment]]:
    """Shipments as they were written, by order and number."""
    cursor = await connection.execute(
        """
        SELECT l.order_id, l.number, l.order_line_id, l.picked, l.packed, l.shipped
        FROM shipment_lines l JOIN order_lines o ON o.id = l.order_line_id
        WHERE l.order_id = ANY(%s) ORDER BY o.number
        """,
        (list(order_ids),),
    )
    portions: dict[tuple[int, int], list[Portion]] = defaultdict(list)
    for order_id, number, line_id, picked, packed, shipped in await cursor.fetchall():
        portions[order_id, number].append(
            Portion(line_id=line_id, picked=picked, packed=packed, shipped=shipped)
        )
    cursor = await connection.execute(
        """
        SELECT order_id, number, state, picking_ms, packed_ms, shipped_ms, device
        FROM shipments WHERE order_id = ANY(%s)
        """,
        (list(order_ids),),
    )
    found: dict[int, dict[int, Shipment]] = defaultdict(dict)
    for (
        order_id,
        number,
        state,
        picking_ms,
        packed_ms,
        shipped_ms,
        device,
    ) in await cursor.fetchall():
        found[order_id][number] = Shipment(
            number=number,
            state=ShipmentState(state),
            portions=tuple(portions[order_id, number]),
            picking_ms=picking_ms,
            packed_ms=packed_ms,
            shipped_ms=shipped_ms,
            device=device,
        )
    return found


def _still_delivered(now: Shipment, before: Shipment | None) -> Shipment:
    """What a carrier has delivered stays so, whatever its warehouse says after."""
    if (
        before is not None
        and before.state is ShipmentState.DELIVERED
        and now.state is ShipmentState.SHIPPED
    ):
        return msgspec.structs.replace(now, state=ShipmentState.DELIVERED)
    return now


async def _write(
    connection: Connection,
    order_id: int,
    before: Mapping[int, Shipment],
    after: Mapping[int, Shipment],
) -> None:
    gone = sorted(before.keys() - after.keys())
    if gone:
        await connection.execute(
            "DELETE FROM shipments WHERE order_id = %s AND number = ANY(%s)", (order_id, gone)
        )
    changed = [each for number, each in after.items() if before.get(number) != each]
    numbers = [each.number for each in changed]
    await connection.execute(
        "DELETE FROM shipment_lines WHERE order_id = %s AND number = ANY(%s)", (order_id, numbers)
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO shipments AS s
                (order_id, number, state, picking_ms, packed_ms, shipped_ms, device)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (order_id, number) DO UPDATE
            SET state = excluded.state, picking_ms = excluded.picking_ms,
                packed_ms = excluded.packed_ms, shipped_ms = excluded.shipped_ms,
                device = excluded.device, version = s.version + 1,
                delivered_ms = CASE excluded.state WHEN 'delivered' THEN s.delivered_ms END
            """,
            [
                (
                    order_id,
                    each.number,
                    each.state.value,
                    each.picking_ms,
                    each.packed_ms,
                    each.shipped_ms,
                    each.device,
                )
                for each in changed
            ],
        )
        await cursor.executemany(
            """
            INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed, shipped)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            [
                (order_id, each.number, part.line_id, part.picked, part.packed, part.shipped)
                for each in changed
                for part in each.portions
            ],
        )
