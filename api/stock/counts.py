"""Stock counts: taking them, and approving their differences."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth.principal import Principal, Reader
from api.chosen_sites import Sites
from api.context import Context, RequestContext
from api.fields import Paging, Wanted
from api.idempotency import IdempotentRoute
from api.stock import service
from api.stock.permits import StockKeeper
from api.stock.schemas import Count, CountDecision, CountLine, CountList, NewCount
from store import audit
from store.database import Connection
from store.errors import NotFoundError
from store.inventory import counts
from store.inventory.counts import CountedLine, CountLineRow, CountRow

router = APIRouter(prefix="/v1/stock/counts", tags=["stock"], route_class=IdempotentRoute)
CountId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listCounts")
async def list_counts(
    context: RequestContext, sites: Sites, page: Paging, state: Wanted | None = None
) -> CountList:
    """Counts, newest first. `state`: `waiting`, `applied`, `rejected`."""
    async with context.connection() as connection:
        rows, total = await counts.listed(
            connection, page, site=sites.site, state=state, limited_to=sites.limited_to
        )
        lines = await counts.lines_of(connection, [row.id for row in rows])
    return CountList(items=[_count(row, lines.get(row.id, [])) for row in rows], total=total)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="countStock",
    responses={HTTPStatus.OK: {"model": Count, "description": "It was there, and equal."}},
)
async def count_stock(
    context: RequestContext, principal: StockKeeper, wanted: NewCount, response: Response
) -> Count:
    """Say what was counted. What differs from the books waits until somebody approves it."""
    now = service.now_of(context)
    async with context.transaction() as connection:
        site = await service.site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            item = await service.item_of(connection, line.item, field=f"lines[{index}]")
            lines.append(
                CountedLine(
                    item_id=item.id,
                    lot=line.lot or "",
                    status=line.status,
                    counted=service.quantity_of(
                        item, line.quantity, line.unit, field=f"lines[{index}]"
                    ),
                )
            )
        count_id, new = await counts.count(
            connection,
            site_id=site.id,
            location=wanted.location,
            lines=lines,
            actor=principal.actor,
            counted_at=wanted.counted_at or now,
            now=now,
            reference=wanted.reference,
            digest=service.digest_of(wanted),
        )
        if new:
            await audit.write(
                connection,
                actor=principal.actor,
                action="StockCounted",
                site_id=site.id,
                object_kind="count",
                object_key=str(count_id),
                after={"count": count_id, **wanted.model_dump(mode="json", exclude_none=True)},
            )
        found = await _read(connection, principal, count_id)
    if not new:
        response.status_code = HTTPStatus.OK
    return found


@router.get("/{count_id}", operation_id="getCount")
async def get_count(context: RequestContext, principal: Reader, count_id: CountId) -> Count:
    """One count."""
    async with context.connection() as connection:
        return await _read(connection, principal, count_id)


@router.post("/{count_id}/approve", operation_id="approveCount")
async def approve_count(
    context: RequestContext, principal: StockKeeper, count_id: CountId, wanted: CountDecision
) -> Count:
    """Let the books say what was counted; what moved since the counting stays."""
    return await _decide(context, principal, count_id, wanted, approve=True)


@router.post("/{count_id}/reject", operation_id="rejectCount")
async def reject_count(
    context: RequestContext, principal: StockKeeper, count_id: CountId, wanted: CountDecision
) -> Count:
    """Leave the books as they are."""
    return await _decide(context, principal, count_id, wanted, approve=False)


async def _decide(
    context: Context,
    principal: Principal,
    count_id: int,
    wanted: CountDecision,
    *,
    approve: bool,
) -> Count:
    async with context.transaction() as connection:
        before = await _read(connection, principal, count_id)
        await counts.decide(
            connection,
            count_id,
            approve=approve,
            actor=principal.actor,
            reason=wanted.reason,
            now=service.now_of(context),
        )
        found = await _read(connection, principal, count_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="CountApproved" if approve else "CountRejected",
            site_id=(await service.site_of(connection, principal, before.site)).id,
            object_kind="count",
            object_key=str(count_id),
            reason=wanted.reason,
            before={"count": count_id, "state": before.state},
            after={"state": found.state},
        )
    return found


async def _read(connection: Connection, principal: Principal, count_id: int) -> Count:
    row = await counts.find(connection, count_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("count", str(count_id))
    lines = await counts.lines_of(connection, [count_id])
    return _count(row, lines.get(count_id, []))


def _count(row: CountRow, lines: Sequence[CountLineRow]) -> Count:
    return Count(
        id=row.id,
        site=row.site,
        location=row.location,
        reference=row.reference,
        state=row.state,
        counted_at=row.counted_at,
        counted_by=row.counted_by,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        lines=[
            CountLine(
                item=line.item,
                unit=line.unit,
                lot=line.lot,
                status=line.status,
                counted=line.counted,
                booked=line.booked,
                difference=line.counted - line.booked,
            )
            for line in lines
        ],
    )
