"""One record put by a screen: judged and written as an import would."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from datetime import date
from http import HTTPStatus
from typing import Any, cast

from api.errors import FieldProblem, ProblemError, safe_value
from domain.master_data.faults import Fault, Faults, Place
from domain.master_data.judging import judge
from domain.master_data.kinds import SITES, Key, Kind, R_co
from domain.master_data.merging import Change, MasterData, merge
from domain.master_data.nodes import Entry, Mapping, Node, Scalar, Section, Sequence
from domain.master_data.reading import read_sections
from domain.master_data.records import Record
from store.database import Connection
from store.master_data import applying, single


async def put(
    connection: Connection, kind: Kind[R_co], code: str, fields: Fields[str, Any]
) -> tuple[Change | None, R_co]:
    """Make a record of a kind, or change the fields that are named.

    Returns:
        What changed, None if nothing did; and the record as it is now.

    Raises:
        ProblemError: something is wrong with it (422); each field is named.
    """
    before = await single.find(connection, kind, code)
    key: Key = (code,)
    sites = (await applying.read(connection, [SITES])).of(SITES)
    existing = MasterData(
        {
            SITES.name: cast("dict[Key, Record]", sites),
            kind.name: {} if before is None else {key: before},
        }
    )
    faults = Faults()
    document = read_sections(
        [Section(kind.name, Place("body"), [node_of({"code": code, **fields})])], faults
    )
    wanted = merge(existing, document, faults)
    judge(wanted, faults)
    if faults.found:
        raise problem_of(faults.sorted())
    await applying.apply(connection, wanted.changes)
    change = wanted.changes[0] if wanted.changes else None
    return change, wanted.records.of(kind)[key]


def problem_of(faults: list[Fault]) -> ProblemError:
    """Faults as a problem that names each."""
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"{first.place}: {first.problem}{more}. Nothing was changed.",
        errors=[
            FieldProblem(
                field=str(fault.place), value=safe_value(fault.value), problem=fault.problem
            )
            for fault in faults
        ],
    )


def node_of(fields: Fields[str, Any], at: str = "") -> Mapping:
    """Fields with their values as a document has them; each is its own place."""
    entries = []
    for name, value in fields.items():
        place = Place(f"{at}{name}")
        entries.append(Entry(name, place, _node(value, place)))
    return Mapping(entries, Place(at.rstrip(".") or "body"))


def _node(value: object, place: Place) -> Node:
    match value:
        case None:
            return Scalar(None, place)
        case bool():
            return Scalar("true" if value else "false", place)
        case dict():
            return node_of(value, f"{place}.")
        case list() | tuple():
            return Sequence(
                [_node(each, Place(f"{place}.{index}")) for index, each in enumerate(value)], place
            )
        case date():
            return Scalar(value.isoformat(), place)
        case _:
            return Scalar(str(value), place)
