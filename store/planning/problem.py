"""A planning scope as a problem: one snapshot of its rows, in the planner's terms.

Remaining pieces become durations, what the floor has begun and what is frozen becomes pins,
machines that are down are unavailable. What lacks a machine, a cycle or a quantity cannot be
planned: it is told apart, together with what comes after it in its work order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from store.database import Connection
from store.planning import plan_rows, problem_rows
from store.planning.calendar_reading import read_calendars
from store.planning.fact_rows import Absence, read_facts
from store.planning.loaded import Loaded, OperationOf, OrderOf, Unplanned
from store.planning.materials import materials
from store.planning.policies import policy_of, sites_of_scope
from store.planning.problem_assembly import Assembly, Rows

__all__ = ["Loaded", "OperationOf", "OrderOf", "Unplanned", "load_problem"]


async def load_problem(
    connection: Connection,
    scope: str,
    *,
    now_ms: int,
    spare_ms: int | None = None,
    away: Mapping[int, Sequence[Absence]] = {},
) -> Loaded:
    """Read a scope's problem at one moment.

    Args:
        connection: outside a transaction a REPEATABLE READ one is made; inside one the caller
            answers for the isolation.
        scope: which scope; one without sites gives a problem without operations.
        now_ms: the moment.
        spare_ms: for questions about work that is not there yet: all machines of the scope are
            told, and calendars so that so much more working time fits.
        away: absences of resources, by id, beside those that are told.
    """
    async with problem_rows.snapshot(connection):
        rows = await _read(connection, scope, now_ms, spare_ms)
    if away:
        known = rows.facts.absences
        absences = {id_: (*known.get(id_, ()), *away.get(id_, ())) for id_ in {*known, *away}}
        facts = msgspec.structs.replace(rows.facts, absences=absences)
        rows = msgspec.structs.replace(rows, facts=facts)
    return Assembly(rows, now_ms).loaded()


async def _read(connection: Connection, scope: str, now_ms: int, spare_ms: int | None) -> Rows:
    sites = await sites_of_scope(connection, scope)
    site_ids = [site.id for site in sites]
    machines = await problem_rows.machines(connection, site_ids)
    at_work = {machine.operation_id for machine in machines.values()}
    operations = [
        row
        for row in await problem_rows.operations(connection, site_ids)
        # Work that was called off goes on only where it is still on a machine.
        if not row.cancelled or row.id in at_work
    ]
    started = [row for row in operations if row.started]
    standings = await problem_rows.standings(connection, [row.id for row in started], machines)
    running = [
        (row, machines[standing.machine_id])
        for row in started
        if (standing := standings.get(row.id)) is not None
        and machines[standing.machine_id].operation_id == row.id
    ]
    works = sorted({row.work_order_id for row in operations if not row.cancelled})
    base = await plan_rows.published(connection, scope)
    return Rows(
        scope=scope,
        policy=await policy_of(connection, scope),
        sites=sites,
        operations=operations,
        alternatives=await problem_rows.alternatives(connection, [row.id for row in operations]),
        machines=machines,
        standings=standings,
        paces=await problem_rows.paces(connection, running, now_ms=now_ms),
        pegs=await problem_rows.pegs(connection, works),
        setups=await problem_rows.setups(connection, site_ids),
        calendars=await read_calendars(connection, site_ids, since_ms=now_ms),
        base=base,
        assignments=await plan_rows.assignments(connection, base.id) if base else {},
        facts=await read_facts(
            connection,
            site_ids,
            operation_ids=[row.id for row in operations],
            work_order_ids=works,
            now_ms=now_ms,
        ),
        materials=await materials(
            connection,
            works,
            here={(row.site_id, row.work_order): row.work_order_id for row in operations},
            now_ms=now_ms,
        ),
        spare_ms=spare_ms,
        needs=[] if spare_ms is None else await problem_rows.routed_needs(connection, site_ids),
    )
