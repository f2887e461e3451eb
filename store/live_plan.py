"""The planning board beside its bars: the plan in force, the machines, what makes plans wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec
from psycopg.rows import class_row

from contracts.live import DisruptionView, PlanHead, PlanMachine
from contracts.topics import WAREHOUSE
from domain.plan.availability import expected_back_ms
from domain.plan.policy import Policy
from domain.plan.problem import Interval
from store.database import Connection
from store.filters import Page
from store.live_times import rfc3339, rfc3339_ms, to_minute
from store.machines import SiteRow
from store.planning import shift_plans
from store.planning.calendar_reading import read_calendars
from store.planning.calendar_rows import exceptions
from store.planning.calendars import Calendar, Calendars, zone_of
from store.planning.disruptions import disruptions, open_count
from store.planning.plan_rows import PlanRow, draft, published
from store.planning.policies import policy_of, sites_of_scope

DISRUPTIONS_SHOWN: Final = 50
HOUR_MS: Final = 3_600_000
PAST_MS: Final = 12 * HOUR_MS
"""So far back the board reaches."""
_LEAST_AHEAD_MS: Final = 48 * HOUR_MS
_MOST_AHEAD_MS: Final = 35 * 24 * HOUR_MS
"""Nobody scrolls further; working times beyond it are not told."""

Closure: TypeAlias = tuple[int, int, str]
"""When a machine does not work, and why: begin, end, code."""


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What changes only with a plan, a policy or a calendar.

    Attributes:
        scope: which scope's board.
        sites: its sites.
        policy: its policy.
        plan: the plan in force.
        closures: when each machine does not work, breakdowns aside.
        off: when each operator has no shift, by resource.
        horizon: so far all this is told.
    """

    scope: str
    sites: list[SiteRow]
    policy: Policy
    plan: PlanRow | None
    closures: Mapping[int, Sequence[Closure]]
    off: Mapping[int, Sequence[Interval]]
    horizon: Interval

    @property
    def site_ids(self) -> list[int]:
        """The ids of the sites."""
        return [site.id for site in self.sites]


class _MachineRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    path: str
    name: str
    site: str
    area: str
    line: str
    position: int
    state: str
    reason: str | None
    state_since_ms: int | None
    needs: list[str]
    batch_capacity: Decimal | None


async def read_board(connection: Connection, scope: str, *, now_ms: int) -> Board:
    """The slowly changing part of a scope's board.

    Raises:
        LookupError: no site is planned in the scope.
    """
    sites = await sites_of_scope(connection, scope)
    if not sites:
        raise LookupError(f"there is no planning scope {scope!r}")
    plan = await published(connection, scope)
    horizon = await _horizon(connection, plan, now_ms)
    calendars = await read_calendars(
        connection, [site.id for site in sites], since_ms=horizon.start_ms
    )
    return Board(
        scope=scope,
        sites=sites,
        policy=await policy_of(connection, scope),
        plan=plan,
        closures=await _closures(connection, sites, calendars, horizon),
        off=calendars.away(horizon.start_ms, horizon.end_ms),
        horizon=horizon,
    )


