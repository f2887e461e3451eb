"""What is written is read again as the same, whatever the records say; on rows as well."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from master_data_api import PLANT

from domain.master_data.faults import Faults
from domain.master_data.fields import WEEKDAYS
from domain.master_data.files import read_file, write_zip
from domain.master_data.judging import judge
from domain.master_data.kinds import (
    BILLS,
    CALENDARS,
    CUSTOMERS,
    ITEMS,
    KINDS,
    MACHINES,
    PRICE_RULES,
    RESOURCES,
    ROUTINGS,
    SITES,
    Key,
)
from domain.master_data.merging import MasterData, Wanted, merge
from domain.master_data.reading import read_sections
from domain.master_data.records import (
    Alternative,
    Bill,
    Calendar,
    Component,
    Customer,
    Item,
    Machine,
    PriceRule,
    Record,
    Resource,
    Routing,
    Shift,
    Site,
    Step,
)
from domain.master_data.writing import write_yaml
from store.database import Connection
from store.master_data import applying
from store.migrate import migrate

_NAMES = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: bool(text.strip()))
_TEXTS = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), st.sampled_from("\n\t")
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: bool(text.strip()))
_TRICKY = st.sampled_from(
    ["NO", "~", "null", "0123", "1e3", "=1+1", "'=x", "''@", "-", "a: b", "# a", " a ", "12:30",
     "是", "{x}", "*x", "&x", "!!str", "y", "2026-01-01", "a,b;c d", 'a"b']
)  # fmt: skip
_CODES = st.one_of(_TRICKY, _NAMES)
_NEEDS = ["'li", "2nd", "2nd=2@setup", "no", "no@run"]
_AMOUNTS = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(99_999), places=6)
_DAYS = st.dates(min_value=dt.date(2020, 1, 1), max_value=dt.date(2030, 1, 1))


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def _sets(draw: st.DrawFn) -> MasterData:
    """A sound set of master data."""
    items = draw(st.lists(_CODES, min_size=2, max_size=6, unique=True))
    machines = [f"p/a/l/m{number}" for number in range(draw(st.integers(1, 4)))]
    found: dict[str, dict[Key, Record]] = {kind.name: {} for kind in KINDS}

    def add(kind: Any, record: Record) -> None:
        found[kind.name][kind.key_of(record)] = record

    add(SITES, Site(code="p", name=draw(_NAMES), time_zone="Europe/Berlin"))
    for number, path in enumerate(machines):
        capabilities = draw(st.sets(st.sampled_from(["saw", "=cut", "'a", "no"]), max_size=3))
        add(
            MACHINES,
            Machine(
                path=path,
                name=draw(_NAMES),
                position=number,
                capabilities=tuple(sorted(capabilities)),
            ),
        )
    for code in items:
        add(
            ITEMS,
            Item(
                code=code,
                name=draw(_CODES),
                kind="both",
                family=draw(_optional(_CODES)),
                description=draw(_optional(_TEXTS)),
                weight_kg=draw(_optional(_AMOUNTS)),
            ),
        )
    _bills_and_routings(draw, add, items, machines)
    crew = Resource(
        site="p",
        code="'li",
        name=draw(_NAMES),
        kind="operator",
        quantity=2,
        skills=("2nd", "no"),
        place=draw(_optional(st.just("p/a"))),
    )
    add(RESOURCES, crew)
    add(RESOURCES, Resource(site="p", code="die", name=draw(_NAMES), kind="tool"))
    add(CUSTOMERS, Customer(code=draw(_CODES), name=draw(_NAMES), over_percent=draw(_AMOUNTS)))
    add(
        PRICE_RULES,
        PriceRule(item=items[0], currency="EUR", price=draw(_AMOUNTS), valid_from=draw(_DAYS)),
    )
    return MasterData(found)


def _bills_and_routings(
    draw: st.DrawFn, add: Any, items: Sequence[str], machines: Sequence[str]
) -> None:
    for place, code in enumerate(items[:-1]):
        # Only what comes later goes into an item: no circles.
        parts = draw(st.sets(st.sampled_from(items[place + 1 :]), min_size=1))
        lines = [
            Component(component=part, quantity=draw(_AMOUNTS), scrap_factor=Decimal("0.05"))
            for part in sorted(parts)
        ]
        add(
            BILLS, Bill(item=code, version="1", valid_to=draw(_optional(_DAYS)), lines=tuple(lines))
        )
        others = [
            Alternative(machine=machine, cycle_ms=draw(st.integers(1, 9_999)))
            for machine in sorted(machines[1:])
        ]
        steps = [
            Step(
                number=number,
                name=draw(_NAMES),
                machine=machines[0],
                cycle_ms=1 + number,
                alternatives=tuple(others),
                interruptible=draw(st.booleans()),
                transfer_batch=draw(_optional(_AMOUNTS)),
                wait_ms=draw(st.integers(0, 9_999)),
                needs=tuple(sorted(draw(st.sets(st.sampled_from(_NEEDS))))),
            )
            for number in sorted(draw(st.sets(st.integers(0, 99), min_size=1, max_size=3)))
        ]
        add(ROUTINGS, Routing(item=code, site="p", version="1", steps=tuple(steps)))
    days = tuple(sorted(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1)), key=WEEKDAYS.index))
    shifts = (Shift(shift="early", weekdays=days, start="06:00", end="14:00"),)
    add(CALENDARS, Calendar(site="p", shifts=shifts))


def _read(name: str, content: bytes, existing: MasterData) -> Wanted:
    faults = Faults()
    document = read_sections(read_file(name, content, faults), faults)
    wanted = merge(existing, document, faults, remove_missing=True)
    judge(wanted, faults)
    assert faults.sorted() == []
    return wanted


def _files(data: MasterData) -> list[tuple[str, bytes]]:
    return [("a.yaml", write_yaml(data).encode()), ("a.zip", write_zip(data))]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_sets())
def test_written_and_read_again_nothing_changes(data: MasterData) -> None:
    for name, content in _files(data):
        assert _read(name, content, data).changes == ()
        anew = _read(name, content, MasterData()).records
        for kind in KINDS:
            assert anew.of(kind) == data.of(kind)


async def _import(connection: Connection, name: str, content: bytes) -> int:
    async with connection.transaction():
        wanted = _read(name, content, await applying.read(connection))
        await applying.apply(connection, wanted.changes)
    return len(wanted.changes)


async def _connect(url: str) -> Connection:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await connection.execute("SET TIME ZONE 'UTC'")
    return connection


@pytest.mark.parametrize("which", [0, 1])
async def test_a_second_installation_gets_the_same(
    database_url: str, empty_database_url: str, which: int
) -> None:
    await asyncio.to_thread(migrate, empty_database_url)
    here, there = await _connect(database_url), await _connect(empty_database_url)
    async with here, there:
        assert await _import(here, "a.yaml", PLANT.encode()) > 0
        first = await applying.read(here)
        name, content = _files(first)[which]
        assert await _import(here, name, content) == 0
        assert await _import(there, name, content) > 0
        second = await applying.read(there)
        for kind in KINDS:
            assert second.of(kind) == first.of(kind), kind.name
        assert _files(second) == _files(first)


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=_sets(), second=_sets())
def test_rows_hold_what_was_imported_last(
    database_url: str, first: MasterData, second: MasterData
) -> None:
    async def scenario() -> None:
        # Tables, whose empty cells clear what was there.
        connection = await _connect(database_url)
        async with connection:
            for data in (first, second, first):
                await _import(connection, "a.zip", write_zip(data))
                stored = await applying.read(connection)
                for kind in KINDS:
                    if data.of(kind):
                        assert stored.of(kind) == data.of(kind), kind.name

    asyncio.run(scenario())
