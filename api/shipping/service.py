"""Each step is one transaction: the shipment, stock, an audit entry, an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.orders.rows import locked
from api.shipping.schemas import (
    CarrierEntry,
    CarrierWord,
    LineQuantity,
    NewReturn,
    NewShipment,
    Shipment,
    ShipmentLine,
    StepTaken,
)
from api.work_orders.service import order_event
from domain import dispatch, shipping
from domain.dispatch import CarrierStatus, Part, Refused, Step
from domain.orders import LineState
from domain.shipping import ShipmentState, Total
from store import audit, dispatches, orders
from store.database import Connection
from store.dispatches import CarrierEvent, Head, OrderLine
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.live_times import rfc3339_ms
from store.orders import OrderRow
from store.shipment_audit import REACHED
from store.shipments import SHIPMENT_CHANGED

_NOT_CONFIRMED = (LineState.RECEIVED, LineState.UNDER_REVIEW)


class _Locked(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is locked, with one of its shipments."""

    order: OrderRow
    head: Head
    parts: tuple[Part, ...]
    lines: dict[int, OrderLine]

    @property
    def state(self) -> ShipmentState:
        """Where the shipment is."""
        return ShipmentState(self.head.state)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"shipment {self.head.number} of {self.order.number!r}"


async def plan(
    context: Context, principal: Principal, number: str, wanted: NewShipment
) -> Shipment:
    """Plan a shipment of what is still to be shipped.

    Raises:
        ConflictError: devices tell this order's shipments; a line is not confirmed; more is
            planned than is left.
    """
    async with context.transaction() as connection:
        order = await locked(connection, principal, number)
        heads = await dispatches.heads(connection, order.id)
        if any(not head.by_hand for head in heads.values()):
            raise ConflictError(
                f"the shipments of {number!r} are told by the warehouse's devices; carriers' words"
                " and returns may be added to them"
            )
        lines = {line.number: line for line in await dispatches.lines_of(connection, order.id)}
        open_ = await _open(connection, order.id, heads, lines)
        planned = _planned(wanted.lines, lines, open_, number)
        new = max(heads, default=0) + 1
        await dispatches.insert(
            connection,
            order.id,
            number=new,
            planned={lines[line].id: quantity for line, quantity in planned.items()},
            carrier=wanted.carrier,
            tracking_number=wanted.tracking_number,
            expected_at=wanted.expected_at,
            device=principal.actor.origin,
        )
        content: dict[str, object] = {
            "shipment": new,
            "lines": [{"line": line, "quantity": plain(some)} for line, some in planned.items()],
            "carrier": wanted.carrier,
            "tracking_number": wanted.tracking_number,
        }
        await _tell(context, connection, principal, order, "ShipmentPlanned", after=content)
        return await shown(connection, order, new)


async def take_step(
    context: Context,
    principal: Principal,
    number: str,
    shipment: int,
    *,
    step: Step,
    told: StepTaken,
) -> Shipment:
    """Pick, pack, ship or deliver.

    Raises:
        ConflictError: the shipment is not where it could be done; or stock is not there.
    """
    async with context.transaction() as connection:
        its = await _locked(connection, principal, number, shipment)
        if not its.head.by_hand and step is not Step.DELIVER:
            raise ConflictError(f"{its.name} is told by the warehouse's devices")
        done = dispatch.advance(its.state, step, its.parts, _told(told.lines, its))
        if isinstance(done, Refused):
            raise ConflictError(f"{its.name}: {done.reason}")
        now = required_moment(context.clock.now_ms())
        if step is Step.SHIP:
            await dispatches.issue(
                connection,
                its.order.id,
                [(its.lines[part.line], part.shipped) for part in done.parts],
                reference=f"{number}/{shipment}",
                actor=principal.actor,
                now=now,
                insist=told.insist,
            )
        await dispatches.write(
            connection,
            its.order.id,
            shipment,
            state=done.state,
            after=done.parts,
            at_ms=context.clock.now_ms(),
        )
        await dispatches.name_carrier(
            connection,
            its.order.id,
            shipment,
            carrier=told.carrier,
            tracking_number=told.tracking_number,
            expected_at=told.expected_at,
        )
        await _tell(
            context,
            connection,
            principal,
            its.order,
            REACHED[done.state],
            before=_content(its, its.state, its.parts, None),
            after=_content(its, done.state, done.parts, now),
            reason=told.reason,
        )
        return await shown(connection, its.order, shipment)


