"""Booking stock: names looked up, one transaction with the audit entry."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from pydantic import BaseModel

from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from api.stock.schemas import (
    Movement,
    NewAdjustment,
    NewIssue,
    NewReceipt,
    NewStatus,
    NewTransfer,
    Posted,
)
from api.work_orders.service import order_event
from domain.inventory.words import Account, PostingKind
from domain.units import InexactError, UnitMismatchError, convert, unit_of
from store import audit, catalogue, machines
from store.catalogue import ItemRow
from store.database import Connection
from store.errors import UnknownReferenceError
from store.filters import Page
from store.inventory import holding, movements, reading
from store.inventory.movements import Booked, Line
from store.inventory.stock import Posting
from store.machines import SiteRow


def digest_of(wanted: BaseModel) -> bytes:
    """What was asked for, to know it again."""
    content = wanted.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


def now_of(context: Context) -> datetime:
    """The moment of a request."""
    return required_moment(context.clock.now_ms())


def _at(field: str, name: str) -> str:
    """Where a field stands: within another one, or by itself."""
    return f"{field}.{name}" if field else name


async def site_of(
    connection: Connection, principal: Principal, code: str, *, field: str = "site"
) -> SiteRow:
    """A site that a request names, for somebody who may know of it.

    Raises:
        UnknownReferenceError: there is none for them.
    """
    if not principal.sees(code):
        raise UnknownReferenceError(field, code, "there is no such site")
    return await machines.known_site(connection, code, field=field)


async def item_of(connection: Connection, code: str, *, field: str) -> ItemRow:
    """An item that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    return await catalogue.known_item(connection, code, field=_at(field, "item"))


def quantity_of(item: ItemRow, quantity: Decimal, unit: str | None, *, field: str) -> Decimal:
    """A quantity in the item's own unit, exactly; what cannot be told exactly is refused.

    Args:
        item: what it is a quantity of.
        quantity: as the request says it.
        unit: in which unit; None: the item's own. Codes of UN/ECE Rec. 20 are understood too.
        field: where the line stands in the request.

    Raises:
        UnknownReferenceError: the unit does not convert to the item's, or not exactly.
    """
    if unit is None or unit == item.unit:
        return quantity
    try:
        return convert(quantity, unit_of(unit) or unit, item.unit)
    except UnitMismatchError:
        problem = (
            f"{item.code!r} is kept in {item.unit!r}, and nobody knows how many {item.unit!r} one"
            f" {unit!r} is: say the quantity in {item.unit!r}"
        )
    except InexactError:
        problem = (
            f"{quantity} {unit} are no exact number of {item.unit!r} with six decimals, in which"
            f" {item.code!r} is kept: say the quantity in {item.unit!r}"
        )
    raise UnknownReferenceError(_at(field, "unit"), unit, problem)


async def line_ids(
    connection: Connection,
    *,
    order: str,
    line: int | None,
    item_id: int,
    principal: Principal,
    field: str,
) -> tuple[int, ...]:
    """The lines of an order that goods of an item are for, by due date.

    Raises:
        UnknownReferenceError: there is no such order, or it has no such line of the item.
    """
    cursor = await connection.execute(
        """
        SELECT l.id, s.code FROM order_lines l JOIN orders o ON o.id = l.order_id
        JOIN sites s ON s.id = o.site_id
        WHERE o.number = %(order)s AND l.item_id = %(item)s
          AND (%(line)s::integer IS NULL OR l.number = %(line)s) AND l.state <> 'cancelled'
        ORDER BY l.due_at NULLS LAST, l.number
        """,
        {"order": order, "item": item_id, "line": line},
    )
    rows = [row for row in await cursor.fetchall() if principal.sees(row[1])]
    if not rows:
        problem = "there is no such order with an open line of this item"
        raise UnknownReferenceError(_at(field, "order"), order, problem)
    return tuple(row[0] for row in rows)


async def work_order_id(connection: Connection, site: SiteRow, number: str, *, field: str) -> int:
    """The id of a work order of a site.

    Raises:
        UnknownReferenceError: there is none.
    """
    cursor = await connection.execute(
        "SELECT id FROM work_orders WHERE site_id = %s AND number = %s AND planned",
        (site.id, number),
    )
    row = await cursor.fetchone()
    if row is None:
        problem = f"there is no such work order at {site.code!r}"
        raise UnknownReferenceError(_at(field, "work_order"), number, problem)
    found: int = row[0]
    return found


async def receive(
    context: Context, principal: Principal, wanted: NewReceipt
) -> tuple[Posted, bool]:
    """Book goods that came in."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            item = await item_of(connection, line.item, field=f"lines[{index}]")
            lines.append(
                Line(
                    item_id=item.id,
                    item=item.code,
                    quantity=quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]"),
                    location=line.location,
                    lot=line.lot,
                    status=line.status,
                    expires_on=line.expires_on,
                    purchase=line.purchase,
                    purchase_line=line.purchase_line,
                )
            )
        posting = _posting(context, principal, site, PostingKind.RECEIPT, wanted)
        return await _book(
            context, connection, principal, posting, wanted, lines=lines, book=movements.receive
        )


async def issue(context: Context, principal: Principal, wanted: NewIssue) -> tuple[Posted, bool]:
    """Book goods that went out."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            field = f"lines[{index}]"
            item = await item_of(connection, line.item, field=field)
            meant: tuple[int, ...] = ()
            if line.order is not None:
                meant = await line_ids(
                    connection,
                    order=line.order,
                    line=line.line,
                    item_id=item.id,
                    principal=principal,
                    field=field,
                )
            work = None
            if line.work_order is not None:
                work = await work_order_id(connection, site, line.work_order, field=field)
            lines.append(
                Line(
                    item_id=item.id,
                    item=item.code,
                    quantity=quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]"),
                    location=line.location,
                    lot=line.lot,
                    order_line_ids=meant,
                    work_order_id=work,
                )
            )
        posting = _posting(context, principal, site, PostingKind.ISSUE, wanted)
        return await _book(
            context, connection, principal, posting, wanted, lines=lines, book=_issue
        )


