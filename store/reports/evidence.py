"""Why orders stood still: stretches of time with a cause, from the rows of the floor (ADR 17).

    breakdown  a machine was down while one of the line's operations ran on it, or waited for it
    stop       it was idle or silent while the operation was on it, within its working time
    quality    pieces were lost and had to be made again: from the loss to the end of the repair
    material   an operation waited with material that was known to be late
    shipping   the line was made and had not left

Which operations are a line's: those of the work orders that are pegged to it, directly or through
the work orders that these need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.plan import DisruptionKind
from contracts.telemetry import MachineState
from domain.plan.problem import Interval
from domain.reports.delay_causes import Cause, Evidence
from domain.reports.order_lines import LineFacts
from domain.reports.periods import Span
from store.database import Connection
from store.planning.calendar_reading import read_calendars
from store.planning.calendars import Calendars

_DOWN: Final = MachineState.DOWN
_STOPPED: Final = (MachineState.IDLE, MachineState.OFFLINE)


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of a line's on a machine: from when it could begin to its end."""

    line: int
    operation: int
    machine: int
    path: str
    ready_ms: int
    started_ms: int | None
    end_ms: int


async def evidence_of(
    connection: Connection, late: Mapping[int, int], facts: Sequence[LineFacts]
) -> dict[int, list[Evidence]]:
    """What there is of some late lines.

    Args:
        connection: in the transaction that holds the writer's turn.
        late: by line, up to when (epoch ms) its delay is divided.
        facts: of these lines, and maybe of others.
    """
    if not late:
        return {}
    found: dict[int, list[Evidence]] = defaultdict(list)
    steps = await _steps(connection, late)
    sites = {each.site for each in facts if each.line in late}
    for line, evidence in await _stops(connection, steps, sites):
        found[line].append(evidence)
    for line, evidence in [*await _losses(connection, late), *await _material(connection, steps)]:
        found[line].append(evidence)
    for each in facts:
        if each.line in late and each.produced_ms is not None:
            span = Span(each.produced_ms, late[each.line])
            if span.length_ms:
                found[each.line].append(Evidence(Cause.SHIPPING, span))
    return found


_WORKS: Final = sql.SQL(
    """
    WITH RECURSIVE late (line, end_ms) AS (
        SELECT * FROM unnest(%(lines)s::bigint[], %(ends)s::bigint[])
    ), works (line, work) AS (
        SELECT p.order_line_id, p.work_order_id FROM pegs p JOIN late ON late.line = p.order_line_id
        WHERE p.work_order_id IS NOT NULL
        UNION
        SELECT w.line, p.work_order_id FROM works w JOIN pegs p ON p.demand_work_order_id = w.work
        WHERE p.work_order_id IS NOT NULL
    )
    """
)


def _asked(late: Mapping[int, int]) -> dict[str, object]:
    return {"lines": list(late), "ends": list(late.values())}


async def _steps(connection: Connection, late: Mapping[int, int]) -> list[_Step]:
    cursor = connection.cursor(row_factory=class_row(_Step))
    await cursor.execute(
        _WORKS
        + sql.SQL(
            """
        , steps AS (
            SELECT w.line, late.end_ms AS late_ms, o.id, o.machine_id, o.started_ms, o.ended_ms,
                   coalesce(
                       max(o.ended_ms) OVER (PARTITION BY w.line, w.work ORDER BY o.number
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                       (extract(epoch FROM k.created_at) * 1000)::bigint) AS ready_ms
            FROM works w JOIN late ON late.line = w.line JOIN work_orders k ON k.id = w.work
            JOIN operations o ON o.work_order_id = w.work
        )
        SELECT s.line, s.id AS operation, m.id AS machine, m.path, s.ready_ms,
               coalesce(c.started_ms, s.started_ms) AS started_ms,
               least(coalesce(s.ended_ms, s.late_ms), s.late_ms) AS end_ms
        FROM steps s
        LEFT JOIN contributions c ON c.operation_id = s.id
        JOIN machines m ON m.id = coalesce(c.machine_id, s.machine_id)
        WHERE least(coalesce(s.ended_ms, s.late_ms), s.late_ms) > s.ready_ms
        ORDER BY s.line, s.id, m.id
        """
        ),
        _asked(late),
    )
    return await cursor.fetchall()