async def hear(
    context: Context, principal: Principal, number: str, shipment: int, word: CarrierWord
) -> Shipment:
    """Keep a carrier's word; `delivered` delivers what has left. A repeat changes nothing."""
    async with context.transaction() as connection:
        its = await _locked(connection, principal, number, shipment)
        event = CarrierEvent(
            status=word.status,
            at=word.at,
            place=word.place,
            detail=word.detail,
            expected_at=word.expected_at,
            reference=word.reference,
        )
        new = await dispatches.hear(
            connection, its.order.id, shipment, event, told_by=principal.actor.name
        )
        if not new:
            return await shown(connection, its.order, shipment)
        state = dispatch.heard(its.state, word.status)
        action = "CarrierReported"
        after: dict[str, object] = {
            "shipment": shipment,
            "status": word.status.value,
            "at": word.at.isoformat(),
            "place": word.place,
        }
        if state is not its.state:
            await dispatches.write(
                connection,
                its.order.id,
                shipment,
                state=state,
                after=its.parts,
                at_ms=int(word.at.timestamp() * 1000),
            )
            action = REACHED[state]
            after = _content(its, state, its.parts, word.at)
        await _tell(context, connection, principal, its.order, action, after=after)
        return await shown(connection, its.order, shipment)


async def take_back(
    context: Context, principal: Principal, number: str, shipment: int, wanted: NewReturn
) -> Shipment:
    """Goods came back: what was delivered is less, and stock has them, waiting for inspection.

    Raises:
        ConflictError: more is to come back than is out.
    """
    async with context.transaction() as connection:
        its = await _locked(connection, principal, number, shipment)
        told = _told(wanted.lines, its)
        after = dispatch.give_back(its.state, its.parts, told)
        if isinstance(after, Refused):
            raise ConflictError(f"{its.name}: {after.reason}")
        now = required_moment(context.clock.now_ms())
        await dispatches.take_back(
            connection,
            [(its.lines[line], quantity) for line, quantity in told.items()],
            actor=principal.actor,
            now=now,
            reason=f"return of {number}/{shipment}: {wanted.reason}",
            location=wanted.location,
        )
        await dispatches.write(
            connection,
            its.order.id,
            shipment,
            state=its.state,
            after=after,
            at_ms=context.clock.now_ms(),
        )
        content: dict[str, object] = {
            "shipment": shipment,
            "lines": [{"line": line, "quantity": plain(some)} for line, some in told.items()],
        }
        await _tell(
            context,
            connection,
            principal,
            its.order,
            "ShipmentReturned",
            after=content,
            reason=wanted.reason,
        )
        return await shown(connection, its.order, shipment)


async def read(
    connection: Connection, principal: Principal, number: str, shipment: int
) -> Shipment:
    """One shipment, for somebody who may know of its order."""
    order = await orders.find(connection, number=number)
    if order is None or not principal.sees(order.site):
        raise NotFoundError("order", number)
    return await shown(connection, order, shipment)


async def shown(connection: Connection, order: OrderRow, shipment: int) -> Shipment:
    """A shipment as the API tells it.

    Raises:
        NotFoundError: the order has none of this number.
    """
    head = (await dispatches.heads(connection, order.id)).get(shipment)
    if head is None:
        raise NotFoundError("shipment", f"{order.number}/{shipment}")
    lines = {line.number: line for line in await dispatches.lines_of(connection, order.id)}
    parts = (await dispatches.parts(connection, order.id)).get(shipment, ())
    words = await dispatches.words(connection, order.id, shipment)
    return Shipment(
        order=order.number,
        number=head.number,
        state=ShipmentState(head.state),
        by_hand=head.by_hand,
        carrier=head.carrier,
        tracking_number=head.tracking_number,
        expected_at=head.expected_at,
        carrier_status=CarrierStatus(head.carrier_status) if head.carrier_status else None,
        carrier_at=head.carrier_at,
        picking_at=moment_of(head.picking_ms),
        packed_at=moment_of(head.packed_ms),
        shipped_at=moment_of(head.shipped_ms),
        delivered_at=moment_of(head.delivered_ms),
        version=head.version,
        lines=[
            ShipmentLine(
                line=part.line,
                item=lines[part.line].item,
                unit=lines[part.line].unit,
                planned=part.planned,
                picked=part.picked,
                packed=part.packed,
                shipped=part.shipped,
                returned=part.returned,
            )
            for part in parts
        ],
        carrier_events=[
            CarrierEntry(**msgspec.structs.asdict(event), told_by=by) for event, by in words
        ],
    )


