"""When can you deliver? Material and capacity are looked at, and what binds is said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from api.auth.principal import Orderer, Principal
from api.context import Context, RequestContext
from api.errors import FieldProblem, ProblemError
from api.fields import exact_number
from api.idempotency import IdempotentRoute
from api.promises.planned import Answered, Terms, planned
from api.promises.schemas import NewPromise, Promise
from api.promises.telling import shown_promise
from api.reservations.service import not_available, shown, tell
from api.stock.service import digest_of, item_of, now_of, quantity_of, site_of
from domain.inventory import promised
from domain.inventory.books import Key
from domain.inventory.words import ReservationKind, ReservationOrigin
from store import catalogue, machines
from store.catalogue import ItemRow
from store.database import Connection
from store.filters import Page
from store.inventory import reservations
from store.inventory.promise import Promiser
from store.inventory.reservations import NotAvailableError, ReservationRow
from store.inventory.stock import NewReservation, Stock
from store.machines import SiteRow
from store.planning.policies import sites_of_scope

router = APIRouter(prefix="/v1/promises", tags=["stock"], route_class=IdempotentRoute)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@router.post("", status_code=HTTPStatus.OK, operation_id="promise")
async def ask(context: RequestContext, principal: Orderer, wanted: NewPromise) -> Promise:
    """When could these lines be ready? With `hold_minutes` the answer is held for so long.

    Lines compete: what one is promised is taken before the next is asked for. What is held is taken
    from stock and supplies that are known; what has yet to be made or bought is not held.
    """
    now = now_of(context)
    async with context.connection() as connection:
        items, answers = await _coarse(principal, connection, wanted, now)
    # The planner is asked while no connection is held: it works on connections of its own.
    answered = list(
        await asyncio.gather(
            *(_planned(context, wanted, site, found, paths) for site, found, paths in answers)
        )
    )
    answered.sort(key=lambda answer: (answer.whole or _NEVER, answer.site.code))
    first = answered[0]
    held: list[ReservationRow] = []
    async with context.connection() as connection:
        sees = await _sees_scope(principal, connection, first.site)
    if wanted.hold_minutes is not None:
        try:
            async with context.transaction() as connection:
                held = await _hold(
                    context,
                    principal,
                    connection,
                    wanted,
                    site=first.site,
                    found=first.found,
                    now=now,
                )
        except NotAvailableError as error:
            raise not_available(error, field="lines") from error
    return shown_promise(
        wanted,
        [(item.code, item.unit) for item in items],
        first,
        now=now,
        sees_others=sees,
        reservations=[shown(row) for row in held],
        elsewhere={other.site.code: other.whole for other in answered[1:]},
    )


async def _coarse(
    principal: Principal, connection: Connection, wanted: NewPromise, now: datetime
) -> tuple[list[ItemRow], list[tuple[SiteRow, list[promised.Promise], dict[int, str]]]]:
    """The items, and for each site what the coarse rule says with the paths of its machines."""
    items = [
        await item_of(connection, line.item, field=f"lines[{index}]")
        for index, line in enumerate(wanted.lines)
    ]
    quantities = [
        quantity_of(item, line.quantity, line.unit, field=f"lines[{index}]")
        for index, (item, line) in enumerate(zip(items, wanted.lines, strict=True))
    ]
    answers = []
    for site in await _sites(connection, principal, wanted, items):
        promiser = Promiser(connection, site.id, now=now)
        found = [
            await promiser.promise(item.id, quantity)
            for item, quantity in zip(items, quantities, strict=True)
        ]
        answers.append((site, found, promiser.machines))
    answers.sort(key=lambda answer: (_whole(answer[1]) or _NEVER, answer[0].code))
    return items, answers


async def _planned(
    context: Context,
    wanted: NewPromise,
    site: SiteRow,
    found: Sequence[promised.Promise],
    machines: Mapping[int, str],
) -> Answered:
    """What the site's planner says."""
    made = [line.due for line, one in zip(wanted.lines, found, strict=True) if one.work is not None]
    dues = [due for due in made if due is not None]
    terms = Terms(
        release_within_ms=wanted.release_within_minutes * 60_000,
        priority=wanted.priority,
        due=min(dues) if dues and len(dues) == len(made) else None,
    )
    return await planned(context, site, found, terms=terms, machines=machines)


async def _sees_scope(principal: Principal, connection: Connection, site: SiteRow) -> bool:
    """Whether they may know whose work is planned there, beside that there is some."""
    sites = await sites_of_scope(connection, site.scope)
    return principal.sees_scope([each.code for each in sites])


def _whole(found: Sequence[promised.Promise]) -> datetime | None:
    """When the last line is ready; None: one is never."""
    dates = [one.at for one in found]
    return None if None in dates else max(date for date in dates if date is not None)


async def _sites(
    connection: Connection, principal: Principal, wanted: NewPromise, items: Sequence[ItemRow]
) -> list[SiteRow]:
    """Where to ask: the site that was named, else every one that has or makes one of the items."""
    if wanted.site is not None:
        return [await site_of(connection, principal, wanted.site)]
    cursor = await connection.execute(
        """
        SELECT DISTINCT site_id FROM stock_heads WHERE item_id = ANY(%(items)s)
        UNION SELECT site_id FROM item_sites WHERE item_id = ANY(%(items)s)
        UNION SELECT site_id FROM routings
              WHERE item_id = ANY(%(items)s) AND retired_at IS NULL
        """,
        {"items": [item.id for item in items]},
    )
    able = {row[0] for row in await cursor.fetchall()}
    every, _ = await machines.sites(connection, Page(1_000, 0), limited_to=principal.sites)
    chosen = [site for site in every if site.id in able] or every[:1]
    if not chosen:
        problem = "there is no site that could deliver"
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"site: {problem}",
            errors=[FieldProblem(field="site", problem=problem)],
        )
    return chosen


async def _hold(
    context: Context,
    principal: Principal,
    connection: Connection,
    wanted: NewPromise,
    *,
    site: SiteRow,
    found: Sequence[promised.Promise],
    now: datetime,
) -> list[ReservationRow]:
    """Reserve what the answer takes from stock and supplies; judged once more under the lock."""
    if wanted.hold_minutes is None:
        return []
    customer_id = None
    if wanted.customer is not None:
        customer_id = (await catalogue.known_customer(connection, wanted.customer)).id
    digest = digest_of(wanted)
    wants = [
        NewReservation(
            key=Key(one.item_id, site.id),
            quantity=one.from_stock,
            kind=ReservationKind.SOFT,
            need_at=one.at or now,
            created_by=principal.actor.name,
            origin=ReservationOrigin.PROMISE,
            expires_at=now + timedelta(minutes=wanted.hold_minutes),
            customer_id=customer_id,
            reference=f"{wanted.reference}/{place}" if wanted.reference is not None else None,
            digest=digest,
            note=wanted.note or _note(one),
        )
        for place, one in enumerate(found, 1)
        if one.from_stock > 0
    ]
    if not wants:
        return []
    stock = await Stock.lock(connection, {want.key for want in wants}, now=now, lots=False)
    if wanted.reference is not None:
        known = [
            await reservations.by_reference(connection, site.id, want.reference or "", digest)
            for want in wants
        ]
        if all(row is not None for row in known):
            return [row for row in known if row is not None]
    ids = await reservations.reserve(stock, wants)
    rows = await reservations.by_ids(connection, ids)
    for row in rows:
        await tell(context, connection, principal, row, "PromiseHeld")
    return rows


def _note(one: promised.Promise) -> str:
    return f"promise of {exact_number(one.quantity)}"
