"""The rows that a planning problem is made of: one snapshot, a few set-based readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row

from contracts.telemetry import OperationState
from domain import progress
from domain.plan.problem import SetupTime
from store.database import Connection

STARTED: Final = (OperationState.RUNNING, OperationState.PAUSED, OperationState.INTERRUPTED)


class OperationRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An operation that is not over, with what its work order says of it."""

    id: int
    site_id: int
    work_order_id: int
    work_order: str
    number: int
    state: str
    cancelled: bool
    on_hold: bool
    quantity: Decimal | None
    good: Decimal
    machine_id: int | None
    cycle_ms: int | None
    setup_ms: int
    started_ms: int | None
    family: str | None
    due_ms: int | None
    not_before_ms: int | None
    rested_ms: int | None
    """When the pieces of the operations before it that are over have cooled, dried, travelled."""
    interruptible: bool
    transfer_batch: Decimal | None
    wait_ms: int
    batch_family: str | None
    batch_room: Decimal
    needs: list[str]

    @property
    def started(self) -> bool:
        """Whether the floor has begun it; it may stand still now."""
        return self.state in STARTED

    @property
    def remaining(self) -> Decimal | None:
        """Pieces that are still to be made; None when nobody said how many."""
        return None if self.quantity is None else max(self.quantity - self.good, Decimal(0))


