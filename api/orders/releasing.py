"""Handing orders to the floor: work orders from routings, pegged to the lines."""

from __future__ import annotations

from api.auth.principal import Principal
from api.context import Context
from api.orders import views
from api.orders.rows import locked, refusals, state_of
from api.orders.schemas import (
    Order,
)
from api.work_orders.service import order_event
from domain.orders import Moved, release
from store import audit, catalogue, orders, work_orders
from store.catalogue import with_preferred
from store.database import Connection
from store.errors import (
    ConflictError,
)
from store.orders import OrderRow
from store.work_orders import NewOperation, NewWorkOrder


async def release_order(context: Context, principal: Principal, number: str) -> Order:
    """Hand an order to the floor: a work order per line, from the item's routing at the site.

    Raises:
        NotFoundError: there is no such order.
        ConflictError: no line can be released, or an item has no routing at the site.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number)
        work_order_ids, version = await release_lines(connection, principal, row)
        record = order_event(
            context,
            "OrderReleased",
            site=row.site,
            order_id=row.id,
            version=version,
            work_order_ids=work_order_ids,
        )
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, [record])
    return order


async def release_lines(
    connection: Connection, principal: Principal, row: OrderRow
) -> tuple[list[int], int]:
    """Release the lines that can be; answers the new work orders and the order's version.

    Raises:
        ConflictError: no line can be released, or an item has no routing at the site.
    """
    lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
    decisions = [(line, release(line.state)) for line in lines]
    moved = [(line, decision) for line, decision in decisions if isinstance(decision, Moved)]
    if not moved:
        raise ConflictError(f"order {row.number!r} cannot be released: {refusals(decisions)}")
    routings = await catalogue.routings(connection, sorted({line.item_id for line, _ in moved}))
    work_order_ids, made = [], []
    for line, decision in moved:
        steps = [step for step in routings[line.item_id] if step.site == row.site]
        if not steps:
            raise ConflictError(
                f"line {line.number}: the item {line.item!r} has no routing at {row.site!r}"
            )
        new = NewWorkOrder(
            site_id=row.site_id,
            number=None,
            item_id=line.item_id,
            quantity_ordered=line.quantity,
            unit=line.unit,
            due_at=line.due_at,
        )
        stored = await work_orders.insert(connection, new)
        assert stored is not None  # noqa: S101 - its number was drawn
        work_order_id, number = stored
        operations = [
            NewOperation(
                number=step.number,
                name=step.name,
                machine_id=step.machine_id,
                cycle_ms=step.cycle_ms,
                setup_ms=step.setup_ms,
                quantity=line.quantity,
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
        await orders.peg(
            connection, line_id=line.id, work_order_id=work_order_id, quantity=line.quantity
        )
        await orders.set_line_state(connection, line.id, decision.state)
        work_order_ids.append(work_order_id)
        made.append({**state_of(line, decision.state), "work_order": number})
    version = await orders.touch(connection, row.id)
    await audit.write(
        connection,
        actor=principal.actor,
        action="OrderReleased",
        site_id=row.site_id,
        order_id=row.id,
        before={"lines": [state_of(line, line.state) for line, _ in moved]},
        after={"lines": made},
    )
    return work_order_ids, version
