"""Lines: LIN and what follows it (PIA, IMD, QTY, DTM, PRI, FTX, SCC).

A line with several deliveries (QTY and DTM behind SCC) becomes as many lines: the one at position
`1` becomes `1/1`, `1/2` and so on. With one delivery it stays `1`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from connectors.edifact.codes import AGENCIES, DUE, IDENTIFIES, ITEM_NAMES, PRICES, QUANTITIES
from connectors.edifact.dates import moment
from connectors.faults import Faults
from connectors.segments import Segment
from connectors.values import number
from domain.documents import DocumentLine, Due, LineAction, Name, NameScheme

MAX_CODE_CHARACTERS = 80
DECIMAL_MARKS = ".,"
"""ISO 9735 allows point and comma alike, whatever UNA says."""

_MOST_NAMES = 5
_GROUPS = frozenset({"SCC", "LOC", "NAD", "PAC", "ALC", "TDT", "EQD", "RCS"})
"""Begin a group within a line; quantities and dates behind them are not the line's."""

_ITEM_AGENCIES = {
    scheme: NameScheme.GTIN if scheme is NameScheme.GLN else scheme for scheme in AGENCIES.values()
}


class Told(msgspec.Struct, frozen=True):
    """A quantity or a price with its segment."""

    value: Decimal
    unit: str
    basis: Decimal
    segment: Segment


