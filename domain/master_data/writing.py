"""Master data as YAML and as tables. What is read of it again is the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import yaml

from domain.master_data.csv_text import GUARDED
from domain.master_data.kinds import KINDS, Kind
from domain.master_data.merging import MasterData
from domain.master_data.records import Alternative, Record
from domain.master_data.schema import Field, fields_of

_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_FIRST_LINE: Final = "# Master data of gemba. What a record leaves out stays as it is on import.\n"


class _Dumper(_DUMPER):  # type: ignore[misc]  # one of two classes, both untyped
    """Writes exact numbers, and short lists on one line."""


class _Plain(str):
    """A text that YAML takes as it stands: a number, a day, a time."""

    __slots__ = ()


class _Short(list[Any]):
    """A list that stands on one line."""


def _as_it_stands(dumper: Any, value: _Plain) -> Any:
    text = str(value)
    return dumper.represent_scalar(dumper.resolve(yaml.ScalarNode, text, (True, False)), text)


_Dumper.add_representer(_Plain, _as_it_stands)
_Dumper.add_representer(
    _Short,
    lambda dumper, value: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=True
    ),
)


def write_yaml(data: MasterData, kinds: Iterable[Kind[Record]] = KINDS) -> str:
    """All records of some kinds, by key; what is empty is left out."""
    parts = [_FIRST_LINE]
    for kind in kinds:
        records = [_plain(record) for record in ordered(data, kind)]
        if records:
            parts.append(
                yaml.dump(
                    {kind.name: records},
                    Dumper=_Dumper,
                    sort_keys=False,
                    allow_unicode=True,
                    width=10_000,
                )
            )
    return "\n".join(parts)


def write_csv(data: MasterData, kind: Kind[Record]) -> str:
    """The table of a kind: a header, and its records by key."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    own = [field for field in fields_of(kind.record).values() if field.name != _list_of(kind)]
    inner = list(fields_of(kind.children.record).values()) if kind.children else []
    writer.writerow([field.name for field in [*own, *inner]])
    for record in ordered(data, kind):
        cells = [_cell(field, getattr(record, field.name)) for field in own]
        entries = getattr(record, kind.children.field) if kind.children else ()
        if not entries:
            writer.writerow(cells + [""] * len(inner))
        for entry in entries:
            writer.writerow(cells + [_cell(field, getattr(entry, field.name)) for field in inner])
    return target.getvalue()


def ordered(data: MasterData, kind: Kind[Record]) -> Iterator[Record]:
    """The records of a kind in the order of their keys; what is nothing comes first."""
    for _, record in sorted(
        data.of(kind).items(),
        key=lambda one: [(part is not None, part if part is not None else 0) for part in one[0]],
    ):
        yield record


def _list_of(kind: Kind[Record]) -> str | None:
    return kind.children.field if kind.children else None


def _plain(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, field in fields_of(type(record)).items():
        value = getattr(record, name)
        if value in (None, ()) or (not field.required and value == field.default):
            continue
        told[name] = _yaml_value(value)
    return told


def _yaml_value(value: Any) -> Any:
    match value:
        case tuple():
            if value and isinstance(value[0], Record):
                return [_plain(entry) for entry in value]
            return _Short(value)
        case bool() | int() | str():
            return value
        case _:
            return _Plain(shown(value))


def _cell(field: Field, value: Any) -> str:
    match value:
        case None:
            return ""
        case tuple():
            if field.children is not None:
                return "; ".join(_way(entry) for entry in value)
            return _guarded(f"{field.separator} ".join(value))
        case str():
            return _guarded(value)
        case _:
            return shown(value)


def _way(way: Alternative) -> str:
    return f"{way.machine}={way.cycle_ms}/{way.setup_ms}"


def _guarded(text: str) -> str:
    return f"'{text}" if GUARDED.match(text) else text


def shown(value: object) -> str:
    """A value as people write it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value.normalize(), "f")
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value)


def as_tables(data: MasterData, kinds: Iterable[Kind[Record]] = KINDS) -> Mapping[str, str]:
    """A table per kind that has records, by file name."""
    return {f"{kind.name}.csv": write_csv(data, kind) for kind in kinds if data.of(kind)}
