"""Customers' orders, their audit log and their tracking links."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from api.auth.principal import Orderer, Principal, Reader, own_origin
from api.context import Context, RequestContext
from api.fields import Paging, Wanted
from api.idempotency import IdempotentRoute
from api.orders import changing, releasing, taking, views
from api.orders.filters import WantedOrders
from api.orders.schemas import (
    AuditEntry,
    AuditList,
    Cancellation,
    CancelledOrder,
    CreatedLink,
    Delivery,
    DeliveryList,
    LinkList,
    NewLink,
    NewOrder,
    Order,
    OrderChange,
    OrderList,
    TrackingLink,
)
from store import access, audit, order_lists, orders, shipments
from store.access import LinkRow
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.order_lists import OrderSort
from store.orders import OrderRow

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=IdempotentRoute)
links_router = APIRouter(prefix="/v1/tracking-links", tags=["orders"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="takeOrderIn",
    responses={HTTPStatus.OK: {"model": Order, "description": "It was there, and equal."}},
)
async def take_order_in(
    context: RequestContext, principal: Orderer, wanted: NewOrder, response: Response
) -> Order:
    """Take an order in. The same (external_source, external_id) again is the same order.

    409 when that pair, or the number, belongs to an order with another content.
    """
    order, created = await taking.take_in(context, principal, wanted)
    if not created:
        response.status_code = HTTPStatus.OK
    return order


@router.get("", operation_id="listOrders")
async def list_orders(
    *,
    context: RequestContext,
    chosen: WantedOrders,
    page: Paging,
    sort: Annotated[
        OrderSort,
        Query(
            description="`received`: newest first; `waiting`: oldest first; `due`: by the next due"
            " date of what is open; `priority`: highest first; `lateness`: furthest behind first."
            " Newest first where that leaves it open."
        ),
    ] = OrderSort.RECEIVED,
) -> OrderList:
    """Orders in the order asked for. Beyond 100,000 the total is an estimate, and says so."""
    async with context.connection() as connection:
        rows, total = await order_lists.orders(
            connection,
            page,
            chosen.query,
            sort=sort,
            now_ms=context.clock.now_ms(),
            limited_to=chosen.limited_to,
        )
        items = await views.summaries(context, connection, rows)
    return OrderList(items=items, total=total.count, total_is_estimate=total.is_estimate)


@router.get("/{number:path}/events", operation_id="listOrderEvents")
async def list_order_events(
    context: RequestContext, principal: Reader, number: Wanted, page: Paging
) -> AuditList:
    """The order's audit log, newest first: who, when, from where, before, after, why."""
    async with context.connection() as connection:
        row = await _seen(connection, principal, number)
        rows, total = await audit.of_order(connection, row.id, page)
    return AuditList(
        items=[AuditEntry(**msgspec.structs.asdict(entry)) for entry in rows], total=total
    )


@router.get("/{number:path}/shipments", operation_id="listShipments")
async def list_shipments(
    context: RequestContext, principal: Reader, number: Wanted
) -> DeliveryList:
    """The order's shipments by number: what was picked, packed and shipped, and when."""
    async with context.connection() as connection:
        row = await _seen(connection, principal, number)
        views = (await shipments.deliveries(connection, [row.id])).get(row.id, [])
    return DeliveryList(items=[Delivery.model_validate(view) for view in views], total=len(views))


@router.get("/{number:path}/tracking-links", operation_id="listTrackingLinks")
async def list_tracking_links(
    context: RequestContext, principal: Orderer, number: Wanted
) -> LinkList:
    """The order's tracking links, newest first, also the expired and the revoked."""
    async with context.connection() as connection:
        row = await _seen(connection, principal, number)
        rows = await access.links(connection, row.id)
    return LinkList(items=[_link(link) for link in rows], total=len(rows))