class Delivery:
    """A part of a line with a date of its own."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.due: Due | None = None


class Dates:
    """The DTM segments of a header or a line."""

    def __init__(self) -> None:
        self._told: dict[str, Due] = {}

    def add(self, segment: Segment, faults: Faults) -> None:
        """Take a date down. One that says when the order is wanted must be readable."""
        told = date_of(segment, faults)
        if told is not None:
            self._told.setdefault(segment.component(1, 1), told)

    def due(self) -> Due | None:
        """When the customer wants it, by the most telling of what was told."""
        return self.first(DUE)

    def first(self, qualifiers: tuple[str, ...]) -> Due | None:
        """The first that was told of some."""
        return next((self._told[code] for code in qualifiers if code in self._told), None)


def date_of(segment: Segment, faults: Faults) -> Due | None:
    """The date of a DTM; None: it cannot be read, and the faults say so."""
    qualifier, text, form = (segment.component(1, index) for index in (1, 2, 3))
    told = moment(text, form)
    if told is None:
        tell = faults.error if qualifier in DUE else faults.warning
        tell(
            "date_wrong" if text else "mandatory_missing",
            f"{text!r} is no date of form {form or 'unknown'} (2379)"
            if text
            else "the date is missing",
            segment,
            element=1,
            component=2,
            standard="12" if text else "13",
        )
    return told


class LineLoop:
    """A line while its segments come in.

    Args:
        segment: LIN.
        position: the line's number, or its rank where it has none.
        action: what is wanted of it.
        faults: of its message.
    """

    def __init__(
        self, segment: Segment, *, position: str, action: LineAction, faults: Faults
    ) -> None:
        self.segment = segment
        self.position = position
        self.action = action
        self.faults = faults
        self.notes: list[str] = []
        self.currency = ""
        self.quantities = Decimal(0)
        self.ordered = Decimal(0)
        self._names: list[Name] = []
        self._dates = Dates()
        self._descriptions: list[str] = []
        self._quantities: dict[str, Told] = {}
        self._prices: dict[str, Told] = {}
        self._deliveries: list[Delivery] = []
        self._unreadable = False
        self._under = "LIN"
        self._takers: dict[str, Callable[[Segment], None]] = {
            "PIA": self._identify,
            "IMD": self._describe,
            "QTY": self._quantity,
            "DTM": self._date,
            "PRI": self._price,
            "FTX": self._remark,
            "CUX": self._currency,
        }
        self._name(segment, 3)

    def add(self, segment: Segment) -> None:
        """A further segment of the line."""
        taker = self._takers.get(segment.tag)
        if taker is not None:
            taker(segment)
        elif segment.tag in _GROUPS:
            self._group(segment)

    def _identify(self, segment: Segment) -> None:
        if segment.get(1) in IDENTIFIES:
            for element in range(2, 2 + _MOST_NAMES):
                self._name(segment, element)

    def _remark(self, segment: Segment) -> None:
        text = " ".join(part for part in segment.components(4) if part)
        if text:
            self.notes.append(f"{self.position}: {text}")

    def _currency(self, segment: Segment) -> None:
        self.currency = segment.component(1, 2)

    def _group(self, segment: Segment) -> None:
        """A group within the line begins; what follows belongs to it."""
        self._under = segment.tag
        if segment.tag in {"LOC", "NAD"}:
            self.faults.warning(
                "detail_passed_over",
                "a place or a partner of a single line is not taken over",
                segment,
            )

    def _name(self, segment: Segment, element: int) -> None:
        value, kind = segment.component(element, 1), segment.component(element, 2)
        if not value:
            return
        if len(value) > MAX_CODE_CHARACTERS:
            self.faults.error(
                "too_long",
                f"an item number has {MAX_CODE_CHARACTERS} characters at most",
                segment,
                element=element,
                component=1,
                standard="39",
            )
            return
        scheme = ITEM_NAMES.get(kind)
        if scheme is None and not kind:
            agency = AGENCIES.get(segment.component(element, 4))
            scheme = _ITEM_AGENCIES[agency] if agency is not None else NameScheme.OTHER
        if scheme is not None:
            self._names.append(Name(scheme, value))

    def _describe(self, segment: Segment) -> None:
        text = " ".join(part for part in segment.components(3)[3:5] if part)
        if text and text not in self._descriptions:
            self._descriptions.append(text)

    def _told(self, segment: Segment, *, what: str) -> Told | None:
        """Qualifier, number, unit of QTY or PRI."""
        text = segment.component(1, 2)
        value = number(text, decimal_marks=DECIMAL_MARKS) if text else None
        if value is None or value < 0:
            self._unreadable = True
            self.faults.error(
                "number_wrong" if text else "mandatory_missing",
                f"{text!r} is no {what}: digits and at most one decimal mark, above zero"
                if text
                else f"the {what} is missing",
                segment,
                element=1,
                component=2,
                standard="12" if text else "13",
            )
            return None
        return Told(value, segment.component(1, 3), Decimal(1), segment)

    def _quantity(self, segment: Segment) -> None:
        qualifier = segment.component(1, 1)
        value = number(segment.component(1, 2), decimal_marks=DECIMAL_MARKS) or Decimal(0)
        self.quantities += value
        if qualifier == QUANTITIES[0]:
            self.ordered += value
        if self._under == "SCC":
            told = self._told(segment, what="quantity")
            if told is not None:
                self._deliveries.append(Delivery(told))
        elif self._under == "LIN" and qualifier in QUANTITIES:
            told = self._told(segment, what="quantity")
            if told is not None:
                self._quantities.setdefault(qualifier, told)

    def _date(self, segment: Segment) -> None:
        if self._under == "SCC" and self._deliveries:
            told = date_of(segment, self.faults)
            if told is not None and segment.component(1, 1) in DUE:
                self._deliveries[-1].due = told
        elif self._under in {"LIN", "SCC"}:
            self._dates.add(segment, self.faults)

    def _price(self, segment: Segment) -> None:
        if not segment.component(1, 2):
            return
        told = self._told(segment, what="price")
        if told is None:
            return
        basis_text = segment.component(1, 5)
        basis = number(basis_text, decimal_marks=DECIMAL_MARKS) if basis_text else Decimal(1)
        if basis is None or basis <= 0:
            self.faults.error(
                "number_wrong",
                f"{basis_text!r} is no number of units that a price can be for",
                segment,
                element=1,
                component=5,
                standard="12",
            )
            return
        self._prices.setdefault(
            segment.component(1, 1), Told(told.value, segment.component(1, 6), basis, segment)
        )

    def lines(self) -> list[DocumentLine]:
        """The line, or one for each of its deliveries."""
        told = next(
            (self._quantities[code] for code in QUANTITIES if code in self._quantities), None
        )
        if self.action is LineAction.CANCEL:
            return [self._line(self.position, None, self._dates.due())]
        quantity = self._checked(told)
        if len(self._deliveries) > 1:
            return [
                self._line(f"{self.position}/{rank}", part.told, part.due)
                for rank, part in enumerate(self._deliveries, start=1)
            ]
        due = self._deliveries[0].due if self._deliveries else None
        return [self._line(self.position, quantity, due)]

    def _checked(self, told: Told | None) -> Told | None:
        """The line's quantity against its deliveries and against what is wanted of it."""
        if self._deliveries:
            total = sum((part.told.value for part in self._deliveries), Decimal(0))
            if told is None:
                told = msgspec.structs.replace(self._deliveries[0].told, value=total)
            elif told.value != total:
                self.faults.error(
                    "quantities_differ",
                    f"the line is for {told.value}, and its deliveries for {total}",
                    told.segment,
                    element=1,
                    component=2,
                    standard="12",
                )
        if told is not None and told.value == 0 and self.action is LineAction.CHANGE:
            self.action = LineAction.CANCEL
            self.faults.warning(
                "quantity_zero",
                "a quantity of zero was taken as the line's cancellation",
                told.segment,
                element=1,
            )
            return None
        if told is not None and told.value == 0:
            self.faults.error(
                "number_wrong",
                "the quantity must be above zero",
                told.segment,
                element=1,
                component=2,
                standard="12",
            )
        if told is None and self.action is LineAction.ADD and not self._unreadable:
            self.faults.error(
                "mandatory_missing",
                "the line has no quantity (QTY+21)",
                self.segment,
                standard="13",
            )
        if self.action is LineAction.ADD and not self._names:
            tell = self.faults.warning if self._descriptions else self.faults.error
            tell(
                "item_missing",
                "the line does not say by any number which item is wanted",
                self.segment,
                element=3,
                standard="13",
            )
        return told

    def _line(self, position: str, told: Told | None, due: Due | None) -> DocumentLine:
        segment = told.segment if told is not None and "/" in position else self.segment
        price = next((self._prices[code] for code in PRICES if code in self._prices), None)
        if price is None and self._prices:
            price = next(iter(self._prices.values()))
        if price is not None and told is not None and price.unit not in {"", told.unit}:
            self.faults.warning(
                "price_unit_differs",
                f"the price is for another unit ({price.unit}) than the quantity"
                f" ({told.unit or 'none'})",
                price.segment,
                element=1,
                component=6,
            )
        return DocumentLine(
            position=position,
            action=self.action,
            names=tuple(dict.fromkeys(self._names)),
            description="; ".join(self._descriptions) or None,
            quantity=told.value if told is not None else None,
            unit=(told.unit or None) if told is not None else None,
            price=price.value if price is not None else None,
            price_basis=price.basis if price is not None else Decimal(1),
            due=due if due is not None else self._dates.due(),
            place=f"segment {segment.number} ({segment.tag}), byte {segment.offset}",
        )
