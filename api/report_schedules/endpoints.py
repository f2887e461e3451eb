"""Reports by mail: schedules made, changed, looked at, taken away; one sent at once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Paging, Reason
from api.idempotency import IdempotentRoute
from api.report_schedules import service
from api.report_schedules.schemas import (
    NewReportSchedule,
    ReportSchedule,
    ReportScheduleList,
    ReportSchedulePut,
    ReportSendingList,
    ReportSent,
    SendNow,
)

router = APIRouter(prefix="/v1/report-schedules", tags=["reports"], route_class=IdempotentRoute)

_Code = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_.-]{0,99}$")]


@router.get("", operation_id="listReportSchedules")
async def list_report_schedules(
    context: RequestContext, principal: Configurer, page: Paging
) -> ReportScheduleList:
    """Schedules by code; for whoever is limited to sites or lines: theirs."""
    return await service.listed(context, principal, page)


@router.post("", status_code=HTTPStatus.CREATED, operation_id="createReportSchedule")
async def create_report_schedule(
    context: RequestContext, principal: Configurer, wanted: NewReportSchedule
) -> ReportSchedule:
    """Make a schedule; it is sent for the first time when it is due next."""
    return await service.create(context, principal, wanted)


@router.get("/{code}", operation_id="getReportSchedule")
async def get_report_schedule(
    context: RequestContext, principal: Configurer, code: _Code
) -> ReportSchedule:
    """A schedule, and when it is sent next."""
    return await service.found(context, principal, code)


@router.put("/{code}", operation_id="putReportSchedule")
async def put_report_schedule(
    context: RequestContext, principal: Configurer, code: _Code, wanted: ReportSchedulePut
) -> ReportSchedule:
    """Change a schedule. What was due until now is not sent anew."""
    return await service.put(context, principal, code, wanted)


@router.delete("/{code}", status_code=HTTPStatus.NO_CONTENT, operation_id="deleteReportSchedule")
async def delete_report_schedule(
    context: RequestContext,
    principal: Configurer,
    code: _Code,
    reason: Annotated[Reason | None, Query(description="Why, for the audit log.")] = None,
) -> None:
    """Take a schedule away. What waits to be sent is withdrawn; what was sent stays on record."""
    await service.remove(context, principal, code, reason=reason)


@router.get("/{code}/sendings", operation_id="listReportSendings")
async def list_report_sendings(
    context: RequestContext, principal: Configurer, code: _Code, page: Paging
) -> ReportSendingList:
    """For which periods it was sent, the newest first, and what became of the mails."""
    return await service.sendings(context, principal, code, page)


@router.post("/{code}/send", status_code=HTTPStatus.ACCEPTED, operation_id="sendReportScheduleNow")
async def send_report_schedule_now(
    context: RequestContext, principal: Reader, code: _Code, wanted: SendNow
) -> ReportSent:
    """Send it at once, to the mail address of the account of whoever asks, and to nobody else."""
    return await service.send_now(context, principal, code, wanted)
