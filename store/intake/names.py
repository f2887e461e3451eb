"""By which names documents call our customers and items, and rows for those that nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from psycopg.rows import class_row

from domain.documents import Name, NameScheme
from store.database import Connection


class NamedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that a document may mean."""

    id: int
    code: str
    name: str
    provisional: bool


class NamedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a document may mean."""

    id: int
    code: str
    name: str
    unit: str
    gtin: str | None
    provisional: bool


class NamedSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site at which an order may be handled."""

    id: int
    code: str
    time_zone: str


class Customers(msgspec.Struct, kw_only=True):
    """Customers by what they may be called."""

    by_name: dict[Name, NamedCustomer]
    by_code: dict[str, NamedCustomer]
    by_text: dict[str, NamedCustomer]
    """By how people call them, in small letters; only where that means one customer."""


class Items(msgspec.Struct, kw_only=True):
    """Items by what they may be called; a customer's own names stand with the customer's id."""

    by_name: dict[tuple[Name, int | None], NamedItem]
    by_code: dict[str, NamedItem]
    by_gtin: dict[str, NamedItem]


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that nobody knows yet."""

    code: str
    name: str
    names: tuple[Name, ...]


class NewItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that nobody knows yet."""

    code: str
    name: str
    unit: str


async def sites(connection: Connection) -> dict[str, NamedSite]:
    """All sites by code; an installation has few."""
    cursor = connection.cursor(row_factory=class_row(NamedSite))
    await cursor.execute("SELECT id, code, time_zone FROM sites ORDER BY code")
    return {row.code: row for row in await cursor.fetchall()}


async def customers(
    connection: Connection,
    *,
    names: Collection[Name],
    codes: Collection[str],
) -> Customers:
    """The customers that these names and codes mean."""
    found = Customers(by_name={}, by_code={}, by_text={})
    if names:
        found.by_name = await _customers_named(connection, names)
    cursor = await connection.execute(
        "SELECT id, code, name, provisional FROM customers WHERE code = ANY(%s)",
        (sorted(codes),),
    )
    found.by_code = {row[1]: _customer(row) for row in await cursor.fetchall()}
    return found


async def _customers_named(
    connection: Connection, names: Collection[Name]
) -> dict[Name, NamedCustomer]:
    wanted = sorted(names, key=lambda name: (name.scheme, name.value))
    cursor = await connection.execute(
        """
        SELECT n.scheme, n.value, c.id, c.code, c.name, c.provisional
        FROM unnest(%s::text[], %s::text[]) AS g (scheme, value)
        JOIN customer_names n USING (scheme, value) JOIN customers c ON c.id = n.customer_id
        """,
        ([name.scheme.value for name in wanted], [name.value for name in wanted]),
    )
    return {
        Name(NameScheme(scheme), value): _customer(row)
        for scheme, value, *row in await cursor.fetchall()
    }


async def customers_called(
    connection: Connection, texts: Collection[str]
) -> dict[str, NamedCustomer]:
    """Customers by how people call them, in small letters; only where that means one of them."""
    cursor = await connection.execute(
        """
        SELECT min(id), min(code), lower(name), bool_or(provisional) FROM customers
        WHERE lower(name) = ANY(%s) GROUP BY lower(name) HAVING count(*) = 1
        """,
        (sorted({text.lower() for text in texts}),),
    )
    return {row[2]: _customer(row) for row in await cursor.fetchall()}


async def items(
    connection: Connection,
    *,
    names: Collection[Name],
    codes: Collection[str],
    gtins: Collection[str] = (),
) -> Items:
    """The items that these names and codes mean."""
    found = Items(by_name={}, by_code={}, by_gtin={})
    wanted = sorted(names, key=lambda name: (name.scheme, name.value))
    cursor = await connection.execute(
        """
        SELECT n.scheme, n.value, n.customer_id, i.id, i.code, i.name, i.unit, i.gtin, i.provisional
        FROM unnest(%s::text[], %s::text[]) AS g (scheme, value)
        JOIN item_names n USING (scheme, value) JOIN items i ON i.id = n.item_id
        """,
        ([name.scheme.value for name in wanted], [name.value for name in wanted]),
    )
    for scheme, value, customer_id, *row in await cursor.fetchall():
        found.by_name[Name(NameScheme(scheme), value), customer_id] = _item(row)
    cursor = await connection.execute(
        "SELECT id, code, name, unit, gtin, provisional FROM items WHERE code = ANY(%s)",
        (sorted(codes),),
    )
    found.by_code = {row[1]: _item(row) for row in await cursor.fetchall()}
    if gtins:
        cursor = await connection.execute(
            """
            SELECT DISTINCT ON (gtin) id, code, name, unit, gtin, provisional FROM items
            WHERE gtin = ANY(%s) ORDER BY gtin, provisional, id
            """,
            (sorted(gtins),),
        )
        found.by_gtin = {row[4]: _item(row) for row in await cursor.fetchall()}
    return found


