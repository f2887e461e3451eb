"""Planning scopes, their policies and plans, and asking for a new one."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from api.auth.principal import PlanMaker, Reader
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.planning import service
from api.planning.schemas import Planning, PlanningList, PlanRequest, PlanRequested, Policy
from api.plans.schemas import PlanList

router = APIRouter(prefix="/v1/planning", tags=["planning"])


@router.get("", operation_id="listPlanning")
async def list_planning(context: RequestContext, principal: Reader, page: Paging) -> PlanningList:
    """The planning scopes of which one may see every site, by name."""
    return await service.planning_list(context, principal, page)


@router.get("/{scope}", operation_id="getPlanning")
async def get_planning(context: RequestContext, principal: Reader, scope: Wanted) -> Planning:
    """One planning scope: its policy, the plan in force, a draft that waits."""
    return await service.planning(context, principal, scope)


@router.put("/{scope}/policy", operation_id="putPolicy")
async def put_policy(
    context: RequestContext, principal: PlanMaker, scope: Wanted, wanted: Policy
) -> Policy:
    """Replace a scope's policy; what is absent gets its default. A new plan follows."""
    return await service.put_policy(context, principal, scope, wanted)


@router.post("/{scope}/replan", status_code=HTTPStatus.ACCEPTED, operation_id="requestPlan")
async def request_plan(
    context: RequestContext, principal: PlanMaker, scope: Wanted, wanted: PlanRequest
) -> PlanRequested:
    """Ask for a new plan of the present state. It follows; the reason stands in its history."""
    return await service.request_plan(context, principal, scope, wanted.reason)


@router.get("/{scope}/plans", operation_id="listPlans")
async def list_plans(
    context: RequestContext, principal: Reader, scope: Wanted, page: Paging
) -> PlanList:
    """The scope's plan versions, newest first: why each was made, and how good it was."""
    return await service.plan_list(context, principal, scope, page)
