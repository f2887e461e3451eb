"""Saying which item or customer a document meant; the names are remembered."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number, required_moment
from api.orders import views
from api.orders.releasing import release_judged
from api.orders.rows import locked
from api.orders.schemas import Order
from api.review.schemas import AssignCustomer, AssignItem
from api.review.service import look_again
from api.work_orders.service import order_event
from domain.documents import Name, NameScheme
from domain.orders import LineState
from domain.units import InexactError, UnitMismatchError, convert, unit_of
from store import audit, catalogue, order_desk
from store.catalogue import CustomerRow, ItemRow
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.inventory.reservations import release_for_lines
from store.log import NewRecord
from store.order_desk import DeskLine
from store.orders import OrderRow
from store.review.judging import Judged

_OTHERS: Final = 1_000
"""So many orders that wait for the same name are seen to at once."""
_CHANGEABLE: Final = (
    LineState.RECEIVED,
    LineState.UNDER_REVIEW,
    LineState.CONFIRMED,
    LineState.ON_HOLD,
)


async def assign_item(
    context: Context, principal: Principal, number: str, line_number: int, wanted: AssignItem
) -> Order:
    """Say which item a line means. Other lines of the customer that wait for it follow.

    Raises:
        NotFoundError: there is no such order, or it has no such line.
        UnknownReferenceError: there is no such item in the master data.
        StaleVersionError: the order has changed since the version named.
        ConflictError: the floor has the line already.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        lines = (await order_desk.lines(connection, [row.id]))[row.id]
        line = next((one for one in lines if one.number == line_number), None)
        if line is None:
            raise NotFoundError("order line", f"{number}/{line_number}")
        if line.state not in _CHANGEABLE:
            raise ConflictError(
                f"line {line_number} of {number!r} is {line.state}",
                code="order-refused",
                params={"order": number, "action": "changed"},
            )
        item = await _item(connection, wanted.item)
        customer_id = await _customer_id(connection, row)
        changed = {row.id: [line]}
        if wanted.remember:
            told = await order_desk.names_told(connection, row.id, line.source_position)
            names = told or [Name(NameScheme.OTHER, line.item)]
            await order_desk.remember(connection, item.id, names, customer_id=customer_id)
            if not line.item_known:
                changed |= await _waiting_lines(connection, row, line, customer_id)
        await _give_up(context, connection, changed, item)
        await _put_item(principal, connection, row.site_id, changed, item)
        judged, records = await _changed(context, principal, connection, list(changed))
        if not line.item_known:
            await order_desk.forget_provisional_item(connection, line.item_id)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    if number in await release_judged(context, principal, judged):
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order


async def _item(connection: Connection, code: str) -> ItemRow:
    item = await catalogue.known_item(connection, code, field="item")
    cursor = await connection.execute("SELECT provisional FROM items WHERE id = %s", (item.id,))
    row = await cursor.fetchone()
    if row is not None and row[0]:
        problem = "it is not in the master data itself"
        raise UnknownReferenceError("item", code, problem, code="provisional")
    return item


async def _customer_id(connection: Connection, row: OrderRow) -> int:
    return (await catalogue.known_customer(connection, row.customer)).id


async def _waiting_lines(
    connection: Connection, row: OrderRow, line: DeskLine, customer_id: int
) -> dict[int, list[DeskLine]]:
    """The customer's lines of the same provisional item, by order; this order's included."""
    ids = await order_desk.lines_of_item(
        connection, line.item_id, customer_id=customer_id, at_most=_OTHERS
    )
    await order_desk.lock_by_id(connection, ids)
    lines = await order_desk.lines(connection, sorted({*ids, row.id}))
    return {
        order_id: [one for one in each if one.item_id == line.item_id and one.state in _CHANGEABLE]
        for order_id, each in lines.items()
    }


async def _give_up(
    context: Context, connection: Connection, changed: dict[int, list[DeskLine]], item: ItemRow
) -> None:
    """Free what is reserved for lines of the item that they named until now."""
    others = [line.id for lines in changed.values() for line in lines if line.item_id != item.id]
    now = required_moment(context.clock.now_ms())
    await release_for_lines(connection, others, now=now)


