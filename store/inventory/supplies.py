"""What comes and what is promised, by date: the rows behind the projection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from domain.inventory.available import Balance, Change, project
from domain.inventory.books import Key
from domain.inventory.expiring import leaving
from domain.inventory.words import SupplyKind
from store.database import Connection

# A work order's output and a purchase are free as far as nobody has a peg on them. Output comes
# when the projection, else the plan in force, else its own due date says; one of which nobody knows
# when it ends promises nothing.
_SUPPLIES: Final = """
WITH k AS (
    SELECT * FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
)
SELECT r.item_id, r.site_id, 'reservation', r.need_at, -sum(r.quantity - r.consumed),
       min(r.id)::text
FROM k JOIN reservations r USING (item_id, site_id)
WHERE r.state = 'open' AND r.kind = 'soft' AND (r.expires_at IS NULL OR r.expires_at > %(now)s)
GROUP BY r.item_id, r.site_id, r.need_at
UNION ALL
SELECT p.item_id, p.site_id, 'purchase', p.due_at,
       p.quantity - p.received - coalesce(pegged.quantity, 0), q.number
FROM k JOIN purchase_lines p USING (item_id, site_id) JOIN purchases q ON q.id = p.purchase_id
LEFT JOIN LATERAL (
    SELECT sum(g.quantity) AS quantity FROM pegs g WHERE g.purchase_line_id = p.id
) pegged ON true
WHERE NOT p.closed AND p.quantity - p.received > coalesce(pegged.quantity, 0)
UNION ALL
SELECT w.item_id, w.site_id, 'work_order', w.at, w.quantity, w.number
FROM (
    SELECT k.item_id, k.site_id, w.number,
           coalesce(to_timestamp(j.end_ms / 1000.0), to_timestamp(plan.end_ms / 1000.0), w.due_at)
               AS at,
           greatest(coalesce(last.quantity, w.quantity_ordered, 0) - last.good_pieces, 0)
               - coalesce(pegged.quantity, 0) AS quantity
    FROM k
    JOIN work_orders w ON w.item_id = k.item_id AND w.site_id = k.site_id
        AND w.cancelled_at IS NULL AND w.planned AND w.closing IS DISTINCT FROM 'stop'
    JOIN LATERAL (
        SELECT o.id, o.state, o.quantity, o.good_pieces FROM operations o
        WHERE o.work_order_id = w.id ORDER BY o.number DESC LIMIT 1
    ) last ON last.state NOT IN ('completed', 'aborted', 'cancelled')
    LEFT JOIN operation_projections j ON j.operation_id = last.id
    LEFT JOIN LATERAL (
        SELECT a.end_ms FROM plan_operations a JOIN plans b ON b.id = a.plan_id
        WHERE a.operation_id = last.id AND b.state = 'published' LIMIT 1
    ) plan ON true
    LEFT JOIN LATERAL (
        SELECT sum(greatest(g.quantity - g.made, 0)) AS quantity
        FROM pegs g LEFT JOIN order_lines l ON l.id = g.order_line_id
        WHERE g.work_order_id = w.id AND l.state IS DISTINCT FROM 'cancelled'
    ) pegged ON true
) w
WHERE w.at IS NOT NULL AND w.quantity > 0
"""


# Lots of items that have dated ones (a null moment: it does not leave), and what is held hard of
# them. What has expired by now is nobody's already (`free`).
_LEAVING: Final = """
WITH k AS (
    SELECT h.item_id, h.site_id, s.time_zone, h.shortfall
    FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
    JOIN stock_heads h USING (item_id, site_id) JOIN sites s ON s.id = h.site_id
    WHERE h.expires_at IS NOT NULL
)
SELECT item_id, site_id, 'short', NULL, shortfall FROM k
UNION ALL
SELECT k.item_id, k.site_id, 'lot', (l.expires_on + 1)::timestamp AT TIME ZONE k.time_zone,
       sum(l.quantity)
FROM k JOIN stock_lots l USING (item_id, site_id)
WHERE l.status = 'available' AND l.quantity > 0
  AND (l.expires_on IS NULL OR l.expires_on >= (%(now)s AT TIME ZONE k.time_zone)::date)
