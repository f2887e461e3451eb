"""Events for the outside: made of audit entries, in one order, with webhooks' deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from psycopg.rows import class_row

from contracts.outward import ORDER_PRODUCED
from domain.outbound import CAUSES
from domain.outward import EVENT_OF, payload
from store import outward_progress
from store.database import Connection
from store.outbound import tasks
from store.outbound.tasks import Cause

_TURN: Final = 0x67656D62_00000022
"""Of whoever gives events their numbers: one at a time, so that numbers rise as commits do."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, as the outside sees it."""

    seq: int
    id: UUID
    type: str
    site: str | None
    subject: str | None
    occurred_at: datetime
    data: dict[str, Any]


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that has no number yet."""

    type: str
    site_id: int | None
    subject: str | None
    at: datetime
    data: dict[str, Any]


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry that waits, with what names its order outside."""

    audit_id: int
    order_id: int | None
    at: datetime
    action: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    site_id: int | None
    order: str | None
    customer: str | None
    customer_reference: str | None
    external_source: str | None
    external_id: str | None


async def tell(connection: Connection, *, at_once: int = 500) -> int:
    """Make events, and deliveries to webhooks, of entries that wait; answers how many entries.

    Within one transaction: each entry becomes one event, and what partners have to be told of it is
    noted with it, whenever it is killed. 0 also when another process has the turn.
    """
    if not await take_turn(connection):
        return 0
    entries = await _waiting(connection, at_once)
    if not entries:
        return 0
    events = [
        NewEvent(
            type=EVENT_OF[entry.action],
            site_id=entry.site_id,
            subject=entry.order,
            at=entry.at,
            data=_data(entry),
        )
        for entry in entries
        if entry.action in EVENT_OF
    ]
    moved = {
        entry.order_id: entry.at
        for entry in entries
        if entry.action == "LineStateChanged" and entry.order_id is not None
    }
    events += [
        NewEvent(
            type=ORDER_PRODUCED,
            site_id=each.site_id,
            subject=each.number,
            at=moved[each.order_id],
            data=each.data,
        )
        for each in await outward_progress.produced(connection, moved)
    ]
    await append(connection, events)
    await tasks.add(connection, [cause for entry in entries for cause in _causes(entry)])
    return len(entries)


async def take_turn(connection: Connection) -> bool:
    """Be the one who numbers events, until the transaction ends; False: another process is."""
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def append(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Number events and line them up for webhooks; whoever calls has the turn."""
    if not events:
        return
    cursor = await connection.execute("SELECT coalesce(max(seq), 0) FROM outward_events")
    row = await cursor.fetchone()
    last: int = row[0] if row else 0
    await _write(connection, [(last + n, uuid4(), each) for n, each in enumerate(events, 1)])


def _causes(entry: _Entry) -> list[Cause]:
    kind = CAUSES.get(entry.action)
    if kind is None or entry.order_id is None:
        return []
    shipment = (entry.after or entry.before or {}).get("shipment")
    number = shipment if isinstance(shipment, int) else None
    return [Cause(audit_id=entry.audit_id, kind=kind, order_id=entry.order_id, shipment=number)]


async def _waiting(connection: Connection, at_once: int) -> list[_Entry]:
    cursor = connection.cursor(row_factory=class_row(_Entry))
    await cursor.execute(
        """
        WITH taken AS (
            DELETE FROM outward_queue WHERE audit_id IN
                (SELECT audit_id FROM outward_queue ORDER BY audit_id LIMIT %s)
            RETURNING audit_id
        )
        SELECT a.id AS audit_id, a.order_id, a.at, a.action, a.reason, a.before, a.after, a.site_id,
               o.number AS order, c.code AS customer, o.customer_reference, o.external_source,
               o.external_id
        FROM taken t JOIN audit_log a ON a.id = t.audit_id
        LEFT JOIN orders o ON o.id = a.order_id
        LEFT JOIN customers c ON c.id = o.customer_id
        ORDER BY a.id
        """,
        (at_once,),
    )
    return await cursor.fetchall()


def _data(entry: _Entry) -> dict[str, Any]:
    told = {
        "order": entry.order,
        "customer": entry.customer,
        "customer_reference": entry.customer_reference,
        "external_source": entry.external_source,
        "external_id": entry.external_id,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
    }
    return {name: value for name, value in told.items() if value is not None}


async def _write(connection: Connection, rows: Sequence[tuple[int, UUID, NewEvent]]) -> None:
    await connection.execute(
        """
        WITH told AS (
            INSERT INTO outward_events (seq, id, type, site_id, subject, occurred_at, data)
            SELECT * FROM unnest(%(seqs)s::bigint[], %(ids)s::uuid[], %(types)s::text[],
                %(sites)s::integer[], %(subjects)s::text[], %(ats)s::timestamptz[],
                %(data)s::jsonb[])
            RETURNING seq, id, type, site_id
        )
        INSERT INTO webhook_deliveries (webhook_id, message_id, event_type, body)
        SELECT w.id, 'msg_' || replace(t.id::text, '-', ''), t.type, b.body
        FROM told t
        JOIN unnest(%(ids)s::uuid[], %(bodies)s::text[]) AS b (id, body) ON b.id = t.id
        JOIN webhooks w ON w.state = 'active'
            AND (w.event_types = '{}' OR t.type = ANY(w.event_types))
            AND (w.site_id IS NULL OR w.site_id = t.site_id)
        ORDER BY t.seq, w.id
        """,
        {
            "seqs": [row[0] for row in rows],
            "ids": [row[1] for row in rows],
            "types": [event.type for _, _, event in rows],
            "sites": [event.site_id for _, _, event in rows],
            "subjects": [event.subject for _, _, event in rows],
            "ats": [event.at for _, _, event in rows],
            "data": [msgspec.json.encode(event.data).decode() for _, _, event in rows],
            "bodies": [payload(event.type, event.at, event.data) for _, _, event in rows],
        },
    )


async def after(
    connection: Connection,
    seq: int,
    *,
    types: Collection[str] = (),
    limited_to: Collection[str] = (),
    limit: int,
) -> list[Event]:
    """Events above a number, in order.

    Args:
        connection: where to read.
        seq: the last one that is known.
        types: of these types only; empty: all.
        limited_to: of these sites only; empty: all.
        limit: so many at most.
    """
    cursor = connection.cursor(row_factory=class_row(Event))
    await cursor.execute(
        """
        SELECT e.seq, e.id, e.type, s.code AS site, e.subject, e.occurred_at, e.data
        FROM outward_events e LEFT JOIN sites s ON s.id = e.site_id
        WHERE e.seq > %(seq)s
          AND (%(types)s::text[] = '{}' OR e.type = ANY(%(types)s))
          AND (%(sites)s::text[] = '{}' OR s.code = ANY(%(sites)s))
        ORDER BY e.seq LIMIT %(limit)s
        """,
        {"seq": seq, "types": list(types), "sites": list(limited_to), "limit": limit},
    )
    return await cursor.fetchall()


async def newest(connection: Connection) -> int:
    """The number of the newest event; 0: there is none."""
    cursor = await connection.execute("SELECT coalesce(max(seq), 0) FROM outward_events")
    row = await cursor.fetchone()
    return row[0] if row else 0


async def oldest(connection: Connection) -> int:
    """The number of the oldest event that is kept; 0: there is none."""
    cursor = await connection.execute("SELECT coalesce(min(seq), 0) FROM outward_events")
    row = await cursor.fetchone()
    return row[0] if row else 0
