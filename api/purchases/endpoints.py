"""Purchases: planned receipts that promises are made of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from api.auth.principal import Principal, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted, exact_number
from api.idempotency import IdempotentRoute
from api.purchases.schemas import (
    NewPurchase,
    Purchase,
    PurchaseCancellation,
    PurchaseChange,
    PurchaseLine,
    PurchaseList,
)
from api.stock.permits import Purchaser
from api.stock.service import digest_of, item_of, now_of, quantity_of, site_of
from store import audit
from store.database import Connection
from store.errors import (
    ConflictError,
    NotFoundError,
    StaleVersionError,
    UnknownReferenceError,
)
from store.inventory import holding, purchases
from store.inventory.purchases import NewPurchaseLine, PurchaseLineRow, PurchaseRow
from store.planning import notes

router = APIRouter(prefix="/v1/purchases", tags=["purchasing"], route_class=IdempotentRoute)


@router.get("", operation_id="listPurchases")
async def list_purchases(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    supplier: Wanted | None = None,
    item: Wanted | None = None,
    state: Wanted | None = None,
) -> PurchaseList:
    """Purchases, newest first. `state`: `open`, `received`, `cancelled`."""
    async with context.connection() as connection:
        rows, total = await purchases.listed(
            connection,
            page,
            site=sites.site,
            supplier=supplier,
            item=item,
            state=state,
            limited_to=sites.limited_to,
        )
        lines = await purchases.lines_of(connection, [row.id for row in rows])
    return PurchaseList(items=[_shown(row, lines.get(row.id, [])) for row in rows], total=total)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="createPurchase",
    responses={HTTPStatus.OK: {"model": Purchase, "description": "It was there, and equal."}},
)
async def create_purchase(
    context: RequestContext, principal: Purchaser, wanted: NewPurchase, response: Response
) -> Purchase:
    """Note what was ordered; from now on its dates count for what can be promised."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            field = f"lines[{index}]"
            item = await item_of(connection, line.item, field=field)
            quantity = quantity_of(item, line.quantity, line.unit, field=field)
            lines.append(NewPurchaseLine(item_id=item.id, quantity=quantity, due_at=line.due_at))
        supplier_id = None
        if wanted.supplier is not None:
            supplier_id = await _supplier(connection, wanted.supplier)
        purchase_id, new = await purchases.insert(
            connection,
            site_id=site.id,
            supplier_id=supplier_id,
            number=wanted.number,
            lines=lines,
            digest=digest_of(wanted),
            created_by=principal.actor.name,
            now=now_of(context),
        )
        found = await _by_id(connection, purchase_id)
        if new:
            await audit.write(
                connection,
                actor=principal.actor,
                action="PurchaseCreated",
                site_id=site.id,
                object_kind="purchase",
                object_key=found.number,
                after=wanted.model_dump(mode="json", exclude_none=True) | {"number": found.number},
            )
    if not new:
        response.status_code = HTTPStatus.OK
    return found


@router.get("/{number:path}", operation_id="getPurchase")
async def get_purchase(context: RequestContext, principal: Reader, number: Wanted) -> Purchase:
    """One purchase with its lines."""
    async with context.connection() as connection:
        return await _read(connection, principal, number)


