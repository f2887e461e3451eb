"""Changing and cancelling orders: one transaction with the audit entry and the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number
from api.orders import views
from api.orders.rows import locked, refusals, state_of
from api.orders.schemas import (
    Cancellation,
    CancelledOrder,
    LineChange,
    Order,
    OrderChange,
)
from api.work_orders.service import ON_A_MACHINE, order_event
from domain.orders import Moved, Refused, cancel, change
from store import audit, orders, work_orders
from store.database import Connection
from store.errors import (
    ConflictError,
    UnknownReferenceError,
)
from store.orders import LineRow, OrderRow


async def change_order(
    context: Context, principal: Principal, number: str, wanted: OrderChange
) -> Order:
    """Change priority, quantities and due dates.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since `version`.
        UnknownReferenceError: it has no such line.
        ConflictError: a line's state does not allow it.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
        before: dict[str, Any] = {"lines": []}
        after: dict[str, Any] = {"lines": []}
        for index, line_change in enumerate(wanted.lines):
            line = _line(lines, line_change, index)
            old, new = await _change_line(connection, row, line, line_change)
            if new != old:
                before["lines"].append(old)
                after["lines"].append(new)
        if wanted.priority is not None and wanted.priority != row.priority:
            before["priority"], after["priority"] = row.priority, wanted.priority
        if before == after:
            return await views.order(context, connection, number)
        version = await orders.touch(connection, row.id, priority=wanted.priority)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OrderChanged",
            site_id=row.site_id,
            order_id=row.id,
            reason=wanted.reason,
            before=before,
            after=after,
        )
        pegs = await orders.pegs(connection, row.id)
        record = order_event(
            context,
            "OrderChanged",
            site=row.site,
            order_id=row.id,
            version=version,
            work_order_ids=sorted({peg.work_order_id for peg in pegs}),
        )
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, [record])
    return order


async def cancel_order(
    context: Context, principal: Principal, number: str, wanted: Cancellation
) -> CancelledOrder:
    """Give an order up. Operations not started are cancelled, running ones are left and named.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: no line of it can be cancelled any more.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
        decisions = [(line, cancel(line.state, wanted.reason)) for line in lines]
        moved = [(line, decision) for line, decision in decisions if isinstance(decision, Moved)]
        if not moved:
            raise ConflictError(f"order {number!r} cannot be cancelled: {refusals(decisions)}")
        for line, decision in moved:
            await orders.set_line_state(connection, line.id, decision.state)
        work_order_ids = await orders.work_orders_only_for(
            connection, [line.id for line, _ in moved]
        )
        await work_orders.cancel(connection, work_order_ids)
        version = await orders.touch(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OrderCancelled",
            site_id=row.site_id,
            order_id=row.id,
            reason=wanted.reason,
            before={"lines": [state_of(line, line.state) for line, _ in moved]},
            after={"lines": [state_of(line, decision.state) for line, decision in moved]},
        )
        record = order_event(
            context,
            "OrderCancelled",
            site=row.site,
            order_id=row.id,
            version=version,
            work_order_ids=work_order_ids,
        )
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, [record])
    running = [operation for operation in order.operations if operation.state in ON_A_MACHINE]
    return CancelledOrder(order=order, still_running=running)


def _line(lines: Sequence[LineRow], wanted: LineChange, index: int) -> LineRow:
    for line in lines:
        if line.number == wanted.number:
            return line
    raise UnknownReferenceError(
        f"lines[{index}].number", str(wanted.number), "the order has no such line"
    )


async def _change_line(
    connection: Connection, row: OrderRow, line: LineRow, wanted: LineChange
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change a line; answers what it was and what it is."""
    decision = change(line.state)
    if isinstance(decision, Refused):
        raise ConflictError(f"line {line.number} of {row.number!r}: {decision.reason}")
    quantity = wanted.quantity if wanted.quantity is not None else line.quantity
    due_at = wanted.due_at if "due_at" in wanted.model_fields_set else line.due_at
    old = {
        "number": line.number,
        "quantity": exact_number(line.quantity),
        "due_at": line.due_at,
    }
    new = {"number": line.number, "quantity": exact_number(quantity), "due_at": due_at}
    if old != new:
        await orders.change_line(connection, line.id, quantity=quantity, due_at=due_at)
    return old, new
