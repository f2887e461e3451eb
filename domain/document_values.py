"""What a document's dates, quantities and texts come to here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Final

import msgspec

from domain.documents import (
    DocumentKind,
    DocumentLine,
    Due,
    Format,
    LineAction,
    OrderDocument,
    Problem,
    Severity,
)
from domain.units import InexactError, UnitMismatchError, convert, unit_of

MOST_LINES: Final = 10_000
LONGEST_CODE: Final = 100
_LONGEST_NAME: Final = 200
_LONGEST_TEXT: Final = 2_000
_LONGEST_SHOWN: Final = 200
_TOO_MUCH: Final = 10**9
_MOST_DECIMALS: Final = 6
_NOT_PLAUSIBLE: Final = "the date lies outside of 2000 to 2199"
_END_OF_DAY: Final = time(23, 59, 59)
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2199
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """A line's quantity in the item's unit; where that cannot be said, as told.

    Attributes:
        quantity: how many of `unit`.
        unit: the item's, else the one told.
        told: the quantity as the document has it.
        unit_told: the unit's code as the document has it.
        problem: why it is not in the item's unit.
    """

    quantity: Decimal
    unit: str
    told: Decimal
    unit_told: str | None
    problem: tuple[str, str] | None = None


def moment_of(due: Due, zone: tzinfo) -> datetime:
    """When something is due, in UTC: a day ends at 23:59:59 of the zone's clock.

    A time without an offset is the zone's.
    """
    if not isinstance(due, datetime):
        due = datetime.combine(due, _END_OF_DAY)
    if due.tzinfo is None:
        due = due.replace(tzinfo=zone)
    return due.astimezone(UTC)


def day_of(due: Due, zone: tzinfo) -> date:
    """The day of a document's date, by the zone's clock."""
    if not isinstance(due, datetime):
        return due
    return due.date() if due.tzinfo is None else due.astimezone(zone).date()


def amount_of(quantity: Decimal, unit: str | None, item_unit: str, spoken: Format) -> Amount:
    """A line's quantity in the item's unit, exactly or not at all.

    Args:
        quantity: as the document has it.
        unit: its unit's code there; None: the item's own.
        item_unit: the unit in which the item is kept.
        spoken: the format of the document, which says whose codes these are.
    """
    plain = _plain(quantity)
    if unit is None:
        return Amount(quantity=plain, unit=item_unit, told=plain, unit_told=None)
    name = unit_of(unit, spoken)
    if name is None and unit == item_unit:
        name = item_unit
    if name is None:
        problem = f"the unit {unit!r} is not known here; the item is kept in {item_unit!r}"
        return Amount(
            quantity=plain,
            unit=one_line(unit, LONGEST_CODE),
            told=plain,
            unit_told=unit,
            problem=("unit_unknown", problem),
        )
    try:
        exact = convert(plain, name, item_unit)
    except (UnitMismatchError, InexactError) as error:
        problem = f"{error}; the item is kept in {item_unit!r}: set the quantity by hand"
        return Amount(
            quantity=plain,
            unit=name,
            told=plain,
            unit_told=unit,
            problem=("unit_not_convertible", problem),
        )
    return Amount(quantity=exact, unit=item_unit, told=plain, unit_told=unit)


def one_line(text: str, longest: int = _LONGEST_NAME) -> str:
    """A text of a document as rows keep it: on one line, without control characters, not longer."""
    return _CONTROLS.sub(" ", text).strip()[:longest]


def some_lines(text: str) -> str:
    """A longer text of a document as rows keep it."""
    return one_line(text, _LONGEST_TEXT)


def faults(document: OrderDocument) -> list[Problem]:
    """Why a document cannot be taken in, whatever it means: what no row can hold."""

    def told() -> Iterator[_Fault]:
        yield from _own_faults(document)
        for line in document.lines:
            yield from _line_faults(line, document.kind)

    return [
        Problem(
            severity=Severity.ERROR,
            code=fault.code,
            place=fault.place,
            problem=fault.problem,
            value=None if fault.value is None else str(fault.value)[:_LONGEST_SHOWN],
            document=document.number,
        )
        for fault in told()
    ]


class _Fault(msgspec.Struct, frozen=True):
    code: str
    place: str
    problem: str
    value: object = None


def _own_faults(document: OrderDocument) -> Iterator[_Fault]:
    for field, value in (("number", document.number), ("source", document.source)):
        if not value or len(value) > LONGEST_CODE or _CONTROLS.search(value):
            problem = f"the order's {field} must be 1 to {LONGEST_CODE} characters on one line"
            yield _Fault(f"{field}_unusable", field, problem, value)
    if not 0 <= document.version < 2**63:
        yield _Fault("version_unusable", "version", "the version is out of range", document.version)
    if document.kind is DocumentKind.ORDER and not document.lines:
        yield _Fault("no_lines", "document", "the order has no lines; there is nothing to deliver")
    if len(document.lines) > MOST_LINES:
        problem = f"an order has at most {MOST_LINES:,} lines; split it"
        yield _Fault("too_many_lines", "document", problem, len(document.lines))
    for due in (document.due, document.issued):
        if due is not None and not _plausible(due):
            yield _Fault("date_unusable", "document", _NOT_PLAUSIBLE, due)
    if document.priority is not None and not -(2**31) <= document.priority < 2**31:
        yield _Fault(
            "priority_unusable", "document", "the priority is out of range", document.priority
        )


def _line_faults(line: DocumentLine, kind: DocumentKind) -> Iterator[_Fault]:
    place = line.place or f"line {line.position}"
    if not line.position or len(line.position) > LONGEST_CODE or _CONTROLS.search(line.position):
        problem = f"the line's number must be 1 to {LONGEST_CODE} characters on one line"
        yield _Fault("position_unusable", place, problem, line.position)
    if line.action is LineAction.CANCEL:
        return
    if line.quantity is None:
        if kind is DocumentKind.ORDER or line.action is LineAction.ADD:
            yield _Fault("quantity_missing", place, "the line has no quantity")
    elif not _storable(line.quantity):
        problem = "the quantity must be above zero and below 1,000,000,000, with at most 6 decimals"
        yield _Fault("quantity_unusable", place, problem, line.quantity)
    if line.price is not None and not (line.price.is_finite() and abs(line.price) < 10**12):
        yield _Fault("price_unusable", place, "the price is no number of ours", line.price)
    if not (line.price_basis.is_finite() and 0 < line.price_basis < 10**9):
        problem = "the price's basis must be above zero"
        yield _Fault("price_basis_unusable", place, problem, line.price_basis)
    if line.due is not None and not _plausible(line.due):
        yield _Fault("date_unusable", place, _NOT_PLAUSIBLE, line.due)


def _storable(quantity: Decimal) -> bool:
    if not quantity.is_finite() or not 0 < quantity < _TOO_MUCH:
        return False
    exponent = quantity.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= _MOST_DECIMALS


def _plain(quantity: Decimal) -> Decimal:
    """The number without an exponent and without zeros at its end."""
    normal = quantity.normalize()
    return normal.quantize(Decimal(1)) if normal == normal.to_integral_value() else normal


def _plausible(due: Due) -> bool:
    return _FIRST_YEAR <= due.year <= _LAST_YEAR