@router.patch("/{number:path}", operation_id="changePurchase")
async def change_purchase(
    context: RequestContext, principal: Purchaser, number: Wanted, wanted: PurchaseChange
) -> Purchase:
    """Change quantities and dates, or close lines. 409 when `version` is not the purchase's."""
    async with context.transaction() as connection:
        await _read(connection, principal, number)
        locked = await purchases.lock(connection, number, now=now_of(context))
        if locked is None:
            raise NotFoundError("purchase", number)
        stock, row = locked
        if row.version != wanted.version:
            raise StaleVersionError("purchase", number, expected=wanted.version, actual=row.version)
        if row.state == "cancelled":
            raise ConflictError(f"the purchase {number!r} is cancelled")
        before: list[dict[str, Any]] = []
        after: list[dict[str, Any]] = []
        lines = (await purchases.lines_of(connection, [row.id]))[row.id]
        for index, change in enumerate(wanted.lines):
            line = next((line for line in lines if line.number == change.number), None)
            if line is None:
                problem = "the purchase has no such line"
                raise UnknownReferenceError(f"lines[{index}].number", str(change.number), problem)
            quantity = change.quantity if change.quantity is not None else line.quantity
            due_at = change.due_at or line.due_at
            closed = line.closed if change.closed is None else change.closed
            before.append(_told(line, line.quantity, closed=line.closed))
            await purchases.change_line(
                connection, line.id, quantity=quantity, due_at=due_at, closed=closed
            )
            await holding.trim_purchase(connection, line.id)
            after.append(_told(line, quantity, closed=closed) | {"due_at": due_at.isoformat()})
        await purchases.touch(stock, row.id)
        await stock.save()
        # A later date may pass the planned start of what waits for it.
        await notes.look_at_site(connection, row.site_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="PurchaseChanged",
            site_id=row.site_id,
            object_kind="purchase",
            object_key=row.number,
            reason=wanted.reason,
            before={"number": number, "lines": before},
            after={"number": number, "lines": after},
        )
        return await _by_id(connection, row.id)


@router.post("/{number:path}/cancel", operation_id="cancelPurchase")
async def cancel_purchase(
    context: RequestContext, principal: Purchaser, number: Wanted, wanted: PurchaseCancellation
) -> Purchase:
    """Give a purchase up: what of it has not come is promised to nobody any more."""
    async with context.transaction() as connection:
        await _read(connection, principal, number)
        locked = await purchases.lock(connection, number, now=now_of(context))
        if locked is None:
            raise NotFoundError("purchase", number)
        stock, row = locked
        if row.state != "open":
            raise ConflictError(f"the purchase {number!r} is {row.state}")
        for line in (await purchases.lines_of(connection, [row.id]))[row.id]:
            await purchases.change_line(
                connection, line.id, quantity=line.quantity, due_at=line.due_at, closed=True
            )
            await holding.trim_purchase(connection, line.id)
        await purchases.touch(stock, row.id, state="cancelled")
        await stock.save()
        await notes.look_at_site(connection, row.site_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="PurchaseCancelled",
            site_id=row.site_id,
            object_kind="purchase",
            object_key=row.number,
            reason=wanted.reason,
            before={"number": row.number, "state": row.state},
            after={"number": row.number, "state": "cancelled"},
        )
        return await _by_id(connection, row.id)


def _told(line: PurchaseLineRow, quantity: Decimal, *, closed: bool) -> dict[str, Any]:
    return {
        "line": line.number,
        "quantity": exact_number(quantity),
        "due_at": line.due_at.isoformat(),
        "closed": closed,
    }


async def _supplier(connection: Connection, code: str) -> int:
    cursor = await connection.execute("SELECT id FROM suppliers WHERE code = %s", (code,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownReferenceError("supplier", code, "there is no such supplier")
    found: int = row[0]
    return found


async def _read(connection: Connection, principal: Principal, number: str) -> Purchase:
    row = await purchases.find(connection, number)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("purchase", number)
    return _shown(row, (await purchases.lines_of(connection, [row.id])).get(row.id, []))


async def _by_id(connection: Connection, purchase_id: int) -> Purchase:
    row = await purchases.by_id(connection, purchase_id)
    lines = await purchases.lines_of(connection, [purchase_id])
    return _shown(row, lines.get(purchase_id, []))


def _shown(row: PurchaseRow, lines: Sequence[PurchaseLineRow]) -> Purchase:
    return Purchase.model_validate(
        {
            "number": row.number,
            "site": row.site,
            "supplier": row.supplier,
            "state": row.state,
            "version": row.version,
            "created_at": row.created_at,
            "created_by": row.created_by,
            "lines": [
                PurchaseLine(
                    number=line.number,
                    item=line.item,
                    unit=line.unit,
                    quantity=line.quantity,
                    received=line.received,
                    open=Decimal(0)
                    if line.closed
                    else max(line.quantity - line.received, Decimal(0)),
                    due_at=line.due_at,
                    closed=line.closed,
                )
                for line in lines
            ],
        }
    )
