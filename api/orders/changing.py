"""Changing and cancelling orders: one transaction with the audit entry and the event.

One rule for people and documents (`apply_change`): it reaches the work that has been made for the
lines, the reservations, and the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import exact_number, required_moment
from api.orders import views
from api.orders.releasing import release_judged, released_events, serve
from api.orders.rows import faults, locked, refused, state_of
from api.orders.schemas import (
    Cancellation,
    CancelledOrder,
    LineChange,
    Order,
    OrderChange,
)
from api.orders.schemas import (
    NewLine as AddedLine,
)
from api.work_orders.service import ON_A_MACHINE
from domain.orders import LineState, Moved, Refused, cancel, change
from store import audit, catalogue, new_orders, orders
from store.audit import Actor
from store.database import Connection
from store.errors import (
    ConflictError,
    UnknownReferenceError,
)
from store.inventory import holding, production
from store.inventory.production import book_production
from store.inventory.reservations import release_for_lines, shrink_for_lines
from store.inventory.stock import Stock
from store.log import NewRecord
from store.new_orders import NewLine
from store.orders import LineRow, OrderRow
from store.pegging import reaching
from store.pegging.reaching import Reached, Wanted
from store.review.judging import Judged, examine_orders

_BEFORE_RELEASE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)


class LineWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a line; what is left out stays. `due_at` None: no due date."""

    number: int
    quantity: Decimal | None = None
    due_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    cancel: bool = False


class OrderWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of an order.

    Attributes:
        lines: changes and cancellations, each line once.
        added: new lines; a number of 0 is drawn.
        priority: another one.
        reason: why; cancelled lines need it.
        asked_by_customer: they wanted it so: the audit log says so, and reports lay it to them.
    """

    lines: Sequence[LineWish] = ()
    added: Sequence[NewLine] = ()
    priority: int | None = None
    reason: str | None = None
    asked_by_customer: bool = False


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a change came to.

    Attributes:
        changed: whether anything is different; if not, the rest says nothing.
        version: the order's.
        reached: what became of work orders.
        records: the events; the caller appends them last.
        judged: what review made of it; None: nothing of it is before its release.
    """

    changed: bool
    version: int
    reached: Reached = Reached()
    records: list[NewRecord] = []
    judged: Judged | None = None


