"""Who is told of a customer's dates, as rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.alarms.recipients import Language
from domain.alarms.rotas import Hours
from domain.customer_notices.contacts import Counted, Way, Wishes
from domain.customer_notices.dates import Basis
from store.database import Connection
from store.errors import ConflictError, NotFoundError


class ContactRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told, or was, or has not confirmed yet."""

    id: int
    contact_id: UUID
    customer_id: int
    customer: str
    customer_name: str
    order_id: int | None
    order: str | None
    site: str | None
    """Which handles that order."""
    line: int | None
    name: str
    channel: str
    address: str
    language: str
    tolerance_minutes: int
    counted: str
    quiet: list[dict[str, Any]]
    time_zone: str
    basis: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    unsubscribed_at: datetime | None
    created_at: datetime
    created_by: str
    version: int

    @property
    def way(self) -> Way:
        """How they are reached."""
        return Way(self.channel)

    @property
    def wishes(self) -> Wishes:
        """How they want to be told."""
        return Wishes(
            language=Language(self.language),
            tolerance_minutes=self.tolerance_minutes,
            counted=Counted(self.counted),
            quiet=msgspec.convert(tuple(self.quiet), tuple[Hours, ...]),
            time_zone=self.time_zone,
        )

    @property
    def told(self) -> bool:
        """Whether they are told of dates."""
        return self.confirmed_at is not None and self.unsubscribed_at is None


class OrderOf(msgspec.Struct, frozen=True, kw_only=True):
    """An order that somebody may be told of, and whose it is."""

    id: int
    customer_id: int
    customer_name: str
    site: str


class NewContact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is to be told.

    Attributes:
        confirmed_by: who vouches for the address; None: it has to be confirmed.
    """

    customer_id: int
    order_id: int | None = None
    line: int | None = None
    name: str
    way: Way
    address: str
    wishes: Wishes
    basis: Basis
    confirmed_by: str | None
    created_by: str


_ROWS: Final = sql.SQL(
    """
    SELECT c.id, c.contact_id, c.customer_id, u.code AS customer, u.name AS customer_name,
           c.order_id, o.number AS "order", s.code AS site, c.line_number AS line, c.name,
           c.channel, c.address, c.language, c.tolerance_minutes, c.counted, c.quiet,
           c.time_zone, c.basis, c.confirmed_at, c.confirmed_by, c.unsubscribed_at,
           c.created_at, c.created_by, c.version
    FROM customer_contacts c
    JOIN customers u ON u.id = c.customer_id LEFT JOIN orders o ON o.id = c.order_id
    LEFT JOIN sites s ON s.id = o.site_id
    """
)


async def order_of(connection: Connection, order: int | str) -> OrderOf | None:
    """An order by its id or its number."""
    cursor = connection.cursor(row_factory=class_row(OrderOf))
    await cursor.execute(
        sql.SQL(
            """
            SELECT o.id, o.customer_id, c.name AS customer_name, s.code AS site
            FROM orders o JOIN customers c ON c.id = o.customer_id
            JOIN sites s ON s.id = o.site_id WHERE {} = %s
            """
        ).format(sql.SQL("o.id" if isinstance(order, int) else "o.number")),
        (order,),
    )
    return await cursor.fetchone()


async def of_customer(connection: Connection, customer_id: int) -> list[ContactRow]:
    """Everybody who is, was or may be told of a customer's dates; also within `as_customer`."""
    return await _read(connection, sql.SQL("c.customer_id = %s"), customer_id)


async def of_ids(connection: Connection, ids: Collection[int]) -> dict[int, ContactRow]:
    """Contacts by their rows' ids."""
    found = await _read(connection, sql.SQL("c.id = ANY(%s)"), list(ids))
    return {each.id: each for each in found}


async def known(
    connection: Connection, contact_id: UUID, *, customer_id: int | None = None
) -> ContactRow:
    """A contact, of a customer if one is named.

    Raises:
        NotFoundError: there is none.
    """
    found = await find(connection, contact_id)
    if found is None or (customer_id is not None and found.customer_id != customer_id):
        raise NotFoundError("contact", str(contact_id))
    return found


async def find(connection: Connection, contact_id: UUID) -> ContactRow | None:
    """A contact by the id that links are signed for."""
    found = await _read(connection, sql.SQL("c.contact_id = %s"), contact_id)
    return found[0] if found else None


async def same(connection: Connection, new: NewContact) -> ContactRow | None:
    """The contact that there is of the same address for the same orders."""
    found = await _read(
        connection,
        sql.SQL(
            """
            c.customer_id = %s AND c.order_id IS NOT DISTINCT FROM %s
            AND c.line_number IS NOT DISTINCT FROM %s AND c.channel = %s AND c.address = %s
            """
        ),
        new.customer_id,
        new.order_id,
        new.line,
        new.way.value,
        new.address,
    )
    return found[0] if found else None


