"""One row's cells as values: every bad cell gets a problem of its own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from connectors.mapping import DecimalSign, Field
from connectors.problems import Problems
from connectors.table.cells import BLANK, Cell, Row, cleaned, plain
from connectors.table.dates import NotADateError, serial, when
from connectors.table.layout import Layout
from connectors.table.numbers import NotANumberError, number, without_money, without_unit
from connectors.texts import MAX_CODE_CHARACTERS, MAX_TEXT_CHARACTERS
from domain.documents import Due, LineAction, Problem, Severity

_SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{2,}")
_URGENT = frozenset(
    {"high", "urgent", "rush", "hoch", "dringend", "eilig", "alta", "urgente", "高", "加急", "紧急",
     "特急"}
)  # fmt: skip
_USUAL = frozenset(
    {"normal", "medium", "standard", "mittel", "media", "中", "普通", "一般", "正常"}
)
_LOW = frozenset({"low", "niedrig", "baja", "低"})
_URGENT_PRIORITY = 100
_PRIORITY_LIMIT = 1_000_000
_ACTIONS = {
    LineAction.ADD: "add new order insert a n neu nuevo 新增 新建 新",
    LineAction.CHANGE: "change changed update modify c u änderung ändern cambio cambiar 变更 修改",
    LineAction.CANCEL: "cancel cancelled canceled delete d x storno stornieren cancelar 取消 删除",
}
_BY_WORD = {word: action for action, words in _ACTIONS.items() for word in words.split()}
_CURRENCIES = {"€": "EUR", "EURO": "EUR", "RMB": "CNY", "人民币": "CNY", "元": "CNY", "£": "GBP",
               "US$": "USD", "美元": "USD", "欧元": "EUR"}  # fmt: skip
_VERSION_DIGITS = 18
_LONGEST = 100
"""Characters of a number or a date; a longer text is neither."""
_LIMITS = {
    **dict.fromkeys(
        (Field.CUSTOMER_NAME, Field.SHIP_TO_NAME, Field.SHIP_TO_STREET, Field.SHIP_TO_CITY,
         Field.DESCRIPTION),
        MAX_TEXT_CHARACTERS,
    ),
    Field.NOTE: 4_000,
}  # fmt: skip
_TOO_LARGE = 10**15


class RowReader:
    """Reads the cells of one row of an order.

    Attributes:
        has_errors: a cell of the row cannot be read, so its order is not taken in.
        document: whose problems they are: the order's number, or the row's where it has none.
    """

    def __init__(self, layout: Layout, row: Row, problems: Problems) -> None:
        self.layout = layout
        self.row = row
        self.document = layout.row_place(row.number)
        self.has_errors = False
        self._problems = problems

    def tell(
        self, severity: Severity, code: str, field: Field, problem: str, value: str | None = None
    ) -> None:
        """Take down what is wrong with a cell."""
        self.has_errors |= severity is Severity.ERROR
        told = value if value is not None else self.cell(field).text or None
        self._problems.add(
            Problem(
                severity=severity,
                code=code,
                place=self.layout.place(self.row.number, field),
                value=told,
                problem=problem,
                document=self.document,
            )
        )

    def error(self, code: str, field: Field, problem: str, value: str | None = None) -> None:
        """The order is not taken in because of this cell."""
        self.tell(Severity.ERROR, code, field, problem, value)

    def warning(self, code: str, field: Field, problem: str, value: str | None = None) -> None:
        """Somebody has to look at this cell."""
        self.tell(Severity.WARNING, code, field, problem, value)

    def cell(self, field: Field) -> Cell:
        """What stands there, or the mapping's constant where that is nothing."""
        column = self.layout.columns.get(field)
        cell = BLANK if column is None else self.row.cell(column)
        constant = self.layout.mapping.constants.get(field)
        if cell.is_blank and constant is not None:
            return Cell(cleaned(constant))
        return cell

    def is_blank(self, field: Field) -> bool:
        """Nothing stands there."""
        return self.cell(field).is_blank

    def readable(self, field: Field) -> Cell | None:
        """The cell, if it holds a value that can be used; None: it is blank, or told as wrong."""
        cell = self.cell(field)
        if cell.is_formula and cell.value is None:
            self.error(
                "formula_without_value", field,
                "a formula stands here, and the value it came to was not saved; formulas are not"
                " worked out here: open the workbook in a spreadsheet and save it, or paste values",
            )  # fmt: skip
            return None
        if cell.is_fault:
            self.error("cell_faulty", field, "the spreadsheet shows an error in this cell")
            return None
        return None if cell.value is None else cell

    def text(self, field: Field) -> str | None:
        """A text: a code, a name, a note."""
        cell = self.readable(field)
        if cell is None:
            return None
        value = cell.value
        if isinstance(value, (date, time, timedelta, bool)):
            self.warning(
                "text_expected", field,
                "expected a text; the spreadsheet may have made a date of it: format the column as"
                " text and enter it again",
            )  # fmt: skip
        if isinstance(value, str) and _SHORTENED.fullmatch(plain(value)):
            self.tell(
                Severity.ERROR if field is Field.ORDER_NUMBER else Severity.WARNING,
                "code_shortened", field,
                "the spreadsheet has shortened this number and lost digits; format the column as"
                " text and enter it again",
            )  # fmt: skip
        limit = _LIMITS.get(field, MAX_CODE_CHARACTERS)
        if len(cell.text) > limit:
            self.error("text_too_long", field, f"expected {limit} characters at most")
            return None
        return cell.text

    def number(self, field: Field) -> Decimal | None:
        """An exact number."""
        cell = self.readable(field)
        if cell is None:
            return None
        if cell.is_merged:
            self.error(
                "cell_merged", field,
                "this cell is merged with the one above: a number for each row is needed",
            )  # fmt: skip
            return None
        if isinstance(cell.value, Decimal):
            if abs(cell.value) < _TOO_LARGE:
                return cell.value
            self.error("number_wrong", field, f"expected a number below {_TOO_LARGE}")
            return None
        if not isinstance(cell.value, str):
            self.error("number_wrong", field, "expected a number, and this is a date or a time")
            return None
        return self._number(field, cell.value)

    def _number(self, field: Field, text: str) -> Decimal | None:
        if len(text) > _LONGEST:
            self.error("number_wrong", field, "expected a number, and this is a long text")
            return None
        told = without_money(text) if field is Field.PRICE else text
        sign = self.layout.mapping.decimal
        try:
            found = number(told, sign, DecimalSign.POINT)
        except NotANumberError as fault:
            self.error("number_wrong", field, str(fault))
            return None
        if found.is_ambiguous:
            self.warning(
                "number_ambiguous", field,
                f"read as {found.value}; say in the mapping which sign decimals have in this table",
            )  # fmt: skip
        return found.value

    def quantity(self) -> tuple[Decimal | None, str | None]:
        """The quantity, and the unit if it stands in the same cell."""
        cell = self.cell(Field.QUANTITY)
        if not isinstance(cell.value, str) or cell.is_merged or cell.is_fault:
            return self.number(Field.QUANTITY), None
        told, unit = without_unit(cell.value) if len(cell.value) <= _LONGEST else (cell.value, None)
        return self._number(Field.QUANTITY, told), unit

    def when(self, field: Field) -> Due | None:
        """A date, perhaps with a time."""
        cell = self.readable(field)
        if cell is None:
            return None
        value = cell.value
        if isinstance(value, date):
            return value
        try:
            if isinstance(value, Decimal):
                found = serial(value)
            elif isinstance(value, str) and len(value) <= _LONGEST:
                found = when(value, self.layout.mapping.date_order)
            else:
                self.error("date_wrong", field, "expected a date like 2026-12-01")
                return None
        except NotADateError as fault:
            self.error("date_wrong", field, str(fault))
            return None
        if found.is_ambiguous:
            self.warning(
                "date_ambiguous", field,
                f"read as {found.value} (day/month/year); say in the mapping which order it is",
            )  # fmt: skip
        if found.is_serial:
            self.tell(
                Severity.NOTE,
                "date_serial",
                field,
                f"the spreadsheet's day number for {found.value}",
            )
        return found.value

    def version(self) -> int:
        """A version: a number as it is, a time as milliseconds (without a zone: UTC)."""
        cell = self.readable(Field.VERSION)
        if cell is None:
            return 0
        text = plain(cell.text)
        is_count = text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS
        if is_count and not isinstance(cell.value, date):
            return int(text)
        found = self.when(Field.VERSION)
        if found is None:
            return 0
        moment = found if isinstance(found, datetime) else datetime.combine(found, time())
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1000 + moment.microsecond // 1000

    def priority(self) -> int | None:
        """A priority: a number, or a word for urgent, usual or low."""
        text = self.text(Field.PRIORITY)
        if text is None:
            return None
        word = plain(text).casefold()
        if word in _URGENT:
            return _URGENT_PRIORITY
        if word in _USUAL:
            return 0
        if word in _LOW:
            return -_URGENT_PRIORITY
        try:
            value = int(word) if len(word) <= _VERSION_DIGITS else _PRIORITY_LIMIT + 1
        except ValueError:
            value = _PRIORITY_LIMIT + 1
        if abs(value) > _PRIORITY_LIMIT:
            self.warning("priority_unknown", Field.PRIORITY, "expected a whole number, high or low")
            return None
        return value

    def action(self) -> LineAction | None:
        """What is wanted of the line; None: the table does not say."""
        text = self.text(Field.ACTION)
        if text is None:
            return None
        action = _BY_WORD.get(plain(text).casefold())
        if action is None:
            self.error("action_unknown", Field.ACTION, "expected new, change or cancel")
        return action

    def currency(self) -> str | None:
        """A currency by ISO 4217."""
        text = self.text(Field.CURRENCY)
        if text is None:
            return None
        word = plain(text).upper()
        code = _CURRENCIES.get(word, word)
        if len(code) == 3 and code.isascii() and code.isalpha():  # noqa: PLR2004 - ISO 4217
            return code
        self.warning("currency_unknown", Field.CURRENCY, "expected three letters like EUR or CNY")
        return None
