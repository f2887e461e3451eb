"""Which shifts are planned for machines, by name, and when the calendar has them work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from domain.plan.problem import Interval
from domain.plan.shifts import Layers, Period, Rotation, Worked, weekly
from domain.reports.machine_shifts import Piece, pieces
from domain.reports.periods import Span
from store.database import Connection
from store.planning import calendar_rows, shift_plans
from store.planning.calendar_reading import read_calendars
from store.planning.calendar_rows import WorkingTimeRow
from store.planning.calendars import Calendars, zone_of

_NEVER: Final = 2**62


class ShiftTimes(msgspec.Struct, frozen=True):
    """The machines of some sites.

    Attributes:
        layers: by machine; none: it has no shifts. Those alike share an object.
        zones: by machine.
        calendars: of all of them.
    """

    layers: Mapping[int, Layers]
    zones: Mapping[int, ZoneInfo]
    calendars: Calendars

    def pieces(self, machines: Iterable[int], span: Span) -> dict[int, list[Piece]]:
        """The pieces of machines that overlap a span. Machines alike share a list."""
        alike: dict[tuple[int, str], list[Piece]] = {}
        found: dict[int, list[Piece]] = {}
        for machine in machines:
            layers, zone = self.layers[machine], self.zones[machine]
            key = (id(layers), zone.key)
            if key not in alike:
                alike[key] = pieces(layers, zone, span)
            found[machine] = alike[key]
        return found

    def planned(self, span: Span) -> dict[int, tuple[Span, ...]]:
        """When machines work within a span."""
        closed = self.calendars.unavailable(span.from_ms, span.until_ms)
        alike: dict[int, tuple[Span, ...]] = {}
        for intervals in closed.values():
            if id(intervals) not in alike:
                alike[id(intervals)] = tuple(_open(intervals, span))
        return {machine: alike[id(intervals)] for machine, intervals in closed.items()}


async def read_shift_times(
    connection: Connection, site_ids: Sequence[int], *, since_ms: int
) -> ShiftTimes:
    """The shifts of the machines of some sites; what ended before `since_ms` may be missing."""
    calendars = await read_calendars(connection, site_ids, since_ms=since_ms)
    layers: dict[int, Layers] = {}
    zones: dict[int, ZoneInfo] = {}
    alike: dict[Layers, Layers] = {}
    for site in site_ids:
        times = await calendar_rows.working_times(connection, site)
        plans = await shift_plans.read(connection, [site], since_ms=since_ms)
        of_site = _rotation(row for row in times if row.machine is None)
        cursor = await connection.execute(
            """
            SELECT m.id, m.path, s.time_zone FROM machines m JOIN sites s ON s.id = m.site_id
            WHERE s.id = %s
            """,
            (site,),
        )
        for machine, path, time_zone in await cursor.fetchall():
            own = _rotation(row for row in times if row.machine == path)
            found = plans.layers(path, own=own, of_site=of_site)
            rotation = own or of_site
            if not found and rotation is not None:
                found = ((Period(rotation=rotation),),)
            layers[machine] = alike.setdefault(found, found)
            zones[machine] = zone_of(time_zone)
    return ShiftTimes(layers, zones, calendars)


def _rotation(rows: Iterable[WorkingTimeRow]) -> Rotation | None:
    spans = [
        (
            row.weekday,
            Worked(shift=row.shift, start_minute=row.start_minute, end_minute=row.end_minute),
        )
        for row in rows
    ]
    return weekly(spans) if spans else None


def _open(closed: Iterable[Interval], period: Span) -> Iterable[Span]:
    """The period without intervals that are in order and do not overlap."""
    at = period.from_ms
    for each in [*closed, Interval(period.until_ms, _NEVER)]:
        ends = min(each.start_ms, period.until_ms)
        if ends > at:
            yield Span(at, ends)
        at = max(at, each.end_ms)
