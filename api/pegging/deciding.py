"""What somebody wants rearranged, in the terms of `domain.pegging`; nothing is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.pegging.schemas import Arrange, Merge, Move, Split
from domain.pegging import rearranging
from domain.pegging.book import PeggingError, line, work
from domain.pegging.moves import move
from domain.pegging.policy import Rule
from domain.pegging.rearranging import Making, Rearranged
from store import machines, orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.pegging import books, policies
from store.pegging.books import Loaded, WorkRow

MOST_ARRANGED: Final = 2_000
"""Work orders that rules are put to work on at once."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A wish and what it comes to.

    Attributes:
        site: where its work orders are.
        loaded: the book as it is.
        rearranged: as it would be.
        token: names the wish and the rows that it was decided on.
    """

    site: str
    site_id: int
    kind: str
    loaded: Loaded
    rearranged: Rearranged
    token: str

    @property
    def nothing(self) -> bool:
        """Whether nothing would change."""
        return self.rearranged.book == self.loaded.book


async def concerned(
    connection: Connection, principal: Principal, wish: Split | Merge | Arrange | Move
) -> list[int]:
    """The ids of the work orders that a wish is about.

    Raises:
        NotFoundError: there is no such work order or site.
        UnknownReferenceError: there is no such order line.
        ConflictError: there are too many.
    """
    match wish:
        case Split():
            ids = [wish.work_order]
        case Merge():
            ids = list(wish.work_orders)
        case Arrange():
            return await _arrangeable(connection, principal, wish)
        case Move():
            ids = [id_ for id_ in (wish.source, wish.target) if id_ is not None]
    rows = await books.works(connection, ids)
    for id_ in ids:
        row = rows.get(id_)
        if row is None:
            raise NotFoundError("work order", str(id_))
        principal.require_site(row.site, kind="work order", name=str(id_))
    return ids


async def decide(
    connection: Connection,
    principal: Principal,
    wish: Split | Merge | Arrange | Move,
    ids: Sequence[int],
) -> Decided:
    """What a wish comes to.

    Args:
        connection: where to read; for applying the rows are locked already.
        principal: who wants it.
        wish: what they want.
        ids: the work orders that it is about (`concerned`).

    Raises:
        ConflictError: pegs do not allow it.
        UnknownReferenceError: there is no such order line.
    """
    line_ids = [await _line(connection, principal, wish)] if isinstance(wish, Move) else []
    loaded = await books.load(connection, work_order_ids=ids, line_ids=line_ids)
    rows = [loaded.works[id_] for id_ in ids]
    try:
        rearranged = await _rearranged(connection, wish, loaded, rows, line_ids)
    except PeggingError as error:
        raise ConflictError(named(str(error), loaded.works.values())) from error
    if isinstance(wish, Arrange):
        site = await machines.known_site(connection, wish.site)
        site_id, code = site.id, site.code
    elif rows:
        site_id, code = rows[0].site_id, rows[0].site
    else:
        raise ConflictError("a move takes from a work order, or gives to one")
    return Decided(
        site=code,
        site_id=site_id,
        kind=wish.action,
        loaded=loaded,
        rearranged=rearranged,
        token=_token(wish, loaded),
    )


async def _rearranged(
    connection: Connection,
    wish: Split | Merge | Arrange | Move,
    loaded: Loaded,
    rows: Sequence[WorkRow],
    line_ids: Sequence[int],
) -> Rearranged:
    book = loaded.book
    match wish:
        case Merge():
            return rearranging.merge_all(book, wish.work_orders, wish.into)
        case Split():
            return _split(wish, loaded, rows[0])
        case Move():
            after = move(
                book,
                line(line_ids[0]),
                wish.quantity,
                source=work(wish.source) if wish.source is not None else None,
                target=work(wish.target) if wish.target is not None else None,
            )
            return Rearranged(book=after)
        case Arrange():
            if not rows:
                return Rearranged(book=book)
            policy = await policies.policy_of(connection, rows[0].site_id)
            return rearranging.arrange(book, policy, {row.id: making(row) for row in rows})


def _split(wish: Split, loaded: Loaded, row: WorkRow) -> Rearranged:
    book = loaded.book
    match wish.by:
        case "quantities":
            return rearranging.split_by_quantities(book, row.id, wish.quantities or [])
        case "due":
            return rearranging.split_by_due(book, row.id, wish.window_hours or 0)
        case "order":
            return rearranging.split_by_order(book, row.id)
        case "batch" | "capacity":
            rule = Rule(
                batch_max=wish.batch_max if wish.by == "batch" else None,
                batch_min=wish.batch_min,
                multiple=wish.multiple,
                capacity_hours=wish.capacity_hours if wish.by == "capacity" else None,
            )
            return rearranging.split_by_batch(book, row.id, rule, row.slowest_ms)


def making(row: WorkRow) -> Making:
    """A work order as rules see it."""
    return Making(item=row.item or "", family=row.family, slowest_ms=row.slowest_ms)


def named(message: str, rows: Collection[WorkRow]) -> str:
    """A message of the domain with work orders' numbers instead of their ids."""
    numbers = {str(row.id): row.number for row in rows}

    def number(match: re.Match[str]) -> str:
        return f"{match[1]} {numbers[match[2]]!r}" if match[2] in numbers else match[0]

    return _IDS.sub(number, message)


_IDS: Final = re.compile(r"(work[ _]orders?|and) (\d+)")


async def _line(connection: Connection, principal: Principal, wish: Move) -> int:
    order = await orders.find(connection, number=wish.demand.order)
    if order is None or not principal.sees(order.site):
        raise UnknownReferenceError(
            "wish.demand.order", wish.demand.order, "there is no such order"
        )
    for row in (await orders.lines(connection, [order.id]))[order.id]:
        if row.number == wish.demand.line:
            return row.id
    raise UnknownReferenceError(
        "wish.demand.line", str(wish.demand.line), "the order has no such line"
    )


async def _arrangeable(connection: Connection, principal: Principal, wish: Arrange) -> list[int]:
    principal.require_site(wish.site)
    site = await machines.find_site(connection, wish.site)
    if site is None:
        raise NotFoundError("site", wish.site)
    ids = await books.not_begun(
        connection, site.id, item=wish.item, family=wish.family, limit=MOST_ARRANGED + 1
    )
    if len(ids) > MOST_ARRANGED:
        raise ConflictError(
            f"more than {MOST_ARRANGED} work orders of {wish.site!r} have not begun; name an item "
            "or a family"
        )
    return ids


def _token(wish: Split | Merge | Arrange | Move, loaded: Loaded) -> str:
    """Another one as soon as the wish, a work order or an order concerned is another."""
    content = (
        wish.model_dump(mode="json"),
        [(row.id, row.version, row.started, row.over) for row in loaded.works.values()],
        sorted({(row.order_id, row.order_version) for row in loaded.lines.values()}),
    )
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
