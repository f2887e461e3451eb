"""Planned maintenance: when a machine is closed, beside its site's calendar."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.auth.principal import PlanMaker, Reader
from api.context import RequestContext
from api.fields import Wanted
from api.maintenance import service
from api.maintenance.schemas import Maintenance, MaintenanceList, NewMaintenance

router = APIRouter(prefix="/v1/machines", tags=["planning"])

MaintenanceId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/{path:path}/maintenance", operation_id="listMaintenance")
async def list_maintenance(
    context: RequestContext, principal: Reader, path: Wanted
) -> MaintenanceList:
    """The machine's maintenance that is not over, by begin."""
    return await service.maintenance_list(context, principal, path)


@router.post(
    "/{path:path}/maintenance", status_code=HTTPStatus.CREATED, operation_id="planMaintenance"
)
async def plan_maintenance(
    context: RequestContext, principal: PlanMaker, path: Wanted, wanted: NewMaintenance
) -> Maintenance:
    """Close a machine for maintenance. A new plan follows, or a draft by policy.

    It stands in the site's calendar as an exception of the machine.
    """
    return await service.plan(context, principal, path, wanted)


@router.delete(
    "/{path:path}/maintenance/{maintenance_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="giveUpMaintenance",
)
async def give_up_maintenance(
    context: RequestContext, principal: PlanMaker, path: Wanted, maintenance_id: MaintenanceId
) -> None:
    """Give a maintenance up. A new plan follows, or a draft by policy."""
    await service.give_up(context, principal, path, maintenance_id)
