"""Reservations: names looked up, one transaction with audit entry and event."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from api.auth.principal import Principal
from api.context import CLAIM, Context
from api.errors import FieldProblem, ProblemError
from api.fields import exact_number
from api.reservations.schemas import NewReservation, Reservation
from api.stock.service import digest_of, item_of, line_ids, now_of, quantity_of, site_of
from api.work_orders.service import order_event
from domain.inventory.books import Key
from domain.inventory.words import ReservationOrigin, ReservationState
from store import audit, catalogue
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.inventory import at_once, reservations
from store.inventory.reservations import NotAvailableError, ReservationRow
from store.inventory.stock import NewReservation as Want
from store.inventory.stock import Stock

VERSION = "Gemba-Stock-Version"
"""Header: the item's version that an answer was judged by, for whoever replays what happened."""

_OWN = (ReservationOrigin.REQUEST, ReservationOrigin.PROMISE)


def not_available(error: NotAvailableError, *, field: str = "quantity") -> ProblemError:
    """There is not that much, as a problem."""
    return ProblemError(
        HTTPStatus.CONFLICT,
        "not-available",
        str(error),
        headers={VERSION: str(error.version)},
        errors=[
            FieldProblem(
                field=field,
                value=exact_number(error.wanted),
                problem=f"{exact_number(error.available)} can be promised",
                code=error.code,
                params=dict(error.params),
            )
        ],
        params=error.params,
    )


async def reserve(
    context: Context, principal: Principal, wanted: NewReservation
) -> tuple[Reservation, bool]:
    """Reserve; answers the reservation, and whether it is new.

    Raises:
        UnknownReferenceError: it names something that does not exist.
        ConflictError: its reference belongs to another one.
        ProblemError: there is not that much (`not-available`).
    """
    digest = digest_of(wanted)
    if wanted.order is None and (found := await _at_once(context, principal, wanted, digest)):
        return shown(found), True
    for attempt in (1, 2):
        try:
            async with context.transaction() as connection:
                reservation_id, created = await _reserve(
                    context, principal, connection, wanted, digest
                )
            break
        except NotAvailableError as error:
            raise not_available(error) from error
        except ConflictError:
            # Somebody has stored this reference just now: it is there when we look again.
            if wanted.reference is None or attempt > 1:
                raise
    # Read when nobody waits for the item any more.
    async with context.connection() as connection:
        (row,) = await reservations.by_ids(connection, [reservation_id])
    return shown(row), created


async def _at_once(
    context: Context, principal: Principal, wanted: NewReservation, digest: bytes
) -> ReservationRow | None:
    """Reserve in one statement, where that is possible."""
    if not principal.sees(wanted.site):
        return None
    now = now_of(context)
    want = at_once.Wanted(
        **wanted.model_dump(exclude={"order", "line", "need_at"}),
        need_at=wanted.need_at or now,
        digest=digest,
        told=wanted.model_dump(mode="json", exclude_none=True),
    )
    # One statement is a transaction by itself; a key that is claimed is noted in the same one.
    unit = context.connection if CLAIM.get() is None else context.transaction
    async with unit() as connection:
        return await at_once.reserve(connection, want, actor=principal.actor, now=now)


async def _reserve(
    context: Context,
    principal: Principal,
    connection: Connection,
    wanted: NewReservation,
    digest: bytes,
) -> tuple[int, bool]:
    """Reserve; answers the id, and whether it is new.

    Everything is looked up before the item is locked, so that it is not held long.
    """
    site = await site_of(connection, principal, wanted.site)
    item = await item_of(connection, wanted.item, field="")
    quantity = quantity_of(item, wanted.quantity, wanted.unit, field="")
    if wanted.reference is not None:
        known = await reservations.by_reference(connection, site.id, wanted.reference, digest)
        if known is not None:
            return known.id, False
    line_id = None
    if wanted.order is not None:
        found = await line_ids(
            connection,
            order=wanted.order,
            line=wanted.line,
            item_id=item.id,
            principal=principal,
            field="",
        )
        line_id = found[0]
    customer_id = None
    if wanted.customer is not None:
        customer_id = (await catalogue.known_customer(connection, wanted.customer)).id
    key = Key(item.id, site.id)
    stock = await Stock.lock(connection, [key], now=now_of(context), lots=False)
    want = Want(
        key=key,
        quantity=quantity,
        kind=wanted.kind,
        need_at=wanted.need_at or stock.now,
        created_by=principal.actor.name,
        expires_at=wanted.expires_at,
        order_line_id=line_id,
        customer_id=customer_id,
        reference=wanted.reference,
        digest=digest,
        note=wanted.note,
    )
    (reservation_id,) = await reservations.reserve(stock, [want])
    await _tell(
        context,
        connection,
        principal,
        "StockReserved",
        site_id=site.id,
        reservation_id=reservation_id,
        line_id=line_id,
        after={
            "reservation": reservation_id,
            **wanted.model_dump(mode="json", exclude_none=True),
        },
    )
    return reservation_id, True


