"""CSV and xlsx → orders, and a look at them before."""

from __future__ import annotations

import msgspec

from connectors.mapping import Mapping
from connectors.options import ReadOptions
from connectors.problems import Problems, too_large, whole_file
from connectors.table.archive import UNFOLDED
from connectors.table.cells import Sheet
from connectors.table.layout import Layout, layout
from connectors.table.orders import Orders, ReadRow
from connectors.table.text import UnreadableError, csv_sheet
from connectors.table.workbook import workbook_sheets
from domain.documents import DocumentLine, Format, Problem, Reading, Severity

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class PreviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it stands there (`cells`), and as it would be taken in.

    Attributes:
        number: as the spreadsheet shows it.
        order: the order that it belongs to; None: none, or it cannot be said.
        line: the line that it makes; None: it cannot be read, as the problems say.
    """

    number: int
    cells: tuple[str, ...]
    order: str | None
    line: DocumentLine | None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would become.

    Attributes:
        format: csv or xlsx.
        sheets: names of the workbook's sheets that are read; empty: the file is one table.
        header_row: the row of the headings; None: none was found.
        header: headings by column.
        mapping: as told, with what was guessed; None: the columns are not known.
        rows: the first ones.
        orders: how many would be taken in.
        lines: how many lines they have.
        problems: all of them.
    """

    format: Format
    sheets: tuple[str, ...] = ()
    header_row: int | None = None
    header: tuple[str, ...] = ()
    mapping: Mapping | None = None
    rows: tuple[PreviewRow, ...] = ()
    orders: int = 0
    lines: int = 0
    problems: tuple[Problem, ...] = ()


def read(content: bytes, options: ReadOptions) -> Reading:
    """The orders of a table, whichever of the two formats the bytes are."""
    return _read(content, options, format_of(content))[0]


def read_csv(content: bytes, options: ReadOptions) -> Reading:
    """The orders of a CSV file."""
    if format_of(content) is Format.XLSX:
        return Reading(documents=(), problems=(_is_workbook(),))
    return _read(content, options, Format.CSV)[0]


def read_xlsx(content: bytes, options: ReadOptions) -> Reading:
    """The orders of an xlsx workbook."""
    return _read(content, options, Format.XLSX)[0]


def preview(content: bytes, options: ReadOptions, *, limit: int = 20) -> Preview:
    """What a table would become, with its first rows.

    Args:
        content: the file.
        options: of reading; without a mapping the columns are guessed.
        limit: rows to show.
    """
    table_format = format_of(content)
    reading, layouts, rows, sheets = _read(content, options, table_format)
    first = layouts[0] if layouts else None
    return Preview(
        format=table_format,
        sheets=tuple(one.sheet.name for one in layouts if one.sheet.name is not None),
        header_row=first.header_row if first else None,
        header=first.header if first else _first_row(sheets),
        mapping=first.mapping if first else None,
        rows=_shown(first, rows, limit) if first else (),
        orders=len(reading.documents),
        lines=sum(len(document.lines) for document in reading.documents),
        problems=reading.problems,
    )


def format_of(content: bytes) -> Format:
    """Which of the two formats bytes are."""
    return Format.XLSX if content.startswith((_ZIP, _OLE)) else Format.CSV


def _is_workbook() -> Problem:
    return whole_file(
        "not_text", "this is a workbook, and not CSV; send it as xlsx", place="byte 0"
    )


def _first_row(sheets: list[Sheet]) -> tuple[str, ...]:
    """What stands on top of a table whose headings are not known: something to map."""
    row = next((sheet.rows[0] for sheet in sheets if sheet.rows), None)
    if row is None:
        return ()
    return tuple(row.cell(column).text for column in range(max(row.cells) + 1))


def _shown(first: Layout, rows: list[ReadRow], limit: int) -> tuple[PreviewRow, ...]:
    understood = {row.number: row for row in reversed(rows)}
    shown: list[PreviewRow] = []
    for row in first.data()[:limit]:
        known = understood.get(row.number)
        shown.append(
            PreviewRow(
                number=row.number,
                cells=tuple(row.cell(column).text for column in range(len(first.header))),
                order=known.order if known else None,
                line=known.line if known else None,
            )
        )
    return tuple(shown)


def _read(
    content: bytes, options: ReadOptions, table_format: Format
) -> tuple[Reading, list[Layout], list[ReadRow], list[Sheet]]:
    problems = Problems()
    sheets: list[Sheet] = []
    layouts: list[Layout] = []
    try:
        sheets = _sheets(content, options, table_format)
        layouts = _layouts(sheets, options.mapping, problems)
    except UnreadableError as unreadable:
        return Reading(documents=(), problems=(unreadable.problem,)), [], [], sheets
    orders = Orders(options, problems)
    for one in layouts:
        orders.add(one)
        if orders.limit_reached:
            limit = options.max_orders
            refusal = whole_file(
                "too_many_orders",
                f"no more than {limit} orders are read of one file; send it in parts",
            )
            return Reading(documents=(), problems=(refusal,)), layouts, [], sheets
    documents = orders.documents()
    if not orders.rows:
        problems.add(whole_file("rows_missing", "there are no rows below the headings"))
    return Reading(documents=documents, problems=problems.told()), layouts, orders.rows, sheets


def _sheets(content: bytes, options: ReadOptions, table_format: Format) -> list[Sheet]:
    if len(content) > options.max_bytes:
        raise UnreadableError(too_large(len(content), options.max_bytes))
    if not content.strip():
        raise UnreadableError(whole_file("empty", "there is nothing in the file"))
    mapping = options.mapping or Mapping()
    if table_format is Format.XLSX:
        return workbook_sheets(content, options.max_bytes * UNFOLDED, mapping.sheet)
    return [csv_sheet(content, mapping)]


def _layouts(sheets: list[Sheet], mapping: Mapping | None, problems: Problems) -> list[Layout]:
    """The sheets that hold orders.

    Raises:
        UnreadableError: none does.
    """
    layouts: list[Layout] = []
    refusals: list[UnreadableError] = []
    for sheet in sheets:
        place = f'sheet "{sheet.name}"' if sheet.name else "whole file"
        for note in sheet.notes:
            problems.add(_note("how_read", note, place))
        try:
            layouts.append(layout(sheet, mapping))
        except UnreadableError as unreadable:
            refusals.append(unreadable)
            said = unreadable.problem.problem
            problems.add(_note("sheet_passed_over", f"this sheet is not read: {said}", place))
    if not layouts:
        if refusals:
            raise refusals[0]
        raise UnreadableError(whole_file("sheet_missing", "the workbook has no visible sheet"))
    return layouts


def _note(code: str, problem: str, place: str) -> Problem:
    return Problem(severity=Severity.NOTE, code=code, place=place, problem=problem)
