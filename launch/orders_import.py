"""Sending files of orders to `POST /v1/intake/{format}`, large tables in parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from connectors.mapping import Field, Mapping
from connectors.table.cells import Row, Sheet
from connectors.table.layout import layout
from connectors.table.text import UnreadableError, csv_sheet
from domain.documents import Format

PART_ORDERS: Final = 500
"""Orders of a table that are sent at once."""
_WHOLE_BYTES: Final = 256 * 1024
"""A smaller table is sent as it is."""
_TIMEOUT_S: Final = 120
_BY_ENDING: Final = {".csv": Format.CSV, ".xlsx": Format.XLSX, ".xml": Format.SAP_IDOC}
_BY_BEGINNING: Final = {
    b"ISA": Format.X12,
    b"UNA": Format.EDIFACT,
    b"UNB": Format.EDIFACT,
    b"PK\x03\x04": Format.XLSX,
    b"<?xml": Format.SAP_IDOC,
}


class ImportFailedError(Exception):
    """A file cannot be sent, or the API does not take it."""


@dataclass(kw_only=True)
class Wanted:
    """How files are to be taken in; None: what the file or the installation says."""

    format: Format | None = None
    site: str | None = None
    channel: str | None = None
    mapping: str | None = None
    source: str | None = None
    dry_run: bool = False


@dataclass(kw_only=True)
class Outcome:
    """What became of a file."""

    file: str
    format: str
    documents: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many documents had which outcome."""
        found: dict[str, int] = {}
        for document in self.documents:
            found[document["outcome"]] = found.get(document["outcome"], 0) + 1
        return found

    @property
    def failed(self) -> bool:
        """Whether something of it was refused."""
        return self.error is not None or "refused" in self.counts

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": self.file,
            "format": self.format,
            "outcomes": self.counts,
            "documents": self.documents,
            "problems": self.problems,
            "answers": self.answers,
            "error": self.error,
        }


def format_of(path: Path, content: bytes) -> Format:
    """The format of a file, by how it begins, else by its ending.

    Raises:
        ImportFailedError: neither says.
    """
    begins = content.lstrip(b"\xef\xbb\xbf \r\n\t")
    for beginning, spoken in _BY_BEGINNING.items():
        if begins.startswith(beginning):
            return spoken
    if (known := _BY_ENDING.get(path.suffix.lower())) is not None:
        return known
    raise ImportFailedError(f"{path.name}: say its format (--format), neither name nor bytes do")


def send(
    api: httpx.Client,
    path: Path,
    content: bytes,
    wanted: Wanted,
    *,
    on_part: Callable[[int, int], None],
) -> Outcome:
    """Send a file; `on_part` hears how many of how many parts are done.

    Raises:
        ImportFailedError: the format is not known, or the API does not answer.
    """
    spoken = wanted.format or format_of(path, content)
    outcome = Outcome(file=str(path), format=spoken.value)
    parts = _parts(api, content, spoken, wanted)
    on_part(0, len(parts))
    for done, (part, columns) in enumerate(parts, start=1):
        _post(api, part, wanted, columns, outcome)
        on_part(done, len(parts))
    return outcome


def _post(
    api: httpx.Client, part: bytes, wanted: Wanted, columns: str | None, outcome: Outcome
) -> None:
    query = {
        "dry_run": wanted.dry_run or None,
        "site": wanted.site,
        "channel": wanted.channel,
        "source": wanted.source,
        "mapping": None if columns is not None else wanted.mapping,
        "columns": columns,
        "file_name": Path(outcome.file).name[:100],
    }
    given = {key: value for key, value in query.items() if value is not None}
    try:
        answer = api.post(f"/v1/intake/{outcome.format}", content=part, params=given)
        told: dict[str, Any] = answer.json()
    except httpx.HTTPError as error:
        raise ImportFailedError(f"the API does not answer: {error}") from error
    except ValueError as error:
        raise ImportFailedError(
            f"what answers at {api.base_url} is not the API (status {answer.status_code})"
        ) from error
    if answer.is_success:
        outcome.documents.extend(told["documents"])
        outcome.problems.extend(told["problems"])
        outcome.answers.extend(told["answers"])
        return
    outcome.error = str(told.get("detail", f"status {answer.status_code}"))
    outcome.problems.extend(
        {
            "severity": "error",
            "code": str(told.get("type", "")).rsplit(":", 1)[-1],
            "place": one["field"],
            "value": one.get("value"),
            "problem": one["problem"],
            "document": None,
        }
        for one in told.get("errors") or ()
    )


def _parts(
    api: httpx.Client, content: bytes, spoken: Format, wanted: Wanted
) -> list[tuple[bytes, str | None]]:
    """What is sent one after the other, each with the mapping that holds for all of them."""
    if spoken is not Format.CSV or len(content) <= _WHOLE_BYTES:
        return [(content, None)]
    mapping = _mapping(api, wanted)
    try:
        sheet = csv_sheet(content, mapping)
        plan = layout(sheet, mapping)
    except UnreadableError:
        return [(content, None)]  # the API says what is wrong with it
    column = plan.columns.get(Field.ORDER_NUMBER)
    if column is None:
        return [(content, None)]
    # What was found out from the whole file holds for its parts.
    settled = msgspec.structs.replace(plan.mapping, delimiter=",", encoding="utf-8")
    columns = msgspec.json.encode(settled).decode()
    chosen = list(_chosen(sheet, plan.header_row, column))
    if len(chosen) == 1:
        return [(content, None)]
    return [(_table(sheet, plan.header_row, rows), columns) for rows in chosen]


def _mapping(api: httpx.Client, wanted: Wanted) -> Mapping:
    if wanted.mapping is None:
        return Mapping()
    answer = api.get(f"/v1/intake/mappings/{wanted.mapping}")
    if not answer.is_success:
        raise ImportFailedError(str(answer.json().get("detail", "there is no such mapping")))
    return msgspec.convert(answer.json()["mapping"], Mapping)


def _chosen(sheet: Sheet, header_row: int, column: int) -> Iterator[list[Row]]:
    """The rows of so many orders each; an order's rows stay together, wherever they stand."""
    orders: dict[str, list[Row]] = {}
    last = ""
    for row in sheet.rows:
        if row.number > header_row:
            last = row.cell(column).text or last  # an empty cell goes on with the order above
            orders.setdefault(last, []).append(row)
    groups = list(orders.values())
    for first in range(0, len(groups), PART_ORDERS):
        rows = [row for group in groups[first : first + PART_ORDERS] for row in group]
        yield sorted(rows, key=lambda row: row.number)


def _table(sheet: Sheet, header_row: int, rows: Sequence[Row]) -> bytes:
    """A part of a table. Rows keep their numbers, so that problems name them as they stand."""
    header = [row for row in sheet.rows if row.number == header_row]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    at = 1
    for row in (*header, *rows):
        text.write("\n" * (row.number - at))
        width = max(row.cells) + 1
        writer.writerow([row.cell(column).text for column in range(width)])
        at = row.number + 1
    return text.getvalue().encode()


def client(url: str, token: str) -> httpx.Client:
    """A client of the API."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S)
