"""A report as CSV (RFC 4180): one figure a line, or one of its tables as it stands.

Numbers are plain: a ratio as 0.5, a time in ms; `unit` says which. Moments are RFC 3339.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from connectors.report_files.texts import defused
from domain.reports.document import Cell, Column, Document, Kind, Table

MARK: Final = "\ufeff"
"""The byte order mark: spreadsheets read Chinese with it."""
_HEAD: Final = (
    *("of", "key", "label", "from", "until", "code", "name", "unit", "value"),
    *("part", "whole", "target", "previous", "currency", "absent"),
)
_ROWS: Final = 500
"""So many lines are made at a time."""


class NoTableError(Exception):
    """The report has no table of that name."""

    def __init__(self, wanted: str, there: Sequence[str]) -> None:
        told = ", ".join(map(repr, there)) or "none"
        super().__init__(f"the report has no table {wanted!r}; it has: {told}")
        self.wanted = wanted
        self.there = tuple(there)


def write_csv(document: Document, table: str | None = None, *, mark: bool = True) -> Iterator[str]:
    """The file in parts.

    Args:
        document: the report.
        table: which table of it; None: all figures, one a line.
        mark: whether it begins with a byte order mark.

    Raises:
        NoTableError: it has no such table.
    """
    rows = _figures(document) if table is None else _table(document, table)
    return _parts(rows, mark=mark)


def _parts(rows: Iterable[Sequence[Cell]], *, mark: bool) -> Iterator[str]:
    if mark:
        yield MARK
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for number, row in enumerate(rows, 1):
        writer.writerow([_cell(cell) for cell in row])
        if number % _ROWS == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _table(document: Document, name: str) -> Iterable[Sequence[Cell]]:
    found = [one for one in document.tables if one.code == name]
    if not found:
        raise NoTableError(name, [one.code for one in document.tables])
    (table,) = found
    return [tuple(map(_heading, table.columns)), *table.rows]


def _heading(column: Column) -> str:
    unit = _unit(column.kind, column.currency)
    return f"{column.name} ({unit})" if unit else column.name


def _unit(kind: Kind, currency: str) -> str:
    if kind is Kind.DURATION:
        return "ms"
    return currency if kind is Kind.MONEY else ""


def _figures(document: Document) -> Iterator[Sequence[Cell]]:
    yield _HEAD
    first, last = document.first.isoformat(), document.last.isoformat()
    for one in document.figures:
        unit = "ms" if one.kind is Kind.DURATION else one.kind.value
        yield (
            *("total", "", "", first, last, one.code, one.name, unit, one.value),
            *(one.part, one.whole, one.target, one.previous, one.currency, one.absent),
        )
    for table in document.tables:
        yield from _unfolded(table, (first, last))


def _unfolded(table: Table, period: tuple[str, str]) -> Iterator[Sequence[Cell]]:
    """A table of figures as one figure a line; tables of other things are not of this kind."""
    if table.code not in {"rows", "series"}:
        return
    codes = [column.code for column in table.columns]
    known = {"label", "key", "period", "from", "until"}
    for row in table.rows:
        named = dict(zip(codes, row, strict=True))
        label = named.get("label", named.get("period", ""))
        head = (named.get("key", label), label)
        span = (named["from"], named["until"]) if "from" in named else period
        for column in table.columns:
            if column.code in known:
                continue
            unit = "ms" if column.kind is Kind.DURATION else column.kind.value
            yield (
                *("row" if table.code == "rows" else "period", *head, *span),
                *(column.code, column.name, unit, named[column.code]),
                *("", "", "", "", column.currency, ""),
            )


def _cell(cell: Cell) -> str:
    told = ""
    match cell:
        case str():
            told = defused(cell)
        case int():
            told = str(cell)
        case float():
            told = repr(int(cell)) if cell.is_integer() else repr(cell)
        case Decimal():
            told = f"{cell.normalize():f}"
        case datetime():
            told = cell.isoformat(timespec="seconds")
        case date():
            told = cell.isoformat()
    return told
