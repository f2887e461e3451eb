"""Disruptions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.principal import Reader
from api.context import RequestContext
from api.disruptions import service
from api.disruptions.schemas import DisruptionList
from api.fields import Paging, Wanted
from contracts.plan import DisruptionKind

router = APIRouter(prefix="/v1/disruptions", tags=["planning"])


@router.get("", operation_id="listDisruptions")
async def list_disruptions(
    *,
    context: RequestContext,
    principal: Reader,
    page: Paging,
    scope: Wanted | None = None,
    site: Wanted | None = None,
    kind: DisruptionKind | None = None,
    is_open: Annotated[
        bool | None,
        Query(alias="open", description="True: not answered yet; false: answered."),
    ] = None,
) -> DisruptionList:
    """What made plans wrong, newest first, and how it was answered."""
    return await service.disruption_list(
        context, principal, page, scope=scope, site=site, kind=kind, is_open=is_open
    )