async def change_order(
    context: Context, principal: Principal, number: str, wanted: OrderChange
) -> Order:
    """Change priority, quantities and due dates; add and cancel lines.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since `version`.
        UnknownReferenceError: it has no such line, or there is no such item.
        ConflictError: a line's state does not allow it.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        wish = OrderWish(
            lines=[_wish(line) for line in wanted.lines],
            added=[
                await _new_line(connection, line, index) for index, line in enumerate(wanted.add)
            ],
            priority=wanted.priority,
            reason=wanted.reason,
            asked_by_customer=wanted.asked_by_customer,
        )
        applied = await apply_change(context, principal.actor, connection, row, wish)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, applied.records)
    if applied.judged and await release_judged(context, principal, [applied.judged]):
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order


async def cancel_order(
    context: Context, principal: Principal, number: str, wanted: Cancellation
) -> CancelledOrder:
    """Give an order up. Operations not started are cancelled, running ones are asked to stop.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: no line of it can be cancelled any more.
    """
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        applied = await apply_cancellation(
            context, principal.actor, connection, row, reason=wanted.reason
        )
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, applied.records)
    running = [operation for operation in order.operations if operation.state in ON_A_MACHINE]
    return CancelledOrder(order=order, still_running=running)


async def apply_cancellation(
    context: Context, actor: Actor, connection: Connection, row: OrderRow, *, reason: str
) -> Applied:
    """Cancel every line of an order that can be; its row is locked.

    Raises:
        ConflictError: none can.
    """
    lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
    decisions = [(line, cancel(line.state, reason)) for line in lines]
    wanted = [line for line, decision in decisions if isinstance(decision, Moved)]
    if not wanted:
        raise refused(row.number, "cancelled", decisions)
    wish = OrderWish(
        lines=[LineWish(number=line.number, cancel=True) for line in wanted], reason=reason
    )
    return await apply_change(context, actor, connection, row, wish)


async def apply_change(
    context: Context, actor: Actor, connection: Connection, row: OrderRow, wish: OrderWish
) -> Applied:
    """Let an order become what somebody, or a document, wants; its row is locked.

    Work that has not begun is trimmed or removed, running work is stopped or goes on for the stock
    (the site's policy), reservations are freed, more is made where it is wanted, added lines are
    reviewed, the plan hears of it.

    Raises:
        UnknownReferenceError: it has no such line.
        ConflictError: a line's state does not allow it.
    """
    lines = (await orders.lines(connection, [row.id], for_update=True))[row.id]
    told = _Told()
    wanted: list[Wanted] = []
    cancelled: list[LineRow] = []
    for index, each in enumerate(wish.lines):
        line = _line(lines, each, index)
        if each.cancel:
            await _cancel_line(connection, row, line, wish.reason or "cancelled", told)
            cancelled.append(line)
        else:
            wanted += await _change_line(connection, row, line, each, told)
    await _add_lines(connection, row, lines, wish.added, told)
    if wish.priority is not None and wish.priority != row.priority:
        told.before["priority"], told.after["priority"] = row.priority, wish.priority
    if told.nothing:
        return Applied(changed=False, version=row.version)
    if wish.asked_by_customer:
        told.after["asked_by_customer"] = True
    now = required_moment(context.clock.now_ms())
    reached = await _reach(connection, wanted, cancelled, wish.reason)
    await _lock_stock(connection, wanted, cancelled, reached.changed, now)
    made = await _make_more(connection, row, reached, lines, now)
    works = sorted({*reached.changed, *made})
    await _follow(connection, wanted, cancelled, now)
    if works:
        await book_production(connection, work_order_ids=works, now=now)
    version = await orders.touch(connection, row.id, priority=wish.priority)
    given_up = not wish.added and {line.id for line in cancelled} >= {
        line.id for line in lines if line.state is not LineState.CANCELLED
    }
    name = "OrderCancelled" if given_up and cancelled else "OrderChanged"
    told.work(reached)
    await audit.write(
        connection,
        actor=actor,
        action=name,
        site_id=row.site_id,
        order_id=row.id,
        reason=wish.reason,
        before=told.before,
        after=told.after,
    )
    records = await released_events(
        context,
        connection,
        row,
        version=version,
        work_order_ids=await _work_order_ids(connection, row, works),
        name=name,
    )
    judged = await _review(connection, row, actor, now)
    return Applied(changed=True, version=version, reached=reached, records=records, judged=judged)


class _Told:
    """What the audit log tells of a change."""

    def __init__(self) -> None:
        self.before: dict[str, Any] = {"lines": []}
        self.after: dict[str, Any] = {"lines": []}

    @property
    def nothing(self) -> bool:
        """Whether nothing is different."""
        return self.before == self.after

    def line(self, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        """Tell of a line; one that was added was nothing before."""
        if before is not None:
            self.before["lines"].append(before)
        self.after["lines"].append(after)

    def work(self, reached: Reached) -> None:
        """Tell what became of work orders."""
        for name in ("cancelled", "stopping", "to_stock"):
            if ids := getattr(reached, name):
                self.after[f"work_orders_{name}"] = ids


async def _cancel_line(
    connection: Connection, row: OrderRow, line: LineRow, reason: str, told: _Told
) -> None:
    decision = cancel(line.state, reason)
    if isinstance(decision, Refused):
        raise ConflictError(
            f"line {line.number} of {row.number!r}: {decision.reason}",
            code="order-refused",
            params={"order": row.number, "action": "changed"},
            faults=faults([(line, decision)]),
        )
    await orders.set_line_state(connection, line.id, decision.state)
    told.line(state_of(line, line.state), state_of(line, decision.state))


async def _change_line(
    connection: Connection, row: OrderRow, line: LineRow, wish: LineWish, told: _Told
) -> list[Wanted]:
    """Change a line's own row; answers what its work has to follow."""
    decision = change(line.state)
    if isinstance(decision, Refused):
        raise ConflictError(
            f"line {line.number} of {row.number!r}: {decision.reason}",
            code="order-refused",
            params={"order": row.number, "action": "changed"},
            faults=faults([(line, decision)]),
        )
    quantity = wish.quantity if wish.quantity is not None else line.quantity
    due_at = line.due_at if wish.due_at is msgspec.UNSET else wish.due_at
    assert not isinstance(due_at, msgspec.UnsetType)  # noqa: S101 - it was told apart above
    if (quantity, due_at) == (line.quantity, line.due_at):
        return []
    await reaching.set_line(connection, line.id, quantity=quantity, due_at=due_at)
    old = {"number": line.number, "quantity": exact_number(line.quantity), "due_at": line.due_at}
    told.line(old, {**old, "quantity": exact_number(quantity), "due_at": due_at})
    return [Wanted(line_id=line.id, before=line.quantity, quantity=quantity, due_at=due_at)]


async def _add_lines(
    connection: Connection,
    row: OrderRow,
    lines: Sequence[LineRow],
    wanted: Sequence[NewLine],
    told: _Told,
) -> None:
    """Store new lines, numbered on from the last one."""
    if not wanted:
        return
    last = max((line.number for line in lines), default=0)
    numbered = []
    for new in wanted:
        last = new.number or last + 1
        numbered.append(msgspec.structs.replace(new, number=last))
    taken = {line.number for line in lines} & {new.number for new in numbered}
    if taken:
        raise ConflictError(f"order {row.number!r} has a line {min(taken)} already")
    await new_orders.insert_lines(connection, [(row.id, numbered)], LineState.RECEIVED)
    numbers = {new.number for new in numbered}
    added = [
        line
        for line in (await orders.lines(connection, [row.id]))[row.id]
        if line.number in numbers
    ]
    for line in added:
        told.line(
            None,
            {
                "number": line.number,
                "item": line.item,
                "quantity": exact_number(line.quantity),
                "due_at": line.due_at,
                "added": True,
            },
        )


async def _reach(
    connection: Connection,
    wanted: Sequence[Wanted],
    cancelled: Sequence[LineRow],
    reason: str | None,
) -> Reached:
    """Let the work that was made for the lines follow them."""
    changed = await reaching.change(connection, wanted, reason=reason) if wanted else Reached()
    if not cancelled:
        return changed
    ended = await reaching.cancel(connection, [line.id for line in cancelled], reason=reason)
    return Reached(
        changed=sorted({*changed.changed, *ended.changed}),
        cancelled=sorted({*changed.cancelled, *ended.cancelled}),
        stopping=sorted({*changed.stopping, *ended.stopping}),
        to_stock=sorted({*changed.to_stock, *ended.to_stock}),
        lacking=changed.lacking,
    )


async def _lock_stock(
    connection: Connection,
    wanted: Sequence[Wanted],
    cancelled: Sequence[LineRow],
    works: Sequence[int],
    now: datetime,
) -> None:
    """Lock all the stock that the change will reach, at once."""
    line_ids = [*(one.line_id for one in wanted), *(line.id for line in cancelled)]
    keys = await holding.keys_of(connection, line_ids)
    keys |= await production.meet(connection, works, now=now)
    if keys:
        await Stock.lock(connection, keys, now=now, lots=False)


async def _follow(
    connection: Connection,
    wanted: Sequence[Wanted],
    cancelled: Sequence[LineRow],
    now: datetime,
) -> None:
    """Let what is reserved for lines follow them: nothing for cancelled ones, less for smaller."""
    gone = [line.id for line in cancelled]
    if gone:
        await holding.give_up(connection, gone)
        await release_for_lines(connection, gone, now=now)
    smaller = {one.line_id: one.quantity for one in wanted if one.quantity < one.before}
    if smaller:
        await holding.hold(connection, list(smaller), now=now)
        await shrink_for_lines(connection, smaller, now=now)


async def _make_more(
    connection: Connection,
    row: OrderRow,
    reached: Reached,
    lines: Sequence[LineRow],
    now: datetime,
) -> list[int]:
    """New work orders for what no work order that there is can make more of."""
    wanted = [
        (line, reached.lacking[line.id])
        for line in lines
        if line.id in reached.lacking and line.state not in _BEFORE_RELEASE
    ]
    if not wanted:
        return []
    made, _ = await serve(connection, row, wanted, now=now)
    return [work.id for work in made]


async def _work_order_ids(
    connection: Connection, row: OrderRow, reached: Sequence[int]
) -> list[int]:
    """All work orders of an order, and those that were for it until now."""
    pegs = await orders.pegs(connection, row.id)
    return sorted({*reached, *(peg.work_order_id for peg in pegs)})


async def _review(
    connection: Connection, row: OrderRow, actor: Actor, now: datetime
) -> Judged | None:
    """Look at lines that are not released yet, now that they are others; None: there are none."""
    lines = (await orders.lines(connection, [row.id]))[row.id]
    if not any(line.state in _BEFORE_RELEASE for line in lines):
        return None
    return (await examine_orders(connection, [row.id], now=now, actor=actor))[row.id]


def _line(lines: Sequence[LineRow], wanted: LineWish, index: int) -> LineRow:
    for line in lines:
        if line.number == wanted.number:
            return line
    raise UnknownReferenceError(
        f"lines[{index}].number", str(wanted.number), "the order has no such line"
    )


def _wish(line: LineChange) -> LineWish:
    return LineWish(
        number=line.number,
        quantity=line.quantity,
        due_at=line.due_at if "due_at" in line.model_fields_set else msgspec.UNSET,
        cancel=line.cancel,
    )


async def _new_line(connection: Connection, line: AddedLine, index: int) -> NewLine:
    item = await catalogue.known_item(connection, line.item, field=f"add[{index}].item")
    if line.unit is not None and line.unit != item.unit:
        problem = f"{line.item!r} is kept in {item.unit!r}"
        raise UnknownReferenceError(f"add[{index}].unit", line.unit, problem)
    return NewLine(
        number=0, item_id=item.id, quantity=line.quantity, unit=item.unit, due_at=line.due_at
    )
