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
from api.orders.changing import LineWish, OrderWish, apply_change
from api.orders.rows import locked
from api.work_orders.service import order_event
from domain.document_values import amount_of, moment_of, some_lines
from domain.documents import DocumentKind, Format, LineAction, Problem, Severity
from domain.orders import LineState, Refused, change
from store import audit, new_orders, orders
from store.database import Connection
from store.errors import ConflictError
from store.intake import told_lines
from store.intake.register import OrderOfDocuments
from store.intake.told_lines import ToldLine
from store.log import NewRecord
from store.new_orders import NewLine
from store.review.judging import Judged

_LONGEST_REASON: Final = 2_000
_BEFORE_RELEASE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a document did to an order: events to be appended last, and what is odd about it.

    `judged`: what review made of the change; None: it did not look at it.
    """

    records: list[NewRecord]
    judged: Judged | None = None
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
        of_customer: it came by a channel of a customer's: what it changes, they asked for.
    """

    order: OrderOfDocuments
    resolved: Resolved
    whole: bool
    spoken: Format
    of_customer: bool = False


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
    """Let the order become what is wanted; the floor, stock and plan hear of it there."""
    order, document = case.order, case.resolved.document
    row = await locked(connection, principal, order.number)
    reason = "; ".join(document.notes)[:_LONGEST_REASON]
    reason = reason or f"{document.kind} {document.version} from {document.source}"
    retold = [told for wanted in wishes.changed if (told := await _retell(connection, wanted))]
    wish = OrderWish(
        lines=[
            *(
                LineWish(number=wanted.line.number, quantity=wanted.quantity, due_at=wanted.due_at)
                for wanted in wishes.changed
                if (wanted.quantity, wanted.due_at) != (wanted.line.quantity, wanted.line.due_at)
            ),
            *(LineWish(number=line.number, cancel=True) for line in wishes.cancelled),
        ],
        added=wishes.added,
        priority=document.priority,
        reason=reason,
        asked_by_customer=case.of_customer,
    )
    applied = await apply_change(context, principal.actor, connection, row, wish)
    records = list(applied.records)
    if document.parties:
        await new_orders.put_parties(connection, order.id, case.resolved.parties)
    if retold:
        records += await _tell(
            context, principal, connection, case, retold, reason=reason, is_told=applied.changed
        )
    return Applied(records=records, problems=wishes.problems, judged=applied.judged)


async def _retell(
    connection: Connection, wanted: Wanted
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Change what a line says beside quantity and date; answers what it was and is, if different.

    Raises:
        ConflictError: another item is wanted, and the line's is being made already; or the line is
            closed.
    """
    line, told = wanted.line, wanted.told.told
    old = _shown(line, line.unit, line.price, line.item)
    item = (
        line.item if wanted.told.item is None or wanted.item_id is None else wanted.told.item.code
    )
    new = _shown(line, wanted.unit, line.price if told.price is None else told.price, item)
    if old != new:
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
    return None if old == new else (old, new)


async def _tell(
    context: Context,
    principal: Principal,
    connection: Connection,
    case: Case,
    retold: Sequence[tuple[dict[str, Any], dict[str, Any]]],
    *,
    reason: str,
    is_told: bool,
) -> list[NewRecord]:
    """An audit entry of what changed beside quantities and dates; its event, if none is told."""
    order = case.order
    await audit.write(
        connection,
        actor=principal.actor,
        action="OrderChanged",
        site_id=order.site_id,
        order_id=order.id,
        reason=reason,
        before={"lines": [old for old, _ in retold]},
        after={"lines": [new for _, new in retold]},
    )
    if is_told:
        return []
    version = await orders.touch(connection, order.id)
    return [
        order_event(context, "OrderChanged", site=order.site, order_id=order.id, version=version)
    ]


def _shown(line: ToldLine, unit: str, price: Decimal | None, item: str) -> dict[str, Any]:
    return {
        "number": line.number,
        "item": item,
        "unit": unit,
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
