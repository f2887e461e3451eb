"""One item, customer or supplier: as master data has it, and what it says about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, LiteralString

import msgspec
from psycopg import sql
from psycopg.rows import dict_row

from domain.master_data.kinds import (
    BILLS,
    CUSTOMER_NAMES,
    CUSTOMERS,
    ITEM_NAMES,
    ITEM_SITES,
    ITEMS,
    LEAD_TIME_RULES,
    PRICE_RULES,
    ROUTINGS,
    SUPPLIERS,
    Kind,
    R_co,
)
from domain.master_data.records import CustomerName
from store.database import Connection
from store.filters import Page
from store.master_data.tables import STATEMENTS

_BY_CODE: Final[dict[str, LiteralString]] = {
    CUSTOMERS.name: " AND c.code = %s",
    ITEMS.name: " AND code = %s",
    SUPPLIERS.name: " AND code = %s",
}

_OF_ITEM: Final[dict[str, LiteralString]] = {
    ITEM_SITES.name: " WHERE i.code = %s ORDER BY s.code",
    BILLS.name: " AND i.code = %s ORDER BY s.code NULLS FIRST, b.valid_from NULLS FIRST",
    ROUTINGS.name: " AND i.code = %s ORDER BY s.code, r.valid_from NULLS FIRST",
    ITEM_NAMES.name: " AND i.code = %s ORDER BY n.scheme, c.code NULLS FIRST, n.value",
}
_RULES: Final[dict[str, LiteralString]] = {
    PRICE_RULES.name: " AND (%(item)s::text IS NULL OR i.code = %(item)s OR p.family ="
    " (SELECT x.family FROM items x WHERE x.code = %(item)s))"
    " AND (%(customer)s::text IS NULL OR c.code = %(customer)s)"
    " ORDER BY i.code, p.family, c.code NULLS FIRST, p.currency, p.from_quantity,"
    " p.valid_from NULLS FIRST LIMIT %(limit)s OFFSET %(offset)s",
    LEAD_TIME_RULES.name: " AND (%(item)s::text IS NULL OR i.code = %(item)s OR t.family ="
    " (SELECT x.family FROM items x WHERE x.code = %(item)s))"
    " AND (%(site)s::text IS NULL OR s.code = %(site)s OR s.code IS NULL)"
    " ORDER BY i.code, t.family, s.code NULLS FIRST LIMIT %(limit)s OFFSET %(offset)s",
    BILLS.name: " AND (%(item)s::text IS NULL OR i.code = %(item)s)"
    " AND (%(site)s::text IS NULL OR s.code = %(site)s OR s.code IS NULL)"
    " ORDER BY i.code, s.code NULLS FIRST, b.valid_from NULLS FIRST"
    " LIMIT %(limit)s OFFSET %(offset)s",
    SUPPLIERS.name: " ORDER BY code LIMIT %(limit)s OFFSET %(offset)s",
}


async def find(connection: Connection, kind: Kind[R_co], code: str) -> R_co | None:
    """A record by its code; None: there is none, or only orders named it so far."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        sql.SQL(STATEMENTS[kind.name].read) + sql.SQL(_BY_CODE[kind.name]), (code,)
    )
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, kind.record)


async def of_item(connection: Connection, kind: Kind[R_co], code: str) -> list[R_co]:
    """The records of a kind that belong to an item: its sites, bills, routings, names."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        sql.SQL(STATEMENTS[kind.name].read) + sql.SQL(_OF_ITEM[kind.name]), (code,)
    )
    return [msgspec.convert(row, kind.record) for row in await cursor.fetchall()]


async def names_of_customer(connection: Connection, code: str) -> list[CustomerName]:
    """What others call a customer."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        sql.SQL(STATEMENTS[CUSTOMER_NAMES.name].read)
        + sql.SQL(" WHERE c.code = %s ORDER BY n.scheme, n.value"),
        (code,),
    )
    return [msgspec.convert(row, CustomerName) for row in await cursor.fetchall()]


async def listed(
    connection: Connection,
    kind: Kind[R_co],
    page: Page,
    *,
    item: str | None = None,
    customer: str | None = None,
    site: str | None = None,
    sites: Collection[str] = (),
) -> tuple[list[R_co], int]:
    """Records of a kind, and how many there are.

    Args:
        connection: where to read.
        kind: bills, suppliers, price or lead-time rules.
        page: which part.
        item: what holds for this item, by itself or by its family.
        customer: what holds for this customer alone.
        site: what holds at this site, as its own or as everybody's.
        sites: only of these sites, and of none in particular; empty: of all.
    """
    parameters = {"item": item, "customer": customer, "site": site, "sites": list(sites)}
    condition, _, rest = _RULES[kind.name].partition(" ORDER BY")
    limit = " AND (s.code IS NULL OR s.code = ANY (%(sites)s))" if sites and kind.site else ""
    query = sql.SQL(STATEMENTS[kind.name].read) + sql.SQL(condition) + sql.SQL(limit)
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM ({}) AS x").format(query), parameters
    )
    total = await counted.fetchone()
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        query + sql.SQL(" ORDER BY") + sql.SQL(rest), {**parameters, **page.parameters}
    )
    rows = [msgspec.convert(row, kind.record) for row in await cursor.fetchall()]
    return rows, total[0] if total else 0
