"""Shapes of stock, its movements and counts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from api.fields import Body, Code, Listing, Moment, Number, Quantity, Reason, Wanted, Whole
from domain.inventory.words import Account, PostingKind, StockStatus

UNIT = "Default: the item's own. Another one is converted exactly, or refused."
_Lines = Field(min_length=1, max_length=1_000)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic tells a ValueError
    return value


SignedQuantity = Annotated[
    Decimal,
    BeforeValidator(_number),
    Field(max_digits=15, decimal_places=6, description="Exact; below zero takes off."),
]
CountedQuantity = Annotated[
    Decimal, BeforeValidator(_number), Field(ge=0, max_digits=15, decimal_places=6)
]


class Lot(BaseModel):
    """Goods of one item at one place."""

    id: int = Field(description="Names it where pegs are moved.")
    item: str
    item_name: str
    unit: str
    site: str
    location: str
    lot: str = Field(description="Empty: without a lot.")
    status: StockStatus
    quantity: Number
    received_at: datetime
    expires_on: date | None


class LotList(Listing[Lot]):
    """What lies where."""


class Sum(BaseModel):
    """An item's stock at a site."""

    item: str
    item_name: str
    unit: str
    site: str
    available: Number
    quality: Number = Field(description="Waits for an inspection.")
    blocked: Number
    expired: Number = Field(description="Its last day is over: it is promised to nobody.")
    hard_reserved: Number
    soft_reserved: Number
    free: Number = Field(description="Available, not reserved hard, and owed to nobody.")
    uncovered: Number = Field(description="Reserved hard, and no longer there.")
    shortfall: Number = Field(description="Taken although the books had none.")
    incoming: Number = Field(description="What purchases still bring.")
    version: int = Field(description="Counts the changes of this item here.")


class SumList(Listing[Sum]):
    """Items' stock by site."""


class Movement(BaseModel):
    """A row of the ledger: a quantity that went from one account to another."""

    id: int
    posting: int
    kind: PostingKind
    reference: str | None
    reason: str | None
    actor: str
    origin: str
    occurred_at: datetime
    recorded_at: datetime
    item: str
    unit: str
    site: str
    quantity: Number
    from_account: Account
    from_location: str | None
    from_lot: str | None
    from_status: StockStatus | None
    from_left: Number | None = Field(description="What was left there.")
    to_account: Account
    to_location: str | None
    to_lot: str | None
    to_status: StockStatus | None
    to_left: Number | None
    order: str | None
    line: int | None
    work_order: str | None
    purchase: str | None
    head_version: int = Field(description="The item's version that it made.")


class MovementList(Listing[Movement]):
    """The ledger, newest first."""


class Posted(BaseModel):
    """What was booked."""

    id: int
    site: str
    kind: PostingKind
    reference: str | None
    movements: list[Movement]


class _Posting(Body):
    """What every posting may say."""

    site: Wanted
    reference: Code | None = Field(
        default=None, description="Yours: the same one again is the same posting."
    )
    occurred_at: Moment | None = Field(default=None, description="When it happened; default: now.")
    reason: Reason | None = None


class _Goods(Body):
    item: Code
    quantity: Quantity
    unit: Wanted | None = Field(default=None, description=UNIT)


class ReceivedGoods(_Goods):
    """What has come."""

    location: Code | None = Field(default=None, description="Default: `MAIN`.")
    lot: Code | None = None
    status: StockStatus = StockStatus.AVAILABLE
    expires_on: date | None = None
    purchase: Code | None = Field(default=None, description="The purchase that it was ordered by.")
    purchase_line: Whole | None = None


class NewReceipt(_Posting):
    """Goods that came in."""

    lines: Annotated[list[ReceivedGoods], _Lines]


class IssuedGoods(_Goods):
    """What has gone."""

    location: Code | None = Field(default=None, description="Default: first expired, first out.")
    lot: Code | None = None
    order: Code | None = Field(default=None, description="The order that it is for.")
    line: Whole | None = Field(default=None, description="The order's line.")
    work_order: Code | None = None


