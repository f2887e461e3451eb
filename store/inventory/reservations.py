"""Reservations: made under the lock of their item, never beyond what there is or will be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.inventory.available import (
    Balance,
    Change,
    available_at,
    first_date,
    held_until,
    project,
)
from domain.inventory.books import Key
from domain.inventory.words import (
    ReservationKind,
    ReservationOrigin,
    ReservationState,
    SupplyKind,
)
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Filters, Page
from store.inventory import supplies
from store.inventory.stock import NewReservation, Stock

_ZERO: Final = Decimal(0)


class NotAvailableError(ConflictError):
    """There is not that much to be promised.

    Attributes:
        key: which item at which site.
        wanted: how much was asked for.
        available: how much could be promised instead, by the same date.
        first_at: from when on all of it could be promised; None: not by anything known.
        version: the head's version that this was judged by.
    """

    def __init__(
        self,
        key: Key,
        *,
        wanted: Decimal,
        available: Decimal,
        first_at: datetime | None,
        version: int,
        kind: ReservationKind,
    ) -> None:
        later = (
            "no known supply brings the rest"
            if first_at is None
            else f"all of it is there on {first_at:%Y-%m-%d %H:%M} UTC"
        )
        what = "are free on hand" if kind is ReservationKind.HARD else "can be promised by then"
        super().__init__(
            f"{wanted.normalize():f} are wanted, {available.normalize():f} {what}; {later}",
            code="not-available",
            params={
                "wanted": f"{wanted.normalize():f}",
                "available": f"{available.normalize():f}",
                "first_at": "" if first_at is None else first_at.isoformat(),
                "kind": kind.value,
            },
        )
        self.key = key
        self.wanted = wanted
        self.available = available
        self.first_at = first_at
        self.version = version


class ReservationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation, with the names that belong to it."""

    id: int
    item_id: int
    item: str
    unit: str
    site_id: int
    site: str
    quantity: Decimal
    consumed: Decimal
    kind: ReservationKind
    state: ReservationState
    origin: ReservationOrigin
    need_at: datetime
    expires_at: datetime | None
    order_line_id: int | None
    order: str | None
    line: int | None
    work_order_id: int | None
    work_order: str | None
    customer: str | None
    reference: str | None
    digest: bytes | None
    note: str | None
    head_version: int
    created_at: datetime
    created_by: str
    closed_at: datetime | None

    @property
    def open_quantity(self) -> Decimal:
        """What of it is still held."""
        return self.quantity - self.consumed if self.state is ReservationState.OPEN else _ZERO


async def reserve(stock: Stock, wanted: Sequence[NewReservation]) -> list[int]:
    """Make reservations, all of them or none; answers their ids. Saves the stock.

    Soft: if so much can be promised from `need_at` on without robbing what is promised for later.
    Hard: if so much lies there and is free, and no promise is robbed of it. Neither counts a lot
    that leaves before `need_at`.

    Raises:
        NotAvailableError: there is not that much.
        ConflictError: a reference is taken.
    """
    for want in wanted:
        await _judge(stock, want)
        stock.reserved(want.key, want.kind, want.quantity)
        stock.reservations.append(want)
    return (await stock.save()).reservations


async def _judge(stock: Stock, want: NewReservation) -> None:
    head = stock.head(want.key)
    hard = want.kind is ReservationKind.HARD
    there = max(head.available - head.hard_reserved, _ZERO)
    need_at = max(want.need_at, stock.now)
    lasts = head.expires_at is None or head.expires_at > need_at
    free = there >= want.quantity and not head.soft_reserved and not head.shortfall
    if hard and free and lasts:
        return
    coming = await _changes(stock, want.key)
    steps = project(head.free, coming, stock.now)
    if hard:
        available = min(held_until(steps, need_at), max(there - _gone_by(coming, need_at), _ZERO))
    else:
        available = available_at(steps, need_at)
    if available < want.quantity:
        raise NotAvailableError(
            want.key,
            wanted=want.quantity,
            available=available,
            first_at=first_date(steps, want.quantity),
            version=head.version,
            kind=want.kind,
        )


async def _projected(stock: Stock, key: Key) -> list[Balance]:
    """What will be left of an item, with what this transaction has promised and not written yet."""
    return project(stock.head(key).free, await _changes(stock, key), stock.now)


