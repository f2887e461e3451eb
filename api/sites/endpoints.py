"""Sites."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Level, Paging, Wanted
from api.sites import service
from api.sites.schemas import Site, SiteChange, SiteList
from api.sites.service import site_of
from store import machines
from store.errors import NotFoundError

router = APIRouter(prefix="/v1/sites", tags=["sites"])


@router.get("", operation_id="listSites")
async def list_sites(context: RequestContext, principal: Reader, page: Paging) -> SiteList:
    """The sites one may see, by code."""
    async with context.connection() as connection:
        rows, total = await machines.sites(connection, page, limited_to=principal.sites)
    return SiteList(items=[site_of(row) for row in rows], total=total)


@router.get("/{code}", operation_id="getSite")
async def get_site(context: RequestContext, principal: Reader, code: Wanted) -> Site:
    """One site."""
    principal.require_site(code)
    async with context.connection() as connection:
        row = await machines.find_site(connection, code)
    if row is None:
        raise NotFoundError("site", code)
    return site_of(row)


@router.put("/{code}", operation_id="putSite")
async def put_site(
    context: RequestContext, principal: Configurer, code: Level, wanted: SiteChange
) -> Site:
    """Make a site, or change it; one that telemetry names is adopted by itself.

    Another planning scope or time zone makes plans wrong: new ones follow.
    """
    return await service.put_site(context, principal, code, wanted)
