"""xlsx: bytes → sheets. Nothing in a workbook is carried out: no formula, no macro, no link.

openpyxl reads the parts (through defusedxml, without which nothing is opened); its parser of sheets
is used directly, since one walk over a sheet then tells values, which cells are formulas, and which
cells are merged. A formula's value is what the spreadsheet saved for it.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import msgspec
import openpyxl
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser
from openpyxl.xml import DEFUSEDXML

from connectors.problems import whole_file
from connectors.table.archive import opened
from connectors.table.cells import BLANK, Cell, Row, Sheet, Value, cleaned
from connectors.table.text import MAX_COLUMNS, MAX_ROWS, UnreadableError, too_many

_MAX_SHEETS = 100
_MAX_MERGED_CELLS = 100_000
_SIGNIFICANT = 15
"""Digits that spreadsheets compute with; what follows is noise of binary fractions."""

_QUIET = threading.Lock()


class _Parser(WorkSheetParser):
    """Tells formulas from values while it reads the values that were saved for them."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        """A cell; `is_formula` says what stands there."""
        cell: dict[str, Any] = super().parse_cell(element)
        cell["is_formula"] = element.find(FORMULA_TAG) is not None
        return cell

    def parse_formatting(self, element: Any) -> None:
        """Colours do not matter."""

    def parse_extensions(self, element: Any) -> None:
        """Nor does what newer versions add."""


def workbook_sheets(content: bytes, max_unfolded: int, only: str | None) -> list[Sheet]:
    """The visible sheets with their rows that are not empty; with `only`, that one.

    Raises:
        UnreadableError: it is no workbook, is not safe to open, or has no such sheet.
    """
    if not DEFUSEDXML:
        raise UnreadableError(
            whole_file("reader_unsafe", "defusedxml is not installed: workbooks are not opened")
        )
    with opened(content, max_unfolded) as archive:
        has_macros = any(name.lower().endswith("vbaproject.bin") for name in archive.namelist())
        try:
            # Warnings are of things that are passed over anyway, and their filter is the process's.
            with _QUIET, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return list(_sheets(content, only, has_macros=has_macros))
        except UnreadableError:
            raise
        except Exception as fault:  # openpyxl raises whatever its input makes it
            raise UnreadableError(
                whole_file(
                    "workbook_damaged",
                    f"the workbook cannot be read ({type(fault).__name__}: {fault}); open it in a"
                    " spreadsheet and save it again",
                )
            ) from fault


def _sheets(content: bytes, only: str | None, *, has_macros: bool) -> Iterator[Sheet]:
    book = openpyxl.load_workbook(
        BytesIO(content), read_only=True, data_only=True, keep_links=False, keep_vba=False
    )
    try:
        names = [sheet.title for sheet in book.worksheets]
        if only is not None and only not in names:
            raise UnreadableError(
                whole_file(
                    "sheet_missing",
                    f"the workbook has no such sheet; it has {', '.join(map(repr, names[:20]))}",
                    value=only,
                )
            )
        if len(names) > _MAX_SHEETS:
            raise UnreadableError(too_many("sheets", _MAX_SHEETS, "whole file"))
        notes = ["macros of the workbook are not run"] if has_macros else []
        wanted = [sheet for sheet in book.worksheets if only in {None, sheet.title}]
        if only is None:
            hidden = [sheet.title for sheet in wanted if sheet.sheet_state != "visible"]
            wanted = [sheet for sheet in wanted if sheet.sheet_state == "visible"]
            notes += [f"the hidden sheet {title!r} is not read" for title in hidden]
        for sheet in wanted:
            name = sheet.title if len(names) > 1 else None
            yield Sheet(name=name, rows=_rows(book, sheet), notes=tuple(notes))
            notes = []
    finally:
        book.close()


def _rows(book: Any, sheet: Any) -> list[Row]:
    with book._archive.open(sheet._worksheet_path) as part:  # noqa: SLF001 - see the module
        parser = _Parser(
            part,
            sheet._shared_strings,  # noqa: SLF001
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        rows: dict[int, dict[int, Cell]] = {}
        for seen, (number, cells) in enumerate(parser.parse(), start=1):
            if number > MAX_ROWS * 10 or seen > MAX_ROWS or len(rows) > MAX_ROWS:
                raise UnreadableError(too_many("rows", MAX_ROWS, f"row {number}"))
            row = _cells(book, cells)
            if row:
                if max(row) >= MAX_COLUMNS:
                    raise UnreadableError(too_many("columns", MAX_COLUMNS, f"row {number}"))
                rows.setdefault(number, {}).update(row)
        _fill_merged(rows, parser.merged_cells)
    return [Row(number, rows[number]) for number in sorted(rows)]


def _cells(book: Any, cells: list[dict[str, Any]]) -> dict[int, Cell]:
    made: dict[int, Cell] = {}
    for cell in cells:
        value = _value(book, cell)
        is_formula = cell["is_formula"]
        if value is not None or is_formula:
            made[cell["column"] - 1] = Cell(
                value, is_formula=is_formula, is_fault=cell["data_type"] == "e"
            )
    return made


def _value(book: Any, cell: dict[str, Any]) -> Value:
    value = cell["value"]
    if value is None or isinstance(value, (bool, time, timedelta)):
        return value
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)):
        return _number(book, value, cell["style_id"])
    return cleaned(str(value))


def _number(book: Any, value: float, style: int) -> Value:
    """An exact number; one that is shown with leading zeros is a code and stays one."""
    # Whole numbers are exact as they are; `g` would make an exponent of long ones.
    exact = Decimal(int(value) if value == value // 1 else f"{value:.{_SIGNIFICANT}g}")
    if not exact.is_finite():
        return str(value)
    if exact == exact.to_integral_value():
        exact = exact.quantize(Decimal(1)) if abs(exact) < Decimal("1e18") else exact
        shown = _format(book, style)
        if len(shown) > 1 and set(shown) == {"0"} and exact >= 0:
            return format(exact, "f").zfill(len(shown))
    return exact


def _format(book: Any, style: int) -> str:
    """How a cell's number is shown (`00000`)."""
    styles = book._cell_styles  # noqa: SLF001
    if not 0 < style < len(styles):
        return ""
    number = styles[style].numFmtId
    own = number - 164
    formats = book._number_formats  # noqa: SLF001
    return str(formats[own]) if 0 <= own < len(formats) else ""


def _fill_merged(rows: dict[int, dict[int, Cell]], merged: Any) -> None:
    """Cells that are merged down a column all say what the topmost says."""
    left = _MAX_MERGED_CELLS
    for one in getattr(merged, "mergeCell", None) or ():
        first_column, first_row, last_column, last_row = one.bounds
        if first_column != last_column or last_row - first_row > left:
            continue
        left -= last_row - first_row
        cell = rows.get(first_row, {}).get(first_column - 1, BLANK)
        if cell.is_blank:
            continue
        merged_cell = msgspec.structs.replace(cell, is_merged=True)
        for number in range(first_row + 1, last_row + 1):
            if number in rows:
                rows[number].setdefault(first_column - 1, merged_cell)
