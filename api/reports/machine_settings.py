"""How sites class micro-stops, and what pieces cost."""

from __future__ import annotations

from datetime import datetime

from api.auth.principal import Principal, forbidden
from api.context import Context
from api.reports.stop_schemas import (
    ItemCost,
    ItemCostList,
    ItemCostsEntered,
    TimePolicyEntered,
    TimePolicyView,
)
from store import audit, machines
from store.errors import NotFoundError, UnknownReferenceError
from store.reports import machine_settings as rows
from store.reports.machines import time_policies


async def time_policy(context: Context, principal: Principal, site: str) -> TimePolicyView:
    """How a site classes micro-stops.

    Raises:
        NotFoundError: there is no such site for them.
    """
    principal.require_site(site)
    async with context.connection() as connection:
        found = await machines.find_site(connection, site)
        if found is None:
            raise NotFoundError("site", site)
        policy = (await time_policies(connection, [found.id]))[found.id]
    return TimePolicyView(
        site=site,
        micro_stop_ms=policy.policy.micro_stop_ms,
        micro_stops=policy.policy.micro_stops,
        since=policy.since,
    )


async def put_time_policy(
    context: Context, principal: Principal, site: str, wanted: TimePolicyEntered
) -> TimePolicyView:
    """Enter how a site classes micro-stops; what was known before stays as it was.

    Raises:
        NotFoundError: there is no such site for them.
    """
    before = await time_policy(context, principal, site)
    async with context.transaction() as connection:
        site_id = (await machines.known_site(connection, site)).id
        await rows.put_policy(
            connection,
            site_id,
            micro_stop_ms=wanted.micro_stop_ms,
            micro_stops=wanted.micro_stops,
            recorded_by=principal.actor.name,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="TimePolicyChanged",
            site_id=site_id,
            object_kind="site",
            object_key=site,
            before=before.model_dump(mode="json", exclude={"site", "since"}),
            after=wanted.model_dump(mode="json"),
        )
    return await time_policy(context, principal, site)


async def list_costs(
    context: Context, principal: Principal, *, item: str | None, as_of: datetime | None
) -> ItemCostList:
    """What pieces cost, of the sites that somebody may see."""
    async with context.connection() as connection:
        found = await rows.item_costs(connection, as_of=as_of, item=item)
    items = [
        ItemCost(
            item=each.item,
            site=each.site,
            valid_from=each.valid_from,
            currency=each.currency,
            cost=each.cost,
            recorded_at=each.recorded_at,
            recorded_by=each.recorded_by,
        )
        for each in found
        if each.site is None or principal.sees(each.site)
    ]
    return ItemCostList(items=items, total=len(items))


async def enter_costs(
    context: Context, principal: Principal, wanted: ItemCostsEntered
) -> ItemCostList:
    """Enter what pieces cost; what was known before stays on record.

    Raises:
        NotFoundError: there is no such site for them.
        UnknownReferenceError: there is no such item (422).
        ProblemError: they may not enter it for every site (403).
    """
    for each in wanted.costs:
        if each.site is not None:
            principal.require_site(each.site)
        elif principal.sites:
            raise forbidden("A cost for every site is entered by somebody who sees every site.")
    async with context.transaction() as connection:
        items = await rows.item_ids(connection, [each.item for each in wanted.costs])
        for each in wanted.costs:
            if each.item not in items:
                raise UnknownReferenceError("item", each.item, "there is no such item")
        sites = {
            code: (await machines.known_site(connection, code)).id
            for code in sorted({each.site for each in wanted.costs if each.site is not None})
        }
        await rows.add_costs(
            connection,
            [
                rows.NewCost(
                    item_id=items[each.item],
                    site_id=None if each.site is None else sites[each.site],
                    valid_from=each.valid_from,
                    currency=each.currency,
                    cost=each.cost,
                )
                for each in wanted.costs
            ],
            recorded_by=principal.actor.name,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ItemCostsChanged",
            object_kind="item_costs",
            object_key=", ".join(sorted({each.item for each in wanted.costs}))[:500],
            after={"costs": [each.model_dump(mode="json") for each in wanted.costs]},
        )
    return await list_costs(context, principal, item=None, as_of=None)
