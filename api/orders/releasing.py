"""Handing orders to the floor: work orders from routings, pegged to the lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number, required_moment
from api.orders import views
from api.orders.rows import locked, refused, state_of
from api.orders.schemas import (
    Order,
)
from api.pegging import service as pegging
from api.work_orders.service import order_event
from domain.access import Permission
from domain.inventory.books import Key
from domain.orders import LineState, Moved, release
from domain.pegging.book import NOTHING, PeggingError
from domain.pegging.policy import Policy, Rule
from domain.pegging.rules import Candidate, cut, together
from store import audit, catalogue, orders
from store.catalogue import StepRow
from store.database import Connection
from store.errors import (
    ConflictError,
)
from store.inventory import holding
from store.inventory.components import components
from store.inventory.production import book_production
from store.inventory.reservations import shrink_for_lines
from store.inventory.stock import Stock
from store.log import NewRecord
from store.orders import LineRow, OrderRow
from store.pegging import books, making, policies
from store.pegging.books import epoch_ms
from store.pegging.making import Batch, LineSite
from store.review import reasons
from store.review.judging import CONFIRMED, Judged


class _Way(msgspec.Struct, frozen=True):
    """How a line is made: where, by which steps, and by which rules."""

    site: LineSite
    steps: Sequence[StepRow]
    policy: Policy


async def release_order(context: Context, principal: Principal, number: str) -> Order:
    """Hand an order to the floor: work orders from the items' routings at the lines' sites.

    Raises:
        NotFoundError: there is no such order.
        ConflictError: no line can be released, or an item has no routing at the site.
    """
    now = required_moment(context.clock.now_ms())
    async with context.transaction() as connection:
        row = await locked(connection, principal, number)
        work_order_ids, version = await release_lines(connection, principal, row, now=now)
        await book_production(connection, work_order_ids=work_order_ids, now=now)
        records = await released_events(
            context, connection, row, version=version, work_order_ids=work_order_ids
        )
        joining = await _joining(connection, work_order_ids)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    for site, item in joining:
        await pegging.arrange(context, principal, site=site, item=item)
    if joining:
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order


async def release_confirmed(
    context: Context, principal: Principal, numbers: Sequence[str]
) -> list[str]:
    """Release orders that were just confirmed, where their site's policy says `at_confirmation`.

    Each in a transaction of its own; answers those that were tried. One that cannot be released
    stays confirmed, and its history says why.
    """
    async with context.connection() as connection:
        wanted = await policies.released_at_confirmation(connection, numbers)
    for number in wanted:
        try:
            await release_order(context, principal, number)
        except ConflictError as error:
            async with context.transaction() as connection:
                row = await locked(connection, principal, number)
                await audit.write(
                    connection,
                    actor=principal.actor,
                    action="ReleaseRefused",
                    site_id=row.site_id,
                    order_id=row.id,
                    reason=str(error),
                )
    return wanted


async def release_judged(
    context: Context, principal: Principal, judged: Iterable[Judged]
) -> list[str]:
    """Release what the review has just confirmed by itself, like `release_confirmed`.

    After the review's commit. On behalf of whoever caused it: nobody hands orders to the floor by
    it who may not do so anyway.
    """
    if not principal.may(Permission.ORDER):
        return []
    numbers = [
        each.number for each in judged if each.moved == CONFIRMED and principal.sees(each.site)
    ]
    return await release_confirmed(context, principal, numbers) if numbers else []


async def follow_confirmation(context: Context, principal: Principal, order: Order) -> Order:
    """Release an order that has just come to be confirmed in another way than by confirming it.

    Like `release_judged`: after the commit, and only for who may release. Answers the order as it
    is then.
    """
    if order.state is not LineState.CONFIRMED or not principal.may(Permission.ORDER):
        return order
    if order.number not in await release_confirmed(context, principal, [order.number]):
        return order
    async with context.connection() as connection:
        return await views.order(context, connection, order.number)


async def _joining(connection: Connection, work_order_ids: Sequence[int]) -> list[tuple[str, str]]:
    """Sites and items of new work orders that are to join those of earlier releases.

    That is done in a transaction of its own: it locks other orders too.
    """
    found = await books.works(connection, work_order_ids)
    joining = set()
    for row in found.values():
        policy = await policies.policy_of(connection, row.site_id)
        if policy.ruled and policy.join_open and row.item is not None:
            joining.add((row.site, row.item))
    return sorted(joining)


async def released_events(
    context: Context,
    connection: Connection,
    row: OrderRow,
    *,
    version: int,
    work_order_ids: Sequence[int],
    name: str = "OrderReleased",
) -> list[NewRecord]:
    """The event of a release for the order's site, and for every other one that makes some of it.

    Each tells of all work orders; planning looks at its own site's.
    """
    found = await books.works(connection, work_order_ids)
    sites = sorted({work.site for work in found.values()} - {row.site})
    return [
        order_event(
            context,
            name,
            site=site,
            order_id=row.id,
            version=version,
            work_order_ids=work_order_ids,
        )
        for site in (row.site, *sites)
    ]


async def release_lines(
    connection: Connection, principal: Principal, row: OrderRow, *, now: datetime | None = None
) -> tuple[list[int], int]:
    """Release the lines that can be; answers the new work orders and the order's version.

    What the site's policy takes from stock is pegged there and held; for the rest there is a work
    order per line, unless a rule puts lines of the same item together, or cuts them into batches.

    Raises:
        ConflictError: no line can be released, or an item has no routing at the site.
    """
    lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
    decisions = [(line, release(line.state)) for line in lines]
    moved = [(line, decision) for line, decision in decisions if isinstance(decision, Moved)]
    if not moved:
        waits = any(line.state is LineState.UNDER_REVIEW for line in lines)
        why = f". {await reasons(connection, row.id)}" if waits else "."
        raise refused(row.number, "released", decisions, why=why)
    wanted = [(line, line.quantity) for line, _ in moved]
    made, from_stock = await serve(connection, row, wanted, now=now or datetime.now(UTC))
    for line, decision in moved:
        await orders.set_line_state(connection, line.id, decision.state)
    version = await orders.touch(connection, row.id)
    await audit.write(
        connection,
        actor=principal.actor,
        action="OrderReleased",
        site_id=row.site_id,
        order_id=row.id,
        before={"lines": [state_of(line, line.state) for line, _ in moved]},
        after={
            "lines": [
                {
                    **state_of(line, decision.state),
                    **_named([work.number for work in made if line.id in work.pegs]),
                    **_covered(from_stock, line.id),
                }
                for line, decision in moved
            ]
        },
    )
    return [work.id for work in made], version


async def serve(
    connection: Connection,
    row: OrderRow,
    wanted: Sequence[tuple[LineRow, Decimal]],
    *,
    now: datetime,
) -> tuple[list[making.Made], dict[int, Decimal]]:
    """Cover quantities of an order's lines: from stock where the policies say so, else by work.

    Answers the new work orders, and how much of which line comes from stock.

    Raises:
        ConflictError: an item has no routing at the site, or a rule allows no batch.
    """
    sites = await making.line_sites(connection, row.id)
    known = {
        site_id: await policies.policy_of(connection, site_id)
        for site_id in sorted({sites[line.id].site_id for line, _ in wanted})
    }
    from_stock = await _from_stock(connection, wanted, sites, known, now)
    rest = [
        (line, quantity - from_stock.get(line.id, NOTHING))
        for line, quantity in wanted
        if quantity > from_stock.get(line.id, NOTHING)
    ]
    ways = await _ways(connection, [line for line, _ in rest], sites, known)
    made = []
    for batch in _batches(rest, ways):
        way = ways[min(batch.pegs)]
        made.append(await making.make(connection, batch, way.steps))
    return made, from_stock


async def _from_stock(
    connection: Connection,
    wanted: Sequence[tuple[LineRow, Decimal]],
    sites: Mapping[int, LineSite],
    known: Mapping[int, Policy],
    now: datetime,
) -> dict[int, Decimal]:
    """Mean what lies free in stock for lines, by due date, where the policy says so."""
    taking = sorted(
        (
            (line, quantity)
            for line, quantity in wanted
            if known[sites[line.id].site_id].takes_from_stock(line.item, sites[line.id].family)
        ),
        key=lambda each: (each[0].due_at is None, each[0].due_at or now, each[0].number),
    )
    if not taking:
        return {}
    keys = {Key(line.item_id, sites[line.id].site_id) for line, _ in wanted}
    # What will be booked for the work orders of the rest is locked with it: stock is locked once.
    parts = await components(connection, keys, at=now)
    keys |= {Key(part.item_id, key.site_id) for key, some in parts.items() for part in some}
    stock = await Stock.lock(connection, keys, now=now)
    await holding.take_over(stock, [line.id for line, _ in taking])
    covered = await holding.cover(
        stock,
        {
            line.id: (Key(line.item_id, sites[line.id].site_id), quantity)
            for line, quantity in taking
        },
    )
    # What was reserved for a line by a date is wanted for what is not covered only.
    await shrink_for_lines(connection, {line.id: line.quantity for line, _ in taking}, now=now)
    return covered


async def _ways(
    connection: Connection,
    lines: Sequence[LineRow],
    sites: Mapping[int, LineSite],
    known: Mapping[int, Policy],
) -> dict[int, _Way]:
    """How lines are made, by line."""
    routings = await catalogue.routings(connection, sorted({line.item_id for line in lines}))
    ways = {}
    for line in lines:
        site = sites[line.id]
        steps = [step for step in routings[line.item_id] if step.site == site.site]
        if not steps:
            raise ConflictError(
                f"line {line.number}: the item {line.item!r} has no routing at {site.site!r}"
            )
        ways[line.id] = _Way(site, steps, known[site.site_id])
    return ways


def _batches(wanted: Sequence[tuple[LineRow, Decimal]], ways: Mapping[int, _Way]) -> list[Batch]:
    """The work orders to be made, in the order of the lines; those of one item together."""
    quantities = {line.id: quantity for line, quantity in wanted}
    by_id = {line.id: line for line, _ in wanted}
    groups: list[tuple[Rule | None, list[int]]] = []
    ruled: dict[tuple[int, int], tuple[Rule, list[Candidate]]] = {}
    for line, quantity in wanted:
        way = ways[line.id]
        rule = way.policy.rule_for(line.item, way.site.family) if way.policy.ruled else None
        if rule is None:
            groups.append((None, [line.id]))
            continue
        key = (way.site.site_id, line.item_id)
        candidate = Candidate(
            id=line.id,
            quantity=quantity,
            alike=f"{way.site.site_id}/{line.item_id}",
            due_ms=epoch_ms(line.due_at),
        )
        ruled.setdefault(key, (rule, []))[1].append(candidate)
    for rule, candidates in ruled.values():
        groups += [(rule, [each.id for each in group]) for group in together(rule, candidates)]
    groups.sort(key=lambda group: min(by_id[id_].number for id_ in group[1]))
    batches = []
    for rule, ids in groups:
        way = ways[ids[0]]
        total = sum((quantities[id_] for id_ in ids), NOTHING)
        slowest = max((step.cycle_ms for step in way.steps), default=None)
        try:
            sizes = [total] if rule is None else cut(rule, total, slowest)
        except PeggingError as error:
            raise ConflictError(
                f"line {by_id[ids[0]].number}: {error}", code=error.code, params=error.params
            ) from error
        waiting = [(id_, quantities[id_]) for id_ in ids]
        batches += [_batch(size, waiting, by_id, way) for size in sizes]
    return batches


def _batch(
    size: Decimal, waiting: list[tuple[int, Decimal]], lines: Mapping[int, LineRow], way: _Way
) -> Batch:
    """The next work order of a group: takes its lines from the front of `waiting`."""
    room, pegs = size, dict[int, Decimal]()
    while room and waiting:
        line_id, left = waiting.pop(0)
        taken = min(room, left)
        pegs[line_id] = taken
        room -= taken
        if left > taken:
            waiting.insert(0, (line_id, left - taken))
    first = lines[min(pegs)]
    dates = [date for id_ in pegs if (date := lines[id_].due_at) is not None]
    return Batch(
        site_id=way.site.site_id,
        item_id=first.item_id,
        unit=first.unit,
        quantity=size,
        due_at=min(dates, default=None),
        pegs=pegs,
    )


def _covered(from_stock: Mapping[int, Decimal], line_id: int) -> dict[str, object]:
    quantity = from_stock.get(line_id)
    return {} if quantity is None else {"from_stock": exact_number(quantity)}


def _named(numbers: Sequence[str]) -> dict[str, object]:
    if not numbers:
        return {}
    return {"work_order": numbers[0]} if len(numbers) == 1 else {"work_orders": list(numbers)}
