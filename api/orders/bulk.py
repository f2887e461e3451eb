"""One thing done to many orders, each with an outcome of its own and in its own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.errors import ProblemError
from api.fields import required_moment
from api.orders import changing, confirming, desk, releasing, views
from api.orders.desk_schemas import (
    MOST_AT_ONCE,
    ActionOutcome,
    AssignSite,
    Bulk,
    CancelAll,
    CancellationPreview,
    Chosen,
    ConfirmAll,
    Decision,
    HoldAll,
    Outcomes,
    PrioritiseAll,
    ReachedWork,
    ReleaseAll,
    ResumeAll,
    Resumption,
)
from api.orders.rows import locked
from api.orders.schemas import Cancellation, Order, OrderChange
from api.work_orders.service import order_event
from domain.orders import LineState
from store import audit, machines, order_consequences, order_desk, order_lists, orders
from store.errors import ConflictError, NotFoundError, StoreError, UnknownReferenceError
from store.order_consequences import WorkReach
from store.review.judging import examine_orders

_Act: TypeAlias = Callable[[str], Awaitable[ActionOutcome]]


async def act_on_many(context: Context, principal: Principal, wanted: Bulk) -> Outcomes:
    """Do something to orders; one that cannot be done does not keep the others from it.

    Raises:
        ProblemError: more orders are meant than one request handles, or they may not overrule.
    """
    numbers = await chosen_numbers(context, principal, wanted)
    match wanted.action:
        case ConfirmAll(overrule=overrule):
            outcomes = await confirming.confirm_many(context, principal, numbers, overrule=overrule)
        case action:
            act = _act(context, principal, action)
            outcomes = [await _outcome(number, act) for number in dict.fromkeys(numbers)]
    return told(outcomes)


def told(outcomes: Sequence[ActionOutcome]) -> Outcomes:
    """Outcomes as a list."""
    done = sum(outcome.done for outcome in outcomes)
    return Outcomes(items=list(outcomes), total=len(outcomes), done=done)


async def chosen_numbers(context: Context, principal: Principal, wanted: Chosen) -> list[str]:
    """The orders that a request means.

    Raises:
        ProblemError: they are more than one request handles.
    """
    if wanted.numbers is not None:
        return wanted.numbers
    assert wanted.filter is not None  # noqa: S101 - one of the two is given
    async with context.connection() as connection:
        numbers = await order_lists.matching(
            connection,
            wanted.filter.query,
            now_ms=context.clock.now_ms(),
            at_most=MOST_AT_ONCE + 1,
            limited_to=principal.sites,
        )
    if len(numbers) > MOST_AT_ONCE:
        raise confirming.too_many(len(numbers), MOST_AT_ONCE)
    return numbers


async def preview_cancellation(
    context: Context, principal: Principal, wanted: Chosen
) -> CancellationPreview:
    """Tell what cancelling orders would reach, before somebody does it.

    Raises:
        ProblemError: more orders are meant than one request handles.
    """
    numbers = list(dict.fromkeys(await chosen_numbers(context, principal, wanted)))
    async with context.connection() as connection:
        rows = await order_consequences.orders_reached(connection, numbers)
        seen = {row.number: row for row in rows if principal.sees(row.site)}
        leaving = [row for row in seen.values() if row.open_lines > 0]
        work = await order_consequences.work_reached(connection, [row.number for row in leaving])
    refused = [ActionOutcome.missing(number) for number in numbers if number not in seen]
    refused += [_uncancellable(row.number) for row in seen.values() if row.open_lines == 0]
    waiting = [each for each in work if not each.begun]
    return CancellationPreview(
        orders=len(leaving),
        lines=sum(row.open_lines for row in leaving),
        customers=len({row.customer for row in leaving}),
        refused=refused,
        work_orders_removed=sum(not each.shared for each in waiting),
        work_orders_reduced=sum(each.shared for each in waiting),
        begun=[_begun(each) for each in work if each.begun],
        reservations=sum(row.reserved for row in leaving),
    )


def _uncancellable(number: str) -> ActionOutcome:
    return ActionOutcome.refused(
        number,
        ConflictError(
            f"no line of {number!r} can be cancelled any more",
            code="order-refused",
            params={"order": number, "action": "cancelled"},
        ),
    )


def _begun(work: WorkReach) -> ReachedWork:
    content = msgspec.structs.asdict(work)
    return ReachedWork.model_validate(
        content | {"work_order": work.number, "good_pieces": work.good}
    )


async def _outcome(number: str, act: _Act) -> ActionOutcome:
    try:
        return await act(number)
    except NotFoundError:
        return ActionOutcome.missing(number)
    except (StoreError, ProblemError) as error:
        return ActionOutcome.refused(number, error)


def _act(
    context: Context,
    principal: Principal,
    action: ReleaseAll | HoldAll | ResumeAll | CancelAll | PrioritiseAll | AssignSite,
) -> _Act:
    """What is to be done to one order."""

    async def act(number: str) -> ActionOutcome:
        was: int | None = None
        match action:
            case ReleaseAll():
                order = await releasing.release_order(context, principal, number)
            case HoldAll(reason=reason):
                held = Decision(reason=reason)
                order = await desk.hold_order(context, principal, number, held)
            case ResumeAll(reason=reason):
                resumed = Resumption(reason=reason)
                order = await desk.resume_order(context, principal, number, resumed)
            case CancelAll(reason=reason):
                cancelled = await changing.cancel_order(
                    context, principal, number, Cancellation(reason=reason)
                )
                order = cancelled.order
            case PrioritiseAll():
                order, was = await _prioritise(context, principal, number, action)
            case AssignSite():
                order = await _assign_site(context, principal, number, action)
        return ActionOutcome(number=number, done=True, state=order.state, was_priority=was)

    return act


async def _prioritise(
    context: Context, principal: Principal, number: str, action: PrioritiseAll
) -> tuple[Order, int]:
    """Give an order a priority; answers the one that it had as well.

    Raises:
        NotFoundError: there is no such order.
        ConflictError: it has another priority than the one it was to be changed from.
    """
    async with context.connection() as connection:
        row = await orders.find(connection, number=number)
    if row is None:
        raise NotFoundError("order", number)
    if (
        action.only_from is not None
        and row.priority != action.only_from
        and principal.sees(row.site)
    ):
        raise ConflictError(
            f"order {number!r} has the priority {row.priority} by now, not {action.only_from}",
            code="priority-changed",
            params={"order": number, "priority": row.priority, "expected": action.only_from},
        )
    change = OrderChange(version=row.version, priority=action.priority, reason=action.reason)
    return await changing.change_order(context, principal, number, change), row.priority


async def _assign_site(
    context: Context, principal: Principal, number: str, action: AssignSite
) -> Order:
    """Let another site handle an order of which nothing is released.

    Raises:
        NotFoundError: there is no such order.
        UnknownReferenceError: there is no such site.
        ConflictError: something of it is released already.
    """
    if not principal.sees(action.site):
        raise UnknownReferenceError("site", action.site, "there is no such site")
    async with context.transaction() as connection:
        row = await locked(connection, principal, number)
        site = await machines.known_site(connection, action.site)
        lines = (await order_desk.lines(connection, [row.id]))[row.id]
        beyond = [
            line
            for line in lines
            if line.state not in (*order_desk.BEFORE_RELEASE, LineState.CANCELLED)
        ]
        if beyond:
            raise ConflictError(
                f"order {number!r} stays at {row.site!r}: line {beyond[0].number} is"
                f" {beyond[0].state}"
            )
        if site.id == row.site_id:
            return await views.order(context, connection, number)
        await order_desk.set_site(connection, row.id, site.id)
        version = await orders.touch(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OrderChanged",
            site_id=site.id,
            order_id=row.id,
            reason=action.reason,
            before={"site": row.site},
            after={"site": site.code},
        )
        now = required_moment(context.clock.now_ms())
        judged = (await examine_orders(connection, [row.id], now=now))[row.id]
        names = ["OrderChanged", *([judged.moved] if judged.moved else [])]
        records = [
            order_event(context, name, site=site.code, order_id=row.id, version=version)
            for name in names
        ]
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    return await releasing.follow_confirmation(context, principal, order)
