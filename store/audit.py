"""The append-only record of who changed what, when, from where and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.database import Connection
from store.filters import Page


class Actor(msgspec.Struct, frozen=True):
    """Who acts, and from where: an address, a terminal, a program."""

    name: str
    origin: str


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry."""

    id: int
    at: datetime
    actor: str
    origin: str
    action: str
    work_order: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def _jsonb(value: Mapping[str, object] | None) -> Jsonb | None:
    if value is None:
        return None
    return Jsonb(value, dumps=lambda content: msgspec.json.encode(content).decode())


async def write(
    connection: Connection,
    *,
    actor: Actor,
    action: str,
    site_id: int | None = None,
    order_id: int | None = None,
    work_order_id: int | None = None,
    reason: str | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write an entry, in the transaction of the change that it tells of.

    Args:
        connection: the change's transaction.
        actor: who, and from where.
        action: past tense, as in `contracts.streams.OrderEvent`.
        site_id: where it happened.
        order_id: the order changed.
        work_order_id: the work order changed.
        reason: why, in the actor's words.
        before: what was changed, as it stood.
        after: what was changed, as it stands now.
    """
    await connection.execute(
        """
        INSERT INTO audit_log
            (actor, origin, site_id, order_id, work_order_id, action, reason, before, after)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            actor.name,
            actor.origin,
            site_id,
            order_id,
            work_order_id,
            action,
            reason,
            _jsonb(before),
            _jsonb(after),
        ),
    )


class OrderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about an order, one of many that tell of the same action."""

    order_id: int
    site_id: int
    after: dict[str, Any]


async def write_of_orders(
    connection: Connection,
    entries: Sequence[OrderEntry],
    *,
    actor: Actor,
    action: str,
    reason: str | None = None,
) -> None:
    """Write an entry for each of some orders; otherwise like `write`."""
    await connection.execute(
        """
        INSERT INTO audit_log (actor, origin, site_id, order_id, action, reason, after)
        SELECT %s, %s, e.site_id, e.order_id, %s, %s, e.after
        FROM unnest(%s::integer[], %s::bigint[], %s::jsonb[])
            WITH ORDINALITY AS e (site_id, order_id, after, place)
        ORDER BY e.place
        """,
        (
            actor.name,
            actor.origin,
            action,
            reason,
            [entry.site_id for entry in entries],
            [entry.order_id for entry in entries],
            [_jsonb(entry.after) for entry in entries],
        ),
    )


async def of_order(connection: Connection, order_id: int, page: Page) -> tuple[list[AuditRow], int]:
    """An order's entries, newest first, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(AuditRow))
    await cursor.execute(
        """
        SELECT a.id, a.at, a.actor, a.origin, a.action, w.number AS work_order, a.reason,
               a.before, a.after
        FROM audit_log a LEFT JOIN work_orders w ON w.id = a.work_order_id
        WHERE a.order_id = %(order_id)s
        ORDER BY a.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"order_id": order_id, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        "SELECT count(*) FROM audit_log WHERE order_id = %s", (order_id,)
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0
