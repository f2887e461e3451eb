"""A promise: when so much can be there, how it is had, and what keeps it from being earlier."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from domain.inventory.to_make import Work

_ZERO: Final = Decimal(0)


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a promise from being earlier.

    Attributes:
        kind: `material` (an item that comes no earlier), `machine` (one that is busy until then),
            `resource` (people or tools that other work needs until then),
            `work` (the work itself), `unknown` (nobody knows where it could come from).
        what: the item's code, the machine's path, the skill.
        until: until when it binds; None: nobody knows.
        reason: the same in words.
    """

    kind: str
    what: str
    until: datetime | None
    reason: str


class Way(enum.StrEnum):
    """How a quantity is had, as far as it is not there."""

    STOCK = "stock"
    WAIT = "wait"
    MAKE = "make"
    BUY = "buy"


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to have a quantity.

    Attributes:
        way: which one.
        at: when it is there then; None: never.
        from_stock: how much of it comes from stock and supplies that are on their way.
        to_make: how much has to be made, `to_buy` how much has to be bought for it.
        bindings: what binds, the first the most.
    """

    way: Way
    at: datetime | None
    from_stock: Decimal
    to_make: Decimal = _ZERO
    to_buy: Decimal = _ZERO
    bindings: tuple[Binding, ...] = ()


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """When so much can be there.

    Attributes:
        at: when; None: it cannot be promised, `bindings` says why.
        from_stock: how much of it comes from stock and supplies that are on their way.
        to_make: how much has to be made, `to_buy` how much has to be bought for it.
        bindings: what binds, the first the most.
        way: how it is had, by the coarse rule.
        work: what could be made for it; a planner is asked about it, and `made` is what that comes
            to. None: nothing has to be made, or can be.
        made: to make it, by the coarse rule.
        otherwise: the best way without making it, if there is one beside.
    """

    item_id: int
    site_id: int
    quantity: Decimal
    at: datetime | None
    from_stock: Decimal
    to_make: Decimal
    to_buy: Decimal
    bindings: tuple[Binding, ...]
    way: Way = Way.STOCK
    work: Work | None = None
    made: Option | None = None
    otherwise: Option | None = None

    def had(self, option: Option) -> Promise:
        """The same quantity, had in another way."""
        return msgspec.structs.replace(
            self,
            at=option.at,
            from_stock=option.from_stock,
            to_make=option.to_make,
            to_buy=option.to_buy,
            bindings=option.bindings,
            way=option.way,
        )
