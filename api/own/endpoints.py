"""A customer's own orders.

Every row that is the customer's is read as a role to which PostgreSQL shows that customer's rows
only (`store.own_orders`), and whose they are is looked at here once more. What is not theirs does
not exist.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from api.auth.principal import OfCustomer, OwnPrincipal
from api.context import RequestContext
from api.fields import Wanted
from api.orders.schemas import Delivery, DeliveryList
from api.own.schemas import OwnOrder, OwnOrderList, OwnOrderSummary
from domain import tracking
from store import own_orders
from store.database import Connection
from store.errors import NotFoundError
from store.filters import Page
from store.live_times import rfc3339
from store.order_status import read_own_status
from store.own_orders import as_customer

router = APIRouter(prefix="/v1/own/orders", tags=["own orders"])


async def _page(
    limit: Annotated[int, Query(ge=0, le=200, description="How many items at most.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many to leave out first.")] = 0,
) -> Page:
    return Page(limit, offset)


@router.get("", operation_id="listOwnOrders")
async def list_own_orders(
    *,
    context: RequestContext,
    own: OfCustomer,
    page: Annotated[Page, Depends(_page)],
    search: Annotated[
        Wanted | None, Query(description="Text in our number or in your own name for it.")
    ] = None,
    is_open: Annotated[
        bool | None, Query(alias="open", description="True: something is still to be made.")
    ] = None,
) -> OwnOrderList:
    """One's orders, newest first."""
    async with context.connection() as connection:
        async with as_customer(connection, own.customer_id):
            rows, total = await own_orders.own_orders(
                connection,
                page,
                customer_id=own.customer_id,
                search=search,
                is_open=is_open,
                limited_to=own.principal.sites,
            )
        ids = [row.id for row in rows if row.customer_id == own.customer_id]
        pictures = await own_orders.pictures(
            connection, own.customer_id, ids, now_ms=context.clock.now_ms()
        )
    items = [
        OwnOrderSummary.model_validate(msgspec.to_builtins(pictures[each].tracking_view()))
        for each in ids
        if each in pictures
    ]
    return OwnOrderList(items=items, total=total)


@router.get("/{number:path}/shipments", operation_id="listOwnShipments")
async def list_own_shipments(
    context: RequestContext, own: OfCustomer, number: Wanted
) -> DeliveryList:
    """The shipments of one's order by number."""
    async with context.connection() as connection, as_customer(connection, own.customer_id):
        order_id = await _own(connection, own, number)
        views = await own_orders.own_deliveries(connection, order_id)
    return DeliveryList(items=[Delivery.model_validate(view) for view in views], total=len(views))


@router.get("/{number:path}", operation_id="getOwnOrder", response_model=OwnOrder)
async def get_own_order(context: RequestContext, own: OfCustomer, number: Wanted) -> Response:
    """One's order: where it is, when to expect it, and its lines.

    One round trip to the database, and nothing is checked twice on its way out.
    """
    async with context.connection() as connection:
        picture = await read_own_status(
            connection, own.customer_id, number, now_ms=context.clock.now_ms()
        )
    if picture is None or not own.principal.sees(picture.order.site):
        raise NotFoundError("order", number)
    content = {
        **msgspec.structs.asdict(picture.tracking_view()),
        "lines": [
            {
                "number": line.number,
                "item": line.item,
                "item_name": line.item_name,
                "quantity": float(line.quantity),
                "unit": line.unit,
                "due": rfc3339(line.due_at),
                "promised": rfc3339(line.promised_at),
                "stage": tracking.stage_of([line.share]),
                "good_pieces": float(line.good),
                "packed": float(line.packed),
                "shipped": float(line.shipped),
            }
            for line in picture.lines
        ],
    }
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _own(connection: Connection, own: OwnPrincipal, number: str) -> int:
    """An order's id, if it is the customer's.

    Raises:
        NotFoundError: it is not, or there is none; it reads the same.
    """
    row = await own_orders.own_order(connection, number, limited_to=own.principal.sites)
    if row is None or row.customer_id != own.customer_id:
        raise NotFoundError("order", number)
    return row.id
