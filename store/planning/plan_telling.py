"""What customers are told of a plan: whose end moved, from when to when, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from store import audit
from store.database import Connection
from store.live_times import rfc3339_ms

EXPECTED_DATE_MOVED: Final = "ExpectedDateMoved"
"""The audit log's word; `after` is `{"from", "to", "plan"}`, `reason` the codes of the causes."""


class Version(msgspec.Struct, frozen=True):
    """A plan version that is being put in force."""

    id: int
    scope: str
    number: int


class Told(msgspec.Struct, frozen=True):
    """When an order ends by a plan, and the end that was last told of it."""

    end_ms: int
    told_ms: int
    site_id: int


async def ends(connection: Connection, plan_id: int) -> dict[int, Told]:
    """When orders end by a plan, by order id."""
    cursor = await connection.execute(
        """
        SELECT p.order_id, p.end_ms, coalesce(p.told_ms, p.end_ms), o.site_id
        FROM plan_orders p JOIN orders o ON o.id = p.order_id WHERE p.plan_id = %s
        """,
        (plan_id,),
    )
    return {row[0]: Told(*row[1:]) for row in await cursor.fetchall()}


async def tell(
    connection: Connection,
    version: Version,
    now: Mapping[int, Told],
    before: Mapping[int, Told],
    *,
    actor: audit.Actor,
    reason: str | None,
    tolerance_ms: int,
) -> None:
    """Note what the customers of orders are told, and write down where that changes.

    An order that several scopes work for ends with the last of them.
    """
    told = {order: each.told_ms for order, each in before.items()}
    told |= await _told_earlier(connection, version, sorted(now.keys() - told.keys()))
    elsewhere = await _elsewhere(connection, version.scope, sorted(now))
    entries: list[audit.OrderEntry] = []
    telling: dict[int, int] = {}
    for order in sorted(now):
        end_ms = now[order].end_ms
        telling[order] = told.get(order, end_ms)
        other = elsewhere.get(order)
        to_ms = max(end_ms, other[0]) if other else end_ms
        from_ms = max(telling[order], other[1]) if other else telling[order]
        if abs(to_ms - from_ms) <= tolerance_ms:
            continue
        telling[order] = end_ms
        entries.append(
            audit.OrderEntry(
                order_id=order,
                site_id=now[order].site_id,
                after={
                    "from": rfc3339_ms(from_ms),
                    "to": rfc3339_ms(to_ms),
                    "plan": version.number,
                },
            )
        )
    await connection.execute(
        """
        UPDATE plan_orders p SET told_ms = t.told_ms
        FROM unnest(%s::bigint[], %s::bigint[]) AS t (order_id, told_ms)
        WHERE p.plan_id = %s AND p.order_id = t.order_id
        """,
        (list(telling), list(telling.values()), version.id),
    )
    if entries:
        await audit.write_of_orders(
            connection, entries, actor=actor, action=EXPECTED_DATE_MOVED, reason=reason
        )


async def _told_earlier(
    connection: Connection, version: Version, order_ids: Sequence[int]
) -> dict[int, int]:
    """What was last told of orders that the plan before left out, as far back as is kept."""
    if not order_ids:
        return {}
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (o.order_id) o.order_id, coalesce(o.told_ms, o.end_ms)
        FROM plan_orders o JOIN plans p ON p.id = o.plan_id
        WHERE o.order_id = ANY(%s) AND p.scope = %s AND p.state = 'superseded'
        ORDER BY o.order_id, o.plan_id DESC
        """,
        (list(order_ids), version.scope),
    )
    return dict(await cursor.fetchall())


async def _elsewhere(
    connection: Connection, scope: str, order_ids: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """When orders end by the plans in force of other scopes, and what was told: the latest."""
    cursor = await connection.execute(
        """
        SELECT o.order_id, max(o.end_ms), max(coalesce(o.told_ms, o.end_ms))
        FROM plan_orders o JOIN plans p ON p.id = o.plan_id
        WHERE o.order_id = ANY(%s) AND p.scope <> %s AND p.state = 'published'
        GROUP BY o.order_id
        """,
        (list(order_ids), scope),
    )
    return {order: (end_ms, told_ms) for order, end_ms, told_ms in await cursor.fetchall()}
