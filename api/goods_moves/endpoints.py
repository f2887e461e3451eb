"""Warehouse moves that belong to no order: what somebody has to look at."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Reader
from api.context import RequestContext
from api.fields import Paging, Wanted, required_moment
from api.goods_moves.schemas import UnmatchedMove, UnmatchedMoveList
from contracts.telemetry import MoveEvent
from domain.goods import Unmatched
from store import goods_moves
from store.goods_moves import UnmatchedMove as Row

router = APIRouter(prefix="/v1/goods-moves", tags=["warehouse"])


@router.get("/unmatched", operation_id="listUnmatchedMoves")
async def list_unmatched(
    context: RequestContext, principal: Reader, page: Paging, site: Wanted | None = None
) -> UnmatchedMoveList:
    """Picks, packs and shipments that fit no order, newest first, each with its reason.

    A move leaves the list by itself when its order comes, or is changed so that it fits.
    """
    if site is not None:
        principal.require_site(site)
    async with context.connection() as connection:
        rows, total = await goods_moves.unmatched(
            connection, page, site=site, limited_to=principal.sites
        )
    return UnmatchedMoveList(items=[_move(row) for row in rows], total=total)


def _move(row: Row) -> UnmatchedMove:
    return UnmatchedMove(
        site=row.site,
        device=row.device,
        source=row.source,
        boot=row.boot,
        seq=row.seq,
        at=required_moment(row.t_ms),
        event=MoveEvent(row.event),
        item=row.item,
        quantity=row.quantity,
        unit=row.unit,
        work_order=row.work_order,
        order=row.order,
        reason=Unmatched(row.reason),
    )
