"""Disruptions: telling them, and raising those that come from a change made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.schemas import Disruption, DisruptionList
from api.fields import required_moment
from api.scopes import known_scope, visible_scopes
from contracts.plan import DisruptionKind, DisruptionOutcome
from store.database import Connection
from store.filters import Page
from store.planning import disruptions
from store.planning.disruptions import DisruptionRow, NewDisruption


async def disruption_list(
    context: Context,
    principal: Principal,
    page: Page,
    *,
    scope: str | None,
    site: str | None,
    kind: DisruptionKind | None,
    is_open: bool | None,
) -> DisruptionList:
    """Disruptions of the scopes that one may see, newest first.

    Raises:
        NotFoundError: there is no such scope or site.
    """
    if site is not None:
        principal.require_site(site)
    async with context.connection() as connection:
        if scope is not None:
            await known_scope(connection, principal, scope)
        visible = await visible_scopes(connection, principal)
        rows, total = await disruptions.disruptions(
            connection,
            page,
            scope=scope,
            site=site,
            kind=kind,
            is_open=is_open,
            scopes=[each.scope for each in visible],
        )
    return DisruptionList(items=[disruption_of(row) for row in rows], total=total)


async def raise_change(
    connection: Connection,
    context: Context,
    principal: Principal,
    *,
    scope: str,
    kind: DisruptionKind = DisruptionKind.CALENDAR_CHANGED,
    site_id: int | None = None,
    machine_id: int | None = None,
    operation_id: int | None = None,
    detail: Mapping[str, Any],
) -> DisruptionRow:
    """Tell that somebody changed what a scope's plan was made from, or asks for a new one.

    The caller appends its `store.planning.disruptions.record` to the log.
    """
    new = NewDisruption(
        scope=scope,
        kind=kind,
        key=f"{kind}:{uuid4()}",
        occurred_ms=context.clock.now_ms(),
        site_id=site_id,
        machine_id=machine_id,
        operation_id=operation_id,
        detail={"by": principal.actor.name, **detail},
    )
    [row] = await disruptions.raise_disruptions(connection, [new])
    return row


def disruption_of(row: DisruptionRow) -> Disruption:
    """A disruption as the API shows it."""
    return Disruption(
        id=row.id,
        scope=row.scope,
        site=row.site,
        kind=DisruptionKind(row.kind),
        machine=row.machine,
        work_order=row.work_order,
        operation=row.operation,
        order_number=row.order,
        occurred=required_moment(row.occurred_ms),
        raised=row.raised_at,
        detail=row.detail,
        handled=row.handled_at,
        outcome=DisruptionOutcome(row.outcome) if row.outcome is not None else None,
        plan_id=row.plan_id,
        plan_number=row.plan_number,
    )
