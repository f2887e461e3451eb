"""Rush orders: what one costs, and taking it at that price."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.errors import ProblemError
from api.fields import moment_of, required_moment
from api.orders.changing import LineWish, OrderWish, apply_change
from api.orders.releasing import release_judged
from api.orders.rows import locked
from api.scopes import known_scope
from api.what_if import schemas
from api.what_if.asking import answered
from api.what_if.resolving import Resolver, required_ms
from api.what_if.telling import price
from contracts.what_if import RushPriced, RushQuestion
from domain.orders import LineState
from domain.plan.policy import Displacement
from store import audit, orders
from store.errors import ConflictError

_TOLERANCE: Final = timedelta(minutes=1)
_OPEN: Final = frozenset(LineState) - {LineState.CANCELLED, LineState.PRODUCED}


async def rush_price(
    context: Context, principal: Principal, scope: str, wanted: schemas.RushWish
) -> schemas.RushPrice:
    """What a rush order costs, before anybody says yes. Nothing is changed.

    Raises:
        NotFoundError: there is no such scope.
        ProblemError: it cannot be told, or there is no planner.
    """
    async with context.connection() as connection:
        row = await known_scope(connection, principal, scope)
        resolver = Resolver(context, connection, principal, row)
        priority = wanted.priority
        if priority is None:
            priority = max((await resolver.policy()).rush_priority, 0)
        question = RushQuestion(
            order=await resolver.order(wanted.order, "order") if wanted.order else None,
            works=await resolver.works(wanted.lines, wanted.site, "") if wanted.lines else (),
            priority=priority,
            due_ms=required_ms(wanted.due) if wanted.due is not None else None,
        )
    found = await answered(context, scope, question, RushPriced)
    return schemas.RushPrice(
        scope=scope,
        as_of=required_moment(found.as_of_ms),
        plan_number=found.plan_number,
        priority=priority,
        displacement=Displacement(found.displacement),
        planned_end=moment_of(found.now_ms),
        waiting=price(found.waiting),
        rushed=price(found.rushed),
    )


async def accept(
    context: Context, principal: Principal, scope: str, wanted: schemas.RushAcceptance
) -> schemas.RushPrice:
    """Take an order as a rush order at a price that was told; the price stands in its history.

    It is worked out again: by another plan it may be another one by now.

    Raises:
        NotFoundError: there is no such scope or order.
        ConflictError: another plan is in force, and it is dearer or later by it (`price-changed`).
        ProblemError: it cannot be told, or there is no planner.
    """
    now = await _now(context, principal, scope, wanted)
    async with context.transaction() as connection:
        row = await locked(connection, principal, wanted.order)
        lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
        sooner = [
            LineWish(number=line.number, due_at=wanted.due)
            for line in lines
            if wanted.due is not None
            and line.state in _OPEN
            and (line.due_at is None or line.due_at > wanted.due)
        ]
        wish = OrderWish(lines=sooner, priority=now.priority, reason="rush")
        applied = await apply_change(context, principal.actor, connection, row, wish)
        await audit.write(
            connection,
            actor=principal.actor,
            action="RushAccepted",
            site_id=row.site_id,
            order_id=row.id,
            before={"plan": wanted.plan_number, "end": wanted.end, "cost": wanted.cost},
            after={"plan": now.plan_number, "price": now.rushed.model_dump(mode="json")},
        )
        await context.log.append_in(connection, applied.records)
    if applied.judged is not None:
        await release_judged(context, principal, [applied.judged])
    return now


async def _now(
    context: Context, principal: Principal, scope: str, wanted: schemas.RushAcceptance
) -> schemas.RushPrice:
    """The price as it is now.

    Raises:
        ConflictError: it is another one than was told.
    """
    wish = schemas.RushWish(order=wanted.order, priority=wanted.priority, due=wanted.due)
    try:
        now = await rush_price(context, principal, scope, wish)
    except ProblemError as error:
        error.params.setdefault("order", wanted.order)
        raise
    dearer = now.rushed.cost > wanted.cost or now.rushed.end > wanted.end + _TOLERANCE
    if now.plan_number != wanted.plan_number and dearer:
        raise ConflictError(
            f"{wanted.order} would be ready at {now.rushed.end.isoformat()} at a cost of"
            f" {now.rushed.cost} by plan {now.plan_number}, not at {wanted.end.isoformat()} at"
            f" {wanted.cost} as by plan {wanted.plan_number}: look at the price again",
            code="price-changed",
            params={
                "order": wanted.order,
                "end": now.rushed.end.isoformat(),
                "cost": now.rushed.cost,
                "plan": now.plan_number or 0,
                "told_plan": wanted.plan_number or 0,
            },
        )
    return now
