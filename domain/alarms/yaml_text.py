"""Rules, escalations, rotas and recipients as YAML: read with places, written to be read again.

The types of `domain.alarms` are the schema: each value is read by its field's type, and each fault
says where it stands, its value, and what would do.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args, get_origin

import msgspec
import yaml

from domain.alarms.escalations import Escalation
from domain.alarms.recipients import Recipient
from domain.alarms.rotas import Rota
from domain.alarms.rules import Rule
from domain.alarms.texts import explained
from domain.master_data import nodes
from domain.master_data.faults import Faults, Place
from domain.master_data.nodes import Node, Scalar
from domain.master_data.yaml_text import read_yaml

_LONGEST_SHOWN: Final = 80
_MANY: Final = (tuple, list)


class AlarmSet(msgspec.Struct, frozen=True, kw_only=True):
    """What is told together; codes are unique within a kind."""

    rules: tuple[Rule, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    rotas: tuple[Rota, ...] = ()
    recipients: tuple[Recipient, ...] = ()


KINDS: Final[Mapping[str, type[Rule | Escalation | Rota | Recipient]]] = types.MappingProxyType(
    {"rules": Rule, "escalations": Escalation, "rotas": Rota, "recipients": Recipient}
)


class Read(msgspec.Struct, frozen=True):
    """What a text tells, and where each thing stands, by kind and code."""

    told: AlarmSet
    places: dict[tuple[str, str], Place]


class _NotReadError(Exception):
    """A value could not be read; the fault was noted."""


def read_alarm_set(file: str, content: bytes, faults: Faults) -> Read:
    """Read a YAML text with the sections `rules`, `escalations`, `rotas`, `recipients`.

    Args:
        file: what to call it in faults.
        content: UTF-8.
        faults: where what is wrong goes; what could be read is answered all the same.
    """
    told: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    places: dict[tuple[str, str], Place] = {}
    for section in read_yaml(file, content, faults):
        kind = KINDS.get(section.kind)
        if kind is None:
            faults.add(section.place, f"is no kind{_maybe(section.kind, KINDS)}", section.kind)
            continue
        for node in section.records:
            try:
                one = _record(kind, node, faults)
            except _NotReadError:
                continue
            first = places.setdefault((section.kind, one.code), node.place)
            if first is node.place:
                told[section.kind].append(one)
            else:
                faults.add(node.place, f"is there a second time, first at {first}", one.code)
    return Read(AlarmSet(**{kind: tuple(found) for kind, found in told.items()}), places)


def write_alarm_set(told: AlarmSet) -> str:
    """The YAML text of a set; what is as by default is left out."""
    sections = {
        kind: [_written(one) for one in getattr(told, kind)]
        for kind in KINDS
        if getattr(told, kind)
    }
    return yaml.safe_dump(sections, allow_unicode=True, sort_keys=False, width=100)


def _written(one: Any) -> Any:
    """A record as plain values, without what is as by default."""
    whole = msgspec.to_builtins(one)
    return _lean(type(one), one, whole)


def _lean(kind: type[Any], one: Any, whole: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in whole.items() if name == "kind"}
    for field in msgspec.structs.fields(kind):
        value = getattr(one, field.name)
        if field.default is not msgspec.NODEFAULT and value == field.default:
            continue
        if isinstance(value, msgspec.Struct):
            kept[field.encode_name] = _written(value)
        elif isinstance(value, _MANY):
            kept[field.encode_name] = [
                _written(each) if isinstance(each, msgspec.Struct) else msgspec.to_builtins(each)
                for each in value
            ]
        else:
            kept[field.encode_name] = whole[field.encode_name]
    return kept


# Reading -----------------------------------------------------------------------------------------


def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _record(kind: type[Any], node: Node, faults: Faults) -> Any:
    """A record of a kind.

    Raises:
        _NotReadError: it could not be read.
    """
    if not isinstance(node, nodes.Mapping):
        faults.add(node.place, f"must be {_called(kind)}: fields with their values")
        raise _NotReadError
    hints = _hints(kind)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag_field
    before = len(faults)
    given: dict[str, Any] = {}
    for entry in node.entries:
        if entry.name == tag:
            continue
        field = fields.get(entry.name)
        if field is None:
            known = ", ".join(fields) or "none"
            faults.add(
                entry.place,
                f"is no field of {_called(kind)}{_maybe(entry.name, fields)}; known are {known}",
                entry.name,
            )
            continue
        try:
            given[field.name] = _value(hints[field.name], entry.name, entry.node, faults)
        except _NotReadError:
            continue
    told = {entry.name for entry in node.entries}
    lacking = [name for name, field in fields.items() if field.required and name not in told]
    if lacking:
        faults.add(node.place, f"must also say: {', '.join(lacking)}")
    if len(faults) > before:
        raise _NotReadError
    try:
        return kind(**given)
    except ValueError as error:
        faults.add(node.place, str(error))
        raise _NotReadError from error


def _value(hint: Any, name: str, node: Node, faults: Faults) -> Any:
    """A value by its type.

    Raises:
        _NotReadError: it could not be read.
    """
    kinds = _structs(hint)
    if kinds:
        return _record(_chosen(kinds, node, faults), node, faults)
    inner = _element(hint)
    if inner is None:
        return _scalar(hint, name, node, faults)
    items: Sequence[Node] = node.items if isinstance(node, nodes.Sequence) else [node]
    if isinstance(node, Scalar) and node.text is None:
        items = []
    before = len(faults)
    read = []
    for item in items:
        try:
            read.append(_value(inner, name, item, faults))
        except _NotReadError:
            continue
    if len(faults) > before:
        raise _NotReadError
    return _checked(hint, name, tuple(read), node.place, faults)


def _scalar(hint: Any, name: str, node: Node, faults: Faults) -> Any:
    if not isinstance(node, Scalar):
        faults.add(node.place, f"{name} must be a single value")
        raise _NotReadError
    return _checked(hint, name, node.text, node.place, faults)


def _checked(hint: Any, name: str, value: Any, place: Place, faults: Faults) -> Any:
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError as error:
        shown = value[:_LONGEST_SHOWN] if isinstance(value, str) else None
        faults.add(place, f"{name}: {explained(str(error))}", shown)
        raise _NotReadError from error


def _chosen(kinds: Sequence[type[Any]], node: Node, faults: Faults) -> type[Any]:
    """The type of a tagged union that a mapping names."""
    tags = {kind.__struct_config__.tag: kind for kind in kinds}
    if len(tags) == 1:
        return kinds[0]
    field = kinds[0].__struct_config__.tag_field
    entries = node.entries if isinstance(node, nodes.Mapping) else []
    entry = next((each for each in entries if each.name == field), None)
    names = [str(tag) for tag in tags]
    if entry is None or not isinstance(entry.node, Scalar):
        faults.add(node.place, f"must say its {field}: {', '.join(names)}")
        raise _NotReadError
    chosen = tags.get(entry.node.text)
    if chosen is None:
        told = entry.node.text or ""
        hint = f"{_maybe(told, names)}; known are {', '.join(names)}"
        faults.add(entry.node.place, f"is no {field}{hint}", told)
        raise _NotReadError
    return chosen


def _bare(hint: Any) -> Any:
    """A type without its annotations."""
    return get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint


def _structs(hint: Any) -> tuple[type[Any], ...]:
    """The struct types that a value of a type may be; none: it is no struct."""
    bare = _bare(hint)
    choices = get_args(bare) if get_origin(bare) in (typing.Union, types.UnionType) else (bare,)
    return tuple(
        each for each in choices if isinstance(each, type) and issubclass(each, msgspec.Struct)
    )


def _element(hint: Any) -> Any:
    """The type of a list's entries; None: it is no list."""
    bare = _bare(hint)
    return get_args(bare)[0] if get_origin(bare) in _MANY else None


def _called(kind: type[Any]) -> str:
    tag = kind.__struct_config__.tag
    name = tag if isinstance(tag, str) else kind.__name__.lower()
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _maybe(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f", maybe {near[0]!r}" if near else ""
