"""What is known of machines around some pieces of time: states, operations, pieces, calendars.

Rows of the floor have no date of knowledge: a late object replaces them. So this reads what is
known now; `store.reports.machine_shifts` keeps what it came to as revisions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from contracts.telemetry import MachineState
from domain.reports.machine_shifts import MachinePast, Made, OnMachine, Rate
from domain.reports.machine_time import MICRO_STOP_MS, MicroStops, Stretch, TimeClass, TimePolicy
from domain.reports.periods import Span
from domain.reports.stop_reasons import Given
from store.database import Connection
from store.reports.shift_times import ShiftTimes


async def machine_pasts(
    connection: Connection,
    machines: Sequence[int],
    span: Span,
    times: ShiftTimes,
    *,
    counted_ms: int,
    now_ms: int,
) -> dict[int, MachinePast]:
    """What is known of machines within a span.

    Args:
        connection: in a transaction whose statements see the same rows.
        machines: their ids.
        span: stretches that reach beyond it are told at their whole length.
        times: of these machines.
        counted_ms: nothing is counted from here on.
        now_ms: up to here a state lasts that was not left yet.
    """
    changes = await _changes(connection, machines, span)
    firsts = await _firsts(connection, machines)
    on = await _on_machines(connection, machines, span)
    made = await _made(connection, machines, span)
    given = await _given(connection, machines, span)
    rates = await _rates(connection, {(each, one.operation) for each in made for one in made[each]})
    planned = times.planned(span)
    return {
        machine: MachinePast(
            stretches=list(_stretches(changes[machine], now_ms)),
            said=given[machine],
            on=on[machine],
            planned=planned.get(machine, (span,)),
            known=Span(
                firsts.get(machine, counted_ms), max(counted_ms, firsts.get(machine, counted_ms))
            ),
            made=made[machine],
            rates=rates[machine],
        )
        for machine in machines
    }


async def _changes(
    connection: Connection, ids: Sequence[int], span: Span
) -> defaultdict[int, list[tuple[int, str, str | None]]]:
    """Changes of state in the span; two before it and one after, for what is cut at its edges."""
    cursor = await connection.execute(
        """
        SELECT m.id, c.e_ms, c.state, c.reason
        FROM unnest(%(ids)s::integer[]) AS m (id)
        CROSS JOIN LATERAL (
            (SELECT e_ms, nth, state, reason FROM state_changes
             WHERE machine_id = m.id AND e_ms < %(from)s
             ORDER BY e_ms DESC, nth DESC LIMIT 2)
            UNION ALL
            (SELECT e_ms, nth, state, reason FROM state_changes
             WHERE machine_id = m.id AND e_ms >= %(from)s AND e_ms < %(until)s)
            UNION ALL
            (SELECT e_ms, nth, state, reason FROM state_changes
             WHERE machine_id = m.id AND e_ms >= %(until)s
             ORDER BY e_ms, nth LIMIT 2)
        ) AS c
        ORDER BY m.id, c.e_ms, c.nth
        """,
        {"ids": list(ids), "from": span.from_ms, "until": span.until_ms},
    )
    found: defaultdict[int, list[tuple[int, str, str | None]]] = defaultdict(list)
    for id_, e_ms, state, reason in await cursor.fetchall():
        found[id_].append((e_ms, state, reason))
    return found


async def _firsts(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """When each machine told its first state."""
    cursor = await connection.execute(
        """
        SELECT m.id, c.e_ms FROM unnest(%s::integer[]) AS m (id)
        CROSS JOIN LATERAL (
            SELECT e_ms FROM state_changes WHERE machine_id = m.id ORDER BY e_ms LIMIT 1) AS c
        """,
        (list(ids),),
    )
    return dict(await cursor.fetchall())


async def _on_machines(
    connection: Connection, ids: Sequence[int], span: Span
) -> defaultdict[int, list[OnMachine]]:
    """Which operations were on the machines: those of the span, and the one before it."""
    cursor = await connection.execute(
        """
        SELECT m.id, c.e_ms, c.operation_id
        FROM unnest(%(ids)s::integer[]) AS m (id)
        CROSS JOIN LATERAL (
            (SELECT e_ms, nth, operation_id FROM operation_changes
             WHERE machine_id = m.id AND e_ms < %(from)s
             ORDER BY e_ms DESC, nth DESC LIMIT 1)
            UNION ALL
            (SELECT e_ms, nth, operation_id FROM operation_changes
             WHERE machine_id = m.id AND e_ms >= %(from)s AND e_ms < %(until)s)
        ) AS c
        ORDER BY m.id, c.e_ms, c.nth
        """,
        {"ids": list(ids), "from": span.from_ms, "until": span.until_ms},
    )
    found: defaultdict[int, list[OnMachine]] = defaultdict(list)
    for id_, e_ms, operation in await cursor.fetchall():
        found[id_].append(OnMachine(e_ms, operation))
    return found


async def _made(
    connection: Connection, ids: Sequence[int], span: Span
) -> defaultdict[int, list[Made]]:
    """Pieces by slot and operation; what no operation has of a slot stands under none."""
    cursor = await connection.execute(
        """
        SELECT machine_id, slot_ms, operation_id, good, scrap FROM operation_slots
        WHERE machine_id = ANY(%(ids)s) AND slot_ms >= %(from)s AND slot_ms < %(until)s
        UNION ALL
        SELECT p.machine_id, p.slot_ms, NULL, p.good - coalesce(o.good, 0),
               p.scrap - coalesce(o.scrap, 0)
        FROM piece_slots p
        LEFT JOIN (
            SELECT machine_id, slot_ms, sum(good) AS good, sum(scrap) AS scrap FROM operation_slots
            WHERE machine_id = ANY(%(ids)s) AND slot_ms >= %(from)s AND slot_ms < %(until)s
            GROUP BY machine_id, slot_ms
        ) o ON o.machine_id = p.machine_id AND o.slot_ms = p.slot_ms
        WHERE p.machine_id = ANY(%(ids)s) AND p.slot_ms >= %(from)s AND p.slot_ms < %(until)s
          AND (p.good, p.scrap) IS DISTINCT FROM (coalesce(o.good, 0), coalesce(o.scrap, 0))
        ORDER BY 1, 2, 3
        """,
        {"ids": list(ids), "from": span.from_ms, "until": span.until_ms},
    )
    found: defaultdict[int, list[Made]] = defaultdict(list)
    for id_, *row in await cursor.fetchall():
        found[id_].append(Made(*row))
    return found


async def _given(
    connection: Connection, ids: Sequence[int], span: Span
) -> defaultdict[int, list[Given]]:
    """What people said of stops, without what was undone."""
    cursor = await connection.execute(
        """
        SELECT s.machine_id, s.from_ms, s.until_ms, s.reason,
               (extract(epoch FROM s.recorded_at) * 1000)::bigint, s.id
        FROM stop_reasons s
        WHERE s.machine_id = ANY(%(ids)s) AND s.until_ms > %(from)s AND s.from_ms < %(until)s
          AND s.undoes IS NULL
          AND NOT EXISTS (SELECT FROM stop_reasons u WHERE u.undoes = s.id)
        ORDER BY s.id
        """,
        {"ids": list(ids), "from": span.from_ms, "until": span.until_ms},
    )
    found: defaultdict[int, list[Given]] = defaultdict(list)
    for id_, from_ms, until_ms, reason, recorded_ms, number in await cursor.fetchall():
        found[id_].append(
            Given(
                span=Span(from_ms, until_ms),
                reason=reason,
                recorded_ms=recorded_ms,
                number=number,
            )
        )
    return found


async def _rates(
    connection: Connection, worked: Iterable[tuple[int, int | None]]
) -> defaultdict[int, dict[int, Rate]]:
    """What is planned of operations on machines."""
    pairs = sorted((machine, operation) for machine, operation in worked if operation is not None)
    found: defaultdict[int, dict[int, Rate]] = defaultdict(dict)
    if not pairs:
        return found
    cursor = await connection.execute(
        """
        SELECT k.machine, o.id, coalesce(a.cycle_ms, o.cycle_ms), w.kind = 'rework'
        FROM unnest(%s::integer[], %s::bigint[]) AS k (machine, operation)
        JOIN operations o ON o.id = k.operation
        JOIN work_orders w ON w.id = o.work_order_id
        LEFT JOIN operation_alternatives a
            ON a.operation_id = o.id AND a.machine_id = k.machine
        """,
        ([machine for machine, _ in pairs], [operation for _, operation in pairs]),
    )
    for machine, operation, cycle_ms, rework in await cursor.fetchall():
        found[machine][operation] = Rate(cycle_ms, rework)
    return found


def _stretches(changes: Sequence[tuple[int, str, str | None]], now_ms: int) -> Iterable[Stretch]:
    """From change to change; the last one lasts up to now."""
    last: list[Any] = [(max(now_ms, changes[-1][0]), "", None)] if changes else []
    for (begins, state, reason), (ends, _, _) in pairwise([*changes, *last]):
        yield Stretch(begins, ends, MachineState(state), reason)


class SitePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a site classes time, and since when that is so."""

    policy: TimePolicy
    since: datetime | None = None


