"""Calendars: reading them, and replacing them with what follows from that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Final

from api.alternatives import machine_at
from api.auth.principal import Principal
from api.calendars.schemas import (
    DAY_MINUTES,
    Calendar,
    CalendarChange,
    CalendarException,
    WorkingTime,
    time_of_day,
)
from api.context import Context
from api.disruptions.service import raise_change
from api.errors import FieldProblem, ProblemError
from store import audit, machines
from store.database import Connection
from store.errors import NotFoundError
from store.machines import SiteRow
from store.planning import calendar_rows, disruptions
from store.planning.calendar_rows import NewException, NewWorkingTime

_WEEK_MINUTES: Final = 7 * DAY_MINUTES
_MOST_PROBLEMS: Final = 20


async def calendar(context: Context, principal: Principal, code: str) -> Calendar:
    """A site's calendar.

    Raises:
        NotFoundError: there is no such site.
    """
    principal.require_site(code)
    async with context.connection() as connection:
        site = await machines.find_site(connection, code)
        if site is None:
            raise NotFoundError("site", code)
        return await _read(connection, site)


async def put_calendar(
    context: Context, principal: Principal, code: str, wanted: CalendarChange
) -> Calendar:
    """Replace a site's calendar; the same again changes nothing.

    Raises:
        NotFoundError: there is no such site.
        UnknownReferenceError: a machine is unknown, or stands elsewhere.
        ProblemError: working times overlap (422).
    """
    principal.require_site(code)
    _refuse_overlaps(wanted.working_times)
    async with context.transaction() as connection:
        site = await machines.find_site(connection, code, for_update=True)
        if site is None:
            raise NotFoundError("site", code)
        before = await _read(connection, site)
        await _replace(connection, site, wanted)
        after = await _read(connection, site)
        if after == before:
            return after
        await audit.write(
            connection,
            actor=principal.actor,
            action="CalendarChanged",
            site_id=site.id,
            object_kind="site",
            object_key=site.code,
            before=before.content,
            after=after.content,
        )
        disruption = await raise_change(
            connection,
            context,
            principal,
            scope=site.scope,
            site_id=site.id,
            detail={"what": "calendar"},
        )
        await context.log.append_in(connection, [disruptions.record(disruption)])
    return after


async def _read(connection: Connection, site: SiteRow) -> Calendar:
    return Calendar(
        site=site.code,
        time_zone=site.time_zone,
        working_times=[
            WorkingTime(
                machine=row.machine,
                shift=row.shift,
                weekday=row.weekday,
                start=time_of_day(row.start_minute),
                end=time_of_day(row.end_minute),
            )
            for row in await calendar_rows.working_times(connection, site.id)
        ],
        exceptions=[
            CalendarException(
                machine=row.machine,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                working=row.working,
                reason=row.reason,
            )
            for row in await calendar_rows.exceptions(connection, site.id)
        ],
    )


async def _replace(connection: Connection, site: SiteRow, wanted: CalendarChange) -> None:
    known: dict[str, int] = {}

    async def machine_id(path: str | None, field: str) -> int | None:
        if path is None:
            return None
        if path not in known:
            known[path] = (await machine_at(connection, site, path, field=field)).id
        return known[path]

    times = [
        NewWorkingTime(
            machine_id=await machine_id(time.machine, f"working_times[{index}].machine"),
            shift=time.shift,
            weekday=time.weekday,
            start_minute=time.start_minute,
            end_minute=time.end_minute,
        )
        for index, time in enumerate(wanted.working_times)
    ]
    exceptions = [
        NewException(
            machine_id=await machine_id(exception.machine, f"exceptions[{index}].machine"),
            starts_at=exception.starts_at,
            ends_at=exception.ends_at,
            working=exception.working,
            reason=exception.reason,
        )
        for index, exception in enumerate(wanted.exceptions)
    ]
    await calendar_rows.replace(connection, site.id, times=times, exceptions=exceptions)


def _refuse_overlaps(times: Sequence[WorkingTime]) -> None:
    """Two working times of the same machine (or both of the site) may not overlap.

    Raises:
        ProblemError: they do; each such pair is named.
    """
    spans: dict[str | None, list[tuple[int, int, int]]] = defaultdict(list)
    for index, time in enumerate(times):
        start = time.weekday * DAY_MINUTES + time.start_minute
        end = time.weekday * DAY_MINUTES + time.end_minute
        spans[time.machine].append((start, min(end, _WEEK_MINUTES), index))
        if end > _WEEK_MINUTES:
            # The night from Sunday to Monday.
            spans[time.machine].append((0, end - _WEEK_MINUTES, index))
    problems = []
    for of_machine in spans.values():
        for (_, end, one), (start, _, other) in pairwise(sorted(of_machine)):
            if start < end:
                first, second = sorted((one, other))
                problems.append(_overlap(times, first, second))
    if problems:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"Working times overlap: {problems[0].field} {problems[0].problem}",
            errors=problems[:_MOST_PROBLEMS],
        )


def _overlap(times: Sequence[WorkingTime], first: int, second: int) -> FieldProblem:
    other = times[first]
    return FieldProblem(
        field=f"working_times[{second}].start",
        value=times[second].start,
        problem=(
            f"overlaps working_times[{first}] ({other.shift!r}, weekday {other.weekday},"
            f" {other.start} to {other.end}) of the same"
            f" {'site' if other.machine is None else 'machine'}; end the one before the other"
        ),
    )
