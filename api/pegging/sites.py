"""Which site makes or delivers an order line: candidates with their dates, and the choice."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.orders.releasing import release_judged
from api.orders.rows import locked
from api.pegging.schemas import SiteAssignment, SiteCandidate, SiteCandidates
from api.review.service import look_again
from api.work_orders.service import order_event
from domain.orders import LineState
from domain.pegging import sites as rule
from domain.pegging.sites import Candidate, Chosen, Source
from store import audit, orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.inventory.promise import earliest
from store.orders import LineRow, OrderRow
from store.pegging import making, sites
from store.pegging.books import epoch_ms
from store.pegging.sites import SiteChoice

_HOUR_MS: Final = 3_600_000
_ASSIGNABLE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)


class _Judged(msgspec.Struct, frozen=True):
    """A line and what the sites can do for it."""

    line: LineRow
    current: str
    choices: dict[str, SiteChoice]
    candidates: list[Candidate]
    chosen: Chosen


async def candidates(
    context: Context, principal: Principal, number: str, line_number: int
) -> SiteCandidates:
    """The sites for a line, the best first; the rule's choice is marked.

    Raises:
        NotFoundError: there is no such order or line.
    """
    async with context.connection() as connection:
        row = await orders.find(connection, number=number)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("order", number)
        judged = await _judge(context, connection, principal, row, line_number)
    return _shown(row, judged)


async def assign(
    context: Context, principal: Principal, number: str, line_number: int, wanted: SiteAssignment
) -> SiteCandidates:
    """Let a site make or deliver a line: the one named, else the one that the rule chooses.

    The order is reviewed again for it.

    Raises:
        NotFoundError: there is no such order or line.
        StaleVersionError: the order has changed since `version`.
        UnknownReferenceError: there is no such site.
        ConflictError: the line is released already, or no site can make or deliver it.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        judged = await _judge(context, connection, principal, row, line_number)
        line = judged.line
        if line.state not in _ASSIGNABLE:
            raise ConflictError(
                f"line {line.number} of {number!r} is {line.state}: the site is chosen before it "
                "is released"
            )
        code = wanted.site if wanted.site is not None else judged.chosen.site
        if code is None:
            raise ConflictError(f"line {line.number} of {number!r}: {judged.chosen.reason}")
        choice = judged.choices.get(code)
        if choice is None:
            raise UnknownReferenceError("site", code, "there is no such site")
        if code == judged.current:
            return _shown(row, judged)
        await sites.assign(connection, line.id, choice.id)
        version = await orders.touch(connection, row.id)
        # Whether it can be made and in time was judged for the site before.
        reviewed, records = await look_again(
            context, connection, [row.id], actor=principal.actor, touched=True
        )
        by_hand = wanted.site is not None
        await audit.write(
            connection,
            actor=principal.actor,
            action="LineSiteAssigned",
            site_id=row.site_id,
            order_id=row.id,
            reason=wanted.reason or ("by hand" if by_hand else judged.chosen.reason),
            before={"line": line.number, "site": judged.current},
            after={"line": line.number, "site": code},
        )
        record = order_event(
            context, "OrderChanged", site=row.site, order_id=row.id, version=version
        )
        await context.log.append_in(connection, [record, *records])
    if await release_judged(context, principal, reviewed.values()):
        async with context.connection() as connection:
            released = await orders.find(connection, number=number)
        version = version if released is None else released.version
    return _shown(
        msgspec.structs.replace(row, version=version),
        msgspec.structs.replace(judged, current=code),
    )


async def _judge(
    context: Context, connection: Connection, principal: Principal, row: OrderRow, number: int
) -> _Judged:
    lines = (await orders.lines(connection, [row.id]))[row.id]
    line = next((line for line in lines if line.number == number), None)
    if line is None:
        raise NotFoundError("line", f"{row.number} {number}")
    current = (await making.line_sites(connection, row.id))[line.id].site
    choices = [
        choice
        for choice in await sites.choices(connection, item_id=line.item_id, home_id=row.site_id)
        if principal.sees(choice.code)
    ]
    now = required_moment(context.clock.now_ms())
    found = [await _candidate(connection, row, line, choice, now) for choice in choices]
    return _Judged(
        line,
        current,
        {choice.code: choice for choice in choices},
        found,
        rule.choose(found, epoch_ms(line.due_at)),
    )


async def _candidate(
    connection: Connection, row: OrderRow, line: LineRow, choice: SiteChoice, now: datetime
) -> Candidate:
    """What a site could do for a line: capability, stock and load decide on the date."""
    candidate = Candidate(site=choice.code, home=choice.id == row.site_id)
    if choice.transport_hours is None:
        why_not = f"nobody said how long goods take from {choice.code!r} to {row.site!r}"
        return msgspec.structs.replace(candidate, why_not=why_not)
    transport_ms = round(choice.transport_hours * _HOUR_MS)
    candidate = msgspec.structs.replace(candidate, transport_ms=transport_ms)
    promise = await earliest(connection, line.item_id, choice.id, line.quantity, now=now)
    if promise.at is None:
        reasons = "; ".join(binding.reason for binding in promise.bindings)
        why_not = reasons or "nobody knows where it could come from there"
        if not choice.has_routing:
            why_not = f"it has no routing of {line.item!r} and not enough in stock ({why_not})"
        return msgspec.structs.replace(candidate, why_not=why_not)
    from_stock = promise.from_stock >= line.quantity
    if not from_stock and not choice.has_routing and not choice.may_buy:
        why_not = f"it has no routing of {line.item!r} and {promise.from_stock} in stock"
        return msgspec.structs.replace(candidate, why_not=why_not)
    return msgspec.structs.replace(
        candidate,
        source=Source.STOCK if from_stock else Source.MAKE,
        ready_ms=epoch_ms(promise.at),
    )


def _shown(row: OrderRow, judged: _Judged) -> SiteCandidates:
    due_ms = epoch_ms(judged.line.due_at)
    ordered = sorted(
        judged.candidates,
        key=lambda each: (
            each.site != judged.chosen.site,
            each.arrives_ms is None,
            each.arrives_ms or 0,
            each.site,
        ),
    )
    return SiteCandidates(
        order=row.number,
        line=judged.line.number,
        item=judged.line.item,
        quantity=judged.line.quantity,
        unit=judged.line.unit,
        due=judged.line.due_at,
        current=judged.current,
        chosen=judged.chosen.site,
        reason=judged.chosen.reason,
        version=row.version,
        candidates=[
            SiteCandidate.model_validate(
                {
                    "site": each.site,
                    "chosen": each.site == judged.chosen.site,
                    "current": each.site == judged.current,
                    "source": each.source,
                    "ready": moment_of(each.ready_ms),
                    "transport_hours": each.transport_ms / _HOUR_MS,
                    "arrives": moment_of(each.arrives_ms),
                    "in_time": None if each.arrives_ms is None else each.in_time(due_ms),
                    "why_not": each.why_not,
                }
            )
            for each in ordered
        ],
    )
