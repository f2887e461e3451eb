"""Which row of a sheet names its columns, and which column means what."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import msgspec

from connectors.mapping import Field, Mapping
from connectors.problems import whole_file
from connectors.table.cells import Row, Sheet, letters, plain
from connectors.table.dates import date_order
from connectors.table.headings import is_known, meanings, normalised
from connectors.table.numbers import decimal_sign
from connectors.table.text import UnreadableError
from domain.documents import Problem

_HEADER_WITHIN = 30
_LEAST_KNOWN = 2
_SAMPLE_ROWS = 2_000
_ITEM_FIELDS = (Field.ITEM, Field.CUSTOMER_ITEM, Field.GTIN, Field.DESCRIPTION)
_NUMBERS = (Field.QUANTITY, Field.PRICE, Field.PRICE_BASIS)
_DATES = (Field.DUE, Field.ORDER_DUE, Field.ORDER_DATE, Field.VERSION)
_MAX_COUNTER_DIGITS = 6


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet that is understood.

    Attributes:
        sheet: its rows, the header's included.
        header_row: the number of the row that names the columns; 0: there is none.
        header: headings by column.
        columns: field → column, from 0.
        mapping: as told, with what was found out: it reads the file again in the same way.
    """

    sheet: Sheet
    header_row: int
    header: tuple[str, ...]
    columns: dict[Field, int]
    mapping: Mapping

    def has(self, field: Field) -> bool:
        """Whether the table says something of a field."""
        return field in self.columns or field in self.mapping.constants

    def place(self, row: int, field: Field) -> str:
        """Where a cell stands: `row 7, column "Quantity"`."""
        column = self.columns.get(field)
        heading = self.header[column] if column is not None else f"({field.value})"
        return f'{self.row_place(row)}, column "{heading}"'

    def row_place(self, row: int) -> str:
        """Where a row stands: `row 7`, in a workbook with several sheets `sheet "May", row 7`."""
        return f"row {row}" if self.sheet.name is None else f'sheet "{self.sheet.name}", row {row}'

    def data(self) -> list[Row]:
        """The rows below the header."""
        return [row for row in self.sheet.rows if row.number > self.header_row]


