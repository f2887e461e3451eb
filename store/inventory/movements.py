"""What people book: receipts, issues, adjustments, transfers, changes of status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.books import Key, NotEnoughError, Place, Tags, pick
from domain.inventory.words import Account, StockStatus
from store.database import Connection
from store.errors import ConflictError, UnknownReferenceError
from store.inventory import holding, production, purchases, reservations
from store.inventory.stock import MAIN, Posting, Stock, locations, posting_of

_ZERO: Final = Decimal(0)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a movement.

    Attributes:
        quantity: above zero; of an adjustment it may be below.
        location: the location's code; None: the site's main one, or wherever it lies.
        lot: None: without a lot, or whichever comes first.
        status: of what comes in, or of what is changed.
        to_location, to_status: where and what it is afterwards.
        expires_on: the lot's last day.
        purchase, purchase_line: what it was ordered with.
        order_line_ids: the customers' lines that it is for.
        work_order_id: the work order that it is for.
    """

    item_id: int
    item: str
    quantity: Decimal
    location: str | None = None
    lot: str | None = None
    status: StockStatus = StockStatus.AVAILABLE
    to_location: str | None = None
    to_status: StockStatus | None = None
    expires_on: date | None = None
    purchase: str | None = None
    purchase_line: int | None = None
    order_line_ids: tuple[int, ...] = ()
    work_order_id: int | None = None


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A posting, and whether it is new: the same reference again is the same posting.

    `order_line_ids`: lines whose pegs on a purchase have become pegs on what came of it.
    """

    posting_id: int
    new: bool
    order_line_ids: tuple[int, ...] = ()


async def receive(connection: Connection, posting: Posting, lines: Sequence[Line]) -> Booked:
    """Goods have come in.

    Raises:
        UnknownReferenceError: a line names a purchase that does not exist or has no such item.
        ConflictError: the reference stands for something else.
    """
    keys = _keys(posting.site_id, lines)
    stock = await Stock.lock(connection, keys, now=_judged_at(posting))
    if (known := await _known(connection, posting)) is not None:
        return known
    places = await _places(connection, posting.site_id, lines)
    number = stock.post(posting)
    for index, line in enumerate(lines):
        key = Key(line.item_id, posting.site_id)
        shares: list[tuple[int | None, Decimal]] = [(None, line.quantity)]
        if line.purchase is not None:
            shares = [*await _of_purchase(stock, key, line, index)]
        for purchase_line_id, part in shares:
            stock.books.add(
                number,
                key,
                part,
                source=Account.SUPPLIER,
                place=Place(places[line.location or MAIN], line.lot or "", line.status),
                at=posting.occurred_at,
                expires_on=line.expires_on,
                tags=Tags(purchase_line_id=purchase_line_id),
            )
    arrivals = holding.arrivals(stock.books.entries)
    booked = await _save(stock)
    lines_served = await holding.arrived(stock, arrivals)
    return msgspec.structs.replace(booked, order_line_ids=tuple(lines_served))


async def issue(
    connection: Connection,
    posting: Posting,
    lines: Sequence[Line],
    *,
    target: Account = Account.USE,
    insist: bool = False,
) -> Booked:
    """Goods have gone out. What is reserved for the lines they are for is used up.

    Args:
        connection: within a transaction.
        posting: why.
        lines: what.
        target: where it went: to a customer, into production, or used up.
        insist: it has left already, whatever the books say and whoever had it reserved.

    Raises:
        ConflictError: less is there, or the rest is reserved for others; nothing is booked.
    """
    works = {line.work_order_id for line in lines if line.work_order_id is not None}
    now = _judged_at(posting)
    met = await production.meet(connection, works, now=now)
    stock = await Stock.lock(connection, {*met, *_keys(posting.site_id, lines)}, now=now)
    if (known := await _known(connection, posting)) is not None:
        return known
    places = await _places(connection, posting.site_id, lines)
    number = stock.post(posting)
    for line in lines:
        await _issue_line(stock, number, line, places, target=target, insist=insist)
    booked = await _save(stock)
    if works:
        await production.book_production(connection, work_order_ids=works, now=now)
    return booked


async def _issue_line(
    stock: Stock,
    number: int,
    line: Line,
    places: dict[str, int],
    *,
    target: Account,
    insist: bool,
) -> None:
    posting = stock.posting(number)
    key = Key(line.item_id, posting.site_id)
    shares = await reservations.consume(stock, key, line.quantity, line_ids=line.order_line_ids)
    head = stock.head(key)
    if not insist and head.available - head.hard_reserved < line.quantity:
        free = max(head.available - head.hard_reserved, _ZERO)
        raise ConflictError(
            f"{line.item!r}: {line.quantity.normalize():f} are to go out,"
            f" {head.available.normalize():f} are available, and of these"
            f" {free.normalize():f} are not reserved for others"
        )
    rest = line.quantity - sum(shares.values(), _ZERO)
    portions = [(line_id, part) for line_id, part in shares.items()]
    if rest > 0:
        portions.append((line.order_line_ids[0] if line.order_line_ids else 0, rest))
    for line_id, part in portions:
        try:
            stock.books.take(
                number,
                key,
                part,
                target=target,
                at=posting.occurred_at,
                location_id=places.get(line.location) if line.location else None,
                lot=line.lot,
                only_there=not insist and (line.location is not None or line.lot is not None),
                insist=insist,
                tags=Tags(order_line_id=line_id or None, work_order_id=line.work_order_id),
            )
        except NotEnoughError as error:
            where = f" at {line.location!r}" if line.location else ""
            which = f" of lot {line.lot!r}" if line.lot else ""
            raise ConflictError(f"{line.item!r}{which}{where}: {error}") from error
    if line.work_order_id is not None:
        await production.issued(stock.connection, line.work_order_id, line.item_id, line.quantity)


async def adjust(connection: Connection, posting: Posting, lines: Sequence[Line]) -> Booked:
    """The books were wrong: a quantity more, or less, lies at a place.

    Raises:
        ConflictError: less lies there than is to be taken off.
    """
    stock = await Stock.lock(connection, _keys(posting.site_id, lines), now=_judged_at(posting))
    if (known := await _known(connection, posting)) is not None:
        return known
    places = await _places(connection, posting.site_id, lines)
    number = stock.post(posting)
    for line in lines:
        key = Key(line.item_id, posting.site_id)
        place = Place(places[line.location or MAIN], line.lot or "", line.status)
        lot = stock.books.lots[key].get(place)
        there = lot.quantity if lot else _ZERO
        if there + line.quantity < 0:
            raise ConflictError(
                f"{line.item!r} at {line.location or MAIN!r}: {-line.quantity.normalize():f} are to"
                f" be taken off, {there.normalize():f} lie there"
            )
        stock.books.set_quantity(number, key, place, there + line.quantity, at=posting.occurred_at)
    return await _save(stock)


async def transfer(
    connection: Connection,
    posting: Posting,
    lines: Sequence[Line],
    *,
    to_site_id: int | None = None,
) -> Booked:
    """Goods are moved to another location, here or at another site.

    Raises:
        ConflictError: less is there; it is where it is to go; or it is to leave the site and is
            reserved for others.
    """
    target_site = to_site_id or posting.site_id
    keys = [*_keys(posting.site_id, lines), *_keys(target_site, lines)]
    stock = await Stock.lock(connection, keys, now=_judged_at(posting))
    if (known := await _known(connection, posting)) is not None:
        return known
    places = await _places(connection, posting.site_id, lines)
    targets = await locations(connection, target_site, [line.to_location or MAIN for line in lines])
    number = stock.post(posting)
    arrival = number
    if target_site != posting.site_id:
        there = msgspec.structs.replace(posting, site_id=target_site)
        arrival = stock.post(there)
    for line in lines:
        key = Key(line.item_id, posting.site_id)
        head = stock.head(key)
        away = target_site != posting.site_id
        if away and head.available - head.hard_reserved < line.quantity:
            raise ConflictError(
                f"{line.item!r}: {line.quantity.normalize():f} are to leave, of"
                f" {head.available.normalize():f} available {head.hard_reserved.normalize():f}"
                " are reserved here"
            )
        draws, missing = pick(
            stock.books.lots[key].values(),
            line.quantity,
            location_id=places[line.location] if line.location else None,
            lot=line.lot,
            only=line.location is not None or line.lot is not None,
        )
        if missing > 0:
            raise ConflictError(
                f"{line.item!r} at {line.location or 'any location'!r}:"
                f" {NotEnoughError(line.quantity, line.quantity - missing)}"
            )
        place_id = targets[line.to_location or MAIN]
        for lot, part in draws:
            target = Place(place_id, lot.place.lot, lot.place.status)
            if not away:
                if target == lot.place:
                    raise ConflictError(
                        f"{line.item!r} is at {line.to_location or MAIN!r} already: say with"
                        " 'location' from where, or with 'to_location' where to, it is moved"
                    )
                stock.books.move(number, lot, part, to=target)
                continue
            stock.books.take(
                number,
                key,
                part,
                target=Account.TRANSIT,
                at=posting.occurred_at,
                location_id=lot.place.location_id,
                lot=lot.place.lot,
                only_there=True,
            )
            stock.books.add(
                arrival,
                Key(line.item_id, target_site),
                part,
                source=Account.TRANSIT,
                place=target,
                at=lot.received_at,
                expires_on=lot.expires_on,
            )
    return await _save(stock)


async def change_status(connection: Connection, posting: Posting, lines: Sequence[Line]) -> Booked:
    """Goods are released, blocked, or sent to inspection, where they lie.

    Raises:
        ConflictError: less lies there in the status named; or their last day is over, and nobody
            says a later one.
    """
    stock = await Stock.lock(connection, _keys(posting.site_id, lines), now=_judged_at(posting))
    if (known := await _known(connection, posting)) is not None:
        return known
    places = await _places(connection, posting.site_id, lines)
    number = stock.post(posting)
    for line in lines:
        key = Key(line.item_id, posting.site_id)
        place = Place(places[line.location or MAIN], line.lot or "", line.status)
        lot = stock.books.lots[key].get(place)
        if lot is None or lot.quantity < line.quantity:
            there = lot.quantity if lot else _ZERO
            raise ConflictError(
                f"{line.item!r} at {line.location or MAIN!r}, {line.status}:"
                f" {NotEnoughError(line.quantity, there)}"
            )
        to_status = line.to_status or StockStatus.AVAILABLE
        last = line.expires_on or lot.expires_on
        if to_status is StockStatus.AVAILABLE and last is not None and last < stock.today(key):
            raise ConflictError(
                f"{line.item!r} at {line.location or MAIN!r}: its last day was {last}; say with"
                " 'expires_on' until when it may be used after all"
            )
        target = place._replace(status=to_status)
        stock.books.move(number, lot, line.quantity, to=target)
        if line.expires_on is not None:
            stock.books.lots[key][target].expires_on = line.expires_on
    return await _save(stock)


def _judged_at(posting: Posting) -> datetime:
    """By which moment goods and reservations expire: one that was told, but no future one."""
    return min(posting.occurred_at, datetime.now(UTC))


def _keys(site_id: int, lines: Iterable[Line]) -> list[Key]:
    return [Key(line.item_id, site_id) for line in lines]


async def _known(connection: Connection, posting: Posting) -> Booked | None:
    if posting.reference is None:
        return None
    posting_id = await posting_of(
        connection, posting.site_id, posting.kind, posting.reference, posting.digest or b""
    )
    return None if posting_id is None else Booked(posting_id=posting_id, new=False)


async def _places(connection: Connection, site_id: int, lines: Iterable[Line]) -> dict[str, int]:
    return await locations(connection, site_id, {line.location or MAIN for line in lines})


async def _save(stock: Stock) -> Booked:
    saved = await stock.save()
    return Booked(posting_id=saved.postings[0], new=True)


async def _of_purchase(stock: Stock, key: Key, line: Line, index: int) -> list[tuple[int, Decimal]]:
    assert line.purchase is not None  # noqa: S101 - the caller has looked
    shares = await purchases.receive(
        stock, line.purchase, key, line.quantity, line=line.purchase_line
    )
    if shares is None:
        raise UnknownReferenceError(
            f"lines[{index}].purchase",
            line.purchase,
            f"there is no such purchase of {line.item!r} at this site that is not cancelled",
        )
    return shares
