"""Schedules of reports, and what was sent for which period."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.reports.sendings import Days
from store.database import Connection
from store.errors import ConflictError
from store.filters import Page


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule; `zone` is the clock it goes by, its own or its site's."""

    id: int
    code: str
    name: str
    reports: list[str]
    site: str | None
    line: str | None
    recipients: list[str]
    language: str
    formats: list[str]
    every: str
    minute: int
    weekday: int
    time_zone: str | None
    zone: str
    active: bool
    since: datetime
    next_at: datetime | None
    version: int
    changed_at: datetime
    changed_by: str


class ScheduleValues(msgspec.Struct, frozen=True, kw_only=True):
    """What people say of a schedule."""

    code: str
    name: str
    reports: Sequence[str]
    site_id: int | None
    line: str | None
    recipients: Sequence[str]
    language: str
    formats: Sequence[str]
    every: str
    minute: int
    weekday: int
    time_zone: str | None
    active: bool


class SendingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A period that was sent, or left out, and what became of its letters by their state."""

    id: int
    first: date
    last: date
    due_at: datetime
    made_at: datetime
    sent: bool
    letters: dict[str, int]


_SCHEDULE: Final = sql.SQL(
    """
    SELECT r.id, r.code, r.name, r.reports, s.code AS site, r.line, r.recipients, r.language,
           r.formats, r.every, r.minute, r.weekday, r.time_zone,
           coalesce(r.time_zone, s.time_zone) AS zone, r.active, r.since, r.next_at, r.version,
           r.changed_at, r.changed_by
    FROM report_schedules r LEFT JOIN sites s ON s.id = r.site_id
    """
)


async def listed(
    connection: Connection,
    page: Page,
    *,
    limited_to: Collection[str],
    lines: Collection[str],
) -> tuple[list[ScheduleRow], int]:
    """Schedules by code, and how many; of sites and lines, none: all, and those of all."""
    where = sql.SQL(
        " WHERE r.removed_at IS NULL AND (%(all)s OR s.code = ANY(%(limited_to)s::text[]))"
        " AND (%(whole)s OR r.line = ANY(%(lines)s::text[]))"
    )
    parameters = {
        "all": not limited_to,
        "limited_to": list(limited_to),
        "whole": not lines,
        "lines": list(lines),
        **page.parameters,
    }
    async with connection.cursor(row_factory=class_row(ScheduleRow)) as cursor:
        await cursor.execute(
            _SCHEDULE + where + sql.SQL(" ORDER BY r.code LIMIT %(limit)s OFFSET %(offset)s"),
            parameters,
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM report_schedules r LEFT JOIN sites s ON s.id = r.site_id")
        + where,
        parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(
    connection: Connection, code: str, *, for_update: bool = False
) -> ScheduleRow | None:
    """A schedule that was not taken away."""
    async with connection.cursor(row_factory=class_row(ScheduleRow)) as cursor:
        await cursor.execute(
            _SCHEDULE
            + sql.SQL(" WHERE r.removed_at IS NULL AND r.code = %s")
            + sql.SQL(" FOR UPDATE OF r" if for_update else ""),
            (code,),
        )
        return await cursor.fetchone()


async def insert(
    connection: Connection,
    values: ScheduleValues,
    *,
    now: datetime,
    next_at: datetime | None,
    by: str,
) -> None:
    """A new schedule.

    Raises:
        ConflictError: there is one of that code.
    """
    cursor = await connection.execute(
        """
        INSERT INTO report_schedules (code, name, reports, site_id, line, recipients, language,
            formats, every, minute, weekday, time_zone, active, since, next_at, changed_by)
        VALUES (%(code)s, %(name)s, %(reports)s, %(site_id)s, %(line)s, %(recipients)s,
            %(language)s, %(formats)s, %(every)s, %(minute)s, %(weekday)s, %(time_zone)s,
            %(active)s, %(now)s, %(next_at)s, %(by)s)
        ON CONFLICT (code) WHERE removed_at IS NULL DO NOTHING RETURNING id
        """,
        {**_plain(values), "now": now, "next_at": next_at, "by": by},
    )
    if await cursor.fetchone() is None:
        raise ConflictError(f"there is a report schedule {values.code!r} already")


async def change(
    connection: Connection,
    schedule_id: int,
    values: ScheduleValues,
    *,
    now: datetime,
    next_at: datetime | None,
    by: str,
) -> None:
    """Other values, from now on: what was due before by the old ones was sent or is not."""
    await connection.execute(
        """
        UPDATE report_schedules SET name = %(name)s, reports = %(reports)s, site_id = %(site_id)s,
            line = %(line)s, recipients = %(recipients)s, language = %(language)s,
            formats = %(formats)s, every = %(every)s, minute = %(minute)s, weekday = %(weekday)s,
            time_zone = %(time_zone)s, active = %(active)s, since = %(now)s, next_at = %(next_at)s,
            version = version + 1, changed_at = %(now)s, changed_by = %(by)s
        WHERE id = %(id)s
        """,
        {**_plain(values), "id": schedule_id, "now": now, "next_at": next_at, "by": by},
    )


async def remove(connection: Connection, schedule_id: int, *, now: datetime, by: str) -> None:
    """Take it away; what was sent stays on record, what waits is not sent."""
    await connection.execute(
        """
        UPDATE report_schedules SET removed_at = %(now)s, next_at = NULL, active = false,
            version = version + 1, changed_at = %(now)s, changed_by = %(by)s
        WHERE id = %(id)s
        """,
        {"id": schedule_id, "now": now, "by": by},
    )
    await connection.execute(
        "UPDATE report_letters SET state = 'withdrawn', note = 'the schedule was taken away'"
        " WHERE schedule_id = %s AND state = 'waiting'",
        (schedule_id,),
    )


async def sendings(
    connection: Connection, schedule_id: int, page: Page
) -> tuple[list[SendingRow], int]:
    """What was sent of a schedule, the newest first, and how many."""
    async with connection.cursor(row_factory=class_row(SendingRow)) as cursor:
        await cursor.execute(
            """
            SELECT n.id, n.first_day AS first, n.last_day AS last, n.due_at, n.made_at, n.sent,
                   coalesce(jsonb_object_agg(l.state, l.count) FILTER (WHERE l.state IS NOT NULL),
                            '{}') AS letters
            FROM report_sendings n
            LEFT JOIN (SELECT sending_id, state, count(*) FROM report_letters
                       WHERE schedule_id = %(schedule)s GROUP BY sending_id, state) l
                   ON l.sending_id = n.id
            WHERE n.schedule_id = %(schedule)s
            GROUP BY n.id ORDER BY n.last_day DESC, n.id DESC
            LIMIT %(limit)s OFFSET %(offset)s
            """,
            {"schedule": schedule_id, **page.parameters},
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        "SELECT count(*) FROM report_sendings WHERE schedule_id = %s", (schedule_id,)
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def take_due(connection: Connection, *, now: datetime) -> ScheduleRow | None:
    """A schedule that is due, for this transaction alone; None: there is none left."""
    async with connection.cursor(row_factory=class_row(ScheduleRow)) as cursor:
        await cursor.execute(
            _SCHEDULE
            + sql.SQL(
                " WHERE r.next_at <= %s AND r.active AND r.removed_at IS NULL"
                " ORDER BY r.next_at, r.id LIMIT 1 FOR UPDATE OF r SKIP LOCKED"
            ),
            (now,),
        )
        return await cursor.fetchone()


async def looked_at(
    connection: Connection, schedule_id: int, *, since: datetime, next_at: datetime
) -> None:
    """Up to when a schedule was looked at, and when it is due next."""
    await connection.execute(
        "UPDATE report_schedules SET since = %s, next_at = %s WHERE id = %s",
        (since, next_at, schedule_id),
    )


async def note_sending(
    connection: Connection, schedule_id: int, period: Days, *, now: datetime, sent: bool
) -> int | None:
    """A period's row; None: there is one, it is somebody else's business."""
    cursor = await connection.execute(
        """
        INSERT INTO report_sendings (schedule_id, first_day, last_day, due_at, made_at, sent)
        VALUES (%s, %s, %s, to_timestamp(%s / 1000.0), %s, %s)
        ON CONFLICT (schedule_id, first_day, last_day) DO NOTHING RETURNING id
        """,
        (schedule_id, period.first, period.last, period.at_ms, now, sent),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def is_line(connection: Connection, line: str) -> bool:
    """Whether there is a machine on a line, `site/area/line`."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM machines WHERE starts_with(path, %s || '/'))", (line,)
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


def _plain(values: ScheduleValues) -> dict[str, Any]:
    told = msgspec.structs.asdict(values)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in told.items()}
