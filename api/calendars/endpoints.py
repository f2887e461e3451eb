"""Calendars of sites and their machines."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.calendars import service
from api.calendars.schemas import Calendar, CalendarChange
from api.context import RequestContext
from api.fields import Wanted

router = APIRouter(prefix="/v1/sites", tags=["sites"])


@router.get("/{code}/calendar", operation_id="getCalendar")
async def get_calendar(context: RequestContext, principal: Reader, code: Wanted) -> Calendar:
    """When a site and its machines work; exceptions also of the past."""
    return await service.calendar(context, principal, code)


@router.put("/{code}/calendar", operation_id="putCalendar")
async def put_calendar(
    context: RequestContext, principal: Configurer, code: Wanted, wanted: CalendarChange
) -> Calendar:
    """Replace a site's working times and exceptions. A new plan follows."""
    return await service.put_calendar(context, principal, code, wanted)
