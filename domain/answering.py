"""Our word on an order, and what has left of it, beside what its documents asked for.

A partner reads its own numbers, names and units: they come from its documents, newest first; what
we confirm and ship comes from the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final

import msgspec

from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    DocumentKind,
    DocumentLine,
    Due,
    Format,
    LineAction,
    Name,
    NameScheme,
    OrderAnswer,
    OrderDocument,
    ShipNotice,
    ShippedLine,
)
from domain.orders import LineState
from domain.units import InexactError, UnitMismatchError, code_of, convert, unit_of

_UNDECIDED: Final = frozenset({LineState.RECEIVED, LineState.UNDER_REVIEW})


class LineNow(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it stands.

    Attributes:
        position: its number in the document; None: it was added here.
        quantity, unit: ours.
        unit_as_told: the unit's code as the document has it.
        due: when it is wanted; `promised`: what was agreed instead.
        expected: when the plan in force ends it; None: it is not planned.
        reason: why it was refused.
    """

    id: int
    number: int
    position: str | None
    item: str
    description: str | None
    quantity: Decimal
    unit: str
    unit_as_told: str | None
    price: Decimal | None
    price_basis: Decimal
    due: datetime | None
    promised: datetime | None
    expected: datetime | None
    state: str
    reason: str | None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a line a shipment holds, in our unit; of which lots, where that is known."""

    line_id: int
    quantity: Decimal
    lots: tuple[str, ...] = ()


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment that has left."""

    number: int
    shipped_at: datetime
    expected_at: datetime | None
    carrier: str | None
    tracking_number: str | None
    gone: tuple[Gone, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its documents ask for it.

    Attributes:
        document: that which told of the order first; answers refer to it.
        lines: by position, each as the newest document has it that names it.
    """

    spoken: Format
    document: OrderDocument
    lines: Mapping[str, DocumentLine]


def asked(spoken: Format, documents: Sequence[OrderDocument]) -> Asked | None:
    """What the documents of an order ask for; None: none of them is the order itself.

    Args:
        spoken: the format of the order's own document.
        documents: that were applied, oldest first.
    """
    orders = [one for one in documents if one.kind is DocumentKind.ORDER]
    if not orders:
        return None
    lines: dict[str, DocumentLine] = {}
    for document in documents:
        if document.kind is DocumentKind.CANCEL and not document.lines:
            lines = {position: _given_up(line) for position, line in lines.items()}
        for line in document.lines:
            before = lines.get(line.position)
            lines[line.position] = line if before is None else _over(before, line)
    return Asked(spoken=spoken, document=orders[-1], lines=lines)


def _given_up(line: DocumentLine) -> DocumentLine:
    return msgspec.structs.replace(line, action=LineAction.CANCEL)


def _over(before: DocumentLine, now: DocumentLine) -> DocumentLine:
    """A line with what a newer document changes about it."""
    return msgspec.structs.replace(
        before,
        action=now.action,
        names=now.names or before.names,
        description=now.description or before.description,
        quantity=before.quantity if now.quantity is None else now.quantity,
        unit=now.unit or before.unit,
        due=now.due or before.due,
    )


def is_decided(lines: Iterable[LineNow]) -> bool:
    """Whether there is a word to be said: nothing waits to be looked at."""
    return not any(LineState(line.state) in _UNDECIDED for line in lines)


def order_answer(
    told: Asked,
    lines: Sequence[LineNow],
    *,
    our_number: str,
    answered_at: datetime,
    zone: tzinfo,
    replaces: bool,
) -> OrderAnswer:
    """Our word on an order.

    Args:
        told: what was asked for.
        lines: as they stand, none of them undecided.
        our_number: the order's number here.
        answered_at: UTC.
        zone: the site's; days are its days.
        replaces: an answer before this one was given.
    """
    answered = tuple(_answered(told, line, zone) for line in lines)
    statuses = {line.status for line in answered}
    status = statuses.pop() if len(statuses) == 1 else AnswerStatus.CHANGED
    return OrderAnswer(
        number=told.document.number,
        our_number=our_number,
        status=status,
        answered_at=answered_at,
        issued=told.document.issued,
        currency=told.document.currency,
        parties=told.document.parties,
        lines=answered,
        replaces=replaces,
    )


def ship_notice(
    told: Asked, lines: Sequence[LineNow], dispatch: Dispatch, *, our_number: str, replaces: bool
) -> ShipNotice:
    """What has left of an order.

    Args:
        told: what was asked for.
        lines: of the order.
        dispatch: the shipment.
        our_number: the order's number here.
        replaces: a notice of this shipment was sent before.
    """
    by_id = {line.id: line for line in lines}
    return ShipNotice(
        shipment=f"{our_number}-{dispatch.number}",
        number=told.document.number,
        our_number=our_number,
        shipped_at=dispatch.shipped_at,
        expected_at=dispatch.expected_at,
        carrier=dispatch.carrier,
        tracking_number=dispatch.tracking_number,
        parties=told.document.parties,
        lines=tuple(_shipped(told, by_id[gone.line_id], gone) for gone in dispatch.gone),
        replaces=replaces,
    )


def _answered(told: Asked, line: LineNow, zone: tzinfo) -> AnsweredLine:
    wish = told.lines.get(line.position or "")
    confirmed, unit = _amount(told, line, line.quantity)
    wanted = confirmed if wish is None or wish.quantity is None else wish.quantity
    wanted_by: Due | None = (wish.due if wish is not None else None) or told.document.due
    wanted_by = wanted_by or line.due
    given, is_other = _given(line, wanted_by, zone)
    if line.state == LineState.CANCELLED:
        # What the partner gave up is no refusal of ours.
        theirs = wish is not None and wish.action is LineAction.CANCEL
        status = AnswerStatus.CHANGED if theirs else AnswerStatus.REJECTED
        confirmed = Decimal(0)
    elif confirmed != wanted or is_other:
        status = AnswerStatus.CHANGED
    else:
        status = AnswerStatus.ACCEPTED
    nothing = line.state == LineState.CANCELLED
    return AnsweredLine(
        position=line.position or str(line.number),
        status=status,
        names=_names(line, wish),
        description=line.description or (wish.description if wish is not None else None),
        quantity=wanted,
        confirmed_quantity=confirmed,
        unit=unit,
        price=line.price,
        price_basis=line.price_basis,
        due=wanted_by,
        confirmed_due=None if nothing else given,
        reason=line.reason if nothing else None,
    )


def _given(line: LineNow, wanted: Due | None, zone: tzinfo) -> tuple[Due | None, bool]:
    """The date that we give a line, and whether it is another than was asked for.

    What is agreed goes before what is wanted; a plan that ends on a later day before both.
    """
    agreed = line.promised or line.due
    day = agreed.astimezone(zone).date() if agreed is not None else None
    if line.expected is not None and line.state not in (LineState.PRODUCED, LineState.CANCELLED):
        planned = line.expected.astimezone(zone).date()
        if day is None or planned > day:
            return planned, day is not None
    if agreed is None:
        return wanted, False
    if wanted is None:
        return agreed, False
    asked_day = _day(wanted, zone)
    # What was not moved keeps the words of the document: a day stays a day.
    return (wanted, False) if day == asked_day else (agreed, True)


def _day(due: Due, zone: tzinfo) -> date:
    """The site's day of what a document says; a time without a zone is the site's."""
    if not isinstance(due, datetime):
        return due
    return (due.astimezone(zone) if due.tzinfo is not None else due).date()


def _shipped(told: Asked, line: LineNow, gone: Gone) -> ShippedLine:
    wish = told.lines.get(line.position or "")
    quantity, unit = _amount(told, line, gone.quantity)
    ordered, _ = _amount(told, line, line.quantity)
    return ShippedLine(
        position=line.position or str(line.number),
        names=_names(line, wish),
        description=line.description or (wish.description if wish is not None else None),
        quantity=quantity,
        ordered_quantity=ordered,
        unit=unit,
        lots=gone.lots,
    )


def _amount(told: Asked, line: LineNow, quantity: Decimal) -> tuple[Decimal, str]:
    """A quantity of ours in the partner's unit, or else in ours under the format's code."""
    if line.unit_as_told is not None:
        theirs = unit_of(line.unit_as_told, told.spoken)
        if theirs is not None:
            try:
                return convert(quantity, line.unit, theirs), line.unit_as_told
            except (UnitMismatchError, InexactError):
                pass
        elif line.unit == line.unit_as_told:
            return quantity, line.unit_as_told
    return quantity, code_of(line.unit, told.spoken)


def _names(line: LineNow, wish: DocumentLine | None) -> tuple[Name, ...]:
    """What the partner calls the item, and what we do, if it did not say so.

    An item that is not known here yet has one of the partner's names for its code.
    """
    names = wish.names if wish is not None else ()
    if any(name.scheme is NameScheme.SUPPLIER or name.value == line.item for name in names):
        return names
    return (*names, Name(NameScheme.SUPPLIER, line.item))
