"""Splitting and merging work orders, moving pegs, and the site that makes an order line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from api.auth.principal import Configurer, Orderer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.pegging import policies, service, sites
from api.pegging.schemas import (
    ApplyRequest,
    Preview,
    PreviewRequest,
    Rearrangement,
    RearrangementList,
    ShownPolicy,
    SiteAssignment,
    SiteCandidates,
    Undoing,
    WorkOrderPegs,
    WorkOrderPolicy,
)

router = APIRouter(tags=["work orders"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
LineNumber = Annotated[int, Path(ge=-(2**31), le=2**31 - 1)]


@router.post("/v1/work-orders/preview", operation_id="previewRearrangement")
async def preview_rearrangement(
    context: RequestContext, principal: Orderer, wanted: PreviewRequest
) -> Preview:
    """What splitting, merging or moving would do: work orders, dates, set-ups, order lines."""
    return await service.preview(context, principal, wanted.wish)


@router.post("/v1/work-orders/apply", operation_id="applyRearrangement")
async def apply_rearrangement(
    context: RequestContext, principal: Orderer, wanted: ApplyRequest
) -> Rearrangement:
    """Do what was previewed. 409 when something has changed since."""
    return await service.apply(context, principal, wanted)


@router.get("/v1/rearrangements", operation_id="listRearrangements")
async def list_rearrangements(
    context: RequestContext,
    sites_: Sites,
    page: Paging,
    work_order: int | None = None,
) -> RearrangementList:
    """What was split, merged and moved, newest first."""
    return await service.rearrangement_list(
        context,
        page,
        site=sites_.site,
        work_order_id=work_order,
        limited_to=sites_.limited_to,
    )


@router.post("/v1/rearrangements/{rearrangement_id}/undo", operation_id="undoRearrangement")
async def undo_rearrangement(
    context: RequestContext,
    principal: Orderer,
    rearrangement_id: Id,
    wanted: Undoing | None = None,
) -> Rearrangement:
    """Put back what there was. 409 once the floor has begun, or something else has changed."""
    reason = wanted.reason if wanted is not None else None
    return await service.undo(context, principal, rearrangement_id, reason)


@router.get("/v1/work-orders/{work_order_id}/pegs", operation_id="getWorkOrderPegs")
async def get_work_order_pegs(
    context: RequestContext, principal: Reader, work_order_id: Id
) -> WorkOrderPegs:
    """Whom a work order is for, and what of its good pieces is whose."""
    return await policies.pegs(context, principal, work_order_id)


@router.get("/v1/sites/{code}/work-order-policy", operation_id="getWorkOrderPolicy")
async def get_work_order_policy(
    context: RequestContext, principal: Reader, code: Wanted
) -> ShownPolicy:
    """How a site wants its work orders cut and put together."""
    return await policies.policy(context, principal, code)


@router.put("/v1/sites/{code}/work-order-policy", operation_id="putWorkOrderPolicy")
async def put_work_order_policy(
    context: RequestContext, principal: Configurer, code: Wanted, wanted: WorkOrderPolicy
) -> ShownPolicy:
    """Say how a site wants its work orders cut and put together."""
    return await policies.put_policy(context, principal, code, wanted)


@router.get(
    "/v1/orders/{number:path}/lines/{line}/site",
    operation_id="listLineSites",
    tags=["orders"],
)
async def list_line_sites(
    context: RequestContext, principal: Reader, number: Wanted, line: LineNumber
) -> SiteCandidates:
    """The sites that could make or deliver a line, each with its date or why not."""
    return await sites.candidates(context, principal, number, line)


@router.post(
    "/v1/orders/{number:path}/lines/{line}/site",
    operation_id="assignLineSite",
    tags=["orders"],
)
async def assign_line_site(
    context: RequestContext,
    principal: Orderer,
    number: Wanted,
    line: LineNumber,
    wanted: SiteAssignment,
) -> SiteCandidates:
    """Let a site make or deliver a line: by hand, or the one that the rule chooses."""
    return await sites.assign(context, principal, number, line, wanted)
