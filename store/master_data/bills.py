"""What goes into an item at a site, by the bill of material that holds at a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec

from store.database import Connection

ItemAtSite: TypeAlias = tuple[int, int]


class ComponentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into one unit of an item.

    Attributes:
        item_id: the component.
        item: its code.
        unit: the component's, in which `quantity_per` is.
        quantity_per: for one unit of the item, without scrap.
        scrap_factor: the share that is lost; 0.02 takes 2 % more.
    """

    item_id: int
    item: str
    unit: str
    quantity_per: Decimal
    scrap_factor: Decimal

    def needed(self, quantity: Decimal) -> Decimal:
        """How much of the component so many units of the item take, scrap included."""
        return quantity * self.quantity_per * (1 + self.scrap_factor)


async def components(
    connection: Connection, item_id: int, site_id: int, at: datetime
) -> list[ComponentRow]:
    """What goes into an item at a site at a moment, by code; empty without a bill."""
    found = await components_of(connection, [(item_id, site_id)], at)
    return found[item_id, site_id]


async def components_of(
    connection: Connection, wanted: Collection[ItemAtSite], at: datetime
) -> dict[ItemAtSite, list[ComponentRow]]:
    """What goes into items at sites at a moment, in one query.

    A bill of the site's own counts before one for all sites; days are those of the site's zone.
    """
    pairs = sorted(set(wanted))
    found: dict[ItemAtSite, list[ComponentRow]] = {pair: [] for pair in pairs}
    if not pairs:
        return found
    cursor = await connection.execute(
        """
        SELECT w.item_id, w.site_id, c.id, c.code, c.unit, l.quantity_per, l.scrap_factor
        FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS w (item_id, site_id)
        JOIN sites s ON s.id = w.site_id
        CROSS JOIN LATERAL (
            SELECT b.id FROM bills b
            WHERE b.item_id = w.item_id AND (b.site_id = w.site_id OR b.site_id IS NULL)
                AND (b.retired_at IS NULL OR %(at)s < b.retired_at)
                AND daterange(b.valid_from, b.valid_to, '[]')
                    @> (%(at)s::timestamptz AT TIME ZONE s.time_zone)::date
            ORDER BY b.site_id NULLS LAST, b.retired_at NULLS FIRST, b.id DESC LIMIT 1
        ) AS bill
        JOIN bill_lines l ON l.bill_id = bill.id
        JOIN items c ON c.id = l.component_item_id
        ORDER BY w.item_id, w.site_id, c.code
        """,
        {
            "items": [item for item, _ in pairs],
            "sites": [site for _, site in pairs],
            "at": at,
        },
    )
    for item, site, component, code, unit, quantity_per, scrap_factor in await cursor.fetchall():
        found[item, site].append(
            ComponentRow(
                item_id=component,
                item=code,
                unit=unit,
                quantity_per=quantity_per,
                scrap_factor=scrap_factor,
            )
        )
    return found


async def users_of(connection: Connection, item_id: int) -> list[str]:
    """The items that a current bill makes of this one, by code."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT i.code FROM bill_lines l
        JOIN bills b ON b.id = l.bill_id AND b.retired_at IS NULL
        JOIN items i ON i.id = b.item_id AND i.retired_at IS NULL
        WHERE l.component_item_id = %s ORDER BY i.code
        """,
        (item_id,),
    )
    return [row[0] for row in await cursor.fetchall()]


async def sourcing(
    connection: Connection, wanted: Sequence[ItemAtSite]
) -> Mapping[ItemAtSite, str]:
    """How items are had at sites: `make` or `buy`.

    Where the site says nothing: as the item's kind says, `make` for what can be both.
    """
    cursor = await connection.execute(
        """
        SELECT w.item_id, w.site_id,
               coalesce(x.source, CASE i.kind WHEN 'bought' THEN 'buy' ELSE 'make' END)
        FROM unnest(%s::integer[], %s::integer[]) AS w (item_id, site_id)
        JOIN items i ON i.id = w.item_id
        LEFT JOIN item_sites x ON (x.item_id, x.site_id) = (w.item_id, w.site_id)
        """,
        ([item for item, _ in wanted], [site for _, site in wanted]),
    )
    return {(item, site): source for item, site, source in await cursor.fetchall()}
