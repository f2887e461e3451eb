"""Customers, items, and the standard way an item is made at a site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from store.database import Connection
from store.errors import UnknownReferenceError
from store.filters import Page


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer.

    Attributes:
        provisional: only orders named them so far.
        retired: given up; their orders stay.
    """

    id: int
    code: str
    name: str
    provisional: bool = False
    retired: bool = False


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is made, bought and sold, in a unit.

    Attributes:
        setup_family: what machines are set up for.
        kind: `made`, `bought` or `both`.
        family: what splitting, prices and lead times group by.
        provisional: only orders named it so far.
        retired: given up; what it went into stays.
    """

    id: int
    code: str
    name: str
    unit: str
    setup_family: str | None
    kind: str = "made"
    family: str | None = None
    provisional: bool = False
    retired: bool = False


_CUSTOMER = sql.SQL("id, code, name, provisional, retired_at IS NOT NULL AS retired")
_ITEM = sql.SQL(
    "id, code, name, unit, setup_family, kind, family, provisional,"
    " retired_at IS NOT NULL AS retired"
)


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another machine that can do a step. Times are milliseconds per piece and per set-up."""

    machine: str
    machine_id: int
    cycle_ms: int
    setup_ms: int


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """How a step is done, beside where and how fast; copied into operations at release.

    Attributes:
        interruptible: whether a break may fall into it.
        transfer_batch: so many pieces go on to the next step together; None: all at the end.
        wait_ms: how long pieces wait after it before the next step.
        batch_family: what may be in an oven together; then the cycle is that of a load.
        batch_room: how much of an oven's capacity a piece takes.
        needs: skills it needs beside its machine (`domain.master_data.needs`).
    """

    interruptible: bool = True
    transfer_batch: Decimal | None = None
    wait_ms: int = 0
    batch_family: str | None = None
    batch_room: Decimal = Decimal(1)
    needs: tuple[str, ...] = ()


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
    handling: Handling = Handling()


async def customers(connection: Connection, page: Page) -> tuple[list[CustomerRow], int]:
    """Customers by code, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(CustomerRow))
    await cursor.execute(
        sql.SQL("SELECT {} FROM customers ORDER BY code LIMIT %(limit)s OFFSET %(offset)s").format(
            _CUSTOMER
        ),
        page.parameters,
    )
    rows = await cursor.fetchall()
    counted = await connection.execute("SELECT count(*) FROM customers")
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find_customer(connection: Connection, code: str) -> CustomerRow | None:
    """A customer by their code."""
    cursor = connection.cursor(row_factory=class_row(CustomerRow))
    await cursor.execute(
        sql.SQL("SELECT {} FROM customers WHERE code = %s").format(_CUSTOMER), (code,)
    )
    return await cursor.fetchone()


async def known_customer(connection: Connection, code: str) -> CustomerRow:
    """A customer that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    row = await find_customer(connection, code)
    if row is None:
        raise UnknownReferenceError("customer", code, "there is no such customer")
    return row


async def items(connection: Connection, page: Page) -> tuple[list[ItemRow], int]:
    """Items by code, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        sql.SQL("SELECT {} FROM items ORDER BY code LIMIT %(limit)s OFFSET %(offset)s").format(
            _ITEM
        ),
        page.parameters,
    )
    rows = await cursor.fetchall()
    counted = await connection.execute("SELECT count(*) FROM items")
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find_item(
    connection: Connection, code: str, *, for_update: bool = True
) -> ItemRow | None:
    """An item by its code, its row locked unless it is only looked at."""
    lock = sql.SQL(" FOR NO KEY UPDATE" if for_update else "")
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(
        sql.SQL("SELECT {} FROM items WHERE code = %s").format(_ITEM) + lock, (code,)
    )
    return await cursor.fetchone()


async def known_item(connection: Connection, code: str, *, field: str) -> ItemRow:
    """An item that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    cursor = connection.cursor(row_factory=class_row(ItemRow))
    await cursor.execute(sql.SQL("SELECT {} FROM items WHERE code = %s").format(_ITEM), (code,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownReferenceError(field, code, "there is no such item")
    return row


async def routings(
    connection: Connection, item_ids: Sequence[int], *, at: datetime | None = None
) -> dict[int, list[StepRow]]:
    """The steps of items at all sites, by item, in the order of site and number.

    Args:
        connection: where to read.
        item_ids: of these items.
        at: the version that is effective then, in each site's zone; None: now.
    """
    cursor = connection.cursor(row_factory=kwargs_row(_step))
    await cursor.execute(
        """
        SELECT w.item_id, s.code AS site, w.number, w.name,
               (array_agg(m.path ORDER BY w.preference))[1] AS machine,
               (array_agg(m.id ORDER BY w.preference))[1] AS machine_id,
               (array_agg(w.cycle_ms ORDER BY w.preference))[1] AS cycle_ms,
               (array_agg(w.setup_ms ORDER BY w.preference))[1] AS setup_ms,
               jsonb_agg(jsonb_build_object('machine', m.path, 'machine_id', m.id,
                   'cycle_ms', w.cycle_ms, 'setup_ms', w.setup_ms) ORDER BY m.path)
                   FILTER (WHERE w.preference > 1) AS alternatives,
               t.interruptible, t.transfer_batch, t.wait_ms, t.batch_family, t.batch_room, t.needs
        FROM routing_ways(coalesce(%s, now()), %s) w
        JOIN routing_version_steps t ON (t.routing_id, t.number) = (w.routing_id, w.number)
        JOIN sites s ON s.id = w.site_id
        JOIN machines m ON m.id = w.machine_id
        GROUP BY w.item_id, s.code, w.number, w.name, t.routing_id, t.number
        ORDER BY s.code, w.number
        """,
        (at, list(item_ids)),
    )
    found: dict[int, list[StepRow]] = {item_id: [] for item_id in item_ids}
    for row in await cursor.fetchall():
        found[row.item_id].append(row)
    return found


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


HANDLED: Final = frozenset(Handling.__struct_fields__)
"""The columns that say how a step or an operation is done."""


def _step(*, alternatives: list[dict[str, Any]] | None, **columns: Any) -> StepRow:
    handling = {name: columns.pop(name) for name in HANDLED}
    return StepRow(
        alternatives=msgspec.convert(alternatives or [], tuple[Alternative, ...]),
        handling=handling_of(**handling),
        **columns,
    )


def handling_of(*, needs: Sequence[str], **columns: Any) -> Handling:
    """How a step is done, of the columns that say it."""
    return Handling(needs=tuple(needs), **columns)
