"""A table of one kind as a document with places: a header of field names, a row per record.

Records with a list take a row per entry and repeat their own cells in each; one without an entry
leaves the entry's cells empty. Lists in a cell are separated by `;`. A text that a spreadsheet
would take for a formula carries a `'` before it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence as Rows
from typing import Final

from domain.master_data.faults import Faults, Place
from domain.master_data.fields import EXACT
from domain.master_data.kinds import BY_NAME, Kind
from domain.master_data.nodes import Entry, Mapping, Node, Scalar, Section, Sequence
from domain.master_data.records import Record
from domain.master_data.schema import Field, fields_of

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_ROWS: Final = 500_000
_SEPARATORS: Final = (",", ";", "\t")
GUARDED: Final = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet might compute: it is written with one more `'` before it."""


def read_csv(kind_name: str, file: str, content: bytes, faults: Faults) -> list[Section]:
    """The section that a table holds.

    Args:
        kind_name: whose records its rows are.
        file: what to call it.
        content: UTF-8; fields separated by comma, semicolon or tab.
        faults: where what is wrong goes.
    """
    kind = BY_NAME.get(kind_name)
    if kind is None:
        faults.add(Place(file), f"is no kind of master data; known are {', '.join(BY_NAME)}")
        return []
    if len(content) > MOST_BYTES:
        faults.add(Place(file), f"is larger than {MOST_BYTES // 1024**2} MiB; give it in parts")
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        faults.add(Place(file, line), "is not UTF-8; save the table as 'CSV UTF-8'")
        return []
    if "\x00" in text:
        faults.add(Place(file, text.count("\n", 0, text.index("\x00")) + 1), "holds a NUL")
        return []
    return _Table(kind, file, text, faults).sections()


