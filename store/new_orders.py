"""Storing new orders with their lines and partners, many in one statement."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec
from psycopg.rows import class_row

from domain.documents import Party
from domain.orders import LineState
from store.database import Connection
from store.intake.register import jsonb


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order to be stored; without `number` one is drawn.

    `source_version`, `channel_id`, `currency`, `document_date` and `notes` come with documents.
    """

    site_id: int
    customer_id: int
    number: str | None
    external_source: str | None
    external_id: str | None
    customer_reference: str | None
    priority: int
    intake_digest: bytes
    source_version: int | None = None
    channel_id: int | None = None
    currency: str | None = None
    document_date: date | None = None
    notes: tuple[str, ...] = ()


class NewLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be stored; what a document told beside quantity and date comes last."""

    number: int
    item_id: int
    quantity: Decimal
    unit: str
    due_at: datetime | None
    source_position: str | None = None
    description: str | None = None
    price: Decimal | None = None
    price_basis: Decimal = Decimal(1)
    unit_as_told: str | None = None
    quantity_as_told: Decimal | None = None


class Inserted(msgspec.Struct, frozen=True):
    """A new order's id and number."""

    id: int
    number: str


class Clash(enum.Enum):
    """Why an order was not inserted."""

    EXTERNAL_ID = "external_id"
    """Its external id belongs to an order that is there."""
    NUMBER = "number"
    """So does its number."""


Insertion: TypeAlias = Inserted | Clash


async def insert(connection: Connection, new: NewOrder) -> Insertion:
    """Store an order.

    Somebody else's intake of the same order that is still under way is waited for.
    """
    (insertion,) = await insert_many(connection, [new])
    return insertion


async def insert_many(connection: Connection, new: Sequence[NewOrder]) -> list[Insertion]:
    """Store orders, in one statement; answers what became of each.

    They are inserted in the order of their external ids, so that two who insert the same ones wait
    for each other instead of standing in each other's way.
    """
    outcomes: dict[int, Insertion] = {}
    missing = sorted(
        range(len(new)), key=lambda i: (new[i].external_source or "", new[i].external_id or "", i)
    )
    while missing:
        numbers = await _numbers(connection, [new[place] for place in missing])
        placed = dict(zip(missing, numbers, strict=True))
        ids = await _insert(connection, [(new[place], placed[place]) for place in missing])
        for place in missing:
            if (order_id := ids.pop(placed[place], None)) is not None:
                outcomes[place] = Inserted(order_id, placed[place])
        missing = [place for place in missing if place not in outcomes]
        known = await _known_externals(connection, [new[place] for place in missing])
        for place in missing:
            if (new[place].external_source, new[place].external_id) in known:
                outcomes[place] = Clash.EXTERNAL_ID
            elif new[place].number is not None:
                outcomes[place] = Clash.NUMBER
        # What is left: somebody gave an order the drawn number by hand.
        missing = [place for place in missing if place not in outcomes]
    return [outcomes[place] for place in range(len(new))]


async def insert_lines(
    connection: Connection, new: Sequence[tuple[int, Sequence[NewLine]]], state: LineState
) -> None:
    """Store lines of orders (by their ids), in one statement."""
    given = [
        {**msgspec.structs.asdict(line), "order_id": order_id}
        for order_id, lines in new
        for line in lines
    ]
    await connection.execute(
        """
        INSERT INTO order_lines
            (order_id, number, item_id, quantity, unit, due_at, state, source_position, description,
             price, price_basis, unit_as_told, quantity_as_told)
        SELECT order_id, number, item_id, quantity, unit, due_at, %s, source_position, description,
               price, price_basis, unit_as_told, quantity_as_told
        FROM jsonb_to_recordset(%s) AS g (
            order_id bigint, number integer, item_id integer, quantity numeric, unit text,
            due_at timestamptz, source_position text, description text, price numeric,
            price_basis numeric, unit_as_told text, quantity_as_told numeric)
        """,
        (state.value, jsonb(given)),
    )


async def put_parties(connection: Connection, order_id: int, parties: Sequence[Party]) -> None:
    """Store who the partners of an order are, instead of what was there."""
    await connection.execute("DELETE FROM order_parties WHERE order_id = %s", (order_id,))
    await add_parties(connection, [(order_id, parties)])