def guess(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Mapping:
    """What columns mean by their headings, and how numbers and dates are written by the first rows.

    Args:
        header: headings as they stand there; blank ones mean nothing.
        rows: some rows below, as texts.
    """
    best: dict[Field, tuple[int, int]] = {}
    found = [(column, meanings(heading)) for column, heading in enumerate(header)]
    meant = Counter(meaning[0] for _, meaning in found if meaning is not None)
    for column, meaning in found:
        if meaning is None:
            continue
        field, certainty = meaning
        if field is Field.ITEM and meant[Field.ITEM] > 1 and _counts(column, rows):
            field = Field.POSITION
        if field not in best or certainty > best[field][0]:
            best[field] = (certainty, column)
    if Field.ORDER_NUMBER not in best and Field.CUSTOMER_REFERENCE in best:
        best[Field.ORDER_NUMBER] = best.pop(Field.CUSTOMER_REFERENCE)
    columns = {field: header[column] for field, (_, column) in best.items()}

    def texts(fields: Sequence[Field]) -> list[str]:
        chosen = [best[field][1] for field in fields if field in best]
        return [row[column] for row in rows for column in chosen if column < len(row)]

    return Mapping(
        columns=columns,
        decimal=decimal_sign(texts(_NUMBERS)),
        date_order=date_order(texts(_DATES)),
    )


def _counts(column: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column only counts lines: `Item` 10, 20, 30 beside `Material`."""
    told = [plain(row[column]) for row in rows if column < len(row) and row[column]]
    return bool(told) and _rises(told)


def _rises(told: list[str]) -> bool:
    """Whether numbers go up in ones or tens and begin anew."""
    numbers = [
        int(one)
        for one in told
        if one.isascii() and one.isdigit() and len(one) <= _MAX_COUNTER_DIGITS
    ]
    if len(numbers) != len(told) or numbers[0] not in {1, 10}:
        return False
    step = numbers[0]
    return all(after in {before + step, step} for before, after in itertools.pairwise(numbers))


def layout(sheet: Sheet, wanted: Mapping | None) -> Layout:
    """How a sheet is to be read.

    Raises:
        UnreadableError: its columns are not known, or what every order needs has none.
    """
    told = wanted or Mapping()
    header_row = _header_row(sheet, told)
    header = _header(sheet, header_row)
    body = [row for row in sheet.rows if row.number > header_row]
    sample = [
        [row.cell(column).text for column in range(len(header))] for row in body[:_SAMPLE_ROWS]
    ]
    mapping = _completed(told, header, sample, header_row)
    columns = _columns(mapping, header, sheet)
    made = Layout(
        sheet=sheet,
        header_row=header_row,
        header=header,
        columns=columns,
        mapping=mapping,
    )
    _need(made)
    return made


def _header_row(sheet: Sheet, told: Mapping) -> int:
    if told.header_row is not None:
        return told.header_row
    rows = sheet.rows[:_HEADER_WITHIN]
    if told.columns:
        wanted = {normalised(heading) for heading in told.columns.values()}
        scores = [
            (len(wanted & {normalised(cell.text) for cell in row.cells.values()}), -row.number)
            for row in rows
        ]
        needed = 1
    else:
        scores = [
            (sum(is_known(cell.text) for cell in row.cells.values()), -row.number) for row in rows
        ]
        needed = _LEAST_KNOWN
    best = max(scores, default=(0, 0))
    if best[0] < needed:
        raise UnreadableError(_no_header(sheet))
    return -best[1]


def _no_header(sheet: Sheet) -> Problem:
    first = sheet.rows[0] if sheet.rows else None
    seen = ", ".join(cell.text[:40] for cell in list(first.cells.values())[:12]) if first else None
    return whole_file(
        "header_missing",
        f"no row of the first {_HEADER_WITHIN} names columns that are known (like Order No., Item,"
        " Quantity, Due date); send a mapping that says which column means what",
        place=f'sheet "{sheet.name}"' if sheet.name else "whole file",
        value=seen,
    )


def _header(sheet: Sheet, header_row: int) -> tuple[str, ...]:
    """Headings by column; a repeated one gets its count, a missing one its letters."""
    width = max((max(row.cells) + 1 for row in sheet.rows), default=0)
    if header_row == 0:
        return tuple(letters(column) for column in range(width))
    row = next((one for one in sheet.rows if one.number == header_row), None)
    if row is None:
        raise UnreadableError(_no_header(sheet))
    seen: Counter[str] = Counter()
    header: list[str] = []
    for column in range(max(row.cells) + 1):
        heading = " ".join(row.cell(column).text.split())[:200]
        seen[heading] += 1
        if not heading:
            header.append("")
        else:
            header.append(f"{heading} ({seen[heading]})" if seen[heading] > 1 else heading)
    return tuple(header)


def _completed(
    told: Mapping, header: tuple[str, ...], sample: list[list[str]], header_row: int
) -> Mapping:
    """A mapping with what it leaves open found out from the file."""
    guessed = guess(header, sample)
    columns = told.columns or guessed.columns
    if told.columns:
        positions = {heading: column for column, heading in enumerate(header)}

        def texts(fields: tuple[Field, ...]) -> list[str]:
            chosen = [positions.get(columns.get(field, "")) for field in fields]
            return [row[column] for row in sample for column in chosen if column is not None]

        guessed = Mapping(
            decimal=decimal_sign(texts(_NUMBERS)), date_order=date_order(texts(_DATES))
        )
    return msgspec.structs.replace(
        told,
        columns=columns,
        decimal=told.decimal or guessed.decimal,
        date_order=told.date_order or guessed.date_order,
        header_row=header_row,
    )


def _columns(mapping: Mapping, header: tuple[str, ...], sheet: Sheet) -> dict[Field, int]:
    by_name = {heading: column for column, heading in reversed(list(enumerate(header))) if heading}
    by_sense = {normalised(heading): column for heading, column in reversed(by_name.items())}
    columns: dict[Field, int] = {}
    for field, heading in mapping.columns.items():
        column = by_name.get(heading, by_sense.get(normalised(heading) or "\0"))
        if column is None:
            raise UnreadableError(
                whole_file(
                    "column_missing",
                    f"the mapping takes {field.value} from a column of this name, and there is"
                    f" none; there are {', '.join(one for one in header if one)[:300]}",
                    place=f'sheet "{sheet.name}"' if sheet.name else "whole file",
                    value=heading,
                )
            )
        columns[field] = column
    return columns


def _need(made: Layout) -> None:
    needs = (
        ((Field.ORDER_NUMBER,), "the order's number"),
        (_ITEM_FIELDS, "the item"),
        ((Field.QUANTITY,), "the quantity"),
    )
    missing = [what for fields, what in needs if not any(made.has(field) for field in fields)]
    if missing:
        raise UnreadableError(
            whole_file(
                "column_missing",
                f"no column is {' or '.join(missing)}; send a mapping that says which one is",
                place=made.row_place(made.header_row) if made.header_row else "whole file",
                value=", ".join(one for one in made.header if one),
            )
        )
