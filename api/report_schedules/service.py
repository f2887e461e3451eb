"""Schedules of reports: judged, stored, audited; a letter to whoever wants one at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from api.auth.principal import Principal
from api.context import Context
from api.errors import FieldProblem, ProblemError
from api.report_schedules.schemas import (
    NewReportSchedule,
    NextSending,
    ReportSchedule,
    ReportScheduleList,
    ReportSchedulePut,
    ReportScheduleValues,
    ReportSending,
    ReportSendingList,
    ReportSent,
    SendNow,
)
from domain.reports.schedules import Every, Schedule, next_due
from domain.reports.sendings import days_of
from store import audit, machines, users
from store.database import Connection
from store.errors import ConflictError, NotFoundError, StaleVersionError
from store.filters import Page
from store.notification.zones import time_zones
from store.reports import letters as letter_rows
from store.reports import schedules
from store.reports.schedules import ScheduleRow, ScheduleValues

_LONGEST_DAYS = 366


async def listed(context: Context, principal: Principal, page: Page) -> ReportScheduleList:
    """The schedules that somebody may know of."""
    async with context.connection() as connection:
        rows, total = await schedules.listed(
            connection,
            page,
            limited_to=sorted(principal.sites),
            lines=sorted(principal.lines),
        )
    return ReportScheduleList(items=[_shown(row) for row in rows], total=total)


async def found(context: Context, principal: Principal, code: str) -> ReportSchedule:
    """A schedule."""
    async with context.connection() as connection:
        return _shown(await _known(connection, principal, code))


async def create(
    context: Context, principal: Principal, wanted: NewReportSchedule
) -> ReportSchedule:
    """Make a schedule.

    Raises:
        ConflictError: the code is taken.
        ProblemError: what it says does not go together.
    """
    now = _now(context)
    async with context.transaction() as connection:
        values = await _values(connection, principal, wanted.code, wanted)
        await schedules.insert(
            connection,
            values,
            now=now,
            next_at=await _next_at(connection, values, wanted.site, now),
            by=principal.actor.name,
        )
        row = await _known(connection, principal, wanted.code)
        await _tell(
            connection,
            principal,
            "ReportScheduleCreated",
            row,
            after=_told(row),
            reason=wanted.reason,
        )
        return _shown(row)


async def put(
    context: Context, principal: Principal, code: str, wanted: ReportSchedulePut
) -> ReportSchedule:
    """Change a schedule.

    Raises:
        NotFoundError: there is none.
        StaleVersionError: somebody else changed it meanwhile.
        ProblemError: what it says does not go together.
    """
    now = _now(context)
    async with context.transaction() as connection:
        before = await _known(connection, principal, code, for_update=True)
        if before.version != wanted.version:
            raise StaleVersionError(
                "report schedule", code, expected=wanted.version, actual=before.version
            )
        values = await _values(connection, principal, code, wanted)
        await schedules.change(
            connection,
            before.id,
            values,
            now=now,
            next_at=await _next_at(connection, values, wanted.site, now),
            by=principal.actor.name,
        )
        row = await _known(connection, principal, code)
        await _tell(
            connection,
            principal,
            "ReportScheduleChanged",
            row,
            before=_told(before),
            after=_told(row),
            reason=wanted.reason,
        )
        return _shown(row)


async def remove(context: Context, principal: Principal, code: str, *, reason: str | None) -> None:
    """Take a schedule away."""
    async with context.transaction() as connection:
        before = await _known(connection, principal, code, for_update=True)
        await schedules.remove(connection, before.id, now=_now(context), by=principal.actor.name)
        await _tell(
            connection,
            principal,
            "ReportScheduleRemoved",
            before,
            before=_told(before),
            reason=reason,
        )


async def sendings(
    context: Context, principal: Principal, code: str, page: Page
) -> ReportSendingList:
    """What was sent."""
    async with context.connection() as connection:
        row = await _known(connection, principal, code)
        rows, total = await schedules.sendings(connection, row.id, page)
    items = [ReportSending.model_validate(one, from_attributes=True) for one in rows]
    return ReportSendingList(items=items, total=total)


async def send_now(
    context: Context, principal: Principal, code: str, wanted: SendNow
) -> ReportSent:
    """Send it at once to whoever asks.

    Raises:
        ConflictError: their account has no address.
        ProblemError: the days do not go together.
    """
    now = _now(context)
    async with context.transaction() as connection:
        row = await _known(connection, principal, code)
        address = await _own_address(connection, principal)
        first, last = _days(row, wanted, now)
        body = letter_rows.body_of(row, first=first, last=last, as_of=now)
        message_id = await letter_rows.add(
            connection,
            row,
            sending_id=None,
            addresses=[(principal.display_name, address)],
            why="now",
            body=body,
            now=now,
        )
        await _tell(
            connection,
            principal,
            "ReportSentNow",
            row,
            after={"first": first.isoformat(), "last": last.isoformat()},
        )
    return ReportSent(message_id=message_id[0], address=address, first=first, last=last)


async def _own_address(connection: Connection, principal: Principal) -> str:
    account = await users.find(connection, principal.name) if principal.kind == "user" else None
    if account is None or not account.email:
        raise ConflictError(
            f"{principal.actor.name!r} has no mail address to send it to: an administrator can set"
            " one in the account",
            code="no-address",
            params={"name": principal.actor.name},
        )
    return account.email


def _days(row: ScheduleRow, wanted: SendNow, now: datetime) -> tuple[date, date]:
    """The days that are wanted, or the last period that is over."""
    if wanted.first is None or wanted.last is None:
        if wanted.first is not wanted.last:
            raise _wrong("last" if wanted.last is None else "first", None, "say both days, or none")
        zone = ZoneInfo(row.zone)
        # The last period whose time has come, had the schedule always been there.
        span = timedelta(days=1 if row.every == Every.DAY else 7)
        due = next_due(_schedule(row), round((now - span).timestamp() * 1_000), zone)
        return days_of(due.period, zone)
    if wanted.last < wanted.first:
        raise _wrong("last", wanted.last, "must not lie before `first`")
    if (wanted.last - wanted.first).days >= _LONGEST_DAYS:
        raise _wrong("last", wanted.last, f"at most {_LONGEST_DAYS} days go into a mail")
    return wanted.first, wanted.last


async def _values(
    connection: Connection, principal: Principal, code: str, wanted: ReportScheduleValues
) -> ScheduleValues:
    site_id = None
    time_zone = wanted.time_zone
    if wanted.site is not None:
        principal.require_site(wanted.site)
        site_id = (await machines.known_site(connection, wanted.site)).id
        if wanted.line is not None and not wanted.line.startswith(f"{wanted.site}/"):
            raise _wrong("line", wanted.line, f"is no line of the site {wanted.site!r}")
    elif wanted.line is not None:
        raise _wrong("line", wanted.line, "is of a site: name it in `site`")
    if principal.sites and wanted.site is None:
        raise _wrong("site", None, "whoever is limited to sites has to name one")
    if principal.lines and wanted.line not in principal.lines:
        raise _wrong("line", wanted.line, "whoever is limited to lines has to name one of them")
    if wanted.line is not None and not await schedules.is_line(connection, wanted.line):
        raise _wrong("line", wanted.line, "there is no machine on it; maybe 'site/area/line'")
    if site_id is None and time_zone is None:
        time_zone = _common(set((await time_zones(connection)).values()))
    return ScheduleValues(
        code=code,
        name=wanted.name,
        reports=[one.value for one in wanted.reports],
        site_id=site_id,
        line=wanted.line,
        recipients=list(wanted.recipients),
        language=wanted.language,
        formats=list(wanted.formats),
        every=wanted.every.value,
        minute=wanted.minute,
        weekday=wanted.weekday,
        time_zone=time_zone,
        active=wanted.active,
    )


def _common(zones: set[str]) -> str:
    if len(zones) == 1:
        return zones.pop()
    raise _wrong(
        "time_zone", None, f"sites have several time zones ({', '.join(sorted(zones))}): name one"
    )


async def _next_at(
    connection: Connection, values: ScheduleValues, site: str | None, now: datetime
) -> datetime | None:
    if not values.active:
        return None
    zone = values.time_zone or (await time_zones(connection))[site or ""]
    due = next_due(_of(values), round(now.timestamp() * 1_000), ZoneInfo(zone))
    return datetime.fromtimestamp(due.at_ms / 1_000, UTC)


async def _known(
    connection: Connection, principal: Principal, code: str, *, for_update: bool = False
) -> ScheduleRow:
    """A schedule, for somebody who may know of it.

    Raises:
        NotFoundError: there is none for them.
    """
    row = await schedules.find(connection, code, for_update=for_update)
    if row is None or not _sees(principal, row):
        raise NotFoundError("report schedule", code)
    return row


def _sees(principal: Principal, row: ScheduleRow) -> bool:
    if principal.lines:
        return row.line in principal.lines
    return not principal.sites or (row.site is not None and principal.sees(row.site))


def _shown(row: ScheduleRow) -> ReportSchedule:
    coming = None
    if row.next_at is not None:
        zone = ZoneInfo(row.zone)
        due = next_due(_schedule(row), round(row.next_at.timestamp() * 1_000) - 1, zone)
        first, last = days_of(due.period, zone)
        coming = NextSending(at=row.next_at, first=first, last=last)
    told = {name: getattr(row, name) for name in ReportSchedule.model_fields if name != "next"}
    return ReportSchedule(**told, next=coming)


def _schedule(row: ScheduleRow) -> Schedule:
    return Schedule(every=Every(row.every), minute=row.minute, weekday=row.weekday)


def _of(values: ScheduleValues) -> Schedule:
    return Schedule(every=Every(values.every), minute=values.minute, weekday=values.weekday)


def _told(row: ScheduleRow) -> dict[str, Any]:
    names: Sequence[str] = (
        *("name", "reports", "site", "line", "recipients", "language", "formats", "every"),
        *("minute", "weekday", "time_zone", "active"),
    )
    return {name: getattr(row, name) for name in names}


async def _tell(
    connection: Connection,
    principal: Principal,
    action: str,
    row: ScheduleRow,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    site_id = None
    if row.site is not None:
        site_id = (await machines.known_site(connection, row.site)).id
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        object_kind="report_schedule",
        object_key=row.code,
        site_id=site_id,
        reason=reason,
        before=before,
        after=after,
    )


def _wrong(field: str, value: object, problem: str) -> ProblemError:
    shown = value.isoformat() if isinstance(value, date) else value
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"`{field}` {problem}.",
        errors=[FieldProblem(field=field, value=shown, problem=problem)],
    )


def _now(context: Context) -> datetime:
    return datetime.fromtimestamp(context.clock.now_ms() / 1_000, UTC)
