"""The unit of work: some items' books, locked, changed in memory, written in one go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from psycopg.errors import UniqueViolation

from domain.inventory.books import Books, Entry, Head, Key, Lot, Place, Shortfall
from domain.inventory.words import (
    PostingKind,
    ReservationKind,
    ReservationOrigin,
    StockStatus,
)
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError

_ZERO: Final = Decimal(0)
_CALENDAR: Final = Actor("calendar", "stock")
"""Who books that a lot's last day is over."""


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """Why stock moves, who says so, and when it happened."""

    site_id: int
    kind: PostingKind
    actor: Actor
    occurred_at: datetime
    reference: str | None = None
    digest: bytes | None = None
    reason: str | None = None


class NewReservation(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that has been decided on."""

    key: Key
    quantity: Decimal
    kind: ReservationKind
    need_at: datetime
    created_by: str
    origin: ReservationOrigin = ReservationOrigin.REQUEST
    expires_at: datetime | None = None
    order_line_id: int | None = None
    work_order_id: int | None = None
    customer_id: int | None = None
    reference: str | None = None
    digest: bytes | None = None
    note: str | None = None


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What `Stock.save` wrote: ids in the order in which they were asked for."""

    postings: list[int]
    reservations: list[int]


class Stock:
    """Some items at some sites, locked until the end of the transaction.

    Attributes:
        connection: the transaction.
        books: what stands in the books, and what is being written.
        now: the moment that everything is judged by.
    """

    def __init__(self, connection: Connection, books: Books, now: datetime) -> None:
        self.connection = connection
        self.books = books
        self.now = now
        self._zones: dict[Key, str] = {}
        self._postings: list[Posting] = []
        self.reservations: list[NewReservation] = []

    @classmethod
    async def lock(
        cls, connection: Connection, keys: Iterable[Key], *, now: datetime, lots: bool = True
    ) -> Stock:
        """Lock items; what has expired, reservations and lots, is booked as such at once.

        Args:
            connection: within a transaction. All that it needs is locked at once: a second call
                may wait for somebody who waits for the first.
            keys: which items at which sites.
            now: the moment.
            lots: whether goods move; else only the sums are read.
        """
        ordered = sorted(set(keys))
        where = {
            "items": [key.item_id for key in ordered],
            "sites": [key.site_id for key in ordered],
            "now": now,
        }
        async with connection.pipeline():
            await connection.execute(_MAKE_HEADS, where)
            heads = await connection.execute(_LOCK_HEADS, where)
            expired = await connection.execute(_EXPIRE, where)
            found = await connection.execute(_LOTS, where) if lots else None
            short = await connection.execute(_SHORTFALLS, where) if lots else None
        rows = await heads.fetchall()
        books = Books(
            [_head(row[:-1]) for row in rows],
            [_lot(row) for row in await found.fetchall()] if found else (),
            [_shortfall(row) for row in await short.fetchall()] if short else (),
        )
        stock = cls(connection, books, now)
        gone = await expired.fetchall()
        for item_id, site_id, kind, quantity in gone:
            stock.reserved(Key(item_id, site_id), ReservationKind(kind), -quantity)
        stock._zones = {Key(row[0], row[1]): row[-1] for row in rows}
        if await stock._expire(lots_read=lots) or gone:
            # Whatever the caller does next: he may find that there is nothing to do.
            await stock.save()
        return stock

    def today(self, key: Key) -> date:
        """The day that it is at an item's site: what had its last day before is expired."""
        return self.now.astimezone(ZoneInfo(self._zones[key])).date()

    async def _expire(self, *, lots_read: bool) -> bool:
        """Take goods whose last day is over out of what is available; whether there were any."""
        due = [
            head.key
            for head in self.books.heads.values()
            if head.expires_at is not None and head.expires_at <= self.now
        ]
        if not due:
            return False
        if not lots_read:
            await self._read_lots(due)
        for key in due:
            for lot in self.books.past(key, self.today(key)):
                posting = self.post(
                    Posting(
                        site_id=key.site_id,
                        kind=PostingKind.STATUS,
                        actor=_CALENDAR,
                        occurred_at=self.now,
                        reason=f"its last day was {lot.expires_on}",
                    )
                )
                to = lot.place._replace(status=StockStatus.EXPIRED)
                self.books.move(posting, lot, lot.quantity, to=to)
            self.books.touched.add(key)
        return True

    async def _read_lots(self, keys: Collection[Key]) -> None:
        """Read the lots of items that are locked."""
        found = await self.connection.execute(
            _LOTS,
            {"items": [key.item_id for key in keys], "sites": [key.site_id for key in keys]},
        )
        for lot in map(_lot, await found.fetchall()):
            self.books.lots[Key(lot.item_id, lot.site_id)][lot.place] = lot

    def head(self, key: Key) -> Head:
        """An item's sums."""
        return self.books.heads[key]

    def next_version(self, key: Key) -> int:
        """The version that the head will have."""
        return self.head(key).version + 1

    def post(self, posting: Posting) -> int:
        """Announce a posting; answers the number that its entries carry."""
        self._postings.append(posting)
        return len(self._postings) - 1

    def posting(self, number: int) -> Posting:
        """A posting that was announced."""
        return self._postings[number]

    def reserved(self, key: Key, kind: ReservationKind, quantity: Decimal) -> None:
        """Note that so much more (below zero: less) is reserved."""
        head = self.head(key)
        if kind is ReservationKind.HARD:
            head.hard_reserved += quantity
            if quantity < 0:
                head.settle()
        else:
            head.soft_reserved += quantity
        self.books.touched.add(key)

    async def save(self) -> Saved:
        """Write everything.

        Raises:
            ConflictError: the reference of a posting or a reservation is taken by another one.
            psycopg.errors.CheckViolation: more would be reserved than is there; a programming
                error that the database has caught.
        """
        for key in self.books.touched:
            self.books.heads[key].version += 1
        try:
            await self._write_lots()
            await self._move_pegs()
            postings = await self._write_postings()
            async with self.connection.pipeline():
                await self._write_entries(postings)
                await self._write_shortfalls(postings)
                await self._write_heads()
                made = [
                    await self.connection.execute(_RESERVE, self._reservation_row(one))
                    for one in self.reservations
                ]
        except UniqueViolation as error:
            raise ConflictError(
                "this reference stands for something else here already; use another one"
            ) from error
        ids = [(await one.fetchone() or (0,))[0] for one in made]
        self.books.touched.clear()
        self.books.entries.clear()
        self.reservations = []
        self._postings = []
        return Saved(postings=postings, reservations=ids)

    def _reservation_row(self, new: NewReservation) -> dict[str, object]:
        return {
            **{name: getattr(new, name) for name in new.__struct_fields__ if name != "key"},
            "item_id": new.key.item_id,
            "site_id": new.key.site_id,
            "head_version": self.head(new.key).version,
        }

    async def _write_lots(self) -> None:
        changed = [lot for lots in self.books.lots.values() for lot in lots.values() if lot.changed]
        for lot in changed:
            if lot.id is None:
                cursor = await self.connection.execute(
                    _NEW_LOT,
                    (
                        lot.item_id,
                        lot.site_id,
                        lot.place.location_id,
                        lot.place.lot,
                        lot.place.status.value,
                        lot.quantity,
                        lot.received_at,
                        lot.expires_on,
                    ),
                )
                row = await cursor.fetchone()
                assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
                lot.id, lot.changed = row[0], False
        old = [lot for lot in changed if lot.changed]
        if old:
            await self.connection.execute(
                """
                UPDATE stock_lots l SET quantity = n.quantity, received_at = n.received_at,
                       expires_on = n.expires_on
                FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[], %s::date[])
                    AS n (id, quantity, received_at, expires_on)
                WHERE l.id = n.id
                """,
                (
                    [lot.id for lot in old],
                    [lot.quantity for lot in old],
                    [lot.received_at for lot in old],
                    [lot.expires_on for lot in old],
                ),
            )
        for lot in old:
            lot.changed = False

    async def _move_pegs(self) -> None:
        """What is pegged to a lot goes along with goods that are moved to another location."""
        for entry in self.books.entries:
            source, target = entry.from_lot, entry.to_lot
            if source is None or target is None or source.place.status != target.place.status:
                continue
            await self.connection.execute(
                _MOVE_PEGS,
                {
                    "source": source.id,
                    "target": target.id,
                    "left": source.quantity,
                    "moved": entry.quantity,
                },
            )

    async def _write_postings(self) -> list[int]:
        ids: list[int] = []
        for posting in self._postings:
            cursor = await self.connection.execute(
                """
                INSERT INTO stock_postings
                    (site_id, kind, reference, digest, reason, actor, origin, occurred_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                (
                    posting.site_id,
                    posting.kind.value,
                    posting.reference,
                    posting.digest,
                    posting.reason,
                    posting.actor.name,
                    posting.actor.origin,
                    posting.occurred_at,
                ),
            )
            row = await cursor.fetchone()
            assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
            ids.append(row[0])
        return ids

    async def _write_entries(self, postings: Sequence[int]) -> None:
        if not self.books.entries:
            return
        rows = [self._entry_row(entry, postings) for entry in self.books.entries]
        await self.connection.execute(
            _ENTRIES, [list(column) for column in zip(*rows, strict=True)]
        )

    def _entry_row(self, entry: Entry, postings: Sequence[int]) -> tuple[object, ...]:
        return (
            postings[entry.posting],
            entry.item_id,
            entry.site_id,
            entry.quantity,
            entry.from_account.value,
            entry.from_lot.id if entry.from_lot else None,
            entry.to_account.value,
            entry.to_lot.id if entry.to_lot else None,
            entry.from_left,
            entry.to_left,
            entry.tags.order_line_id,
            entry.tags.work_order_id,
            entry.tags.purchase_line_id,
            self.head(Key(entry.item_id, entry.site_id)).version,
        )

    async def _write_shortfalls(self, postings: Sequence[int]) -> None:
        for shortfalls in self.books.shortfalls.values():
            for one in shortfalls:
                if not one.changed:
                    continue
                settled = self.now if one.open_quantity == 0 else None
                if one.id is None and one.posting is not None:
                    await self.connection.execute(
                        """
                        INSERT INTO stock_shortfalls (item_id, site_id, posting_id, work_order_id,
                            order_line_id, quantity, open_quantity, occurred_at, settled_at)
                        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                        """,
                        (
                            one.item_id,
                            one.site_id,
                            postings[one.posting],
                            one.work_order_id,
                            one.order_line_id,
                            one.quantity,
                            one.open_quantity,
                            one.occurred_at,
                            settled,
                        ),
                    )
                else:
                    await self.connection.execute(
                        "UPDATE stock_shortfalls SET open_quantity = %s, settled_at = %s"
                        " WHERE id = %s",
                        (one.open_quantity, settled, one.id),
                    )
                one.changed = False

    async def _write_heads(self) -> None:
        heads = [self.books.heads[key] for key in sorted(self.books.touched)]
        if not heads:
            return
        await self.connection.execute(
            """
            UPDATE stock_heads h SET available = n.available, hard_reserved = n.hard_reserved,
                   soft_reserved = n.soft_reserved, uncovered = n.uncovered,
                   shortfall = n.shortfall, version = n.version,
                   expires_at = CASE WHEN n.dated THEN first_expiry(h.item_id, h.site_id)
                                     ELSE h.expires_at END
            FROM unnest(%s::integer[], %s::integer[], %s::numeric[], %s::numeric[], %s::numeric[],
                        %s::numeric[], %s::numeric[], %s::bigint[], %s::boolean[])
                AS n (item_id, site_id, available, hard_reserved, soft_reserved, uncovered,
                      shortfall, version, dated)
            WHERE h.item_id = n.item_id AND h.site_id = n.site_id
            """,
            (
                [head.item_id for head in heads],
                [head.site_id for head in heads],
                [head.available for head in heads],
                [head.hard_reserved for head in heads],
                [head.soft_reserved for head in heads],
                [head.uncovered for head in heads],
                [head.shortfall for head in heads],
                [head.version for head in heads],
                [self._dated(head.key) for head in heads],
            ),
        )

    def _dated(self, key: Key) -> bool:
        """Whether goods with a last day may have come or gone; without lots nothing moved."""
        return any(lot.expires_on is not None for lot in self.books.lots[key].values())


_MAKE_HEADS: Final = """
INSERT INTO stock_heads (item_id, site_id) SELECT k.item_id, k.site_id
FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
ORDER BY k.item_id, k.site_id ON CONFLICT (item_id, site_id) DO NOTHING
"""
_LOCK_HEADS: Final = """
SELECT h.item_id, h.site_id, h.available, h.hard_reserved, h.soft_reserved, h.uncovered,
       h.shortfall, h.version, h.expires_at, s.time_zone
FROM stock_heads h JOIN sites s ON s.id = h.site_id WHERE (h.item_id, h.site_id) IN (
    SELECT k.item_id, k.site_id
    FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id))
ORDER BY h.item_id, h.site_id FOR NO KEY UPDATE OF h
"""
_EXPIRE: Final = """
UPDATE reservations r SET state = 'expired', closed_at = %(now)s
FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
WHERE (r.item_id, r.site_id) = (k.item_id, k.site_id) AND r.state = 'open'
  AND r.expires_at <= %(now)s
RETURNING r.item_id, r.site_id, r.kind, r.quantity - r.consumed
"""
_LOTS: Final = """
SELECT l.id, l.item_id, l.site_id, l.location_id, l.lot, l.status, l.quantity, l.received_at,
       l.expires_on
FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
JOIN stock_lots l ON (l.item_id, l.site_id) = (k.item_id, k.site_id)
"""
_SHORTFALLS: Final = """
SELECT s.id, s.item_id, s.site_id, s.quantity, s.open_quantity, s.occurred_at, s.work_order_id,
       s.order_line_id
FROM unnest(%(items)s::integer[], %(sites)s::integer[]) AS k (item_id, site_id)
JOIN stock_shortfalls s ON (s.item_id, s.site_id) = (k.item_id, k.site_id)
WHERE s.open_quantity > 0 ORDER BY s.id
"""
_NEW_LOT: Final = """
INSERT INTO stock_lots
    (item_id, site_id, location_id, lot, status, quantity, received_at, expires_on)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
# As much as the lot cannot keep any more, but no more than was moved: the last pegs first.
_MOVE_PEGS: Final = """
WITH here AS (
    SELECT p.id, p.order_line_id, p.quantity - p.made AS quantity,
           sum(p.quantity - p.made) OVER (ORDER BY p.id DESC) - (p.quantity - p.made) AS before,
           least(sum(p.quantity - p.made) OVER () - %(left)s, %(moved)s) AS going
    FROM pegs p WHERE p.stock_lot_id = %(source)s AND p.order_line_id IS NOT NULL
      AND p.quantity > p.made
), gone AS (
    SELECT id, order_line_id, least(quantity, going - before) AS quantity
    FROM here WHERE before < going
), taken AS (
    UPDATE pegs p SET quantity = p.quantity - g.quantity FROM gone g
    WHERE p.id = g.id AND p.quantity > g.quantity
), dropped AS (
    DELETE FROM pegs p USING gone g WHERE p.id = g.id AND p.quantity = g.quantity
)
INSERT INTO pegs AS p (order_line_id, stock_lot_id, quantity)
SELECT order_line_id, %(target)s, quantity FROM gone
ON CONFLICT (order_line_id, stock_lot_id)
    WHERE order_line_id IS NOT NULL AND stock_lot_id IS NOT NULL
DO UPDATE SET quantity = p.quantity + excluded.quantity
"""
_ENTRIES: Final = """
INSERT INTO stock_ledger (posting_id, item_id, site_id, quantity, from_account, from_lot_id,
    to_account, to_lot_id, from_left, to_left, order_line_id, work_order_id, purchase_line_id,
    head_version)
SELECT n.posting_id, n.item_id, n.site_id, n.quantity, n.from_account, n.from_lot_id, n.to_account,
       n.to_lot_id, n.from_left, n.to_left, n.order_line_id, n.work_order_id, n.purchase_line_id,
       n.head_version
FROM unnest(%s::bigint[], %s::integer[], %s::integer[], %s::numeric[], %s::text[], %s::bigint[],
            %s::text[], %s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[]) WITH ORDINALITY
    AS n (posting_id, item_id, site_id, quantity, from_account, from_lot_id, to_account, to_lot_id,
          from_left, to_left, order_line_id, work_order_id, purchase_line_id, head_version, place)
ORDER BY n.place
"""
_RESERVE: Final = """
INSERT INTO reservations (item_id, site_id, quantity, kind, origin, need_at, expires_at,
    order_line_id, work_order_id, customer_id, reference, digest, note, head_version, created_by)
VALUES (%(item_id)s, %(site_id)s, %(quantity)s, %(kind)s, %(origin)s, %(need_at)s, %(expires_at)s,
    %(order_line_id)s, %(work_order_id)s, %(customer_id)s, %(reference)s, %(digest)s, %(note)s,
    %(head_version)s, %(created_by)s)
RETURNING id
"""


def _head(row: Sequence[object]) -> Head:
    return msgspec.convert(dict(zip(_HEAD_FIELDS, row, strict=True)), Head)


_HEAD_FIELDS: Final = (
    "item_id",
    "site_id",
    "available",
    "hard_reserved",
    "soft_reserved",
    "uncovered",
    "shortfall",
    "version",
    "expires_at",
)


def _lot(row: tuple[object, ...]) -> Lot:
    id_, item_id, site_id, location_id, lot, status, quantity, received_at, expires_on = row
    return msgspec.convert(
        {
            "id": id_,
            "item_id": item_id,
            "site_id": site_id,
            "place": (location_id, lot, status),
            "quantity": quantity,
            "received_at": received_at,
            "expires_on": expires_on,
        },
        Lot,
    )


def _shortfall(row: tuple[object, ...]) -> Shortfall:
    id_, item_id, site_id, quantity, open_quantity, occurred_at, work_order_id, line_id = row
    return msgspec.convert(
        {
            "id": id_,
            "item_id": item_id,
            "site_id": site_id,
            "quantity": quantity,
            "open_quantity": open_quantity,
            "occurred_at": occurred_at,
            "work_order_id": work_order_id,
            "order_line_id": line_id,
        },
        Shortfall,
    )


async def posting_of(
    connection: Connection, site_id: int, kind: PostingKind, reference: str, digest: bytes
) -> int | None:
    """The posting that a reference stands for already; None: none does.

    Raises:
        ConflictError: it stands for something else.
    """
    cursor = await connection.execute(
        "SELECT id, digest FROM stock_postings WHERE site_id = %s AND kind = %s AND reference = %s",
        (site_id, kind.value, reference),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if row[1] != digest:
        raise ConflictError(
            f"the {kind.value} {reference!r} is booked already, with another content"
        )
    posting: int = row[0]
    return posting


async def locations(connection: Connection, site_id: int, codes: Iterable[str]) -> dict[str, int]:
    """The ids of a site's locations by code; those that nobody described are made."""
    wanted = sorted(set(codes))
    cursor = await connection.execute(
        "SELECT code, id FROM locations WHERE site_id = %s AND code = ANY(%s)", (site_id, wanted)
    )
    found: dict[str, int] = dict(await cursor.fetchall())
    missing = [code for code in wanted if code not in found]
    if missing:
        cursor = await connection.execute(
            """
            INSERT INTO locations (site_id, code) SELECT %s, n.code FROM unnest(%s::text[]) n (code)
            ORDER BY n.code ON CONFLICT (site_id, code) DO UPDATE SET code = excluded.code
            RETURNING code, id
            """,
            (site_id, missing),
        )
        found |= dict(await cursor.fetchall())
    return found


async def location_names(connection: Connection, site_ids: Iterable[int]) -> dict[int, str]:
    """Codes of locations by id."""
    cursor = await connection.execute(
        "SELECT id, code FROM locations WHERE site_id = ANY(%s)", (sorted(set(site_ids)),)
    )
    return dict(await cursor.fetchall())


def by_key(pairs: Iterable[tuple[Key, Decimal]]) -> dict[Key, Decimal]:
    """Sums by item and site."""
    sums: dict[Key, Decimal] = defaultdict(lambda: _ZERO)
    for key, quantity in pairs:
        sums[key] += quantity
    return dict(sums)


MAIN: Final = "MAIN"
"""Where goods lie when nobody says where."""
STAGING: Final = "STAGING"
"""Where picked goods lie until they leave, when nobody says where."""


def place_of(location_id: int, lot: str | None, status: StockStatus) -> Place:
    """A place in the books."""
    return Place(location_id, lot or "", status)
