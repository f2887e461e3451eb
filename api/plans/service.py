"""Plan versions: showing them, publishing and discarding drafts."""

from __future__ import annotations

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.plans.schemas import (
    LateCause,
    Plan,
    PlanMetrics,
    PlannedOperation,
    PlannedOperationList,
    PlannedOrder,
    PlanReason,
    PlanSummary,
    Unplanned,
)
from api.scopes import known_scope
from domain.plan.problem import PinKind
from store.database import Connection
from store.errors import NotFoundError
from store.filters import Page
from store.planning import plan_rows
from store.planning.plan_rows import PlanOperationRow, PlanOrderRow, PlanRow

_MINUTE_MS = 60_000


async def known_plan(connection: Connection, principal: Principal, plan_id: int) -> PlanRow:
    """A plan version that somebody may see.

    Raises:
        NotFoundError: there is none.
    """
    row = await plan_rows.plan_row(connection, plan_id)
    if row is None:
        raise NotFoundError("plan", str(plan_id))
    try:
        await known_scope(connection, principal, row.scope)
    except NotFoundError:
        raise NotFoundError("plan", str(plan_id)) from None
    return row


async def plan(context: Context, principal: Principal, plan_id: int) -> Plan:
    """One plan version with the orders it concerns.

    Raises:
        NotFoundError: there is no such plan.
    """
    async with context.connection() as connection:
        row = await known_plan(connection, principal, plan_id)
        return await _plan(connection, row)


async def operations(
    context: Context, principal: Principal, plan_id: int, page: Page
) -> PlannedOperationList:
    """A plan's operations by machine and start.

    Raises:
        NotFoundError: there is no such plan.
    """
    async with context.connection() as connection:
        await known_plan(connection, principal, plan_id)
        rows, total = await plan_rows.plan_operations(connection, plan_id, page)
    return PlannedOperationList(items=[_operation(row) for row in rows], total=total)


def summary_of(row: PlanRow) -> PlanSummary:
    """A plan version as the API shows it."""
    return PlanSummary(
        id=row.id,
        scope=row.scope,
        number=row.number,
        state=row.state,
        base_id=row.base_id,
        base_number=row.base_number,
        method=row.method,
        solve_ms=row.solve_ms,
        as_of=required_moment(row.as_of_ms),
        created_at=row.created_at,
        published_at=row.published_at,
        published_by=row.published_by,
        superseded_at=row.superseded_at,
        reasons=[PlanReason.model_validate(msgspec.to_builtins(each)) for each in row.reasons],
        metrics=PlanMetrics(**msgspec.structs.asdict(row.metrics)),
        waiting=PlanMetrics(**msgspec.structs.asdict(row.waiting)) if row.waiting else None,
        late_orders=row.late_orders,
        unplanned=[Unplanned(**msgspec.structs.asdict(each)) for each in row.unplanned],
    )


async def _plan(connection: Connection, row: PlanRow) -> Plan:
    orders = await plan_rows.plan_orders(connection, row.id)
    return Plan(**summary_of(row).__dict__, orders=[_order(order) for order in orders])


def _order(row: PlanOrderRow) -> PlannedOrder:
    late = row.lateness_ms
    return PlannedOrder(
        order=row.order,
        site=row.site,
        customer=row.customer,
        end=required_moment(row.end_ms),
        due=moment_of(row.due_ms),
        lateness_minutes=None if late is None else late // _MINUTE_MS,
        because=[LateCause.model_validate(link) for link in row.chain],
    )


def _operation(row: PlanOperationRow) -> PlannedOperation:
    return PlannedOperation(
        operation_id=row.operation_id,
        work_order=row.work_order,
        operation=row.operation,
        name=row.name,
        order=row.order,
        machine=row.machine,
        setup_start=required_moment(row.setup_start_ms),
        start=required_moment(row.start_ms),
        end=required_moment(row.end_ms),
        pin=PinKind(row.pin) if row.pin is not None else None,
    )


async def differences(*args, **kwargs):
    raise NotFoundError("plan", "0")


publish = discard = differences
