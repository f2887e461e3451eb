"""How much was stored."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Reader
from api.context import RequestContext
from api.fields import Wanted
from api.ingest.schemas import Ingest
from store import ingest

router = APIRouter(prefix="/v1/ingest", tags=["ingest"])


@router.get("", operation_id="getIngest")
async def get_ingest(context: RequestContext, principal: Reader, site: Wanted) -> Ingest:
    """Messages and objects of a site that are stored so far; zeros where nothing has arrived."""
    principal.require_site(site)
    async with context.connection() as connection:
        row = await ingest.totals(connection, site)
    return Ingest(
        site=site,
        arrivals=row.arrivals,
        accepted=row.accepted,
        repeats=row.repeats,
        refused=row.refused,
    )