async def add_customers(
    connection: Connection, new: Sequence[NewCustomer]
) -> dict[str, NamedCustomer]:
    """Make provisional customers, by code; one that somebody made meanwhile is taken as it is."""
    by_code = {one.code: one for one in new}
    ordered = [by_code[code] for code in sorted(by_code)]
    cursor = connection.cursor(row_factory=class_row(NamedCustomer))
    await cursor.execute(
        """
        INSERT INTO customers (code, name, provisional)
        SELECT code, name, true FROM unnest(%s::text[], %s::text[]) AS g (code, name)
        ON CONFLICT (code) DO UPDATE SET code = excluded.code
        RETURNING id, code, name, provisional
        """,
        ([one.code for one in ordered], [one.name for one in ordered]),
    )
    made = {row.code: row for row in await cursor.fetchall()}
    named = [(made[one.code].id, name) for one in ordered for name in one.names]
    await connection.execute(
        """
        INSERT INTO customer_names (customer_id, scheme, value)
        SELECT * FROM unnest(%s::integer[], %s::text[], %s::text[])
        ON CONFLICT (scheme, value) DO NOTHING
        """,
        (
            [customer_id for customer_id, _ in named],
            [name.scheme.value for _, name in named],
            [name.value for _, name in named],
        ),
    )
    return made


async def add_items(connection: Connection, new: Sequence[NewItem]) -> dict[str, NamedItem]:
    """Make provisional items, by code; one that somebody made meanwhile is taken as it is."""
    by_code = {one.code: one for one in new}
    ordered = [by_code[code] for code in sorted(by_code)]
    cursor = connection.cursor(row_factory=class_row(NamedItem))
    await cursor.execute(
        """
        INSERT INTO items (code, name, unit, provisional)
        SELECT code, name, unit, true
        FROM unnest(%s::text[], %s::text[], %s::text[]) AS g (code, name, unit)
        ON CONFLICT (code) DO UPDATE SET code = excluded.code
        RETURNING id, code, name, unit, gtin, provisional
        """,
        (
            [one.code for one in ordered],
            [one.name for one in ordered],
            [one.unit for one in ordered],
        ),
    )
    return {row.code: row for row in await cursor.fetchall()}


async def remember_item(
    connection: Connection, *, item_id: int, name: Name, customer_id: int | None
) -> None:
    """From now on this name means this item (for this customer); an older meaning is replaced."""
    await connection.execute(
        """
        INSERT INTO item_names (item_id, scheme, customer_id, value) VALUES (%s, %s, %s, %s)
        ON CONFLICT (scheme, value, customer_id) DO UPDATE SET item_id = excluded.item_id
        """,
        (item_id, name.scheme.value, customer_id, name.value),
    )


async def makers(connection: Connection, item_ids: Collection[int]) -> dict[int, set[int]]:
    """At which sites items are made, by item."""
    cursor = await connection.execute(
        "SELECT DISTINCT item_id, site_id FROM routing_steps WHERE item_id = ANY(%s)",
        (sorted(item_ids),),
    )
    found: dict[int, set[int]] = {}
    for item_id, site_id in await cursor.fetchall():
        found.setdefault(item_id, set()).add(site_id)
    return found


def _customer(row: Sequence[object]) -> NamedCustomer:
    return msgspec.convert(
        dict(zip(NamedCustomer.__struct_fields__, row, strict=True)), NamedCustomer
    )


def _item(row: Sequence[object]) -> NamedItem:
    return msgspec.convert(dict(zip(NamedItem.__struct_fields__, row, strict=True)), NamedItem)
