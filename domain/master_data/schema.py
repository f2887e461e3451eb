"""The fields of records, as their types and annotations say."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from domain.master_data.fields import Reads
from domain.master_data.records import Record

_ENTRY: Final = 0


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a record.

    Attributes:
        name: of the field.
        read: how a text becomes its value (of a list: of an entry); None: it holds records.
        separator: what stands between the entries of a list in one text; None: it is no list.
        order: of a list's entries; None: as they are.
        children: the records that it holds.
        optional: whether it may be without a value.
        required: whether a new record has to say it.
        default: what it is otherwise.
    """

    name: str
    read: Callable[[str], object] | None
    separator: str | None
    order: Callable[[str], int] | None
    children: type[Record] | None
    optional: bool
    required: bool
    default: object


@cache
def fields_of(record: type[Record]) -> Mapping[str, Field]:
    """The fields of a record's type, by name, in their order."""
    hints = get_type_hints(record, include_extras=True)
    found = {}
    for known in msgspec.structs.fields(record):
        hint: Any = hints[known.name]
        arguments = get_args(hint)
        optional = types.NoneType in arguments
        if optional:
            hint = next(each for each in arguments if each is not types.NoneType)
        reads = next(
            (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Reads)), None
        )
        children = get_args(hint)[_ENTRY] if get_origin(hint) is tuple else None
        required = known.default is msgspec.NODEFAULT
        found[known.name] = Field(
            name=known.name,
            read=reads.read if reads else None,
            separator=reads.separator if reads else None,
            order=reads.order if reads else None,
            children=children,
            optional=optional,
            required=required,
            default=None if required else known.default,
        )
    return types.MappingProxyType(found)
