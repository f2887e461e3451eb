"""Operations as tiles and terminals show them, and which one comes next on a machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from contracts.live import CurrentOperation, TerminalView
from contracts.telemetry import OperationState
from domain import progress
from domain.orders import operation_state
from store.database import Connection
from store.live_times import rfc3339, rfc3339_ms, to_minute

QUEUE_LENGTH = 50
"""Operations that a terminal offers at most."""


class NextOperations:
    """The next operation of each machine, kept for as long as its current one stays the same."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int | None, CurrentOperation | None]] = {}

    def clear(self) -> None:
        """Forget: work was planned, released or cancelled."""
        self._known.clear()

    def missing(self, current: Mapping[int, int | None]) -> list[int]:
        """The machines of which nothing is known for the operation they now have."""
        return [
            machine
            for machine, operation in current.items()
            if machine not in self._known or self._known[machine][0] != operation
        ]

    def learn(
        self, current: Mapping[int, int | None], found: Mapping[int, CurrentOperation]
    ) -> None:
        """Remember what was found for machines; what was not found is known to be nothing."""
        for machine, operation in current.items():
            self._known[machine] = (operation, found.get(machine))

    def of(self, machine: int) -> CurrentOperation | None:
        """The next operation of a machine."""
        return self._known[machine][1]


class ShownOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation's row. `projected_ms` is its end in the projection of the plan in force."""

    id: int
    machine_id: int | None
    work_order: str
    number: int
    name: str | None
    item: str | None
    customer: str | None
    order_number: str | None
    state: str
    cancelled: bool
    runs: int
    quantity: Decimal | None
    good: Decimal
    scrap: Decimal
    cycle_ms: int | None
    setup_ms: int
    started_ms: int | None
    due_at: datetime | None
    projected_ms: int | None
    work_projected_ms: int | None
    closing: str | None
    closing_reason: str | None
    closing_seen_at: datetime | None
    closing_seen_by: str | None


async def next_operations(
    connection: Connection, machine_ids: Collection[int], *, now_ms: int
) -> dict[int, CurrentOperation]:
    """The next operation of each machine, of those that were never started.

    The plan in force says which; what it does not hold comes after that, by due date.
    """
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (o.machine_id) o.machine_id, o.id
        FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id
        LEFT JOIN plans v ON v.scope = coalesce(s.planning_scope, s.code) AND v.state = 'published'
        LEFT JOIN plan_operations a ON a.plan_id = v.id AND a.operation_id = o.id
        WHERE o.machine_id = ANY(%s) AND o.state IN ('planned', 'released') AND o.runs = 0
          AND w.cancelled_at IS NULL AND w.closing IS DISTINCT FROM 'stop'
        ORDER BY o.machine_id, a.start_ms NULLS LAST, w.due_at NULLS LAST, w.id, o.number
        """,
        (list(machine_ids),),
    )
    first: dict[int, int] = dict(await cursor.fetchall())
    operations = await read_operations(connection, list(first.values()))
    return {
        machine: shown(operations[operation], None, now_ms) for machine, operation in first.items()
    }


async def terminal_view(connection: Connection, machine_id: int, *, now_ms: int) -> TerminalView:
    """What may be started or resumed at a machine: begun work, the plan's, the rest by due date."""
    cursor = await connection.execute(
        """
        SELECT o.id
        FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id
        LEFT JOIN plans v ON v.scope = coalesce(s.planning_scope, s.code) AND v.state = 'published'
        LEFT JOIN plan_operations a ON a.plan_id = v.id AND a.operation_id = o.id
        WHERE (o.machine_id = %(machine)s OR (o.machine_id IS NULL AND o.id IN
                 (SELECT operation_id FROM contributions WHERE machine_id = %(machine)s)))
          AND o.state NOT IN ('completed', 'aborted', 'cancelled')
          AND (w.cancelled_at IS NULL AND w.closing IS DISTINCT FROM 'stop' OR o.runs > 0)
        ORDER BY o.runs = 0, a.start_ms NULLS LAST, w.due_at NULLS LAST, w.id, o.number
        LIMIT %(limit)s
        """,
        {"machine": machine_id, "limit": QUEUE_LENGTH},
    )
    ids = [row[0] for row in await cursor.fetchall()]
    operations = await read_operations(connection, ids)
    return TerminalView(operations=[shown(operations[i], None, now_ms) for i in ids])


