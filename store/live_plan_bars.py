"""The bars of the planning board: operations, planned above, projected or actual below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from contracts.live import PlanBar
from contracts.telemetry import OperationState
from domain.orders import operation_state
from store.database import Connection
from store.live_plan import PAST_MS, Board
from store.live_times import MINUTE_MS, rfc3339, rfc3339_ms

ENDED_SHOWN: Final = 500
OPEN_SHOWN: Final = 10_000
"""A board beyond this is no help to anybody; the rest comes as work ends."""


class _BarRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: int
    work_order_id: int
    work_order: str
    number: int
    name: str | None
    item: str | None
    family: str | None
    state: str
    cancelled: bool
    runs: int
    quantity: Decimal | None
    good: Decimal
    started_ms: int | None
    ended_ms: int | None
    due_at: datetime | None
    machine: str | None
    setup_start_ms: int | None
    start_ms: int | None
    end_ms: int | None
    pin: str | None
    on_hold: bool
    real_machine: str | None
    projected_machine: str | None
    projected_start_ms: int | None
    projected_end_ms: int | None
    before: int | None
    needs: list[str]


class _WorkRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A work order as the one it is for sees it: `end_ms` None when no end is known."""

    work_order_id: int
    order_id: int | None
    order_number: str | None
    customer: str | None
    priority: int
    due_at: datetime | None
    end_ms: int | None


async def plan_bars(connection: Connection, board: Board, *, now_ms: int) -> list[PlanBar]:
    """All bars of a scope: what is not over, and the newest of what ended lately."""
    cursor = await connection.execute(
        """
        SELECT o.id FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        WHERE w.site_id = ANY(%(sites)s)
          AND o.state NOT IN ('completed', 'aborted', 'cancelled')
          AND (w.cancelled_at IS NULL OR o.state IN ('running', 'paused', 'interrupted'))
        ORDER BY o.id LIMIT %(open)s
        """,
        {"sites": board.site_ids, "open": OPEN_SHOWN},
    )
    ids = [row[0] for row in await cursor.fetchall()]
    cursor = await connection.execute(
        """
        SELECT o.id FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        WHERE w.site_id = ANY(%(sites)s) AND o.state IN ('completed', 'aborted')
          AND o.ended_ms >= %(since)s
        ORDER BY o.ended_ms DESC LIMIT %(ended)s
        """,
        {"sites": board.site_ids, "since": now_ms - PAST_MS, "ended": ENDED_SHOWN},
    )
    ids += [row[0] for row in await cursor.fetchall()]
    return await _bars(connection, board, ids)


async def changed_bars(
    connection: Connection,
    board: Board,
    *,
    operation_ids: Collection[int],
    work_order_ids: Collection[int],
    now_ms: int,
) -> dict[int, PlanBar | None]:
    """The bars of operations and work orders that changed; None where there is none (any more).

    With them come all operations made for the same customers' orders: their lateness is the
    order's.
    """
    cursor = await connection.execute(
        """
        WITH named AS (
            SELECT work_order_id FROM operations WHERE id = ANY(%(operations)s)
            UNION SELECT unnest(%(works)s::bigint[])
        ), customers_orders AS (
            SELECT DISTINCT l.order_id FROM named n
            JOIN pegs p ON p.work_order_id = n.work_order_id
            JOIN order_lines l ON l.id = p.order_line_id
        ), works AS (
            SELECT work_order_id FROM named
            UNION SELECT p.work_order_id FROM customers_orders r
            JOIN order_lines l ON l.order_id = r.order_id JOIN pegs p ON p.order_line_id = l.id
        )
        SELECT o.id, w.site_id = ANY(%(sites)s) AND CASE
                   WHEN o.state IN ('completed', 'aborted') THEN o.ended_ms >= %(since)s
                   ELSE w.cancelled_at IS NULL OR o.state IN ('running', 'paused', 'interrupted')
               END
        FROM works k
        JOIN work_orders w ON w.id = k.work_order_id
        JOIN operations o ON o.work_order_id = w.id
        """,
        {
            "operations": list(operation_ids),
            "works": list(work_order_ids),
            "sites": board.site_ids,
            "since": now_ms - PAST_MS,
        },
    )
    found: dict[int, PlanBar | None] = dict.fromkeys(operation_ids)
    shown = []
    for operation, is_shown in await cursor.fetchall():
        found[operation] = None
        if is_shown:
            shown.append(operation)
    found |= {bar.operation_id: bar for bar in await _bars(connection, board, shown)}
    return found


