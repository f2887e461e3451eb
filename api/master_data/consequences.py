"""What follows from changed master data: plans are made anew, screens and reviews look again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.machines.service import machine_changed
from api.review.service import look_again
from api.sites.service import replan
from domain.master_data.kinds import (
    CALENDARS,
    CUSTOMERS,
    EXCEPTIONS,
    ITEMS,
    MACHINES,
    RESOURCES,
    SETUPS,
    SHIFT_PATTERNS,
    SHIFT_PLANS,
    SITES,
    SPECIAL_DAYS,
    site_of,
)
from domain.master_data.merging import Change
from domain.master_data.records import Item, Machine, Setup
from store import catalogue, machines
from store.database import Connection
from store.log import NewRecord
from store.machines import SiteRow
from store.master_data import applying
from store.planning import disruptions, scopes, shift_plans
from store.planning.disruptions import DisruptionRow
from store.review.judging import Judged

_MOST_JUDGED: Final = 1_000
_TOLD: Final = frozenset(kind.name for kind in (CALENDARS, EXCEPTIONS, SHIFT_PLANS, SPECIAL_DAYS))


async def before(connection: Connection, changes: Sequence[Change]) -> list[SiteRow]:
    """The sites that will change, as they are."""
    found = [
        await machines.find_site(connection, str(change.key[0]), for_update=True)
        for change in changes
        if change.kind == SITES.name and change.before is not None and change.after is not None
    ]
    return [site for site in found if site is not None]


async def follow(
    connection: Connection,
    context: Context,
    principal: Principal,
    changes: Sequence[Change],
    *,
    before: Sequence[SiteRow],
) -> list[NewRecord]:
    """Tell the planner and the screens; answers the records for the log."""
    raised: list[DisruptionRow] = []
    for site in before:
        now = await machines.known_site(connection, site.code)
        raised += await replan(connection, context, principal, site, now)
    raised += await _calendars(connection, context, principal, changes)
    raised += await _resources(connection, context, principal, changes)
    raised += await _setups(connection, context, principal, changes)
    raised += await _families(connection, context, principal, changes)
    records = [disruptions.record(each) for each in raised]
    for change in changes:
        if change.kind == MACHINES.name and change.after is not None:
            path = str(change.key[0])
            row = await machines.known_machine(connection, path, field="machine")
            records.append(machine_changed(row))
    return records


async def judge_again(
    connection: Connection,
    context: Context,
    changes: Sequence[Change],
    definite: Sequence[Change],
) -> tuple[Sequence[Judged], list[NewRecord]]:
    """Review the orders that wait for what is known now; what came of it, and records to log."""
    concerned = [*definite, *changes]
    names = {
        kind.name: {str(change.key[0]) for change in concerned if change.kind == kind.name}
        for kind in (ITEMS, CUSTOMERS)
    }
    if not any(names.values()):
        return (), []
    order_ids = await applying.orders_concerned(
        connection,
        items=names[ITEMS.name],
        customers=names[CUSTOMERS.name],
        most=_MOST_JUDGED,
    )
    if not order_ids:
        return (), []
    judged, records = await look_again(context, connection, order_ids)
    return list(judged.values()), records


async def _calendars(
    connection: Connection, context: Context, principal: Principal, changes: Sequence[Change]
) -> list[DisruptionRow]:
    """One disruption per site whose calendar, or a machine's of it, is another."""
    codes = {str(change.key[0]).partition("/")[0] for change in changes if change.kind in _TOLD}
    patterns = [str(change.key[0]) for change in changes if change.kind == SHIFT_PATTERNS.name]
    codes |= await shift_plans.sites_of(connection, patterns)
    raised = []
    for code in sorted(codes):
        site = await machines.known_site(connection, code)
        raised.append(
            await raise_change(
                connection,
                context,
                principal,
                scope=site.scope,
                site_id=site.id,
                detail={"what": "calendar"},
            )
        )
    return raised


async def _resources(
    connection: Connection, context: Context, principal: Principal, changes: Sequence[Change]
) -> list[DisruptionRow]:
    """One disruption per site with other people or tools, or machines that need or take others."""
    codes = {
        site_of(RESOURCES, record)
        for change in changes
        if change.kind == RESOURCES.name and (record := change.after or change.before) is not None
    }
    for change in changes:
        if change.kind != MACHINES.name or change.before is None or change.after is None:
            continue
        old, new = cast("Machine", change.before), cast("Machine", change.after)
        if (old.needs, old.batch_capacity) != (new.needs, new.batch_capacity):
            codes.add(site_of(MACHINES, new))
    raised = []
    for code in sorted(each for each in codes if each is not None):
        site = await machines.known_site(connection, code)
        raised.append(
            await raise_change(
                connection,
                context,
                principal,
                scope=site.scope,
                site_id=site.id,
                detail={"what": "resources"},
            )
        )
    return raised


async def _setups(
    connection: Connection, context: Context, principal: Principal, changes: Sequence[Change]
) -> list[DisruptionRow]:
    """One disruption per machine whose setup matrix is another."""
    records = [
        cast("Setup", change.after or change.before)
        for change in changes
        if change.kind == SETUPS.name
    ]
    raised = []
    for path, code in sorted({(setup.machine, site_of(SETUPS, setup)) for setup in records}):
        site = await machines.known_site(connection, code or "")
        machine = await machines.known_machine(connection, path, field="machine")
        raised.append(
            await raise_change(
                connection,
                context,
                principal,
                scope=site.scope,
                site_id=site.id,
                machine_id=machine.id,
                detail={"what": "setups"},
            )
        )
    return raised


async def _families(
    connection: Connection, context: Context, principal: Principal, changes: Sequence[Change]
) -> list[DisruptionRow]:
    """Plans that hold work on an item of another setup family now."""
    raised = []
    for change in changes:
        if change.kind != ITEMS.name or change.before is None or change.after is None:
            continue
        old, new = cast("Item", change.before), cast("Item", change.after)
        if old.setup_family == new.setup_family:
            continue
        item = await catalogue.known_item(connection, new.code, field="item")
        for scope in await scopes.working_on(connection, item.id):
            raised.append(  # noqa: PERF401 - a list of awaited rows reads no better
                await raise_change(
                    connection,
                    context,
                    principal,
                    scope=scope,
                    detail={"what": "setup_family", "item": new.code},
                )
            )
    return raised
