"""Shapes of warehouse moves."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.fields import Listing, Number
from contracts.telemetry import MoveEvent
from domain.goods import Unmatched


class UnmatchedMove(BaseModel):
    """A move of the warehouse that counts for no order, for now."""

    site: str
    device: str = Field(description="Its path.")
    source: str
    boot: str
    seq: int
    at: datetime = Field(description="When it happened, by the device's clock.")
    event: MoveEvent
    item: str
    quantity: Number
    unit: str | None
    work_order: str | None
    order: str | None
    reason: Unmatched = Field(
        description="`unknown_order`; `no_order`: its work order is unknown, or nobody's;"
        " `several_orders`: its work order is for more than one; `unknown_item`: the order has no"
        " line of it; `unit`: the order counts the item in another unit."
    )


class UnmatchedMoveList(Listing[UnmatchedMove]):
    """Unmatched moves, newest first."""
