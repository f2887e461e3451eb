"""What rows tell of the lines of some orders: dates, milestones, what left, what plans foresaw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from domain.reports.delay_causes import Planned
from domain.reports.line_past import Standing, as_of
from domain.reports.order_lines import FORECAST_DAYS, Forecast, LineFacts
from store.database import Connection
from store.reports.lines import changes_of_lines, left_of_lines

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_NEVER: Final = 2**62


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line with its order."""

    id: int
    order_id: int
    number: int
    site_id: int
    customer_id: int
    item_id: int
    unit: str
    quantity: Any
    cancelled: bool
    due_ms: int | None
    received_ms: int
    confirmed_ms: int | None
    released_ms: int | None
    started_ms: int | None
    produced_ms: int | None
    packed_ms: int | None
    delivered_ms: int | None
    made_on: str | None


class _First(msgspec.Struct, frozen=True):
    published_ms: int
    end_ms: int
    planned: tuple[Planned, ...]


async def line_facts(connection: Connection, order_ids: Sequence[int]) -> list[LineFacts]:
    """All lines of some orders, by order and number.

    Args:
        connection: in the transaction that holds the writer's turn.
        order_ids: which.
    """
    rows = await _rows(connection, order_ids)
    changes, added = await changes_of_lines(connection, order_ids)
    left = await left_of_lines(connection, [row.id for row in rows])
    firsts = await _first_plans(connection, order_ids)
    forecasts = await _forecasts(connection, _ends(rows))
    found = []
    for row in rows:
        key = row.order_id, row.number
        then = as_of(
            Standing(due_ms=row.due_ms, quantity=row.quantity, cancelled=row.cancelled),
            changes.get(key, ()),
            _NEVER,
            made_ms=added.get(key, row.received_ms),
            confirmed_ms=row.confirmed_ms,
        )
        assert then is not None  # noqa: S101 - every line was made before the end of time
        first = firsts.get(row.order_id)
        found.append(
            LineFacts(
                order=row.order_id,
                line=row.id,
                number=row.number,
                site=row.site_id,
                customer=row.customer_id,
                item=row.item_id,
                unit=row.unit,
                made_on=row.made_on,
                ordered=then.ordered,
                received_ms=row.received_ms,
                confirmed_ms=row.confirmed_ms,
                released_ms=row.released_ms,
                started_ms=row.started_ms,
                produced_ms=row.produced_ms,
                packed_ms=row.packed_ms,
                delivered_ms=row.delivered_ms,
                first_due_ms=then.first_due_ms,
                customer_due_ms=then.customer_due_ms,
                due_ms=then.state.due_ms,
                deliveries=tuple(left.get(row.id, ())),
                planned_ms=first.published_ms if first else None,
                planned_end_ms=first.end_ms if first else None,
                planned=first.planned if first else (),
                forecasts=tuple(forecasts.get(row.id, ())),
            )
        )
    return found


async def _rows(connection: Connection, order_ids: Sequence[int]) -> list[_Row]:
    cursor = connection.cursor(row_factory=class_row(_Row))
    await cursor.execute(
        """
        SELECT l.id, l.order_id, l.number, o.site_id, o.customer_id, l.item_id, l.unit, l.quantity,
               l.state = 'cancelled' AS cancelled,
               (extract(epoch FROM l.due_at) * 1000)::bigint AS due_ms,
               (extract(epoch FROM o.received_at) * 1000)::bigint AS received_ms,
               (extract(epoch FROM o.confirmed_at) * 1000)::bigint AS confirmed_ms,
               released.ms AS released_ms,
               (extract(epoch FROM l.started_at) * 1000)::bigint AS started_ms,
               (extract(epoch FROM l.produced_at) * 1000)::bigint AS produced_ms,
               sent.packed_ms, sent.delivered_ms, made.made_on
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        LEFT JOIN LATERAL (
            SELECT (extract(epoch FROM min(a.at)) * 1000)::bigint AS ms
            FROM audit_log a WHERE a.order_id = o.id AND a.action = 'OrderReleased'
        ) released ON true
        LEFT JOIN LATERAL (
            SELECT max(h.packed_ms) AS packed_ms,
                   CASE WHEN bool_and(h.delivered_ms IS NOT NULL) THEN max(h.delivered_ms) END
                       AS delivered_ms
            FROM shipment_lines s JOIN shipments h USING (order_id, number)
            WHERE s.order_line_id = l.id AND s.shipped > 0) sent ON true
        LEFT JOIN LATERAL (
            SELECT array_to_string((string_to_array(m.path, '/'))[1:3], '/') AS made_on
            FROM pegs p JOIN operations x ON x.work_order_id = p.work_order_id
            LEFT JOIN LATERAL (
                SELECT c.machine_id FROM contributions c WHERE c.operation_id = x.id
                ORDER BY c.good DESC, c.machine_id LIMIT 1) c ON true
            JOIN machines m ON m.id = coalesce(c.machine_id, x.machine_id)
            WHERE p.order_line_id = l.id
            ORDER BY x.number DESC, p.quantity DESC, x.id LIMIT 1) made ON true
        WHERE o.id = ANY(%s)
        ORDER BY l.order_id, l.number
        """,
        (list(order_ids),),
    )
    return await cursor.fetchall()