async def _changes(stock: Stock, key: Key) -> list[Change]:
    """What comes, is promised and leaves, with what this transaction has not written yet."""
    unwritten = [
        supplies.Held(key, one.need_at, one.quantity)
        for one in stock.reservations
        if one.key == key and one.kind is ReservationKind.HARD
    ]
    found = await supplies.changes(stock.connection, [key], now=stock.now, unwritten=unwritten)
    coming = found.get(key, [])
    coming += [
        Change(at=one.need_at, quantity=-one.quantity, kind=SupplyKind.RESERVATION)
        for one in stock.reservations
        if one.key == key and one.kind is ReservationKind.SOFT
    ]
    return coming


def _gone_by(changes: Iterable[Change], at: datetime) -> Decimal:
    """What of the free stock has left by a moment because its last day is over."""
    gone = [one.quantity for one in changes if one.kind is SupplyKind.EXPIRY and one.at <= at]
    return -sum(gone, _ZERO)


async def promised_now(stock: Stock, key: Key) -> Decimal:
    """How much of an item can be taken out of what lies there without robbing any promise."""
    head = stock.head(key)
    there = max(head.available - head.hard_reserved, _ZERO)
    if not there or not (head.soft_reserved or head.shortfall):
        return there
    return min(available_at(await _projected(stock, key), stock.now), there)


async def harden(stock: Stock, row: ReservationRow) -> None:
    """Take a soft reservation out of what lies there. Saves the stock.

    Raises:
        NotAvailableError: not enough of it is free.
        ConflictError: it is not open, or hard already.
    """
    if row.state is not ReservationState.OPEN or row.kind is ReservationKind.HARD:
        raise ConflictError(f"reservation {row.id} is {row.kind} and {row.state}")
    key = Key(row.item_id, row.site_id)
    head = stock.head(key)
    there = head.available - head.hard_reserved
    if head.expires_at is not None and head.expires_at <= row.need_at:
        there -= _gone_by(await _changes(stock, key), row.need_at)
    there = max(there, _ZERO)
    if there < row.open_quantity:
        raise NotAvailableError(
            key,
            wanted=row.open_quantity,
            available=there,
            first_at=None,
            version=head.version,
            kind=ReservationKind.HARD,
        )
    await stock.connection.execute(
        "UPDATE reservations SET kind = 'hard', head_version = %s WHERE id = %s",
        (stock.next_version(key), row.id),
    )
    stock.reserved(key, ReservationKind.SOFT, -row.open_quantity)
    stock.reserved(key, ReservationKind.HARD, row.open_quantity)
    await stock.save()


async def release(stock: Stock, rows: Collection[ReservationRow]) -> None:
    """Give reservations up; those that are not open are left. The caller saves the stock."""
    held = [row for row in rows if row.state is ReservationState.OPEN]
    await stock.connection.execute(
        """
        UPDATE reservations r SET state = 'released', closed_at = %s, closed_version = n.version
        FROM unnest(%s::bigint[], %s::bigint[]) AS n (id, version) WHERE r.id = n.id
        """,
        (
            stock.now,
            [row.id for row in held],
            [stock.next_version(Key(row.item_id, row.site_id)) for row in held],
        ),
    )
    for row in held:
        stock.reserved(Key(row.item_id, row.site_id), row.kind, -row.open_quantity)


async def assign(connection: Connection, reservation_id: int, *, line_id: int) -> None:
    """Make an open reservation an order line's own, for as long as the line stands.

    Its item is locked. How much is held, and from when on, stays: nothing is judged anew. The date
    of a promise becomes the line's, of several the last; who wants it later is promised it then.
    """
    await connection.execute(
        """
        WITH taken AS (
            UPDATE reservations SET order_line_id = %(line)s, expires_at = NULL WHERE id = %(id)s
            RETURNING origin, need_at
        )
        UPDATE order_lines l SET promised_at = greatest(l.promised_at, l.due_at, t.need_at)
        FROM taken t WHERE l.id = %(line)s AND t.origin = 'promise'
        """,
        {"line": line_id, "id": reservation_id},
    )


