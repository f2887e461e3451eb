"""Holding, resuming and rejecting orders: one transaction with the audit entry and the event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from api.orders import views
from api.orders.desk_schemas import Decision as Wanted
from api.orders.desk_schemas import Resumption
from api.orders.releasing import follow_confirmation, released_events
from api.orders.rows import locked, refused
from api.orders.schemas import Order
from api.work_orders.service import order_event
from domain.orders import Decision, LineState, Moved, hold, reject, resume
from store import audit, order_desk, orders, work_orders
from store.database import Connection
from store.inventory.reservations import release_for_lines
from store.log import NewRecord
from store.order_desk import DeskLine
from store.orders import OrderRow
from store.review.judging import examine_orders

_BEFORE_RELEASE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)


class _Move(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of the desk about an order."""

    action: str
    verb: str
    decide: Callable[[DeskLine], Decision]
    reason: str | None
    version: int | None


async def hold_order(context: Context, principal: Principal, number: str, wanted: Wanted) -> Order:
    """Keep an order where it is, until it is resumed.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: no line of it can be held.
    """
    move = _Move(
        action="OrderHeld",
        verb="held",
        decide=lambda line: hold(line.state, wanted.reason),
        reason=wanted.reason,
        version=wanted.version,
    )
    return await _carry_out(context, principal, number, move)


async def resume_order(
    context: Context, principal: Principal, number: str, wanted: Resumption
) -> Order:
    """Let an order go on from where it was held; what is not released is reviewed again.

    Where its site releases at confirmation, what is confirmed then is released.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: no line of it is on hold.
    """
    move = _Move(
        action="OrderResumed",
        verb="resumed",
        decide=lambda line: resume(line.state, line.held_from),
        reason=wanted.reason,
        version=wanted.version,
    )
    order = await _carry_out(context, principal, number, move)
    return await follow_confirmation(context, principal, order)


async def reject_order(
    context: Context, principal: Principal, number: str, wanted: Wanted
) -> Order:
    """Refuse an order that was not released: it is cancelled, and the customer is told why.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: no line of it can be rejected.
    """
    move = _Move(
        action="OrderRejected",
        verb="rejected",
        decide=lambda line: reject(line.state, wanted.reason, held_from=line.held_from),
        reason=wanted.reason,
        version=wanted.version,
    )
    return await _carry_out(context, principal, number, move)


async def _carry_out(context: Context, principal: Principal, number: str, move: _Move) -> Order:
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=move.version)
        lines = (await order_desk.lines(connection, [row.id]))[row.id]
        decisions = [(line, move.decide(line)) for line in lines]
        moved = {line: each for line, each in decisions if isinstance(each, Moved)}
        if not moved:
            raise refused(number, move.verb, decisions)
        work_order_ids = await _write(connection, moved, move)
        version = await orders.touch(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action=move.action,
            site_id=row.site_id,
            order_id=row.id,
            reason=move.reason,
            before={"lines": [_told(line, line.state) for line in moved]},
            after={"lines": [_told(line, each.state) for line, each in moved.items()]},
        )
        records = await released_events(
            context,
            connection,
            row,
            version=version,
            work_order_ids=work_order_ids,
            name=move.action,
        )
        if any(each.state in _BEFORE_RELEASE for each in moved.values()):
            records += await _look_again(context, connection, row, version)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    return order


async def _write(connection: Connection, moved: Mapping[DeskLine, Moved], move: _Move) -> list[int]:
    """Write the lines; answers the work orders that are held, go on or are given up with them."""
    ids = [line.id for line in moved]
    match move.action:
        case "OrderHeld":
            await order_desk.hold(connection, ids, move.reason or "")
        case "OrderResumed":
            await order_desk.resume(
                connection, {line.id: each.state for line, each in moved.items()}
            )
        case _:
            await order_desk.reject(connection, ids, move.reason or "")
            await release_for_lines(connection, ids)
            work_order_ids = await orders.work_orders_only_for(connection, ids)
            await work_orders.cancel(connection, work_order_ids)
            return work_order_ids
    return await orders.work_orders_for(connection, ids)


async def _look_again(
    context: Context, connection: Connection, row: OrderRow, version: int
) -> list[NewRecord]:
    """Review an order that goes on before its release; answers its event."""
    now = required_moment(context.clock.now_ms())
    judged = (await examine_orders(connection, [row.id], now=now))[row.id]
    if judged.moved is None:
        return []
    return [order_event(context, judged.moved, site=row.site, order_id=row.id, version=version)]


def _told(line: DeskLine, state: LineState) -> dict[str, object]:
    return {"number": line.number, "state": state}
