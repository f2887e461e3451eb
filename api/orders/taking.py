"""Taking orders in that somebody enters: one transaction with review, audit entries and events."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from api.orders import views
from api.orders.claiming import claim
from api.orders.releasing import release_judged, release_lines
from api.orders.rows import locked
from api.orders.schemas import NewOrder, Order
from api.work_orders.service import order_event
from domain.orders import LineState, order_state
from store import audit, new_orders, orders
from store.audit import OrderEntry
from store.database import Connection
from store.errors import ConflictError, StoreError, UnknownReferenceError
from store.intake import names
from store.intake.names import NamedItem, NamedSite
from store.log import NewRecord
from store.new_orders import Clash, Inserted, NewLine
from store.new_orders import NewOrder as NewRow
from store.review.judging import Judged, examine_orders


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is there now.

    `new`: it was not before. `not_released`: why it was not handed to the floor, as was asked for.
    """

    number: str
    state: LineState
    new: bool
    not_released: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """An order that could not be taken in."""

    error: StoreError


Outcome: TypeAlias = Taken | Refused


class _Prepared(msgspec.Struct, frozen=True):
    wanted: NewOrder
    row: NewRow
    lines: list[NewLine]
    site: str


class _Named(msgspec.Struct, frozen=True):
    """What the codes of some orders mean."""

    sites: dict[str, NamedSite]
    customers: dict[str, int]
    items: dict[str, NamedItem]


async def take_in(context: Context, principal: Principal, wanted: NewOrder) -> tuple[Order, bool]:
    """Take an order in; answers it, and whether it is new.

    Raises:
        UnknownReferenceError: it names something that does not exist.
        ConflictError: its number or its external id belongs to another order.
    """
    async with context.transaction() as connection:
        (outcome,), records, judged = await _take(context, principal, connection, [wanted])
        if isinstance(outcome, Refused):
            raise outcome.error
        order = await views.order(context, connection, outcome.number)
        if records:
            await context.log.append_in(connection, records)
    if await release_judged(context, principal, judged):
        async with context.connection() as connection:
            order = await views.order(context, connection, outcome.number)
    return order, outcome.new


async def take_in_many(
    context: Context, principal: Principal, wanted: Sequence[NewOrder]
) -> list[Outcome]:
    """Take orders in, all in one transaction; each has its own outcome.

    Orders are stored in few statements, however many there are.
    """
    async with context.transaction() as connection:
        outcomes, records, judged = await _take(context, principal, connection, wanted)
        if records:
            await context.log.append_in(connection, records)
    tried = await release_judged(context, principal, judged)
    if not tried:
        return outcomes
    async with context.connection() as connection:
        states = await orders.states(connection, tried)
    return [
        msgspec.structs.replace(one, state=states.get(one.number, one.state))
        if isinstance(one, Taken)
        else one
        for one in outcomes
    ]


async def _take(
    context: Context, principal: Principal, connection: Connection, wanted: Sequence[NewOrder]
) -> tuple[list[Outcome], list[NewRecord], list[Judged]]:
    """Store orders, review and release them.

    Answers what became of each, the events to be appended last, and what review made of them.
    """
    named = await _look_up(connection, wanted)
    outcomes: dict[int, Outcome] = {}
    prepared: dict[int, _Prepared] = {}
    for place, order in enumerate(wanted):
        try:
            prepared[place] = _prepare(principal, order, named, alone=len(wanted) == 1)
        except UnknownReferenceError as error:
            outcomes[place] = Refused(error)
    insertions = await new_orders.insert_many(connection, [one.row for one in prepared.values()])
    stored: dict[int, Inserted] = {}
    for (place, one), insertion in zip(prepared.items(), insertions, strict=True):
        if isinstance(insertion, Inserted):
            stored[place] = insertion
        else:
            outcomes[place] = await _known(principal, connection, one.row, insertion)
    taken = {place: (prepared[place], insertion) for place, insertion in stored.items()}
    records = await _complete(context, principal, connection, list(taken.values()))
    unreleased: dict[int, str] = {}
    for place, (one, insertion) in taken.items():
        if one.wanted.release:
            try:
                async with connection.transaction():
                    records.append(await _release(context, principal, connection, insertion))
            except StoreError as error:
                if len(wanted) == 1:
                    raise  # nothing is stored then
                unreleased[place] = str(error)
    judged = await _judge(context, connection, taken, unreleased)
    records += [
        order_event(
            context, each.moved, site=each.site, order_id=each.order_id, version=each.version
        )
        for each in judged.values()
        if each.moved is not None
    ]
    for place, (_, made) in taken.items():
        state = judged[made.id].state if made.id in judged else LineState.RELEASED
        outcomes[place] = Taken(
            number=made.number, state=state, new=True, not_released=unreleased.get(place)
        )
    return [outcomes[place] for place in range(len(wanted))], records, list(judged.values())


async def _look_up(connection: Connection, wanted: Sequence[NewOrder]) -> _Named:
    customers = await names.customers(
        connection, names=(), codes={order.customer for order in wanted}
    )
    items = await names.items(
        connection, names=(), codes={line.item for order in wanted for line in order.lines}
    )
    return _Named(
        await names.sites(connection),
        {code: customer.id for code, customer in customers.by_code.items()},
        items.by_code,
    )