async def release(context: Context, principal: Principal, reservation_id: int) -> None:
    """Give a reservation up.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is not open, or follows a work order.
    """
    async with context.transaction() as connection:
        seen = await _seen(connection, principal, reservation_id)
        stock, row = await reservations.lock_one(
            connection, reservation_id, now=now_of(context), seen=seen
        )
        if row.state is not ReservationState.OPEN:
            raise ConflictError(
                f"reservation {row.id} is {row.state} already",
                code="reservation-closed",
                params={"reservation": row.id, "state": row.state.value},
            )
        if row.origin not in _OWN:
            raise ConflictError(
                f"reservation {row.id} follows the work order {row.work_order!r}: change that",
                code="reservation-follows",
                params={"work_order": row.work_order or ""},
            )
        await reservations.release(stock, [row])
        await stock.save()
        await tell(context, connection, principal, row, "ReservationReleased")


async def harden(context: Context, principal: Principal, reservation_id: int) -> Reservation:
    """Take a soft reservation out of what lies there.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is not open, or hard already, or follows a work order.
        ProblemError: not enough of it is free (`not-available`).
    """
    try:
        async with context.transaction() as connection:
            seen = await _seen(connection, principal, reservation_id)
            stock, row = await reservations.lock_one(
                connection, reservation_id, now=now_of(context), seen=seen
            )
            if row.origin not in _OWN:
                raise ConflictError(
                    f"reservation {row.id} follows the work order {row.work_order!r}: change that",
                    code="reservation-follows",
                    params={"work_order": row.work_order or ""},
                )
            await reservations.harden(stock, row)
            (row,) = await reservations.by_ids(connection, [reservation_id])
            await tell(context, connection, principal, row, "StockReserved")
    except NotAvailableError as error:
        raise not_available(error) from error
    return shown(row)


async def _seen(
    connection: Connection, principal: Principal, reservation_id: int
) -> ReservationRow:
    row = await reservations.find(connection, reservation_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("reservation", str(reservation_id))
    return row


async def tell(
    context: Context,
    connection: Connection,
    principal: Principal,
    row: ReservationRow,
    action: str,
) -> None:
    """Write the audit entry, and the event where an order is concerned; last in a transaction."""
    await _tell(
        context,
        connection,
        principal,
        action,
        site_id=row.site_id,
        reservation_id=row.id,
        line_id=row.order_line_id,
        after={
            "reservation": row.id,
            "item": row.item,
            "quantity": exact_number(row.quantity),
            "kind": row.kind,
            "line": row.line,
            "need_at": row.need_at,
            "expires_at": row.expires_at,
            "reference": row.reference,
        },
    )


async def _tell(
    context: Context,
    connection: Connection,
    principal: Principal,
    action: str,
    *,
    site_id: int,
    reservation_id: int,
    line_id: int | None,
    after: dict[str, object],
) -> None:
    order = None
    if line_id is not None:
        cursor = await connection.execute(
            "SELECT o.id, o.version, s.code FROM order_lines l JOIN orders o ON o.id = l.order_id"
            " JOIN sites s ON s.id = o.site_id WHERE l.id = %s",
            (line_id,),
        )
        order = await cursor.fetchone()
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        site_id=site_id,
        order_id=order[0] if order else None,
        object_kind="reservation",
        object_key=str(reservation_id),
        after=after,
    )
    if order is not None:
        record = order_event(context, action, site=order[2], order_id=order[0], version=order[1])
        await context.log.append_in(connection, [record])


def shown(row: ReservationRow) -> Reservation:
    """A reservation as the API shows it."""
    return Reservation.model_validate(msgspec.structs.asdict(row))