async def _bars(connection: Connection, board: Board, ids: Sequence[int]) -> list[PlanBar]:
    if not ids:
        return []
    cursor = connection.cursor(row_factory=class_row(_BarRow))
    await cursor.execute(_BARS, {"ids": ids, "plan": board.plan.id if board.plan else None})
    rows = await cursor.fetchall()
    works = await _works(connection, {row.work_order_id for row in rows})
    lateness = _lateness(works.values())
    return [_bar(row, works.get(row.work_order_id), lateness) for row in rows]


async def _works(connection: Connection, work_order_ids: Collection[int]) -> dict[int, _WorkRow]:
    """Whom work orders are for and when they end, by id; those of the same orders as well."""
    cursor = connection.cursor(row_factory=class_row(_WorkRow))
    await cursor.execute(_WORKS, {"works": list(work_order_ids)})
    return {row.work_order_id: row for row in await cursor.fetchall()}


def _lateness(works: Iterable[_WorkRow]) -> dict[int, int]:
    """Minutes after the due date by work order: the worst of those of the same order."""
    of_order: dict[int, list[int]] = defaultdict(list)
    alone: dict[int, int] = {}
    members: dict[int, list[int]] = defaultdict(list)
    for work in works:
        if work.order_id is not None:
            members[work.order_id].append(work.work_order_id)
        if work.due_at is None or work.end_ms is None:
            continue
        late = (work.end_ms - int(work.due_at.timestamp() * 1_000)) // MINUTE_MS
        if work.order_id is None:
            alone[work.work_order_id] = late
        else:
            of_order[work.order_id].append(late)
    for order, late_ones in of_order.items():
        alone |= dict.fromkeys(members[order], max(late_ones))
    return alone


def _bar(row: _BarRow, work: _WorkRow | None, lateness: Mapping[int, int]) -> PlanBar:
    state = operation_state(OperationState(row.state), cancelled=row.cancelled, runs=row.runs)
    due_at = row.due_at or (work.due_at if work else None)
    begun_ms = row.started_ms if row.runs > 0 else None
    machines = [row.projected_machine, row.real_machine]
    if row.ended_ms is not None:
        machines.reverse()
    return PlanBar(
        operation_id=row.id,
        work_order=row.work_order,
        operation=row.number,
        name=row.name,
        item=row.item,
        family=row.family,
        customer=work.customer if work else None,
        order_number=work.order_number if work else None,
        priority=work.priority if work else 0,
        state=state,
        machine=row.machine,
        setup_start=rfc3339_ms(row.setup_start_ms),
        start=rfc3339_ms(row.start_ms),
        end=rfc3339_ms(row.end_ms),
        pin=row.pin,
        on_hold=row.on_hold,
        projected_machine=machines[0] or machines[1],
        projected_start=rfc3339_ms(begun_ms if begun_ms is not None else row.projected_start_ms),
        projected_end=rfc3339_ms(
            row.ended_ms if row.ended_ms is not None else row.projected_end_ms
        ),
        quantity_ordered=float(row.quantity) if row.quantity is not None else None,
        good_pieces=int(row.good),
        due=rfc3339(due_at),
        lateness_minutes=lateness.get(row.work_order_id),
        after=[row.before] if row.before is not None else [],
        needs=row.needs,
    )