async def release_for_lines(
    connection: Connection, line_ids: Collection[int], *, now: datetime | None = None
) -> list[int]:
    """Give up what is reserved for order lines; answers the ids. The orders are locked already.

    Args:
        connection: within a transaction.
        line_ids: the lines.
        now: the moment; None: the clock's.
    """
    found = await of_lines(connection, line_ids)
    if not found:
        return []
    keys = {Key(row.item_id, row.site_id) for row in found}
    stock = await Stock.lock(connection, keys, now=now or datetime.now(UTC), lots=False)
    # Read anew: what stood there before the lock may have been consumed meanwhile.
    held = await of_lines(connection, line_ids)
    await release(stock, [row for row in held if Key(row.item_id, row.site_id) in keys])
    await stock.save()
    return [row.id for row in held]


async def shrink_for_lines(
    connection: Connection, wanted: Mapping[int, Decimal], *, now: datetime
) -> list[int]:
    """Let what people reserved for order lines follow smaller quantities; answers the ids.

    A line is held no more for than it wants: what was made for it and what its pegs hold counts
    first, then what people reserved, hard before soft and older before newer.

    Args:
        connection: within a transaction; the orders are locked already.
        wanted: the lines' new quantities.
        now: the moment.
    """
    rows = await of_lines(connection, wanted)
    keys = {
        Key(row.item_id, row.site_id) for row in rows if row.origin is ReservationOrigin.REQUEST
    }
    if not keys:
        return []
    stock = await Stock.lock(connection, keys, now=now, lots=False)
    held = await of_lines(connection, wanted)
    left = {
        line_id: quantity - await _gone(connection, line_id) for line_id, quantity in wanted.items()
    }
    shrunk: list[int] = []
    own = [row for row in held if row.origin is ReservationOrigin.REQUEST]
    for row in (*(row for row in held if row.origin is not ReservationOrigin.REQUEST), *own):
        line_id = row.order_line_id or 0
        stays = max(min(row.open_quantity, left[line_id]), _ZERO)
        left[line_id] -= stays
        if row.origin is ReservationOrigin.REQUEST and stays < row.open_quantity:
            await _shrink(stock, row, stays)
            shrunk.append(row.id)
    await stock.save()
    return shrunk


async def _gone(connection: Connection, line_id: int) -> Decimal:
    """What reservations of a line have been used up for it."""
    cursor = await connection.execute(
        "SELECT coalesce(sum(consumed), 0) FROM reservations WHERE order_line_id = %s", (line_id,)
    )
    row = await cursor.fetchone()
    return row[0] if row else _ZERO


async def _shrink(stock: Stock, row: ReservationRow, stays: Decimal) -> None:
    """Let a reservation hold less; one that holds nothing is released, or used up."""
    key = Key(row.item_id, row.site_id)
    state = ReservationState.OPEN
    if not stays:
        state = ReservationState.CONSUMED if row.consumed else ReservationState.RELEASED
    is_open = state is ReservationState.OPEN
    await stock.connection.execute(
        """
        UPDATE reservations SET quantity = CASE WHEN %(state)s = 'released' THEN quantity
                                                ELSE %(quantity)s END,
               state = %(state)s, closed_at = %(at)s, closed_version = %(version)s
        WHERE id = %(id)s
        """,
        {
            "state": state.value,
            "quantity": row.consumed + stays,
            "at": None if is_open else stock.now,
            "version": None if is_open else stock.next_version(key),
            "id": row.id,
        },
    )
    stock.reserved(key, row.kind, stays - row.open_quantity)


async def of_lines(connection: Connection, line_ids: Collection[int]) -> list[ReservationRow]:
    """The open reservations of order lines, hard ones first, then by need."""
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(
        _SELECT
        + sql.SQL(
            " WHERE r.order_line_id = ANY(%s) AND r.state = 'open' ORDER BY r.kind, r.need_at, r.id"
        ),
        (list(line_ids),),
    )
    return [typed(row) for row in await cursor.fetchall()]


