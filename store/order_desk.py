"""What the order desk does to orders: many locked at once, lines held, items assigned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import class_row

from domain.documents import Name, NameScheme
from domain.orders import LineState
from store.database import Connection
from store.filters import Filters
from store.orders import ORDER_COLUMNS, ORDER_TABLES, OrderRow

BEFORE_RELEASE: Final = ("received", "under_review", "confirmed")
_OPEN_TO_DESK: Final = (*BEFORE_RELEASE, "on_hold")


class DeskLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as the order desk changes it. `held_from` is where it goes on after a hold."""

    id: int
    order_id: int
    number: int
    item_id: int
    item: str
    item_known: bool
    quantity: Decimal
    unit: str
    unit_as_told: str | None
    quantity_as_told: Decimal | None
    source_position: str | None
    stored_state: str
    stored_held_from: str | None

    @property
    def state(self) -> LineState:
        """Where the line stands."""
        return LineState(self.stored_state)

    @property
    def held_from(self) -> LineState | None:
        """Where it was held, if it is on hold."""
        return LineState(self.stored_held_from) if self.stored_held_from else None


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders review should look at again; None: whichever."""

    site: str | None = None
    code: str | None = None
    item_ids: tuple[int, ...] | None = None
    customer_ids: tuple[int, ...] | None = None
    numbers: tuple[str, ...] | None = None


async def lock_orders(connection: Connection, numbers: Sequence[str]) -> dict[str, OrderRow]:
    """Orders by number, their rows locked in order of id; numbers that nobody has are left out."""
    cursor = connection.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(
        ORDER_COLUMNS
        + ORDER_TABLES
        + sql.SQL(" WHERE o.number = ANY(%s) ORDER BY o.id FOR UPDATE OF o"),
        (list(numbers),),
    )
    return {row.number: row for row in await cursor.fetchall()}


async def lines(connection: Connection, order_ids: Collection[int]) -> dict[int, list[DeskLine]]:
    """The lines of orders by order and number, locked."""
    cursor = connection.cursor(row_factory=class_row(DeskLine))
    await cursor.execute(
        """
        SELECT l.id, l.order_id, l.number, l.item_id, i.code AS item,
               NOT i.provisional AS item_known, l.quantity, l.unit, l.unit_as_told,
               l.quantity_as_told, l.source_position, l.state AS stored_state,
               l.held_from AS stored_held_from
        FROM order_lines l JOIN items i ON i.id = l.item_id
        WHERE l.order_id = ANY(%s) ORDER BY l.order_id, l.number FOR UPDATE OF l
        """,
        (list(order_ids),),
    )
    found: dict[int, list[DeskLine]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row.order_id].append(row)
    return found


async def hold(connection: Connection, line_ids: Sequence[int], reason: str) -> None:
    """Put lines on hold; where they stood is kept."""
    await connection.execute(
        """
        UPDATE order_lines SET held_from = state, hold_reason = %s, state = 'on_hold'
        WHERE id = ANY(%s)
        """,
        (reason, list(line_ids)),
    )


async def resume(connection: Connection, states: Mapping[int, LineState]) -> None:
    """Let lines go on in these states, by line id."""
    await connection.execute(
        """
        UPDATE order_lines l SET state = n.state, held_from = NULL, hold_reason = NULL
        FROM unnest(%s::bigint[], %s::text[]) AS n (id, state) WHERE l.id = n.id
        """,
        (list(states), [state.value for state in states.values()]),
    )


async def reject(connection: Connection, line_ids: Sequence[int], reason: str) -> None:
    """Cancel lines because the order desk refuses them."""
    await connection.execute(
        """
        UPDATE order_lines
        SET state = 'cancelled', rejected_reason = %s, held_from = NULL, hold_reason = NULL
        WHERE id = ANY(%s)
        """,
        (reason, list(line_ids)),
    )


async def touch_all(connection: Connection, order_ids: Sequence[int]) -> dict[int, int]:
    """Note that orders changed; answers their new versions by id."""
    cursor = await connection.execute(
        """
        UPDATE orders SET version = version + 1, changed_at = now() WHERE id = ANY(%s)
        RETURNING id, version
        """,
        (list(order_ids),),
    )
    return dict(await cursor.fetchall())


async def to_review(
    connection: Connection,
    chosen: Chosen,
    *,
    at_most: int,
    limited_to: Collection[str] = (),
) -> list[int]:
    """Orders that are not released, to be looked at again: their ids, oldest first."""
    filters = Filters()
    filters.add("o.state = ANY(%(states)s)", states=list(BEFORE_RELEASE))
    filters.add("s.code = %(site)s", site=chosen.site)
    filters.add(
        """EXISTS (SELECT FROM review_findings f WHERE f.order_id = o.id AND f.settled_at IS NULL
                   AND f.code = %(code)s)""",
        code=chosen.code,
    )
    filters.add(
        """EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id
                   AND l.item_id = ANY(%(items)s))""",
        items=None if chosen.item_ids is None else list(chosen.item_ids),
    )
    filters.add(
        "o.customer_id = ANY(%(customers)s)",
        customers=None if chosen.customer_ids is None else list(chosen.customer_ids),
    )
    filters.add(
        "o.number = ANY(%(numbers)s)",
        numbers=None if chosen.numbers is None else list(chosen.numbers),
    )
    filters.limit_to_sites(limited_to)
    cursor = await connection.execute(
        sql.SQL(
            """
            SELECT o.id FROM orders o JOIN sites s ON s.id = o.site_id {} ORDER BY o.id
            LIMIT %(at_most)s
            """
        ).format(filters.where),
        {**filters.parameters, "at_most": at_most},
    )
    return [row[0] for row in await cursor.fetchall()]


async def lock_by_id(connection: Connection, order_ids: Sequence[int]) -> None:
    """Lock orders in order of id."""
    await connection.execute(
        "SELECT FROM orders WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(order_ids),)
    )


# Naming what documents meant -------------------------------------------------------------------


async def lines_of_item(
    connection: Connection, item_id: int, *, customer_id: int, at_most: int
) -> list[int]:
    """The orders of a customer with lines of this item that the floor does not have: their ids."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT o.id FROM order_lines l JOIN orders o ON o.id = l.order_id
        WHERE l.item_id = %s AND o.customer_id = %s AND l.state = ANY(%s)
        ORDER BY o.id LIMIT %s
        """,
        (item_id, customer_id, list(_OPEN_TO_DESK), at_most),
    )
    return [row[0] for row in await cursor.fetchall()]


async def set_item(
    connection: Connection, line_id: int, *, item_id: int, quantity: Decimal, unit: str
) -> None:
    """Give a line another item, and its quantity in that item's unit.

    What was promised of another item is promised no more.
    """
    await connection.execute(
        """
        UPDATE order_lines
        SET promised_at = CASE WHEN item_id = %(item)s THEN promised_at END,
            item_id = %(item)s, quantity = %(quantity)s, unit = %(unit)s
        WHERE id = %(line)s
        """,
        {"item": item_id, "quantity": quantity, "unit": unit, "line": line_id},
    )


async def names_told(connection: Connection, order_id: int, position: str | None) -> list[Name]:
    """What the newest document that tells of a line calls its item."""
    if position is None:
        return []
    cursor = await connection.execute(
        """
        SELECT line->'names' FROM intake_documents d
        CROSS JOIN LATERAL jsonb_array_elements(d.document->'lines') AS line
        WHERE d.order_id = %s AND jsonb_typeof(d.document->'lines') = 'array'
          AND line->>'position' = %s AND jsonb_array_length(line->'names') > 0
        ORDER BY d.id DESC LIMIT 1
        """,
        (order_id, position),
    )
    row = await cursor.fetchone()
    return msgspec.convert(row[0], list[Name]) if row else []


async def remember(
    connection: Connection, item_id: int, names: Sequence[Name], *, customer_id: int
) -> None:
    """From now on these names mean this item: a GTIN for everybody, others for the customer."""
    for name in names:
        whose = None if name.scheme is NameScheme.GTIN else customer_id
        await connection.execute(
            """
            INSERT INTO item_names (item_id, scheme, customer_id, value) VALUES (%s, %s, %s, %s)
            ON CONFLICT (scheme, value, customer_id) DO UPDATE SET item_id = excluded.item_id
            """,
            (item_id, name.scheme.value, whose, name.value),
        )


async def take_over_customer(connection: Connection, known_id: int, provisional_id: int) -> None:
    """Everything that named a provisional customer names the known one."""
    await connection.execute(
        "UPDATE customer_names SET customer_id = %s WHERE customer_id = %s",
        (known_id, provisional_id),
    )
    await connection.execute(
        """
        UPDATE item_names n SET customer_id = %(known)s
        WHERE n.customer_id = %(old)s AND NOT EXISTS (
            SELECT FROM item_names m
            WHERE (m.scheme, m.value, m.customer_id) = (n.scheme, n.value, %(known)s))
        """,
        {"known": known_id, "old": provisional_id},
    )


async def set_customer(connection: Connection, order_ids: Sequence[int], customer_id: int) -> None:
    """Orders are another customer's."""
    await connection.execute(
        "UPDATE orders SET customer_id = %s WHERE id = ANY(%s)", (customer_id, list(order_ids))
    )


