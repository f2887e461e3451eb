"""The books: lots, entries and sums of some items while a transaction changes them.

Every change is an entry from one account to another (`Account`), so the books balance by
construction: what a lot holds is what came into it less what went out. Whoever calls has locked the
heads; nothing in here knows a database.

Reality wins: goods that left are booked even when the books have none. What is missing is a
shortfall, and what comes in later settles the oldest shortfalls first, so that the order in which a
receipt and a shipment are told has no influence on what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

import msgspec

from domain.inventory.words import Account, StockStatus

_ZERO: Final = Decimal(0)


class BooksError(Exception):
    """Something that the books cannot do; it carries the values."""


class NotEnoughError(BooksError):
    """There is less than was asked for, and whoever asked does not insist."""

    def __init__(self, wanted: Decimal, there: Decimal) -> None:
        super().__init__(f"{wanted.normalize():f} are wanted, {there.normalize():f} are there")
        self.wanted = wanted
        self.there = there


class Key(NamedTuple):
    """An item at a site."""

    item_id: int
    site_id: int


class Head(msgspec.Struct, kw_only=True):
    """An item's sums at a site (`stock_heads`).

    `expires_at`: when the last day of the first of its available lots is over.
    """

    item_id: int
    site_id: int
    available: Decimal = _ZERO
    hard_reserved: Decimal = _ZERO
    soft_reserved: Decimal = _ZERO
    uncovered: Decimal = _ZERO
    shortfall: Decimal = _ZERO
    version: int = 0
    expires_at: datetime | None = None

    @property
    def key(self) -> Key:
        """Which item at which site."""
        return Key(self.item_id, self.site_id)

    @property
    def free(self) -> Decimal:
        """What is there and not reserved hard; below zero: reserved goods have gone."""
        return self.available - self.hard_reserved - self.shortfall

    def settle(self) -> None:
        """Say anew what is reserved and not there."""
        self.uncovered = max(self.hard_reserved - self.available, _ZERO)


class Place(NamedTuple):
    """Where in the books a lot stands."""

    location_id: int
    lot: str = ""
    status: StockStatus = StockStatus.AVAILABLE


class Lot(msgspec.Struct, kw_only=True):
    """Goods of one item that lie at one place (`stock_lots`); without `id` it is a new one."""

    id: int | None = None
    item_id: int
    site_id: int
    place: Place
    quantity: Decimal = _ZERO
    received_at: datetime
    expires_on: date | None = None
    changed: bool = False


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an entry concerns."""

    order_line_id: int | None = None
    work_order_id: int | None = None
    purchase_line_id: int | None = None


_NOBODY: Final = Tags()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity that went from one account to another. `posting` numbers the caller's postings."""

    posting: int
    item_id: int
    site_id: int
    quantity: Decimal
    from_account: Account
    from_lot: Lot | None
    to_account: Account
    to_lot: Lot | None
    from_left: Decimal | None
    to_left: Decimal | None
    tags: Tags


Side: TypeAlias = tuple[Account, Lot | None]
"""Where an entry begins or ends; STOCK with its lot."""


class Shortfall(msgspec.Struct, kw_only=True):
    """Goods that left and were not in the books; without `id` it is a new one."""

    id: int | None = None
    posting: int | None = None
    item_id: int
    site_id: int
    quantity: Decimal
    open_quantity: Decimal
    occurred_at: datetime
    work_order_id: int | None = None
    order_line_id: int | None = None
    changed: bool = False


