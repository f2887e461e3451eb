"""Applying a document to an order that is there: which lines it means, what it wants of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number
from api.intake.resolving import Resolved, ResolvedLine, place_of
from api.orders.rows import locked
from api.work_orders.service import order_event
from domain.document_values import amount_of, moment_of, some_lines
from domain.documents import DocumentKind, Format, LineAction, Problem, Severity
from domain.orders import LineState, Moved, Refused, cancel, change
from store import audit, new_orders, orders, work_orders
from store.database import Connection
from store.errors import ConflictError
from store.intake import told_lines
from store.intake.register import OrderOfDocuments
from store.intake.told_lines import ToldLine
from store.log import NewRecord
from store.new_orders import NewLine

_BEFORE_RELEASE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a document did to an order: events to be appended last, and what is odd about it."""

    records: list[NewRecord]
    problems: list[Problem]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a line that is there; `item_id` is another item than the line's."""

    line: ToldLine
    told: ResolvedLine
    quantity: Decimal
    unit: str
    due_at: datetime | None
    item_id: int | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A document and the order that it names.

    Attributes:
        order: its row is locked.
        resolved: the document, its names looked up.
        whole: lines that it does not name are cancelled.
        spoken: the document's format.
    """

    order: OrderOfDocuments
    resolved: Resolved
    whole: bool
    spoken: Format


class Wishes(msgspec.Struct, kw_only=True):
    """What a document wants of an order's lines."""

    changed: list[Wanted] = []
    cancelled: list[ToldLine] = []
    added: list[NewLine] = []
    problems: list[Problem] = []


async def apply(
    context: Context, principal: Principal, connection: Connection, case: Case
) -> Applied:
    """Change or cancel an order as a document says.

    Args:
        context: of the request.
        principal: on whose doing.
        connection: the transaction; a savepoint of it, for an error leaves things half done.
        case: the document and the order.

    Raises:
        ConflictError: the state of a line does not allow it.
    """
    document = case.resolved.document
    lines = await told_lines.lines(connection, case.order.id)
    if document.kind is DocumentKind.CANCEL and not document.lines:
        wishes = Wishes(cancelled=[line for line in lines if line.state != LineState.CANCELLED])
        if not wishes.cancelled:
            raise ConflictError("the order is cancelled already")
    else:
        wishes = _wishes(lines, case)
    return await _carry_out(context, principal, connection, case, wishes)


def _wishes(lines: Sequence[ToldLine], case: Case) -> Wishes:
    """What is wanted of each line; a line that the order does not have is added."""
    wishes = Wishes()
    resolved = case.resolved
    cancels = resolved.document.kind is DocumentKind.CANCEL
    number = max((line.number for line in lines), default=0)
    named: set[int] = set()
    for told in resolved.lines:
        line = find_line(lines, told, named)
        if line is not None:
            named.add(line.id)
        if cancels or told.told.action is LineAction.CANCEL:
            if line is None:
                wishes.problems.append(_unknown_line(resolved, told))
            elif line.state != LineState.CANCELLED:
                wishes.cancelled.append(line)
        elif line is not None:
            wishes.changed.append(_wanted(line, told, case, wishes))
        elif told.row is not None:
            number += 1
            wishes.added.append(msgspec.structs.replace(told.row, number=number))
        else:
            wishes.problems.append(_unknown_line(resolved, told))
    if case.whole and not cancels:
        wishes.cancelled.extend(
            line for line in lines if line.id not in named and line.state != LineState.CANCELLED
        )
    return wishes


def find_line(lines: Sequence[ToldLine], told: ResolvedLine, named: set[int]) -> ToldLine | None:
    """The line that a document means: by its number there, else by the one line of that item."""
    position = told.told.position
    free = [line for line in lines if line.id not in named]
    for line in free:
        if line.position == position:
            return line
    for line in free:
        if line.position is not None and _same_number(line.position, position):
            return line
    if told.told.action is LineAction.ADD:
        return None
    if all(line.position is None for line in lines):  # entered by hand: the numbers are ours
        return next((line for line in free if _same_number(str(line.number), position)), None)
    if told.item is None or not told.told.names:
        return None
    of_item = [line for line in free if line.item_id == told.item.id]
    return of_item[0] if len(of_item) == 1 else None


def _same_number(one: str, other: str) -> bool:
    return one.isdecimal() and other.isdecimal() and int(one) == int(other)


def _wanted(line: ToldLine, told: ResolvedLine, case: Case, wishes: Wishes) -> Wanted:
    document, wish = case.resolved.document, told.told
    item = told.item if wish.names else None
    quantity, unit = line.quantity, line.unit
    if wish.quantity is not None:
        item_unit = line.item_unit if item is None else item.unit
        # A change that leaves the unit out means the one told before.
        amount = amount_of(wish.quantity, wish.unit or line.unit_as_told, item_unit, case.spoken)
        quantity, unit = amount.quantity, amount.unit
        if amount.problem is not None and item is None:
            wishes.problems.append(_problem(case.resolved, told, *amount.problem))
    due_at = line.due_at
    if (due := wish.due or document.due) is not None:
        due_at = moment_of(due, ZoneInfo(case.order.time_zone))
    return Wanted(
        line=line,
        told=told,
        quantity=quantity,
        unit=unit,
        due_at=due_at,
        item_id=None if item is None or item.id == line.item_id else item.id,
    )


