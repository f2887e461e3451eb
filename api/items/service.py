"""Items: describing them, and how they are made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from api.alternatives import Alternative, alternatives_at, machine_at
from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.items.schemas import Item, ItemChange, ItemDetail, ItemKind, Routing, Step
from api.master_data import single
from api.master_data.schemas import Bill, ItemName, ItemSite, RoutingVersion, shown
from domain.master_data import records
from domain.master_data.kinds import BILLS, ITEM_NAMES, ITEM_SITES, ITEMS, ROUTINGS
from store import audit, catalogue, machines, routings
from store.catalogue import ItemRow, StepRow
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.master_data import single as one
from store.master_data.bills import users_of
from store.planning import disruptions, scopes
from store.routings import NewStep


async def item(context: Context, principal: Principal, code: str) -> ItemDetail:
    """An item with everything that master data says of it.

    Raises:
        NotFoundError: there is no such item.
    """
    async with context.connection() as connection, connection.transaction():
        row = await catalogue.find_item(connection, code, for_update=False)
        if row is None:
            raise NotFoundError("item", code)
        steps = await catalogue.routings(connection, [row.id])
        own = await one.find(connection, ITEMS, code) or records.Item(code=code, name=row.name)
        sites = await one.of_item(connection, ITEM_SITES, code)
        bills = await one.of_item(connection, BILLS, code)
        versions = await one.of_item(connection, ROUTINGS, code)
        names = await one.of_item(connection, ITEM_NAMES, code)
        users = await users_of(connection, row.id)
    return ItemDetail(
        **item_of(row, steps[row.id], principal).model_dump(),
        description=own.description,
        gtin=own.gtin,
        weight_kg=own.weight_kg,
        lot_size=own.lot_size,
        batch_min=own.batch_min,
        batch_max=own.batch_max,
        sites=[shown(ItemSite, each) for each in sites if principal.sees(each.site)],
        bills=[shown(Bill, each) for each in bills if not each.site or principal.sees(each.site)],
        routing_versions=[
            shown(RoutingVersion, each) for each in versions if principal.sees(each.site)
        ],
        names=[shown(ItemName, each) for each in names],
        used_in=users,
    )


async def put_item(context: Context, principal: Principal, code: str, wanted: ItemChange) -> Item:
    """Make an item, or change it.

    Raises:
        UnknownReferenceError: a routing names a site or a machine that does not exist, or a machine
            that stands elsewhere.
    """
    async with context.transaction() as connection:
        before = await catalogue.find_item(connection, code)
        await single.put(connection, ITEMS, code, _own_fields(wanted))
        row = await catalogue.known_item(connection, code, field="code")
        for index, routing in enumerate(wanted.routings):
            await _put_routing(connection, principal, row, routing, f"routings[{index}]")
        await audit.write(
            connection,
            actor=principal.actor,
            action="ItemPut",
            object_kind="item",
            object_key=code,
            after={"code": code, **wanted.model_dump()},
        )
        raised = []
        if before is not None and before.setup_family != row.setup_family:
            for scope in await scopes.working_on(connection, row.id):
                disruption = await raise_change(
                    connection,
                    context,
                    principal,
                    scope=scope,
                    detail={"what": "setup_family", "item": code},
                )
                raised.append(disruption)
        steps = await catalogue.routings(connection, [row.id])
        await context.log.append_in(connection, [disruptions.record(each) for each in raised])
    return item_of(row, steps[row.id], principal)


def _own_fields(wanted: ItemChange) -> dict[str, Any]:
    """What the item itself is to be; of the fields that came later only those that are named."""
    later = wanted.model_dump(exclude_unset=True, exclude={"routings"})
    return {
        **later,
        "name": wanted.name,
        "unit": wanted.unit,
        "setup_family": wanted.setup_family,
    }


async def _put_routing(
    connection: Connection, principal: Principal, item: ItemRow, routing: Routing, field: str
) -> None:
    if not principal.sees(routing.site):
        raise UnknownReferenceError(f"{field}.site", routing.site, "there is no such site")
    site = await machines.known_site(connection, routing.site, field=f"{field}.site")
    steps = []
    for index, step in enumerate(routing.steps):
        place = f"{field}.steps[{index}]"
        machine = await machine_at(connection, site, step.machine, field=f"{place}.machine")
        new = NewStep(
            number=step.number,
            name=step.name,
            machine_id=machine.id,
            cycle_ms=step.cycle_ms,
            setup_ms=step.setup_ms,
            alternatives=await alternatives_at(
                connection,
                site,
                step.alternatives,
                beside=step.machine,
                field=f"{place}.alternatives",
            ),
        )
        steps.append(new)
    await routings.put_routing(connection, item_id=item.id, site_id=site.id, steps=steps)


def item_of(row: ItemRow, steps: Sequence[StepRow], principal: Principal) -> Item:
    """An item with its routings at the sites that somebody may see."""
    return Item(
        code=row.code,
        name=row.name,
        unit=row.unit,
        setup_family=row.setup_family,
        kind=ItemKind(row.kind),
        family=row.family,
        provisional=row.provisional,
        retired=row.retired,
        routings=[
            Routing(site=site, steps=[_step(step) for step in of_site])
            for site, of_site in groupby(steps, key=lambda step: step.site)
            if principal.sees(site)
        ],
    )


def _step(row: StepRow) -> Step:
    return Step(
        number=row.number,
        name=row.name,
        machine=row.machine,
        cycle_ms=row.cycle_ms,
        setup_ms=row.setup_ms,
        alternatives=[
            Alternative(machine=other.machine, cycle_ms=other.cycle_ms, setup_ms=other.setup_ms)
            for other in row.alternatives
        ],
    )
