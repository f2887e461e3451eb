"""Plan versions: showing them, discarding drafts. `api.plans.publishing` puts them in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.plans.schemas import (
    DelayCause,
    LateCause,
    Plan,
    PlanBound,
    PlanMetrics,
    PlannedOperation,
    PlannedOperationList,
    PlannedOrder,
    PlanReason,
    PlanSummary,
    Unplanned,
)
from api.scopes import known_scope
from contracts.plan import PlanState
from domain.plan.problem import PinKind
from store import audit
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Page
from store.log import NewRecord
from store.planning import plan_rows, plans, policies
from store.planning.plan_rows import PlanOperationRow, PlanOrderRow, PlanRow
from store.planning.plans import StoredPlan

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
        return await shown(connection, row)


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


async def discard(context: Context, principal: Principal, plan_id: int) -> Plan:
    """Put a draft aside for good; what it answered stays answered.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft.
    """
    async with context.transaction() as connection:
        await waiting(connection, principal, plan_id, "discarded")
        stored = await plans.discard(connection, plan_id)
        return await told(context, principal, connection, stored, "PlanDiscarded")


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
        bound=_bound(row),
        waiting=PlanMetrics(**msgspec.structs.asdict(row.waiting)) if row.waiting else None,
        late_orders=row.late_orders,
        unplanned=[Unplanned(**msgspec.structs.asdict(each)) for each in row.unplanned],
        name=row.what_if.name if row.what_if is not None else None,
        created_by=row.created_by,
        expires_at=row.expires_at,
    )


def _bound(row: PlanRow) -> PlanBound | None:
    if row.searched_cost is None or row.cost_bound is None:
        return None
    gap = row.searched_cost - row.cost_bound
    return PlanBound(
        cost=row.searched_cost,
        at_least=row.cost_bound,
        gap_percent=round(100 * gap / max(1, row.searched_cost), 1),
    )


async def locked_plan(connection: Connection, principal: Principal, plan_id: int) -> PlanRow:
    """A plan version, its scope locked.

    Raises:
        NotFoundError: there is no such plan.
    """
    row = await known_plan(connection, principal, plan_id)
    await plans.lock_scope(connection, row.scope)
    return await known_plan(connection, principal, plan_id)


async def waiting(
    connection: Connection, principal: Principal, plan_id: int, wanted: str
) -> PlanRow:
    """A draft, its scope locked.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft.
    """
    row = await locked_plan(connection, principal, plan_id)
    if row.state is not PlanState.DRAFT:
        raise no_draft(row, wanted)
    return row


def no_draft(row: PlanRow, wanted: str) -> ConflictError:
    """What is in force, was, or was discarded is decided."""
    return ConflictError(
        f"plan {row.number} of {row.scope!r} is {row.state}: only a draft can be {wanted}"
    )


async def told(
    context: Context,
    principal: Principal,
    connection: Connection,
    stored: StoredPlan,
    action: str,
    *,
    more: Mapping[str, Any] | None = None,
    records: Sequence[NewRecord] = (),
) -> Plan:
    """Audit what became of a draft, and tell it: the end of the transaction.

    Args:
        context: of the request.
        principal: who decided.
        connection: the transaction.
        stored: the plan as it is now.
        action: what was done with it, for the audit log.
        more: what else the audit log is to tell.
        records: what is to be told with it.
    """
    sites = await policies.sites_of_scope(connection, stored.scope)
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        site_id=sites[0].id if len(sites) == 1 else None,
        object_kind="plan",
        object_key=f"{stored.scope}/{stored.number}",
        after={"scope": stored.scope, "plan": stored.number, "id": stored.id, **(more or {})},
    )
    row = await known_plan(connection, principal, stored.id)
    plan = await shown(connection, row)
    await context.log.append_in(connection, [*records, plans.record(stored)])
    return plan


async def shown(connection: Connection, row: PlanRow) -> Plan:
    """A plan version with the orders it concerns, as the API shows it."""
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
        shares=[DelayCause.model_validate(share) for share in row.shares],
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
        on_hold=row.on_hold,
    )
