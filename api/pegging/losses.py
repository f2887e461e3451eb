"""What work orders cannot make any more: shown to the planner, made up for, or left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.auth.principal import Orderer, Principal
from api.chosen_sites import Sites
from api.context import Context, RequestContext
from api.fields import Body, Listing, Number, Paging, Reason, required_moment
from api.idempotency import IdempotentRoute
from api.orders.releasing import released_events
from domain.pegging.book import PeggingError
from store import audit, orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.inventory.production import book_production
from store.log import NewRecord
from store.pegging import losses
from store.pegging.losses import ShortageRow

router = APIRouter(
    prefix="/v1/work-order-shortages", tags=["work orders"], route_class=IdempotentRoute
)
ShortageId = Annotated[int, Path(ge=1, le=2**63 - 1)]
State = Literal["open", "made_up", "gone", "dismissed"]


class LackingLine(BaseModel):
    """An order line that the work order is for."""

    order: str
    line: int


class WorkOrderShortage(BaseModel):
    """Pieces that a work order was to make and cannot make any more.

    While it is `open`, a new work order can make up for it: a `replacement` (made anew) or a
    `rework` (what was scrapped is repaired). `gone`: the loss was corrected, or is wanted no more.
    """

    id: int
    work_order_id: int
    work_order: str
    site: str
    item: str | None
    unit: str
    quantity: Number
    state: State
    opened_at: datetime
    made_up_by: str | None = Field(description="The work order that makes up for it.")
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    lines: list[LackingLine] = Field(description="Whom the work order is for.")


class WorkOrderShortageList(Listing[WorkOrderShortage]):
    """Shortages of work orders, newest first."""


class MakingUp(Body):
    """How a shortage is made up for."""

    kind: Literal["replacement", "rework"]
    reason: Reason | None = None


class LeavingIt(Body):
    """Why a shortage is to stay."""

    reason: Reason


@router.get("", operation_id="listWorkOrderShortages")
async def list_shortages(
    context: RequestContext, sites: Sites, page: Paging, state: State | None = None
) -> WorkOrderShortageList:
    """What work orders cannot make any more of what is pegged to them."""
    async with context.connection() as connection:
        rows, total = await losses.listed(
            connection, page, site=sites.site, state=state, limited_to=sites.limited_to
        )
        return WorkOrderShortageList(items=await _shown(connection, rows), total=total)


@router.post("/{shortage_id}/make-up", operation_id="makeUpShortage")
async def make_up(
    context: RequestContext, principal: Orderer, shortage_id: ShortageId, wanted: MakingUp
) -> WorkOrderShortage:
    """Plan a work order for what is missing; the pegs of those who need it last move to it."""
    now = required_moment(context.clock.now_ms())
    async with context.transaction() as connection:
        row = await _found(connection, principal, shortage_id)
        loaded = await losses.lock(connection, row)
        try:
            made = await losses.replace(
                connection, row, loaded, kind=wanted.kind, by=principal.actor.name, now=now
            )
        except PeggingError as error:
            raise ConflictError(f"shortage {row.id} of {row.work_order!r}: {error}") from error
        await book_production(connection, work_order_ids=[row.work_order_id, made], now=now)
        shown = await _one(connection, row.id)
        records = await _tell(
            context,
            connection,
            principal,
            sorted({line.order for line in loaded.lines.values()}),
            action="ShortageMadeUp",
            shown=shown,
            work_order_ids=[row.work_order_id, made],
            reason=wanted.reason,
        )
        await context.log.append_in(connection, records)
    return shown


@router.post("/{shortage_id}/dismiss", operation_id="dismissShortage")
async def dismiss(
    context: RequestContext, principal: Orderer, shortage_id: ShortageId, wanted: LeavingIt
) -> WorkOrderShortage:
    """Let the shortage stay: less is delivered."""
    now = required_moment(context.clock.now_ms())
    async with context.transaction() as connection:
        row = await _found(connection, principal, shortage_id)
        loaded = await losses.lock(connection, row)
        await losses.dismiss(
            connection, row, by=principal.actor.name, reason=wanted.reason, now=now
        )
        shown = await _one(connection, row.id)
        records = await _tell(
            context,
            connection,
            principal,
            sorted({line.order for line in loaded.lines.values()}),
            action="ShortageDismissed",
            shown=shown,
            work_order_ids=[row.work_order_id],
            reason=wanted.reason,
        )
        await context.log.append_in(connection, records)
    return shown


async def _found(connection: Connection, principal: Principal, shortage_id: int) -> ShortageRow:
    row = await losses.find(connection, shortage_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("shortage", str(shortage_id))
    return row


async def _one(connection: Connection, shortage_id: int) -> WorkOrderShortage:
    row = await losses.find(connection, shortage_id)
    assert row is not None  # noqa: S101 - shortages are never deleted
    (shown,) = await _shown(connection, [row])
    return shown


async def _shown(connection: Connection, rows: Sequence[ShortageRow]) -> list[WorkOrderShortage]:
    lines = await losses.concerned(connection, [row.work_order_id for row in rows])
    return [
        WorkOrderShortage.model_validate(
            {
                **{name: getattr(row, name) for name in row.__struct_fields__ if name != "site_id"},
                "lines": [
                    {"order": order, "line": line}
                    for order, line in lines.get(row.work_order_id, [])
                ],
            }
        )
        for row in rows
    ]


async def _tell(
    context: Context,
    connection: Connection,
    principal: Principal,
    numbers: Sequence[str],
    *,
    action: str,
    shown: WorkOrderShortage,
    work_order_ids: Sequence[int],
    reason: str | None,
) -> list[NewRecord]:
    """Raise the orders' versions and write the audit log; the events to append."""
    records: list[NewRecord] = []
    for number in numbers:
        row = await orders.find(connection, number=number)
        assert row is not None  # noqa: S101 - its row is locked
        version = await orders.touch(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action=action,
            site_id=row.site_id,
            order_id=row.id,
            work_order_id=shown.work_order_id,
            reason=reason,
            after=shown.model_dump(mode="json", exclude_none=True),
        )
        records += await released_events(
            context,
            connection,
            row,
            version=version,
            work_order_ids=work_order_ids,
            name=action,
        )
    return records
