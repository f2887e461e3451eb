"""What a plan version holds: its head, its operations, what it means for orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg.types.json import Jsonb

from contracts.live import PlanReason
from contracts.plan import PlanState
from domain.plan.delay import apportion
from domain.plan.metrics import job_ends
from domain.plan.plan import DelayShare, LateCause, LateJob, Metrics, Solved
from store.database import Connection
from store.live_times import rfc3339_ms
from store.planning.loaded import Loaded
from store.planning.plan_rows import UnplannedOperation

_MINUTE_MS: Final = 60_000
_NULL: Final = "\\N"
"""COPY's word for it."""


class OrderEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `plan_orders`, but for what was told."""

    order_id: int
    end_ms: int
    due_ms: int | None
    lateness_ms: int | None
    chain: list[dict[str, Any]]
    shares: list[dict[str, Any]] = []


async def insert_head(
    connection: Connection,
    loaded: Loaded,
    solved: Solved,
    *,
    state: PlanState,
    waiting: Metrics | None,
    reasons: Sequence[PlanReason],
    late_orders: int,
    now_ms: int,
    published_by: str | None,
) -> tuple[int, int]:
    """Store the version's head; answers its id and number."""
    in_force = state is PlanState.PUBLISHED
    unplanned = [
        UnplannedOperation(
            operation_id=each.operation_id,
            work_order=loaded.operations[each.operation_id].work_order,
            operation=loaded.operations[each.operation_id].number,
            code=each.code,
        )
        for each in loaded.unplanned
    ]
    cursor = await connection.execute(
        """
        INSERT INTO plans (scope, number, state, base_id, as_of_ms, published_at, published_by,
                           method, solve_ms, reasons, metrics, waiting, unplanned, late_orders)
        SELECT %(scope)s, coalesce(max(number), 0) + 1, %(state)s, %(base)s, %(as_of)s,
               to_timestamp(%(published)s / 1000.0), %(published_by)s, %(method)s, %(solve_ms)s,
               %(reasons)s, %(metrics)s, %(waiting)s, %(unplanned)s, %(late_orders)s
        FROM plans WHERE scope = %(scope)s
        RETURNING id, number
        """,
        {
            "scope": loaded.scope,
            "state": state.value,
            "base": loaded.base.id if loaded.base else None,
            "as_of": loaded.problem.now_ms,
            "published": now_ms if in_force else None,
            "published_by": published_by if in_force else None,
            "method": solved.method,
            "solve_ms": solved.solve_ms,
            "reasons": _jsonb(reasons),
            "metrics": _jsonb(solved.metrics),
            "waiting": None if waiting is None else _jsonb(waiting),
            "unplanned": _jsonb(unplanned),
            "late_orders": late_orders,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY gives one row
    return row[0], row[1]


async def note_bound(connection: Connection, plan_id: int, *, cost: int, bound: int) -> None:
    """Note how good a plan is known to be.

    Args:
        connection: in whose transaction.
        plan_id: which version.
        cost: of the best plan that the search found, in units of the policy's objective.
        bound: what no plan of the same work can be below.
    """
    await connection.execute(
        "UPDATE plans SET searched_cost = %s, cost_bound = %s WHERE id = %s",
        (cost, min(bound, cost), plan_id),
    )


async def copy_operations(
    connection: Connection, plan_id: int, loaded: Loaded, solved: Solved
) -> None:
    """Store where the plan has each operation."""
    pins = {
        operation.id: operation.pin.kind.value
        for operation in loaded.problem.operations
        if operation.pin is not None
    }
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            """
            COPY plan_operations
                (plan_id, operation_id, machine_id, setup_start_ms, start_ms, end_ms, pin)
            FROM STDIN
            """
        ) as copy,
    ):
        # Numbers and codes only: nothing in here needs an escape.
        await copy.write(
            "".join(
                f"{plan_id}\t{at.operation}\t{at.machine}\t{at.setup_start_ms}\t{at.start_ms}"
                f"\t{at.end_ms}\t{pins.get(at.operation, _NULL)}\n"
                for at in sorted(solved.plan.assignments, key=lambda at: at.operation)
            )
        )


async def insert_orders(connection: Connection, plan_id: int, ends: Sequence[OrderEnd]) -> None:
    """Store what the plan means for orders."""
    await connection.execute(
        """
        INSERT INTO plan_orders (plan_id, order_id, end_ms, due_ms, lateness_ms, chain, shares)
        SELECT %s, e.order_id, e.end_ms, e.due_ms, e.lateness_ms, nullif(e.chain, '[]'),
               nullif(e.shares, '[]')
        FROM jsonb_to_recordset(%s)
            AS e (order_id bigint, end_ms bigint, due_ms bigint, lateness_ms bigint, chain jsonb,
                  shares jsonb)
        ORDER BY e.order_id
        """,
        (plan_id, _jsonb(ends)),
    )


def order_ends(loaded: Loaded, solved: Solved) -> list[OrderEnd]:
    """When each order ends, and why it is late. One of which work is left out has no end."""
    ends = job_ends(loaded.problem, solved.plan)
    dues = {job.id: job.due_ms for job in loaded.problem.jobs}
    late = {each.job: each for each in solved.late}
    found: list[OrderEnd] = []
    for order in sorted(loaded.orders.values(), key=lambda order: order.id):
        jobs = [job for job in order.jobs if job in ends]
        if not order.complete or not jobs:
            continue
        lateness = {job: ends[job] - due for job in jobs if (due := dues[job]) is not None}
        worst = max(lateness, key=lambda job: (lateness[job], -job), default=None)
        found.append(
            OrderEnd(
                order_id=order.id,
                end_ms=max(ends[job] for job in jobs),
                due_ms=order.due_ms,
                lateness_ms=None if worst is None else lateness[worst],
                chain=_chain(loaded, late.get(worst) if worst is not None else None),
                shares=_shares(loaded, late.get(worst) if worst is not None else None),
            )
        )
    return found


def _chain(loaded: Loaded, late: LateJob | None) -> list[dict[str, Any]]:
    """A chain of causes in the names that people know."""
    return [_link(loaded, cause) for cause in late.chain] if late else []


def _shares(loaded: Loaded, late: LateJob | None) -> list[dict[str, Any]]:
    """What each cause has of the delay, in whole minutes that add up to it."""
    if late is None:
        return []
    minutes = apportion(
        (late.end_ms - late.due_ms) // _MINUTE_MS, [share.share_ms for share in late.shares]
    )
    return [
        {**_link(loaded, share), "share_minutes": part}
        for share, part in zip(late.shares, minutes, strict=True)
        if part
    ]


def _link(loaded: Loaded, cause: LateCause | DelayShare) -> dict[str, Any]:
    named = loaded.operations[cause.operation] if cause.operation is not None else None
    behind = loaded.operations[cause.behind] if cause.behind is not None else None
    link = {
        "cause": cause.cause,
        "machine": loaded.machines.get(cause.machine) if cause.machine is not None else None,
        "work_order": named.work_order if named is not None else None,
        "operation": named.number if named is not None else None,
        "behind": behind and {"work_order": behind.work_order, "operation": behind.number},
        "since": rfc3339_ms(cause.since_ms),
        "wait_minutes": cause.wait_ms // _MINUTE_MS,
    }
    if cause.resource is not None:
        link["resource"] = loaded.resources.get(cause.resource)
    if cause.closure is not None:
        link["closure"] = cause.closure
    return link


def _jsonb(value: object) -> Jsonb:
    return Jsonb(value, dumps=lambda content: msgspec.json.encode(content).decode())
