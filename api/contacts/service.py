"""Putting contacts in and out, each change with its entry in the audit log."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from api.auth.principal import Principal
from api.contacts import schemas
from api.contacts.schemas import Contact
from api.context import Context
from domain.alarms.recipients import Language
from domain.alarms.rotas import Hours
from domain.customer_notices.contacts import Counted, Way, Wishes, checked_address, masked
from store import audit
from store.audit import Actor
from store.customer_notices import contacts, telling
from store.customer_notices.contacts import ContactRow, NewContact
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError

MOST_OF_AN_ORDER: Final = 50
"""So many contacts an order has at most that were put in by links to it."""


def shown(row: ContactRow) -> Contact:
    """A contact as answers have it."""
    state = "left" if row.unsubscribed_at else "told" if row.confirmed_at else "asked"
    fields = msgspec.structs.asdict(row)
    return Contact.model_validate({**fields, "id": row.contact_id, "state": state})


def wishes_of(wanted: schemas.Wishes) -> Wishes:
    """What a request wishes for."""
    return Wishes(
        language=Language(wanted.language),
        tolerance_minutes=wanted.tolerance_minutes,
        counted=Counted(wanted.counted),
        quiet=tuple(
            Hours(from_=each.from_, until=each.until, weekdays=tuple(each.weekdays))
            for each in wanted.quiet
        ),
        time_zone=wanted.time_zone,
    )


def address_in(way: Way, address: str) -> str:
    """An address as it is kept.

    Raises:
        UnknownReferenceError: it is none.
    """
    try:
        return checked_address(way, address)
    except ValueError as error:
        raise UnknownReferenceError("address", address, str(error)) from None


async def order_of(
    connection: Connection, principal: Principal, customer_id: int, number: str | None
) -> int | None:
    """The id of a customer's order, if whoever asks may know of it.

    Raises:
        UnknownReferenceError: there is none of theirs.
    """
    if number is None:
        return None
    row = await contacts.order_of(connection, number)
    if row is None or row.customer_id != customer_id or not principal.sees(row.site):
        raise UnknownReferenceError("order", number, "the customer has no such order")
    return row.id


async def put_in(
    connection: Connection, context: Context, new: NewContact, *, actor: Actor
) -> ContactRow:
    """Somebody more who is told, or is asked whether they want to be.

    Whoever left, or has not confirmed, is asked again; what they wish for now counts.

    Raises:
        ConflictError: that address is told of these orders already.
    """
    known = await contacts.same(connection, new)
    if known is not None and known.told:
        raise ConflictError(
            f"there is a contact with the address {new.address!r} for the same orders already"
        )
    if known is None:
        row = await contacts.add(connection, new)
    else:
        row = await contacts.change(connection, known, name=new.name, wishes=new.wishes)
        if new.confirmed_by is not None:
            await contacts.confirm(connection, row.contact_id, by=new.confirmed_by)
            row = await contacts.known(connection, row.contact_id)
    await write(connection, row, "ContactPut", actor, after=_told(row))
    if new.confirmed_by is None:
        await telling.ask(connection, row, now_ms=context.clock.now_ms())
    return row


def may_see(principal: Principal, row: ContactRow) -> bool:
    """Whether somebody may know of a contact: of all orders, or of an order of their sites."""
    return row.site is None or principal.sees(row.site)


async def _seen(
    connection: Connection, principal: Principal, contact_id: UUID, customer_id: int | None
) -> ContactRow:
    row = await contacts.known(connection, contact_id, customer_id=customer_id)
    if not may_see(principal, row):
        raise NotFoundError("contact", str(contact_id))
    return row


async def change(
    connection: Connection,
    contact_id: UUID,
    wanted: schemas.ContactChange,
    *,
    principal: Principal,
    customer_id: int | None = None,
) -> ContactRow:
    """What somebody wishes for.

    Raises:
        NotFoundError: there is no such contact (of that customer).
        ConflictError: it was changed meanwhile.
    """
    row = await _seen(connection, principal, contact_id, customer_id)
    if row.version != wanted.version:
        raise ConflictError(
            f"the contact {row.name!r} is at version {row.version}, not {wanted.version}: it was"
            " changed meanwhile; look again"
        )
    changed = await contacts.change(connection, row, name=wanted.name, wishes=wishes_of(wanted))
    await write(
        connection,
        changed,
        "ContactChanged",
        principal.actor,
        before=_told(row),
        after=_told(changed),
    )
    return changed


async def take_out(
    connection: Connection,
    contact_id: UUID,
    *,
    principal: Principal,
    customer_id: int | None = None,
) -> None:
    """Forget somebody, with their address.

    Raises:
        NotFoundError: there is no such contact (of that customer).
    """
    row = await _seen(connection, principal, contact_id, customer_id)
    await contacts.remove(connection, row)
    await write(connection, row, "ContactRemoved", principal.actor, before=_told(row))


async def has_room(connection: Connection, order_id: int) -> bool:
    """Whether one more may be told of an order by a link to it."""
    cursor = await connection.execute(
        "SELECT count(*) FROM customer_contacts WHERE order_id = %s", (order_id,)
    )
    row = await cursor.fetchone()
    return row is not None and row[0] < MOST_OF_AN_ORDER


async def write(
    connection: Connection,
    row: ContactRow,
    action: str,
    actor: Actor,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """An entry of the audit log; it holds no address, since it is kept for good."""
    await audit.write(
        connection,
        actor=actor,
        action=action,
        order_id=row.order_id,
        object_kind="contact",
        object_key=f"{row.customer} {row.contact_id}",
        before=before,
        after=after,
    )


def _told(row: ContactRow) -> dict[str, Any]:
    return {
        "customer": row.customer,
        "order": row.order,
        "channel": row.channel,
        "address": masked(row.way, row.address),
        "language": row.language,
        "tolerance_minutes": row.tolerance_minutes,
        "counted": row.counted,
        "quiet": row.quiet,
        "time_zone": row.time_zone,
        "told": row.told,
    }
