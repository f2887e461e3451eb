"""A list of orders as a file: CSV as it is read, XLSX once it is written.

Nothing in such a file is a formula: in CSV a text that a spreadsheet would take for one gets an
apostrophe, in XLSX every text is stored as text.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from api.context import Context
from api.orders.filters import ChosenOrders
from store import order_lists

MOST: Final = 100_000
"""No file has more orders."""
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ROWS: Final = 500
"""So many rows are made at a time."""
_BLOCK_BYTES: Final = 256 * 1024
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final[Mapping[str, str]] = {
    "number": "Number",
    "site": "Site",
    "customer_code": "Customer code",
    "customer": "Customer",
    "customer_reference": "Customer's reference",
    "source": "Source",
    "external_id": "Number at the source",
    "state": "State",
    "priority": "Priority",
    "received_at": "Received (UTC)",
    "due_at": "Due (UTC)",
    "confirmed_at": "Confirmed (UTC)",
    "lines": "Lines",
    "item": "First item",
    "quantity": "Quantity",
    "unit": "Unit",
    "good_quantity": "Good",
    "scrap_pieces": "Scrap",
    "value": "Value",
    "currency": "Currency",
    "findings": "Open findings",
}
"""The columns in their order, and what they are headed."""


async def as_csv(context: Context, chosen: ChosenOrders) -> AsyncIterator[bytes]:
    """The file in parts (RFC 4180, UTF-8 with a mark, so that spreadsheets read Chinese)."""
    yield "\ufeff".encode()
    yield _lines([list(COLUMNS.values())])
    async with aclosing(_batches(context, chosen)) as batches:
        async for rows in batches:
            yield _lines([[_csv_cell(row[name]) for name in COLUMNS] for row in rows])


async def as_xlsx(context: Context, chosen: ChosenOrders) -> AsyncIterator[bytes]:
    """The file in parts; it is written to disk first, a few rows at a time."""
    with tempfile.TemporaryFile(prefix="gemba-orders-") as file:
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Orders")
        sheet.freeze_panes = "A2"
        sheet.append(list(COLUMNS.values()))
        async with aclosing(_batches(context, chosen)) as batches:
            async for rows in batches:
                await asyncio.to_thread(_append, sheet, rows)
        await asyncio.to_thread(book.save, file)
        file.seek(0)
        while block := await asyncio.to_thread(_read, file):
            yield block


async def _batches(
    context: Context, chosen: ChosenOrders
) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
    async with context.connection() as connection:
        rows = order_lists.exported(
            connection,
            chosen.query,
            now_ms=context.clock.now_ms(),
            at_most=MOST,
            limited_to=chosen.limited_to,
        )
        batch: list[Mapping[str, Any]] = []
        async with aclosing(rows):
            async for row in rows:
                batch.append(row)
                if len(batch) == _ROWS:
                    yield batch
                    batch = []
        if batch:
            yield batch


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _csv_cell(value: object) -> object:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case Decimal():
            return f"{value.normalize():f}"
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _append(sheet: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        sheet.append([_xlsx_cell(sheet, row[name]) for name in COLUMNS])


def _xlsx_cell(sheet: Any, value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None)
        case str():
            text = ILLEGAL_CHARACTERS_RE.sub("", value)
            if not text.startswith("="):
                return text
            cell = WriteOnlyCell(sheet, text)
            cell.data_type = "s"
            return cell
        case _:
            return value


def _read(file: IO[bytes]) -> bytes:
    return file.read(_BLOCK_BYTES)
