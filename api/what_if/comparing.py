"""Plans side by side, in the terms of customers and of the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.plans.schemas import PlanMetrics
from api.plans.service import known_plan, summary_of
from api.what_if.compared import (
    ComparedOrder,
    ComparedPlan,
    Comparison,
    MachineLoad,
    MovedOperation,
    OrderShift,
    PlansCompared,
)
from domain.plan.comparing import OrderChange, OrderOutcome, Side, compared, loads
from domain.plan.differences import Difference
from domain.plan.plan import Metrics
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.planning import names, plan_rows, policies
from store.planning.plan_rows import PlanOrderRow, PlanRow

_MINUTE_MS = 60_000
MOST_TOLD: Final = 200
"""So many of the operations that move are named; all of them are counted."""


class _Read(msgspec.Struct, frozen=True):
    """A plan with what is compared of it."""

    row: PlanRow
    orders: Mapping[int, PlanOrderRow]
    side: Side


async def compare(context: Context, principal: Principal, ids: Sequence[int]) -> PlansCompared:
    """Plans of one scope side by side; the first is what the others are compared with.

    Raises:
        UnknownReferenceError: one does not exist, or is of another scope.
    """
    async with context.connection() as connection:
        read = [await _read(connection, await _known(connection, principal, id_)) for id_ in ids]
        first = read[0]
        for other in read[1:]:
            if other.row.scope != first.row.scope:
                problem = f"this is a plan of {other.row.scope!r}, not of {first.row.scope!r}"
                raise UnknownReferenceError("ids", str(other.row.id), problem)
        tolerance_ms = await _tolerance_ms(connection, first.row.scope)
        return PlansCompared(
            plans=[
                ComparedPlan(
                    plan=summary_of(one.row),
                    name=one.row.what_if.name if one.row.what_if is not None else None,
                    compared=None
                    if one is first
                    else await _comparison(connection, first, one, tolerance_ms),
                )
                for one in read
            ],
            orders=_orders(read),
            machines=await _machines(connection, read),
        )


async def with_base(connection: Connection, row: PlanRow) -> Comparison | None:
    """What a plan does otherwise than the one that it stands on; None: there was none."""
    if row.base_id is None:
        return None
    base = await plan_rows.plan_row(connection, row.base_id)
    if base is None:
        return None
    return await _comparison(
        connection,
        await _read(connection, base),
        await _read(connection, row),
        await _tolerance_ms(connection, row.scope),
    )


async def _known(connection: Connection, principal: Principal, id_: int) -> PlanRow:
    try:
        return await known_plan(connection, principal, id_)
    except NotFoundError:
        raise UnknownReferenceError("ids", str(id_), "there is no such plan") from None


async def _tolerance_ms(connection: Connection, scope: str) -> int:
    return (await policies.policy_of(connection, scope)).move_tolerance_ms


async def _read(connection: Connection, row: PlanRow) -> _Read:
    orders = {each.order_id: each for each in await plan_rows.plan_orders(connection, row.id)}
    side = Side(
        assignments=await plan_rows.assignments(connection, row.id),
        orders={
            id_: OrderOutcome(end_ms=each.end_ms, lateness_ms=each.lateness_ms)
            for id_, each in orders.items()
        },
    )
    return _Read(row, orders, side)


async def _comparison(
    connection: Connection, first: _Read, other: _Read, tolerance_ms: int
) -> Comparison:
    found = compared(first.side, other.side, tolerance_ms=tolerance_ms)
    return Comparison(
        against=first.row.id,
        later=[_shift(change, other.orders[change.order]) for change in found.later],
        earlier=[_shift(change, other.orders[change.order]) for change in found.earlier],
        added=[other.orders[id_].order for id_ in found.added],
        removed=[first.orders[id_].order for id_ in found.removed],
        newly_late=found.newly_late,
        late_no_more=found.late_no_more,
        setup_minutes=other.row.metrics.setup - first.row.metrics.setup,
        cost=other.row.metrics.cost - first.row.metrics.cost,
        metrics=_less(other.row.metrics, first.row.metrics),
        moved=dict(found.kinds),
        operations=await _moved(connection, found.moved[:MOST_TOLD]),
    )


def _less(one: Metrics, other: Metrics) -> PlanMetrics:
    """Every figure of a plan less another one's."""
    before = msgspec.structs.asdict(other)
    return PlanMetrics(
        **{name: value - before[name] for name, value in msgspec.structs.asdict(one).items()}
    )


