"""Everything that touched an order, from its document to its delivery, as one list in time."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page


class Kind(enum.StrEnum):
    """What happened. New kinds may come; these keep their meaning."""

    DOCUMENT = "document"
    RECEIVED = "received"
    FINDING = "finding"
    FINDING_SETTLED = "finding_settled"
    REVIEWED = "reviewed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    HELD = "held"
    RESUMED = "resumed"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    RELEASED = "released"
    LINE_STATE = "line_state"
    PLANNED = "planned"
    EXPECTED_MOVED = "expected_moved"
    CUSTOMER_TOLD = "customer_told"
    """A message said that dates moved, to one of the customer's people."""
    OPERATION_STARTED = "operation_started"
    FIRST_PIECE = "first_piece"
    LAST_PIECE = "last_piece"
    OPERATION_ENDED = "operation_ended"
    STOP = "stop"
    DISRUPTION = "disruption"
    RESERVED = "reserved"
    RESERVATION_CLOSED = "reservation_closed"
    PICKING = "shipment_picking"
    PACKED = "shipment_packed"
    SHIPPED = "shipment_shipped"
    DELIVERED = "shipment_delivered"
    OTHER = "other"
    """An entry of the audit log that has no kind of its own; `detail.action` names it."""


class TimelineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at: when.
        kind: what.
        actor: who did it; None: the floor or the product itself.
        reason: why, in their words.
        line: the order line concerned.
        work_order: its number.
        operation: its number.
        machine: its path.
        detail: more of it, by kind.
    """

    at: datetime
    kind: str
    actor: str | None
    reason: str | None
    line: int | None
    work_order: str | None
    operation: int | None
    machine: str | None
    detail: dict[str, Any]


async def timeline(
    connection: Connection, order_id: int, page: Page, *, kinds: Collection[Kind] = ()
) -> tuple[list[TimelineRow], int]:
    """What happened to an order, oldest first, and how much it was; of these kinds if any given."""
    filters = Filters()
    wanted = [kind.value for kind in kinds]
    filters.add("e.kind = ANY(%(kinds)s)", kinds=wanted or None)
    parameters = {**filters.parameters, "order": order_id}
    events = sql.SQL("WITH {} SELECT {} FROM ({}) AS e {}")
    cursor = connection.cursor(row_factory=class_row(TimelineRow))
    await cursor.execute(
        events.format(_WORK, sql.SQL("*"), _EVENTS, filters.where)
        + sql.SQL(" ORDER BY at, kind, line, operation LIMIT %(limit)s OFFSET %(offset)s"),
        {**parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    if page.offset == 0 and len(rows) < page.limit:
        return rows, len(rows)
    counted = await connection.execute(
        events.format(_WORK, sql.SQL("count(*)"), _EVENTS, filters.where), parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


# The operations of the order's work orders, each with the machines that worked on it and when.
_WORK: Final = sql.SQL(
    """
    works AS (
        SELECT DISTINCT p.work_order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
        WHERE l.order_id = %(order)s AND p.work_order_id IS NOT NULL),
    steps AS (
        SELECT o.id, w.number AS work_order, o.number, o.name, o.good_pieces, o.scrap_pieces,
               o.state, o.started_ms, o.ended_ms
        FROM works k JOIN work_orders w ON w.id = k.work_order_id
        JOIN operations o ON o.work_order_id = w.id),
    runs AS (
        SELECT s.*, c.machine_id, m.path, coalesce(c.started_ms, s.started_ms) AS from_ms,
               coalesce(s.ended_ms, (extract(epoch FROM now()) * 1000)::bigint) AS to_ms
        FROM steps s JOIN contributions c ON c.operation_id = s.id
        JOIN machines m ON m.id = c.machine_id
        WHERE coalesce(c.started_ms, s.started_ms) IS NOT NULL)
    """
)

_EVENTS: Final = sql.SQL(
    """
    SELECT d.received_at AS at, 'document' AS kind, d.received_by AS actor, d.reason,
           NULL::integer AS line, NULL::text AS work_order, NULL::bigint AS operation,
           NULL::text AS machine,
           jsonb_build_object('document', d.id, 'format', d.format, 'source', d.source,
               'number', d.number, 'version', d.version, 'kind', d.kind, 'outcome', d.outcome,
               'problems', jsonb_array_length(d.problems)) AS detail
    FROM intake_documents d WHERE d.order_id = %(order)s
    UNION ALL
    SELECT a.at,
           CASE a.action
               WHEN 'OrderReceived' THEN 'received' WHEN 'OrderReviewed' THEN 'reviewed'
               WHEN 'OrderConfirmed' THEN 'confirmed' WHEN 'OrderRejected' THEN 'rejected'
               WHEN 'OrderHeld' THEN 'held' WHEN 'OrderResumed' THEN 'resumed'
               WHEN 'OrderChanged' THEN 'changed' WHEN 'OrderCancelled' THEN 'cancelled'
               WHEN 'OrderReleased' THEN 'released' WHEN 'LineStateChanged' THEN 'line_state'
               WHEN 'ExpectedDateMoved' THEN 'expected_moved' ELSE 'other' END,
           a.actor, a.reason,
           CASE WHEN a.action = 'LineStateChanged' THEN (a.after->>'line')::integer END,
           w.number, NULL, NULL,
           jsonb_build_object('action', a.action, 'before', a.before, 'after', a.after)
    FROM audit_log a LEFT JOIN work_orders w ON w.id = a.work_order_id
    WHERE a.order_id = %(order)s
      AND a.action NOT IN ('ShipmentPacked', 'ShipmentShipped', 'ShipmentDelivered')
    UNION ALL
    SELECT f.found_at, 'finding', NULL, NULL, f.line_number, NULL, NULL, NULL,
           f.detail || jsonb_build_object('finding', f.id, 'code', f.code, 'severity', f.severity)
    FROM review_findings f WHERE f.order_id = %(order)s
    UNION ALL
    SELECT f.settled_at, 'finding_settled', f.settled_by, f.settled_reason, f.line_number, NULL,
           NULL, NULL, jsonb_build_object('finding', f.id, 'code', f.code, 'how', f.settled_how)
    FROM review_findings f WHERE f.order_id = %(order)s AND f.settled_at IS NOT NULL
    UNION ALL
    SELECT p.published_at, 'planned', p.published_by, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('plan', p.id, 'scope', p.scope, 'version', p.number,
               'end_ms', p.end_ms, 'before_ms', p.before_ms)
    FROM (SELECT v.id, v.scope, v.number, v.published_at, v.published_by, o.end_ms,
                 lag(o.end_ms) OVER (PARTITION BY v.scope ORDER BY v.id) AS before_ms
          FROM plan_orders o JOIN plans v ON v.id = o.plan_id
          WHERE o.order_id = %(order)s AND v.published_at IS NOT NULL) p
    WHERE p.before_ms IS DISTINCT FROM p.end_ms
    UNION ALL
    SELECT to_timestamp(min(r.from_ms) / 1000.0), 'operation_started', NULL, NULL, NULL,
           r.work_order, r.number, (array_agg(r.path ORDER BY r.from_ms))[1],
           jsonb_build_object('name', r.name)
    FROM runs r GROUP BY r.id, r.work_order, r.number, r.name
    UNION ALL
    SELECT to_timestamp(s.ended_ms / 1000.0), 'operation_ended', NULL, NULL, NULL, s.work_order,
           s.number, NULL, jsonb_build_object('name', s.name, 'state', s.state,
               'good_pieces', s.good_pieces, 'scrap_pieces', s.scrap_pieces)
    FROM steps s WHERE s.ended_ms IS NOT NULL
    UNION ALL
    -- Pieces are kept by five minutes: these two are as exact as that.
    SELECT to_timestamp(e.at_ms / 1000.0), e.kind, NULL, NULL, NULL, p.work_order, p.number,
           p.path, jsonb_build_object('name', p.name, 'within_minutes', 5)
    FROM (SELECT r.work_order, r.number, r.name, r.path, r.from_ms, r.to_ms,
                 min(t.slot_ms) AS first_ms, max(t.slot_ms) AS last_ms
          FROM runs r JOIN piece_slots t ON t.machine_id = r.machine_id AND t.good > 0
              AND t.slot_ms > r.from_ms - 300000 AND t.slot_ms <= r.to_ms
          WHERE r.good_pieces > 0
          GROUP BY r.work_order, r.number, r.name, r.path, r.from_ms, r.to_ms) p
    CROSS JOIN LATERAL (VALUES ('first_piece', greatest(p.first_ms, p.from_ms)),
                               ('last_piece', least(p.last_ms + 300000, p.to_ms))) e (kind, at_ms)
    UNION ALL
    SELECT to_timestamp(c.e_ms / 1000.0), 'stop', NULL, c.reason, NULL, r.work_order, r.number,
           r.path, jsonb_build_object('state', c.state, 'until_ms', (
               SELECT min(n.e_ms) FROM state_changes n
               WHERE n.machine_id = c.machine_id AND n.e_ms > c.e_ms AND n.state <> c.state))
    FROM runs r JOIN state_changes c ON c.machine_id = r.machine_id
        AND c.e_ms >= r.from_ms AND c.e_ms <= r.to_ms
    WHERE c.state IN ('down', 'offline', 'planned_stop') AND c.left_state IS DISTINCT FROM c.state
    UNION ALL
    SELECT to_timestamp(d.occurred_ms / 1000.0), 'disruption', NULL, NULL, NULL, s.work_order,
           s.number, m.path, d.detail || jsonb_build_object('disruption', d.id, 'kind', d.kind,
               'outcome', d.outcome, 'handled_at', d.handled_at, 'plan', d.plan_id)
    FROM disruptions d LEFT JOIN steps s ON s.id = d.operation_id
    LEFT JOIN machines m ON m.id = d.machine_id
    WHERE d.order_id = %(order)s OR d.operation_id IN (SELECT id FROM steps)
    UNION ALL
    SELECT e.at, e.kind, CASE WHEN e.kind = 'reserved' THEN r.created_by END, r.note, l.number,
           NULL, NULL, NULL, jsonb_build_object('reservation', r.id, 'item', i.code,
               'quantity', r.quantity, 'consumed', r.consumed, 'hardness', r.kind,
               'need_at', r.need_at, 'state', r.state)
    FROM order_lines l JOIN reservations r ON r.order_line_id = l.id
    JOIN items i ON i.id = r.item_id
    CROSS JOIN LATERAL (VALUES ('reserved', r.created_at), ('reservation_closed', r.closed_at))
        e (kind, at)
    WHERE l.order_id = %(order)s AND e.at IS NOT NULL
    UNION ALL
    SELECT n.decided_at, 'customer_told', NULL, NULL,
           CASE WHEN jsonb_array_length(n.body->'lines') = 1
                THEN (n.body->'lines'->0->>'line')::integer END,
           NULL, NULL, NULL,
           jsonb_build_object('notice', n.message_id, 'recipient', n.recipient,
               'channel', n.channel, 'language', n.language, 'state', n.state,
               'sent_at', n.sent_at, 'problem', n.last_error, 'note', n.note,
               'reason', n.body->>'reason', 'lines', n.body->'lines')
    FROM customer_notices n WHERE n.order_id = %(order)s AND n.why = 'date_moved'
    UNION ALL
    SELECT to_timestamp(e.at_ms / 1000.0), e.kind, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('shipment', h.number, 'state', h.state)
    FROM shipments h
    CROSS JOIN LATERAL (VALUES ('shipment_picking', h.picking_ms), ('shipment_packed', h.packed_ms),
        ('shipment_shipped', h.shipped_ms), ('shipment_delivered', h.delivered_ms)) e (kind, at_ms)
    WHERE h.order_id = %(order)s AND e.at_ms IS NOT NULL
    """
)