async def time_policies(
    connection: Connection, site_ids: Sequence[int], *, as_of: datetime | None = None
) -> dict[int, SitePolicy]:
    """How sites class micro-stops and reasons; reasons as they are now.

    Args:
        connection: open.
        site_ids: the sites.
        as_of: entries that were recorded later do not count; None: all do.
    """
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (site_id) site_id, micro_stop_ms, micro_stops, recorded_at
        FROM report_time_policies
        WHERE site_id = ANY(%s) AND (%s::timestamptz IS NULL OR recorded_at <= %s)
        ORDER BY site_id, id DESC
        """,
        (list(site_ids), as_of, as_of),
    )
    micro = {site: rest for site, *rest in await cursor.fetchall()}
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (s.id, c.code) s.id, c.code, c.counts_as
        FROM sites s JOIN stop_reason_codes c ON c.site_id IS NULL OR c.site_id = s.id
        WHERE s.id = ANY(%s) ORDER BY s.id, c.code, c.site_id NULLS LAST
        """,
        (list(site_ids),),
    )
    reasons: defaultdict[int, dict[str, TimeClass]] = defaultdict(dict)
    for site, code, counts_as in await cursor.fetchall():
        reasons[site][code] = TimeClass(counts_as)
    found: dict[int, SitePolicy] = {}
    for site in site_ids:
        micro_stop_ms, micro_stops, since = micro.get(
            site, (MICRO_STOP_MS, MicroStops.AVAILABILITY, None)
        )
        found[site] = SitePolicy(
            policy=TimePolicy(
                reasons=reasons[site],
                micro_stop_ms=micro_stop_ms,
                micro_stops=MicroStops(micro_stops),
            ),
            since=since,
        )
    return found
