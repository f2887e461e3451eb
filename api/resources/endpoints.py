"""Operators and tools. Who there is comes with master data; who is away is told here."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path

from api.auth.principal import PlanMaker, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.resources import service
from api.resources.schemas import Absence, NewAbsence, Resource, ResourceKind, ResourceList

router = APIRouter(prefix="/v1/resources", tags=["planning"])

_LARGEST: Final = 2**31 - 1
ResourceId = Annotated[int, Path(ge=1, le=_LARGEST)]
AbsenceId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listResources")
async def list_resources(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    kind: ResourceKind | None = None,
    skill: Wanted | None = None,
) -> ResourceList:
    """Operators and tools by site and code, with when they are away. `skill`: who has it."""
    return await service.resource_list(context, sites, page, kind=kind, skill=skill)


@router.get("/{resource_id}", operation_id="getResource")
async def get_resource(
    context: RequestContext, principal: Reader, resource_id: ResourceId
) -> Resource:
    """One operator or tool."""
    return await service.resource(context, principal, resource_id)


@router.post("/{resource_id}/absences", status_code=HTTPStatus.CREATED, operation_id="tellAbsence")
async def tell_absence(
    context: RequestContext, principal: PlanMaker, resource_id: ResourceId, wanted: NewAbsence
) -> Absence:
    """Tell that an operator or a tool is not there. A new plan follows, or a draft by policy."""
    return await service.tell_absence(context, principal, resource_id, wanted)


@router.delete(
    "/{resource_id}/absences/{absence_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="endAbsence",
)
async def end_absence(
    context: RequestContext, principal: PlanMaker, resource_id: ResourceId, absence_id: AbsenceId
) -> None:
    """Tell that they are back: an absence that has begun ends now, another one never was."""
    await service.end_absence(context, principal, resource_id, absence_id)
