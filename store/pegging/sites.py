"""What is known of the sites that could make or deliver an order line."""

from __future__ import annotations

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class SiteChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A site that could make or deliver an item.

    Attributes:
        has_routing: whether it can make the item.
        may_buy: whether it buys the item.
        transport_hours: the way to the site that handles the order; None: nobody said.
    """

    id: int
    code: str
    has_routing: bool
    may_buy: bool
    transport_hours: float | None


async def choices(connection: Connection, *, item_id: int, home_id: int) -> list[SiteChoice]:
    """All sites that are in use, by code, with what each could do for an item."""
    cursor = connection.cursor(row_factory=class_row(SiteChoice))
    await cursor.execute(
        """
        SELECT s.id, s.code,
               EXISTS (SELECT FROM routing_ways(now(), ARRAY[%(item)s]) r
                       WHERE r.site_id = s.id) AS has_routing,
               coalesce(x.source = 'buy', i.kind IN ('bought', 'both')) AS may_buy,
               CASE WHEN s.id = %(home)s THEN 0 ELSE t.hours END::float8 AS transport_hours
        FROM sites s
        JOIN items i ON i.id = %(item)s
        LEFT JOIN item_sites x ON x.item_id = i.id AND x.site_id = s.id
        LEFT JOIN transport_times t ON t.from_site_id = s.id AND t.to_site_id = %(home)s
        WHERE s.retired_at IS NULL
        ORDER BY s.code
        """,
        {"item": item_id, "home": home_id},
    )
    return await cursor.fetchall()


async def assign(connection: Connection, line_id: int, site_id: int) -> None:
    """Let a site make or deliver a line."""
    await connection.execute(
        "UPDATE order_lines SET site_id = %s WHERE id = %s", (site_id, line_id)
    )
