"""What released work orders lack, and when it comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.inventory import shortages as dealing
from domain.inventory.books import Key
from domain.inventory.shortages import Demand, Supply
from domain.inventory.words import SupplyKind
from store.database import Connection
from store.filters import Filters
from store.inventory import supplies


class ShortageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody goes short of an item.

    Attributes:
        needed, missing: in the item's unit; `missing` is what is not there by `need_at`.
        comes_at: when the last of it comes; None: nothing that is known brings it.
        from_: what brings it.
        expiring: how much of `missing` lies there now and will have expired by then.
    """

    key: Key
    site: str
    item: str
    item_name: str
    unit: str
    work_order_id: int | None
    work_order: str | None
    order: str | None
    reservation: int
    needed: Decimal
    missing: Decimal
    need_at: datetime
    comes_at: datetime | None
    from_: tuple[str, ...]
    expiring: Decimal


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """An open proposal to order or make an item."""

    id: int
    kind: str
    quantity: Decimal
    order_by: datetime


class _Need(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    item_id: int
    item: str
    item_name: str
    unit: str
    site_id: int
    site: str
    work_order_id: int | None
    work_order: str | None
    order: str | None
    quantity: Decimal
    need_at: datetime


async def shortages(
    connection: Connection,
    *,
    now: datetime,
    site: str | None = None,
    item: str | None = None,
    work_order: str | None = None,
    limited_to: Collection[str] = (),
) -> list[ShortageRow]:
    """Every soft need that stock and supplies do not cover in time, by date of need.

    Needs are the components of released work orders and what was promised softly; they are dealt
    with in order of need, whoever is asked for. What will have expired by then covers none.
    """
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.limit_to_sites(limited_to)
    filters.add(
        "r.state = 'open' AND r.kind = 'soft' AND (r.expires_at IS NULL OR r.expires_at > %(now)s)",
        now=now,
    )
    cursor = connection.cursor(row_factory=class_row(_Need))
    await cursor.execute(
        sql.SQL(
            """
            SELECT r.id, r.item_id, i.code AS item, i.name AS item_name, i.unit, r.site_id,
                   s.code AS site, r.work_order_id, w.number AS work_order, o.number AS order,
                   r.quantity - r.consumed AS quantity, r.need_at
            FROM reservations r
            JOIN items i ON i.id = r.item_id
            JOIN sites s ON s.id = r.site_id
            LEFT JOIN work_orders w ON w.id = r.work_order_id
            LEFT JOIN order_lines l ON l.id = r.order_line_id
            LEFT JOIN orders o ON o.id = l.order_id
            """
        )
        + filters.where,
        filters.parameters,
    )
    needs: dict[Key, list[_Need]] = defaultdict(list)
    for row in await cursor.fetchall():
        needs[Key(row.item_id, row.site_id)].append(row)
    free = await supplies.free(connection, needs, now=now)
    coming = await supplies.changes(connection, needs, now=now)
    found: list[ShortageRow] = []
    for key, rows in needs.items():
        by_id = {row.id: row for row in rows}
        short = dealing.shortages(
            free[key],
            [Demand(id=row.id, at=max(row.need_at, now), quantity=row.quantity) for row in rows],
            [
                Supply(at=max(one.at, now), quantity=one.quantity, reference=one.reference)
                for one in coming.get(key, ())
                if one.quantity > 0
            ],
            {one.at: -one.quantity for one in coming.get(key, ()) if one.kind is SupplyKind.EXPIRY},
        )
        for each in short:
            row = by_id[each.demand]
            if work_order is not None and row.work_order != work_order:
                continue
            found.append(
                ShortageRow(
                    key=key,
                    site=row.site,
                    item=row.item,
                    item_name=row.item_name,
                    unit=row.unit,
                    work_order_id=row.work_order_id,
                    work_order=row.work_order,
                    order=row.order,
                    reservation=row.id,
                    needed=row.quantity,
                    missing=each.missing,
                    need_at=row.need_at,
                    comes_at=each.comes_at,
                    from_=each.from_,
                    expiring=each.expiring,
                )
            )
    return sorted(found, key=lambda one: (one.need_at, one.reservation))


async def of_work_order(
    connection: Connection, site: str, number: str, *, now: datetime | None = None
) -> list[ShortageRow]:
    """What one work order lacks: for whoever releases it."""
    return await shortages(connection, now=now or datetime.now(UTC), site=site, work_order=number)


async def orders_behind(
    connection: Connection, work_order_ids: Collection[int]
) -> dict[int, list[str]]:
    """The orders that work orders are for, also by way of what is made of them, by work order."""
    cursor = await connection.execute(
        """
        WITH RECURSIVE above (work_order_id, id) AS (
            SELECT id, id FROM unnest(%s::bigint[]) AS w (id)
            UNION
            SELECT a.work_order_id, p.demand_work_order_id
            FROM above a JOIN pegs p ON p.work_order_id = a.id
            WHERE p.demand_work_order_id IS NOT NULL
        )
        SELECT DISTINCT a.work_order_id, o.number
        FROM above a JOIN pegs p ON p.work_order_id = a.id
        JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        WHERE l.state <> 'cancelled' ORDER BY 1, 2
        """,
        (sorted(work_order_ids),),
    )
    found: dict[int, list[str]] = defaultdict(list)
    for work_order_id, number in await cursor.fetchall():
        found[work_order_id].append(number)
    return found


async def proposals(connection: Connection, keys: Iterable[Key]) -> dict[Key, Proposed]:
    """The open proposals for items at sites; there is one of each at most."""
    wanted = sorted(set(keys))
    cursor = await connection.execute(
        """
        SELECT p.item_id, p.site_id, p.id, p.kind, p.quantity, p.order_by
        FROM unnest(%s::integer[], %s::integer[]) AS k (item_id, site_id)
        JOIN replenishment_proposals p USING (item_id, site_id) WHERE p.state = 'open'
        """,
        ([key.item_id for key in wanted], [key.site_id for key in wanted]),
    )
    return {
        Key(item_id, site_id): Proposed(id=id_, kind=kind, quantity=quantity, order_by=order_by)
        for item_id, site_id, id_, kind, quantity, order_by in await cursor.fetchall()
    }
