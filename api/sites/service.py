"""Sites: naming them, and planning them alone or together."""

from __future__ import annotations

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.sites.schemas import Site, SiteChange
from store import audit, machines
from store.database import Connection
from store.errors import UnknownReferenceError
from store.machines import SiteRow
from store.planning import disruptions, policies, scopes
from store.planning.disruptions import DisruptionRow


async def put_site(context: Context, principal: Principal, code: str, wanted: SiteChange) -> Site:
    """Make a site, or change it; the same again changes nothing.

    Raises:
        NotFoundError: there is such a site, but not for them.
        UnknownReferenceError: others are planned with it, now or then, of which they may not know.
    """
    principal.require_site(code)
    async with context.transaction() as connection:
        before = await machines.find_site(connection, code, for_update=True)
        concerned = {wanted.planning_scope or code, before.scope if before else code}
        if len(concerned) > 1:
            await _may_plan(connection, principal, code, wanted, concerned)
        row = await machines.put_site(
            connection,
            code,
            name=wanted.name,
            time_zone=wanted.time_zone,
            planning_scope=wanted.planning_scope,
        )
        if before == row:
            return site_of(row)
        await audit.write(
            connection,
            actor=principal.actor,
            action="SiteChanged" if before else "SiteCreated",
            site_id=row.id,
            object_kind="site",
            object_key=row.code,
            before=site_of(before).model_dump() if before else None,
            after=site_of(row).model_dump(),
        )
        raised = await replan(connection, context, principal, before, row) if before else []
        await context.log.append_in(connection, [disruptions.record(each) for each in raised])
    return site_of(row)


def site_of(row: SiteRow) -> Site:
    """A site as the API shows it."""
    return Site(
        code=row.code,
        name=row.name,
        time_zone=row.time_zone,
        planning_scope=row.planning_scope,
    )


async def _may_plan(
    connection: Connection,
    principal: Principal,
    code: str,
    wanted: SiteChange,
    concerned: set[str],
) -> None:
    """Refuse to change what others are planned with, of whom one may not know."""
    for scope in concerned:
        sites = {site.code for site in await policies.sites_of_scope(connection, scope)}
        if not all(principal.sees(site) for site in sites - {code}):
            problem = "it is, or was, planned with sites that you may not see"
            raise UnknownReferenceError("planning_scope", wanted.planning_scope or "", problem)


async def replan(
    connection: Connection,
    context: Context,
    principal: Principal,
    before: SiteRow,
    row: SiteRow,
) -> list[DisruptionRow]:
    """Tell the scopes concerned; one that lost its last site has no plan any more."""
    if (before.scope, before.time_zone) == (row.scope, row.time_zone):
        return []
    what = "time_zone" if before.scope == row.scope else "scope"
    raised = []
    for scope in sorted({before.scope, row.scope}):
        if await policies.sites_of_scope(connection, scope):
            disruption = await raise_change(
                connection, context, principal, scope=scope, site_id=row.id, detail={"what": what}
            )
            raised.append(disruption)
        else:
            await scopes.retire(connection, scope)
    return raised