async def consume(
    stock: Stock, key: Key, quantity: Decimal, *, line_ids: Sequence[int]
) -> dict[int, Decimal]:
    """Goods of lines have left: what was reserved for them is used up, line after line.

    Answers how much of the quantity belongs to which line. The caller saves the stock.
    """
    left = quantity
    shares: dict[int, Decimal] = {}
    rows = await of_lines(stock.connection, line_ids)
    for line_id in line_ids:
        for row in rows:
            if row.order_line_id != line_id or Key(row.item_id, row.site_id) != key:
                continue
            part = min(left, row.open_quantity)
            if part <= 0:
                continue
            await stock.connection.execute(
                """
                UPDATE reservations SET consumed = consumed + %(part)s,
                       state = CASE WHEN consumed + %(part)s = quantity THEN 'consumed'
                                    ELSE state END,
                       closed_at = CASE WHEN consumed + %(part)s = quantity
                                        THEN %(now)s::timestamptz END,
                       closed_version = CASE WHEN consumed + %(part)s = quantity
                                             THEN %(version)s::bigint END
                WHERE id = %(id)s
                """,
                {
                    "part": part,
                    "id": row.id,
                    "now": stock.now,
                    "version": stock.next_version(key),
                },
            )
            stock.reserved(key, row.kind, -part)
            left -= part
            shares[line_id] = shares.get(line_id, _ZERO) + part
            if row.origin is ReservationOrigin.PEG:
                await _left(stock.connection, line_id, key, part)
    return shares


