"""Rows with the same order number become one order, whether they follow each other or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec

from connectors.mapping import ORDER_FIELDS, Field
from connectors.options import ReadOptions
from connectors.problems import Problems
from connectors.table.cells import plain
from connectors.table.layout import Layout
from connectors.table.reader import RowReader
from connectors.texts import MAX_CODE_CHARACTERS
from domain.documents import (
    DocumentKind,
    DocumentLine,
    Due,
    LineAction,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
    Severity,
)

_TOTALS = frozenset(
    {"total", "totals", "grandtotal", "sum", "subtotal", "合计", "总计", "小计", "summe", "gesamt",
     "gesamtsumme", "zwischensumme", "suma", "totalgeneral"}
)  # fmt: skip
_ITEM_NAMES = (
    (Field.ITEM, NameScheme.SUPPLIER),
    (Field.GTIN, NameScheme.GTIN),
    (Field.CUSTOMER_ITEM, NameScheme.BUYER),
)
_TEXTS = tuple(
    sorted(ORDER_FIELDS - {Field.ORDER_DATE, Field.ORDER_DUE, Field.CURRENCY, Field.PRIORITY,
                           Field.VERSION})
)  # fmt: skip
_Text: TypeAlias = Callable[[Field], str | None]
UPLOAD = "upload"
"""The source of a table that says nothing of who numbered its orders."""
_MAX_NOTES = 50
_MAX_NOTE_CHARACTERS = 4_000


class _Draft:
    """An order as far as its rows have been read."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.has_errors = False
        self.told: dict[Field, tuple[object, str]] = {}
        self.version = 0
        self.lines: dict[str, DocumentLine] = {}
        self.actions: set[LineAction] = set()
        self.notes: dict[str, None] = {}
        self.last: RowReader | None = None


class ReadRow(msgspec.Struct, frozen=True):
    """A row as it was understood: whose line it is, and which; None: none, or it cannot be read."""

    number: int
    order: str | None
    line: DocumentLine | None


class Orders:
    """Gathers rows into orders."""

    def __init__(self, options: ReadOptions, problems: Problems) -> None:
        self.rows: list[ReadRow] = []
        self.limit_reached = False
        self._options = options
        self._problems = problems
        self._drafts: dict[str, _Draft] = {}

    def add(self, layout: Layout) -> None:
        """All rows of a sheet."""
        above: str | None = None
        noted: set[Field] = set()
        for row in layout.data():
            reader = RowReader(layout, row, self._problems)
            if _is_total(reader):
                reader.tell(
                    Severity.NOTE, "row_passed_over", Field.ORDER_NUMBER, "a total is no line"
                )
                continue
            _note_formulas(reader, noted)
            number = self._number(reader, above)
            if number is None:
                self.rows.append(ReadRow(row.number, None, None))
                continue
            above = number
            reader.document = number
            if number not in self._drafts and len(self._drafts) >= self._options.max_orders:
                self.limit_reached = True
                return
            draft = self._drafts.setdefault(number, _Draft(number))
            line = self._row(draft, reader)
            draft.has_errors |= reader.has_errors
            draft.last = reader
            self.rows.append(ReadRow(row.number, number, line))

    def _number(self, reader: RowReader, above: str | None) -> str | None:
        """The order's number; a row that says nothing of the order goes on with the one above."""
        number = reader.text(Field.ORDER_NUMBER)
        if number is not None or reader.has_errors:
            return number if not reader.has_errors else None
        told = [field for field in ORDER_FIELDS if field in reader.layout.columns]
        if above is not None and told and all(reader.is_blank(field) for field in told):
            reader.document = above
            reader.warning(
                "order_number_filled", Field.ORDER_NUMBER,
                f"the row names no order; it was taken as a line of {above}, which stands above",
            )  # fmt: skip
            return above
        reader.error("order_number_missing", Field.ORDER_NUMBER, "the row names no order")
        return None

    def _row(self, draft: _Draft, reader: RowReader) -> DocumentLine | None:
        self._check_width(reader)
        _order_values(draft, reader)
        if len(draft.lines) >= self._options.max_lines:
            reader.error(
                "too_many_lines", Field.ORDER_NUMBER,
                f"no more than {self._options.max_lines} lines are read of one order",
            )  # fmt: skip
            return None
        action = reader.action()
        if action is not None:
            draft.actions.add(action)
        line = _line(draft, reader, action or LineAction.ADD)
        if line.position in draft.lines:
            reader.error(
                "position_repeated", Field.POSITION,
                f"the line's number stands in {draft.lines[line.position].place} already",
            )  # fmt: skip
        elif not reader.has_errors:
            draft.lines[line.position] = line
        return None if reader.has_errors else line

    @staticmethod
    def _check_width(reader: RowReader) -> None:
        """A cell beyond the last heading: the row has slipped."""
        width = len(reader.layout.header)
        beyond = [column for column in reader.row.cells if column >= width]
        if beyond and reader.layout.sheet.is_delimited:
            reader.error(
                "row_too_long", Field.ORDER_NUMBER,
                f"the row has more cells than there are headings ({width}): a"
                " value may hold the delimiter without quotation marks",
                reader.row.cell(beyond[0]).text,
            )  # fmt: skip

    def documents(self) -> tuple[OrderDocument, ...]:
        """The orders without errors, in the order in which they begin."""
        made = [(draft, _document(draft, self._options.source)) for draft in self._drafts.values()]
        return tuple(document for draft, document in made if not draft.has_errors)


