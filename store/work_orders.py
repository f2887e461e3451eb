"""Work orders and their operations: planned here, progressed by the telemetry agent.

The agent alone writes `operations.state` and the pieces; the planning side writes the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from store.catalogue import HANDLED, Alternative, Handling, handling_of
from store.database import Connection
from store.filters import Filters, Page


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A planner's word: an operation stays on a machine, and does not start before a moment."""

    machine: str
    not_before: datetime | None
    turn: int | None
    reason: str | None
    locked_by: str
    locked_at: datetime


class OperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operation. `state` is the join's word; `quantity` is what is to be made here."""

    id: int
    work_order_id: int
    site: str
    work_order: str
    number: int
    name: str | None
    machine: str | None
    planned: bool
    cancelled: bool
    released: bool
    on_hold: bool
    state: str
    runs: int
    good_pieces: Decimal
    scrap_pieces: Decimal
    quantity: Decimal | None
    cycle_ms: int | None
    setup_ms: int
    started_ms: int | None
    ended_ms: int | None
    alternatives: tuple[Alternative, ...]
    handling: Handling
    lock: Lock | None


class WorkOrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """A work order with what its operations have come to; states in the order of their numbers."""

    id: int
    site: str
    number: str
    external_source: str | None
    external_id: str | None
    item: str | None
    setup_family: str | None
    quantity_ordered: Decimal | None
    unit: str
    due_at: datetime | None
    not_before: datetime | None
    planned: bool
    cancelled: bool
    version: int
    good_pieces: Decimal
    scrap_pieces: Decimal


class NewWorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A work order to be stored; without `number` one is drawn."""

    site_id: int
    number: str | None
    external_source: str | None = None
    external_id: str | None = None
    item_id: int | None = None
    quantity_ordered: Decimal | None = None
    unit: str = "pcs"
    due_at: datetime | None = None
    not_before: datetime | None = None
    intake_digest: bytes | None = None


class NewOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation to be stored."""

    number: int
    name: str | None
    machine_id: int | None
    cycle_ms: int | None
    setup_ms: int
    quantity: Decimal | None
    alternatives: Sequence[Alternative] = ()
    """Every machine that may do it, `machine_id` included; none: it has no choice."""
    handling: Handling = Handling()


class StoredWorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What an intake has to know of a work order that is there already."""

    id: int
    site_id: int
    number: str
    planned: bool
    cancelled: bool
    intake_digest: bytes | None


# The rule of `domain.orders.operation_state` and `work_order_state`, for filters; a test holds the
# two together.
_OPERATION_STATE: Final = """
    CASE WHEN w.cancelled_at IS NOT NULL AND o.runs = 0 AND o.state IN ('planned', 'released')
         THEN 'cancelled' ELSE o.state END
"""
_WORK_ORDER_STATE: Final = """
    (SELECT CASE
        WHEN bool_or(state = 'running') THEN 'running'
        WHEN bool_or(state = 'paused') THEN 'paused'
        WHEN bool_or(state = 'interrupted') THEN 'interrupted'
        WHEN bool_and(state = 'completed') THEN 'completed'
        WHEN w.cancelled_at IS NOT NULL THEN 'cancelled'
        WHEN NOT coalesce(bool_or(state IN ('completed', 'aborted')), false) THEN 'planned'
        WHEN NOT bool_or(state = 'aborted') THEN 'running'
        WHEN bool_and(state IN ('completed', 'aborted')) THEN 'aborted'
        ELSE 'interrupted' END
     FROM (SELECT CASE WHEN w.cancelled_at IS NOT NULL AND o.runs = 0
                            AND o.state IN ('planned', 'released')
                       THEN 'cancelled' ELSE o.state END AS state
           FROM operations o WHERE o.work_order_id = w.id) AS states)
