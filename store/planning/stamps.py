"""Whether what was read of a scope is still so: a stamp that is cheap to read and compare."""

from __future__ import annotations

import msgspec

from store.database import Connection


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a scope's plan stands on, in a few numbers. Progress of counted pieces is not in it.

    Attributes:
        plan_id: the plan in force.
        disruption: the newest one told; changes of calendars, set-ups, policy and orders are.
        open: how many operations are not over, their ids summed up, and how many have begun.
        pending: whether a disruption is open, or a draft waits on the plan in force.
    """

    plan_id: int | None
    disruption: int | None
    open: tuple[int, int, int]
    pending: bool


async def stamp_of(connection: Connection, scope: str) -> Stamp:
    """A scope's stamp now."""
    cursor = await connection.execute(
        """
        WITH force AS (
            SELECT id FROM plans WHERE scope = %(scope)s AND state = 'published'
        ), work AS (
            SELECT count(*) AS count, coalesce(sum(o.id), 0)::bigint AS ids,
                   count(*) FILTER (WHERE o.state <> 'planned' AND o.state <> 'released') AS begun
            FROM operations o
            JOIN work_orders w ON w.id = o.work_order_id
            JOIN sites s ON s.id = w.site_id
            WHERE coalesce(s.planning_scope, s.code) = %(scope)s
              AND o.state NOT IN ('completed', 'aborted', 'cancelled')
              AND w.cancelled_at IS NULL
        )
        SELECT (SELECT id FROM force),
               (SELECT max(id) FROM disruptions WHERE scope = %(scope)s),
               work.count, work.ids, work.begun,
               EXISTS (SELECT FROM disruptions WHERE scope = %(scope)s AND handled_at IS NULL)
               OR EXISTS (SELECT FROM plans d WHERE d.scope = %(scope)s AND d.state = 'draft'
                          AND d.what_if IS NULL
                          AND d.base_id IS NOT DISTINCT FROM (SELECT id FROM force))
        FROM work
        """,
        {"scope": scope},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    plan_id, disruption, count, ids, begun, pending = row
    return Stamp(plan_id=plan_id, disruption=disruption, open=(count, ids, begun), pending=pending)


async def every_scope(connection: Connection) -> list[str]:
    """The scopes of all sites, by name."""
    cursor = await connection.execute(
        "SELECT DISTINCT coalesce(planning_scope, code) AS scope FROM sites ORDER BY scope"
    )
    return [row[0] for row in await cursor.fetchall()]
