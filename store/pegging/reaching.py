"""A customer wants more, less or nothing any more: what becomes of the work that has been made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from domain.pegging import needs
from domain.pegging.book import (
    NOTHING,
    Book,
    DemandId,
    Peg,
    PeggingError,
    SupplyId,
    SupplyKind,
    line,
)
from domain.pegging.needs import Running
from store.database import Connection
from store.pegging import books, making, policies, writing
from store.pegging.books import Loaded, epoch_ms


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a line, which is released, is to be: how much, and when."""

    line_id: int
    before: Decimal
    quantity: Decimal
    due_at: datetime | None
    """As it is to be; what work orders are due by goes along."""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """What became of work orders.

    Attributes:
        changed: all that are not as they were, by id.
        cancelled: those that are no more, or that the floor is asked to stop.
        stopping, to_stock: begun ones that the floor is asked to stop, or to finish for the stock.
        lacking: what no work order makes, by line.
    """

    changed: list[int] = []
    cancelled: list[int] = []
    stopping: list[int] = []
    to_stock: list[int] = []
    lacking: dict[int, Decimal] = {}


async def set_line(
    connection: Connection, line_id: int, *, quantity: Decimal, due_at: datetime | None
) -> None:
    """Give a line's own row another quantity and due date; its work follows by `change`.

    What was promised for another date or for less is promised no more. Work orders that are due
    when their lines are go on being so; those with a date of their own keep it.
    """
    cursor = await connection.execute(
        """
        SELECT w.id FROM work_orders w
        WHERE w.id IN (SELECT work_order_id FROM pegs WHERE order_line_id = %s)
          AND w.due_at IS NOT DISTINCT FROM (
              SELECT min(l.due_at) FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
              WHERE p.work_order_id = w.id)
        ORDER BY w.id FOR NO KEY UPDATE OF w
        """,
        (line_id,),
    )
    works = [row[0] for row in await cursor.fetchall()]
    await connection.execute(
        """
        UPDATE order_lines
        SET promised_at = CASE WHEN due_at IS NOT DISTINCT FROM %(due_at)s::timestamptz
                                AND quantity >= %(quantity)s::numeric THEN promised_at END,
            quantity = %(quantity)s, due_at = %(due_at)s
        WHERE id = %(id)s
        """,
        {"quantity": quantity, "due_at": due_at, "id": line_id},
    )
    await connection.execute(
        """
        UPDATE work_orders w
        SET due_at = (SELECT min(l.due_at) FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
                      WHERE p.work_order_id = w.id)
        WHERE w.id = ANY(%s)
        """,
        (works,),
    )


async def change(
    connection: Connection, wanted: Sequence[Wanted], *, reason: str | None
) -> Reached:
    """Let released lines want other quantities and dates. Their order and lines are locked.

    Less: what has not begun shrinks or goes, what has begun is stopped or goes on for the stock, by
    the policy of its site. More: work that is not over makes more.
    """
    loaded = await _locked(connection, [one.line_id for one in wanted])
    running = await _running(connection, loaded)
    book = loaded.book
    lacking: dict[int, Decimal] = {}
    for one in wanted:
        demand = line(one.line_id)
        if demand not in book.demands:
            continue
        if one.quantity < one.before:
            book = _less(book, demand, one, running)
        elif one.quantity > one.before:
            book, missing = _more(book, demand, one)
            if missing:
                lacking[one.line_id] = missing
        book = _dated(book, demand, one.due_at)
    gone = [id_.id for id_ in loaded.book.supplies if id_ not in book.supplies]
    written = await writing.write(connection, loaded, book, trimmed=True)
    closing = _closing(loaded, book, gone, running)
    for mode in Running:
        ids = [id_ for id_, asked in closing.items() if asked is mode]
        await making.ask(connection, ids, running=mode, reason=reason)
    return Reached(
        changed=written.changed,
        cancelled=written.cancelled,
        stopping=[id_ for id_, asked in closing.items() if asked is Running.STOP],
        to_stock=[id_ for id_, asked in closing.items() if asked is Running.TO_STOCK],
        lacking=lacking,
    )


async def cancel(
    connection: Connection, line_ids: Collection[int], *, reason: str | None
) -> Reached:
    """Let lines want nothing any more. Their order and lines are locked.

    Work for them alone is given up; it keeps its pegs, so that everybody sees for whom it was. What
    others wait for too makes as much less as they do not need.
    """
    loaded = await _locked(connection, line_ids)
    running = await _running(connection, loaded)
    cancelled = {line(id_) for id_ in line_ids}
    cancelled |= {line(id_) for id_, row in loaded.lines.items() if row.state == "cancelled"}
    alone, begun, shared = [], [], []
    for id_, supply in loaded.book.supplies.items():
        if id_.kind is not SupplyKind.WORK or supply.over:
            continue
        if loaded.book.on(id_).keys() - cancelled:
            shared.append(id_)
        else:
            alone.append(id_.id)
            if supply.started:
                begun.append(id_.id)
    book = _given_back(loaded.book, cancelled, shared, running)
    written = await writing.write(connection, loaded, book, trimmed=True)
    by_running: dict[Running, list[int]] = {}
    for work_order in alone:
        by_running.setdefault(running[work_order], []).append(work_order)
    ended = list(written.cancelled)
    for mode, ids in by_running.items():
        ended += await making.give_up(connection, ids, started=begun, running=mode, reason=reason)
    return Reached(
        changed=sorted({*written.changed, *alone}),
        cancelled=sorted(ended),
        stopping=[id_ for id_ in begun if running[id_] is Running.STOP],
        to_stock=[id_ for id_ in begun if running[id_] is Running.TO_STOCK],
    )


