"""The plan in force as gaps on machines: what an estimate of capacity is made over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Final

from domain.inventory.capacity import Busy, Machine, Shop, Step, Way
from domain.plan.calendar import WorkingTime
from domain.plan.setups import Setups
from store.database import Connection
from store.planning import problem_rows
from store.planning.calendar_reading import read_calendars
from store.planning.calendars import DAY_MS

_HORIZON_MS: Final = 366 * DAY_MS
"""Calendars are told for so long; who promises beyond it reckons with machines that always work."""


async def load_shop(connection: Connection, site_id: int, *, now_ms: int) -> Shop:
    """A site's machines with their working times and what they do already.

    Projections prevail over the plan, which they follow. Released work that no plan holds yet
    stands behind what is planned on its machine.
    """
    calendars = await read_calendars(connection, [site_id], since_ms=now_ms)
    closed = calendars.unavailable(now_ms, now_ms + _HORIZON_MS)
    rows = await problem_rows.machines(connection, [site_id])
    clocks: dict[int, WorkingTime] = {}
    machines: dict[int, Machine] = {}
    for machine_id, row in rows.items():
        intervals = closed.get(machine_id, ())
        clock = clocks.setdefault(id(intervals), WorkingTime(intervals))
        machines[machine_id] = Machine(clock=clock, busy=[], family=row.family)
    busy, loose = await _load(connection, site_id, now_ms)
    for machine_id, spans in busy.items():
        if machine_id in machines:
            machines[machine_id].busy = spans
    for machine_id, work_ms, family in loose:
        if (machine := machines.get(machine_id)) is not None:
            end = max((one.end_ms for one in machine.busy), default=now_ms)
            start = machine.clock.next(max(end, now_ms))
            machine.busy.append(Busy(start, start, machine.clock.advance(start, work_ms), family))
    return Shop(now_ms, machines, Setups(await problem_rows.setups(connection, [site_id])))


async def _load(
    connection: Connection, site_id: int, now_ms: int
) -> tuple[dict[int, list[Busy]], list[tuple[int, int, str | None]]]:
    """What machines are planned to do, and (machine, work, family) of what no plan holds."""
    cursor = await connection.execute(
        """
        SELECT coalesce(j.machine_id, a.machine_id, o.machine_id), a.setup_start_ms,
               coalesce(j.start_ms, a.start_ms), coalesce(j.end_ms, a.end_ms), a.start_ms,
               i.setup_family,
               coalesce(o.setup_ms, 0)::bigint + ceil(coalesce(o.cycle_ms, 0) * greatest(
                   coalesce(o.quantity, w.quantity_ordered, 0) - o.good_pieces, 0))::bigint
        FROM operations o
        JOIN work_orders w ON w.id = o.work_order_id
        LEFT JOIN items i ON i.id = w.item_id
        LEFT JOIN operation_projections j ON j.operation_id = o.id
        LEFT JOIN (plan_operations a JOIN plans p ON p.id = a.plan_id AND p.state = 'published')
            ON a.operation_id = o.id
        WHERE w.site_id = %s AND w.cancelled_at IS NULL AND w.planned
          AND o.state NOT IN ('completed', 'aborted', 'cancelled')
        ORDER BY o.id
        """,
        (site_id,),
    )
    busy: dict[int, list[Busy]] = defaultdict(list)
    loose: list[tuple[int, int, str | None]] = []
    for (
        machine_id,
        setup_ms,
        start_ms,
        end_ms,
        planned_ms,
        family,
        work_ms,
    ) in await cursor.fetchall():
        if machine_id is None:
            continue
        if start_ms is None:
            loose.append((machine_id, work_ms, family))
        elif end_ms > now_ms:
            setup = max(planned_ms - setup_ms, 0) if setup_ms is not None else 0
            busy[machine_id].append(Busy(start_ms - setup, start_ms, end_ms, family))
    return busy, loose


async def routing(
    connection: Connection, item_ids: Collection[int], site_ids: Collection[int]
) -> dict[tuple[int, int], tuple[Step, ...]]:
    """The steps of items at sites, each with every machine that can do it."""
    cursor = await connection.execute(
        """
        SELECT w.item_id, w.site_id, w.number, w.machine_id, w.cycle_ms, w.setup_ms,
               m.batch_capacity, t.interruptible, t.transfer_batch, t.wait_ms, t.batch_family,
               t.batch_room, t.needs
        FROM routing_ways(now(), %s::integer[]) w
        JOIN routing_version_steps t ON (t.routing_id, t.number) = (w.routing_id, w.number)
        JOIN machines m ON m.id = w.machine_id
        WHERE w.site_id = ANY(%s)
        ORDER BY w.item_id, w.site_id, w.number, w.preference, w.machine_id
        """,
        (list(item_ids), list(site_ids)),
    )
    steps: dict[tuple[int, int], dict[int, Step]] = defaultdict(dict)
    for item, site, number, machine, cycle_ms, setup_ms, room, *handling in await cursor.fetchall():
        way = Way(machine=machine, cycle_ms=cycle_ms, setup_ms=setup_ms, batch_capacity=room)
        interruptible, transfer_batch, wait_ms, batch_family, batch_room, needs = handling
        known = steps[item, site].get(number)
        steps[item, site][number] = Step(
            number=number,
            ways=(*known.ways, way) if known is not None else (way,),
            interruptible=interruptible,
            transfer_batch=transfer_batch,
            wait_ms=wait_ms,
            batch_family=batch_family,
            batch_room=batch_room,
            needs=tuple(needs),
        )
    return {
        key: tuple(step for _, step in sorted(numbered.items())) for key, numbered in steps.items()
    }
