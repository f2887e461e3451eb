"""Documents become what they tell: records of known kinds, each value read, each fault placed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, cast

import msgspec

from domain.master_data import nodes
from domain.master_data.faults import Faults, Place
from domain.master_data.kinds import BY_NAME, Key, Kind, R_co
from domain.master_data.nodes import Mapping, Node, Scalar, Section
from domain.master_data.records import Record
from domain.master_data.schema import Field, fields_of

_LONGEST_SHOWN: Final = 80


class Told(msgspec.Struct, frozen=True):
    """What a document says of one record.

    Attributes:
        given: the values of the fields that it names; what it leaves out stays as it is.
        places: where the fields stand, `lines.2.component` those within a list.
        place: where the record begins.
    """

    given: dict[str, object]
    places: dict[str, Place]
    place: Place

    def at(self, field: str) -> Place:
        """Where a field stands, or the record if it does not name it."""
        return self.places.get(field, self.place)


class Document(msgspec.Struct, frozen=True):
    """Everything that was told together, by kind; a kind without records may be in it."""

    told: dict[str, dict[Key, Told]]
    places: dict[str, Place]
    """Where each kind's section begins."""

    def of(self, kind: Kind[R_co]) -> dict[Key, Told]:
        """What is told of a kind, by key."""
        return self.told.get(kind.name, {})


def read_sections(sections: Iterable[Section], faults: Faults) -> Document:
    """Read the records of all sections; several of one kind are taken together."""
    told: dict[str, dict[Key, Told]] = {}
    places: dict[str, Place] = {}
    for section in sections:
        kind = BY_NAME.get(section.kind)
        if kind is None:
            faults.add(
                section.place,
                f"is no kind of master data{_maybe(section.kind, BY_NAME)}; known are"
                f" {', '.join(BY_NAME)}",
                section.kind,
            )
            continue
        places.setdefault(kind.name, section.place)
        known = told.setdefault(kind.name, {})
        for node in section.records:
            one = _record(kind, node, faults)
            if one is None:
                continue
            key, record = one
            first = known.get(key)
            if first is not None:
                faults.add(
                    record.place,
                    f"says {kind.called(key)} a second time, first at {first.place}",
                )
            else:
                known[key] = record
    return Document(told, places)


def complete(kind: Kind[R_co], told: Told, before: Record | None, faults: Faults) -> R_co | None:
    """The whole record: what is told, over what was there; None, and a fault, if it lacks some."""
    if before is not None:
        return cast("R_co", msgspec.structs.replace(before, **told.given))
    missing = [
        name
        for name, field in fields_of(kind.record).items()
        if field.required and name not in told.given
    ]
    if missing:
        unread = [name for name in missing if name in told.places]
        if len(unread) < len(missing):
            lacking = ", ".join(name for name in missing if name not in unread)
            faults.add(told.place, f"a new {kind.singular} must also say: {lacking}")
        return None
    return kind.record(**told.given)


class _Notes(msgspec.Struct, frozen=True):
    """What is found while one record is read: where its fields stand, and what is wrong."""

    places: dict[str, Place]
    faults: Faults


def _record(kind: Kind[Record], node: Node, faults: Faults) -> tuple[Key, Told] | None:
    if not isinstance(node, Mapping):
        faults.add(node.place, f"must be a record of {kind.name}: fields with their values")
        return None
    given: dict[str, object] = {}
    notes = _Notes({}, faults)
    places = notes.places
    _read_fields(kind.record, node, given, "", notes)
    fields = fields_of(kind.record)
    key: list[object] = []
    for name in kind.key:
        if name not in given and fields[name].required:
            if name not in places:
                faults.add(node.place, f"must say {name}: by it the {kind.singular} is known")
            return None
        if name not in given and name in places:
            return None
        key.append(given.get(name, fields[name].default))
    return cast("Key", tuple(key)), Told(given, places, node.place)


def _read_fields(
    record: type[Record],
    node: Mapping,
    given: dict[str, object],
    prefix: str,
    notes: _Notes,
) -> None:
    fields = fields_of(record)
    for entry in node.entries:
        field = fields.get(entry.name)
        if field is None:
            notes.faults.add(
                entry.place,
                f"is no field here{_maybe(entry.name, fields)}; known are {', '.join(fields)}",
                entry.name,
            )
            continue
        path = prefix + entry.name
        notes.places[path] = entry.node.place
        read, value = _value(field, entry.node, path, notes)
        if read:
            given[entry.name] = value


