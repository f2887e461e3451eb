"""The two formats of the machine's logs.

`*.sdc` (Job, Producti, User) holds records: a line `[Section]`, lines `Key=value`, a blank line.
`*.ldc` (Error) holds rows of tab-separated values; a quoted value may run over several lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.ids import EpochMs
from simulator.replay.komax565.local_time import (
    LocalClock,
    fill,
    parse_local,
    take_out_leaps,
)
from simulator.replay.komax565.text import Line, Problem, read_lines

_HEADER = re.compile(r"\[(\w+)\]")
_ROW_START = re.compile(r"\d{1,2}/\d{1,2}/\d{4}\t\d{1,2}:\d{2}:\d{2}(\t|$)")
_ROW_FIELDS = 9
_ROW_FIELDS_LEAST = 6
_IMPOSSIBLE = "the time cannot be; the entry takes the time of the one before"
_CUT = "the line is broken off and left out"


class Record(NamedTuple):
    """One record of an `*.sdc` file.

    Attributes:
        t_ms: its time, as the log has it.
        whole: nothing of it is missing, as far as the file shows.
    """

    section: str
    line: int
    t_ms: EpochMs
    fields: tuple[tuple[str, str], ...]
    whole: bool

    def get(self, key: str) -> str | None:
        """The first value of a key, or None."""
        return next((value for name, value in self.fields if name == key), None)


class ErrorRow(NamedTuple):
    """One row of `Error.ldc`."""

    line: int
    t_ms: EpochMs
    code: str
    text: str
    job: str | None


class Log(NamedTuple):
    """A file's records in their order, what of it could not be read, and its lasting name.

    `mark` is made of the date and the words of its first record: it stays when the file grows or is
    copied elsewhere, and differs from that of any other file.
    """

    records: list[Record]
    problems: list[Problem]
    mark: str


class ErrorLog(NamedTuple):
    """The same of `Error.ldc`."""

    rows: list[ErrorRow]
    problems: list[Problem]
    mark: str


class _Raw:
    """A record as its lines come in."""

    def __init__(self, section: str, line: int) -> None:
        self.section = section
        self.line = line
        self.fields: list[tuple[str, str]] = []
        self.whole = True


def read_records(path: Path, name: str, zone: ZoneInfo, latest_ms: int) -> Log:
    """Read an `*.sdc` file. No entry can be later than `latest_ms`.

    Raises:
        LogError: the file cannot be read at all.
    """
    lines, problems = read_lines(path, name)
    clock = LocalClock(zone, latest_ms)
    timed: list[_Raw] = []
    moments: list[EpochMs | None] = []
    mark = ""
    for raw in _group(lines, name, problems):
        stamp = next((value for key, value in raw.fields if key == "DateTimeStamp"), None)
        date, _, time = (stamp or "").partition(",")
        local = parse_local(date, time)
        if local is None:
            what = "has no DateTimeStamp" if stamp is None else f"has no time in {stamp!r}"
            problems.append(Problem(name, raw.line, f"[{raw.section}] {what}"))
            continue
        moment = clock.to_utc(local)
        if moment is None:
            problems.append(Problem(name, raw.line, f"{_IMPOSSIBLE}: {stamp!r}"))
        mark = mark or _mark(local.date().isoformat(), raw.section, str(raw.fields))
        timed.append(raw)
        moments.append(moment)
    for place in take_out_leaps(moments):
        problems.append(Problem(name, timed[place].line, f"{_IMPOSSIBLE}: it leaps far ahead"))
    records = [
        Record(raw.section, raw.line, moment, tuple(raw.fields), raw.whole)
        for raw, moment in zip(timed, fill(moments), strict=False)
    ]
    return Log(records, problems, mark)


def _group(lines: list[Line], name: str, problems: list[Problem]) -> list[_Raw]:
    raws: list[_Raw] = []
    for line in lines:
        text = line.text.strip()
        header = _HEADER.fullmatch(text)
        if header is not None:
            raws.append(_Raw(header[1], line.number))
        elif line.cut:
            problems.append(Problem(name, line.number, f"{_CUT}: {text[:60]!r}"))
            if raws:
                raws[-1].whole = False
        elif text:
            key, equals, value = text.partition("=")
            if not raws:
                problems.append(Problem(name, line.number, f"belongs to no record: {text[:60]!r}"))
            elif not equals or not key:
                problems.append(Problem(name, line.number, f"is no Key=value: {text[:60]!r}"))
            else:
                raws[-1].fields.append((key, value))
    return raws


def read_errors(path: Path, name: str, zone: ZoneInfo, latest_ms: int) -> ErrorLog:
    """Read `Error.ldc`. No entry can be later than `latest_ms`.

    A row begins where a line begins with a date and a time: so a quote that is never closed spoils
    its own row only.

    Raises:
        LogError: the file cannot be read at all.
    """
    lines, problems = read_lines(path, name)
    clock = LocalClock(zone, latest_ms)
    found: list[tuple[int, list[str]]] = []
    moments: list[EpochMs | None] = []
    mark = ""
    for number, text in _rows(lines, name, problems):
        values = _values(text)
        local = parse_local(values[0], values[1]) if len(values) >= _ROW_FIELDS_LEAST else None
        if local is None or text.count('"') % 2:
            problems.append(Problem(name, number, f"the row is incomplete: {text[:60]!r}"))
            continue
        if len(values) < _ROW_FIELDS:
            problems.append(Problem(name, number, f"{len(values)} of {_ROW_FIELDS} values"))
        moment = clock.to_utc(local)
        if moment is None:
            problems.append(Problem(name, number, f"{_IMPOSSIBLE}: {values[:2]!r}"))
        mark = mark or _mark(local.date().isoformat(), text)
        found.append((number, values))
        moments.append(moment)
    for place in take_out_leaps(moments):
        problems.append(Problem(name, found[place][0], f"{_IMPOSSIBLE}: it leaps far ahead"))
    rows = [
        _error_row(number, moment, values)
        for (number, values), moment in zip(found, fill(moments), strict=False)
    ]
    return ErrorLog(rows, problems, mark)


def _error_row(number: int, moment: EpochMs, values: list[str]) -> ErrorRow:
    code = ".".join(part for part in values[2:5] if part) or "unknown"
    job = ", ".join(values[6:8]) if all(values[6:8]) and len(values) >= _ROW_FIELDS - 1 else None
    return ErrorRow(number, moment, code, values[5].strip(), job)


def _rows(lines: list[Line], name: str, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    begun: int | None = None
    parts: list[str] = []
    for line in lines:
        if _ROW_START.match(line.text):
            if begun is not None:
                yield begun, "\n".join(parts)
            begun, parts = line.number, [line.text]
        elif begun is not None:
            parts.append(line.text)
        elif line.text.strip():
            problems.append(Problem(name, line.number, f"belongs to no row: {line.text[:60]!r}"))
    if begun is not None:
        yield begun, "\n".join(parts)


def _values(text: str) -> list[str]:
    """The values of a row whose quotes are paired; a doubled quote stands for itself."""
    values = [""]
    parts = text.split('"')
    for place, part in enumerate(parts):
        if place % 2:
            values[-1] += part
        elif not part and 0 < place < len(parts) - 1:
            values[-1] += '"'
        else:
            first, *others = part.split("\t")
            values[-1] += first
            values.extend(others)
    return values


def _mark(date: str, *words: str) -> str:
    digest = hashlib.sha256("\x1f".join(words).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{date}/{digest[:12]}"
