"""Plan versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.auth.principal import PlanMaker, Reader
from api.context import RequestContext
from api.fields import Paging
from api.plans import entering, service
from api.plans.differences import plan_differences
from api.plans.publishing import publish
from api.plans.schemas import EntryList, Plan, PlanDifferences, PlannedOperationList

router = APIRouter(prefix="/v1/plans", tags=["planning"])

_LARGEST_ID = 2**63 - 1
PlanId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]


@router.get("/{plan_id}", operation_id="getPlan")
async def get_plan(context: RequestContext, principal: Reader, plan_id: PlanId) -> Plan:
    """One plan version and what it means for customers' orders, the latest ones first."""
    return await service.plan(context, principal, plan_id)


@router.get("/{plan_id}/operations", operation_id="listPlanOperations")
async def list_plan_operations(
    context: RequestContext, principal: Reader, plan_id: PlanId, page: Paging
) -> PlannedOperationList:
    """The plan's operations by machine and start; none of a version too old to be kept in full."""
    return await service.operations(context, principal, plan_id, page)


@router.get("/{plan_id}/differences", operation_id="getPlanDifferences")
async def get_plan_differences(
    context: RequestContext,
    principal: Reader,
    plan_id: PlanId,
    against: Annotated[
        int | None,
        Query(ge=1, le=_LARGEST_ID, description="Another plan of the scope; default: its base."),
    ] = None,
) -> PlanDifferences:
    """What the plan does otherwise than another one, for operations and for orders."""
    return await plan_differences(context, principal, plan_id, against)


@router.post("/{plan_id}/publish", operation_id="publishPlan")
async def publish_plan(context: RequestContext, principal: PlanMaker, plan_id: PlanId) -> Plan:
    """Put a draft in force, with the entries of `listPlanEntries`, all at once or nothing.

    Asked again, it is as it is. 409 when it is no draft, when the plan it stands on is no longer
    in force (`stale-base`), when it takes for granted what cannot be entered (`draft-assumes`), or
    when calendars, people or the policy have changed since it was made (`calendar-changed`).
    """
    return await publish(context, principal, plan_id)


@router.get("/{plan_id}/entries", operation_id="listPlanEntries")
async def list_plan_entries(
    context: RequestContext, principal: Reader, plan_id: PlanId
) -> EntryList:
    """What publishing a draft would enter into calendars, absences, policy and orders.

    Of a plan that was published: what was entered with it, and whether it is still so.
    """
    return await entering.entry_list(context, principal, plan_id)


@router.delete("/{plan_id}/entries", operation_id="takeBackPlanEntries")
async def take_back_plan_entries(
    context: RequestContext, principal: PlanMaker, plan_id: PlanId
) -> EntryList:
    """Take back what publishing the plan entered; a new plan follows.

    What has begun ends now; what somebody has changed since is left alone. 409 when nothing was
    entered.
    """
    return await entering.take_back(context, principal, plan_id)


@router.post("/{plan_id}/discard", operation_id="discardPlan")
async def discard_plan(context: RequestContext, principal: PlanMaker, plan_id: PlanId) -> Plan:
    """Put a draft aside for good. 409 when it is no draft."""
    return await service.discard(context, principal, plan_id)
