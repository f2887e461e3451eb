"""Shift patterns, shift plans and special days, and what they come to."""

from __future__ import annotations

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.auth.principal import Configurer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Code, Paging, Reason, Wanted
from api.master_data.schemas import shown
from api.master_data.service import change_one
from api.shifts import service
from api.shifts.schemas import (
    ShiftPattern,
    ShiftPatternChange,
    ShiftPatternList,
    ShiftPlan,
    ShiftPlanChange,
    ShiftPlanList,
    SpecialDay,
    SpecialDayChange,
    SpecialDayList,
    WorkedDays,
)
from domain.master_data.kinds import SHIFT_PATTERNS, SHIFT_PLANS, SPECIAL_DAYS
from store.master_data import browsing

router = APIRouter(prefix="/v1", tags=["shifts"])

Why = Annotated[Reason | None, Query(alias="reason", description="Why, for the audit log.")]
_TWO_WEEKS = timedelta(days=13)


@router.get("/shift-patterns", operation_id="listShiftPatterns")
async def list_shift_patterns(
    context: RequestContext, principal: Reader, page: Paging, search: Wanted | None = None
) -> ShiftPatternList:
    """Shift patterns by code, with where they are worked."""
    async with context.connection() as connection:
        items, total = await service.patterns(connection, principal, page, search)
    return ShiftPatternList(items=items, total=total)


@router.get("/shift-patterns/{code:path}", operation_id="getShiftPattern")
async def get_shift_pattern(
    context: RequestContext, principal: Reader, code: Wanted
) -> ShiftPattern:
    """A shift pattern, with where it is worked."""
    async with context.connection() as connection:
        return await service.pattern(connection, principal, code)


@router.put("/shift-patterns/{code:path}", operation_id="putShiftPattern")
async def put_shift_pattern(
    context: RequestContext,
    principal: Configurer,
    code: Code,
    wanted: ShiftPatternChange,
    reason: Why = None,
) -> ShiftPattern:
    """Make a shift pattern, or change what is named of it. New plans follow where it is worked."""
    fields: dict[str, Any] = {"code": code, **wanted.model_dump(exclude_unset=True)}
    await change_one(context, principal, SHIFT_PATTERNS, fields, reason=reason)
    async with context.connection() as connection:
        return await service.pattern(connection, principal, code)


@router.delete(
    "/shift-patterns/{code:path}",
    operation_id="deleteShiftPattern",
    status_code=HTTPStatus.NO_CONTENT,
)
async def delete_shift_pattern(
    context: RequestContext, principal: Configurer, code: Wanted, reason: Why = None
) -> None:
    """Give up a shift pattern that is worked nowhere."""
    await change_one(context, principal, SHIFT_PATTERNS, {"code": code}, remove=True, reason=reason)


@router.get("/shift-plans", operation_id="listShiftPlans")
async def list_shift_plans(
    context: RequestContext, sites: Sites, page: Paging, search: Wanted | None = None
) -> ShiftPlanList:
    """Where which pattern is worked from when, by place."""
    async with context.connection() as connection:
        found, total = await browsing.records(
            connection, SHIFT_PLANS, page, search=search, sites=_of(sites), of_no_site=False
        )
    return ShiftPlanList(items=[shown(ShiftPlan, each) for each in found], total=total)


@router.put("/shift-plans", operation_id="putShiftPlan")
async def put_shift_plan(
    context: RequestContext, principal: Configurer, wanted: ShiftPlanChange, reason: Why = None
) -> ShiftPlan:
    """Let a place work by a pattern from a day on, or change that. New plans follow."""
    fields = wanted.model_dump()
    await change_one(context, principal, SHIFT_PLANS, fields, reason=reason)
    return ShiftPlan(**fields)


@router.delete("/shift-plans", operation_id="deleteShiftPlan", status_code=HTTPStatus.NO_CONTENT)
async def delete_shift_plan(
    context: RequestContext,
    principal: Configurer,
    at: Wanted,
    valid_from: date | None = None,
    reason: Why = None,
) -> None:
    """Give up a shift plan, known by its place and first day."""
    fields = {"at": at, "valid_from": valid_from}
    await change_one(context, principal, SHIFT_PLANS, fields, remove=True, reason=reason)


@router.get("/special-days", operation_id="listSpecialDays")
async def list_special_days(
    context: RequestContext, sites: Sites, page: Paging, search: Wanted | None = None
) -> SpecialDayList:
    """Holidays and overtime by place and day."""
    async with context.connection() as connection:
        found, total = await browsing.records(
            connection, SPECIAL_DAYS, page, search=search, sites=_of(sites), of_no_site=False
        )
    return SpecialDayList(items=[shown(SpecialDay, each) for each in found], total=total)


@router.put("/special-days", operation_id="putSpecialDay")
async def put_special_day(
    context: RequestContext, principal: Configurer, wanted: SpecialDayChange, reason: Why = None
) -> SpecialDay:
    """Say a holiday or overtime; by place, day and start it is known. New plans follow."""
    fields = wanted.model_dump()
    await change_one(context, principal, SPECIAL_DAYS, fields, reason=reason)
    return SpecialDay(**fields)


@router.delete("/special-days", operation_id="deleteSpecialDay", status_code=HTTPStatus.NO_CONTENT)
async def delete_special_day(
    context: RequestContext,
    principal: Configurer,
    at: Wanted,
    day: date,
    *,
    start: Wanted | None = None,
    reason: Why = None,
) -> None:
    """Give up a special day, known by its place, day and start."""
    fields = {"at": at, "day": day, "start": start}
    await change_one(context, principal, SPECIAL_DAYS, fields, remove=True, reason=reason)


@router.get("/sites/{code}/shifts", operation_id="listWorkedDays")
async def list_worked_days(
    context: RequestContext,
    principal: Reader,
    code: Wanted,
    *,
    from_: Annotated[date, Query(alias="from")],
    to: Annotated[date | None, Query(description="The last day; else two weeks.")] = None,
    at: Annotated[
        Wanted | None, Query(description="An area, line or machine of the site, as a path.")
    ] = None,
) -> WorkedDays:
    """When a site or a place within it works, day by day, as the planner takes it."""
    place = at or code
    if place.partition("/")[0] != code:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"at: {place!r} is not of the site {code!r}; begin it with '{code}/'",
        )
    last = to if to is not None else from_ + _TWO_WEEKS
    return await service.worked_days(context, principal, place, from_, last)


def _of(sites: Sites) -> list[str]:
    return [sites.site] if sites.site is not None else sorted(sites.limited_to)