class NewIssue(_Posting):
    """Goods that went out."""

    lines: Annotated[list[IssuedGoods], _Lines]


class AdjustedGoods(Body):
    """By how much the books were wrong."""

    item: Code
    quantity: SignedQuantity
    unit: Wanted | None = Field(default=None, description=UNIT)
    location: Code | None = Field(default=None, description="Default: `MAIN`.")
    lot: Code | None = None
    status: StockStatus = StockStatus.AVAILABLE


class NewAdjustment(_Posting):
    """A correction of the books."""

    reason: Reason = Field(description="Why; it stands in the ledger.")
    lines: Annotated[list[AdjustedGoods], _Lines]


class MovedGoods(_Goods):
    """What is moved."""

    location: Code | None = Field(default=None, description="From where; default: wherever it is.")
    lot: Code | None = None
    to_location: Code | None = Field(default=None, description="Default: `MAIN`.")


class NewTransfer(_Posting):
    """Goods that were moved to another location, or to another site."""

    to_site: Wanted | None = None
    lines: Annotated[list[MovedGoods], _Lines]


class JudgedGoods(_Goods):
    """What gets another status."""

    location: Code | None = Field(default=None, description="Default: `MAIN`.")
    lot: Code | None = None
    from_status: StockStatus
    to_status: StockStatus
    expires_on: date | None = Field(
        default=None, description="Its new last day, where somebody has looked: for `expired`."
    )


class NewStatus(_Posting):
    """Goods that were released, blocked, or sent to inspection."""

    lines: Annotated[list[JudgedGoods], _Lines]


class Counted(Body):
    """What was counted of an item."""

    item: Code
    quantity: CountedQuantity
    unit: Wanted | None = Field(default=None, description=UNIT)
    lot: Code | None = None
    status: StockStatus = StockStatus.AVAILABLE


class NewCount(Body):
    """What somebody counted at a location."""

    site: Wanted
    location: Code = "MAIN"
    reference: Code | None = None
    counted_at: Moment | None = Field(default=None, description="Default: now.")
    lines: Annotated[list[Counted], _Lines]


class CountLine(BaseModel):
    """An item's count, and what the books said at that moment."""

    item: str
    unit: str
    lot: str
    status: StockStatus
    counted: Number
    booked: Number
    difference: Number


class Count(BaseModel):
    """A count. `waiting`: it differs from the books, and somebody has to approve it."""

    id: int
    site: str
    location: str
    reference: str | None
    state: str
    counted_at: datetime
    counted_by: str
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    lines: list[CountLine]


class CountList(Listing[Count]):
    """Counts, newest first."""


class CountDecision(Body):
    """Why a count is approved or rejected."""

    reason: Reason | None = None


class DeviceMove(BaseModel):
    """A warehouse device's move as it was told."""

    site: str
    device: str
    source: str
    boot: str
    seq: int
    at: datetime
    event: str
    item: str
    quantity: Number
    unit: str | None
    lot: str | None
    from_location: str | None
    to_location: str | None
    work_order: str | None
    order: str | None
    reason: str | None = Field(
        description="Why stock did not change: `unknown_item`, `unit`; null: it did."
    )


class DeviceMoveList(Listing[DeviceMove]):
    """Devices' moves, newest first."""


class ShortfallView(BaseModel):
    """Goods that left although the books had none: something was not booked."""

    id: int
    item: str
    unit: str
    site: str
    quantity: Number
    open_quantity: Number
    occurred_at: datetime
    settled_at: datetime | None
    reason: str | None
    actor: str
    work_order: str | None
    order: str | None


class ShortfallList(Listing[ShortfallView]):
    """Shortfalls, newest first."""


class Settlement(Body):
    """Why a shortfall needs no goods any more."""

    reason: Reason


class Location(BaseModel):
    """A place where goods lie."""

    site: str
    code: str
    name: str | None
    configured: bool = Field(description="False: a movement named it, nobody described it.")


class LocationList(Listing[Location]):
    """Locations by site and code."""


class LocationChange(Body):
    """How a location is called."""

    site: Wanted
    name: Code
