"""Items and their routings."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Code, Paging, Wanted
from api.items import service
from api.items.schemas import Item, ItemChange, ItemDetail, ItemList
from store import catalogue

router = APIRouter(prefix="/v1/items", tags=["items"])


@router.get("", operation_id="listItems")
async def list_items(context: RequestContext, principal: Reader, page: Paging) -> ItemList:
    """Items by code, with their routings at the sites one may see."""
    async with context.connection() as connection:
        rows, total = await catalogue.items(connection, page)
        routings = await catalogue.routings(connection, [row.id for row in rows])
    return ItemList(
        items=[service.item_of(row, routings[row.id], principal) for row in rows],
        total=total,
    )


@router.get("/{code:path}", operation_id="getItem")
async def get_item(context: RequestContext, principal: Reader, code: Wanted) -> ItemDetail:
    """An item with its bills, routings by version, sites, names, and what it goes into."""
    return await service.item(context, principal, code)


@router.put("/{code:path}", operation_id="putItem")
async def put_item(
    context: RequestContext, principal: Configurer, code: Code, wanted: ItemChange
) -> Item:
    """Make an item, or change it. Work orders that exist keep the operations they have.

    Another setup family makes the plans wrong that hold work on it: new ones follow.
    """
    return await service.put_item(context, principal, code, wanted)
