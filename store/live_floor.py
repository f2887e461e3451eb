"""The tiles of the floor, from rows.

Everything is set-based: one call reads all the machines it is given. What changes slowly and costs
much (a day's totals, the next operation among thousands) is read apart and may be reused:
`store.live_site`, `store.live_operations`.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from contracts.live import CurrentOperation, MachineTile
from contracts.topics import WAREHOUSE
from domain import progress
from store.database import Connection
from store.live_operations import (
    NextOperations,
    ShownOperation,
    next_operations,
    read_operations,
    shown,
)
from store.live_site import DayBase, Site, day_base, hour_ago
from store.live_times import rfc3339_ms


class _Machine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    site_id: int
    path: str
    name: str
    area: str
    line: str
    position: int
    configured: bool
    state: str
    reason: str | None
    state_since_ms: int | None
    last_seen_ms: int | None
    operator: str | None
    unassigned_good: Decimal
    unassigned_scrap: Decimal
    operation_id: int | None


class _Pieces(msgspec.Struct):
    """A machine's pieces: good by slot of the last hour, and the sums of its day."""

    slots: dict[int, int]
    good_today: int = 0
    scrap_today: int = 0


async def machine_tiles(
    connection: Connection,
    site: Site,
    machine_ids: Collection[int] | None = None,
    *,
    now_ms: int,
    base: DayBase | None = None,
    following: NextOperations | None = None,
) -> list[MachineTile]:
    """The tiles of a site's machines (all of them by default), by line and place.

    Args:
        connection: outside a transaction the rows may be of slightly different moments.
        site: where the machines stand; machines of other sites are left out.
        machine_ids: which ones.
        now_ms: the time of asking; pace and projected ends depend on it.
        base: what `day_base` said within the last minutes.
        following: what is already known of next operations; it learns what is read.
    """
    base = base or await day_base(connection, site, now_ms)
    following = following if following is not None else NextOperations()
    machines = await _machines(connection, site, machine_ids)
    ids = [machine.id for machine in machines]
    current = {machine.id: machine.operation_id for machine in machines}
    running = await read_operations(connection, [i for i in current.values() if i is not None])
    pieces = await _pieces(connection, ids, base, now_ms)
    if missing := following.missing(current):
        found = await next_operations(connection, missing, now_ms=now_ms)
        following.learn({machine: current[machine] for machine in missing}, found)
    return [
        _tile(
            machine,
            running.get(machine.operation_id) if machine.operation_id is not None else None,
            pieces[machine.id],
            following.of(machine.id),
            now_ms,
        )
        for machine in machines
    ]


async def _machines(
    connection: Connection, site: Site, machine_ids: Collection[int] | None
) -> list[_Machine]:
    async with connection.cursor(row_factory=class_row(_Machine)) as cursor:
        await cursor.execute(
            """
            SELECT m.id, m.site_id, m.path, m.name, m.area, m.line, m.position, m.configured,
                   coalesce(s.state, 'offline') AS state, s.reason, s.state_since_ms,
                   s.last_seen_ms, s.operator, s.operation_id,
                   coalesce(s.unassigned_good, 0) AS unassigned_good,
                   coalesce(s.unassigned_scrap, 0) AS unassigned_scrap
            FROM machines m LEFT JOIN machine_states s ON s.machine_id = m.id
            WHERE m.site_id = %s AND (%s::integer[] IS NULL OR m.id = ANY(%s::integer[]))
              AND m.area <> %s
            ORDER BY m.area, m.line, m.position, m.path
            """,
            (site.id, *[None if machine_ids is None else list(machine_ids)] * 2, WAREHOUSE),
        )
        return await cursor.fetchall()


async def _pieces(
    connection: Connection, machine_ids: Collection[int], base: DayBase, now_ms: int
) -> dict[int, _Pieces]:
    pieces = {machine: _Pieces({}) for machine in machine_ids}
    for machine, sums in pieces.items():
        sums.good_today, sums.scrap_today = base.pieces.get(machine, (0, 0))
    oldest = hour_ago(now_ms)
    cursor = await connection.execute(
        """
        SELECT machine_id, slot_ms, good::bigint, scrap::bigint FROM piece_slots
        WHERE machine_id = ANY(%s) AND slot_ms >= %s AND slot_ms <= %s
        """,
        (list(machine_ids), min(base.until_ms, oldest), now_ms),
    )
    for machine, slot_ms, good, scrap in await cursor.fetchall():
        sums = pieces[machine]
        if slot_ms >= oldest:
            sums.slots[slot_ms] = good
        if slot_ms >= base.until_ms:
            sums.good_today += good
            sums.scrap_today += scrap
    return pieces


def _tile(
    machine: _Machine,
    operation: ShownOperation | None,
    pieces: _Pieces,
    following: CurrentOperation | None,
    now_ms: int,
) -> MachineTile:
    return MachineTile(
        machine=machine.path,
        name=machine.name,
        area=machine.area,
        line=machine.line,
        position=machine.position,
        configured=machine.configured,
        state=machine.state,
        reason=machine.reason,
        state_since=rfc3339_ms(machine.state_since_ms),
        last_seen=rfc3339_ms(machine.last_seen_ms),
        good_pieces=pieces.good_today,
        scrap_pieces=pieces.scrap_today,
        unassigned_good=int(machine.unassigned_good),
        unassigned_scrap=int(machine.unassigned_scrap),
        pace=progress.pace_slots(pieces.slots, now_ms),
        pace_percent=progress.pace_percent(
            pieces.slots,
            cycle_ms=operation.cycle_ms if operation else None,
            started_ms=operation.started_ms if operation else None,
            now_ms=now_ms,
        ),
        operation=shown(operation, pieces.slots, now_ms) if operation else None,
        next_operation=following,
        operator=machine.operator,
    )
