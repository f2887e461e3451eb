"""Load of machines: what they did and could do, and what the plans in force need of them.

Of the past, up to where shifts are reckoned, the revisions tell; of what is to come the plans that
were in force at the moment, and the calendars as they are now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from psycopg import sql

from domain.reports.load import MachineLoad
from domain.reports.periods import Span, overlap_ms, parts
from store.database import Connection
from store.reports.machine_sums import Machine, MachineScope, known_shifts
from store.reports.shift_times import read_shift_times


class LoadPart(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's load in one period, and what of it is over."""

    bucket: int
    load: MachineLoad
    past_working_ms: int


async def load_parts(connection: Connection, asked: MachineScope) -> list[LoadPart]:
    """The load of each machine in each period.

    Args:
        connection: in a transaction whose statements see the same rows.
        asked: what about; its periods may lie in the future.
    """
    past = await _past(connection, asked)
    begins_ms = await _counted_ms(connection, asked)
    planned = await _planned(connection, asked, begins_ms)
    edges = {each.site_id: each.edges for each in asked.scope.sites}
    working = await _working(connection, asked, begins_ms)
    found: list[LoadPart] = []
    for machine in asked.machines:
        cuts = edges[machine.site_id]
        for bucket in range(len(cuts) - 1):
            used, could = past.get((machine.id, bucket), (0, 0))
            ahead = Span(max(cuts[bucket], begins_ms), max(cuts[bucket + 1], begins_ms))
            needed = overlap_ms(ahead, parts(planned[machine.id], ahead))
            found.append(
                LoadPart(
                    bucket=bucket,
                    load=MachineLoad(
                        place=machine.path,
                        needed_ms=used + needed,
                        used_ms=used,
                        working_ms=could + overlap_ms(ahead, parts(working[machine.id], ahead)),
                    ),
                    past_working_ms=could,
                )
            )
    return found


async def _past(
    connection: Connection, asked: MachineScope
) -> dict[tuple[int, int], tuple[int, int]]:
    """Time in use and working time of machines by period, as far as it is counted."""
    cursor = await connection.execute(
        known_shifts("")
        + sql.SQL(
            """
            SELECT machine_id, bucket, sum(production_ms + setup_ms)::bigint,
                   sum(operation_ms - planned_stop_ms)::bigint
            FROM known GROUP BY machine_id, bucket
            """
        ),
        asked.parameters,
    )
    return {
        (machine, bucket): (used, could) for machine, bucket, used, could in await cursor.fetchall()
    }


async def _counted_ms(connection: Connection, asked: MachineScope) -> int:
    """Up to where machines are counted by what was known at the moment."""
    cursor = await connection.execute(
        """
        SELECT max(counted_ms) FROM report_machine_shifts
        WHERE machine_id = ANY(%(machines)s) AND recorded_at <= %(as_of)s
          AND from_ms > %(as_of_ms)s - 172800000
        """,
        asked.parameters,
    )
    row = await cursor.fetchone()
    as_of_ms = asked.scope.as_of_ms
    return as_of_ms if row is None or row[0] is None else min(int(row[0]), as_of_ms)


async def _planned(
    connection: Connection, asked: MachineScope, begins_ms: int
) -> defaultdict[int, list[Span]]:
    """What the plans that were in force at the moment have machines do from then on."""
    cursor = await connection.execute(
        """
        SELECT p.machine_id, p.setup_start_ms, p.end_ms
        FROM plans v JOIN plan_operations p ON p.plan_id = v.id
        WHERE v.published_at <= %(as_of)s
          AND (v.superseded_at IS NULL OR v.superseded_at > %(as_of)s)
          AND p.machine_id = ANY(%(machines)s) AND p.end_ms > %(begins)s
          AND p.setup_start_ms < %(until)s
        """,
        asked.parameters | {"begins": begins_ms},
    )
    found: defaultdict[int, list[Span]] = defaultdict(list)
    for machine, from_ms, until_ms in await cursor.fetchall():
        found[machine].append(Span(from_ms, until_ms))
    return found


async def _working(
    connection: Connection, asked: MachineScope, begins_ms: int
) -> defaultdict[int, Sequence[Span]]:
    """When machines work from then on."""
    found: defaultdict[int, Sequence[Span]] = defaultdict(tuple)
    by_site: dict[int, list[Machine]] = defaultdict(list)
    for machine in asked.machines:
        by_site[machine.site_id].append(machine)
    for site in asked.scope.sites:
        ahead = Span(max(site.whole.from_ms, begins_ms), site.whole.until_ms)
        if not ahead.length_ms or site.site_id not in by_site:
            continue
        times = await read_shift_times(connection, [site.site_id], since_ms=ahead.from_ms)
        planned = times.planned(ahead)
        for machine in by_site[site.site_id]:
            found[machine.id] = planned.get(machine.id, (ahead,))
    return found
