"""Making work orders for order lines, and telling the floor that some are wanted no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from domain.pegging.needs import Running
from store import orders, work_orders
from store.catalogue import StepRow, with_preferred
from store.database import Connection
from store.work_orders import NewOperation, NewWorkOrder


class LineSite(msgspec.Struct, frozen=True, kw_only=True):
    """The site that makes or delivers a line, and what its item belongs to."""

    line_id: int
    site_id: int
    site: str
    family: str | None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A work order to be made: how much, by when, and for which lines how much of it."""

    site_id: int
    item_id: int
    unit: str
    quantity: Decimal
    due_at: datetime | None
    pegs: Mapping[int, Decimal]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new work order."""

    id: int
    number: str
    pegs: Mapping[int, Decimal]


async def line_sites(connection: Connection, order_id: int) -> dict[int, LineSite]:
    """Where an order's lines are made, by line; without a word the order's site."""
    cursor = await connection.execute(
        """
        SELECT l.id, s.id, s.code, i.family
        FROM order_lines l
        JOIN orders o ON o.id = l.order_id
        JOIN sites s ON s.id = coalesce(l.site_id, o.site_id)
        JOIN items i ON i.id = l.item_id
        WHERE l.order_id = %s
        """,
        (order_id,),
    )
    return {
        line_id: LineSite(line_id=line_id, site_id=site_id, site=site, family=family)
        for line_id, site_id, site, family in await cursor.fetchall()
    }


async def make(connection: Connection, batch: Batch, steps: Sequence[StepRow]) -> Made:
    """Store a work order with the operations of a routing, pegged to the lines it is for."""
    stored = await work_orders.insert(
        connection,
        NewWorkOrder(
            site_id=batch.site_id,
            number=None,
            item_id=batch.item_id,
            quantity_ordered=batch.quantity,
            unit=batch.unit,
            due_at=batch.due_at,
        ),
    )
    assert stored is not None  # noqa: S101 - its number was drawn
    work_order_id, number = stored
    operations = [
        NewOperation(
            number=step.number,
            name=step.name,
            machine_id=step.machine_id,
            cycle_ms=step.cycle_ms,
            setup_ms=step.setup_ms,
            handling=step.handling,
            quantity=batch.quantity,
            alternatives=with_preferred(
                step.alternatives,
                machine=step.machine,
                machine_id=step.machine_id,
                cycle_ms=step.cycle_ms,
                setup_ms=step.setup_ms,
            ),
        )
        for step in steps
    ]
    await work_orders.put_operations(connection, work_order_id, operations)
    for line_id, quantity in sorted(batch.pegs.items()):
        await orders.peg(
            connection, line_id=line_id, work_order_id=work_order_id, quantity=quantity
        )
    return Made(id=work_order_id, number=number, pegs=batch.pegs)


async def give_up(
    connection: Connection,
    work_order_ids: Collection[int],
    *,
    started: Collection[int],
    running: Running,
    reason: str | None,
) -> list[int]:
    """Give up work orders that nobody wants any more; answers those that are cancelled.

    What has not begun is cancelled. Of what has begun the floor is asked to stop it, and it is
    cancelled too; or, by policy, to finish it for the stock.
    """
    unstarted = [id_ for id_ in work_order_ids if id_ not in started]
    begun = [id_ for id_ in work_order_ids if id_ in started]
    cancelled = sorted(unstarted + begun if running is Running.STOP else unstarted)
    await work_orders.cancel(connection, cancelled)
    if begun:
        await ask(connection, begun, running=running, reason=reason)
        if running is Running.TO_STOCK:
            await connection.execute(
                "UPDATE work_orders SET kind = 'stock', version = version + 1 WHERE id = ANY(%s)",
                (begun,),
            )
    return cancelled


async def ask(
    connection: Connection,
    work_order_ids: Collection[int],
    *,
    running: Running,
    reason: str | None,
) -> None:
    """Ask the floor to stop work, or to finish it for the stock; terminals show it."""
    await connection.execute(
        """
        UPDATE work_orders SET closing = %s, closing_at = now(), closing_reason = %s,
               closing_seen_at = NULL, closing_seen_by = NULL
        WHERE id = ANY(%s)
        """,
        (running.value, reason, list(work_order_ids)),
    )