async def _horizon(connection: Connection, plan: PlanRow | None, now_ms: int) -> Interval:
    end_ms = now_ms + _LEAST_AHEAD_MS
    if plan is not None:
        cursor = await connection.execute(
            "SELECT max(end_ms) FROM plan_operations WHERE plan_id = %s", (plan.id,)
        )
        row = await cursor.fetchone()
        if row is not None and row[0] is not None:
            end_ms = max(end_ms, row[0] + _LEAST_AHEAD_MS // 2)
    return Interval(now_ms - PAST_MS, min(end_ms, now_ms + _MOST_AHEAD_MS))


async def _closures(
    connection: Connection, sites: Sequence[SiteRow], calendars: Calendars, horizon: Interval
) -> dict[int, list[Closure]]:
    alike: dict[Calendar, list[Closure]] = {}
    found = {}
    for machine, calendar in calendars.by_machine.items():
        if calendar not in alike:
            alike[calendar] = _closed(calendar, horizon)
        found[machine] = [*alike[calendar]]
    for machine, closure in await _exceptions(connection, sites, horizon, list(found)):
        found[machine].append(closure)
    return {machine: sorted(each) for machine, each in found.items()}


def _closed(calendar: Calendar, horizon: Interval) -> list[Closure]:
    """Outside the working times; exceptions with a reason are told apart."""
    spans = calendar.unavailable(horizon.start_ms, horizon.end_ms, without_closures=True)
    return [(span.start_ms, span.end_ms, "closed") for span in spans]


async def _exceptions(
    connection: Connection, sites: Sequence[SiteRow], horizon: Interval, machines: Sequence[int]
) -> list[tuple[int, Closure]]:
    """Holidays and maintenance by machine, with their reasons."""
    stands: dict[int, list[int]] = defaultdict(list)
    paths: dict[int, str] = {}
    cursor = await connection.execute(
        "SELECT id, site_id, path FROM machines WHERE id = ANY(%s)", (list(machines),)
    )
    for machine, site_id, path in await cursor.fetchall():
        stands[site_id].append(machine)
        paths[machine] = path
    found = []
    for site in sites:
        for row in await exceptions(connection, site.id):
            start_ms = int(row.starts_at.timestamp() * 1_000)
            end_ms = int(row.ends_at.timestamp() * 1_000)
            if row.working or end_ms <= horizon.start_ms or start_ms >= horizon.end_ms:
                continue
            closure = (start_ms, end_ms, f"exception:{row.reason}")
            whose = stands[site.id] if row.machine_id is None else [row.machine_id]
            found += [(machine, closure) for machine in whose if machine in stands[site.id]]
        special = await shift_plans.read(connection, [site.id], since_ms=horizon.start_ms)
        found += [
            (machine, (span.start_ms, span.end_ms, f"exception:{row.reason}"))
            for machine in stands[site.id]
            for row in special.special_at(paths[machine])
            if not row.working
            for span in row.spans(zone_of(site.time_zone))
            if span.end_ms > horizon.start_ms and span.start_ms < horizon.end_ms
        ]
    return found


async def plan_head(connection: Connection, board: Board) -> PlanHead:
    """The plan in force, and what is under way."""
    plan = board.plan
    waiting = await draft(connection, board.scope)
    return PlanHead(
        scope=board.scope,
        sites=[site.code for site in board.sites],
        id=plan.id if plan else None,
        number=plan.number if plan else 0,
        method=plan.method if plan else None,
        as_of=rfc3339_ms(plan.as_of_ms) if plan else None,
        published=rfc3339(plan.published_at) if plan else None,
        published_by=plan.published_by if plan else None,
        reasons=plan.reasons if plan else [],
        metrics=msgspec.to_builtins(plan.metrics) if plan else None,
        frozen_ms=board.policy.frozen_ms,
        publish=board.policy.publish,
        draft=waiting.number if waiting else None,
        draft_id=waiting.id if waiting else None,
        open_disruptions=await open_count(connection, board.scope),
        unplanned=[msgspec.to_builtins(each) for each in plan.unplanned] if plan else [],
    )


async def plan_machines(
    connection: Connection,
    board: Board,
    machine_ids: Collection[int] | None = None,
    *,
    now_ms: int,
) -> list[PlanMachine]:
    """The rows of the board: a scope's machines (all of them by default), by site, line, place."""
    async with connection.cursor(row_factory=class_row(_MachineRow)) as cursor:
        await cursor.execute(
            """
            SELECT m.id, m.path, m.name, s.code AS site, m.area, m.line, m.position,
                   coalesce(t.state, 'offline') AS state, t.reason, t.state_since_ms,
                   m.needs, m.batch_capacity
            FROM machines m
            JOIN sites s ON s.id = m.site_id
            LEFT JOIN machine_states t ON t.machine_id = m.id
            WHERE m.site_id = ANY(%s) AND (%s::integer[] IS NULL OR m.id = ANY(%s::integer[]))
              AND m.area <> %s
            ORDER BY s.code, m.area, m.line, m.position, m.path
            """,
            (board.site_ids, *[None if machine_ids is None else list(machine_ids)] * 2, WAREHOUSE),
        )
        rows = await cursor.fetchall()
    return [_machine(row, board, now_ms) for row in rows]


def _machine(row: _MachineRow, board: Board, now_ms: int) -> PlanMachine:
    closures = [*board.closures.get(row.id, ())]
    back_ms = expected_back_ms(row.state, row.state_since_ms, now_ms, board.policy)
    if back_ms is not None:
        since_ms = row.state_since_ms if row.state_since_ms is not None else now_ms
        # To the minute: an overdue repair is expected a little later at every look.
        closures.append((since_ms, to_minute(back_ms) or back_ms, "down"))
    return PlanMachine(
        machine=row.path,
        name=row.name,
        site=row.site,
        area=row.area,
        line=row.line,
        position=row.position,
        state=row.state,
        reason=row.reason,
        state_since=rfc3339_ms(row.state_since_ms),
        unavailable=[
            [rfc3339_ms(start_ms) or "", rfc3339_ms(end_ms) or "", why]
            for start_ms, end_ms, why in closures
            if end_ms > start_ms
        ],
        needs=row.needs,
        batch_capacity=None if row.batch_capacity is None else float(row.batch_capacity),
    )


async def newest_disruptions(connection: Connection, scope: str) -> list[DisruptionView]:
    """What made the scope's plans wrong, newest first, open or answered."""
    rows, _ = await disruptions(connection, Page(DISRUPTIONS_SHOWN, 0), scope=scope)
    return [row.view for row in rows]
