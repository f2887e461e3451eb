"""Calendars made of their rows: those of all machines and operators of some sites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from domain.plan.calendar import Exception_, ShiftSpan
from domain.plan.shifts import Period
from store.database import Connection
from store.planning import shift_plans
from store.planning.calendars import Calendar, Calendars, zone_of


class _Sources:
    """The rows that calendars are made of, at some sites."""

    def __init__(
        self,
        shifts: Mapping[tuple[int, int | None], list[ShiftSpan]],
        told: Mapping[tuple[int, int | None], list[Exception_]],
        patterns: shift_plans.ShiftPlans,
    ) -> None:
        self._shifts = shifts
        self._told = told
        self._patterns = patterns
        self._alike: dict[Calendar, Calendar] = {}

    def machine(self, id_: int, site: int, path: str, time_zone: str) -> Calendar:
        """What a machine goes by: times of its own, else its site's."""
        own, of_site = self._shifts.get((site, id_), []), self._shifts.get((site, None), [])
        closed = self._told.get((site, id_), [])
        exceptions = [*self._told.get((site, None), []), *closed]
        exceptions += self._patterns.special(path, zone_of(time_zone))
        calendar = Calendar(
            tuple(own or of_site),
            tuple(exceptions),
            time_zone,
            self._patterns.layers(
                path,
                own=shift_plans.weekly_times(tuple(own)),
                of_site=shift_plans.weekly_times(tuple(of_site)),
            ),
            tuple(closed),
        )
        return self._alike.setdefault(calendar, calendar)

    def operator(
        self, site: int, place: str, time_zone: str, pattern: tuple[Period, ...]
    ) -> Calendar:
        """What an operator goes by: a pattern of their own, else what holds at their place."""
        of_site = self._shifts.get((site, None), [])
        weekly = shift_plans.weekly_times(tuple(of_site))
        exceptions = [*self._told.get((site, None), [])]
        exceptions += self._patterns.special(place, zone_of(time_zone))
        layers = self._patterns.layers(place, own=None, of_site=weekly)
        if pattern:
            rest = layers or (((Period(rotation=weekly),),) if weekly is not None else ())
            layers = (pattern, *rest)
        calendar = Calendar(tuple(of_site), tuple(exceptions), time_zone, layers)
        return self._alike.setdefault(calendar, calendar)


async def read_calendars(
    connection: Connection, site_ids: Collection[int], *, since_ms: int
) -> Calendars:
    """The calendars of all machines and operators of sites.

    Exceptions that ended before `since_ms` are out.
    """
    sites = list(site_ids)
    sources = await _read_sources(connection, sites, since_ms)
    cursor = await connection.execute(
        """
        SELECT m.id, m.site_id, m.path, s.time_zone
        FROM machines m JOIN sites s ON s.id = m.site_id
        WHERE m.site_id = ANY(%s) ORDER BY m.id
        """,
        (sites,),
    )
    by_machine = {
        machine: sources.machine(machine, site, path, time_zone)
        for machine, site, path, time_zone in await cursor.fetchall()
    }
    cursor = await connection.execute(
        """
        SELECT r.id, r.site_id, coalesce(r.place, s.code), s.time_zone, r.pattern_id
        FROM resources r JOIN sites s ON s.id = r.site_id
        WHERE r.site_id = ANY(%s) AND r.kind = 'operator' AND r.retired_at IS NULL ORDER BY r.id
        """,
        (sites,),
    )
    operators = await cursor.fetchall()
    patterns = await shift_plans.periods(connection, {row[4] for row in operators if row[4]})
    by_operator = {
        resource: sources.operator(site, place, time_zone, patterns.get(pattern, ()))
        for resource, site, place, time_zone, pattern in operators
    }
    return Calendars(by_machine, by_operator)


async def _read_sources(connection: Connection, sites: list[int], since_ms: int) -> _Sources:
    shifts: dict[tuple[int, int | None], list[ShiftSpan]] = defaultdict(list)
    cursor = await connection.execute(
        """
        SELECT site_id, machine_id, weekday, start_minute, end_minute FROM working_times
        WHERE site_id = ANY(%s) ORDER BY weekday, start_minute, end_minute
        """,
        (sites,),
    )
    for site, machine, weekday, start_minute, end_minute in await cursor.fetchall():
        shifts[site, machine].append(
            ShiftSpan(weekday=weekday, start_minute=start_minute, end_minute=end_minute)
        )
    told: dict[tuple[int, int | None], list[Exception_]] = defaultdict(list)
    cursor = await connection.execute(
        """
        SELECT site_id, machine_id, (extract(epoch FROM starts_at) * 1000)::bigint,
               (extract(epoch FROM ends_at) * 1000)::bigint, working
        FROM calendar_exceptions
        WHERE site_id = ANY(%s) AND ends_at > to_timestamp(%s / 1000.0)
        ORDER BY starts_at, id
        """,
        (sites, since_ms),
    )
    for site, machine, start_ms, end_ms, works in await cursor.fetchall():
        told[site, machine].append(Exception_(start_ms=start_ms, end_ms=end_ms, working=works))
    return _Sources(shifts, told, await shift_plans.read(connection, sites, since_ms=since_ms))
