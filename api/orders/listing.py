"""Lists of orders as files, under names, with something done to all of them; an order's timeline.

These addresses stand before `/v1/orders/{number}`, which would take them for numbers.
"""

from __future__ import annotations

import enum
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.auth.principal import Orderer, Principal, Reader
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Name, Paging, Wanted
from api.orders import bulk, confirming, exporting
from api.orders.desk_schemas import (
    Bulk,
    CancellationPreview,
    Chosen,
    NewView,
    Outcomes,
    SavedView,
    SavedViews,
    TimelineEntry,
    TimelineList,
    ViewQuery,
)
from api.orders.filters import WantedOrders
from domain.access import Role
from store import audit, order_lists, order_timeline, orders, saved_views
from store.errors import NotFoundError
from store.order_timeline import Kind
from store.saved_views import ViewRow

router = APIRouter(prefix="/v1/orders", tags=["orders"])


class FileFormat(enum.StrEnum):
    """What a list can be had as."""

    CSV = "csv"
    XLSX = "xlsx"


@router.get(
    "/export",
    operation_id="exportOrders",
    response_class=StreamingResponse,
    responses={
        HTTPStatus.OK: {
            "content": {"text/csv": {}, exporting.XLSX_TYPE: {}},
            "description": "The file.",
        }
    },
)
async def export_orders(
    *,
    context: RequestContext,
    chosen: WantedOrders,
    file_format: Annotated[FileFormat, Query(alias="format")] = FileFormat.CSV,
) -> StreamingResponse:
    """The list as a file, newest first, with the list's filters; at most 100,000 orders."""
    async with context.connection() as connection:
        total = await order_lists.total(
            connection,
            chosen.query,
            now_ms=context.clock.now_ms(),
            limited_to=chosen.limited_to,
        )
    if total.count > exporting.MOST:
        raise confirming.too_many(total.count, exporting.MOST)
    if file_format is FileFormat.CSV:
        content, media_type = exporting.as_csv(context, chosen), "text/csv; charset=utf-8"
    else:
        content, media_type = exporting.as_xlsx(context, chosen), exporting.XLSX_TYPE
    return StreamingResponse(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="orders.{file_format}"'},
    )


@router.post("/actions", operation_id="actOnOrders")
async def act_on_orders(context: RequestContext, principal: Orderer, wanted: Bulk) -> Outcomes:
    """Do one thing to up to 1,000 orders, by number or filter; each has its own outcome."""
    return await bulk.act_on_many(context, principal, wanted)


@router.post("/actions/cancel-preview", operation_id="previewCancellation")
async def preview_cancellation(
    context: RequestContext, principal: Orderer, wanted: Chosen
) -> CancellationPreview:
    """What cancelling orders would reach: work, reservations, pieces made. Changes nothing."""
    return await bulk.preview_cancellation(context, principal, wanted)


@router.get("/views", operation_id="listOrderViews")
async def list_order_views(context: RequestContext, principal: Reader) -> SavedViews:
    """One's own views of the list, then those that others share."""
    async with context.connection() as connection:
        rows = await saved_views.views(connection, owner=principal.name)
    return SavedViews(items=[_view(row, principal) for row in rows], total=len(rows))


@router.get("/views/{name}", operation_id="getOrderView")
async def get_order_view(context: RequestContext, principal: Reader, name: Name) -> SavedView:
    """A view by its name: one's own, else one that somebody shares."""
    async with context.connection() as connection:
        row = await saved_views.view(connection, name, owner=principal.name)
    if row is None:
        raise NotFoundError("view", name)
    return _view(row, principal)


@router.put("/views/{name}", operation_id="putOrderView")
async def put_order_view(
    context: RequestContext, principal: Reader, name: Name, wanted: NewView
) -> SavedView:
    """Keep a view of the list under a name, in place of one's own of that name."""
    async with context.transaction() as connection:
        row = await saved_views.put_view(
            connection,
            name,
            owner=principal.name,
            shared=wanted.shared,
            query=wanted.model_dump(mode="json", exclude={"shared"}, exclude_none=True),
        )
        if row is not None:
            await audit.write(
                connection,
                actor=principal.actor,
                action="OrderViewSaved",
                object_kind="order_view",
                object_key=name,
                after={"shared": row.shared, "view": row.query},
            )
    if row is None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "conflict",
            f"{saved_views.MOST} views are kept already; delete one first.",
            code="too-many-views",
            params={"most": saved_views.MOST},
        )
    return _view(row, principal)


@router.delete("/views/{name}", status_code=HTTPStatus.NO_CONTENT, operation_id="deleteOrderView")
async def delete_order_view(
    context: RequestContext,
    principal: Reader,
    name: Name,
    owner: Annotated[
        Wanted | None, Query(description="Somebody else's shared view: administrators only.")
    ] = None,
) -> None:
    """Forget a view of one's own."""
    whose = owner if owner is not None and principal.role is Role.ADMIN else principal.name
    if owner not in (None, whose):
        raise NotFoundError("view", name)
    async with context.transaction() as connection:
        if not await saved_views.delete_view(connection, name, owner=whose):
            raise NotFoundError("view", name)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OrderViewDeleted",
            object_kind="order_view",
            object_key=name,
            before={"owner": whose},
        )


@router.get("/{number:path}/timeline", operation_id="getOrderTimeline")
async def get_order_timeline(
    context: RequestContext,
    principal: Reader,
    number: Wanted,
    page: Paging,
    kind: Annotated[list[Kind] | None, Query(description="Of these kinds only.")] = None,
) -> TimelineList:
    """Everything that touched the order, from its document to its delivery, oldest first."""
    async with context.connection() as connection:
        row = await orders.find(connection, number=number)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("order", number)
        rows, total = await order_timeline.timeline(connection, row.id, page, kinds=kind or ())
    return TimelineList(
        items=[TimelineEntry(**msgspec.structs.asdict(entry)) for entry in rows], total=total
    )


def _view(row: ViewRow, principal: Principal) -> SavedView:
    return SavedView(
        name=row.name,
        owner=row.owner,
        own=row.owner == principal.name,
        shared=row.shared,
        changed=row.changed_at,
        view=ViewQuery.model_validate(row.query),
    )
