"""Shipments by hand, over the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.auth.principal import Needs, Principal, Reader
from api.context import RequestContext
from api.fields import Wanted
from api.idempotency import IdempotentRoute
from api.shipping import service
from api.shipping.schemas import (
    CarrierWord,
    DeliveryState,
    LineState,
    NewReturn,
    NewShipment,
    Shipment,
    StepTaken,
)
from domain.access import Permission
from domain.dispatch import Step, order_delivery
from store import dispatches, orders
from store.errors import NotFoundError

router = APIRouter(prefix="/v1/orders", tags=["shipping"], route_class=IdempotentRoute)

Shipper = Annotated[Principal, Depends(Needs(Permission.SHIP))]
_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/{number:path}/delivery", operation_id="getDelivery")
async def get_delivery(context: RequestContext, principal: Reader, number: Wanted) -> DeliveryState:
    """Where the order's goods are: of each line, and of the order, derived from its lines."""
    async with context.connection() as connection:
        order = await orders.find(connection, number=number)
        if order is None or not principal.sees(order.site):
            raise NotFoundError("order", number)
        states = await dispatches.line_states(connection, order.id)
    items = [LineState(line=line, delivery=state) for line, state in states.items()]
    return DeliveryState(items=items, total=len(items), delivery=order_delivery(states.values()))


@router.post(
    "/{number:path}/shipments", status_code=HTTPStatus.CREATED, operation_id="planShipment"
)
async def plan_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    wanted: NewShipment | None = None,
) -> Shipment:
    """Plan a shipment: some lines, or all that is still to be shipped."""
    return await service.plan(context, principal, number, wanted or NewShipment())


@router.get("/{number:path}/shipments/{shipment}", operation_id="getShipment")
async def get_shipment(
    context: RequestContext, principal: Reader, number: Wanted, shipment: _Number
) -> Shipment:
    """One shipment with its lines and its carrier's words."""
    async with context.connection() as connection:
        return await service.read(connection, principal, number, shipment)


@router.post("/{number:path}/shipments/{shipment}/pick", operation_id="pickShipment")
async def pick_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    told: StepTaken | None = None,
) -> Shipment:
    """Goods were picked."""
    body = service.body_of(told)
    return await service.take_step(context, principal, number, shipment, step=Step.PICK, told=body)


@router.post("/{number:path}/shipments/{shipment}/pack", operation_id="packShipment")
async def pack_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    told: StepTaken | None = None,
) -> Shipment:
    """Goods were packed."""
    body = service.body_of(told)
    return await service.take_step(context, principal, number, shipment, step=Step.PACK, told=body)


@router.post("/{number:path}/shipments/{shipment}/ship", operation_id="shipShipment")
async def ship_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    told: StepTaken | None = None,
) -> Shipment:
    """Goods have left: stock falls, once, also where a device tells of the same goods."""
    body = service.body_of(told)
    return await service.take_step(context, principal, number, shipment, step=Step.SHIP, told=body)


@router.post("/{number:path}/shipments/{shipment}/deliver", operation_id="deliverShipment")
async def deliver_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    told: StepTaken | None = None,
) -> Shipment:
    """The customer has it."""
    body = service.body_of(told)
    return await service.take_step(
        context, principal, number, shipment, step=Step.DELIVER, told=body
    )


@router.post("/{number:path}/shipments/{shipment}/carrier-events", operation_id="addCarrierEvent")
async def add_carrier_event(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    word: CarrierWord,
) -> Shipment:
    """What the carrier says. The newest by its own time is shown; a repeat changes nothing."""
    return await service.hear(context, principal, number, shipment, word)


@router.post("/{number:path}/shipments/{shipment}/return", operation_id="returnShipment")
async def return_shipment(
    context: RequestContext,
    principal: Shipper,
    number: Wanted,
    shipment: _Number,
    wanted: NewReturn,
) -> Shipment:
    """Goods came back: stock has them, waiting for an inspection."""
    return await service.take_back(context, principal, number, shipment, wanted)
