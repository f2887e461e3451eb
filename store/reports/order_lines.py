"""Revisions of order lines: judged again when something of an order changed (ADR 17).

A note says which order changed, in the transaction that changed it; a row of `report_order_lines`
is only written where it differs from the newest one, and that one is closed by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import sql

from domain.reports.order_lines import (
    POLICY_VERSION,
    Judged,
    LineFacts,
    judge,
    late_until,
    next_judgement,
)
from store.database import Connection
from store.reports.evidence import evidence_of
from store.reports.order_facts import line_facts, note_first_plans

_AT_ONCE: Final = 500
"""Orders of a transaction: the writer's turn is held for some tenths of a second."""

_COLUMNS: Final = (
    "policy", "order_id", "order_line_id", "number", "site_id", "customer_id", "item_id", "unit",
    "made_on", "ordered", "shipped", "received_ms", "confirmed_ms", "released_ms", "started_ms",
    "produced_ms", "packed_ms", "shipped_ms", "delivered_ms", "first_due_ms", "customer_due_ms",
    "due_ms", "complete_ms", "first_on_time", "first_by_date", "due_on_time", "due_by_date",
    "planned_ms", "planned_end_ms", "judged_ms", "delay_ms", "makes_late", "share_causes",
    "share_subjects", "share_ms", "forecast_days", "forecast_made_ms", "forecast_end_ms",
)  # fmt: skip
_LINE: Final = _COLUMNS.index("order_line_id")
_NAMES: Final = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))


async def keep_order_lines(connection: Connection, recorded_at: datetime) -> int:
    """Judge the lines of some orders that changed, or of which it is time to; answers how many.

    Args:
        connection: in the transaction that holds the writer's turn.
        recorded_at: of the revisions that it writes.
    """
    planned = await note_first_plans(connection, at_once=20)
    orders = await _noted(connection) or await _waiting(connection, recorded_at)
    await judge_orders(connection, orders, recorded_at)
    return planned + len(orders)


async def judge_orders(
    connection: Connection, order_ids: Collection[int], recorded_at: datetime
) -> int:
    """Judge the lines of some orders; answers how many revisions that made."""
    if not order_ids:
        return 0
    now_ms = int(recorded_at.timestamp() * 1_000)
    facts = await line_facts(connection, sorted(order_ids))
    late = {each.line: until for each in facts if (until := late_until(each, now_ms)) is not None}
    evidence = await evidence_of(connection, late, facts)
    of_order: dict[int, list[LineFacts]] = defaultdict(list)
    for each in facts:
        of_order[each.order].append(each)
    judged = [_row(one) for lines in of_order.values() for one in judge(lines, evidence, now_ms)]
    return await _append(connection, judged, recorded_at)


async def waiting(connection: Connection) -> bool:
    """Whether changes wait that no revision has yet."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM report_order_notes) OR EXISTS (SELECT FROM report_plan_notes)"
    )
    return await cursor.fetchone() == (True,)


async def _noted(connection: Connection) -> set[int]:
    """Take away all notes that there are of some orders."""
    cursor = await connection.execute(
        """
        WITH noted AS MATERIALIZED (
            SELECT order_id FROM report_order_notes GROUP BY order_id ORDER BY order_id LIMIT %s)
        DELETE FROM report_order_notes n USING noted WHERE n.order_id = noted.order_id
        RETURNING n.order_id
        """,
        (_AT_ONCE,),
    )
    return {order for (order,) in await cursor.fetchall()}


async def _waiting(connection: Connection, recorded_at: datetime) -> set[int]:
    """Orders with a line that has become late, or is late still and has its next judgement due."""
    now_ms = int(recorded_at.timestamp() * 1_000)
    hour_ms = now_ms - now_ms % 3_600_000
    cursor = await connection.execute(
        """
        SELECT order_id, first_due_ms, judged_ms FROM report_order_lines
        WHERE superseded_at IS NULL AND judged_ms < %(hour)s
        UNION ALL
        SELECT order_id, first_due_ms, NULL FROM report_order_lines
        WHERE superseded_at IS NULL AND complete_ms IS NULL AND judged_ms IS NULL
          AND first_due_ms < %(hour)s AND ordered > 0
        ORDER BY 3 NULLS FIRST, 1
        """,
        {"hour": hour_ms},
    )
    due = [
        order
        for order, first_due_ms, judged_ms in await cursor.fetchall()
        if judged_ms is None or next_judgement(first_due_ms, judged_ms) <= hour_ms
    ]
    return set(due[:_AT_ONCE])


def _row(one: Judged) -> tuple[Any, ...]:
    """A revision's content, in the order of `_COLUMNS`."""
    facts, shares, forecasts = one.facts, one.delay.shares, one.facts.forecasts
    return (
        POLICY_VERSION, facts.order, facts.line, facts.number, facts.site, facts.customer,
        facts.item, facts.unit, facts.made_on, facts.ordered, one.shipped, facts.received_ms,
        facts.confirmed_ms, facts.released_ms, facts.started_ms, facts.produced_ms,
        None if one.complete_ms is None else facts.packed_ms, one.complete_ms,
        None if one.complete_ms is None else facts.delivered_ms,
        facts.first_due_ms, facts.customer_due_ms, facts.due_ms,
        one.complete_ms, one.first_on_time, one.first_by_date, one.due_on_time, one.due_by_date,
        facts.planned_ms, facts.planned_end_ms, one.judged_ms, one.delay.delay_ms, one.makes_late,
        [share.cause.value for share in shares], [share.subject for share in shares],
        [share.share_ms for share in shares], [each.days for each in forecasts],
        [each.made_ms for each in forecasts], [each.end_ms for each in forecasts],
    )  # fmt: skip


async def _append(
    connection: Connection, rows: Sequence[tuple[Any, ...]], recorded_at: datetime
) -> int:
    """Write what differs from the newest revisions, and close these."""
    newest = await _newest(connection, [row[_LINE] for row in rows])
    fresh = [row for row in rows if newest.get(row[_LINE]) != row]
    await connection.execute(
        "UPDATE report_order_lines SET superseded_at = %s"
        " WHERE order_line_id = ANY(%s) AND superseded_at IS NULL",
        (recorded_at, [row[_LINE] for row in fresh]),
    )
    if fresh:
        async with (
            connection.cursor() as cursor,
            cursor.copy(
                sql.SQL("COPY report_order_lines (recorded_at, {}) FROM STDIN").format(_NAMES)
            ) as copy,
        ):
            for row in fresh:
                await copy.write_row((recorded_at, *row))
    return len(fresh)


async def _newest(connection: Connection, lines: Sequence[int]) -> Mapping[int, tuple[Any, ...]]:
    cursor = await connection.execute(
        sql.SQL(
            "SELECT {} FROM report_order_lines"
            " WHERE order_line_id = ANY(%s) AND superseded_at IS NULL"
        ).format(_NAMES),
        (list(lines),),
    )
    return {row[_LINE]: row for row in await cursor.fetchall()}
