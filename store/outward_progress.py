"""How far orders are, and who goes short, as subscribers have been told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from contracts.outward import LineProgress, OrderProgressed, StockShortage
from store.database import Connection
from store.inventory import shortages

_LATER: Final = timedelta(hours=1)
"""Supplies that come later by less than this are not told again."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told of an order or an item."""

    order_id: int = 0
    site_id: int | None
    number: str
    data: dict[str, Any]


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    site_id: int
    number: str
    customer: str
    customer_reference: str | None
    external_source: str | None
    external_id: str | None


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    order_id: int
    line: int
    item: str
    state: str
    quantity: Decimal
    unit: str
    good: Decimal
    scrap: int


async def produced(connection: Connection, order_ids: Collection[int]) -> list[Told]:
    """Which of these orders are produced, and were not told so; noted with it.

    One that is in production again, because more was asked for, is told again when it is produced.
    """
    if not order_ids:
        return []
    ids = sorted(order_ids)
    await connection.execute(
        """
        UPDATE progress_told t SET produced = false FROM orders o
        WHERE o.id = t.order_id AND t.order_id = ANY(%s) AND t.produced AND o.state <> 'produced'
        """,
        (ids,),
    )
    cursor = await connection.execute(
        """
        INSERT INTO progress_told AS t (order_id, good, scrap, produced, told_at)
        SELECT o.id, sum(l.good_quantity), sum(l.scrap_pieces), true, now()
        FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.state <> 'cancelled'
        WHERE o.id = ANY(%s) AND o.state = 'produced'
        GROUP BY o.id ORDER BY o.id
        ON CONFLICT (order_id) DO UPDATE SET good = excluded.good, scrap = excluded.scrap,
            produced = true, told_at = excluded.told_at
        WHERE NOT t.produced
        RETURNING order_id
        """,
        (ids,),
    )
    return await _told(connection, [row[0] for row in await cursor.fetchall()])


async def progressed(
    connection: Connection, *, now: datetime, every: timedelta, at_once: int
) -> list[Told]:
    """Orders in production of which more was made than was told; noted with it.

    An order is told again after `every` at the earliest. Its last pieces are told by `produced`.
    """
    cursor = await connection.execute(
        """
        INSERT INTO progress_told AS t (order_id, good, scrap, told_at)
        SELECT n.order_id, n.good, n.scrap, %(now)s
        FROM (
            SELECT o.id AS order_id, sum(l.good_quantity) AS good, sum(l.scrap_pieces) AS scrap
            FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.state <> 'cancelled'
            WHERE o.state = 'in_production' GROUP BY o.id
        ) n LEFT JOIN progress_told p USING (order_id)
        WHERE (n.good, n.scrap) IS DISTINCT FROM (coalesce(p.good, 0), coalesce(p.scrap, 0))
          AND (p.told_at IS NULL OR p.told_at <= %(before)s)
        ORDER BY n.order_id LIMIT %(at_once)s
        ON CONFLICT (order_id) DO UPDATE SET good = excluded.good, scrap = excluded.scrap,
            told_at = excluded.told_at
        RETURNING order_id
        """,
        {"now": now, "before": now - every, "at_once": at_once},
    )
    return await _told(connection, [row[0] for row in await cursor.fetchall()])


async def _told(connection: Connection, order_ids: Sequence[int]) -> list[Told]:
    if not order_ids:
        return []
    heads = connection.cursor(row_factory=class_row(_Order))
    await heads.execute(
        """
        SELECT o.id, o.site_id, o.number, c.code AS customer, o.customer_reference,
               o.external_source, o.external_id
        FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = ANY(%s) ORDER BY o.id
        """,
        (list(order_ids),),
    )
    cursor = connection.cursor(row_factory=class_row(_Line))
    await cursor.execute(
        """
        SELECT l.order_id, l.number AS line, i.code AS item, l.state, l.quantity, l.unit,
               l.good_quantity AS good, l.scrap_pieces AS scrap
        FROM order_lines l JOIN items i ON i.id = l.item_id
        WHERE l.order_id = ANY(%s) AND l.state <> 'cancelled' ORDER BY l.order_id, l.number
        """,
        (list(order_ids),),
    )
    lines: dict[int, list[LineProgress]] = defaultdict(list)
    async for row in cursor:
        fields = msgspec.structs.asdict(row)
        lines[fields.pop("order_id")].append(LineProgress(**fields))
    return [
        Told(
            order_id=head.id,
            site_id=head.site_id,
            number=head.number,
            data=msgspec.to_builtins(
                OrderProgressed(
                    order=head.number,
                    customer=head.customer,
                    customer_reference=head.customer_reference,
                    external_source=head.external_source,
                    external_id=head.external_id,
                    lines=lines[head.id],
                )
            ),
        )
        for head in await heads.fetchall()
    ]


async def new_shortages(connection: Connection, *, now: datetime) -> list[Told]:
    """Shortages that are new, or worse than was told; noted with it.

    Worse: more is missing, or it comes more than an hour later. One that is over is forgotten, and
    told again when it comes back.
    """
    found = {one.reservation: one for one in await shortages.shortages(connection, now=now)}
    cursor = await connection.execute(
        "DELETE FROM shortages_told WHERE NOT reservation_id = ANY(%s)", (sorted(found),)
    )
    cursor = await connection.execute(
        "SELECT reservation_id, missing, comes_at FROM shortages_told"
    )
    known = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
    worse = [one for id_, one in found.items() if _is_worse(one, known.get(id_))]
    if not worse:
        return []
    await connection.execute(
        """
        INSERT INTO shortages_told (reservation_id, missing, comes_at, told_at)
        SELECT n.id, n.missing, n.comes_at, %s
        FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[]) AS n (id, missing, comes_at)
        JOIN reservations r ON r.id = n.id
        ON CONFLICT (reservation_id) DO UPDATE SET missing = excluded.missing,
            comes_at = excluded.comes_at, told_at = excluded.told_at
        """,
        (
            now,
            [one.reservation for one in worse],
            [one.missing for one in worse],
            [one.comes_at for one in worse],
        ),
    )
    cursor = await connection.execute("SELECT code, id FROM sites")
    sites: dict[str, int] = dict(await cursor.fetchall())
    return [
        Told(
            site_id=sites[one.site],
            number=one.item,
            data=msgspec.to_builtins(
                StockShortage(
                    item=one.item,
                    unit=one.unit,
                    work_order=one.work_order,
                    order=one.order,
                    needed=one.needed,
                    missing=one.missing,
                    need_at=one.need_at,
                    comes_at=one.comes_at,
                )
            ),
        )
        for one in worse
    ]


def _is_worse(now: shortages.ShortageRow, told: tuple[Decimal, datetime | None] | None) -> bool:
    if told is None:
        return True
    missing, comes_at = told
    if now.missing > missing:
        return True
    if now.comes_at is None or comes_at is None:
        return now.comes_at is None and comes_at is not None
    return now.comes_at > comes_at + _LATER
