"""Planning scopes: how they stand, how they want to be planned, and asking for a new plan."""

from __future__ import annotations

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import disruption_of, raise_change
from api.planning.schemas import Planning, PlanningList, PlanRequested, Policy
from api.plans.schemas import PlanList
from api.plans.service import summary_of
from api.scopes import known_scope, visible_scopes
from contracts.plan import DisruptionKind
from domain.plan import policy as domain
from store import audit
from store.database import Connection
from store.filters import Page
from store.planning import disruptions, plan_rows, policies
from store.planning.policies import ScopeRow


async def planning_list(context: Context, principal: Principal, page: Page) -> PlanningList:
    """The scopes that one may see, by name."""
    async with context.connection() as connection:
        rows = await visible_scopes(connection, principal)
        shown = rows[page.offset : page.offset + page.limit]
        items = [await _planning(connection, row) for row in shown]
    return PlanningList(items=items, total=len(rows))


async def planning(context: Context, principal: Principal, scope: str) -> Planning:
    """One scope.

    Raises:
        NotFoundError: there is no such scope.
    """
    async with context.connection() as connection:
        row = await known_scope(connection, principal, scope)
        return await _planning(connection, row)


async def put_policy(context: Context, principal: Principal, scope: str, wanted: Policy) -> Policy:
    """Replace a scope's policy; the same again changes nothing.

    Raises:
        NotFoundError: there is no such scope.
    """
    new = msgspec.convert(wanted.model_dump(mode="json"), domain.Policy)
    async with context.transaction() as connection:
        row = await known_scope(connection, principal, scope)
        before = await policies.policy_of(connection, scope)
        if new == before:
            return wanted
        await policies.put_policy(connection, scope, new, changed_by=principal.actor.name)
        changed = [
            field for field, value in _fields(new).items() if value != _fields(before)[field]
        ]
        await audit.write(
            connection,
            actor=principal.actor,
            action="PolicyChanged",
            object_kind="planning_scope",
            object_key=scope,
            site_id=_only_site(row),
            before={"scope": scope, **_fields(before)},
            after={"scope": scope, **_fields(new)},
        )
        disruption = await raise_change(
            connection,
            context,
            principal,
            scope=scope,
            site_id=_only_site(row),
            detail={"what": "policy", "fields": changed},
        )
        await context.log.append_in(connection, [disruptions.record(disruption)])
    return wanted


async def request_plan(
    context: Context, principal: Principal, scope: str, reason: str
) -> PlanRequested:
    """Ask for a new plan: a disruption that the planner answers as any other.

    Raises:
        NotFoundError: there is no such scope.
    """
    async with context.transaction() as connection:
        row = await known_scope(connection, principal, scope)
        disruption = await raise_change(
            connection,
            context,
            principal,
            scope=scope,
            kind=DisruptionKind.REQUESTED,
            site_id=_only_site(row),
            detail={"reason": reason},
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="PlanRequested",
            object_kind="planning_scope",
            object_key=scope,
            site_id=_only_site(row),
            reason=reason,
            after={"scope": scope, "disruption": disruption.id},
        )
        await context.log.append_in(connection, [disruptions.record(disruption)])
    return PlanRequested(disruption=disruption_of(disruption))


async def plan_list(context: Context, principal: Principal, scope: str, page: Page) -> PlanList:
    """The scope's plan versions, newest first.

    Raises:
        NotFoundError: there is no such scope.
    """
    async with context.connection() as connection:
        await known_scope(connection, principal, scope)
        rows, total = await plan_rows.plans(connection, page, scope=scope)
    return PlanList(items=[summary_of(row) for row in rows], total=total)


async def _planning(connection: Connection, row: ScopeRow) -> Planning:
    policy = await policies.policy_of(connection, row.scope)
    published = await plan_rows.published(connection, row.scope)
    draft = await plan_rows.draft(connection, row.scope)
    return Planning(
        scope=row.scope,
        sites=row.sites,
        policy=Policy.model_validate(_fields(policy)),
        published=summary_of(published) if published else None,
        draft=summary_of(draft) if draft else None,
        open_disruptions=await disruptions.open_count(connection, row.scope),
    )


def _fields(policy: domain.Policy) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(policy)
    return told


def _only_site(row: ScopeRow) -> int | None:
    return row.site_ids[0] if len(row.site_ids) == 1 else None