"""

_OPERATION: Final = sql.SQL(
    """
    SELECT o.id, o.work_order_id, s.code AS site, w.number AS work_order, o.number, o.name,
           coalesce(m.path, (
               SELECT ran.path FROM contributions c JOIN machines ran ON ran.id = c.machine_id
               WHERE c.operation_id = o.id
               ORDER BY c.change_e DESC NULLS LAST, ran.path LIMIT 1)) AS machine,
           o.planned, w.cancelled_at IS NOT NULL AS cancelled,
           w.planned AND o.planned AND w.cancelled_at IS NULL AS released,
           w.id IN (SELECT id FROM work_orders_on_hold) AS on_hold,
           o.state, o.runs, o.good_pieces, o.scrap_pieces,
           coalesce(o.quantity, o.requested, w.quantity_ordered) AS quantity,
           o.cycle_ms, o.setup_ms, o.started_ms, o.ended_ms,
           (SELECT jsonb_agg(jsonb_build_object(
                'machine', am.path, 'machine_id', a.machine_id,
                'cycle_ms', a.cycle_ms, 'setup_ms', a.setup_ms) ORDER BY am.path)
            FROM operation_alternatives a JOIN machines am ON am.id = a.machine_id
            WHERE a.operation_id = o.id) AS alternatives,
           o.interruptible, o.transfer_batch, o.wait_ms, o.batch_family, o.batch_room, o.needs,
           (SELECT jsonb_build_object(
                'machine', lm.path, 'not_before', k.not_before, 'turn', k.turn,
                'reason', k.reason, 'locked_by', k.locked_by, 'locked_at', k.locked_at)
            FROM operation_locks k JOIN machines lm ON lm.id = k.machine_id
            WHERE k.operation_id = o.id) AS lock
    FROM operations o
    JOIN work_orders w ON w.id = o.work_order_id
    JOIN sites s ON s.id = w.site_id
    LEFT JOIN machines m ON m.id = o.machine_id
    """
)

_WORK_ORDER: Final = sql.SQL(
    """
    SELECT w.id, s.code AS site, w.number, w.external_source,
           coalesce(w.external_id, CASE WHEN NOT w.planned THEN w.number END) AS external_id,
           coalesce(i.code, w.item_text) AS item, i.setup_family,
           coalesce(w.quantity_ordered, made.requested) AS quantity_ordered, w.unit, w.due_at,
           w.not_before, w.planned, w.cancelled_at IS NOT NULL AS cancelled, w.version,
           coalesce(made.good_pieces, 0) AS good_pieces,
           coalesce(made.scrap_pieces, 0) AS scrap_pieces
    FROM (SELECT w.* FROM work_orders w JOIN sites s ON s.id = w.site_id {where}
          ORDER BY s.code, w.number LIMIT %(limit)s OFFSET %(offset)s) AS w
    JOIN sites s ON s.id = w.site_id
    LEFT JOIN items i ON i.id = w.item_id
    LEFT JOIN LATERAL (
        SELECT (array_agg(o.good_pieces ORDER BY o.number DESC))[1] AS good_pieces,
               sum(o.scrap_pieces) AS scrap_pieces, max(o.requested) AS requested
        FROM operations o WHERE o.work_order_id = w.id) AS made ON true
    ORDER BY s.code, w.number
    """
)


async def operations(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    work_order: str | None = None,
    machine: str | None = None,
    state: str | None = None,
    limited_to: Collection[str] = (),
    lines: Collection[str] = (),
) -> tuple[list[OperationRow], int]:
    """Operations by work order and number, and how many there are.

    `machine` finds those planned on it and those that ran on it, `lines` likewise those of the
    lines' machines; `state` is the one people see.
    """
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("w.number = %(work_order)s", work_order=work_order)
    filters.add(
        """(o.machine_id = (SELECT id FROM machines WHERE path = %(machine)s) OR EXISTS (
            SELECT FROM contributions c JOIN machines ran ON ran.id = c.machine_id
            WHERE c.operation_id = o.id AND ran.path = %(machine)s))""",
        machine=machine,
    )
    filters.add(f"({_OPERATION_STATE}) = %(state)s", state=state)
    filters.limit_to_sites(limited_to)
    filters.add(
        """EXISTS (
            SELECT FROM machines lm JOIN sites ls ON ls.id = lm.site_id
            WHERE ls.code || '/' || lm.area || '/' || lm.line = ANY(%(lines)s)
              AND (lm.id = o.machine_id OR EXISTS (
                  SELECT FROM contributions c
                  WHERE c.operation_id = o.id AND c.machine_id = lm.id)))""",
        lines=list(lines) or None,
    )
    cursor = connection.cursor(row_factory=kwargs_row(_operation))
    await cursor.execute(
        _OPERATION
        + filters.where
        + sql.SQL(" ORDER BY w.number, o.number, s.code LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL(
            """
            SELECT count(*) FROM operations o JOIN work_orders w ON w.id = o.work_order_id
            JOIN sites s ON s.id = w.site_id
            """
        )
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def operations_of(
    connection: Connection, work_order_ids: Sequence[int]
) -> dict[int, list[OperationRow]]:
    """The operations of work orders, by work order, in the order of their numbers."""
    cursor = connection.cursor(row_factory=kwargs_row(_operation))
    await cursor.execute(
        _OPERATION + sql.SQL(" WHERE o.work_order_id = ANY(%s) ORDER BY o.work_order_id, o.number"),
        (list(work_order_ids),),
    )
    found: dict[int, list[OperationRow]] = {id_: [] for id_ in work_order_ids}
    for row in await cursor.fetchall():
        found[row.work_order_id].append(row)
    return found


async def work_orders(
    connection: Connection,
    page: Page,
    *,
    work_order_id: int | None = None,
    site: str | None = None,
    external_source: str | None = None,
    state: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[WorkOrderRow], int]:
    """Work orders by site and number, and how many there are."""
    filters = Filters()
    filters.add("w.id = %(work_order_id)s", work_order_id=work_order_id)
    filters.add("s.code = %(site)s", site=site)
    filters.add("w.external_source = %(external_source)s", external_source=external_source)
    filters.add(f"{_WORK_ORDER_STATE} = %(state)s", state=state)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(WorkOrderRow))
    await cursor.execute(
        _WORK_ORDER.format(where=filters.where), {**filters.parameters, **page.parameters}
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM work_orders w JOIN sites s ON s.id = w.site_id")
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def lock(
    connection: Connection,
    *,
    work_order_id: int | None = None,
    site_id: int | None = None,
    number: str | None = None,
    external: tuple[str, str] | None = None,
) -> StoredWorkOrder | None:
    """A work order by its id, its number or its external id at a site; locked."""
    filters = Filters()
    filters.add("w.id = %(id)s", id=work_order_id)
    filters.add("w.site_id = %(site_id)s", site_id=site_id)
    filters.add("w.number = %(number)s", number=number)
    if external is not None:
        filters.add(
            "w.external_source = %(source)s AND w.external_id = %(external_id)s",
            source=external[0],
            external_id=external[1],
        )
    cursor = connection.cursor(row_factory=class_row(StoredWorkOrder))
    await cursor.execute(
        sql.SQL(
            """
            SELECT w.id, w.site_id, w.number, w.planned, w.cancelled_at IS NOT NULL AS cancelled,
                   w.intake_digest
            FROM work_orders w
            """
        )
        + filters.where
        + sql.SQL(" FOR UPDATE"),
        filters.parameters,
    )
    return await cursor.fetchone()


async def insert(connection: Connection, new: NewWorkOrder) -> tuple[int, str] | None:
    """Store a planned work order; answers its id and number, or None when it is there already.

    Somebody else's insertion of the same one that is still under way is waited for.
    """
    while True:
        number = new.number or await _draw_number(connection)
        cursor = await connection.execute(
            """
            INSERT INTO work_orders
                (site_id, number, external_source, external_id, item_id, quantity_ordered, unit,
                 due_at, not_before, intake_digest, planned)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true)
            ON CONFLICT DO NOTHING RETURNING id
            """,
            (
                new.site_id,
                number,
                new.external_source,
                new.external_id,
                new.item_id,
                new.quantity_ordered,
                new.unit,
                new.due_at,
                new.not_before,
                new.intake_digest,
            ),
        )
        row = await cursor.fetchone()
        if row is not None:
            return row[0], number
        if new.number is not None or new.external_id is not None:
            return None


async def adopt(connection: Connection, work_order_id: int, new: NewWorkOrder) -> None:
    """Plan a work order that the floor had named before anybody planned it."""
    await connection.execute(
        """
        UPDATE work_orders
        SET planned = true, external_source = coalesce(%s, external_source),
            external_id = coalesce(%s, external_id), item_id = %s, quantity_ordered = %s,
            unit = %s, due_at = %s, not_before = %s, intake_digest = %s, version = version + 1
        WHERE id = %s
        """,
        (
            new.external_source,
            new.external_id,
            new.item_id,
            new.quantity_ordered,
            new.unit,
            new.due_at,
            new.not_before,
            new.intake_digest,
            work_order_id,
        ),
    )


async def put_operations(
    connection: Connection, work_order_id: int, new: Sequence[NewOperation]
) -> None:
    """Plan operations of a work order, also those that the floor had named before."""
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO operations AS o
            (work_order_id, number, name, planned, machine_id, cycle_ms, setup_ms, quantity,
             interruptible, transfer_batch, wait_ms, batch_family, batch_room, needs)
        VALUES (%s, %s, %s, true, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (work_order_id, number) DO UPDATE
        SET planned = true, name = excluded.name, machine_id = excluded.machine_id,
            cycle_ms = excluded.cycle_ms, setup_ms = excluded.setup_ms,
            quantity = excluded.quantity, interruptible = excluded.interruptible,
            transfer_batch = excluded.transfer_batch, wait_ms = excluded.wait_ms,
            batch_family = excluded.batch_family, batch_room = excluded.batch_room,
            needs = excluded.needs, version = o.version + 1
        """,
        [
            (
                work_order_id,
                one.number,
                one.name,
                one.machine_id,
                one.cycle_ms,
                one.setup_ms,
                one.quantity,
                one.handling.interruptible,
                one.handling.transfer_batch,
                one.handling.wait_ms,
                one.handling.batch_family,
                one.handling.batch_room,
                list(one.handling.needs),
            )
            for one in sorted(new, key=lambda operation: operation.number)
        ],
    )
    await connection.execute(
        """
        DELETE FROM operation_alternatives a USING operations o
        WHERE a.operation_id = o.id AND o.work_order_id = %s AND o.number = ANY(%s)
        """,
        (work_order_id, [o.number for o in new]),
    )
    await cursor.executemany(
        """
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT id, %s, %s, %s FROM operations WHERE work_order_id = %s AND number = %s
        """,
        [
            (other.machine_id, other.cycle_ms, other.setup_ms, work_order_id, operation.number)
            for operation in new
            for other in operation.alternatives
        ],
    )


