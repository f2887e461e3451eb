"""Alarms over the API: the list, what people do to them, what happened, how good they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from api.alarms import service
from api.alarms.schemas import (
    Alarm,
    AlarmAcknowledgement,
    AlarmAssignment,
    AlarmHistory,
    AlarmList,
    AlarmRates,
    AlarmReason,
    AlarmReasonOrNone,
    AlarmsAcknowledged,
    AlarmShelving,
    AlarmWithMessages,
    alarm_of,
    entry_of,
)
from api.auth.principal import AlarmKeeper, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Moment, Paging, Wanted
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import ALARMS, AlarmEvent, AlarmState
from domain.alarms.subjects import SubjectKind
from store.alarms import reading
from store.alarms.reading import Wanted as Asked

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

_Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
_WEEK: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=400)


@router.get("", operation_id="listAlarms")
async def list_alarms(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    state: Annotated[
        list[AlarmState] | None,
        Query(description="In these states; by default what stands in the list of alarms."),
    ] = None,
    priority: Annotated[list[AlarmPriority] | None, Query(description="Of these.")] = None,
    rule: Annotated[Wanted | None, Query(description="The rule's code.")] = None,
    subject_kind: SubjectKind | None = None,
    subject: Annotated[Wanted | None, Query(description="What it is about, by its name.")] = None,
    assigned_to: Wanted | None = None,
    search: Annotated[Wanted | None, Query(description="In names of alarms and things.")] = None,
) -> AlarmList:
    """Alarms: those first that ask for an answer, by urgency and age."""
    asked = Asked(
        site=sites.site,
        limited_to=sites.limited_to,
        lines=sites.lines,
        state=sorted(ALARMS) if state is None else state,
        priority=priority,
        rule=rule,
        subject_kind=subject_kind,
        subject=subject,
        assigned_to=assigned_to,
        search=search,
    )
    async with context.connection() as connection:
        rows, total = await reading.alarms(connection, page, asked)
    return AlarmList(items=[alarm_of(row) for row in rows], total=total)


@router.get("/history", operation_id="listAlarmHistory")
async def list_alarm_history(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    alarm: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Of this one.")] = None,
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="Not included.")] = None,
    event: Annotated[AlarmEvent | None, Query(description="Only this.")] = None,
    priority: Annotated[list[AlarmPriority] | None, Query(description="Of these.")] = None,
    rule: Annotated[Wanted | None, Query(description="The rule's code.")] = None,
    subject: Annotated[Wanted | None, Query(description="What it is about, by its name.")] = None,
    search: Annotated[Wanted | None, Query(description="In names of alarms and things.")] = None,
) -> AlarmHistory:
    """What happened to alarms, newest first."""
    asked = Asked(
        site=sites.site,
        limited_to=sites.limited_to,
        lines=sites.lines,
        alarm_id=alarm,
        since=start,
        until=end,
        event=event,
        priority=priority,
        rule=rule,
        subject=subject,
        search=search,
    )
    async with context.connection() as connection:
        rows, total = await reading.journal(connection, page, asked)
    return AlarmHistory(items=[entry_of(row) for row in rows], total=total)


@router.get("/rates", operation_id="getAlarmRates")
async def get_alarm_rates(
    *,
    context: RequestContext,
    sites: Sites,
    start: Annotated[
        Moment | None, Query(alias="from", description="By default a week before the end.")
    ] = None,
    end: Annotated[Moment | None, Query(alias="to", description="By default now.")] = None,
    operators: Annotated[
        int, Query(ge=1, le=1_000, description="Among how many people alarms are shared.")
    ] = 1,
) -> AlarmRates:
    """How good the alarms are, by ISA-18.2's measures and targets."""
    until = end or datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    since = start or until - _WEEK
    if not timedelta() < until - since <= _LONGEST:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"from must lie before to, by {_LONGEST.days} days at most",
        )
    return await service.rates_of(
        context,
        Asked(
            site=sites.site,
            limited_to=sites.limited_to,
            lines=sites.lines,
            since=since,
            until=until,
        ),
        operators=operators,
    )


@router.post("/acknowledge", operation_id="acknowledgeAlarms")
async def acknowledge_alarms(
    context: RequestContext, principal: AlarmKeeper, wanted: AlarmAcknowledgement
) -> AlarmsAcknowledged:
    """Say that one knows of alarms, each as one saw it."""
    return await service.acknowledge(context, principal, wanted)


@router.get("/{alarm}", operation_id="getAlarm")
async def get_alarm(context: RequestContext, principal: Reader, alarm: _Id) -> AlarmWithMessages:
    """One alarm, and who was told of it."""
    return await service.with_messages(context, principal, alarm)


@router.post("/{alarm}/shelve", operation_id="shelveAlarm")
async def shelve_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmShelving
) -> Alarm:
    """Put an alarm aside for a time, as long as its rule allows; it comes back by itself."""
    return await service.shelve(context, principal, alarm, wanted)


@router.post("/{alarm}/unshelve", operation_id="unshelveAlarm")
async def unshelve_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmReasonOrNone
) -> Alarm:
    """Take an alarm from the shelf; if its condition holds it is told anew."""
    return await service.move(
        context, principal, alarm, AlarmEvent.UNSHELVE, reason=wanted.reason, needs="shelved"
    )


@router.post("/{alarm}/reset", operation_id="resetAlarm")
async def reset_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmReasonOrNone
) -> Alarm:
    """Release the latch of an alarm whose condition is gone."""
    return await service.move(
        context,
        principal,
        alarm,
        AlarmEvent.RESET,
        reason=wanted.reason,
        needs="latched, and its condition gone",
    )


@router.post("/{alarm}/remove", operation_id="removeAlarm")
async def remove_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmReason
) -> Alarm:
    """Take an alarm out of service, until somebody returns it."""
    return await service.move(
        context,
        principal,
        alarm,
        AlarmEvent.REMOVE,
        reason=wanted.reason,
        needs="in service",
    )


@router.post("/{alarm}/return", operation_id="returnAlarm")
async def return_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmReasonOrNone
) -> Alarm:
    """Put an alarm into service again; if its condition holds it is told anew."""
    return await service.move(
        context, principal, alarm, AlarmEvent.RETURN, reason=wanted.reason, needs="out of service"
    )


@router.post("/{alarm}/assign", operation_id="assignAlarm")
async def assign_alarm(
    context: RequestContext, principal: AlarmKeeper, alarm: _Id, wanted: AlarmAssignment
) -> Alarm:
    """Say who sees to an alarm."""
    return await service.assign(context, principal, alarm, wanted.to)
