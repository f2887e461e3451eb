"""Stock: what lies where, what moved, and the postings that change it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response

from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Code, Moment, Paging, Wanted, required_moment
from api.idempotency import IdempotentRoute
from api.stock import service
from api.stock.permits import StockKeeper
from api.stock.schemas import (
    DeviceMove,
    DeviceMoveList,
    Location,
    LocationChange,
    LocationList,
    Lot,
    LotList,
    MovementList,
    NewAdjustment,
    NewIssue,
    NewReceipt,
    NewStatus,
    NewTransfer,
    Posted,
    Settlement,
    ShortfallList,
    ShortfallView,
    Sum,
    SumList,
)
from domain.inventory.words import PostingKind, StockStatus
from store import audit
from store.errors import NotFoundError
from store.filters import containing
from store.inventory import moves, places, reading, settling

router = APIRouter(prefix="/v1/stock", tags=["stock"], route_class=IdempotentRoute)

_KNOWN: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {"model": Posted, "description": "It was booked before, and is the same."}
}


@router.get("", operation_id="listStock")
async def list_stock(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    location: Wanted | None = None,
    lot: Wanted | None = None,
    status: StockStatus | None = None,
    as_of: Annotated[
        Moment | None, Query(description="As it stood at that moment, by when things happened.")
    ] = None,
    empty: Annotated[
        bool, Query(description="Also the places where nothing lies any more.")
    ] = False,
) -> LotList:
    """What lies where, by item, site, location, lot and status."""
    async with context.connection() as connection:
        rows, total = await reading.lots(
            connection,
            page,
            site=sites.site,
            item=item,
            location=location,
            lot=lot,
            status=status,
            as_of=as_of,
            empty=empty,
            now=service.now_of(context),
            limited_to=sites.limited_to,
        )
    return LotList(
        items=[Lot.model_validate(msgspec.structs.asdict(row)) for row in rows], total=total
    )


@router.get("/items", operation_id="listStockItems")
async def list_stock_items(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    search: Annotated[Wanted | None, Query(description="Text in the item's code or name.")] = None,
) -> SumList:
    """Items' stock by site: what is available, reserved, and on its way."""
    async with context.connection() as connection:
        rows, total = await reading.sums(
            connection,
            page,
            site=sites.site,
            item=item,
            search=None if search is None else containing(search),
            now=service.now_of(context),
            limited_to=sites.limited_to,
        )
    return SumList(
        items=[Sum.model_validate(msgspec.structs.asdict(row)) for row in rows], total=total
    )


@router.get("/movements", operation_id="listStockMovements")
async def list_movements(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    location: Wanted | None = None,
    lot: Wanted | None = None,
    kind: PostingKind | None = None,
    order: Wanted | None = None,
    work_order: Wanted | None = None,
    purchase: Wanted | None = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
) -> MovementList:
    """The ledger, newest first: every row with who, when, from where, why, and what was left."""
    async with context.connection() as connection:
        rows, total = await reading.movements(
            connection,
            page,
            site=sites.site,
            item=item,
            location=location,
            lot=lot,
            kind=kind,
            order=order,
            work_order=work_order,
            purchase=purchase,
            since=since,
            until=until,
            limited_to=sites.limited_to,
        )
    return MovementList(items=[service.movement_of(row) for row in rows], total=total)


@router.get("/moves", operation_id="listDeviceMoves")
async def list_device_moves(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    unmatched: Annotated[
        bool | None, Query(description="True: those that changed nothing; false: the others.")
    ] = None,
) -> DeviceMoveList:
    """What warehouse devices told, newest first. One that fits no item waits until it does."""
    async with context.connection() as connection:
        rows, total = await moves.listed(
            connection,
            page,
            site=sites.site,
            unmatched=unmatched,
            limited_to=sites.limited_to,
        )
    items = [
        DeviceMove.model_validate({**msgspec.structs.asdict(row), "at": required_moment(row.t_ms)})
        for row in rows
    ]
    return DeviceMoveList(items=items, total=total)


@router.get("/shortfalls", operation_id="listShortfalls")
async def list_shortfalls(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
) -> ShortfallList:
    """Goods that left although the books had none, newest first."""
    async with context.connection() as connection:
        rows, total = await reading.shortfalls(
            connection,
            page,
            site=sites.site,
            item=item,
            is_open=is_open,
            limited_to=sites.limited_to,
        )
    return ShortfallList(
        items=[ShortfallView.model_validate(msgspec.structs.asdict(row)) for row in rows],
        total=total,
    )


