"""What was held for an inquiry becomes the order's: it is never free in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from api.auth.principal import Principal
from domain.inventory.books import Key
from domain.inventory.words import ReservationOrigin, ReservationState
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.inventory import reservations
from store.inventory.reservations import ReservationRow
from store.inventory.stock import Stock
from store.orders import LineRow

_OWN = (ReservationOrigin.REQUEST, ReservationOrigin.PROMISE)


async def claim(
    connection: Connection,
    principal: Principal,
    ids: Sequence[int],
    *,
    site: str,
    customer: str,
    lines: Sequence[LineRow],
    now: datetime,
) -> None:
    """Make reservations those of an order's lines; they do not expire any more.

    The date of a promise that was held is what the line was promised, unless it is wanted later.

    Args:
        connection: within the transaction in which the order was stored.
        principal: who asks.
        ids: the reservations.
        site: the order's, where its lines are just now.
        customer: whose order it is.
        lines: the order's lines.
        now: the moment.

    Raises:
        NotFoundError: there is no such reservation for them.
        ConflictError: it is not held any more, or is somebody else's.
        UnknownReferenceError: the order asks for less of the item, or for none of it, there.
    """
    seen = [await _seen(connection, principal, each) for each in dict.fromkeys(ids)]
    # Whoever consumes, releases or lets one expire holds its item's lock.
    stock = await Stock.lock(
        connection, {Key(row.item_id, row.site_id) for row in seen}, now=now, lots=False
    )
    left = {line.id: line.quantity for line in lines}
    for row in await reservations.by_ids(connection, [row.id for row in seen]):
        _check(row, customer)
        line = _line_for(row, lines, left, site)
        left[line.id] -= row.open_quantity
        await reservations.assign(connection, row.id, line_id=line.id)
    await stock.save()


async def _seen(
    connection: Connection, principal: Principal, reservation_id: int
) -> ReservationRow:
    row = await reservations.find(connection, reservation_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("reservation", str(reservation_id))
    return row


def _check(row: ReservationRow, customer: str) -> None:
    if row.state is not ReservationState.OPEN:
        raise ConflictError(
            f"reservation {row.id} is {row.state} already: ask for the date again",
            code="reservation-closed",
            params={"reservation": row.id, "state": row.state.value},
        )
    if row.origin not in _OWN or row.order is not None or row.customer not in (None, customer):
        raise ConflictError(
            f"reservation {row.id} is held for {row.order or row.work_order or row.customer!r}",
            code="reservation-of-another",
            params={"reservation": row.id, "of": row.order or row.work_order or row.customer or ""},
        )


def _line_for(
    row: ReservationRow, lines: Sequence[LineRow], left: dict[int, Decimal], site: str
) -> LineRow:
    """The first line that asks for as much of the item, at the site where it is held."""
    for line in lines:
        fits = left[line.id] >= row.open_quantity
        if line.item_id == row.item_id and site == row.site and fits:
            return line
    problem = (
        f"it holds {row.open_quantity.normalize():f} of {row.item!r} at {row.site!r}, and no line"
        " asks for as much there"
    )
    raise UnknownReferenceError(
        "reservations",
        str(row.id),
        problem,
        code="reservation-beyond",
        params={
            "quantity": f"{row.open_quantity.normalize():f}",
            "item": row.item,
            "site": row.site,
        },
    )