async def _carry_out(
    context: Context,
    principal: Principal,
    connection: Connection,
    case: Case,
    wishes: Wishes,
) -> Applied:
    """Change the rows, and tell of it in the audit log and by an event."""
    order, document = case.order, case.resolved.document
    row = await locked(connection, principal, order.number)
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    for wanted in wishes.changed:
        old, new = await _change(connection, wanted)
        if old != new:
            before.append(old)
            after.append(new)
    work_order_ids = await _cancel(connection, wishes.cancelled, before, after)
    await new_orders.insert_lines(connection, [(order.id, wishes.added)], LineState.RECEIVED)
    after.extend(
        {"number": line.number, "quantity": exact_number(line.quantity), "due_at": line.due_at}
        for line in wishes.added
    )
    if document.parties:
        await new_orders.put_parties(connection, [(order.id, case.resolved.parties)])
    if not after and document.priority in (None, row.priority):
        return Applied(records=[], problems=wishes.problems)
    version = await orders.touch(connection, order.id, priority=document.priority)
    name = "OrderChanged"
    if all(
        line.state == LineState.CANCELLED for line in await told_lines.lines(connection, order.id)
    ):
        name = "OrderCancelled"
    told = {"source": document.source, "number": document.number, "version": document.version}
    await audit.write(
        connection,
        actor=principal.actor,
        action=name,
        site_id=order.site_id,
        order_id=order.id,
        reason="; ".join(document.notes) or f"{document.kind} from {document.source}",
        before={"lines": before},
        after={"lines": after, "document": told},
    )
    pegs = await orders.pegs(connection, order.id)
    record = order_event(
        context,
        name,
        site=order.site,
        order_id=order.id,
        version=version,
        work_order_ids=sorted({peg.work_order_id for peg in pegs}.union(work_order_ids)),
    )
    return Applied(records=[record], problems=wishes.problems)


async def _change(connection: Connection, wanted: Wanted) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change a line; answers what it was and what it is."""
    line, told = wanted.line, wanted.told.told
    old = _shown(line.number, line.quantity, line.unit, line.due_at, line.price)
    price = line.price if told.price is None else told.price
    new = _shown(line.number, wanted.quantity, wanted.unit, wanted.due_at, price)
    if wanted.item_id is not None:
        old["item_id"], new["item_id"] = line.item_id, wanted.item_id
    if old == new:
        return old, new
    decision = change(line.state)
    if isinstance(decision, Refused):
        raise ConflictError(f"line {line.number}: {decision.reason}")
    if wanted.item_id is not None:
        if line.state not in _BEFORE_RELEASE:
            raise ConflictError(
                f"line {line.number}: {line.item!r} is being made for it already; cancel the line"
                " and add one with the other item"
            )
        await told_lines.replace_item(connection, line.id, item_id=wanted.item_id)
    if (wanted.quantity, wanted.due_at) != (line.quantity, line.due_at):
        await orders.change_line(
            connection, line.id, quantity=wanted.quantity, due_at=wanted.due_at
        )
    await told_lines.retell(
        connection,
        line.id,
        unit=wanted.unit,
        quantity_as_told=told.quantity,
        unit_as_told=told.unit,
        price=told.price,
        price_basis=told.price_basis,
        description=some_lines(told.description or "") or None,
    )
    return old, new


async def _cancel(
    connection: Connection,
    lines: Sequence[ToldLine],
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
) -> list[int]:
    """Give lines up, with the work that is only for them; answers that work."""
    for line in lines:
        decision = cancel(line.state, "the customer's document")
        if not isinstance(decision, Moved):
            raise ConflictError(f"line {line.number}: {decision.reason}")
        await orders.set_line_state(connection, line.id, decision.state)
        before.append({"number": line.number, "state": line.state})
        after.append({"number": line.number, "state": decision.state})
    work_order_ids = await orders.work_orders_only_for(connection, [line.id for line in lines])
    await work_orders.cancel(connection, work_order_ids)
    return work_order_ids


def _shown(
    number: int, quantity: Decimal, unit: str, due_at: datetime | None, price: Decimal | None
) -> dict[str, Any]:
    return {
        "number": number,
        "quantity": exact_number(quantity),
        "unit": unit,
        "due_at": due_at,
        "price": None if price is None else exact_number(price),
    }


def _unknown_line(resolved: Resolved, told: ResolvedLine) -> Problem:
    return _problem(
        resolved, told, "line_unknown", "the order has no such line, so nothing was done for it"
    )


def _problem(resolved: Resolved, told: ResolvedLine, code: str, problem: str) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        code=code,
        place=place_of(told.told),
        value=told.told.position,
        problem=problem,
        document=resolved.document.number,
    )
