"""The rows of what binds work beside machines and calendars: locks, people, tools, other work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.plan.problem import Transport
from store.database import Connection

_HOUR_MS: Final = 3_600_000
FOREVER_MS: Final = 2**53
"""The end of what nobody has said an end of."""


class LockRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A planner's word: an operation stays on a machine, and starts no earlier than a moment."""

    operation_id: int
    machine_id: int
    not_before_ms: int | None
    turn: int | None


class CrewRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An operator or a tool, or several alike, with their skills; the code is one of them."""

    id: int
    site_id: int
    kind: str
    quantity: int
    skills: list[str]


class Absence(msgspec.Struct, frozen=True, gc=False):
    """When an operator or a tool is not there; `units`: so many of several, None: all of it."""

    start_ms: int
    end_ms: int
    units: int | None = None


class LinkRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A work order that is meant for another one's needs.

    Attributes:
        work_order_id: who waits.
        supplier_id: who delivers.
        end_ms: when the supplier is expected to end, if it is planned elsewhere; None: not known.
        transport_ms: from its site to that of who waits.
        step: the number of the step that takes it, by the bill; None: the first one.
    """

    work_order_id: int
    supplier_id: int
    end_ms: int | None
    transport_ms: int
    step: int | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What binds the work of a scope.

    Attributes:
        locks: by operation.
        crew: operators and tools.
        absences: of these, by id; within the time since the problem's moment.
        links: the work orders that others wait for.
        transports: the ways between the scope's sites.
    """

    locks: Mapping[int, LockRow] = {}
    crew: Sequence[CrewRow] = ()
    absences: Mapping[int, tuple[Absence, ...]] = {}
    links: Sequence[LinkRow] = ()
    transports: tuple[Transport, ...] = ()


async def read_facts(
    connection: Connection,
    site_ids: Collection[int],
    *,
    operation_ids: Sequence[int],
    work_order_ids: Sequence[int],
    now_ms: int,
) -> Facts:
    """Everything of it, of some sites' operations and work orders."""
    people = await crew(connection, site_ids)
    return Facts(
        locks=await locks(connection, operation_ids),
        crew=people,
        absences=await absences(connection, [each.id for each in people], now_ms),
        links=await links(connection, work_order_ids),
        transports=await transports(connection, site_ids),
    )


async def locks(connection: Connection, operation_ids: Sequence[int]) -> dict[int, LockRow]:
    """The locks of operations."""
    cursor = connection.cursor(row_factory=class_row(LockRow))
    await cursor.execute(
        """
        SELECT operation_id, machine_id, turn,
               (extract(epoch FROM not_before) * 1000)::bigint AS not_before_ms
        FROM operation_locks WHERE operation_id = ANY(%s)
        """,
        (operation_ids,),
    )
    return {row.operation_id: row for row in await cursor.fetchall()}


async def crew(connection: Connection, site_ids: Collection[int]) -> list[CrewRow]:
    """The operators and tools of sites, by id."""
    cursor = connection.cursor(row_factory=class_row(CrewRow))
    await cursor.execute(
        """
        SELECT r.id, r.site_id, r.kind, r.quantity,
               ARRAY(SELECT k.skill FROM resource_skills k WHERE k.resource_id = r.id
                     UNION SELECT r.code) AS skills
        FROM resources r WHERE r.site_id = ANY(%s) AND r.retired_at IS NULL ORDER BY r.id
        """,
        (list(site_ids),),
    )
    return await cursor.fetchall()


async def absences(
    connection: Connection, resource_ids: Sequence[int], now_ms: int
) -> dict[int, tuple[Absence, ...]]:
    """When operators and tools are not there, from now on."""
    cursor = await connection.execute(
        """
        SELECT resource_id, (extract(epoch FROM starts_at) * 1000)::bigint,
               (extract(epoch FROM ends_at) * 1000)::bigint, quantity
        FROM resource_absences
        WHERE resource_id = ANY(%s) AND (ends_at IS NULL OR ends_at > to_timestamp(%s / 1000.0))
        ORDER BY resource_id, starts_at
        """,
        (list(resource_ids), now_ms),
    )
    found: dict[int, list[Absence]] = defaultdict(list)
    for resource, start_ms, end_ms, units in await cursor.fetchall():
        found[resource].append(Absence(start_ms, FOREVER_MS if end_ms is None else end_ms, units))
    return {resource: tuple(each) for resource, each in found.items()}


async def links(connection: Connection, work_order_ids: Sequence[int]) -> list[LinkRow]:
    """The work orders that are pegged to the needs of some, and have not delivered all of it."""
    cursor = connection.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        """
        SELECT p.demand_work_order_id AS work_order_id, p.work_order_id AS supplier_id,
               coalesce(j.end_ms, plan.end_ms, (extract(epoch FROM w.due_at) * 1000)::bigint)
                   AS end_ms,
               coalesce((t.hours * %(hour)s)::bigint, 0) AS transport_ms, c.step
        FROM pegs p
        JOIN work_orders w ON w.id = p.work_order_id AND w.cancelled_at IS NULL
        JOIN work_orders d ON d.id = p.demand_work_order_id
        JOIN LATERAL (
            SELECT o.id, o.state FROM operations o
            WHERE o.work_order_id = w.id ORDER BY o.number DESC LIMIT 1
        ) last ON last.state NOT IN ('completed', 'aborted', 'cancelled')
        LEFT JOIN operation_projections j ON j.operation_id = last.id
        LEFT JOIN LATERAL (
            SELECT a.end_ms FROM plan_operations a JOIN plans b ON b.id = a.plan_id
            WHERE a.operation_id = last.id AND b.state = 'published' LIMIT 1
        ) plan ON true
        LEFT JOIN work_order_components c
            ON (c.work_order_id, c.item_id) = (d.id, w.item_id)
        LEFT JOIN transport_times t
            ON (t.from_site_id, t.to_site_id) = (w.site_id, d.site_id)
        WHERE p.demand_work_order_id = ANY(%(works)s) AND p.quantity > p.made
        ORDER BY p.demand_work_order_id, p.work_order_id
        """,
        {"works": work_order_ids, "hour": _HOUR_MS},
    )
    return await cursor.fetchall()


async def transports(connection: Connection, site_ids: Collection[int]) -> tuple[Transport, ...]:
    """The ways between sites."""
    cursor = await connection.execute(
        """
        SELECT from_site_id, to_site_id, (hours * %s)::bigint FROM transport_times
        WHERE from_site_id = ANY(%s) AND to_site_id = ANY(%s) ORDER BY 1, 2
        """,
        (_HOUR_MS, list(site_ids), list(site_ids)),
    )
    return tuple([Transport(*row) for row in await cursor.fetchall()])