def _is_total(reader: RowReader) -> bool:
    """A row that adds up the ones above: its first cell says so, and it names no item."""
    cells = reader.row.cells
    first = plain(cells[min(cells)].text).casefold().strip(" :：").replace(" ", "")
    return first in _TOTALS and all(reader.is_blank(field) for field, _ in _ITEM_NAMES)


def _note_formulas(reader: RowReader, noted: set[Field]) -> None:
    """Said once of a column that its values come from formulas."""
    for field in reader.layout.columns:
        cell = reader.cell(field)
        if cell.is_formula and cell.value is not None and field not in noted:
            noted.add(field)
            reader.tell(
                Severity.NOTE, "formula_value", field,
                "formulas stand in this column; the values saved with the workbook were taken",
            )  # fmt: skip


def _order_values(draft: _Draft, reader: RowReader) -> None:
    """What the row says of the order; rows may repeat it and not contradict it."""
    said: dict[Field, object | None] = {}
    for field in _TEXTS:
        said[field] = reader.text(field) if reader.layout.has(field) else None
    for field in (Field.ORDER_DATE, Field.ORDER_DUE):
        said[field] = reader.when(field) if reader.layout.has(field) else None
    said[Field.CURRENCY] = reader.currency() if reader.layout.has(Field.CURRENCY) else None
    said[Field.PRIORITY] = reader.priority() if reader.layout.has(Field.PRIORITY) else None
    if reader.layout.has(Field.VERSION):
        draft.version = max(draft.version, reader.version())
    for field, value in said.items():
        if value is None:
            continue
        before = draft.told.setdefault(field, (value, reader.layout.row_place(reader.row.number)))
        if before[0] != value:
            reader.error(
                "differs_within_order", field,
                f"the order says {str(before[0])!r} in {before[1]}; rows of one order agree",
            )  # fmt: skip


def _line(draft: _Draft, reader: RowReader, action: LineAction) -> DocumentLine:
    layout = reader.layout
    position = reader.text(Field.POSITION) or str(len(draft.lines) + 1)
    names = tuple(
        Name(scheme, value)
        for field, scheme in _ITEM_NAMES
        if layout.has(field) and (value := reader.text(field)) is not None
    )
    description = reader.text(Field.DESCRIPTION) if layout.has(Field.DESCRIPTION) else None
    if not names and action is LineAction.ADD and not reader.has_errors:
        _unnamed(reader, description)
    quantity, beside = _quantity(reader, action)
    unit = (reader.text(Field.UNIT) if layout.has(Field.UNIT) else None) or beside
    price = reader.number(Field.PRICE) if layout.has(Field.PRICE) else None
    if price is not None and price < 0:
        reader.error("price_negative", Field.PRICE, "expected a price of zero or more")
    note = reader.text(Field.NOTE) if layout.has(Field.NOTE) else None
    if note:
        draft.notes[f"{position}: {note}"] = None
    return DocumentLine(
        position=position,
        action=action,
        names=names,
        description=description,
        quantity=quantity,
        unit=unit,
        price=price,
        price_basis=_price_basis(reader),
        due=reader.when(Field.DUE) if layout.has(Field.DUE) else None,
        place=layout.row_place(reader.row.number),
    )


