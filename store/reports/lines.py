"""Order lines that are due in a period, as they were known at a moment.

Dates, quantities and cancelling go by the audit log. What left goes by its own clock: shipments are
rows that change, and when a scan was stored is kept of devices only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from domain.reports.audit_trail import ACTIONS, Entry, line_changes
from domain.reports.delivery import Delivered, DueLine
from domain.reports.line_past import Change, Standing, as_of
from domain.reports.periods import Span
from store.database import Connection


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it is now."""

    id: int
    order_id: int
    number: int
    now: Standing
    received_ms: int
    confirmed_ms: int | None


async def due_lines(
    connection: Connection, site_ids: Collection[int], period: Span, *, as_of_ms: int
) -> list[DueLine]:
    """The lines of which a date (the first, or the one that held then) lies in a period.

    Args:
        connection: in a transaction whose statements see the same rows.
        site_ids: the orders' sites.
        period: of due dates.
        as_of_ms: what was written or left at it or later is not known.
    """
    rows = await _rows(connection, site_ids, period, as_of_ms)
    orders = sorted({row.order_id for row in rows})
    changes, added = await changes_of_lines(connection, orders)
    left = await left_of_lines(connection, [row.id for row in rows])
    found = []
    for row in rows:
        key = row.order_id, row.number
        then = as_of(
            row.now,
            changes.get(key, ()),
            as_of_ms,
            made_ms=added.get(key, row.received_ms),
            confirmed_ms=row.confirmed_ms,
        )
        if then is None:
            continue
        line = DueLine(
            order=row.order_id,
            line=row.id,
            ordered=then.ordered,
            first_due_ms=then.first_due_ms,
            due_ms=then.state.due_ms,
            deliveries=tuple(left.get(row.id, ())),
        )
        if any(due is not None and period.holds(due) for due in (line.first_due_ms, line.due_ms)):
            found.append(line)
    return found


async def _rows(
    connection: Connection, site_ids: Collection[int], period: Span, as_of_ms: int
) -> list[_Row]:
    """Lines that are due in the period now, or of orders in which a date was that lies in it.

    Whatever date held once is the one of now, or what a change found before it.
    """
    cursor = await connection.execute(
        """
        SELECT l.id, l.order_id, l.number, l.quantity, l.state = 'cancelled',
               (extract(epoch FROM l.due_at) * 1000)::bigint,
               (extract(epoch FROM o.received_at) * 1000)::bigint,
               (extract(epoch FROM o.confirmed_at) * 1000)::bigint
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        WHERE o.site_id = ANY(%(sites)s) AND o.received_at < %(moment)s
          AND (l.due_at >= %(from)s AND l.due_at < %(until)s
               OR EXISTS (
                   SELECT FROM audit_log a
                   CROSS JOIN LATERAL jsonb_array_elements(a.before -> 'lines') AS b
                   WHERE a.order_id = o.id AND a.action = ANY(%(actions)s)
                     AND (b ->> 'due_at')::timestamptz >= %(from)s
                     AND (b ->> 'due_at')::timestamptz < %(until)s))
        ORDER BY l.order_id, l.number
        """,
        {
            "sites": list(site_ids),
            "moment": _moment(as_of_ms),
            "from": _moment(period.from_ms),
            "until": _moment(period.until_ms),
            "actions": list(ACTIONS),
        },
    )
    return [
        _Row(
            id=id_,
            order_id=order_id,
            number=number,
            now=Standing(due_ms=due_ms, quantity=quantity, cancelled=cancelled),
            received_ms=received_ms,
            confirmed_ms=confirmed_ms,
        )
        for id_, order_id, number, quantity, cancelled, due_ms, received_ms, confirmed_ms in (
            await cursor.fetchall()
        )
    ]


async def changes_of_lines(
    connection: Connection, orders: Sequence[int]
) -> tuple[dict[tuple[int, int], list[Change]], dict[tuple[int, int], int]]:
    """Per order and line number what was changed, and when lines were added."""
    cursor = await connection.execute(
        """
        SELECT a.order_id, a.id, (extract(epoch FROM a.at) * 1000)::bigint, a.before, a.after,
               u.role IS NOT DISTINCT FROM 'customer'
                   OR coalesce((a.after ->> 'asked_by_customer')::boolean, false)
        FROM audit_log a LEFT JOIN users u ON u.name = a.actor
        WHERE a.order_id = ANY(%s) AND a.action = ANY(%s)
        ORDER BY a.id
        """,
        (list(orders), list(ACTIONS)),
    )
    changes: dict[tuple[int, int], list[Change]] = defaultdict(list)
    added: dict[tuple[int, int], int] = {}
    for order_id, id_, at_ms, before, after, by_customer in await cursor.fetchall():
        told = line_changes(
            Entry(number=id_, at_ms=at_ms, by_customer=by_customer, before=before, after=after)
        )
        for number, change in told.changed.items():
            changes[order_id, number].append(change)
        for number in told.added:
            added[order_id, number] = at_ms
    return changes, added


async def left_of_lines(connection: Connection, lines: Sequence[int]) -> dict[int, list[Delivered]]:
    """What left of each line, less what came back, by shipment."""
    cursor = await connection.execute(
        """
        SELECT s.order_line_id, h.shipped_ms, s.shipped - s.returned
        FROM shipment_lines s JOIN shipments h USING (order_id, number)
        WHERE s.order_line_id = ANY(%s) AND h.shipped_ms IS NOT NULL
        ORDER BY s.order_line_id, h.shipped_ms, h.number
        """,
        (list(lines),),
    )
    found: dict[int, list[Delivered]] = defaultdict(list)
    for line, shipped_ms, quantity in await cursor.fetchall():
        found[line].append(Delivered(shipped_ms, quantity))
    return found


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, UTC)