def _value(field: Field, node: Node, path: str, notes: _Notes) -> tuple[bool, object]:
    """Whether a value could be read, and which."""
    if field.children is not None:
        return _children(field, field.children, node, path, notes)
    assert field.read is not None  # noqa: S101 - what holds no records is read
    if field.separator is not None:
        return _list(field, node, notes.faults)
    if not isinstance(node, Scalar):
        notes.faults.add(node.place, f"{field.name} must be a single value, not a list")
        return False, None
    if node.text is None:
        return _nothing(field, node.place, notes.faults)
    return _scalar(field, node.text, node.place, notes.faults)


def _nothing(field: Field, place: Place, faults: Faults) -> tuple[bool, object]:
    if field.optional:
        return True, None
    if field.required:
        faults.add(place, f"{field.name} must not be empty")
        return False, None
    return True, field.default


def _scalar(field: Field, text: str, place: Place, faults: Faults) -> tuple[bool, object]:
    assert field.read is not None  # noqa: S101 - as above
    try:
        return True, field.read(text)
    except ValueError as error:
        faults.add(place, f"{field.name} {error}", text[:_LONGEST_SHOWN])
        return False, None


def _list(field: Field, node: Node, faults: Faults) -> tuple[bool, object]:
    """A list of texts, as a list or in one text; each once, in order."""
    if isinstance(node, Scalar):
        parts = [] if node.text is None else node.text.split(field.separator)
        items: Sequence[Node] = [Scalar(part.strip(), node.place) for part in parts]
    elif isinstance(node, nodes.Sequence):
        items = node.items
    else:
        faults.add(node.place, f"{field.name} must be a list")
        return False, None
    values = []
    for item in items:
        if not isinstance(item, Scalar) or item.text is None:
            faults.add(item.place, f"{field.name} must be a list of texts")
            return False, None
        read, value = _scalar(field, item.text, item.place, faults)
        if not read:
            return False, None
        values.append(str(value))
    return True, tuple(dict.fromkeys(sorted(values, key=field.order)))


def _children(
    field: Field,
    record: type[Record],
    node: Node,
    path: str,
    notes: _Notes,
) -> tuple[bool, object]:
    if isinstance(node, Scalar) and node.text is None:
        return True, ()
    if not isinstance(node, nodes.Sequence):
        notes.faults.add(node.place, f"{field.name} must be a list: begin each entry with '- '")
        return False, None
    built: list[tuple[int, Record]] = []
    for index, item in enumerate(node.items):
        entry = _entry(field, record, item, f"{path}.{index}", notes)
        if entry is not None:
            built.append((index, entry))
    ordered = sorted(built, key=lambda one: _sort_key(one[1]))
    _note_repeats(record, ordered, path, notes)
    _move(notes.places, path, [index for index, _ in ordered])
    return len(built) == len(node.items), tuple(entry for _, entry in ordered)


def _entry(
    field: Field,
    record: type[Record],
    node: Node,
    path: str,
    notes: _Notes,
) -> Record | None:
    notes.places[path] = node.place
    if not isinstance(node, Mapping):
        notes.faults.add(node.place, f"must be an entry of {field.name}: fields with their values")
        return None
    given: dict[str, object] = {}
    _read_fields(record, node, given, f"{path}.", notes)
    missing = [
        name for name, each in fields_of(record).items() if each.required and name not in given
    ]
    unsaid = [name for name in missing if f"{path}.{name}" not in notes.places]
    if unsaid:
        notes.faults.add(node.place, f"an entry of {field.name} must also say: {', '.join(unsaid)}")
    return None if missing else record(**given)


def _sort_key(entry: Record) -> tuple[Any, ...]:
    return tuple(getattr(entry, name) for name in entry.known_by)


def _note_repeats(
    record: type[Record],
    ordered: Sequence[tuple[int, Record]],
    path: str,
    notes: _Notes,
) -> None:
    for (first, one), (second, other) in pairwise(ordered):
        if _sort_key(one) == _sort_key(other):
            places = notes.places
            notes.faults.add(
                places.get(f"{path}.{second}.{record.known_by[0]}", places[f"{path}.{second}"]),
                f"stands here a second time, first in line {places[f'{path}.{first}'].line}",
                " ".join(str(part) for part in _sort_key(one)),
            )


def _move(places: dict[str, Place], path: str, order: Sequence[int]) -> None:
    """Number the places of a list's entries as the entries are ordered now."""
    if list(order) == sorted(order):
        return
    new_index = {old: new for new, old in enumerate(order)}
    begin = len(path) + 1
    moved = {}
    for place in [each for each in places if each.startswith(f"{path}.")]:
        old, dot, rest = place[begin:].partition(".")
        if int(old) in new_index:
            moved[f"{path}.{new_index[int(old)]}{dot}{rest}"] = places[place]
    places.update(moved)


def _maybe(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f", maybe {near[0]!r}" if near else ""
