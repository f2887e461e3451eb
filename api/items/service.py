"""Items: describing them, and how they are made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from api.alternatives import Alternative, alternatives_at, machine_at
from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.items.schemas import Item, ItemChange, Routing, Step
from store import audit, catalogue, machines
from store.catalogue import ItemRow, NewStep, StepRow
from store.database import Connection
from store.errors import UnknownReferenceError
from store.planning import disruptions, scopes


async def put_item(context: Context, principal: Principal, code: str, wanted: ItemChange) -> Item:
    """Make an item, or change it.

    Raises:
        UnknownReferenceError: a routing names a site or a machine that does not exist, or a machine
            that stands elsewhere.
    """
    async with context.transaction() as connection:
        before = await catalogue.find_item(connection, code)
        row = await catalogue.put_item(
            connection,
            code,
            name=wanted.name,
            unit=wanted.unit,
            setup_family=wanted.setup_family,
        )
        for index, routing in enumerate(wanted.routings):
            await _put_routing(connection, principal, row, routing, f"routings[{index}]")
        await audit.write(
            connection,
            actor=principal.actor,
            action="ItemPut",
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
        routings = await catalogue.routings(connection, [row.id])
        await context.log.append_in(connection, [disruptions.record(each) for each in raised])
    return item_of(row, routings[row.id], principal)


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
    await catalogue.put_routing(connection, item_id=item.id, site_id=site.id, steps=steps)


def item_of(row: ItemRow, steps: Sequence[StepRow], principal: Principal) -> Item:
    """An item with its routings at the sites that somebody may see."""
    return Item(
        code=row.code,
        name=row.name,
        unit=row.unit,
        setup_family=row.setup_family,
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