class Books:
    """What stands in the books of some items, and what is being written into them.

    Args:
        heads: the items' sums, locked.
        lots: all lots of these items, empty ones too.
        shortfalls: the open ones, oldest first.

    Attributes:
        entries: what was booked, in order.
    """

    def __init__(
        self, heads: Iterable[Head], lots: Iterable[Lot] = (), shortfalls: Iterable[Shortfall] = ()
    ) -> None:
        self.heads = {head.key: head for head in heads}
        self.lots: dict[Key, dict[Place, Lot]] = defaultdict(dict)
        for lot in lots:
            self.lots[Key(lot.item_id, lot.site_id)][lot.place] = lot
        self.shortfalls: dict[Key, list[Shortfall]] = defaultdict(list)
        for shortfall in shortfalls:
            self.shortfalls[Key(shortfall.item_id, shortfall.site_id)].append(shortfall)
        self.entries: list[Entry] = []
        self.touched: set[Key] = set()

    def on_hand(self, key: Key, *, location_id: int | None = None) -> Decimal:
        """How much is available, at one location or at all of them."""
        return sum(
            (
                lot.quantity
                for place, lot in self.lots[key].items()
                if place.status is StockStatus.AVAILABLE
                and (location_id is None or place.location_id == location_id)
            ),
            _ZERO,
        )

    def add(
        self,
        posting: int,
        key: Key,
        quantity: Decimal,
        *,
        source: Account,
        place: Place,
        at: datetime,
        expires_on: date | None = None,
        tags: Tags = _NOBODY,
        settles: bool = True,
    ) -> None:
        """Bring goods in. What is available settles shortfalls first, if it `settles`."""
        left = quantity
        if place.status is StockStatus.AVAILABLE and settles:
            left -= self._settle(posting, key, quantity, source=source, tags=tags)
        if left > 0:
            lot = self._lot(key, place, at, expires_on)
            self._book(
                posting, key, left, source=(source, None), target=(Account.STOCK, lot), tags=tags
            )

    def take(
        self,
        posting: int,
        key: Key,
        quantity: Decimal,
        *,
        target: Account,
        at: datetime,
        location_id: int | None = None,
        lot: str | None = None,
        insist: bool = False,
        only_there: bool = False,
        tags: Tags = _NOBODY,
    ) -> list[tuple[Lot, Decimal]]:
        """Take available goods out, first expired first, then first in first out.

        Args:
            posting: which posting it belongs to.
            key: of which item.
            quantity: how much.
            target: where it goes.
            at: when it happened.
            location_id: where it is taken first.
            lot: from which lot it is taken first.
            insist: it has happened: what is not in the books is a shortfall.
            only_there: from the location and the lot named alone.
            tags: whom it concerns.

        Raises:
            NotEnoughError: there is less, and nobody insists.
        """
        draws, missing = pick(
            self.lots[key].values(), quantity, location_id=location_id, lot=lot, only=only_there
        )
        if missing > 0 and not insist:
            raise NotEnoughError(quantity, quantity - missing)
        for drawn, part in draws:
            self._book(
                posting, key, part, source=(Account.STOCK, drawn), target=(target, None), tags=tags
            )
        if missing > 0:
            self._fall_short(posting, key, missing, target=target, at=at, tags=tags)
        return draws

    def move(
        self,
        posting: int,
        source: Lot,
        quantity: Decimal,
        *,
        to: Place,
        tags: Tags = _NOBODY,
    ) -> None:
        """Move goods to another location or status; dates go with them.

        Raises:
            NotEnoughError: the lot holds less.
        """
        key = Key(source.item_id, source.site_id)
        if source.quantity < quantity:
            raise NotEnoughError(quantity, source.quantity)
        target = self._lot(key, to, source.received_at, source.expires_on)
        if target is not source:
            self._book(
                posting,
                key,
                quantity,
                source=(Account.STOCK, source),
                target=(Account.STOCK, target),
                tags=tags,
            )

    def past(self, key: Key, today: date) -> list[Lot]:
        """Available goods whose last day was before today, in the order of their places."""
        return [
            lot
            for place, lot in sorted(self.lots[key].items())
            if place.status is StockStatus.AVAILABLE
            and lot.quantity > 0
            and lot.expires_on is not None
            and lot.expires_on < today
        ]

    def set_quantity(
        self, posting: int, key: Key, place: Place, quantity: Decimal, *, at: datetime
    ) -> Decimal:
        """Say how much lies at a place, because somebody looked; answers the difference."""
        lot = self._lot(key, place, at, None)
        difference = quantity - lot.quantity
        outside: Side = (Account.DIFFERENCE, None)
        here: Side = (Account.STOCK, lot)
        if difference > 0:
            self._book(posting, key, difference, source=outside, target=here)
        elif difference < 0:
            self._book(posting, key, -difference, source=here, target=outside)
        return difference

    def give_back(
        self, posting: int, lot: Lot, quantity: Decimal, *, source: Account, tags: Tags
    ) -> None:
        """Undo a part of what was taken from a lot: it lies there again."""
        key = Key(lot.item_id, lot.site_id)
        self._book(
            posting, key, quantity, source=(source, None), target=(Account.STOCK, lot), tags=tags
        )

    def explain(
        self, posting: int, shortfall: Shortfall, quantity: Decimal, *, source: Account, tags: Tags
    ) -> None:
        """Say where a part of a shortfall came from."""
        key = Key(shortfall.item_id, shortfall.site_id)
        shortfall.open_quantity -= quantity
        shortfall.changed = True
        self.heads[key].shortfall -= quantity
        self._book(
            posting,
            key,
            quantity,
            source=(source, None),
            target=(Account.SHORTFALL, None),
            tags=tags,
        )

    def _settle(
        self,
        posting: int,
        key: Key,
        quantity: Decimal,
        *,
        source: Account,
        tags: Tags,
    ) -> Decimal:
        settled = _ZERO
        for shortfall in self.shortfalls[key]:
            part = min(quantity - settled, shortfall.open_quantity)
            if part > 0:
                self.explain(posting, shortfall, part, source=source, tags=tags)
                settled += part
        return settled

    def _fall_short(
        self,
        posting: int,
        key: Key,
        quantity: Decimal,
        *,
        target: Account,
        at: datetime,
        tags: Tags,
    ) -> None:
        self._book(
            posting,
            key,
            quantity,
            source=(Account.SHORTFALL, None),
            target=(target, None),
            tags=tags,
        )
        self.heads[key].shortfall += quantity
        self.shortfalls[key].append(
            Shortfall(
                posting=posting,
                item_id=key.item_id,
                site_id=key.site_id,
                quantity=quantity,
                open_quantity=quantity,
                occurred_at=at,
                work_order_id=tags.work_order_id,
                order_line_id=tags.order_line_id,
                changed=True,
            )
        )

    def _lot(self, key: Key, place: Place, at: datetime, expires_on: date | None) -> Lot:
        lots = self.lots[key]
        lot = lots.get(place)
        if lot is None:
            lot = lots[place] = Lot(
                item_id=key.item_id,
                site_id=key.site_id,
                place=place,
                received_at=at,
                expires_on=expires_on,
                changed=True,
            )
            return lot
        if not lot.quantity:
            lot.received_at, lot.expires_on = at, expires_on or lot.expires_on
        elif expires_on is not None:
            lot.expires_on = min(expires_on, lot.expires_on or expires_on)
        return lot

    def _book(
        self,
        posting: int,
        key: Key,
        quantity: Decimal,
        *,
        source: Side,
        target: Side,
        tags: Tags = _NOBODY,
    ) -> None:
        for (_, lot), sign in ((source, -1), (target, 1)):
            if lot is None:
                continue
            lot.quantity += sign * quantity
            lot.changed = True
            if lot.place.status is StockStatus.AVAILABLE:
                self.heads[key].available += sign * quantity
        self.heads[key].settle()
        self.touched.add(key)
        self.entries.append(
            Entry(
                posting=posting,
                item_id=key.item_id,
                site_id=key.site_id,
                quantity=quantity,
                from_account=source[0],
                from_lot=source[1],
                to_account=target[0],
                to_lot=target[1],
                from_left=source[1].quantity if source[1] else None,
                to_left=target[1].quantity if target[1] else None,
                tags=tags,
            )
        )


def pick(
    lots: Iterable[Lot],
    quantity: Decimal,
    *,
    location_id: int | None = None,
    lot: str | None = None,
    only: bool = False,
) -> tuple[list[tuple[Lot, Decimal]], Decimal]:
    """Which available lots a quantity is taken from, and how much is missing.

    What is named comes first (the lot before the location), then what expires first, then what
    came first. With `only` nothing but what is named is taken.
    """

    def named(one: Lot) -> tuple[bool, bool]:
        return (
            lot is None or one.place.lot == lot,
            location_id is None or one.place.location_id == location_id,
        )

    fit = [
        one
        for one in lots
        if one.quantity > 0
        and one.place.status is StockStatus.AVAILABLE
        and (not only or named(one) == (True, True))
    ]
    fit.sort(
        key=lambda one: (
            *(not is_named for is_named in named(one)),
            one.expires_on is None,
            one.expires_on or date.max,
            one.received_at,
            one.place,
        )
    )
    draws: list[tuple[Lot, Decimal]] = []
    missing = quantity
    for one in fit:
        if missing <= 0:
            break
        part = min(missing, one.quantity)
        draws.append((one, part))
        missing -= part
    return draws, missing
