"""Sites."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Level, Paging, Wanted
from api.sites.schemas import Site, SiteChange, SiteList
from store import audit, machines
from store.errors import NotFoundError
from store.machines import SiteRow

router = APIRouter(prefix="/v1/sites", tags=["sites"])


@router.get("", operation_id="listSites")
async def list_sites(context: RequestContext, principal: Reader, page: Paging) -> SiteList:
    """The sites one may see, by code."""
    async with context.connection() as connection:
        rows, total = await machines.sites(connection, page, limited_to=principal.sites)
    return SiteList(items=[_site(row) for row in rows], total=total)


@router.get("/{code}", operation_id="getSite")
async def get_site(context: RequestContext, principal: Reader, code: Wanted) -> Site:
    """One site."""
    principal.require_site(code)
    async with context.connection() as connection:
        row = await machines.find_site(connection, code)
    if row is None:
        raise NotFoundError("site", code)
    return _site(row)


@router.put("/{code}", operation_id="putSite")
async def put_site(
    context: RequestContext, principal: Configurer, code: Level, wanted: SiteChange
) -> Site:
    """Make a site, or name it anew; one that telemetry names is adopted by itself."""
    principal.require_site(code)
    async with context.transaction() as connection:
        before = await machines.find_site(connection, code)
        row = await machines.put_site(
            connection,
            code,
            name=wanted.name,
            time_zone=wanted.time_zone,
            planning_scope=wanted.planning_scope,
        )
        if before != row:
            await audit.write(
                connection,
                actor=principal.actor,
                action="SiteChanged" if before else "SiteCreated",
                site_id=row.id,
                before=_site(before).model_dump() if before else None,
                after=_site(row).model_dump(),
            )
    return _site(row)


def _site(row: SiteRow) -> Site:
    return Site(
        code=row.code,
        name=row.name,
        time_zone=row.time_zone,
        planning_scope=row.planning_scope,
    )