@router.post(
    "/{number:path}/tracking-links",
    status_code=HTTPStatus.CREATED,
    operation_id="createTrackingLink",
)
async def create_tracking_link(
    request: Request,
    context: RequestContext,
    principal: Orderer,
    number: Wanted,
    wanted: NewLink | None = None,
) -> CreatedLink:
    """Make a link by which the customer sees this order, or a part of it, without signing in."""
    wanted = wanted or NewLink()
    lasting = timedelta(days=wanted.days)
    async with context.transaction() as connection:
        row = await _seen(connection, principal, number)
        await _check_part(connection, row, wanted)
        link, token = await access.create_link(
            connection,
            row.id,
            created_by=principal.actor.name,
            lasting=lasting,
            line=wanted.line,
            shipment=wanted.shipment,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="TrackingLinkCreated",
            site_id=row.site_id,
            order_id=row.id,
            after={
                "link": link.id,
                "expires_at": link.expires_at,
                "line": link.line,
                "shipment": link.shipment,
            },
        )
    url = f"{_public_url(request, context)}/t/{token}"
    return CreatedLink(id=link.id, url=url, token=token, expires_at=link.expires_at)


@router.post("/{number:path}/release", operation_id="releaseOrder")
async def release_order(context: RequestContext, principal: Orderer, number: Wanted) -> Order:
    """Hand an order to the floor: a work order per line, from the item's routing, pegged to it."""
    return await releasing.release_order(context, principal, number)


@router.post("/{number:path}/cancel", operation_id="cancelOrder")
async def cancel_order(
    context: RequestContext, principal: Orderer, number: Wanted, wanted: Cancellation
) -> CancelledOrder:
    """Give an order up: what was never started is cancelled, what runs is left and named."""
    return await changing.cancel_order(context, principal, number, wanted)


@router.get("/{number:path}", operation_id="getOrder")
async def get_order(context: RequestContext, principal: Reader, number: Wanted) -> Order:
    """One order with its lines, operations and pegs."""
    async with context.connection() as connection:
        await _seen(connection, principal, number)
        return await views.order(context, connection, number)


@router.patch("/{number:path}", operation_id="changeOrder")
async def change_order(
    context: RequestContext, principal: Orderer, number: Wanted, wanted: OrderChange
) -> Order:
    """Change priority, quantities, due dates. 409 when `version` is not the order's any more."""
    return await changing.change_order(context, principal, number, wanted)


@links_router.delete(
    "/{link_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="revokeTrackingLink"
)
async def revoke_tracking_link(
    context: RequestContext,
    principal: Orderer,
    link_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
) -> None:
    """Make a tracking link lead nowhere from now on."""
    async with context.transaction() as connection:
        found = await access.link_order(connection, link_id)
        if found is None or not principal.sees(found[2]):
            raise NotFoundError("tracking link", str(link_id))
        order_id, site_id, _, _ = found
        await access.revoke_link(connection, link_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="TrackingLinkRevoked",
            site_id=site_id,
            order_id=order_id,
            after={"link": link_id},
        )


async def _seen(connection: Connection, principal: Principal, number: str) -> OrderRow:
    row = await orders.find(connection, number=number)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("order", number)
    return row


def _public_url(request: Request, context: Context) -> str:
    return context.settings.public_url.rstrip("/") or own_origin(request)


def _link(row: LinkRow) -> TrackingLink:
    return TrackingLink(
        id=row.id,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        line=row.line,
        shipment=row.shipment,
    )


async def _check_part(connection: Connection, row: OrderRow, wanted: NewLink) -> None:
    """That the order has what a link shall show.

    Raises:
        UnknownReferenceError: it has no such line or shipment, or both are named.
    """
    field = "line" if wanted.line is not None else "shipment"
    if wanted.line is not None and wanted.shipment is not None:
        raise UnknownReferenceError(
            "shipment", str(wanted.shipment), "a link shows one or the other"
        )
    if not await access.has_part(connection, row.id, line=wanted.line, shipment=wanted.shipment):
        part = wanted.line if wanted.line is not None else wanted.shipment
        raise UnknownReferenceError(field, str(part), f"the order has no such {field}")