async def _issue(connection: Connection, posting: Posting, lines: Sequence[Line]) -> Booked:
    target = Account.USE
    if any(line.order_line_ids for line in lines):
        target = Account.CUSTOMER
    elif any(line.work_order_id for line in lines):
        target = Account.PRODUCTION
    return await movements.issue(connection, posting, lines, target=target)


async def adjust(
    context: Context, principal: Principal, wanted: NewAdjustment
) -> tuple[Posted, bool]:
    """Correct the books."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            item = await item_of(connection, line.item, field=f"lines[{index}]")
            if not line.quantity:
                raise UnknownReferenceError(f"lines[{index}].quantity", "0", "changes nothing")
            lines.append(
                Line(
                    item_id=item.id,
                    item=item.code,
                    quantity=quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]"),
                    location=line.location,
                    lot=line.lot,
                    status=line.status,
                )
            )
        posting = _posting(context, principal, site, PostingKind.ADJUSTMENT, wanted)
        return await _book(
            context, connection, principal, posting, wanted, lines=lines, book=movements.adjust
        )


async def transfer(
    context: Context, principal: Principal, wanted: NewTransfer
) -> tuple[Posted, bool]:
    """Book goods that were moved."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        target = site
        if wanted.to_site is not None:
            target = await site_of(connection, principal, wanted.to_site, field="to_site")
        lines = []
        for index, line in enumerate(wanted.lines):
            item = await item_of(connection, line.item, field=f"lines[{index}]")
            lines.append(
                Line(
                    item_id=item.id,
                    item=item.code,
                    quantity=quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]"),
                    location=line.location,
                    lot=line.lot,
                    to_location=line.to_location,
                )
            )

        async def move(connection: Connection, posting: Posting, lines: Sequence[Line]) -> Booked:
            return await movements.transfer(connection, posting, lines, to_site_id=target.id)

        posting = _posting(context, principal, site, PostingKind.TRANSFER, wanted)
        return await _book(context, connection, principal, posting, wanted, lines=lines, book=move)


async def change_status(
    context: Context, principal: Principal, wanted: NewStatus
) -> tuple[Posted, bool]:
    """Book goods that get another status."""
    async with context.transaction() as connection:
        site = await site_of(connection, principal, wanted.site)
        lines = []
        for index, line in enumerate(wanted.lines):
            item = await item_of(connection, line.item, field=f"lines[{index}]")
            if line.from_status is line.to_status:
                problem = "is the status that the goods have"
                raise UnknownReferenceError(f"lines[{index}].to_status", line.to_status, problem)
            lines.append(
                Line(
                    item_id=item.id,
                    item=item.code,
                    quantity=quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]"),
                    location=line.location,
                    lot=line.lot,
                    status=line.from_status,
                    expires_on=line.expires_on,
                    to_status=line.to_status,
                )
            )
        posting = _posting(context, principal, site, PostingKind.STATUS, wanted)
        return await _book(
            context,
            connection,
            principal,
            posting,
            wanted,
            lines=lines,
            book=movements.change_status,
        )


def _posting(
    context: Context,
    principal: Principal,
    site: SiteRow,
    kind: PostingKind,
    wanted: NewReceipt | NewIssue | NewAdjustment | NewTransfer | NewStatus,
) -> Posting:
    return Posting(
        site_id=site.id,
        kind=kind,
        actor=principal.actor,
        occurred_at=wanted.occurred_at or now_of(context),
        reference=wanted.reference,
        digest=digest_of(wanted) if wanted.reference is not None else None,
        reason=wanted.reason,
    )


async def _book(
    context: Context,
    connection: Connection,
    principal: Principal,
    posting: Posting,
    wanted: BaseModel,
    *,
    lines: Sequence[Line],
    book: Callable[[Connection, Posting, Sequence[Line]], Awaitable[Booked]],
) -> tuple[Posted, bool]:
    booked = await book(connection, posting, lines)
    if booked.new:
        await audit.write(
            connection,
            actor=principal.actor,
            action="StockPosted",
            site_id=posting.site_id,
            object_kind="stock_posting",
            object_key=str(booked.posting_id),
            reason=posting.reason,
            after={
                "posting": booked.posting_id,
                "kind": posting.kind,
                **wanted.model_dump(mode="json", exclude_none=True),
            },
        )
    answer = await posted(connection, booked.posting_id)
    events = [
        order_event(context, "PegsMoved", site=order.site, order_id=order.id, version=order.version)
        for order in await holding.orders_of(connection, booked.order_line_ids)
    ]
    if events:
        await context.log.append_in(connection, events)
    return answer, booked.new


async def posted(connection: Connection, posting_id: int) -> Posted:
    """A posting with its movements, in the order in which they were booked."""
    rows, _ = await reading.movements(connection, Page(10_000, 0), posting=posting_id)
    first = rows[-1]
    return Posted(
        id=posting_id,
        site=first.site,
        kind=first.kind,
        reference=first.reference,
        movements=[movement_of(row) for row in reversed(rows)],
    )


def movement_of(row: reading.MovementRow) -> Movement:
    """A row of the ledger as the API shows it."""
    return Movement.model_validate(msgspec.structs.asdict(row))
