"""Work orders."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth.principal import Orderer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.work_orders import service
from api.work_orders.schemas import (
    CancelledWorkOrder,
    NewWorkOrder,
    WorkOrder,
    WorkOrderCancellation,
    WorkOrderList,
)
from domain.orders import WorkOrderState
from store import work_orders

router = APIRouter(prefix="/v1/work-orders", tags=["work orders"])

WorkOrderId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listWorkOrders")
async def list_work_orders(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    external_source: Wanted | None = None,
    state: WorkOrderState | None = None,
) -> WorkOrderList:
    """Work orders by site and number, with their operations."""
    async with context.connection() as connection:
        rows, total = await work_orders.work_orders(
            connection,
            page,
            site=sites.site,
            external_source=external_source,
            state=state,
            limited_to=sites.limited_to,
        )
        items = await service.with_operations(connection, rows)
    return WorkOrderList(items=items, total=total)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="planWorkOrder",
    responses={HTTPStatus.OK: {"model": WorkOrder, "description": "It was there, and equal."}},
)
async def plan_work_order(
    context: RequestContext, principal: Orderer, wanted: NewWorkOrder, response: Response
) -> WorkOrder:
    """Plan a work order. The same request again answers 200 with the same work order."""
    work_order, created = await service.plan(context, principal, wanted)
    if not created:
        response.status_code = HTTPStatus.OK
    return work_order


@router.get("/{work_order_id}", operation_id="getWorkOrder")
async def get_work_order(
    context: RequestContext, principal: Reader, work_order_id: WorkOrderId
) -> WorkOrder:
    """One work order."""
    async with context.connection() as connection:
        work_order = await service.read(connection, work_order_id)
    principal.require_site(work_order.site, kind="work order", name=str(work_order_id))
    return work_order


@router.post("/{work_order_id}/cancel", operation_id="cancelWorkOrder")
async def cancel_work_order(
    context: RequestContext,
    principal: Orderer,
    work_order_id: WorkOrderId,
    wanted: WorkOrderCancellation,
) -> CancelledWorkOrder:
    """Give a work order up: what was never started is cancelled, what runs is left and named."""
    return await service.cancel(context, principal, work_order_id, wanted.reason)
