"""Where an order stands, as fast as it can be said."""

from __future__ import annotations

from datetime import datetime

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.auth.principal import Reader
from api.context import RequestContext
from api.fields import Number, Wanted
from api.orders.schemas import Delivery
from api.plans.schemas import LateCause
from domain.orders import LineState
from domain.tracking import Stage
from store.errors import NotFoundError
from store.order_status import read_status

router = APIRouter(prefix="/v1/orders", tags=["orders"])


class StatusLine(BaseModel):
    """A line, and what was made for it."""

    number: int
    item: str
    item_name: str
    quantity: Number
    unit: str
    due: datetime | None
    state: LineState
    good_pieces: Number
    scrap_pieces: int
    started: datetime | None
    produced: datetime | None
    projected_end: datetime | None
    work_orders: list[str]


class OrderStatus(BaseModel):
    """Where an order is, when it will be there, what it waits for."""

    number: str
    site: str
    customer: str = Field(description="Their name.")
    version: int
    priority: int
    item: str = Field(description="The first line's item, and how many more there are.")
    state: LineState = Field(description="Derived from the lines.")
    stage: Stage = Field(description="In the customer's terms.")
    quantity_ordered: Number
    unit: str
    good_pieces: Number
    scrap_pieces: int
    percent: int
    due: datetime | None
    projected_end: datetime | None
    planned_end: datetime | None
    lateness_minutes: int | None = Field(description="Negative is early.")
    waits_for: str | None = Field(
        description="`release`, `hold`, `machine`, `machine:<path>`, `operator:<path>` or null."
    )
    late_because: list[LateCause]
    received: datetime
    changed: datetime
    lines: list[StatusLine]
    deliveries: list[Delivery]


@router.get("/{number:path}/status", operation_id="getOrderStatus", response_model=OrderStatus)
async def get_order_status(context: RequestContext, principal: Reader, number: Wanted) -> Response:
    """State, percent, dates, lines and shipments, without operations: for a call in progress.

    One question to the database, and nothing is checked twice on its way out.
    """
    async with context.connection() as connection:
        status = await read_status(connection, number, now_ms=context.clock.now_ms())
    if status is None or not principal.sees(status.picture.order.site):
        raise NotFoundError("order", number)
    content = {
        **msgspec.structs.asdict(status.picture.view()),
        "version": status.version,
    }
    return Response(msgspec.json.encode(content), media_type="application/json")