async def _left(connection: Connection, line_id: int, key: Key, quantity: Decimal) -> None:
    """Goods that were held for a line by its pegs have left: its pegs on lots say so, in turn."""
    await connection.execute(
        """
        WITH turn AS (
            SELECT p.id, p.quantity - p.made AS here,
                   sum(p.quantity - p.made) OVER (ORDER BY p.id) - (p.quantity - p.made) AS before
            FROM pegs p JOIN stock_lots b ON b.id = p.stock_lot_id
            WHERE p.order_line_id = %s AND b.item_id = %s AND b.site_id = %s
        )
        UPDATE pegs p SET made = p.made + least(turn.here, %s::numeric - turn.before)
        FROM turn WHERE p.id = turn.id AND turn.before < %s::numeric AND turn.here > 0
        """,
        (line_id, *key, quantity, quantity),
    )


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that follows something else, as it should stand."""

    key: Key
    work_order_id: int
    order_line_id: int | None
    quantity: Decimal
    need_at: datetime


async def follow(stock: Stock, origin: ReservationOrigin, wanted: Sequence[Standing]) -> None:
    """Bring reservations that follow work orders up to date. The caller saves the stock.

    Hard ones are the pieces made for lines; soft ones are components, whether they are there or
    not: a need does not go away because nobody can cover it.
    """
    if not wanted:
        return
    kind = ReservationKind.HARD if origin is ReservationOrigin.PRODUCTION else ReservationKind.SOFT
    rows = await _followed(stock.connection, origin, {one.work_order_id for one in wanted})
    for one in wanted:
        row = rows.get((one.work_order_id, one.order_line_id, one.key))
        if row is None:
            if one.quantity > 0:
                stock.reservations.append(
                    NewReservation(
                        key=one.key,
                        quantity=one.quantity,
                        kind=kind,
                        need_at=one.need_at,
                        created_by="floor",
                        origin=origin,
                        order_line_id=one.order_line_id,
                        work_order_id=one.work_order_id,
                    )
                )
                stock.reserved(one.key, kind, one.quantity)
            continue
        quantity = max(one.quantity, row.consumed)
        state = ReservationState.OPEN
        if quantity == row.consumed:
            state = ReservationState.CONSUMED if quantity else ReservationState.RELEASED
        if (quantity, state, one.need_at) == (row.quantity, row.state, row.need_at):
            continue
        held = quantity - row.consumed if state is ReservationState.OPEN else _ZERO
        await stock.connection.execute(
            "UPDATE reservations SET quantity = %s, state = %s, need_at = %s, closed_at = %s"
            " WHERE id = %s",
            (
                quantity,
                state.value,
                one.need_at,
                None if state is ReservationState.OPEN else stock.now,
                row.id,
            ),
        )
        stock.reserved(one.key, kind, held - row.open_quantity)
    if kind is ReservationKind.HARD:
        # These pieces are reserved because they were made, whatever else became of the stock.
        for key in {one.key for one in wanted}:
            stock.head(key).settle()


async def _followed(
    connection: Connection, origin: ReservationOrigin, work_order_ids: Collection[int]
) -> Mapping[tuple[int | None, int | None, Key], ReservationRow]:
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(
        _SELECT + sql.SQL(" WHERE r.origin = %s AND r.work_order_id = ANY(%s)"),
        (origin.value, list(work_order_ids)),
    )
    rows = [typed(row) for row in await cursor.fetchall()]
    return {
        (row.work_order_id, row.order_line_id, Key(row.item_id, row.site_id)): row for row in rows
    }


# Reading ----------------------------------------------------------------------------------------

_SELECT: Final = sql.SQL(
    """
    SELECT r.id, r.item_id, i.code AS item, i.unit, r.site_id, s.code AS site, r.quantity,
           r.consumed, r.kind, r.state, r.origin, r.need_at, r.expires_at, r.order_line_id,
           o.number AS order, l.number AS line, r.work_order_id, w.number AS work_order,
           c.code AS customer, r.reference, r.digest, r.note, r.head_version, r.created_at,
           r.created_by, r.closed_at
    FROM reservations r
    JOIN items i ON i.id = r.item_id
    JOIN sites s ON s.id = r.site_id
    LEFT JOIN order_lines l ON l.id = r.order_line_id
    LEFT JOIN orders o ON o.id = l.order_id
    LEFT JOIN work_orders w ON w.id = r.work_order_id
    LEFT JOIN customers c ON c.id = coalesce(r.customer_id, o.customer_id)
    """
)


def typed(row: ReservationRow) -> ReservationRow:
    """A row with its words as such: columns are texts."""
    return msgspec.structs.replace(
        row,
        kind=ReservationKind(row.kind),
        state=ReservationState(row.state),
        origin=ReservationOrigin(row.origin),
    )


async def find(connection: Connection, reservation_id: int) -> ReservationRow | None:
    """A reservation by its id."""
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE r.id = %s"), (reservation_id,))
    row = await cursor.fetchone()
    return None if row is None else typed(row)


async def by_ids(connection: Connection, ids: Sequence[int]) -> list[ReservationRow]:
    """Reservations by their ids, in that order."""
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE r.id = ANY(%s)"), (list(ids),))
    rows = {row.id: typed(row) for row in await cursor.fetchall()}
    return [rows[id_] for id_ in ids]


async def by_reference(
    connection: Connection, site_id: int, reference: str, digest: bytes
) -> ReservationRow | None:
    """The reservation that a reference stands for already.

    Raises:
        ConflictError: it stands for another one.
    """
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(
        _SELECT + sql.SQL(" WHERE r.site_id = %s AND r.reference = %s"), (site_id, reference)
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if row.digest != digest:
        raise ConflictError(f"the reservation {reference!r} is there already, with another content")
    return typed(row)


async def lock_one(
    connection: Connection,
    reservation_id: int,
    *,
    now: datetime,
    lots: bool = False,
    seen: ReservationRow | None = None,
) -> tuple[Stock, ReservationRow]:
    """A reservation with its item locked.

    Raises:
        NotFoundError: there is none.
    """
    row = seen or await find(connection, reservation_id)
    if row is None:
        raise NotFoundError("reservation", str(reservation_id))
    key = Key(row.item_id, row.site_id)
    stock = await Stock.lock(connection, [key], now=now, lots=lots)
    fresh = await find(connection, reservation_id)
    assert fresh is not None  # noqa: S101 - reservations are never deleted
    return stock, fresh


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    order: str | None = None,
    work_order: str | None = None,
    kind: ReservationKind | None = None,
    state: ReservationState | None = None,
    origin: ReservationOrigin | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[ReservationRow], int]:
    """Reservations by need, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("o.number = %(order)s", order=order)
    filters.add("w.number = %(work_order)s", work_order=work_order)
    filters.add("r.kind = %(kind)s", kind=kind)
    filters.add("r.state = %(state)s", state=state)
    filters.add("r.origin = %(origin)s", origin=origin)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    await cursor.execute(
        _SELECT
        + filters.where
        + sql.SQL(" ORDER BY r.need_at, r.id LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = [typed(row) for row in await cursor.fetchall()]
    counted = await connection.execute(
        sql.SQL(
            """
            SELECT count(*) FROM reservations r
            JOIN items i ON i.id = r.item_id JOIN sites s ON s.id = r.site_id
            LEFT JOIN order_lines l ON l.id = r.order_line_id
            LEFT JOIN orders o ON o.id = l.order_id
            LEFT JOIN work_orders w ON w.id = r.work_order_id
            """
        )
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0