# What is over stands in no plan in force any more: the last version that held it says where it was
# planned.
_BARS = """
SELECT o.id, o.work_order_id, w.number AS work_order, o.number, o.name,
       coalesce(i.name, w.item_text) AS item, i.setup_family AS family, o.state,
       w.cancelled_at IS NOT NULL AS cancelled, o.runs,
       coalesce(o.quantity, w.quantity_ordered, o.requested) AS quantity, o.good_pieces AS good,
       o.started_ms, CASE WHEN o.state IN ('completed', 'aborted') THEN o.ended_ms END AS ended_ms,
       w.due_at, m.path AS machine, coalesce(a.setup_start_ms, b.setup_start_ms) AS setup_start_ms,
       coalesce(a.start_ms, b.start_ms) AS start_ms, coalesce(a.end_ms, b.end_ms) AS end_ms, a.pin,
       w.id IN (SELECT id FROM work_orders_on_hold) AS on_hold, r.path AS real_machine,
       q.path AS projected_machine, e.start_ms AS projected_start_ms, e.end_ms AS projected_end_ms,
       lag(o.id) OVER (PARTITION BY o.work_order_id ORDER BY o.number) AS before, o.needs
FROM operations o
JOIN work_orders w ON w.id = o.work_order_id
LEFT JOIN items i ON i.id = w.item_id
LEFT JOIN plan_operations a ON a.plan_id = %(plan)s AND a.operation_id = o.id
LEFT JOIN LATERAL (
    SELECT p.machine_id, p.setup_start_ms, p.start_ms, p.end_ms
    FROM plan_operations p JOIN plans v ON v.id = p.plan_id AND v.state = 'superseded'
    WHERE p.operation_id = o.id AND o.state IN ('completed', 'aborted') AND a.plan_id IS NULL
    ORDER BY v.id DESC LIMIT 1
) b ON true
LEFT JOIN machines m ON m.id = coalesce(a.machine_id, b.machine_id)
LEFT JOIN LATERAL (
    SELECT c.machine_id FROM contributions c WHERE c.operation_id = o.id AND o.runs > 0
    ORDER BY c.change_e DESC NULLS LAST, c.machine_id LIMIT 1
) c ON true
LEFT JOIN machines r ON r.id = c.machine_id
LEFT JOIN operation_projections e ON e.operation_id = o.id
LEFT JOIN machines q ON q.id = e.machine_id
WHERE o.id = ANY(%(ids)s)
ORDER BY o.id
"""

# Per work order the first order line by due date; with the work orders of the same orders. The end
# is known when everything open has a projection, or when all of it is over.
_WORKS = """
WITH wanted AS (
    SELECT unnest(%(works)s::bigint[]) AS id
), customers_orders AS (
    SELECT DISTINCT l.order_id
    FROM wanted JOIN pegs p ON p.work_order_id = wanted.id
    JOIN order_lines l ON l.id = p.order_line_id
), works AS (
    SELECT id FROM wanted
    UNION SELECT p.work_order_id
    FROM customers_orders r JOIN order_lines l ON l.order_id = r.order_id
    JOIN pegs p ON p.order_line_id = l.id
), ends AS (
    SELECT o.work_order_id,
           CASE WHEN bool_and(e.operation_id IS NOT NULL
                              OR o.state IN ('completed', 'aborted', 'cancelled'))
                THEN max(coalesce(e.end_ms, o.ended_ms)) END AS end_ms
    FROM works k JOIN operations o ON o.work_order_id = k.id
    LEFT JOIN operation_projections e ON e.operation_id = o.id
    GROUP BY o.work_order_id
)
SELECT w.id AS work_order_id, d.order_id, d.order_number, d.customer,
       coalesce(d.priority, 0) AS priority, coalesce(w.due_at, d.due_at) AS due_at, ends.end_ms
FROM works k
JOIN work_orders w ON w.id = k.id
LEFT JOIN ends ON ends.work_order_id = w.id
LEFT JOIN LATERAL (
    SELECT r.id AS order_id, r.number AS order_number, c.name AS customer, r.priority, l.due_at
    FROM pegs p
    JOIN order_lines l ON l.id = p.order_line_id
    JOIN orders r ON r.id = l.order_id
    JOIN customers c ON c.id = r.customer_id
    WHERE p.work_order_id = w.id AND l.state <> 'cancelled'
    ORDER BY l.due_at NULLS LAST, l.id LIMIT 1
) d ON true
"""