async def add(connection: Connection, new: NewContact) -> ContactRow:
    """Somebody more who is told.

    Raises:
        ConflictError: that address is told of these orders already.
    """
    wishes = new.wishes
    try:
        async with connection.transaction():
            cursor = await connection.execute(
                """
                INSERT INTO customer_contacts
                    (customer_id, order_id, line_number, name, channel, address, language,
                     tolerance_minutes, counted, quiet, time_zone, basis, confirmed_at,
                     confirmed_by, created_by)
                VALUES (%(customer)s, %(order)s, %(line)s, %(name)s, %(channel)s, %(address)s,
                        %(language)s, %(tolerance)s, %(counted)s, %(quiet)s, %(zone)s, %(basis)s,
                        CASE WHEN %(confirmed_by)s::text IS NOT NULL THEN now() END,
                        %(confirmed_by)s, %(created_by)s)
                RETURNING contact_id
                """,
                {
                    "customer": new.customer_id,
                    "order": new.order_id,
                    "line": new.line,
                    "name": new.name,
                    "channel": new.way.value,
                    "address": new.address,
                    "basis": new.basis.value,
                    "confirmed_by": new.confirmed_by,
                    "created_by": new.created_by,
                    **_wished(wishes),
                },
            )
    except UniqueViolation:
        raise ConflictError(
            f"there is a contact with the address {new.address!r} for the same orders already"
        ) from None
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    return await known(connection, row[0])


async def change(
    connection: Connection, contact: ContactRow, *, name: str, wishes: Wishes
) -> ContactRow:
    """How somebody is called and wants to be told.

    Raises:
        ConflictError: it was changed meanwhile.
    """
    cursor = await connection.execute(
        """
        UPDATE customer_contacts SET name = %(name)s, language = %(language)s,
            tolerance_minutes = %(tolerance)s, counted = %(counted)s, quiet = %(quiet)s,
            time_zone = %(zone)s, version = version + 1
        WHERE id = %(id)s AND version = %(version)s RETURNING contact_id
        """,
        {"id": contact.id, "version": contact.version, "name": name, **_wished(wishes)},
    )
    if await cursor.fetchone() is None:
        raise ConflictError(f"the contact {contact.name!r} was changed meanwhile; look again")
    return await known(connection, contact.contact_id)


async def confirm(connection: Connection, contact_id: UUID, *, by: str) -> bool:
    """The address is theirs; False: it was said before, or there is no such contact."""
    cursor = await connection.execute(
        """
        UPDATE customer_contacts SET confirmed_at = now(), confirmed_by = %s,
            unsubscribed_at = NULL, unsubscribed_by = NULL, version = version + 1
        WHERE contact_id = %s AND (confirmed_at IS NULL OR unsubscribed_at IS NOT NULL)
        RETURNING id
        """,
        (by, contact_id),
    )
    return await cursor.fetchone() is not None


async def unsubscribe(connection: Connection, contact_id: UUID, *, by: str) -> bool:
    """They are told no more, and what waits for them is not sent; False: they had left."""
    cursor = await connection.execute(
        """
        UPDATE customer_contacts SET unsubscribed_at = now(), unsubscribed_by = %s,
            version = version + 1
        WHERE contact_id = %s AND unsubscribed_at IS NULL RETURNING id
        """,
        (by, contact_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    await _forget(connection, row[0], reason="unsubscribed")
    return True


async def remove(connection: Connection, contact: ContactRow) -> None:
    """Forget somebody: their address too, wherever they were written to."""
    await _forget(connection, contact.id, reason="the contact was removed")
    await connection.execute(
        "UPDATE customer_notices SET address = '', recipient = '' WHERE contact_id = %s",
        (contact.id,),
    )
    await connection.execute("DELETE FROM customer_contacts WHERE id = %s", (contact.id,))


async def _forget(connection: Connection, id_: int, *, reason: str) -> None:
    await connection.execute(
        "UPDATE customer_notices SET state = 'withdrawn', note = %s"
        " WHERE contact_id = %s AND state = 'waiting'",
        (reason, id_),
    )
    # Whoever comes back begins with the date as it is then.
    await connection.execute("DELETE FROM customer_dates WHERE contact_id = %s", (id_,))


def _wished(wishes: Wishes) -> dict[str, Any]:
    return {
        "language": wishes.language.value,
        "tolerance": wishes.tolerance_minutes,
        "counted": wishes.counted.value,
        "quiet": Jsonb(msgspec.to_builtins(wishes.quiet)),
        "zone": wishes.time_zone,
    }


async def _read(
    connection: Connection, condition: sql.Composable, *values: object
) -> list[ContactRow]:
    cursor = connection.cursor(row_factory=class_row(ContactRow))
    await cursor.execute(
        sql.SQL("{} WHERE {} ORDER BY c.order_id NULLS FIRST, c.name, c.id").format(
            _ROWS, condition
        ),
        values,
    )
    return await cursor.fetchall()
