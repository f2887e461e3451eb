"""What somebody wants rearranged, in the terms of `domain.pegging`; nothing is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.pegging.schemas import Arrange, GoodsName, Merge, Move, Split
from domain.pegging import rearranging
from domain.pegging.book import PeggingError, SupplyId, SupplyKind, line, work
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


class Concerned(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish is about: work orders, order lines, goods."""

    works: list[int]
    lines: list[int] = []
    source: SupplyId | None = None
    target: SupplyId | None = None

    @property
    def goods(self) -> list[SupplyId]:
        """The lots and purchases that pegs are moved from or to."""
        return [
            one
            for one in (self.source, self.target)
            if one is not None and one.kind is not SupplyKind.WORK
        ]


async def concerned(
    connection: Connection, principal: Principal, wish: Split | Merge | Arrange | Move
) -> Concerned:
    """What a wish is about.

    Raises:
        NotFoundError: there is no such work order or site.
        UnknownReferenceError: there is no such order line, lot or purchase.
        ConflictError: there are too many.
    """
    source = target = None
    match wish:
        case Split():
            ids = [wish.work_order]
        case Merge():
            ids = list(wish.work_orders)
        case Arrange():
            return Concerned(works=await _arrangeable(connection, principal, wish))
        case Move():
            source = await _supply(connection, wish.source, field="wish.source")
            target = await _supply(connection, wish.target, field="wish.target")
            ids = [
                one.id
                for one in (source, target)
                if one is not None and one.kind is SupplyKind.WORK
            ]
    rows = await books.works(connection, ids)
    for id_ in ids:
        row = rows.get(id_)
        if row is None:
            raise NotFoundError("work order", str(id_))
        principal.require_site(row.site, kind="work order", name=str(id_))
    lines = [await _line(connection, principal, wish)] if isinstance(wish, Move) else []
    return Concerned(works=ids, lines=lines, source=source, target=target)


async def _supply(
    connection: Connection, named: int | GoodsName | None, *, field: str
) -> SupplyId | None:
    """A supply that a wish names."""
    if named is None or isinstance(named, int):
        return None if named is None else work(named)
    if named.lot is not None:
        return SupplyId(SupplyKind.LOT, named.lot)
    cursor = await connection.execute(
        """
        SELECT l.id FROM purchase_lines l JOIN purchases p ON p.id = l.purchase_id
        WHERE p.number = %s AND l.number = %s
        """,
        (named.purchase, named.line),
    )
    row = await cursor.fetchone()
    if row is None:
        name = f"{named.purchase}/{named.line}"
        raise UnknownReferenceError(f"{field}.purchase", name, "there is no such purchase's line")
    return SupplyId(SupplyKind.PURCHASE, row[0])


async def decide(
    connection: Connection,
    principal: Principal,
    wish: Split | Merge | Arrange | Move,
    about: Concerned,
    *,
    now: datetime,
) -> Decided:
    """What a wish comes to.

    Args:
        connection: where to read; for applying the rows are locked already.
        principal: who wants it.
        wish: what they want.
        about: what it is about (`concerned`).
        now: the moment by which stock is free.

    Raises:
        ConflictError: pegs do not allow it.
        UnknownReferenceError: there is no such order line.
    """
    loaded = await books.load(
        connection, work_order_ids=about.works, line_ids=about.lines, goods=about.goods, now=now
    )
    rows = [loaded.works[id_] for id_ in about.works]
    _check_goods(principal, loaded, about)
    try:
        rearranged = await _rearranged(connection, wish, loaded, rows, about)
    except PeggingError as error:
        raise ConflictError(named(str(error), loaded)) from error
    if isinstance(wish, Arrange):
        site = await machines.known_site(connection, wish.site)
        site_id, code = site.id, site.code
    elif rows:
        site_id, code = rows[0].site_id, rows[0].site
    elif about.goods:
        goods = loaded.goods[about.goods[-1]]
        site_id, code = goods.site_id, goods.site
    else:
        raise ConflictError("a move takes from a work order or from goods, or gives to them")
    return Decided(
        site=code,
        site_id=site_id,
        kind=wish.action,
        loaded=loaded,
        rearranged=rearranged,
        token=_token(wish, loaded),
    )


def _check_goods(principal: Principal, loaded: Loaded, about: Concerned) -> None:
    """Whether goods and work are of the line's item, and may be seen.

    Raises:
        UnknownReferenceError: there are no such goods for them.
        ConflictError: they are of another item.
    """
    for name in about.goods:
        row = loaded.goods.get(name)
        if row is None or not principal.sees(row.site):
            problem = f"there is no such {name.kind.replace('_', ' ')}"
            raise UnknownReferenceError("wish", str(name.id), problem)
    for line_id in about.lines:
        wanted = loaded.lines[line_id]
        if about.target is None:
            continue
        item_id, item = (
            (loaded.works[about.target.id].item_id, loaded.works[about.target.id].item)
            if about.target.kind is SupplyKind.WORK
            else (loaded.goods[about.target].item_id, loaded.goods[about.target].item)
        )
        if item_id is not None and item_id != wanted.item_id:
            raise ConflictError(
                f"line {wanted.number} of {wanted.order!r} wants {wanted.item!r}, not {item!r}"
            )
        if wanted.state == "cancelled":
            raise ConflictError(f"line {wanted.number} of {wanted.order!r} is cancelled")


async def _rearranged(
    connection: Connection,
    wish: Split | Merge | Arrange | Move,
    loaded: Loaded,
    rows: Sequence[WorkRow],
    about: Concerned,
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
                line(about.lines[0]),
                wish.quantity,
                source=about.source,
                target=about.target,
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


def named(message: str, loaded: Loaded) -> str:
    """A message of the domain with the names that people know instead of ids."""
    numbers = {str(row.id): row.number for row in loaded.works.values()}
    lines = {str(row.id): f"line {row.number} of {row.order!r}" for row in loaded.lines.values()}
    goods = {f"{name.kind} {name.id}": row.name for name, row in loaded.goods.items()}

    def number(match: re.Match[str]) -> str:
        return f"{match[1]} {numbers[match[2]]!r}" if match[2] in numbers else match[0]

    def line_of(match: re.Match[str]) -> str:
        return lines.get(match[1], match[0])

    def goods_of(match: re.Match[str]) -> str:
        return (
            f"{match[1].replace('_', ' ')} {goods[match[0]]!r}" if match[0] in goods else match[0]
        )

    told = _IDS.sub(number, message)
    return _GOODS_IDS.sub(goods_of, _LINE_IDS.sub(line_of, told))


_IDS: Final = re.compile(r"(work[ _]orders?|and) (\d+)")
_LINE_IDS: Final = re.compile(r"order_line (\d+)")
_GOODS_IDS: Final = re.compile(r"(stock_lot|purchase_line) (\d+)")


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
        sorted((name.kind, name.id, str(row.free)) for name, row in loaded.goods.items()),
        sorted(
            (*msgspec.structs.astuple(demand), *msgspec.structs.astuple(supply), str(peg.quantity))
            for (demand, supply), peg in loaded.book.pegs.items()
            if supply.kind is not SupplyKind.WORK
        ),
    )
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
