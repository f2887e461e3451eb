"""Taking orders in: one transaction with the audit entry and the event."""

from __future__ import annotations

import hashlib

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.orders import views
from api.orders.releasing import release_lines
from api.orders.rows import locked
from api.orders.schemas import (
    NewOrder,
    Order,
)
from api.work_orders.service import order_event
from domain.orders import LineState
from store import audit, catalogue, machines, orders
from store.database import Connection
from store.errors import (
    ConflictError,
    UnknownReferenceError,
)
from store.orders import NewLine
from store.orders import NewOrder as NewRow


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
            row = await locked(connection, principal, number)
            work_order_ids, version = await release_lines(connection, principal, row)
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
