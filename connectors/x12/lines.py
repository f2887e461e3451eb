"""Lines: PO1 of an order, POC of a change, and what follows them (PID, DTM, SCH, MSG, …).

A line with several schedules (SCH) becomes as many lines: the one at position `1` becomes `1/1`,
`1/2` and so on, each with its own quantity and date. With one schedule it stays `1`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from connectors.faults import Faults
from connectors.segments import Segment
from connectors.values import number
from connectors.x12.codes import (
    ADDED,
    CHANGED,
    DUE,
    ITEM_NAMES,
    NO_PRICE,
    PRICE_PER,
    PRICE_UNITS,
    REMOVED,
    UNCHANGED,
)
from connectors.x12.dates import moment
from domain.documents import DocumentLine, Due, LineAction, Name

MAX_CODE_CHARACTERS = 80
"""The longest identifier that X12 allows (element 234)."""


class Columns(msgspec.Struct, frozen=True):
    """Where PO1 and POC have the same things."""

    quantity: int
    unit: int
    price: int
    basis: int
    names: int


PO1 = Columns(quantity=2, unit=3, price=4, basis=5, names=6)
POC = Columns(quantity=3, unit=5, price=6, basis=7, names=8)


class Schedule(msgspec.Struct, frozen=True):
    """A part of a line with a date of its own (SCH)."""

    quantity: Decimal
    due: Due | None
    segment: Segment


class Dates:
    """The DTM segments of a header or a line."""

    def __init__(self) -> None:
        self._told: dict[str, Due] = {}

    def add(self, segment: Segment, faults: Faults) -> None:
        """Take a date down. One that says when the order is wanted must be readable."""
        qualifier = segment.get(1)
        told, at = _moment_of(segment)
        if told is None:
            where = segment.get(at)
            problem = (
                f"{where!r} is no date of the calendar (CCYYMMDD)"
                if where
                else "the date is missing"
            )
            tell = faults.error if qualifier in DUE else faults.warning
            tell(
                "date_wrong" if where else "mandatory_missing",
                problem,
                segment,
                element=at,
                standard=("9" if at == 3 else "8") if where else "1",  # noqa: PLR2004 - DTM03
            )
            return
        self._told.setdefault(qualifier, told)

    def due(self) -> Due | None:
        """When the customer wants it, by the most telling of what was told."""
        return next((self._told[code] for code in DUE if code in self._told), None)


def _moment_of(segment: Segment) -> tuple[Due | None, int]:
    """The date of a DTM, and the element that it stands in. Of a period it is the end."""
    if segment.get(2):
        told = moment(segment.get(2), segment.get(3), segment.get(4))
        wrong_time = told is None and moment(segment.get(2)) is not None
        return told, 3 if wrong_time else 2
    period, form = segment.get(6), segment.get(5)
    if form == "RD8":
        return moment(period.rpartition("-")[2]), 6
    if form in {"D8", "CD", "DT"}:
        return moment(period[:8], period[8:]), 6
    return None, 6 if period else 2


class LineLoop:
    """A line while its segments come in.

    Args:
        segment: PO1 or POC.
        position: the line's number, or its rank where it has none.
        action: what is wanted of it.
        columns: of the segment.
        faults: of its transaction set.
    """

    def __init__(
        self,
        segment: Segment,
        *,
        position: str,
        action: LineAction,
        columns: Columns,
        faults: Faults,
    ) -> None:
        self.segment = segment
        self.position = position
        self.action = action
        self.columns = columns
        self.faults = faults
        self.currency = ""
        self.quantity: Decimal | None = None
        self.notes: list[str] = []
        self._dates = Dates()
        self._descriptions: list[str] = []
        self._schedules: list[Schedule] = []
        self.names = item_names(segment, columns.names, faults)
        if action is not LineAction.CANCEL:
            self.quantity = self._read_quantity(segment, columns.quantity)

    def _read_quantity(self, segment: Segment, element: int) -> Decimal | None:
        text = segment.get(element)
        if not text:
            return None
        told = number(text)
        if told is None or told < 0:
            self.faults.error(
                "number_wrong",
                f"{text!r} is no quantity: digits and at most one decimal point, above zero",
                segment,
                element=element,
                standard="6",
            )
            return None
        return told

    def add(self, segment: Segment) -> None:
        """A further segment of the line."""
        match segment.tag:
            case "PID":
                if segment.get(5):
                    self._descriptions.append(segment.get(5))
            case "DTM":
                self._dates.add(segment, self.faults)
            case "SCH":
                self._schedule(segment)
            case "MSG":
                if segment.get(1):
                    self.notes.append(f"{self.position}: {segment.get(1)}")
            case "LIN":
                self.names += item_names(segment, 2, self.faults)
            case "CUR":
                self.currency = segment.get(2)
            case "SDQ" | "SLN" | "N1":
                self.faults.warning(
                    "detail_passed_over",
                    "destinations, parts or a partner of a single line are not taken over",
                    segment,
                )

    def _schedule(self, segment: Segment) -> None:
        quantity = self._read_quantity(segment, 1)
        if quantity is None:
            if not segment.get(1):
                self.faults.error(
                    "mandatory_missing",
                    "the schedule has no quantity",
                    segment,
                    element=1,
                    standard="1",
                )
            return
        due = moment(segment.get(6), segment.get(7))
        if due is None:
            self.faults.error(
                "date_wrong",
                f"{segment.get(6)!r} is no date of the calendar (CCYYMMDD)",
                segment,
                element=6,
                standard="8" if segment.get(6) else "1",
            )
        self._schedules.append(Schedule(quantity, due, segment))

    def lines(self) -> list[DocumentLine]:
        """The line, or one for each of its schedules."""
        if self.action is LineAction.CANCEL:
            return [self._line(self.position, None, self._dates.due(), self.segment)]
        self._check_quantity()
        if len(self._schedules) > 1:
            return [
                self._line(f"{self.position}/{rank}", part.quantity, part.due, part.segment)
                for rank, part in enumerate(self._schedules, start=1)
            ]
        due = self._dates.due()
        if self._schedules:
            due = self._schedules[0].due or due
        return [self._line(self.position, self.quantity, due, self.segment)]

    def _check_quantity(self) -> None:
        """The line's quantity against its schedules and against what is wanted of it."""
        if self._schedules:
            total = sum((part.quantity for part in self._schedules), Decimal(0))
            if self.quantity is None:
                self.quantity = total
            elif self.quantity != total:
                self.faults.error(
                    "quantities_differ",
                    f"the line is for {self.quantity}, and its schedules for {total}",
                    self.segment,
                    element=self.columns.quantity,
                )
        if self.quantity == 0 and self.action is LineAction.CHANGE:
            self.action = LineAction.CANCEL
            self.quantity = None
            self.faults.warning(
                "quantity_zero",
                "a quantity of zero was taken as the line's cancellation",
                self.segment,
                element=self.columns.quantity,
            )
        elif self.quantity == 0:
            self.faults.error(
                "number_wrong",
                "the quantity must be above zero",
                self.segment,
                element=self.columns.quantity,
                standard="7",
            )
        elif (
            self.quantity is None
            and self.action is LineAction.ADD
            and not self.segment.get(self.columns.quantity)
        ):
            self.faults.error(
                "mandatory_missing",
                "the line has no quantity",
                self.segment,
                element=self.columns.quantity,
                standard="1",
            )
        if self.action is LineAction.ADD and not self.names:
            tell = self.faults.warning if self._descriptions else self.faults.error
            tell(
                "item_missing",
                "the line does not say by any number which item is wanted",
                self.segment,
                element=self.columns.names,
                standard="2",
            )

    def _line(
        self, position: str, quantity: Decimal | None, due: Due | None, segment: Segment
    ) -> DocumentLine:
        unit = self.segment.components(self.columns.unit)
        price, basis = self._price(unit[0] if unit else "")
        return DocumentLine(
            position=position,
            action=self.action,
            names=self.names,
            description=", ".join(self._descriptions) or None,
            quantity=quantity,
            unit=(unit[0] or None) if unit else None,
            price=price,
            price_basis=basis,
            due=due if due is not None else self._dates.due(),
            place=f"segment {segment.number} ({segment.tag}), byte {segment.offset}",
        )

    def _price(self, unit: str) -> tuple[Decimal | None, Decimal]:
        """The price and for how many units it is."""
        text, code = self.segment.get(self.columns.price), self.segment.get(self.columns.basis)
        if not text or code in NO_PRICE:
            return None, Decimal(1)
        price = number(text)
        if price is None or price < 0:
            self.faults.error(
                "number_wrong",
                f"{text!r} is no price: digits and at most one decimal point",
                self.segment,
                element=self.columns.price,
                standard="6",
            )
            return None, Decimal(1)
        if code in PRICE_UNITS and unit not in PRICE_UNITS[code]:
            self.faults.warning(
                "price_unit_differs",
                f"the price is for another unit ({code}) than the quantity ({unit or 'none'})",
                self.segment,
                element=self.columns.basis,
            )
        return price, Decimal(PRICE_PER.get(code, 1))