class Alternative(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine that may do an operation. Milliseconds per piece and per set-up."""

    machine_id: int
    cycle_ms: int
    setup_ms: int


class MachineRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine of the scope, and what it is doing."""

    id: int
    site_id: int
    path: str
    state: str
    state_since_ms: int | None
    operation_id: int | None
    family: str | None
    batch_capacity: Decimal | None
    needs: list[str]


class PegRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An open order line that a work order is meant for."""

    work_order_id: int
    order_id: int
    order: str
    site_id: int
    priority: int
    due_ms: int | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a started operation stands, and when it last changed there."""

    machine_id: int
    changed_ms: int


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """Read everything as of one moment; a transaction that the caller is in already is used."""
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        yield
        return
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def operations(connection: Connection, site_ids: Collection[int]) -> list[OperationRow]:
    """What is not over: released work, and whatever the floor has begun; by work order, number.

    Of a cancelled work order only what has begun is left. One that is on hold with its lines is
    told with all of its operations, and the mark.
    """
    cursor = connection.cursor(row_factory=class_row(OperationRow))
    await cursor.execute(
        """
        SELECT o.id, w.site_id, o.work_order_id, w.number AS work_order, o.number, o.state,
               w.cancelled_at IS NOT NULL AS cancelled,
               w.id IN (SELECT id FROM work_orders_on_hold) AS on_hold,
               -- What the floor is asked to stop holds its machine until it does, and no longer.
               CASE WHEN w.closing = 'stop' AND w.cancelled_at IS NOT NULL THEN o.good_pieces
                    ELSE coalesce(o.quantity, w.quantity_ordered, o.requested) END AS quantity,
               o.good_pieces AS good, o.machine_id, o.cycle_ms, o.setup_ms, o.started_ms,
               i.setup_family AS family,
               (extract(epoch FROM w.due_at) * 1000)::bigint AS due_ms,
               (extract(epoch FROM w.not_before) * 1000)::bigint AS not_before_ms,
               (SELECT max(d.ended_ms + d.wait_ms) FROM operations d
                WHERE d.work_order_id = o.work_order_id AND d.number < o.number
                  AND d.state = 'completed' AND d.wait_ms > 0) AS rested_ms,
               o.interruptible, o.transfer_batch, o.wait_ms, o.batch_family, o.batch_room, o.needs
        FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        LEFT JOIN items i ON i.id = w.item_id
        WHERE w.site_id = ANY(%s) AND o.state NOT IN ('completed', 'aborted', 'cancelled')
          AND (o.state IN ('running', 'paused', 'interrupted')
               OR (o.planned AND w.planned AND w.cancelled_at IS NULL))
        ORDER BY o.work_order_id, o.number
        """,
        (list(site_ids),),
    )
    return await cursor.fetchall()


async def alternatives(
    connection: Connection, operation_ids: Sequence[int]
) -> dict[int, list[Alternative]]:
    """The machines that may do operations, by operation; those with no choice are left out."""
    cursor = await connection.execute(
        """
        SELECT operation_id, machine_id, cycle_ms, setup_ms FROM operation_alternatives
        WHERE operation_id = ANY(%s) ORDER BY operation_id, machine_id
        """,
        (operation_ids,),
    )
    found: dict[int, list[Alternative]] = defaultdict(list)
    for operation_id, machine_id, cycle_ms, setup_ms in await cursor.fetchall():
        found[operation_id].append(
            Alternative(machine_id=machine_id, cycle_ms=cycle_ms, setup_ms=setup_ms)
        )
    return found


async def routed_needs(connection: Connection, site_ids: Collection[int]) -> list[str]:
    """The people and tools that routings of sites ask for, whether or not there is such work."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT unnest(t.needs) FROM routing_version_steps t
        JOIN routings r ON r.id = t.routing_id
        WHERE r.site_id = ANY(%s) AND r.retired_at IS NULL ORDER BY 1
        """,
        (list(site_ids),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def machines(connection: Connection, site_ids: Collection[int]) -> dict[int, MachineRow]:
    """The machines of sites, by id. They are set up for what changed its state there last."""
    cursor = connection.cursor(row_factory=class_row(MachineRow))
    await cursor.execute(
        """
        SELECT m.id, m.site_id, m.path, coalesce(s.state, 'offline') AS state, s.state_since_ms,
               s.operation_id, i.setup_family AS family, m.batch_capacity, m.needs
        FROM machines m
        LEFT JOIN machine_states s ON s.machine_id = m.id
        LEFT JOIN operations o ON o.id = coalesce(s.operation_id, (
            SELECT c.operation_id FROM contributions c
            WHERE c.machine_id = m.id AND c.change_e IS NOT NULL
            ORDER BY c.change_e DESC LIMIT 1))
        LEFT JOIN work_orders w ON w.id = o.work_order_id
        LEFT JOIN items i ON i.id = w.item_id
        WHERE m.site_id = ANY(%s)
        """,
        (list(site_ids),),
    )
    return {row.id: row for row in await cursor.fetchall()}


async def standings(
    connection: Connection, operation_ids: Sequence[int], machines: Mapping[int, MachineRow]
) -> dict[int, Standing]:
    """Where started operations stand: on the machine that has one now, else where it was last."""
    cursor = await connection.execute(
        """
        SELECT operation_id, machine_id, coalesce(change_e, named_e) FROM contributions
        WHERE operation_id = ANY(%s)
        """,
        (operation_ids,),
    )
    last: dict[int, tuple[bool, int, str, int]] = {}
    for operation_id, machine_id, changed_ms in await cursor.fetchall():
        if (machine := machines.get(machine_id)) is not None:
            here = machine.operation_id == operation_id
            place = (here, changed_ms, machine.path, machine_id)
            last[operation_id] = max(last.get(operation_id, place), place)
    return {
        operation_id: Standing(machine_id, changed_ms)
        for operation_id, (_, changed_ms, _, machine_id) in last.items()
    }


async def pegs(connection: Connection, work_order_ids: Sequence[int]) -> list[PegRow]:
    """The order lines that work orders are meant for and that still wait for something."""
    cursor = connection.cursor(row_factory=class_row(PegRow))
    await cursor.execute(
        """
        SELECT p.work_order_id, l.order_id, r.number AS order, r.site_id, r.priority,
               (extract(epoch FROM l.due_at) * 1000)::bigint AS due_ms
        FROM pegs p
        JOIN order_lines l ON l.id = p.order_line_id
        JOIN orders r ON r.id = l.order_id
        WHERE p.work_order_id = ANY(%s) AND l.state NOT IN ('produced', 'cancelled')
        ORDER BY p.work_order_id, p.id
        """,
        (work_order_ids,),
    )
    return await cursor.fetchall()


async def setups(connection: Connection, site_ids: Collection[int]) -> tuple[SetupTime, ...]:
    """The setup matrix of sites' machines."""
    cursor = await connection.execute(
        """
        SELECT t.machine_id, t.from_family, t.to_family, t.setup_ms
        FROM setup_times t JOIN machines m ON m.id = t.machine_id
        WHERE m.site_id = ANY(%s) ORDER BY t.machine_id, t.from_family, t.to_family
        """,
        (list(site_ids),),
    )
    return tuple([SetupTime(*row) for row in await cursor.fetchall()])


async def paces(
    connection: Connection,
    running: Sequence[tuple[OperationRow, MachineRow]],
    *,
    now_ms: int,
) -> dict[int, int]:
    """Milliseconds per good piece as seen in the last hour, by operation, where enough was seen.

    What a machine made before it went down says how fast it is; how long it has been down says
    when it will go on, and is counted there.
    """
    until = {
        machine.id: now_ms
        if machine.state == "running" or machine.state_since_ms is None
        else min(now_ms, machine.state_since_ms)
        for _, machine in running
    }
    if not until:
        return {}
    begins = [at - progress.HOUR_MS - progress.SLOT_MS for at in until.values()]
    cursor = await connection.execute(
        """
        SELECT p.machine_id, p.slot_ms, p.good::bigint
        FROM unnest(%s::integer[], %s::bigint[], %s::bigint[]) AS u (machine_id, since, until)
        JOIN piece_slots p ON p.machine_id = u.machine_id
             AND p.slot_ms >= u.since AND p.slot_ms <= u.until
        """,
        (list(until), begins, list(until.values())),
    )
    slots: dict[int, dict[int, int]] = defaultdict(dict)
    for machine_id, slot_ms, good in await cursor.fetchall():
        slots[machine_id][slot_ms] = good
    observed = {
        operation.id: progress.observed_cycle_ms(
            slots[machine.id], started_ms=operation.started_ms, now_ms=until[machine.id]
        )
        for operation, machine in running
    }
    return {operation: pace for operation, pace in observed.items() if pace}
