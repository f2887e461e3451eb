"""A document before anybody knows what it means: texts, lists and mappings with their places."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.master_data.faults import Place


class Scalar(msgspec.Struct, frozen=True):
    """A text as it was written; None: nothing."""

    text: str | None
    place: Place


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    items: list[Node]
    place: Place


class Entry(msgspec.Struct, frozen=True):
    """A name in a mapping, where it stands, and what it stands for."""

    name: str
    place: Place
    node: Node


class Mapping(msgspec.Struct, frozen=True):
    """Names and what they stand for. A name may be there twice: that is a fault of the text."""

    entries: list[Entry]
    place: Place


Node: TypeAlias = "Scalar | Sequence | Mapping"


class Section(msgspec.Struct, frozen=True):
    """The records of one kind in one file."""

    kind: str
    place: Place
    records: list[Node]
