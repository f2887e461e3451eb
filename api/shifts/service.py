"""Shift patterns and what they come to on the days of a place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.errors import ProblemError
from api.master_data.schemas import shown
from api.shifts.schemas import (
    Break,
    DatedShift,
    ShiftPattern,
    ShiftPlanPlace,
    SpecialDay,
    WorkedDays,
)
from domain.master_data import records
from domain.master_data.kinds import SHIFT_PATTERNS, SHIFT_PLANS
from domain.plan.calendar import moment_of
from domain.plan.shifts import Dated, Layers, Period, Rotation, Worked, shifts_on, weekly
from store import machines
from store.database import Connection
from store.errors import NotFoundError
from store.filters import Page
from store.master_data import applying, browsing
from store.planning import calendar_rows, shift_plans
from store.planning.calendar_rows import WorkingTimeRow
from store.planning.calendars import zone_of

MOST_DAYS: Final = 93
_MACHINE_LEVELS: Final = 4


async def patterns(
    connection: Connection, principal: Principal, page: Page, search: str | None
) -> tuple[list[ShiftPattern], int]:
    """Patterns by code, with where they are worked of what one may see."""
    found, total = await browsing.records(
        connection, SHIFT_PATTERNS, page, search=search, sites=(), of_no_site=True
    )
    return await _with_plans(connection, principal, found), total


async def pattern(connection: Connection, principal: Principal, code: str) -> ShiftPattern:
    """A pattern.

    Raises:
        NotFoundError: there is no such pattern.
    """
    found = (await applying.read(connection, [SHIFT_PATTERNS])).of(SHIFT_PATTERNS).get((code,))
    if found is None:
        raise NotFoundError("shift pattern", code)
    return (await _with_plans(connection, principal, [found]))[0]


async def _with_plans(
    connection: Connection, principal: Principal, found: Iterable[records.ShiftPattern]
) -> list[ShiftPattern]:
    places: dict[str, list[ShiftPlanPlace]] = defaultdict(list)
    for plan in (await applying.read(connection, [SHIFT_PLANS])).of(SHIFT_PLANS).values():
        if principal.sees(plan.at.partition("/")[0]):
            places[plan.pattern].append(shown(ShiftPlanPlace, plan))
    return [
        ShiftPattern.model_validate(
            {
                **msgspec.to_builtins(each),
                "plans": sorted(places[each.code], key=lambda one: (one.at, str(one.valid_from))),
            }
        )
        for each in found
    ]


async def worked_days(
    context: Context, principal: Principal, place: str, first: date, last: date
) -> WorkedDays:
    """When a site, or a place within it, works from a day to a day.

    Raises:
        NotFoundError: there is no such site, or no such machine.
        ProblemError: the days are too many (422).
    """
    code = place.partition("/")[0]
    principal.require_site(code)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise _invalid(f"to: {last} must be from {first} on, and at most {MOST_DAYS} days later")
    async with context.connection() as connection:
        site = await machines.known_site(connection, code)
        if place.count("/") + 1 == _MACHINE_LEVELS:
            await machines.known_machine(connection, place, field="at")
        zone = zone_of(site.time_zone)
        times = await calendar_rows.working_times(connection, site.id)
        plans = await shift_plans.read(connection, [site.id], since_ms=moment_of(first, 0, zone))
    own = _rotation([row for row in times if row.machine == place])
    of_site = _rotation([row for row in times if row.machine is None])
    layers = plans.layers(place, own=own, of_site=of_site) or _alone(own or of_site)
    special = [row for row in plans.special_at(place) if row.day <= last and row.last_day >= first]
    return WorkedDays(
        at=place,
        time_zone=site.time_zone,
        always=not layers,
        shifts=[_dated(each) for each in shifts_on(layers, zone, first, last)],
        special_days=[
            SpecialDay(
                at=row.place,
                day=row.day,
                last_day=row.last_day if row.last_day > row.day else None,
                start=row.starts,
                end=row.ends,
                working=row.working,
                reason=row.reason,
            )
            for row in special
        ],
    )


def _rotation(rows: Sequence[WorkingTimeRow]) -> Rotation | None:
    if not rows:
        return None
    return weekly(
        [
            (
                row.weekday,
                Worked(shift=row.shift, start_minute=row.start_minute, end_minute=row.end_minute),
            )
            for row in rows
        ]
    )


def _alone(rotation: Rotation | None) -> Layers:
    return () if rotation is None else ((Period(rotation=rotation),),)


def _dated(each: Dated) -> DatedShift:
    return DatedShift(
        day=each.day,
        shift=each.shift,
        pattern=each.pattern,
        starts_at=_moment(each.start_ms),
        ends_at=_moment(each.end_ms),
        breaks=[
            Break(starts_at=_moment(one.start_ms), ends_at=_moment(one.end_ms))
            for one in each.breaks
        ],
        worked_minutes=sum(one.end_ms - one.start_ms for one in each.worked) // 60_000,
    )


def _moment(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def _invalid(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail)