async def _first_plans(connection: Connection, order_ids: Sequence[int]) -> dict[int, _First]:
    cursor = await connection.execute(
        "SELECT order_id, published_ms, end_ms, shares FROM report_first_plans"
        " WHERE order_id = ANY(%s)",
        (list(order_ids),),
    )
    return {
        order: _First(published_ms, end_ms, tuple(map(_planned, shares)))
        for order, published_ms, end_ms, shares in await cursor.fetchall()
    }


def _planned(share: Mapping[str, Any]) -> Planned:
    """A share as `plan_orders` has it: by names, in whole minutes."""
    subject = share.get("resource") or share.get("machine") or ""
    return Planned(
        word=str(share["cause"]),
        share_ms=int(share["share_minutes"]) * _MINUTE_MS,
        subject=str(subject),
    )


def _ends(rows: Sequence[_Row]) -> dict[int, tuple[int, int]]:
    """By the line that ended its order's making: the order, and when; only of those that ended."""
    of_order: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        if not row.cancelled:
            of_order[row.order_id].append(row)
    found = {}
    for order, lines in of_order.items():
        ends = [(row.produced_ms, row.id) for row in lines if row.produced_ms is not None]
        if len(ends) == len(lines):
            produced_ms, line = max(ends)
            found[line] = order, produced_ms
    return found


async def _forecasts(
    connection: Connection, ends: Mapping[int, tuple[int, int]]
) -> dict[int, list[Forecast]]:
    """What the plan in force said of orders' ends so many days before these, by line."""
    asked = [
        (line, order, days, end_ms - days * _DAY_MS)
        for line, (order, end_ms) in ends.items()
        for days in FORECAST_DAYS
    ]
    cursor = await connection.execute(
        """
        SELECT a.line, a.days, p.made_ms, p.end_ms
        FROM unnest(%s::bigint[], %s::bigint[], %s::integer[], %s::bigint[])
            AS a (line, order_id, days, at_ms)
        CROSS JOIN LATERAL (
            SELECT (extract(epoch FROM v.published_at) * 1000)::bigint AS made_ms, o.end_ms
            FROM plan_orders o JOIN plans v ON v.id = o.plan_id
            WHERE o.order_id = a.order_id
              AND v.published_at <= to_timestamp(a.at_ms / 1000.0)
              AND (v.superseded_at IS NULL OR v.superseded_at > to_timestamp(a.at_ms / 1000.0))
            ORDER BY v.published_at DESC, v.id DESC LIMIT 1) p
        ORDER BY a.line, a.days
        """,
        tuple([each[column] for each in asked] for column in range(4)),
    )
    found: dict[int, list[Forecast]] = defaultdict(list)
    for line, days, made_ms, end_ms in await cursor.fetchall():
        found[line].append(Forecast(days, made_ms, end_ms))
    return found


async def note_first_plans(connection: Connection, *, at_once: int) -> int:
    """Keep what plans foresaw for orders that no plan had had; answers how many were looked at.

    Within the transaction that holds the writer's turn.
    """
    cursor = await connection.execute(
        """
        WITH taken AS (
            DELETE FROM report_plan_notes WHERE ctid = ANY(ARRAY(
                SELECT n.ctid FROM report_plan_notes n JOIN plans v ON v.id = n.plan_id
                ORDER BY v.published_at, v.id LIMIT %s))
            RETURNING plan_id
        ), kept AS (
            INSERT INTO report_first_plans (order_id, plan_id, published_ms, end_ms, shares)
            SELECT DISTINCT ON (o.order_id) o.order_id, v.id,
                   (extract(epoch FROM v.published_at) * 1000)::bigint, o.end_ms,
                   coalesce(o.shares, '[]')
            FROM taken t JOIN plans v ON v.id = t.plan_id JOIN plan_orders o ON o.plan_id = v.id
            WHERE v.published_at IS NOT NULL
            ORDER BY o.order_id, v.published_at, v.id
            ON CONFLICT (order_id) DO NOTHING
            RETURNING order_id
        )
        SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM kept)
        """,
        (at_once,),
    )
    row = await cursor.fetchone()
    return row[0] if row else 0
