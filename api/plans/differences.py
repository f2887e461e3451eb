"""How one plan version differs from another, in the terms of the floor and of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of
from api.plans.schemas import OperationDifference, OrderDifference, PlanDifferences
from api.plans.service import known_plan
from domain.plan.differences import Difference, DifferenceKind, differences
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.planning import names, plan_rows, policies
from store.planning.names import NamedOperation
from store.planning.plan_rows import PlanOrderRow, PlanRow

_MINUTE_MS = 60_000


async def plan_differences(
    context: Context, principal: Principal, plan_id: int, against_id: int | None
) -> PlanDifferences:
    """What a plan does otherwise than another one of its scope; without one, than its base.

    Raises:
        NotFoundError: there is no such plan.
        UnknownReferenceError: the other one does not exist, or is of another scope.
    """
    async with context.connection() as connection:
        after = await known_plan(connection, principal, plan_id)
        before = await _against(connection, principal, after, against_id)
        return PlanDifferences(
            plan=after.id,
            number=after.number,
            against=before.id if before else None,
            against_number=before.number if before else None,
            operations=await _operations(connection, before, after),
            orders=await _orders(connection, before, after),
        )


async def _against(
    connection: Connection, principal: Principal, plan: PlanRow, against_id: int | None
) -> PlanRow | None:
    wanted = plan.base_id if against_id is None else against_id
    if wanted is None:
        return None
    try:
        other = await known_plan(connection, principal, wanted)
    except NotFoundError:
        raise UnknownReferenceError("against", str(wanted), "there is no such plan") from None
    if other.scope != plan.scope:
        problem = f"this is a plan of the scope {other.scope!r}, not of {plan.scope!r}"
        raise UnknownReferenceError("against", str(wanted), problem)
    return other


async def _operations(
    connection: Connection, before: PlanRow | None, after: PlanRow
) -> list[OperationDifference]:
    """In the order of the later plan; empty when a version is not kept in full any more."""
    old = await plan_rows.assignments(connection, before.id) if before else {}
    new = await plan_rows.assignments(connection, after.id)
    if (before is not None and not old) or not new:
        return []
    policy = await policies.policy_of(connection, after.scope)
    found = differences(old, new, policy.move_tolerance_ms)
    named = await names.named_operations(connection, [each.operation for each in found])
    decided = [
        each
        for each in found
        if each.operation in named
        and not _happened(named[each.operation], each, before=before, after=after)
    ]
    machines = {
        place.machine
        for each in decided
        for place in (each.before, each.after)
        if place is not None
    }
    paths = await names.machine_paths(connection, machines)
    return [_operation(each, named[each.operation], paths) for each in decided]


def _happened(
    operation: NamedOperation, difference: Difference, *, before: PlanRow | None, after: PlanRow
) -> bool:
    """Whether the floor made the difference, not the planner: it had ended, or had started."""
    if difference.kind is DifferenceKind.REMOVED:
        return operation.ended_ms is not None and operation.ended_ms <= after.as_of_ms
    if difference.kind is DifferenceKind.ADDED:
        ended = operation.ended_ms
        return before is not None and ended is not None and ended <= before.as_of_ms
    started = operation.started_ms is not None and operation.started_ms <= after.as_of_ms
    return started and difference.kind is not DifferenceKind.REASSIGNED


def _operation(
    difference: Difference, operation: NamedOperation, paths: Mapping[int, str]
) -> OperationDifference:
    was, is_now = difference.before, difference.after
    return OperationDifference(
        kind=difference.kind,
        operation_id=operation.id,
        work_order=operation.work_order,
        operation=operation.operation,
        name=operation.name,
        order=operation.order,
        from_machine=paths[was.machine] if was else None,
        to_machine=paths[is_now.machine] if is_now else None,
        from_start=moment_of(was.start_ms) if was else None,
        to_start=moment_of(is_now.start_ms) if is_now else None,
        from_end=moment_of(was.end_ms) if was else None,
        to_end=moment_of(is_now.end_ms) if is_now else None,
        minutes=_minutes(was.start_ms, is_now.start_ms) if was and is_now else None,
    )


async def _orders(
    connection: Connection, before: PlanRow | None, after: PlanRow
) -> list[OrderDifference]:
    """Orders whose end moved by a minute or more, came in, or fell out before they were done."""
    old = {row.order_id: row for row in await _orders_of(connection, before)}
    new = {row.order_id: row for row in await _orders_of(connection, after)}
    done = await names.produced_orders(connection, old.keys() ^ new.keys())
    told = [
        _order(old.get(order_id), new.get(order_id))
        for order_id in (old.keys() | new.keys()) - done
    ]
    moved = [each for each in told if each.minutes is None or each.minutes]
    return sorted(moved, key=lambda each: (-abs(each.minutes or 0), each.order))


async def _orders_of(connection: Connection, plan: PlanRow | None) -> Sequence[PlanOrderRow]:
    return await plan_rows.plan_orders(connection, plan.id) if plan else []


def _order(was: PlanOrderRow | None, is_now: PlanOrderRow | None) -> OrderDifference:
    row = is_now or was
    assert row is not None  # noqa: S101 - one of the plans has the order
    return OrderDifference(
        order=row.order,
        customer=row.customer,
        from_end=moment_of(was.end_ms) if was else None,
        to_end=moment_of(is_now.end_ms) if is_now else None,
        due=moment_of(row.due_ms),
        minutes=_minutes(was.end_ms, is_now.end_ms) if was and is_now else None,
    )


def _minutes(from_ms: int, to_ms: int) -> int:
    return round((to_ms - from_ms) / _MINUTE_MS)
