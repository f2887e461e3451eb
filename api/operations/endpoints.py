"""Operations."""

from __future__ import annotations

from fastapi import APIRouter

from api.alternatives import Alternative
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted, moment_of
from api.handling import shown
from api.operations.schemas import Operation, OperationList, OperationLock
from contracts.telemetry import OperationState
from domain.orders import operation_state
from store import work_orders
from store.work_orders import OperationRow

router = APIRouter(prefix="/v1/operations", tags=["operations"])


@router.get("", operation_id="listOperations")
async def list_operations(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    work_order: Wanted | None = None,
    machine: Wanted | None = None,
    state: OperationState | None = None,
) -> OperationList:
    """Operations by work order and number, also those that only the floor named."""
    async with context.connection() as connection:
        rows, total = await work_orders.operations(
            connection,
            page,
            site=sites.site,
            work_order=work_order,
            machine=machine,
            state=state,
            limited_to=sites.limited_to,
            lines=sites.lines,
        )
    return OperationList(items=[operation_of(row) for row in rows], total=total)


def operation_of(row: OperationRow) -> Operation:
    """An operation as the API shows it."""
    return Operation(
        id=row.id,
        site=row.site,
        work_order=row.work_order,
        operation=row.number,
        name=row.name,
        machine=row.machine,
        good_pieces=int(row.good_pieces),
        scrap_pieces=int(row.scrap_pieces),
        runs=row.runs,
        state=operation_state(OperationState(row.state), cancelled=row.cancelled, runs=row.runs),
        quantity=row.quantity,
        planned=row.planned,
        released=row.released,
        on_hold=row.on_hold,
        cycle_ms=row.cycle_ms,
        setup_ms=row.setup_ms,
        started_at=moment_of(row.started_ms),
        ended_at=moment_of(row.ended_ms),
        work_order_id=row.work_order_id,
        alternatives=[
            Alternative(machine=other.machine, cycle_ms=other.cycle_ms, setup_ms=other.setup_ms)
            for other in row.alternatives
        ],
        handling=shown(row.handling),
        lock=None
        if row.lock is None
        else OperationLock.model_validate(row.lock, from_attributes=True),
    )