def plain(quantity: Decimal) -> str:
    """A decimal as people write it."""
    return f"{quantity.normalize():f}"


async def _locked(
    connection: Connection, principal: Principal, number: str, shipment: int
) -> _Locked:
    order = await locked(connection, principal, number)
    head = (await dispatches.heads(connection, order.id)).get(shipment)
    if head is None:
        raise NotFoundError("shipment", f"{number}/{shipment}")
    return _Locked(
        order=order,
        head=head,
        parts=(await dispatches.parts(connection, order.id)).get(shipment, ()),
        lines={line.number: line for line in await dispatches.lines_of(connection, order.id)},
    )


async def _open(
    connection: Connection,
    order_id: int,
    heads: Mapping[int, Head],
    lines: Mapping[int, OrderLine],
) -> dict[int, Decimal]:
    """What no shipment holds yet, by line; only of lines that may be shipped."""
    parts = await dispatches.parts(connection, order_id)
    return {
        number: dispatch.still_to_plan(
            line.quantity,
            [
                (ShipmentState(heads[shipment].state), part)
                for shipment, some in parts.items()
                for part in some
                if part.line == number
            ],
        )
        for number, line in lines.items()
        if line.state != LineState.CANCELLED
    }


def _planned(
    wanted: Sequence[LineQuantity],
    lines: Mapping[int, OrderLine],
    open_: Mapping[int, Decimal],
    order: str,
) -> dict[int, Decimal]:
    if wanted:
        planned = _sums(wanted)
    else:
        planned = {line: quantity for line, quantity in open_.items() if quantity}
        if not planned:
            raise ConflictError(f"nothing of {order!r} is left to be shipped")
    for line, quantity in planned.items():
        if line not in lines:
            raise UnknownReferenceError("lines", str(line), f"{order!r} has no such line")
        if lines[line].state in (*_NOT_CONFIRMED, LineState.CANCELLED):
            raise ConflictError(f"line {line} of {order!r} is {lines[line].state}")
        if quantity > open_[line]:
            raise ConflictError(
                f"line {line} of {order!r}: {plain(quantity)} are to be shipped,"
                f" {plain(open_[line])} are left"
            )
    return planned


def _sums(told: Sequence[LineQuantity]) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for one in told:
        sums[one.line] = sums.get(one.line, Decimal(0)) + one.quantity
    return sums


def _told(told: Sequence[LineQuantity], its: _Locked) -> dict[int, Decimal]:
    sums = _sums(told)
    for line in sums:
        if line not in its.lines:
            problem = f"{its.order.number!r} has no such line"
            raise UnknownReferenceError("lines", str(line), problem)
    return sums


def _content(
    its: _Locked, state: ShipmentState, parts: Sequence[Part], at: datetime | None
) -> dict[str, object]:
    """A shipment as the audit log tells it, in the words of `store.shipment_audit`."""
    total = shipping.total(
        [Total(p.picked, p.packed, p.shipped, its.lines[p.line].unit) for p in parts]
    )
    quantity = {
        ShipmentState.PICKING: total.picked,
        ShipmentState.PACKED: total.packed,
    }.get(state, total.shipped)
    content: dict[str, object] = {
        "shipment": its.head.number,
        "state": state.value,
        "quantity": plain(quantity),
        "unit": total.unit,
    }
    if at is not None:
        content["at"] = rfc3339_ms(int(at.timestamp() * 1000))
    return content


async def _tell(
    context: Context,
    connection: Connection,
    principal: Principal,
    order: OrderRow,
    action: str,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object],
    reason: str | None = None,
) -> None:
    """The audit entry and the event, which comes last."""
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        site_id=order.site_id,
        order_id=order.id,
        reason=reason,
        before=before,
        after=after,
    )
    record = order_event(
        context, SHIPMENT_CHANGED, site=order.site, order_id=order.id, version=order.version
    )
    await context.log.append_in(connection, [record])


def body_of(told: StepTaken | None) -> StepTaken:
    """What was told; nothing: the step as it was planned."""
    return told or StepTaken()
