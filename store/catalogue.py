"""Customers, items, and the standard way an item is made at a site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from store.database import Connection
from store.errors import UnknownReferenceError
from store.filters import Page


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer."""

    id: int
    code: str
    name: str


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is made and sold, in a unit; `setup_family` is what machines are set up for."""

    id: int
    code: str
    name: str
    unit: str
    setup_family: str | None


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another machine that can do a step. Times are milliseconds per piece and per set-up."""

    machine: str
    machine_id: int
    cycle_ms: int
    setup_ms: int


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an item's routing at a site. Times are milliseconds per piece and per set-up."""

    item_id: int
    site: str
    number: int
    name: str
    machine: str
    machine_id: int
    cycle_ms: int
    setup_ms: int
    alternatives: tuple[Alternative, ...]


class NewStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step to be stored."""

    number: int
    name: str
    machine_id: int
    cycle_ms: int
    setup_ms: int
    alternatives: Sequence[Alternative] = ()


async def customers(connection: Connection, page: Page) -> tuple[list[CustomerRow], int]:
    """Customers by code, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(CustomerRow))
    await cursor.execute(
        "SELECT id, code, name FROM customers ORDER BY code LIMIT %(limit)s OFFSET %(offset)s",
        page.parameters,
    )
    rows = await cursor.fetchall()
    counted = await connection.execute("SELECT count(*) FROM customers")
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def put_customer(connection: Connection, code: str, *, name: str) -> CustomerRow:
    """Make a customer, or name it anew."""
    cursor = connection.cursor(row_factory=class_row(CustomerRow))
    await cursor.execute(
        """
        INSERT INTO customers (code, name) VALUES (%s, %s)
        ON CONFLICT (code) DO UPDATE SET name = excluded.name
        RETURNING id, code, name
        """,
        (code, name),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return row


async def known_customer(connection: Connection, code: str) -> CustomerRow:
    """A customer that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    cursor = connection.cursor(row_factory=class_row(CustomerRow))
    await cursor.execute("SELECT id, code, name FROM customers WHERE code = %s", (code,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownReferenceError("customer", code, "there is no such customer")
    return row


async def items(connection: Connection, page: Page) -> tuple[list[ItemRow], int]:
    """Items by code, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        """
        SELECT id, code, name, unit, setup_family FROM items
        ORDER BY code LIMIT %(limit)s OFFSET %(offset)s
        """,
        page.parameters,
    )
    rows = await cursor.fetchall()
    counted = await connection.execute("SELECT count(*) FROM items")
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def put_item(
    connection: Connection, code: str, *, name: str, unit: str, setup_family: str | None
) -> ItemRow:
    """Make an item, or describe it anew."""
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        """
        INSERT INTO items (code, name, unit, setup_family) VALUES (%s, %s, %s, %s)
        ON CONFLICT (code) DO UPDATE
        SET name = excluded.name, unit = excluded.unit, setup_family = excluded.setup_family
        RETURNING id, code, name, unit, setup_family
        """,
        (code, name, unit, setup_family),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert gives a row
    return row


async def find_item(connection: Connection, code: str) -> ItemRow | None:
    """An item by its code, its row locked."""
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        """
        SELECT id, code, name, unit, setup_family FROM items
        WHERE code = %s FOR NO KEY UPDATE
        """,
        (code,),
    )
    return await cursor.fetchone()


async def known_item(connection: Connection, code: str, *, field: str) -> ItemRow:
    """An item that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        "SELECT id, code, name, unit, setup_family FROM items WHERE code = %s", (code,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownReferenceError(field, code, "there is no such item")
    return row


async def routings(connection: Connection, item_ids: Sequence[int]) -> dict[int, list[StepRow]]:
    """The steps of items at all sites, by item, in the order of site and number."""
    cursor = connection.cursor(row_factory=kwargs_row(_step))
    await cursor.execute(
        sql.SQL(
            """
            SELECT r.item_id, s.code AS site, r.number, r.name, m.path AS machine, r.machine_id,
                   r.cycle_ms, r.setup_ms,
                   (SELECT jsonb_agg(jsonb_build_object(
                        'machine', am.path, 'machine_id', a.machine_id,
                        'cycle_ms', a.cycle_ms, 'setup_ms', a.setup_ms) ORDER BY am.path)
                    FROM routing_alternatives a JOIN machines am ON am.id = a.machine_id
                    WHERE (a.item_id, a.site_id, a.number) = (r.item_id, r.site_id, r.number)
                   ) AS alternatives
            FROM routing_steps r
            JOIN sites s ON s.id = r.site_id
            JOIN machines m ON m.id = r.machine_id
            WHERE r.item_id = ANY(%s)
            ORDER BY s.code, r.number
            """
        ),
        (list(item_ids),),
    )
    found: dict[int, list[StepRow]] = {item_id: [] for item_id in item_ids}
    for row in await cursor.fetchall():
        found[row.item_id].append(row)
    return found


async def put_routing(
    connection: Connection, *, item_id: int, site_id: int, steps: Sequence[NewStep]
) -> None:
    """Replace the way an item is made at a site. Work orders that exist keep their operations."""
    await connection.execute(
        "DELETE FROM routing_steps WHERE item_id = %s AND site_id = %s", (item_id, site_id)
    )
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO routing_steps
            (item_id, site_id, number, name, machine_id, cycle_ms, setup_ms)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [(item_id, site_id, s.number, s.name, s.machine_id, s.cycle_ms, s.setup_ms) for s in steps],
    )
    await cursor.executemany(
        """
        INSERT INTO routing_alternatives (item_id, site_id, number, machine_id, cycle_ms, setup_ms)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [
            (item_id, site_id, step.number, other.machine_id, other.cycle_ms, other.setup_ms)
            for step in steps
            for other in step.alternatives
        ],
    )


def with_preferred(
    others: Sequence[Alternative],
    *,
    machine: str,
    machine_id: int,
    cycle_ms: int | None,
    setup_ms: int,
) -> list[Alternative]:
    """Every machine that may do a piece of work, the preferred one first; none without others.

    This is what an operation keeps: its machine may change, its choice does not.
    """
    if not others or cycle_ms is None:
        return []
    preferred = Alternative(
        machine=machine, machine_id=machine_id, cycle_ms=cycle_ms, setup_ms=setup_ms
    )
    return [preferred, *others]


def _step(*, alternatives: list[dict[str, Any]] | None, **columns: Any) -> StepRow:
    return StepRow(
        alternatives=msgspec.convert(alternatives or [], tuple[Alternative, ...]), **columns
    )