async def _put_item(
    principal: Principal,
    connection: Connection,
    site_id: int,
    changed: dict[int, list[DeskLine]],
    item: ItemRow,
) -> None:
    """Give lines, by order, their item."""
    for order_id, lines in changed.items():
        for line in lines:
            quantity, unit = _in_unit(line, item.unit)
            await order_desk.set_item(
                connection, line.id, item_id=item.id, quantity=quantity, unit=unit
            )
            await audit.write(
                connection,
                actor=principal.actor,
                action="OrderChanged",
                site_id=site_id,
                order_id=order_id,
                reason="the item was assigned",
                before={"lines": [_told(line, line.item, line.quantity, line.unit)]},
                after={"lines": [_told(line, item.code, quantity, unit)]},
            )


async def assign_customer(
    context: Context, principal: Principal, number: str, wanted: AssignCustomer
) -> Order:
    """Say whose order it is. Remembered, all orders of the provisional customer are theirs.

    Raises:
        NotFoundError: there is no such order.
        UnknownReferenceError: there is no such customer in the master data.
        StaleVersionError: the order has changed since the version named.
        ConflictError: the customer of the order is known already.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        before = await catalogue.known_customer(connection, row.customer)
        if not await _is_provisional(connection, before):
            raise ConflictError(
                f"the customer {row.customer!r} of order {number!r} is known already",
                code="customer-known",
                params={"customer": row.customer, "order": number},
            )
        customer = await catalogue.known_customer(connection, wanted.customer)
        if await _is_provisional(connection, customer):
            problem = "it is not in the master data itself"
            raise UnknownReferenceError("customer", wanted.customer, problem, code="provisional")
        ids = [row.id]
        if wanted.remember:
            ids = await order_desk.orders_of_customer(connection, before.id, at_most=_OTHERS)
            await order_desk.take_over_customer(connection, customer.id, before.id)
        await order_desk.set_customer(connection, ids, customer.id)
        for order_id in ids:
            await audit.write(
                connection,
                actor=principal.actor,
                action="OrderChanged",
                site_id=row.site_id,
                order_id=order_id,
                reason="the customer was assigned",
                before={"customer": before.code},
                after={"customer": customer.code},
            )
        judged, records = await _changed(context, principal, connection, ids)
        if wanted.remember:
            await order_desk.forget_provisional_customer(connection, before.id)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    if number in await release_judged(context, principal, judged):
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order


async def _is_provisional(connection: Connection, customer: CustomerRow) -> bool:
    cursor = await connection.execute(
        "SELECT provisional FROM customers WHERE id = %s", (customer.id,)
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _changed(
    context: Context, principal: Principal, connection: Connection, order_ids: Sequence[int]
) -> tuple[list[Judged], list[NewRecord]]:
    """Raise orders' versions and review them; answers what came of it, and their events."""
    versions = await order_desk.touch_all(connection, order_ids)
    judged, records = await look_again(
        context, connection, order_ids, actor=principal.actor, touched=True
    )
    told = [
        order_event(
            context, "OrderChanged", site=each.site, order_id=order_id, version=versions[order_id]
        )
        for order_id, each in judged.items()
    ]
    return list(judged.values()), told + records


def _in_unit(line: DeskLine, unit: str) -> tuple[Decimal, str]:
    """A line's quantity in an item's unit; as it was told where no factor is known."""
    told_unit = (unit_of(line.unit_as_told) if line.unit_as_told else None) or line.unit
    told = line.quantity_as_told if line.quantity_as_told is not None else line.quantity
    for quantity, given in ((told, told_unit), (line.quantity, line.unit)):
        try:
            return convert(quantity, given, unit), unit
        except (UnitMismatchError, InexactError):
            continue
    return line.quantity, line.unit


def _told(line: DeskLine, item: str, quantity: Decimal, unit: str) -> dict[str, object]:
    return {
        "number": line.number,
        "item": item,
        "quantity": exact_number(quantity),
        "unit": unit,
    }