GROUP BY k.item_id, k.site_id, k.time_zone, l.expires_on
UNION ALL
SELECT r.item_id, r.site_id, 'held', r.need_at, sum(r.quantity - r.consumed)
FROM k JOIN reservations r USING (item_id, site_id)
WHERE r.state = 'open' AND r.kind = 'hard' AND (r.expires_at IS NULL OR r.expires_at > %(now)s)
GROUP BY r.item_id, r.site_id, r.need_at
"""


class Held(NamedTuple):
    """What is reserved hard and not written yet."""

    key: Key
    need_at: datetime
    quantity: Decimal


async def changes(
    connection: Connection, keys: Iterable[Key], *, now: datetime, unwritten: Sequence[Held] = ()
) -> dict[Key, list[Change]]:
    """Supplies, soft reservations and expiries of items, by item and site.

    Args:
        connection: of the database; reads only.
        keys: which items at which sites.
        now: the moment.
        unwritten: what is reserved hard besides what the database has: it has its lots.
    """
    wanted = sorted(set(keys))
    parameters = {
        "items": [key.item_id for key in wanted],
        "sites": [key.site_id for key in wanted],
        "now": now,
    }
    cursor = await connection.execute(_SUPPLIES, parameters)
    found: dict[Key, list[Change]] = defaultdict(list)
    for item_id, site_id, kind, at, quantity, reference in await cursor.fetchall():
        found[Key(item_id, site_id)].append(
            Change(at=at, quantity=quantity, kind=SupplyKind(kind), reference=reference)
        )
    cursor = await connection.execute(_LEAVING, parameters)
    for key, expiries in _expiries(await cursor.fetchall(), unwritten).items():
        found[key] += expiries
    return found


def _expiries(
    rows: Sequence[tuple[int, int, str, datetime | None, Decimal]], unwritten: Sequence[Held]
) -> dict[Key, list[Change]]:
    """What of an item's free stock leaves when, by item and site."""
    lots: dict[Key, list[tuple[datetime | None, Decimal]]] = defaultdict(list)
    held: dict[Key, list[tuple[datetime, Decimal]]] = defaultdict(list)
    short: dict[Key, Decimal] = {}
    for one in unwritten:
        held[one.key].append((one.need_at, one.quantity))
    for item_id, site_id, what, at, quantity in rows:
        key = Key(item_id, site_id)
        if what == "lot":
            lots[key].append((at, quantity))
        elif what == "held" and at is not None:
            held[key].append((at, quantity))
        else:
            short[key] = quantity
    return {
        key: [
            Change(at=at, quantity=-quantity, kind=SupplyKind.EXPIRY)
            for at, quantity in leaving(lots[key], held[key], short=shortfall).items()
        ]
        for key, shortfall in short.items()
    }


async def free(connection: Connection, keys: Iterable[Key], *, now: datetime) -> dict[Key, Decimal]:
    """What is there and not reserved hard, by item and site; what has expired does not count."""
    wanted = sorted(set(keys))
    cursor = await connection.execute(
        """
        SELECT h.item_id, h.site_id, h.available - h.hard_reserved - h.shortfall + coalesce((
            SELECT sum(r.quantity - r.consumed) FROM reservations r
            WHERE r.item_id = h.item_id AND r.site_id = h.site_id AND r.state = 'open'
              AND r.kind = 'hard' AND r.expires_at <= %(now)s), 0)
            - CASE WHEN h.expires_at <= %(now)s THEN expired_stock(h.item_id, h.site_id, %(now)s)
                   ELSE 0 END
        FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
        JOIN stock_heads h USING (item_id, site_id)
        """,
        {
            "items": [key.item_id for key in wanted],
            "sites": [key.site_id for key in wanted],
            "now": now,
        },
    )
    found = {Key(item, site): quantity for item, site, quantity in await cursor.fetchall()}
    return {key: found.get(key, Decimal(0)) for key in wanted}


async def available_to_promise(connection: Connection, key: Key, *, now: datetime) -> list[Balance]:
    """The projection of an item at a site, from now on; nothing is locked."""
    there = await free(connection, [key], now=now)
    coming = await changes(connection, [key], now=now)
    return project(there[key], coming.get(key, ()), now)
