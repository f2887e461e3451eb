"""A report as a workbook: a sheet of figures, one per table, one of definitions.

Numbers are numbers: percentages, times and dates are written with a format, not as text, so that
a spreadsheet reckons on with them. No text is a formula. Rows go to disk as they are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from connectors.report_files.texts import cleaned, is_formula
from domain.reports import report_words as words
from domain.reports.document import DAY_MS, Cell, Column, Document, FigureLine, Kind, Table
from domain.reports.words import Words
from domain.reports.writing import days, written

MOST_ROWS: Final = 1_048_576 - 1
"""As many as a sheet holds, without its headings."""
_HEADING: Final = Font(bold=True)
_TITLE: Final = Font(bold=True, size=16)
_GREY: Final = PatternFill("solid", fgColor="FFE9EDF2")
_WRAPPED: Final = Alignment(wrap_text=True, vertical="top")
_FORMATS: Final = {
    Kind.PERCENT: "0.0%",
    Kind.DURATION: "[h]:mm:ss",
    Kind.PIECES: "#,##0.###",
    Kind.MONEY: "#,##0.00",
    Kind.PER_YEAR: "#,##0.00",
    Kind.DAYS: "#,##0.00",
    Kind.COUNT: "#,##0.##",
    Kind.DATE: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
}
_WIDTHS: Final = {Kind.TEXT: 32.0, Kind.MOMENT: 18.0}
_WIDTH: Final = 15.0
_LONGEST_SHEET_NAME: Final = 31


class TooManyRowsError(Exception):
    """A sheet cannot hold so many rows."""


def write_xlsx(document: Document, file: IO[bytes]) -> None:
    """Write the workbook; blocks.

    Raises:
        TooManyRowsError: a table has more rows than a sheet holds.
    """
    for table in document.tables:
        if len(table.rows) > MOST_ROWS:
            raise TooManyRowsError(
                f"the table {table.title!r} has {len(table.rows):,} rows, and a sheet holds"
                f" {MOST_ROWS:,}: ask for a shorter period or a single site, or for CSV"
            )
    book = _Book(document)
    book.figures()
    for table in document.tables:
        book.table(table)
    book.definitions()
    book.save(file)


class _Book:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._zone = ZoneInfo(document.zone)
        self._book = Workbook(write_only=True)
        properties = self._book.properties
        properties.title, properties.creator = document.title, "gemba"

    def save(self, file: IO[bytes]) -> None:
        self._book.save(file)

    def figures(self) -> None:
        document = self._document
        sheet = self._sheet(words.FIGURES, (34, 18, 18, 18, 12, 18, 18, 44))
        sheet.append([self._text(sheet, document.title, font=_TITLE)])
        as_of = written(document.as_of, Kind.MOMENT, document.language, document.zone)
        head = [
            *document.scope,
            (self._say(words.PERIOD), days(document.first, document.last)),
            (self._say(words.AS_OF), f"{as_of} ({document.zone})"),
        ]
        for name, value in head:
            sheet.append([self._text(sheet, name, font=_HEADING), self._text(sheet, value)])
        for note in document.notes:
            sheet.append([self._text(sheet, note)])
        sheet.append([])
        columns = (words.FIGURE, words.VALUE, words.PREVIOUS, words.TARGET, words.MET)
        more = (words.PART, words.WHOLE, words.REMARK)
        self._headings(sheet, [self._say(one) for one in (*columns, *more)])
        for line in document.figures:
            sheet.append(self._figure(sheet, line))

    def table(self, table: Table) -> None:
        widths = [_WIDTHS.get(column.kind, _WIDTH) for column in table.columns]
        sheet = self._book.create_sheet(_sheet_name(table.title))
        _set_widths(sheet, widths)
        sheet.freeze_panes = "A2"
        self._headings(sheet, [_heading(column) for column in table.columns])
        for row in table.rows:
            sheet.append(
                [
                    self._cell(sheet, cell, column.kind)
                    for cell, column in zip(row, table.columns, strict=True)
                ]
            )
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(widths))}{len(table.rows) + 1}"

    def definitions(self) -> None:
        sheet = self._sheet(words.DEFINITIONS, (26, 60, 60, 26, 14, 16, 22, 10))
        sheet.freeze_panes = "A2"
        columns = (words.FIGURE, words.FORMULA, words.NOTE, words.SOURCE, words.UNIT)
        more = (words.BETTER, words.CODE, words.VERSION)
        self._headings(sheet, [self._say(one) for one in (*columns, *more)])
        for one in self._document.definitions:
            texts = (one.name, one.formula, one.note, one.source, one.unit, one.better, one.code)
            sheet.append([*(self._text(sheet, text, wrapped=True) for text in texts), one.version])

    def _figure(self, sheet: Any, line: FigureLine) -> Sequence[object]:
        met = {True: words.YES, False: words.NO}
        parts = Kind.DURATION if line.kind is Kind.DURATION else Kind.PIECES
        reached = "" if line.met is None else self._say(met[line.met])
        unit = f" ({line.currency})" if line.currency else ""
        return [
            self._text(sheet, line.name + unit),
            self._cell(sheet, line.value, line.kind),
            self._cell(sheet, line.previous, line.kind),
            self._cell(sheet, line.target, line.kind),
            self._text(sheet, reached),
            self._cell(sheet, line.part, parts if line.kind is not Kind.PERCENT else Kind.COUNT),
            self._cell(sheet, line.whole, Kind.COUNT),
            self._text(sheet, line.absent),
        ]

    def _cell(self, sheet: Any, cell: Cell, kind: Kind) -> object:
        match cell:
            case None:
                return None
            case str():
                return self._text(sheet, cell)
            case datetime():
                value: Any = cell.astimezone(self._zone).replace(tzinfo=None)
            case date():
                value = cell
            case int() | float() | Decimal() if kind is Kind.DURATION:
                # A spreadsheet's times are days; below 0 it shows none, so they are hours then.
                value = float(cell) / DAY_MS
            case _:
                value = cell
        made = WriteOnlyCell(sheet, value)
        made.number_format = _FORMATS.get(kind, "General")
        return made

    def _text(
        self, sheet: Any, text: str, *, font: Font | None = None, wrapped: bool = False
    ) -> object:
        made = WriteOnlyCell(sheet, cleaned(text))
        made.data_type = "s"
        if is_formula(text):
            # Also when somebody edits the cell later.
            made.quotePrefix = True
        if font is not None:
            made.font = font
        if wrapped:
            made.alignment = _WRAPPED
        return made

    def _headings(self, sheet: Any, names: Iterable[str]) -> None:
        cells = [self._text(sheet, name, font=_HEADING, wrapped=True) for name in names]
        for cell in cells:
            cell.fill = _GREY  # type: ignore[attr-defined]  # a cell of openpyxl's
        sheet.append(cells)

    def _sheet(self, name: Words, widths: Sequence[float]) -> Any:
        sheet = self._book.create_sheet(_sheet_name(self._say(name)))
        _set_widths(sheet, widths)
        return sheet

    def _say(self, said: Words) -> str:
        return said.en if self._document.language == "en" else said.zh


def _heading(column: Column) -> str:
    return f"{column.name} ({column.currency})" if column.currency else column.name


def _set_widths(sheet: Any, widths: Sequence[float]) -> None:
    for number, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width


_NOT_IN_SHEET_NAMES: Final[Mapping[int, str]] = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))


def _sheet_name(title: str) -> str:
    return cleaned(title).translate(_NOT_IN_SHEET_NAMES).strip()[:_LONGEST_SHEET_NAME] or "-"