async def orders_of_customer(
    connection: Connection, customer_id: int, *, at_most: int
) -> list[int]:
    """A customer's orders, locked in order of id: their ids."""
    cursor = await connection.execute(
        "SELECT id FROM orders WHERE customer_id = %s ORDER BY id LIMIT %s FOR UPDATE",
        (customer_id, at_most),
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_provisional_item(connection: Connection, item_id: int) -> None:
    """Take a provisional item away that nothing refers to any more."""
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM items WHERE id = %s AND provisional", (item_id,))
    except ForeignKeyViolation:
        return  # somebody still means it


async def forget_provisional_customer(connection: Connection, customer_id: int) -> None:
    """Take a provisional customer away whom nothing refers to any more."""
    try:
        async with connection.transaction():
            await connection.execute(
                "DELETE FROM customers WHERE id = %s AND provisional", (customer_id,)
            )
    except ForeignKeyViolation:
        return  # somebody still means them


async def numbers(connection: Connection, order_ids: Sequence[int]) -> list[str]:
    """Orders' numbers in order of id."""
    cursor = await connection.execute(
        "SELECT number FROM orders WHERE id = ANY(%s) ORDER BY id", (list(order_ids),)
    )
    return [row[0] for row in await cursor.fetchall()]


async def confirm_rows(
    connection: Connection, line_ids: Sequence[int], order_ids: Sequence[int], *, now: datetime
) -> None:
    """Confirm lines, and keep when their orders were confirmed first."""
    await connection.execute(
        "UPDATE order_lines SET state = 'confirmed' WHERE id = ANY(%s)", (list(line_ids),)
    )
    await connection.execute(
        "UPDATE orders SET confirmed_at = coalesce(confirmed_at, %s) WHERE id = ANY(%s)",
        (now, list(order_ids)),
    )


async def set_site(connection: Connection, order_id: int, site_id: int) -> None:
    """Another site handles an order; lines that name a site of their own stay there."""
    await connection.execute("UPDATE orders SET site_id = %s WHERE id = %s", (site_id, order_id))
