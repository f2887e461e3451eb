"""What went outside is kept for so long, and what has not arrived for longer."""

from __future__ import annotations

from datetime import datetime
from typing import Final, LiteralString

from store.database import Connection

_OLD: Final[dict[str, LiteralString]] = {
    "webhook_deliveries": """
        DELETE FROM webhook_deliveries WHERE id IN (
            SELECT id FROM webhook_deliveries WHERE state <> 'waiting' AND made_at < %(before)s
            ORDER BY made_at LIMIT %(at_once)s)
    """,
    # The newest stays: the numbers go on from it.
    "outward_events": """
        DELETE FROM outward_events WHERE seq IN (
            SELECT e.seq FROM outward_events e
            WHERE e.told_at < %(before)s AND e.seq < (SELECT max(seq) FROM outward_events)
              AND NOT EXISTS (
                SELECT 1 FROM webhook_deliveries d WHERE d.state = 'waiting'
                  AND d.message_id = 'msg_' || replace(e.id::text, '-', ''))
            ORDER BY e.seq LIMIT %(at_once)s)
    """,
    "carrier_events": """
        DELETE FROM carrier_events WHERE id IN (
            SELECT c.id FROM carrier_events c JOIN shipments s USING (order_id, number)
            WHERE c.told_at < %(before)s AND s.state = 'delivered'
            ORDER BY c.told_at LIMIT %(at_once)s)
    """,
    # The last word on an order, or on a shipment, stays: it says whether there is something new.
    "outbound_documents": """
        DELETE FROM outbound_documents WHERE id IN (
            SELECT d.id FROM outbound_documents d
            WHERE d.made_at < %(before)s AND d.state IN ('sent', 'taken')
              AND (d.kind = 'production' OR EXISTS (
                SELECT 1 FROM outbound_documents n WHERE n.order_id = d.order_id
                  AND n.kind = d.kind AND n.shipment IS NOT DISTINCT FROM d.shipment
                  AND n.id > d.id)
                OR NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = d.order_id
                               AND o.state NOT IN ('produced', 'cancelled')))
            ORDER BY d.made_at LIMIT %(at_once)s)
    """,
}
"""What is dropped of each table. Of what waits, or was not taken, nothing is."""

TABLES: Final = tuple(_OLD)


async def drop_older(connection: Connection, table: str, before: datetime, *, at_once: int) -> int:
    """Drop what is older, so many rows at most; answers how many.

    Args:
        connection: a transaction for each portion, so that nobody waits long for it.
        table: one of TABLES.
        before: what is older is dropped.
        at_once: so many rows at most.
    """
    cursor = await connection.execute(_OLD[table], {"before": before, "at_once": at_once})
    return cursor.rowcount