async def _moved(connection: Connection, found: Sequence[Difference]) -> list[MovedOperation]:
    """Operations that differ, by the names that people know."""
    named = await names.named_operations(connection, [each.operation for each in found])
    machines = {
        place.machine for each in found for place in (each.before, each.after) if place is not None
    }
    paths = await names.machine_paths(connection, machines)
    return [
        MovedOperation(
            kind=each.kind,
            operation_id=each.operation,
            work_order=named[each.operation].work_order,
            operation=named[each.operation].operation,
            order=named[each.operation].order,
            from_machine=paths[each.before.machine] if each.before else None,
            to_machine=paths[each.after.machine] if each.after else None,
            from_start=moment_of(each.before.start_ms) if each.before else None,
            to_start=moment_of(each.after.start_ms) if each.after else None,
            minutes=_minutes(each.after.start_ms - each.before.start_ms)
            if each.before and each.after
            else None,
        )
        for each in found
        if each.operation in named
    ]


async def _machines(connection: Connection, read: Sequence[_Read]) -> list[MachineLoad]:
    """What the plans give each machine to do, what is only thought of included."""
    told = [loads(one.side.assignments.values()) for one in read]
    paths = await names.machine_paths(connection, {machine for one in told for machine in one})
    return [
        MachineLoad(
            machine=path,
            run_minutes=[_minutes(one[id_].run_ms) if id_ in one else 0 for one in told],
            setup_minutes=[_minutes(one[id_].setup_ms) if id_ in one else 0 for one in told],
            ends=[moment_of(one[id_].end_ms) if id_ in one else None for one in told],
        )
        for id_, path in sorted(paths.items(), key=lambda each: each[1])
    ]


def _shift(change: OrderChange, row: PlanOrderRow) -> OrderShift:
    return OrderShift(
        order=row.order,
        customer=row.customer,
        minutes=_minutes(change.by_ms),
        end=required_moment(change.end_ms),
        due=moment_of(row.due_ms),
        lateness_minutes=None if change.lateness_ms is None else _minutes(change.lateness_ms),
        was_late=change.was_late,
        is_late=change.is_late,
    )


def _orders(read: Sequence[_Read]) -> list[ComparedOrder]:
    """The orders that the plans do not all end in the same minute."""
    named: dict[int, PlanOrderRow] = {}
    for one in read:
        named.update(one.orders)
    spread: dict[int, int] = {}
    for id_ in named:
        ends = [one.orders[id_].end_ms for one in read if id_ in one.orders]
        by_ms = max(ends) - min(ends)
        if by_ms >= _MINUTE_MS or len(ends) < len(read):
            spread[id_] = by_ms
    return [
        ComparedOrder(
            order=named[id_].order,
            customer=named[id_].customer,
            due=moment_of(named[id_].due_ms),
            ends=[moment_of(one.orders[id_].end_ms) if id_ in one.orders else None for one in read],
            lateness_minutes=[_lateness(one.orders.get(id_)) for one in read],
        )
        for id_ in sorted(spread, key=lambda each: (-spread[each], named[each].order))
    ]


def _lateness(row: PlanOrderRow | None) -> int | None:
    return None if row is None or row.lateness_ms is None else _minutes(row.lateness_ms)


def _minutes(ms: int) -> int:
    return round(ms / _MINUTE_MS)