class _Table:
    """Reads one table."""

    def __init__(self, kind: Kind[Record], file: str, text: str, faults: Faults) -> None:
        self._kind = kind
        self._file = file
        self._faults = faults
        first = text.split("\n", 1)[0]
        separator = max(_SEPARATORS, key=first.count)
        self._rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        self._own = fields_of(kind.record)
        children = kind.children
        self._inner = fields_of(children.record) if children else {}
        self._header: list[str | None] = []

    def sections(self) -> list[Section]:
        """The table's records as a section."""
        records: list[Node] = []
        by_key: dict[tuple[str | None, ...], Mapping] = {}
        line = 1
        try:
            for number, row in enumerate(self._rows):
                if number > MOST_ROWS:
                    self._faults.add(
                        Place(self._file, line), f"is row {number}; give at most {MOST_ROWS}"
                    )
                    break
                if not self._header:
                    if not self._read_header(row):
                        return []
                elif any(cell.strip() for cell in row):
                    self._row(row, line, records, by_key)
                line = self._rows.line_num + 1
        except csv.Error as error:
            self._faults.add(Place(self._file, self._rows.line_num), f"is no CSV: {error}")
        if not self._header:
            self._faults.add(
                Place(self._file, 1),
                f"has no header: its first line names the fields {self._all}",
            )
        return [Section(self._kind.name, Place(self._file, 1), records)]

    @property
    def _all(self) -> str:
        children = self._kind.children
        own = [name for name in self._own if children is None or name != children.field]
        return ", ".join([*own, *self._inner])

    def _read_header(self, row: Rows[str]) -> bool:
        children = self._kind.children
        seen: set[str] = set()
        for number, cell in enumerate(row, 1):
            name = cell.strip()
            known = name in self._inner or (
                name in self._own and (children is None or name != children.field)
            )
            place = Place(self._file, 1, number)
            if name in seen:
                self._faults.add(place, "names the same field a second time", name)
            elif name and not known:
                self._faults.add(place, f"is no field of {self._kind.name}: {self._all}", name)
            self._header.append(name if known and name not in seen else None)
            seen.add(name)
        missing = [name for name in self._kind.key if name not in seen and self._own[name].required]
        if missing:
            self._faults.add(
                Place(self._file, 1),
                f"lacks the column {', '.join(missing)}: rows are known by it",
            )
        return not missing

    def _row(
        self,
        row: Rows[str],
        line: int,
        records: list[Node],
        by_key: dict[tuple[str | None, ...], Mapping],
    ) -> None:
        if len(row) > len(self._header) and any(cell.strip() for cell in row[len(self._header) :]):
            self._faults.add(
                Place(self._file, line, len(self._header) + 1),
                f"has {len(row)} cells where the header has {len(self._header)};"
                " put a cell with a separator in quotes",
            )
        own: list[Entry] = []
        inner: list[Entry] = []
        for number, (name, cell) in enumerate(zip(self._header, row, strict=False), 1):
            if name is None:
                continue
            place = Place(self._file, line, number)
            spec = self._own.get(name) if name in self._own else self._inner[name]
            assert spec is not None  # noqa: S101 - the header holds known names only
            entry = Entry(name, place, self._cell(spec, cell, place))
            (own if name in self._own else inner).append(entry)
        here = Place(self._file, line)
        children = self._kind.children
        if children is None:
            records.append(Mapping(own, here))
            return
        key = tuple(
            next((_text(entry.node) for entry in own if entry.name == name), None)
            for name in self._kind.key
        )
        record = by_key.get(key)
        if record is None:
            node = Sequence([], here)
            record = by_key[key] = Mapping([*own, Entry(children.field, here, node)], here)
            records.append(record)
        else:
            self._same(record, own)
        filled = [entry for entry in inner if _filled(entry.node)]
        if filled:
            held = record.entries[-1].node
            assert isinstance(held, Sequence)  # noqa: S101 - put there above
            held.items.append(Mapping(filled, here))

    def _same(self, record: Mapping, own: list[Entry]) -> None:
        said = {entry.name: entry for entry in record.entries}
        for entry in own:
            before = said.get(entry.name)
            if before is not None and _text(before.node) != _text(entry.node):
                self._faults.add(
                    entry.place,
                    f"differs from line {before.place.line} of the same {self._kind.singular}"
                    f" ({_text(before.node)!r}); say it alike in all its rows",
                    _text(entry.node),
                )

    def _cell(self, spec: Field, cell: str, place: Place) -> Node:
        exact = spec.read in EXACT
        text = cell if exact and cell.strip() else cell.strip()
        if GUARDED.match(text) and text.startswith("'"):
            text = text[1:]
        if spec.separator is not None:
            parts = [part.strip() for part in text.split(spec.separator)]
            return Sequence([Scalar(part, place) for part in parts if part], place)
        if spec.children is not None:
            return self._ways(text, place)
        return Scalar(text or None, place)

    def _ways(self, text: str, place: Place) -> Node:
        """Alternatives in a cell: `machine = cycle_ms / setup_ms; …`."""
        items: list[Node] = []
        for part in filter(None, (part.strip() for part in text.split(";"))):
            machine, has_cycle, times = part.rpartition("=")
            cycle, has_setup, setup = times.partition("/")
            if not has_cycle:
                self._faults.add(
                    place, "must be alternatives as `machine=cycle_ms/setup_ms; …`", part
                )
                continue
            entries = [
                Entry("machine", place, Scalar(machine.strip() or None, place)),
                Entry("cycle_ms", place, Scalar(cycle.strip() or None, place)),
            ]
            if has_setup:
                entries.append(Entry("setup_ms", place, Scalar(setup.strip() or None, place)))
            items.append(Mapping(entries, place))
        return Sequence(items, place)


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) else None


def _filled(node: Node) -> bool:
    return node.text is not None if isinstance(node, Scalar) else bool(_items(node))


def _items(node: Node) -> list[Node]:
    return node.items if isinstance(node, Sequence) else []
