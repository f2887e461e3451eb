"""What decides whether a plan still holds, beside the problem: machines, orders, open causes."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from psycopg.rows import class_row

from domain.plan.breakdowns import Breakdown, MachineStanding
from store.database import Connection

_ROUND_LOCKS = 20_260
"""The namespace of the advisory locks of projection rounds; a solve holds others."""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way in a scope.

    Attributes:
        published: the id of the plan in force.
        answering: whether a disruption is open, or a draft waits for somebody.
    """

    published: int | None
    answering: bool


class AtWork(msgspec.Struct, frozen=True):
    """What a machine does.

    Attributes:
        state: its state, since when, and on which operation.
    """

    state: str
    since_ms: int | None
    operation_id: int | None

    @property
    def is_down(self) -> bool:
        """Whether it is down."""
        return self.state == "down"


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether a change to an order concerns the plan.

    Attributes:
        id: the order.
        priority: the order's.
        released: whether it has work on the floor that is not over, or had when it was cancelled.
    """

    id: int
    priority: int
    released: bool


class _MachineRow(msgspec.Struct, frozen=True, kw_only=True):
    machine: int
    state: str
    since_ms: int | None
    reason: str | None
    told_ms: int | None
    answered: bool | None
    over: bool | None


async def lock_round(connection: Connection, scope: str) -> None:
    """Wait for the scope's round of another worker; held until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_ROUND_LOCKS, scope)
    )


async def busy_scopes(connection: Connection) -> set[str]:
    """The scopes that have released work which is not over, or a plan in force."""
    cursor = await connection.execute(
        """
        SELECT coalesce(s.planning_scope, s.code) FROM sites s
        WHERE EXISTS (
            SELECT FROM work_orders w JOIN operations o ON o.work_order_id = w.id
            WHERE w.site_id = s.id AND w.planned AND w.cancelled_at IS NULL
              AND o.state NOT IN ('completed', 'aborted', 'cancelled'))
        UNION SELECT scope FROM plans WHERE state = 'published'
        """
    )
    return {row[0] for row in await cursor.fetchall()}


async def machine_standings(connection: Connection, scope: str) -> list[MachineStanding]:
    """The machines of a scope that are down, or whose last breakdown is not told to be over.

    (A machine that is neither makes no plan wrong.)
    """
    cursor = connection.cursor(row_factory=class_row(_MachineRow))
    await cursor.execute(
        """
        SELECT m.id AS machine, coalesce(s.state, 'offline') AS state,
               s.state_since_ms AS since_ms, s.reason, d.occurred_ms AS told_ms,
               d.handled_at IS NOT NULL AS answered, d.over
        FROM machines m
        JOIN sites t ON t.id = m.site_id
        LEFT JOIN machine_states s ON s.machine_id = m.id
        LEFT JOIN LATERAL (
            SELECT d.occurred_ms, d.handled_at,
                   EXISTS (SELECT FROM disruptions u WHERE u.scope = d.scope
                           AND u.key = 'machine_up:' || d.machine_id || ':' || d.occurred_ms)
                       AS over
            FROM disruptions d
            WHERE d.scope = %(scope)s AND d.machine_id = m.id AND d.kind = 'machine_down'
            ORDER BY d.id DESC LIMIT 1
        ) d ON true
        WHERE coalesce(t.planning_scope, t.code) = %(scope)s
          AND (s.state = 'down' OR NOT d.over)
        ORDER BY m.id
        """,
        {"scope": scope},
    )
    return [
        MachineStanding(
            machine=row.machine,
            state=row.state,
            since_ms=row.since_ms,
            reason=row.reason,
            told=None
            if row.told_ms is None
            else Breakdown(row.told_ms, bool(row.answered), bool(row.over)),
        )
        for row in await cursor.fetchall()
    ]


async def machines_at_work(
    connection: Connection, machine_ids: Collection[int]
) -> dict[int, AtWork]:
    """What some machines do; those of which nothing was ever heard are left out."""
    cursor = await connection.execute(
        """
        SELECT machine_id, state, state_since_ms, operation_id FROM machine_states
        WHERE machine_id = ANY(%s)
        """,
        (list(machine_ids),),
    )
    return {row[0]: AtWork(*row[1:]) for row in await cursor.fetchall()}


async def outlook(connection: Connection, scope: str) -> Outlook:
    """Which plan is in force, and whether a new one is on its way."""
    cursor = await connection.execute(
        """
        SELECT (SELECT id FROM plans WHERE scope = %(scope)s AND state = 'published'),
               EXISTS (SELECT FROM disruptions WHERE scope = %(scope)s AND handled_at IS NULL)
               OR EXISTS (SELECT FROM plans d WHERE d.scope = %(scope)s AND d.state = 'draft'
                          AND d.what_if IS NULL
                          AND d.base_id IS NOT DISTINCT FROM (
                              SELECT id FROM plans
                              WHERE scope = %(scope)s AND state = 'published'))
        """,
        {"scope": scope},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    return Outlook(published=row[0], answering=row[1])


async def order_facts(connection: Connection, order_ids: Collection[int]) -> dict[int, OrderFacts]:
    """The facts of orders, by id."""
    cursor = connection.cursor(row_factory=class_row(OrderFacts))
    await cursor.execute(
        """
        SELECT o.id, o.priority, EXISTS (
            SELECT FROM order_lines l
            JOIN pegs p ON p.order_line_id = l.id
            JOIN operations w ON w.work_order_id = p.work_order_id
            WHERE l.order_id = o.id AND w.state NOT IN ('completed', 'aborted')) AS released
        FROM orders o WHERE o.id = ANY(%s)
        """,
        (list(order_ids),),
    )
    return {row.id: row for row in await cursor.fetchall()}


async def sites_of(
    connection: Connection,
    *,
    machine_ids: Collection[int] = (),
    operation_ids: Collection[int] = (),
    order_ids: Collection[int] = (),
) -> dict[tuple[str, int], int]:
    """The site's id of machines, operations and orders, by `("machine", id)` and so on."""
    cursor = await connection.execute(
        """
        SELECT 'machine', id::bigint, site_id FROM machines WHERE id = ANY(%s)
        UNION ALL
        SELECT 'operation', o.id, w.site_id
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id WHERE o.id = ANY(%s)
        UNION ALL
        SELECT 'order', id, site_id FROM orders WHERE id = ANY(%s)
        """,
        (list(machine_ids), list(operation_ids), list(order_ids)),
    )
    return {(kind, id_): site_id for kind, id_, site_id in await cursor.fetchall()}
