"""When a quantity can be promised: from stock and supplies, or made; and what binds.

Nothing is reserved in here. Several lines of one question compete: what a line was promised is
taken before the next is asked for (`Promiser`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.inventory.available import Balance, Change, first_date, lasting, project
from domain.inventory.backflush import Component, needed
from domain.inventory.books import Key
from domain.inventory.capacity import Placement, Shop, Step
from domain.inventory.promised import Binding, Option, Promise, Way
from domain.inventory.to_make import Taken, Work
from domain.inventory.words import SupplyKind
from store.database import Connection
from store.inventory import supplies
from store.inventory.components import components
from store.inventory.shop import load_shop, routing

_ZERO: Final = Decimal(0)
_DEEPEST: Final = 8
"""Levels of a bill that are looked into; deeper ones count as bought."""


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    """How an item is had at a site."""

    id: int
    code: str
    kind: str
    family: str | None
    source: str | None
    lead_days: Decimal | None

    @property
    def can_be_bought(self) -> bool:
        """Whether a supplier can bring it."""
        return self.source == "buy" or (self.source is None and self.kind in ("bought", "both"))

    @property
    def lead_time(self) -> timedelta | None:
        """From the purchase to the goods, where somebody said."""
        return None if self.lead_days is None else timedelta(days=float(self.lead_days))


class _Had(msgspec.Struct, frozen=True, kw_only=True):
    """How a quantity would be had.

    Attributes:
        work: what could be made for it; with it `made` and `otherwise` are both ways.
    """

    way: Way
    at: datetime | None
    from_stock: Decimal
    to_make: Decimal = _ZERO
    to_buy: Decimal = _ZERO
    bindings: tuple[Binding, ...] = ()
    uses: tuple[tuple[Key, Decimal, datetime], ...] = ()
    placed: tuple[tuple[str | None, tuple[Placement, ...]], ...] = ()
    work: Work | None = None
    made: Option | None = None
    otherwise: Option | None = None

    @property
    def option(self) -> Option:
        """The same for others."""
        return Option(
            way=self.way,
            at=self.at,
            from_stock=self.from_stock,
            to_make=self.to_make,
            to_buy=self.to_buy,
            bindings=self.bindings,
        )


class Promiser:
    """Answers for one site at one moment; what it has promised is taken for the next question.

    Args:
        connection: of the database; reads only.
        site_id: where it is to be had.
        now: the moment.
    """

    def __init__(self, connection: Connection, site_id: int, *, now: datetime) -> None:
        self._connection = connection
        self._site_id = site_id
        self._now = now
        self._shop: Shop | None = None
        self._taken: dict[Key, list[Change]] = defaultdict(list)
        self._steps: dict[Key, list[Balance]] = {}
        self._items: dict[int, _Item] = {}
        self._bills: dict[int, list[Component]] = {}
        self._routings: dict[int, tuple[Step, ...]] = {}
        self._machines: dict[int, str] = {}

    @property
    def machines(self) -> dict[int, str]:
        """The paths of the site's machines by id, once something had to be made."""
        return self._machines

    async def promise(self, item_id: int, quantity: Decimal) -> Promise:
        """The earliest date, and what binds; the quantity is taken for the next question."""
        had = await self._have(item_id, quantity, 0)
        self._take(had)
        return Promise(
            item_id=item_id,
            site_id=self._site_id,
            quantity=quantity,
            at=had.at,
            from_stock=had.from_stock,
            to_make=had.to_make,
            to_buy=had.to_buy,
            bindings=had.bindings,
            way=had.way,
            work=had.work,
            made=had.made,
            otherwise=had.otherwise,
        )

    def _take(self, had: _Had) -> None:
        for key, quantity, at in had.uses:
            change = Change(at=at, quantity=-quantity, kind=SupplyKind.RESERVATION)
            self._taken[key].append(change)
            self._steps.pop(key, None)
        if self._shop is not None:
            for family, placements in had.placed:
                self._shop.take(placements, family=family)

    async def _have(self, item_id: int, quantity: Decimal, depth: int) -> _Had:
        """The earliest of: all from supplies; what stock has, and the rest made or bought."""
        item = await self._item(item_id)
        key = Key(item_id, self._site_id)
        steps = await self._projection(key)
        comes = first_date(steps, quantity)
        if comes is not None and comes <= self._now:
            uses = ((key, quantity, comes),)
            return _Had(way=Way.STOCK, at=comes, from_stock=quantity, uses=uses)
        waiting = self._from_supplies(item, key, quantity, comes)
        options = [waiting] if waiting.at is not None else []
        # What waits for the rest has to outlast the waiting.
        there = min(lasting(steps), quantity)
        rest = quantity - there
        if (bought := self._buy(item, rest)) is not None:
            options.append(self._with_stock(bought, key, there))
        other = min(options, key=_at, default=None)
        made = await self._make(item, rest, depth) if depth < _DEEPEST else None
        if made is None or made.at is None:
            return other or made or waiting
        made = self._with_stock(made, key, there)
        return _either(made, other, key)

    def _from_supplies(
        self, item: _Item, key: Key, quantity: Decimal, comes: datetime | None
    ) -> _Had:
        if comes is None:
            reason = f"nothing that is known brings so much of {item.code}"
            nobody = Binding(kind="unknown", what=item.code, until=None, reason=reason)
            return _Had(way=Way.WAIT, at=None, from_stock=_ZERO, bindings=(nobody,))
        reason = f"{item.code} is there on {comes:%Y-%m-%d %H:%M} UTC"
        binding = Binding(kind="material", what=item.code, until=comes, reason=reason)
        return _Had(
            way=Way.WAIT,
            at=comes,
            from_stock=quantity,
            bindings=(binding,),
            uses=((key, quantity, comes),),
        )

    def _with_stock(self, had: _Had, key: Key, there: Decimal) -> _Had:
        uses = (*had.uses, (key, there, had.at or self._now)) if there > 0 else had.uses
        return msgspec.structs.replace(had, from_stock=there, uses=uses)

    def _buy(self, item: _Item, quantity: Decimal) -> _Had | None:
        if not item.can_be_bought or item.lead_time is None:
            return None
        at = self._now + item.lead_time
        reason = (
            f"{item.code} has to be bought and takes {item.lead_time / timedelta(days=1):g} days"
        )
        binding = Binding(kind="material", what=item.code, until=at, reason=reason)
        return _Had(way=Way.BUY, at=at, from_stock=_ZERO, to_buy=quantity, bindings=(binding,))

    async def _make(self, item: _Item, quantity: Decimal, depth: int) -> _Had | None:
        """Components first, then the routing's machines; None: it is not made here."""
        steps = await self._routing(item.id)
        if not steps:
            return None
        bill = await self._bill(item.id)
        parts = [await self._have(part.item_id, needed(part, quantity), depth + 1) for part in bill]
        uses = tuple(use for part in parts for use in part.uses)
        placed = tuple(one for part in parts for one in part.placed)
        lacking = [part for part in parts if part.at is None]
        if lacking:
            bindings = tuple(one for part in lacking for one in part.bindings)
            return _Had(
                way=Way.MAKE, at=None, from_stock=_ZERO, to_make=quantity, bindings=bindings
            )
        ready = max((part.at for part in parts if part.at is not None), default=self._now)
        shop = await self._load_shop()
        ready_ms = round(ready.timestamp() * 1000)
        placements = shop.earliest(steps, quantity, family=item.family, ready_ms=ready_ms)
        if placements is None:
            reason = f"no machine of this site can do a step of {item.code}"
            nobody = Binding(kind="unknown", what=item.code, until=None, reason=reason)
            return _Had(
                way=Way.MAKE, at=None, from_stock=_ZERO, to_make=quantity, bindings=(nobody,)
            )
        end = _moment(placements[-1].end_ms)
        return _Had(
            way=Way.MAKE,
            at=end,
            from_stock=_ZERO,
            to_make=quantity,
            to_buy=_ZERO,
            bindings=self._bindings(item, parts, placements, ready, end),
            uses=uses,
            placed=(*placed, (item.family, tuple(placements))),
            work=Work(
                item=item.code,
                family=item.family,
                steps=steps,
                quantity=quantity,
                # What is there or bought only says from when on.
                takes=tuple(
                    Taken(line.step, part.at if part.work is None else None, part.work)
                    for line, part in zip(bill, parts, strict=True)
                ),
            ),
        )

    def _bindings(
        self,
        item: _Item,
        parts: Sequence[_Had],
        placements: Sequence[Placement],
        ready: datetime,
        end: datetime,
    ) -> tuple[Binding, ...]:
        """What binds, by how much time it costs."""
        found: list[tuple[timedelta, Binding]] = []
        if ready > self._now:
            latest = max(
                (part for part in parts if part.at is not None),
                key=lambda part: part.at or self._now,
            )
            found += [(ready - self._now, one) for one in latest.bindings]
        for placed in placements:
            if placed.waits_ms <= 0:
                continue
            path = self._machines.get(placed.machine, str(placed.machine))
            until = _moment(placed.start_ms)
            reason = f"{path} is planned for other work until {until:%Y-%m-%d %H:%M} UTC"
            wait = timedelta(milliseconds=placed.waits_ms)
            found.append((wait, Binding(kind="machine", what=path, until=until, reason=reason)))
        if not found:
            reason = f"the work on {item.code} itself ends on {end:%Y-%m-%d %H:%M} UTC"
            work = Binding(kind="work", what=item.code, until=end, reason=reason)
            found.append((timedelta(0), work))
        found.sort(key=lambda pair: pair[0], reverse=True)
        return tuple(binding for _, binding in found)

    async def _projection(self, key: Key) -> list[Balance]:
        steps = self._steps.get(key)
        if steps is None:
            free = await supplies.free(self._connection, [key], now=self._now)
            coming = await supplies.changes(self._connection, [key], now=self._now)
            changes = [*coming.get(key, ()), *self._taken[key]]
            steps = self._steps[key] = project(free[key], changes, self._now)
        return steps

    async def _item(self, item_id: int) -> _Item:
        if item_id not in self._items:
            cursor = self._connection.cursor(row_factory=class_row(_Item))
            await cursor.execute(
                """
                SELECT i.id, i.code, i.kind, i.setup_family AS family, r.source,
                       coalesce(r.supplier_lead_days, nullif(v.lead_days, 0), t.days, v.lead_days)
                           AS lead_days
                FROM items i
                LEFT JOIN item_sites r ON r.item_id = i.id AND r.site_id = %(site)s
                LEFT JOIN suppliers v ON v.id = r.supplier_id
                LEFT JOIN LATERAL (
                    SELECT l.days FROM lead_time_rules l
                    WHERE (l.site_id = %(site)s OR l.site_id IS NULL)
                      AND (l.item_id = i.id OR (l.item_id IS NULL AND (
                          l.family = i.family OR l.family IS NULL)))
                    ORDER BY l.item_id NULLS LAST, l.family NULLS LAST, l.site_id NULLS LAST
                    LIMIT 1
                ) t ON true
                WHERE i.id = %(item)s
                """,
                {"item": item_id, "site": self._site_id},
            )
            row = await cursor.fetchone()
            if row is None:
                raise LookupError(f"there is no item {item_id}")
            self._items[item_id] = row
        return self._items[item_id]

    async def _bill(self, item_id: int) -> list[Component]:
        if item_id not in self._bills:
            key = Key(item_id, self._site_id)
            found = await components(self._connection, [key], at=self._now)
            self._bills[item_id] = found.get(key, [])
        return self._bills[item_id]

    async def _routing(self, item_id: int) -> tuple[Step, ...]:
        if item_id not in self._routings:
            found = await routing(self._connection, [item_id], [self._site_id])
            self._routings[item_id] = found.get((item_id, self._site_id), ())
        return self._routings[item_id]

    async def _load_shop(self) -> Shop:
        if self._shop is None:
            now_ms = round(self._now.timestamp() * 1000)
            self._shop = await load_shop(self._connection, self._site_id, now_ms=now_ms)
            cursor = await self._connection.execute(
                "SELECT id, path FROM machines WHERE site_id = %s", (self._site_id,)
            )
            self._machines = dict(await cursor.fetchall())
        return self._shop


