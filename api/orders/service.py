"""Orders: taking in, changing, releasing, cancelling. Each is one transaction with its event."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number
from api.orders import views
from api.orders.schemas import (
    Cancellation,
    CancelledOrder,
    LineChange,
    NewOrder,
    Order,
    OrderChange,
)
from api.work_orders.service import ON_A_MACHINE, order_event
from domain.orders import LineState, Moved, Refused, cancel, change, release
from store import audit, catalogue, machines, orders, work_orders
from store.catalogue import with_preferred
from store.database import Connection
from store.errors import (
    ConflictError,
    NotFoundError,
    StaleVersionError,
    UnknownReferenceError,
)
from store.orders import LineRow, NewLine, OrderRow
from store.orders import NewOrder as NewRow
from store.work_orders import NewOperation, NewWorkOrder


async def take_in(context: Context, principal: Principal, wanted: NewOrder) -> tuple[Order, bool]:
    """Take an order in; answers it, and whether it is new.

    Raises:
        UnknownReferenceError: it names something that does not exist.
        ConflictError: its number or its external id belongs to another order.
    """
    async with context.transaction() as connection:
        new, lines, site_code = await _resolve(connection, principal, wanted)
        stored = await orders.insert(connection, new)
        if stored is None:
            return await _known(context, principal, connection, new), False
        order_id, number = stored
        await orders.insert_lines(connection, order_id, lines, LineState.RECEIVED)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OrderReceived",
            site_id=new.site_id,
            order_id=order_id,
            after=wanted.model_dump(mode="json", exclude_none=True) | {"number": number},
        )
        records = [
            order_event(context, "OrderReceived", site=site_code, order_id=order_id, version=1)
        ]
        if wanted.release:
            row = await _locked(connection, principal, number)
            work_order_ids, version = await _release(connection, principal, row)
            records.append(
                order_event(
                    context,
                    "OrderReleased",
                    site=site_code,
                    order_id=order_id,
                    version=version,
                    work_order_ids=work_order_ids,
                )
            )
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    return order, True


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
        row = await _locked(connection, principal, number, version=wanted.version)
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


async def release_order(context: Context, principal: Principal, number: str) -> Order:
    """Hand an order to the floor: a work order per line, from the item's routing at the site.

    Raises:
        NotFoundError: there is no such order.
        ConflictError: no line can be released, or an item has no routing at the site.
    """
    async with context.transaction() as connection:
        row = await _locked(connection, principal, number)
        work_order_ids, version = await _release(connection, principal, row)
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
        row = await _locked(connection, principal, number, version=wanted.version)
        lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
        decisions = [(line, cancel(line.state, wanted.reason)) for line in lines]
        moved = [(line, decision) for line, decision in decisions if isinstance(decision, Moved)]
        if not moved:
            raise ConflictError(f"order {number!r} cannot be cancelled: {_refusals(decisions)}")
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
            before={"lines": [_state_of(line, line.state) for line, _ in moved]},
            after={"lines": [_state_of(line, decision.state) for line, decision in moved]},
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


async def _resolve(
    connection: Connection, principal: Principal, wanted: NewOrder
) -> tuple[NewRow, list[NewLine], str]:
    """The rows of an order, its names looked up."""
    if not principal.sees(wanted.site):
        raise UnknownReferenceError("site", wanted.site, "there is no such site")
    site = await machines.known_site(connection, wanted.site)
    customer = await catalogue.known_customer(connection, wanted.customer)
    lines = []
    for index, line in enumerate(wanted.lines):
        item = await catalogue.known_item(connection, line.item, field=f"lines[{index}].item")
        if line.unit is not None and line.unit != item.unit:
            problem = f"{line.item!r} is kept in {item.unit!r}"
            raise UnknownReferenceError(f"lines[{index}].unit", line.unit, problem)
        new = NewLine(
            number=index + 1,
            item_id=item.id,
            quantity=line.quantity,
            unit=item.unit,
            due_at=line.due_at,
        )
        lines.append(new)
    row = NewRow(
        site_id=site.id,
        customer_id=customer.id,
        number=wanted.number,
        external_source=wanted.external_source,
        external_id=wanted.external_id,
        customer_reference=wanted.customer_reference,
        priority=wanted.priority,
        intake_digest=_digest(wanted),
    )
    return row, lines, site.code


def _digest(wanted: NewOrder) -> bytes:
    """What was asked for, whatever the spelling of its numbers and times."""
    content = wanted.model_dump(mode="json", exclude_none=True)
    for shown, line in zip(content["lines"], wanted.lines, strict=True):
        shown["quantity"] = str(line.quantity.normalize())
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


async def _known(
    context: Context, principal: Principal, connection: Connection, new: NewRow
) -> Order:
    """The order that has this external id, when it is what is asked for again."""
    assert new.external_source is not None  # noqa: S101 - only these can be known
    assert new.external_id is not None  # noqa: S101 - likewise
    known = await orders.find(connection, external=(new.external_source, new.external_id))
    if known is None or known.intake_digest != new.intake_digest or not principal.sees(known.site):
        raise ConflictError(
            f"{new.external_source} {new.external_id!r} is known already, with another content"
        )
    return await views.order(context, connection, known.number)


async def _locked(
    connection: Connection, principal: Principal, number: str, *, version: int | None = None
) -> OrderRow:
    row = await orders.find(connection, number=number, for_update=True)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("order", number)
    if version is not None and version != row.version:
        raise StaleVersionError("order", number, expected=version, actual=row.version)
    return row


async def _release(
    connection: Connection, principal: Principal, row: OrderRow
) -> tuple[list[int], int]:
    """Release the lines that can be; answers the new work orders and the order's version."""
    lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
    decisions = [(line, release(line.state)) for line in lines]
    moved = [(line, decision) for line, decision in decisions if isinstance(decision, Moved)]
    if not moved:
        raise ConflictError(f"order {row.number!r} cannot be released: {_refusals(decisions)}")
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
        made.append({**_state_of(line, decision.state), "work_order": number})
    version = await orders.touch(connection, row.id)
    await audit.write(
        connection,
        actor=principal.actor,
        action="OrderReleased",
        site_id=row.site_id,
        order_id=row.id,
        before={"lines": [_state_of(line, line.state) for line, _ in moved]},
        after={"lines": made},
    )
    return work_order_ids, version


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


def _state_of(line: LineRow, state: LineState) -> dict[str, Any]:
    return {"number": line.number, "state": state}


def _refusals(decisions: Sequence[tuple[LineRow, object]]) -> str:
    return "; ".join(
        f"line {line.number}: {decision.reason}"
        for line, decision in decisions
        if isinstance(decision, Refused)
    )