@router.post("/shortfalls/{shortfall_id}/settle", operation_id="settleShortfall")
async def settle_shortfall(
    context: RequestContext,
    principal: StockKeeper,
    shortfall_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    wanted: Settlement,
) -> ShortfallView:
    """Say that the books were wrong: what was short is booked as a difference."""
    async with context.transaction() as connection:
        site = await settling.site_of(connection, shortfall_id)
        if site is None or not principal.sees(site):
            raise NotFoundError("shortfall", str(shortfall_id))
        await settling.settle(
            connection,
            shortfall_id,
            actor=principal.actor,
            reason=wanted.reason,
            now=service.now_of(context),
        )
        row = await settling.shortfall(connection, shortfall_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="ShortfallSettled",
            site_id=(await service.site_of(connection, principal, site)).id,
            object_kind="shortfall",
            object_key=str(shortfall_id),
            reason=wanted.reason,
            after=msgspec.to_builtins(row, enc_hook=str),
        )
    return ShortfallView.model_validate(msgspec.structs.asdict(row))


@router.get("/locations", operation_id="listLocations")
async def list_locations(*, context: RequestContext, sites: Sites, page: Paging) -> LocationList:
    """Where goods lie, by site and code."""
    async with context.connection() as connection:
        rows, total = await places.listed(
            connection, page, site=sites.site, limited_to=sites.limited_to
        )
    return LocationList(
        items=[Location.model_validate(msgspec.structs.asdict(row)) for row in rows], total=total
    )


@router.put("/locations/{code}", operation_id="putLocation")
async def put_location(
    context: RequestContext, principal: StockKeeper, code: Code, wanted: LocationChange
) -> Location:
    """Describe a location of a site."""
    async with context.transaction() as connection:
        site = await service.site_of(connection, principal, wanted.site)
        row = await places.put(connection, site.id, code, name=wanted.name)
        await audit.write(
            connection,
            actor=principal.actor,
            action="LocationPut",
            site_id=site.id,
            object_kind="location",
            object_key=f"{site.code}/{code}",
            after={"code": code, "name": wanted.name},
        )
    return Location.model_validate(msgspec.structs.asdict(row))


def _status(response: Response, answer: tuple[Posted, bool]) -> Posted:
    if not answer[1]:
        response.status_code = HTTPStatus.OK
    return answer[0]


@router.post(
    "/receipts", status_code=HTTPStatus.CREATED, operation_id="receiveGoods", responses=_KNOWN
)
async def receive_goods(
    context: RequestContext, principal: StockKeeper, wanted: NewReceipt, response: Response
) -> Posted:
    """Book goods that came in. Those of a purchase fill its lines by due date."""
    return _status(response, await service.receive(context, principal, wanted))


@router.post("/issues", status_code=HTTPStatus.CREATED, operation_id="issueGoods", responses=_KNOWN)
async def issue_goods(
    context: RequestContext, principal: StockKeeper, wanted: NewIssue, response: Response
) -> Posted:
    """Book goods that went out, first expired first. 409 when others have them reserved."""
    return _status(response, await service.issue(context, principal, wanted))


@router.post(
    "/adjustments", status_code=HTTPStatus.CREATED, operation_id="adjustStock", responses=_KNOWN
)
async def adjust_stock(
    context: RequestContext, principal: StockKeeper, wanted: NewAdjustment, response: Response
) -> Posted:
    """Correct the books by a quantity, up or down."""
    return _status(response, await service.adjust(context, principal, wanted))


@router.post(
    "/transfers", status_code=HTTPStatus.CREATED, operation_id="transferGoods", responses=_KNOWN
)
async def transfer_goods(
    context: RequestContext, principal: StockKeeper, wanted: NewTransfer, response: Response
) -> Posted:
    """Book goods that were moved to another location or site."""
    return _status(response, await service.transfer(context, principal, wanted))


@router.post(
    "/statuses", status_code=HTTPStatus.CREATED, operation_id="changeStockStatus", responses=_KNOWN
)
async def change_status(
    context: RequestContext, principal: StockKeeper, wanted: NewStatus, response: Response
) -> Posted:
    """Release, block, or send to inspection what lies somewhere."""
    return _status(response, await service.change_status(context, principal, wanted))
