"""YAML as a document with places: the plain part of the language, with limits.

Only events are read, nothing is constructed: no tags, anchors or aliases, so a text cannot grow
beyond what was written. Scalars stay as they were written: `NO` is a country and `0123` a code.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from domain.master_data.faults import Faults, Place
from domain.master_data.nodes import Entry, Mapping, Node, Scalar, Section, Sequence

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_NODES: Final = 2_000_000
MOST_DEPTH: Final = 12
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UnreadableError(Exception):
    """The text goes no further; the fault was noted."""


def read_yaml(file: str, content: bytes, faults: Faults) -> list[Section]:
    """The sections of a YAML text: a mapping of kinds to lists of records.

    Args:
        file: what to call it.
        content: UTF-8.
        faults: where what is wrong goes.
    """
    if len(content) > MOST_BYTES:
        faults.add(Place(file), f"is larger than {MOST_BYTES // 1024**2} MiB; give it in parts")
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        faults.add(Place(file, line), "is not UTF-8; save the file as UTF-8")
        return []
    try:
        root = _Reader(file, text, faults).document()
    except _UnreadableError:
        return []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        faults.add(place, f"is not YAML: {error.problem or error.context}")
        return []
    except yaml.YAMLError as error:
        faults.add(Place(file), f"is not YAML: {' '.join(str(error).split())}")
        return []
    return _sections(root, faults)


def _sections(root: Node | None, faults: Faults) -> list[Section]:
    if root is None or (isinstance(root, Scalar) and root.text is None):
        return []
    if not isinstance(root, Mapping):
        faults.add(root.place, "must be a mapping of kinds, as `items:`, to lists of records")
        return []
    sections = []
    for entry in root.entries:
        match entry.node:
            case Sequence(items=items):
                sections.append(Section(entry.name, entry.place, items))
            case Scalar(text=None):
                sections.append(Section(entry.name, entry.place, []))
            case _:
                faults.add(entry.place, "must be a list of records: begin each with '- '")
    return sections


class _Reader:
    """Turns the events of one text into nodes."""

    def __init__(self, file: str, text: str, faults: Faults) -> None:
        self._file = file
        self._faults = faults
        self._events = iter(yaml.parse(text, Loader=_LOADER))
        self._nodes = 0

    def document(self) -> Node | None:
        """The only document of the text; None: there is none."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._refuse(event, "begins a second document; put all into one")
                root = self._node(next(self._events), 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._refuse(event, f"is the {MOST_NODES + 1}th value; give the file in parts")
        if depth > MOST_DEPTH:
            self._refuse(event, f"is nested more than {MOST_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"refers to an anchor (*{event.anchor}); write out what it means")
        if event.anchor is not None:
            self._refuse(event, f"is an anchor (&{event.anchor}); write it without")
        if event.tag is not None:
            self._refuse(event, f"has a tag ({event.tag[:50]}); write it without")
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            plain = not event.style
            return Scalar(None if plain and event.value in _NOTHING else event.value, place)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Sequence(items, place)
        return self._mapping(place, depth)

    def _mapping(self, place: Place, depth: int) -> Mapping:
        entries: list[Entry] = []
        seen: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar) or key.text is None:
                self._faults.add(key.place, "is no name of a field")
            elif key.text in seen:
                first = seen[key.text]
                self._faults.add(
                    key.place, f"stands here a second time, first in line {first.line}", key.text
                )
            else:
                seen[key.text] = key.place
                entries.append(Entry(key.text, key.place, value))
        return Mapping(entries, place)

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, problem: str) -> None:
        self._faults.add(self._place(event), problem)
        raise _UnreadableError
