"""CSV: bytes → rows, whatever encoding and delimiter a spreadsheet saved them with."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator

from connectors.mapping import Mapping
from connectors.problems import whole_file
from connectors.table.cells import Cell, Row, Sheet, cleaned
from connectors.texts import unmarked_utf16
from domain.documents import Problem

MAX_COLUMNS = 300
MAX_ROWS = 100_000
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 30
_MAX_CELL_CHARACTERS = 32_767
"""As much as a spreadsheet holds in a cell."""

_ENCODINGS = re.compile(
    r"utf-?8(?:-sig)?|utf-?16(?:-?[lb]e)?|us-?ascii|gb18030|gbk|gb2312|big5|shift[_-]?jis|euc-kr"
    r"|(?:cp|windows-)125\d|iso-?8859-\d{1,2}|latin-?1",
    re.IGNORECASE,
)
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


class UnreadableError(Exception):
    """The file is no table that can be read: `problem` says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def csv_sheet(content: bytes, mapping: Mapping) -> Sheet:
    """The rows of a CSV file that are not empty.

    Raises:
        UnreadableError: the bytes are no text, or the text is no table.
    """
    text, encoding = decoded(content, mapping.encoding)
    told = _SEPARATOR_LINE.match(text)
    skipped = 1 if told else 0
    if told:
        text = text[told.end() :]
    delimiter = mapping.delimiter or (told.group(1) if told else _delimiter(text))
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UnreadableError(
            whole_file("delimiter_wrong", "a delimiter is one character", value=delimiter)
        )
    rows = list(_rows(text, delimiter, skipped))
    notes = [] if encoding in {"utf-8", "utf-8-sig"} else [f"the text was read as {encoding}"]
    if delimiter != ",":
        name = {"\t": "tabulators", ";": "semicolons", "|": "bars"}.get(delimiter, repr(delimiter))
        notes.append(f"columns are separated by {name}")
    return Sheet(name=None, rows=rows, is_delimited=True, notes=tuple(notes))


def decoded(content: bytes, wanted: str | None) -> tuple[str, str]:
    """The text and its encoding: as told, by its byte order mark, or found out.

    Raises:
        UnreadableError: it is none, or not in the encoding that was told.
    """
    wanted = wanted or unmarked_utf16(content)
    if wanted is not None:
        return _as_told(content, wanted)
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _as_told(content, encoding)
    if b"\x00" in content:
        raise UnreadableError(
            whole_file(
                "not_text",
                "this is no text; save the table as CSV (UTF-8) or send the workbook as xlsx",
                place=f"byte {content.index(0)}",
            )
        )
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    if _looks_chinese(content):
        try:
            return content.decode("gb18030"), "gb18030"
        except UnicodeDecodeError:
            pass
    try:
        return content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return content.decode("iso-8859-1"), "iso-8859-1"


def _as_told(content: bytes, encoding: str) -> tuple[str, str]:
    if not _ENCODINGS.fullmatch(encoding):
        raise UnreadableError(
            whole_file(
                "encoding_unknown",
                "expected utf-8, utf-16, gb18030, big5, cp1252 or iso-8859-1",
                value=encoding,
            )
        )
    name = "utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding
    try:
        return content.decode(name), name
    except UnicodeDecodeError as fault:
        raise UnreadableError(
            whole_file(
                "encoding_wrong",
                f"the text is not {encoding}; say which encoding it has, or save it as UTF-8",
                place=f"byte {fault.start}",
                value=content[fault.start : fault.start + 4].hex(" "),
            )
        ) from fault
    except (UnicodeError, LookupError) as fault:
        raise UnreadableError(
            whole_file("encoding_wrong", f"the text cannot be read: {fault}", value=encoding)
        ) from fault


def _looks_chinese(content: bytes) -> bool:
    """Whether bytes above 127 come in pairs, as Chinese characters do, or alone, as umlauts do."""
    runs = [len(run) for run in _HIGH_RUNS.findall(content[:65_536])]
    paired = sum(length for length in runs if length > 1)
    return paired * 2 > sum(runs)


def _delimiter(text: str) -> str:
    """The delimiter that makes the most columns in the most rows."""
    sample = list(itertools.islice(io.StringIO(text[:65_536], newline=""), _SAMPLE_LINES))

    def score(delimiter: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
        except csv.Error:
            return (0, 0)
        wide = [width for width in widths if width > 1]
        usual = max(set(wide), key=wide.count) if wide else 0
        return (wide.count(usual), usual)

    best = max(_DELIMITERS, key=score)
    return best if score(best) > (0, 0) else ","


def _rows(text: str, delimiter: str, skipped: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = skipped
    try:
        for cells in reader:
            number += 1
            if number > MAX_ROWS:
                raise UnreadableError(too_many("rows", MAX_ROWS, f"row {number}"))
            if len(cells) > MAX_COLUMNS and any(cells[MAX_COLUMNS:]):
                raise UnreadableError(too_many("columns", MAX_COLUMNS, f"row {number}"))
            row = {
                column: Cell(told)
                for column, cell in enumerate(cells)
                if (told := cleaned(cell[:_MAX_CELL_CHARACTERS])) is not None
            }
            if row:
                yield Row(number, row)
    except csv.Error as fault:
        raise UnreadableError(
            whole_file(
                "csv_wrong",
                f"the row cannot be read: {fault}; a quotation mark within a value is written"
                " twice",
                place=f"row {number + 1}",
            )
        ) from fault


def too_many(what: str, limit: int, place: str) -> Problem:
    """An error: more rows or columns than are read."""
    return whole_file(
        f"too_many_{what}", f"no more than {limit} {what} are read; send it in parts", place=place
    )
