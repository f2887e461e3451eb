"""What machines' reports are reckoned with: how time is classed, and what pieces cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from domain.reports.machine_time import MicroStops
from store.database import Connection


async def put_policy(
    connection: Connection,
    site_id: int,
    *,
    micro_stop_ms: int,
    micro_stops: MicroStops,
    recorded_by: str,
) -> None:
    """Enter how a site classes micro-stops; its shifts are reckoned again where that differs."""
    cursor = await connection.execute(
        "SELECT micro_stop_ms FROM report_time_policies WHERE site_id = %s"
        " ORDER BY id DESC LIMIT 1",
        (site_id,),
    )
    before = await cursor.fetchone()
    await connection.execute(
        """
        INSERT INTO report_time_policies (site_id, micro_stop_ms, micro_stops, recorded_by)
        VALUES (%s, %s, %s, %s)
        """,
        (site_id, micro_stop_ms, micro_stops.value, recorded_by),
    )
    if before != (micro_stop_ms,):
        await connection.execute(
            """
            INSERT INTO report_machine_notes (machine_id, since_ms)
            SELECT s.machine_id, min(s.from_ms)
            FROM report_machine_shifts s JOIN machines m ON m.id = s.machine_id
            WHERE m.site_id = %s AND s.superseded_at IS NULL
            GROUP BY s.machine_id ORDER BY s.machine_id
            """,
            (site_id,),
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece of an item costs from a day on; None: it is not known."""

    item: str
    site: str | None
    valid_from: date
    currency: str
    cost: Decimal | None
    recorded_at: datetime
    recorded_by: str


class NewCost(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to add."""

    item_id: int
    site_id: int | None
    valid_from: date
    currency: str
    cost: Decimal | None


async def item_costs(
    connection: Connection, *, as_of: datetime | None = None, item: str | None = None
) -> list[Cost]:
    """The entries that hold: of each item, site and day the one recorded last before a moment."""
    cursor = connection.cursor(row_factory=class_row(Cost))
    await cursor.execute(
        """
        SELECT * FROM (
            SELECT DISTINCT ON (c.item_id, c.site_id, c.valid_from) i.code AS item, s.code AS site,
                   c.valid_from, c.currency, c.cost, c.recorded_at, c.recorded_by
            FROM item_costs c JOIN items i ON i.id = c.item_id
            LEFT JOIN sites s ON s.id = c.site_id
            WHERE (%(as_of)s::timestamptz IS NULL OR c.recorded_at <= %(as_of)s)
              AND (%(item)s::text IS NULL OR i.code = %(item)s)
            ORDER BY c.item_id, c.site_id, c.valid_from, c.id DESC) newest
        ORDER BY item COLLATE "C", site COLLATE "C" NULLS FIRST, valid_from
        """,
        {"as_of": as_of, "item": item},
    )
    return await cursor.fetchall()


async def item_ids(connection: Connection, codes: Sequence[str]) -> dict[str, int]:
    """The ids of items that there are."""
    cursor = await connection.execute(
        "SELECT code, id FROM items WHERE code = ANY(%s)", (list(codes),)
    )
    return dict(await cursor.fetchall())


async def add_costs(connection: Connection, new: Sequence[NewCost], *, recorded_by: str) -> None:
    """Add entries, in their order."""
    await connection.execute(
        """
        INSERT INTO item_costs (item_id, site_id, valid_from, currency, cost, recorded_by)
        SELECT item, site, valid_from, currency, cost, %s
        FROM unnest(%s::integer[], %s::integer[], %s::date[], %s::text[], %s::numeric[])
            WITH ORDINALITY AS t (item, site, valid_from, currency, cost, nth) ORDER BY nth
        """,
        (
            recorded_by,
            [each.item_id for each in new],
            [each.site_id for each in new],
            [each.valid_from for each in new],
            [each.currency for each in new],
            [each.cost for each in new],
        ),
    )