async def _stops(
    connection: Connection, steps: Sequence[_Step], sites: set[int]
) -> list[tuple[int, Evidence]]:
    """Where the machine stood: down while it was waited for, anything else while it was on."""
    if not steps:
        return []
    cursor = await connection.execute(
        """
        SELECT a.nth, c.e_ms, c.state, least(coalesce(n.e_ms, a.end_ms), a.end_ms)
        FROM unnest(%(nth)s::integer[], %(machines)s::integer[], %(ready)s::bigint[],
                    %(ends)s::bigint[]) AS a (nth, machine, ready_ms, end_ms)
        CROSS JOIN LATERAL (
            (SELECT e_ms, nth, state FROM state_changes
             WHERE machine_id = a.machine AND e_ms < a.ready_ms
             ORDER BY e_ms DESC, nth DESC LIMIT 1)
            UNION ALL
            (SELECT e_ms, nth, state FROM state_changes
             WHERE machine_id = a.machine AND e_ms >= a.ready_ms AND e_ms < a.end_ms)
        ) AS c
        LEFT JOIN LATERAL (
            SELECT e_ms FROM state_changes
            WHERE machine_id = a.machine AND (e_ms, nth) > (c.e_ms, c.nth)
            ORDER BY e_ms, nth LIMIT 1) n ON true
        WHERE c.state = ANY(%(states)s)
        """,
        {
            "nth": list(range(len(steps))),
            "machines": [each.machine for each in steps],
            "ready": [each.ready_ms for each in steps],
            "ends": [each.end_ms for each in steps],
            "states": [_DOWN, *_STOPPED],
        },
    )
    rows = await cursor.fetchall()
    first = min(each.ready_ms for each in steps)
    closed = _closed(await read_calendars(connection, sites, since_ms=first), steps, first)
    found = []
    for nth, begins, state, ends in rows:
        step = steps[nth]
        down = state == _DOWN
        from_ms = step.ready_ms if down else step.started_ms
        if from_ms is None:
            continue
        cause = Cause.BREAKDOWN if down else Cause.STOP
        span = Span(max(begins, from_ms), min(ends, step.end_ms))
        found += [
            (step.line, Evidence(cause, piece, step.path))
            for piece in _open(span, closed.get(step.machine, ()))
        ]
    return found


def _closed(
    calendars: Calendars, steps: Sequence[_Step], first_ms: int
) -> Mapping[int, Sequence[Interval]]:
    """When machines did not work anyway: nothing stood still for a stop then."""
    return calendars.unavailable(first_ms, max(each.end_ms for each in steps))


def _open(span: Span, closed: Sequence[Interval]) -> list[Span]:
    """What of a span is within working time; intervals are in order and apart."""
    pieces, at = [], span.from_ms
    for each in closed:
        if each.end_ms <= at:
            continue
        if each.start_ms >= span.until_ms:
            break
        if each.start_ms > at:
            pieces.append(Span(at, each.start_ms))
        at = max(at, each.end_ms)
    if at < span.until_ms:
        pieces.append(Span(at, span.until_ms))
    return pieces


async def _losses(connection: Connection, late: Mapping[int, int]) -> list[tuple[int, Evidence]]:
    """From when pieces were missing to the end of what makes up for them."""
    cursor = await connection.execute(
        _WORKS
        + sql.SQL(
            """
        SELECT w.line, k.number, (extract(epoch FROM s.opened_at) * 1000)::bigint,
               coalesce(CASE WHEN s.made_up_by IS NULL
                             THEN (extract(epoch FROM s.decided_at) * 1000)::bigint
                             ELSE repaired.ms END, late.end_ms)
        FROM works w JOIN late ON late.line = w.line
        JOIN work_order_shortages s ON s.work_order_id = w.work
        JOIN work_orders k ON k.id = w.work
        LEFT JOIN LATERAL (
            SELECT CASE WHEN bool_and(o.ended_ms IS NOT NULL) THEN max(o.ended_ms) END AS ms
            FROM operations o WHERE o.work_order_id = s.made_up_by) repaired ON true
        ORDER BY w.line, s.id
        """
        ),
        _asked(late),
    )
    return [
        (line, Evidence(Cause.QUALITY, Span(begins, ends), number))
        for line, number, begins, ends in await cursor.fetchall()
        if ends > begins
    ]


async def _material(connection: Connection, steps: Sequence[_Step]) -> list[tuple[int, Evidence]]:
    """Operations that waited, and of which it was told that their material comes too late."""
    cursor = await connection.execute(
        """
        SELECT operation_id, min(occurred_ms), min(detail ->> 'item') FROM disruptions
        WHERE kind = %s AND operation_id = ANY(%s) GROUP BY operation_id
        """,
        (DisruptionKind.MATERIAL_LATE, sorted({each.operation for each in steps})),
    )
    told = {operation: (at_ms, item) for operation, at_ms, item in await cursor.fetchall()}
    found = []
    for each in steps:
        if each.operation in told:
            at_ms, item = told[each.operation]
            until_ms = each.end_ms if each.started_ms is None else each.started_ms
            span = Span(max(at_ms, each.ready_ms), min(until_ms, each.end_ms))
            if span.length_ms:
                found.append((each.line, Evidence(Cause.MATERIAL, span, item or "")))
    return found