async def _locked(connection: Connection, line_ids: Collection[int]) -> Loaded:
    before = await books.load(connection, line_ids=line_ids)
    await books.lock_works(connection, before.works.keys())
    return await books.load(connection, line_ids=line_ids)


async def _running(connection: Connection, loaded: Loaded) -> dict[int, Running]:
    """What each work order's site does with unwanted work that has begun."""
    sites = {row.site_id for row in loaded.works.values()}
    found = {
        site_id: (await policies.policy_of(connection, site_id)).running
        for site_id in sorted(sites)
    }
    return {row.id: found[row.site_id] for row in loaded.works.values()}


def _less(book: Book, demand: DemandId, one: Wanted, running: Mapping[int, Running]) -> Book:
    told = sum((peg.quantity for peg in book.of(demand).values()), NOTHING)
    if told > one.before:
        # Several work orders make the line one after the other: each of them makes less.
        pegs: dict[tuple[DemandId, SupplyId], Peg | None] = {}
        freed = {}
        for supply, peg in book.of(demand).items():
            if peg.quantity > one.quantity:
                freed[supply] = peg.quantity - one.quantity
                pegs[demand, supply] = Peg(one.quantity, min(peg.made, one.quantity))
        after = book.changed(pegs=pegs)
    else:
        shrunk = needs.change(book, demand, one.quantity)
        after, freed = shrunk.book, shrunk.supplies
    for supply, quantity in freed.items():
        mode = running.get(supply.id, Running.STOP)
        after = needs.trim(after, supply, quantity, mode)
    return after


def _more(book: Book, demand: DemandId, one: Wanted) -> tuple[Book, Decimal]:
    """The book with more made for a line, and how much nothing can make."""
    row = book.demands[demand]
    told = sum((peg.quantity for peg in book.of(demand).values()), NOTHING)
    after = book.changed(
        demands={demand: msgspec.structs.replace(row, quantity=max(one.quantity, told))}
    )
    missing = min(after.shortage(demand), one.quantity - one.before)
    if missing <= 0:
        return after, NOTHING
    for supply in sorted(after.of(demand), key=lambda id_: _eagerness(after, id_)):
        try:
            return needs.extend(after, demand, supply, missing), NOTHING
        except PeggingError:
            continue
    return after, missing


def _eagerness(book: Book, supply: SupplyId) -> tuple[bool, int]:
    """What has not begun is extended first; of several the newest."""
    return (book.supplies[supply].started, -supply.id)


def _dated(book: Book, demand: DemandId, due_at: datetime | None) -> Book:
    due_ms = epoch_ms(due_at)
    row = book.demands.get(demand)
    if row is None or row.due_ms == due_ms:
        return book
    after = book.changed(demands={demand: msgspec.structs.replace(row, due_ms=due_ms)})
    for id_ in after.of(demand):
        supply = after.supplies[id_]
        if id_.kind is not SupplyKind.WORK or supply.over:
            continue
        dates = [after.demands[other].due_ms for other in after.on(id_)]
        first = min((date for date in dates if date is not None), default=None)
        after = after.changed(supplies={id_: msgspec.structs.replace(supply, due_ms=first)})
    return after


def _closing(
    loaded: Loaded, book: Book, gone: Sequence[int], running: Mapping[int, Running]
) -> dict[int, Running]:
    """Begun work orders of which nothing more is wanted than was begun."""
    found = {}
    for id_, before in loaded.book.supplies.items():
        after = book.supplies.get(id_)
        if id_.kind is not SupplyKind.WORK or id_.id in gone or after is None:
            continue
        less = sum((peg.quantity for peg in book.on(id_).values()), NOTHING) < sum(
            (peg.quantity for peg in loaded.book.on(id_).values()), NOTHING
        )
        wanted = sum((peg.quantity for peg in book.on(id_).values()), NOTHING)
        if before.started and not before.over and less and wanted <= before.begun:
            found[id_.id] = running[id_.id]
    return found


def _given_back(
    book: Book,
    cancelled: Collection[DemandId],
    shared: Sequence[SupplyId],
    running: Mapping[int, Running],
) -> Book:
    """The book without what cancelled lines had of work that others wait for."""
    after = book
    for supply in shared:
        freed = NOTHING
        for demand, peg in book.on(supply).items():
            if demand in cancelled:
                after = after.changed(pegs={(demand, supply): None})
                freed += peg.quantity
        after = needs.trim(after, supply, freed, running[supply.id])
    return after