async def read_operations(
    connection: Connection, ids: Collection[int]
) -> dict[int, ShownOperation]:
    """Operations by id."""
    if not ids:
        return {}
    async with connection.cursor(row_factory=class_row(ShownOperation)) as cursor:
        await cursor.execute(
            """
            SELECT o.id, o.machine_id, w.number AS work_order, o.number, o.name,
                   coalesce(i.name, w.item_text) AS item, d.customer, d.order_number, o.state,
                   w.cancelled_at IS NOT NULL AS cancelled, o.runs,
                   coalesce(o.quantity, w.quantity_ordered, o.requested) AS quantity,
                   o.good_pieces AS good, o.scrap_pieces AS scrap, o.cycle_ms, o.setup_ms,
                   o.started_ms, coalesce(w.due_at, d.due_at) AS due_at,
                   e.end_ms AS projected_ms,
                   (SELECT max(q.end_ms) FROM operations k
                    JOIN operation_projections q ON q.operation_id = k.id
                    WHERE k.work_order_id = w.id) AS work_projected_ms,
                   w.closing, w.closing_reason, w.closing_seen_at, w.closing_seen_by
            FROM operations o
            JOIN work_orders w ON w.id = o.work_order_id
            LEFT JOIN operation_projections e ON e.operation_id = o.id
            LEFT JOIN items i ON i.id = w.item_id
            LEFT JOIN LATERAL (
                SELECT r.number AS order_number, c.name AS customer, l.due_at
                FROM pegs p
                JOIN order_lines l ON l.id = p.order_line_id
                JOIN orders r ON r.id = l.order_id
                JOIN customers c ON c.id = r.customer_id
                WHERE p.work_order_id = w.id
                ORDER BY l.due_at NULLS LAST, l.id LIMIT 1
            ) d ON true
            WHERE o.id = ANY(%s)
            """,
            (list(ids),),
        )
        return {row.id: row for row in await cursor.fetchall()}


def shown(
    operation: ShownOperation, slots: Mapping[int, int] | None, now_ms: int
) -> CurrentOperation:
    """An operation as a tile or a terminal shows it.

    Args:
        operation: its row.
        slots: the good pieces of its machine within the last hour, where it is the current one.
        now_ms: the time of asking.
    """
    figures = _figures(operation, slots, now_ms)
    return CurrentOperation(
        work_order=operation.work_order,
        operation=operation.number,
        name=operation.name,
        item=operation.item,
        customer=operation.customer,
        order_number=operation.order_number,
        state=figures.state,
        quantity_ordered=float(operation.quantity) if operation.quantity is not None else None,
        good_pieces=int(operation.good),
        scrap_pieces=int(operation.scrap),
        projected_end=_projected(operation, figures, now_ms) if figures.started else None,
        due=rfc3339(operation.due_at),
        started=rfc3339_ms(operation.started_ms),
        cycle_ms=operation.cycle_ms,
        work_projected_end=(
            rfc3339_ms(to_minute(max(operation.work_projected_ms, now_ms)))
            if operation.work_projected_ms is not None
            else None
        ),
        asked=None if figures.over else operation.closing,
        asked_because=None if figures.over else operation.closing_reason,
        asked_seen=None if figures.over else rfc3339(operation.closing_seen_at),
        asked_seen_by=None if figures.over else operation.closing_seen_by,
    )


def _figures(
    operation: ShownOperation, slots: Mapping[int, int] | None, now_ms: int
) -> progress.OperationFigures:
    observed = (
        progress.observed_cycle_ms(slots, started_ms=operation.started_ms, now_ms=now_ms)
        if slots is not None
        else None
    )
    return progress.OperationFigures(
        number=operation.number,
        state=operation_state(
            OperationState(operation.state), cancelled=operation.cancelled, runs=operation.runs
        ),
        good=operation.good,
        scrap=operation.scrap,
        runs=operation.runs,
        quantity=operation.quantity,
        cycle_ms=operation.cycle_ms,
        setup_ms=operation.setup_ms,
        started_ms=operation.started_ms,
        observed_ms=observed,
    )


def _projected(
    operation: ShownOperation, figures: progress.OperationFigures, now_ms: int
) -> str | None:
    """The projected end to the minute: finer would only make screens flicker.

    Where no plan is in force it comes from the pace alone.
    """
    if operation.projected_ms is not None and not figures.over:
        return rfc3339_ms(to_minute(max(operation.projected_ms, now_ms)))
    return rfc3339_ms(to_minute(progress.projected_end_ms([figures], now_ms)))
