"""What documents to partners are made of: what an order's documents asked for, and the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from domain import document_storage
from domain.answering import Asked, Dispatch, Gone, LineNow, asked
from domain.documents import Format
from store.database import Connection

_APPLIED: Final = ["created", "changed", "cancelled"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An order that documents told of.

    Attributes:
        number: ours; so are `site_id` and its `time_zone`.
        channel_id: by which it came; None: by none that has a name.
        chosen: the documents that the channel's settings name; None: nothing was set.
        pushed: documents of the channel are pushed.
        envelope: what the order's own file was wrapped in.
    """

    number: str
    site_id: int
    time_zone: str
    channel_id: int | None
    chosen: list[str] | None
    pushed: bool
    envelope: dict[str, Any] | None
    told: Asked


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    order_id: int
    number: str
    site_id: int
    time_zone: str
    channel_id: int | None
    chosen: list[str] | None
    pushed: bool


class _Line(LineNow, frozen=True, kw_only=True):
    order_id: int


async def source(connection: Connection, order_id: int) -> Source | None:
    """What an order's documents asked for; None: none told of it."""
    return (await sources(connection, [order_id])).get(order_id)


async def sources(connection: Connection, order_ids: Collection[int]) -> dict[int, Source]:
    """What orders' documents asked for, by their ids; without those that none told of."""
    cursor = await connection.execute(
        """
        SELECT d.order_id, d.document, d.format, d.kind, f.envelope
        FROM intake_documents d JOIN intake_files f ON f.id = d.file_id
        WHERE d.order_id = ANY(%s) AND d.outcome = ANY(%s) AND d.document IS NOT NULL
        ORDER BY d.order_id, d.version, d.id
        """,
        (sorted(order_ids), _APPLIED),
    )
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for order_id, *row in await cursor.fetchall():
        rows.setdefault(order_id, []).append(tuple(row))
    heads = connection.cursor(row_factory=class_row(_Head))
    await heads.execute(
        """
        SELECT o.id AS order_id, o.number, o.site_id, s.time_zone, o.channel_id,
               x.documents AS chosen, x.url IS NOT NULL AS pushed
        FROM orders o JOIN sites s ON s.id = o.site_id
        LEFT JOIN outbound_settings x ON x.channel_id = o.channel_id
        WHERE o.id = ANY(%s)
        """,
        (sorted(rows),),
    )
    found = {}
    for head in await heads.fetchall():
        made = _source(head, rows[head.order_id])
        if made is not None:
            found[head.order_id] = made
    return found


def _source(head: _Head, rows: Sequence[tuple[Any, ...]]) -> Source | None:
    """An order's documents, oldest first; None: none of them is the order itself."""
    own = [row for row in rows if row[2] == "order"]
    if not own:
        return None
    told = asked(Format(own[-1][1]), [document_storage.read(row[0]) for row in rows])
    if told is None:
        return None
    return Source(
        number=head.number,
        site_id=head.site_id,
        time_zone=head.time_zone,
        channel_id=head.channel_id,
        chosen=head.chosen,
        pushed=head.pushed,
        envelope=own[-1][3],
        told=told,
    )


async def lines(connection: Connection, order_id: int) -> Sequence[LineNow]:
    """An order's lines by number, each with when the plans in force end it."""
    return (await lines_of(connection, [order_id]))[order_id]


async def lines_of(
    connection: Connection, order_ids: Collection[int]
) -> Mapping[int, Sequence[LineNow]]:
    """The lines of orders by number, each with when the plans in force end it.

    A line on hold stands where it was held: one that nobody has accepted is not answered.
    """
    cursor = connection.cursor(row_factory=class_row(_Line))
    await cursor.execute(
        """
        SELECT l.order_id, l.id, l.number, l.source_position AS position, i.code AS item,
               l.description, l.quantity, l.unit, l.unit_as_told, l.price, l.price_basis,
               l.due_at AS due, l.promised_at AS promised,
               coalesce(l.held_from, l.state) AS state, l.rejected_reason AS reason,
               (SELECT to_timestamp(max(e.end_ms)::numeric / 1000)
                FROM pegs p
                JOIN operations o ON o.work_order_id = p.work_order_id
                JOIN plan_operations e ON e.operation_id = o.id
                JOIN plans n ON n.id = e.plan_id AND n.state = 'published'
                WHERE p.order_line_id = l.id) AS expected
        FROM order_lines l JOIN items i ON i.id = l.item_id
        WHERE l.order_id = ANY(%s) ORDER BY l.order_id, l.number
        """,
        (sorted(order_ids),),
    )
    found: dict[int, list[LineNow]] = {order_id: [] for order_id in order_ids}
    for row in await cursor.fetchall():
        found[row.order_id].append(row)
    return found


# A line's goods leave with one shipment after the other: what the books gave the customer after the
# one before and until this one is of these lots. Goods without a lot have an empty one. A line may
# have been shipped while the books had none of it: of such goods no lot is known.
_GONE: Final = """
SELECT s.order_line_id, s.shipped, coalesce(g.lots, '{}')
FROM shipment_lines s
JOIN order_lines l ON l.id = s.order_line_id
JOIN shipments h ON h.order_id = s.order_id AND h.number = s.number
LEFT JOIN LATERAL (
    SELECT max(o.shipped_ms) AS shipped_ms FROM shipments o
    JOIN shipment_lines p USING (order_id, number)
    WHERE o.order_id = h.order_id AND p.order_line_id = s.order_line_id AND p.shipped > 0
      AND o.shipped_ms < h.shipped_ms
) before ON true
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT b.lot ORDER BY b.lot) AS lots
    FROM stock_ledger e
    JOIN stock_postings t ON t.id = e.posting_id AND t.kind = 'shipment'
    JOIN stock_lots b ON b.id = e.from_lot_id
    WHERE e.order_line_id = s.order_line_id AND e.to_account = 'customer' AND b.lot <> ''
      AND t.occurred_at <= to_timestamp(h.shipped_ms / 1000.0)
      AND (before.shipped_ms IS NULL
           OR t.occurred_at > to_timestamp(before.shipped_ms / 1000.0))
) g ON true
WHERE s.order_id = %(order)s AND s.number = %(number)s AND s.shipped > 0
ORDER BY l.number
"""


async def dispatch(connection: Connection, order_id: int, number: int) -> Dispatch | None:
    """A shipment that has left; None: it has not, or not any more."""
    cursor = await connection.execute(
        """
        SELECT shipped_ms, expected_at, carrier, tracking_number FROM shipments
        WHERE order_id = %s AND number = %s AND state IN ('shipped', 'delivered')
        """,
        (order_id, number),
    )
    head = await cursor.fetchone()
    if head is None or head[0] is None:
        return None
    parts = await connection.execute(_GONE, {"order": order_id, "number": number})
    return Dispatch(
        number=number,
        shipped_at=datetime.fromtimestamp(head[0] / 1000, UTC),
        expected_at=head[1],
        carrier=head[2],
        tracking_number=head[3],
        gone=tuple(
            Gone(line_id=line_id, quantity=quantity, lots=tuple(lots))
            for line_id, quantity, lots in await parts.fetchall()
        ),
    )
