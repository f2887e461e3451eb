"""What orders keep beside the shop floor's view: source, prices, parties, holds, review."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.rows import class_row, kwargs_row

from store.database import Connection


class LineDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was told, and what people decided on it. Prices are for `price_basis` units."""

    number: int
    site: str
    item_known: bool
    position: str | None
    description: str | None
    price: Decimal | None
    price_basis: Decimal
    promised: datetime | None
    unit_as_told: str | None
    quantity_as_told: Decimal | None
    held_from: str | None
    hold_reason: str | None
    rejected_reason: str | None


class OrderDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order comes from and how far the order desk is with it."""

    id: int
    customer_known: bool
    channel: str | None
    source_version: int | None
    currency: str | None
    document_date: date | None
    notes: list[str]
    confirmed: datetime | None
    findings: int
    errors: int
    lines: dict[int, LineDetail]


class PartyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as the newest document has them."""

    role: str
    role_code: str
    names: list[dict[str, str]]
    name: str | None
    street: list[str]
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    phone: str | None


async def details(connection: Connection, order_ids: Collection[int]) -> dict[int, OrderDetail]:
    """The details of orders by id, in one query."""
    cursor = connection.cursor(row_factory=kwargs_row(_detail))
    await cursor.execute(_DETAILS, (list(order_ids),))
    return {row.id: row for row in await cursor.fetchall()}


async def parties(connection: Connection, order_id: int) -> list[PartyRow]:
    """An order's partners in the document's order."""
    cursor = connection.cursor(row_factory=class_row(PartyRow))
    await cursor.execute(
        """
        SELECT role, role_code, names, name, street, city, region, postal_code, country, phone
        FROM order_parties WHERE order_id = %s ORDER BY place
        """,
        (order_id,),
    )
    return await cursor.fetchall()


def _detail(*, lines: list[dict[str, Any]] | None, **columns: Any) -> OrderDetail:
    rows = msgspec.convert(lines or [], list[LineDetail], strict=False)
    return OrderDetail(lines={row.number: row for row in rows}, **columns)


# Numbers go through JSON as texts, so that they stay exact.
_DETAILS: Final = """
SELECT o.id, NOT c.provisional AS customer_known, h.name AS channel, o.source_version, o.currency,
       o.document_date, o.notes, o.confirmed_at AS confirmed, f.findings, f.errors,
       (SELECT jsonb_agg(jsonb_build_object(
            'number', l.number, 'site', s.code, 'item_known', NOT i.provisional,
            'position', l.source_position, 'description', l.description,
            'price', l.price::text, 'price_basis', l.price_basis::text, 'promised', l.promised_at,
            'unit_as_told', l.unit_as_told, 'quantity_as_told', l.quantity_as_told::text,
            'held_from', l.held_from, 'hold_reason', l.hold_reason,
            'rejected_reason', l.rejected_reason))
        FROM order_lines l JOIN items i ON i.id = l.item_id
        JOIN sites s ON s.id = coalesce(l.site_id, o.site_id)
        WHERE l.order_id = o.id) AS lines
FROM orders o
JOIN customers c ON c.id = o.customer_id
LEFT JOIN channels h ON h.id = o.channel_id
CROSS JOIN LATERAL (
    SELECT count(*) AS findings, count(*) FILTER (WHERE severity = 'error') AS errors
    FROM review_findings WHERE order_id = o.id AND settled_at IS NULL) f
WHERE o.id = ANY(%s)
"""