def _prepare(principal: Principal, wanted: NewOrder, named: _Named, *, alone: bool) -> _Prepared:
    """The rows of an order.

    Raises:
        UnknownReferenceError: it names something that does not exist, or takes over what is held
            although it does not come `alone`.
    """
    if wanted.reservations is not None and not alone:
        problem = "held promises are taken over by one order at a time: send it alone"
        raise UnknownReferenceError("reservations", str(wanted.reservations[0]), problem)
    site = named.sites.get(wanted.site)
    if site is None or not principal.sees(wanted.site):
        raise UnknownReferenceError("site", wanted.site, "there is no such site")
    customer_id = named.customers.get(wanted.customer)
    if customer_id is None:
        raise UnknownReferenceError("customer", wanted.customer, "there is no such customer")
    lines = []
    for index, line in enumerate(wanted.lines):
        item = named.items.get(line.item)
        if item is None:
            raise UnknownReferenceError(f"lines[{index}].item", line.item, "there is no such item")
        if line.unit is not None and line.unit != item.unit:
            problem = f"{line.item!r} is kept in {item.unit!r}"
            raise UnknownReferenceError(
                f"lines[{index}].unit",
                line.unit,
                problem,
                code="wrong-unit",
                params={"item": line.item, "unit": item.unit},
            )
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
        customer_id=customer_id,
        number=wanted.number,
        external_source=wanted.external_source,
        external_id=wanted.external_id,
        customer_reference=wanted.customer_reference,
        priority=wanted.priority,
        intake_digest=_digest(wanted),
    )
    return _Prepared(wanted, row, lines, site.code)


def _digest(wanted: NewOrder) -> bytes:
    """What was asked for, whatever the spelling of its numbers and times."""
    content = wanted.model_dump(mode="json", exclude_none=True)
    for shown, line in zip(content["lines"], wanted.lines, strict=True):
        shown["quantity"] = str(line.quantity.normalize())
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


async def _complete(
    context: Context,
    principal: Principal,
    connection: Connection,
    stored: Sequence[tuple[_Prepared, Inserted]],
) -> list[NewRecord]:
    """Lines, audit entries and events of orders whose rows are there."""
    if not stored:
        return []
    await new_orders.insert_lines(
        connection, [(order.id, one.lines) for one, order in stored], LineState.RECEIVED
    )
    for one, order in stored:
        if one.wanted.reservations is not None:
            await _claim(context, principal, connection, one, order)
    entries = [
        OrderEntry(
            order_id=order.id,
            site_id=one.row.site_id,
            after=one.wanted.model_dump(mode="json", exclude_none=True) | {"number": order.number},
        )
        for one, order in stored
    ]
    await audit.write_of_orders(connection, entries, actor=principal.actor, action="OrderReceived")
    return [
        order_event(context, "OrderReceived", site=one.site, order_id=order.id, version=1)
        for one, order in stored
    ]


async def _claim(
    context: Context,
    principal: Principal,
    connection: Connection,
    one: _Prepared,
    order: Inserted,
) -> None:
    await claim(
        connection,
        principal,
        one.wanted.reservations or [],
        site=one.site,
        customer=one.wanted.customer,
        lines=(await orders.lines(connection, [order.id]))[order.id],
        now=required_moment(context.clock.now_ms()),
    )


async def _release(
    context: Context, principal: Principal, connection: Connection, order: Inserted
) -> NewRecord:
    row = await locked(connection, principal, order.number)
    work_order_ids, version = await release_lines(connection, principal, row)
    return order_event(
        context,
        "OrderReleased",
        site=row.site,
        order_id=order.id,
        version=version,
        work_order_ids=work_order_ids,
    )


async def _judge(
    context: Context,
    connection: Connection,
    taken: Mapping[int, tuple[_Prepared, Inserted]],
    unreleased: Mapping[int, str],
) -> dict[int, Judged]:
    """Review what was not released at once: whoever releases an order has looked at it."""
    reviewed = [
        order.id
        for place, (one, order) in taken.items()
        if not one.wanted.release or place in unreleased
    ]
    if not reviewed:
        return {}
    now = required_moment(context.clock.now_ms())
    return await examine_orders(connection, reviewed, now=now)


async def _known(
    principal: Principal, connection: Connection, new: NewRow, clash: Clash
) -> Outcome:
    """The order that has this external id, when it is what is asked for again."""
    if clash is Clash.NUMBER:
        return Refused(
            ConflictError(
                f"there is an order {new.number!r} already",
                code="exists",
                params={"kind": "order", "name": new.number or ""},
            )
        )
    assert new.external_source is not None  # noqa: S101 - only these can be known
    assert new.external_id is not None  # noqa: S101 - likewise
    known = await orders.find(connection, external=(new.external_source, new.external_id))
    if known is None or known.intake_digest != new.intake_digest or not principal.sees(known.site):
        problem = f"{new.external_source} {new.external_id!r} is known already, with other content"
        return Refused(ConflictError(problem))
    lines = (await orders.lines(connection, [known.id]))[known.id]
    state = order_state(line.state for line in lines)
    return Taken(number=known.number, state=state, new=False)