async def cancel(connection: Connection, work_order_ids: Sequence[int]) -> None:
    """Mark work orders as cancelled; what runs is left to the floor."""
    await connection.execute(
        """
        UPDATE work_orders SET cancelled_at = coalesce(cancelled_at, now()), version = version + 1
        WHERE id = ANY(%s)
        """,
        (list(work_order_ids),),
    )


class Barred(msgspec.Struct, frozen=True, kw_only=True):
    """Why a work order may not be begun or gone on with.

    Attributes:
        cancelled: it was cancelled.
        stopping: the floor is asked to stop it; `reason` says why.
    """

    cancelled: bool
    stopping: bool
    reason: str | None


async def barred(connection: Connection, site_id: int, number: str) -> Barred:
    """What keeps a site's work order from being worked on; one that nobody knows is free."""
    cursor = await connection.execute(
        """
        SELECT cancelled_at IS NOT NULL, closing IS NOT DISTINCT FROM 'stop', closing_reason
        FROM work_orders WHERE site_id = %s AND number = %s
        """,
        (site_id, number),
    )
    row = await cursor.fetchone()
    if row is None:
        return Barred(cancelled=False, stopping=False, reason=None)
    return Barred(cancelled=row[0], stopping=row[1], reason=row[2])


async def acknowledge_closing(
    connection: Connection, site_id: int, number: str, *, by: str, now: datetime
) -> str | None:
    """Note that what is asked of the floor was seen; answers what that is. None: nothing is asked.

    Who saw it first stays.
    """
    cursor = await connection.execute(
        """
        UPDATE work_orders SET closing_seen_at = coalesce(closing_seen_at, %s),
               closing_seen_by = coalesce(closing_seen_by, %s)
        WHERE site_id = %s AND number = %s AND closing IS NOT NULL RETURNING closing
        """,
        (now, by, site_id, number),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


def _operation(
    *, alternatives: list[dict[str, Any]] | None, lock: dict[str, Any] | None, **columns: Any
) -> OperationRow:
    handling = {name: columns.pop(name) for name in HANDLED}
    return OperationRow(
        alternatives=msgspec.convert(alternatives or [], tuple[Alternative, ...]),
        handling=handling_of(**handling),
        lock=None if lock is None else msgspec.convert(lock, Lock),
        **columns,
    )


async def _draw_number(connection: Connection) -> str:
    cursor = await connection.execute("SELECT nextval('work_order_numbers')")
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a sequence gives a number
    return f"WO-{row[0]:06d}"
