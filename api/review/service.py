"""Review again, and what people say to findings: one transaction with audit entries and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from api.orders import views
from api.orders.releasing import release_judged
from api.orders.rows import locked
from api.orders.schemas import Order
from api.review.schemas import Rejudged, Settlement
from api.work_orders.service import order_event
from store import audit, order_desk, orders
from store.audit import Actor
from store.database import Connection
from store.errors import NotFoundError
from store.log import NewRecord
from store.order_desk import Chosen
from store.review import findings
from store.review.judging import CONFIRMED, REVIEW, REVIEWED, Judged, examine_orders

AT_ONCE: Final = 200
"""So many orders are looked at in one transaction."""
MOST: Final = 10_000
"""And so many by one request."""


async def rejudge(context: Context, principal: Principal, chosen: Chosen) -> Rejudged:
    """Look again at orders that are not released, because something they depend on has changed."""
    async with context.connection() as connection:
        ids = await order_desk.to_review(
            connection, chosen, at_most=MOST + 1, limited_to=principal.sites
        )
    judged: list[Judged] = []
    for start in range(0, min(len(ids), MOST), AT_ONCE):
        async with context.transaction() as connection:
            batch = ids[start : start + AT_ONCE]
            await order_desk.lock_by_id(connection, batch)
            each, records = await look_again(context, connection, batch, actor=principal.actor)
            if records:
                await context.log.append_in(connection, records)
        judged += each.values()
    await release_judged(context, principal, judged)
    return Rejudged(
        judged=len(judged),
        confirmed=[one.number for one in judged if one.moved == CONFIRMED],
        under_review=[one.number for one in judged if one.moved == REVIEWED],
        more=len(ids) > MOST,
    )


async def look_again(
    context: Context,
    connection: Connection,
    order_ids: Sequence[int],
    *,
    actor: Actor = REVIEW,
    touched: bool = False,
) -> tuple[Mapping[int, Judged], list[NewRecord]]:
    """Review orders whose locks the caller holds; answers the events to be appended last.

    Args:
        context: for the time.
        connection: the caller's transaction.
        order_ids: which ones.
        actor: on whose doing.
        touched: the caller has raised the orders' versions in this transaction already.
    """
    now = required_moment(context.clock.now_ms())
    judged = await examine_orders(connection, order_ids, now=now, actor=actor)
    moved = {order_id: each for order_id, each in judged.items() if each.moved is not None}
    versions: Mapping[int, int] = {}
    if moved and not touched:
        versions = await order_desk.touch_all(connection, list(moved))
    records = [
        order_event(
            context,
            each.moved or REVIEWED,
            site=each.site,
            order_id=order_id,
            version=versions.get(order_id, each.version),
        )
        for order_id, each in moved.items()
    ]
    return judged, records


async def settle_finding(
    context: Context, principal: Principal, number: str, finding_id: int, wanted: Settlement
) -> Order:
    """Say that a finding does not matter, and why. It does not come up again.

    Raises:
        NotFoundError: there is no such order, or it has no such open finding.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number)
        found = (await findings.findings_of(connection, [row.id]))[row.id]
        finding = next((one for one in found if one.id == finding_id), None)
        if finding is None:
            raise NotFoundError("open finding", str(finding_id))
        now = required_moment(context.clock.now_ms())
        await findings.settle(
            connection,
            [finding.id],
            how="by_hand",
            by=principal.actor.name,
            reason=wanted.reason,
            now=now,
        )
        version = await orders.touch(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="FindingSettled",
            site_id=row.site_id,
            order_id=row.id,
            reason=wanted.reason,
            after={
                "finding": finding.id,
                "code": finding.code,
                "line": finding.line_number,
                "detail": msgspec.to_builtins(finding.detail),
            },
        )
        judged, records = await look_again(
            context, connection, [row.id], actor=principal.actor, touched=True
        )
        if not records:
            records = [
                order_event(context, REVIEWED, site=row.site, order_id=row.id, version=version)
            ]
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    if await release_judged(context, principal, judged.values()):
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order