def item_names(segment: Segment, first: int, faults: Faults) -> tuple[Name, ...]:
    """The pairs of qualifier and identifier from an element on, in the order of the document."""
    names: list[Name] = []
    for at in range(first, len(segment.elements), 2):
        qualifier, value = segment.get(at), segment.get(at + 1)
        if bool(qualifier) != bool(value):
            faults.warning(
                "conditional_missing",
                "a qualifier and its identifier must stand together; the pair was passed over",
                segment,
                element=at + 1 if qualifier else at,
                standard="2",
            )
        elif len(value) > MAX_CODE_CHARACTERS:
            faults.error(
                "too_long",
                f"an identifier has {MAX_CODE_CHARACTERS} characters at most",
                segment,
                element=at + 1,
                standard="5",
            )
        elif qualifier in ITEM_NAMES:
            names.append(Name(ITEM_NAMES[qualifier], value))
    return tuple(names)


def action_of(segment: Segment, faults: Faults) -> LineAction | None:
    """What POC02 wants of a line; None: nothing, or nobody can say."""
    code = segment.get(2)
    if code in ADDED:
        return LineAction.ADD
    if code in REMOVED:
        return LineAction.CANCEL
    if code in CHANGED or code in UNCHANGED:
        return LineAction.CHANGE
    faults.error(
        "code_unknown" if code else "mandatory_missing",
        f"{code!r} is no change of a line that is known here"
        if code
        else "POC02 is missing: nobody can say what is wanted of the line",
        segment,
        element=2,
        standard="7" if code else "1",
    )
    return None
