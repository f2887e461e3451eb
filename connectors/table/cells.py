"""Cells and rows, whatever kind of table they come from."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec

from connectors.texts import clean

Value: TypeAlias = str | Decimal | bool | datetime | date | time | timedelta | None

_LETTERS = 26


class Cell(msgspec.Struct, frozen=True):
    """A cell as it stands in the table.

    Attributes:
        value: a text without blanks around it; None: empty.
        is_formula: a formula stands there, and the value is what it came to when it was saved.
        is_fault: the value is an error of the spreadsheet (`#N/A`).
        is_merged: the cell is merged with those above, and the value is theirs.
    """

    value: Value = None
    is_formula: bool = False
    is_fault: bool = False
    is_merged: bool = False

    @property
    def is_blank(self) -> bool:
        """Nothing stands there."""
        return self.value is None and not self.is_formula

    @property
    def text(self) -> str:
        """The value as people read it."""
        value = self.value
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, datetime):
            return value.isoformat(sep=" ")
        return str(value)


BLANK = Cell()


class Row(msgspec.Struct, frozen=True):
    """A row that is not empty: its number as the spreadsheet shows it, cells by column from 0."""

    number: int
    cells: dict[int, Cell]

    def cell(self, column: int) -> Cell:
        """What stands in a column."""
        return self.cells.get(column, BLANK)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A table: its name in a workbook, and its rows.

    Attributes:
        name: None: the file is one table.
        is_delimited: its cells were cut apart at a delimiter, which may have gone wrong.
        notes: what people should know of the sheet as a whole.
    """

    name: str | None
    rows: list[Row]
    is_delimited: bool = False
    notes: tuple[str, ...] = ()


def cleaned(text: str) -> str | None:
    """A text without blanks and invisible marks around it; None: nothing is left."""
    return clean(text).strip("\ufeff\u200b\u200e\u200f\u00a0\u3000 \t\r\n\v\f") or None


def plain(text: str) -> str:
    """Full-width digits, letters and signs as the plain ones that they stand for."""
    return unicodedata.normalize("NFKC", text).strip()


def letters(column: int) -> str:
    """A column's letters: 0 is A, 26 is AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, _LETTERS)
        name = chr(ord("A") + rest) + name
    return name