async def add_parties(connection: Connection, new: Sequence[tuple[int, Sequence[Party]]]) -> None:
    """Store who the partners of new orders are (by the orders' ids)."""
    given = [
        {**msgspec.structs.asdict(party), "order_id": order_id, "place": place}
        for order_id, named in new
        for place, party in enumerate(named)
    ]
    if not given:
        return
    await connection.execute(
        """
        INSERT INTO order_parties
            (order_id, place, role, role_code, names, name, street, city, region, postal_code,
             country, phone)
        SELECT order_id, place, role, role_code, names, name,
               ARRAY(SELECT jsonb_array_elements_text(street)), city, region, postal_code,
               country, phone
        FROM jsonb_to_recordset(%s) AS g (
            order_id bigint, place integer, role text, role_code text, names jsonb, name text,
            street jsonb, city text, region text, postal_code text, country text, phone text)
        """,
        (jsonb(given),),
    )


class PartyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A partner of an order, as its newest document has it."""

    order_id: int
    role: str
    role_code: str
    names: list[dict[str, str]]
    name: str | None
    street: list[str]
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    phone: str | None


async def parties(connection: Connection, order_ids: Sequence[int]) -> dict[int, list[PartyRow]]:
    """The partners of orders, by order, as the documents name them one after the other."""
    cursor = connection.cursor(row_factory=class_row(PartyRow))
    await cursor.execute(
        """
        SELECT order_id, role, role_code, names, name, street, city, region, postal_code, country,
               phone
        FROM order_parties WHERE order_id = ANY(%s) ORDER BY order_id, place
        """,
        (list(order_ids),),
    )
    found: dict[int, list[PartyRow]] = {order_id: [] for order_id in order_ids}
    for row in await cursor.fetchall():
        found[row.order_id].append(row)
    return found


async def _numbers(connection: Connection, new: Sequence[NewOrder]) -> list[str]:
    """Each order's number, drawn where it has none."""
    wanted = sum(order.number is None for order in new)
    drawn: list[int] = []
    if wanted:
        cursor = await connection.execute(
            "SELECT nextval('order_numbers') FROM generate_series(1, %s)", (wanted,)
        )
        drawn = [row[0] for row in await cursor.fetchall()]
    rest = iter(drawn)
    return [order.number or f"SO-{next(rest):06d}" for order in new]


async def _insert(
    connection: Connection, numbered: Sequence[tuple[NewOrder, str]]
) -> dict[str, int]:
    """The ids of the orders that could be inserted, by number."""
    given = [
        {
            **msgspec.structs.asdict(order),
            "number": number,
            "intake_digest": order.intake_digest.hex(),
        }
        for order, number in numbered
    ]
    cursor = await connection.execute(
        """
        INSERT INTO orders
            (site_id, customer_id, number, external_source, external_id, customer_reference,
             priority, intake_digest, source_version, channel_id, currency, document_date, notes)
        SELECT site_id, customer_id, number, external_source, external_id, customer_reference,
               priority, decode(intake_digest, 'hex'), source_version, channel_id, currency,
               document_date, ARRAY(SELECT jsonb_array_elements_text(notes))
        FROM jsonb_to_recordset(%s) AS g (
            site_id integer, customer_id integer, number text, external_source text,
            external_id text, customer_reference text, priority integer, intake_digest text,
            source_version bigint, channel_id integer, currency text, document_date date,
            notes jsonb)
        ON CONFLICT DO NOTHING RETURNING number, id
        """,
        (jsonb(given),),
    )
    return dict(await cursor.fetchall())


async def _known_externals(
    connection: Connection, new: Sequence[NewOrder]
) -> set[tuple[str | None, str | None]]:
    """The external ids, among those of some orders, that are taken."""
    pairs = [order for order in new if order.external_source is not None]
    if not pairs:
        return set()
    cursor = await connection.execute(
        """
        SELECT o.external_source, o.external_id
        FROM unnest(%s::text[], %s::text[]) AS g (source, external_id)
        JOIN orders o ON o.external_source = g.source AND o.external_id = g.external_id
        """,
        (
            [order.external_source for order in pairs],
            [order.external_id for order in pairs],
        ),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}