def _at(had: _Had) -> datetime:
    return had.at or datetime.max.replace(tzinfo=UTC)


def _either(made: _Had, other: _Had | None, key: Key) -> _Had:
    """Made or not, whichever is sooner by the coarse rule, with both for who can tell better.

    What either would use is taken for the next question: nobody knows yet which one it will be.
    """
    assert made.work is not None  # noqa: S101 - what is made has its work
    if other is None:
        return msgspec.structs.replace(made, made=made.option)
    own = {use[0] for use in other.uses}
    uses = (*other.uses, *(use for use in made.uses if use[0] != key or key not in own))
    best = min(made, other, key=_at)
    return msgspec.structs.replace(
        best,
        uses=uses,
        work=msgspec.structs.replace(
            made.work, otherwise=other.at, bought=other.way is Way.BUY, waits=best is other
        ),
        made=made.option,
        otherwise=other.option,
    )


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


async def earliest(
    connection: Connection,
    item_id: int,
    site_id: int,
    quantity: Decimal,
    *,
    now: datetime | None = None,
) -> Promise:
    """When a site can have a quantity of an item ready: from stock, on its way, or made.

    Args:
        connection: of the database; nothing is written.
        item_id: what.
        site_id: where.
        quantity: how much, in the item's unit.
        now: the moment; None: the clock's.
    """
    promiser = Promiser(connection, site_id, now=now or datetime.now(UTC))
    return await promiser.promise(item_id, quantity)
