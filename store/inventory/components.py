"""What an item is made of at a site, by the bill of materials that is effective on a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from domain.inventory.backflush import Component
from domain.inventory.books import Key
from store.database import Connection


async def components(
    connection: Connection, keys: Iterable[Key], *, at: datetime
) -> dict[Key, list[Component]]:
    """The components of items; a site's own bill before the one for all sites. Without bill: none.

    Args:
        connection: of the database.
        keys: which items at which sites.
        at: the moment; bills are effective by days of the site's zone.
    """
    wanted = sorted(set(keys))
    cursor = await connection.execute(
        """
        SELECT k.item_id, k.site_id, l.component_item_id, l.quantity_per, l.scrap_factor,
               l.step
        FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
        JOIN sites s ON s.id = k.site_id
        JOIN LATERAL (
            SELECT b.id FROM bills b
            WHERE b.item_id = k.item_id AND (b.site_id = k.site_id OR b.site_id IS NULL)
              AND (b.retired_at IS NULL OR %(at)s < b.retired_at)
              AND daterange(b.valid_from, b.valid_to, '[]')
                  @> (%(at)s AT TIME ZONE s.time_zone)::date
            ORDER BY b.site_id NULLS LAST, b.id DESC LIMIT 1
        ) b ON true
        JOIN bill_lines l ON l.bill_id = b.id
        ORDER BY k.item_id, k.site_id, l.number
        """,
        {
            "items": [key.item_id for key in wanted],
            "sites": [key.site_id for key in wanted],
            "at": at,
        },
    )
    found: dict[Key, list[Component]] = defaultdict(list)
    for item_id, site_id, component_id, quantity_per, scrap, step in await cursor.fetchall():
        found[Key(item_id, site_id)].append(
            Component(
                item_id=component_id, quantity_per=quantity_per, scrap_factor=scrap, step=step
            )
        )
    return found