def _unnamed(reader: RowReader, description: str | None) -> None:
    field = next((field for field, _ in _ITEM_NAMES if reader.layout.has(field)), Field.DESCRIPTION)
    if description:
        reader.warning("item_unnamed", field, "the line has a description and no item")
    else:
        reader.error("item_missing", field, "the line names no item")


def _quantity(reader: RowReader, action: LineAction) -> tuple[Decimal | None, str | None]:
    before = reader.has_errors
    quantity, unit = reader.quantity()
    is_told_wrong = reader.has_errors and not before
    if action is LineAction.CANCEL:
        return quantity if quantity is not None and quantity > 0 else None, unit
    if quantity is None and action is LineAction.ADD and not is_told_wrong:
        if reader.is_blank(Field.QUANTITY):
            reader.error("quantity_missing", Field.QUANTITY, "expected a quantity above zero")
    elif quantity is not None and quantity <= 0:
        reader.error("quantity_not_positive", Field.QUANTITY, "expected a quantity above zero")
    return quantity, unit


def _price_basis(reader: RowReader) -> Decimal:
    if not reader.layout.has(Field.PRICE_BASIS):
        return Decimal(1)
    basis = reader.number(Field.PRICE_BASIS)
    if basis is not None and basis <= 0:
        reader.error("price_basis_wrong", Field.PRICE_BASIS, "expected a number above zero")
        return Decimal(1)
    return basis or Decimal(1)


def _document(draft: _Draft, source: str | None) -> OrderDocument:
    told = {field: value for field, (value, _) in draft.told.items()}

    def text(field: Field) -> str | None:
        value = told.get(field)
        return value if isinstance(value, str) else None

    def day(field: Field) -> Due | None:
        value = told.get(field)
        return value if isinstance(value, date) else None

    issued = day(Field.ORDER_DATE)
    priority = told.get(Field.PRIORITY)
    lines = tuple(draft.lines.values())
    changes = bool(draft.actions - {LineAction.ADD})
    customer = text(Field.CUSTOMER) or text(Field.CUSTOMER_NAME)
    if draft.last is not None and customer is None and draft.last.layout.has(Field.CUSTOMER):
        draft.last.warning("customer_missing", Field.CUSTOMER, "no row names the customer")
    return OrderDocument(
        kind=DocumentKind.CHANGE if changes else DocumentKind.ORDER,
        source=source or _uploaded(customer),
        number=draft.number,
        version=draft.version,
        issued=issued.date() if isinstance(issued, datetime) else issued,
        parties=_parties(text),
        currency=text(Field.CURRENCY),
        customer_reference=text(Field.CUSTOMER_REFERENCE),
        due=day(Field.ORDER_DUE),
        lines=lines,
        priority=priority if isinstance(priority, int) else None,
        notes=tuple(note[:_MAX_NOTE_CHARACTERS] for note in list(draft.notes)[:_MAX_NOTES]),
    )


def _uploaded(customer: str | None) -> str:
    """Who numbered the orders of a table that nobody said it of: the customer that it names.

    Two customers' orders of one number are two orders.
    """
    return UPLOAD if customer is None else f"{UPLOAD}:{customer}"[:MAX_CODE_CHARACTERS].rstrip()


def _parties(text: _Text) -> tuple[Party, ...]:
    parties: list[Party] = []
    code, name = text(Field.CUSTOMER), text(Field.CUSTOMER_NAME)
    if code or name:
        parties.append(
            Party(
                role=PartyRole.SOLD_TO,
                role_code="customer",
                names=(Name(NameScheme.SUPPLIER, code),) if code else (),
                name=name,
            )
        )
    street = text(Field.SHIP_TO_STREET)
    ship_to = Party(
        role=PartyRole.SHIP_TO,
        role_code="ship_to",
        name=text(Field.SHIP_TO_NAME),
        street=(street,) if street else (),
        city=text(Field.SHIP_TO_CITY),
        postal_code=text(Field.SHIP_TO_POSTAL_CODE),
        country=text(Field.SHIP_TO_COUNTRY),
    )
    if ship_to != Party(role=PartyRole.SHIP_TO, role_code="ship_to"):
        parties.append(ship_to)
    return tuple(parties)
