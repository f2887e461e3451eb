"""Calendars as they are stored: weekly working times, and dated exceptions from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class WorkingTimeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A span of a weekly working time, in the site's local time; `weekday` 0 is Monday.

    Minutes count from that day's midnight; one that ends on the next day goes beyond 1,440.
    """

    machine_id: int | None
    machine: str | None
    shift: str
    weekday: int
    start_minute: int
    end_minute: int


class ExceptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A span that goes by no weekly time: an extra shift, or (not working) a holiday, a repair."""

    machine_id: int | None
    machine: str | None
    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str


class NewWorkingTime(msgspec.Struct, frozen=True, kw_only=True):
    """A working time to be stored, of a site or of one of its machines."""

    shift: str
    weekday: int
    start_minute: int
    end_minute: int
    machine_id: int | None = None


class NewException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception to be stored, of a site or of one of its machines."""

    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str
    machine_id: int | None = None


async def working_times(connection: Connection, site_id: int) -> list[WorkingTimeRow]:
    """A site's weekly working times: its own first, then by machine; by weekday and begin."""
    cursor = connection.cursor(row_factory=class_row(WorkingTimeRow))
    await cursor.execute(
        """
        SELECT t.machine_id, m.path AS machine, t.shift, t.weekday, t.start_minute, t.end_minute
        FROM working_times t LEFT JOIN machines m ON m.id = t.machine_id
        WHERE t.site_id = %s
        ORDER BY m.path COLLATE "C" NULLS FIRST, t.weekday, t.start_minute, t.id
        """,
        (site_id,),
    )
    return await cursor.fetchall()


async def exceptions(
    connection: Connection, site_id: int, *, since: datetime | None = None
) -> list[ExceptionRow]:
    """A site's exceptions by begin; with `since` only those that end after it."""
    cursor = connection.cursor(row_factory=class_row(ExceptionRow))
    await cursor.execute(
        """
        SELECT e.machine_id, m.path AS machine, e.starts_at, e.ends_at, e.working, e.reason
        FROM calendar_exceptions e LEFT JOIN machines m ON m.id = e.machine_id
        WHERE e.site_id = %(site)s AND (%(since)s::timestamptz IS NULL OR e.ends_at > %(since)s)
        ORDER BY e.starts_at, e.id
        """,
        {"site": site_id, "since": since},
    )
    return await cursor.fetchall()


async def replace(
    connection: Connection,
    site_id: int,
    *,
    times: Sequence[NewWorkingTime],
    exceptions: Sequence[NewException],
) -> None:
    """Replace a site's calendar; machines that are named must stand there."""
    # One calendar at a time: two of them at once would leave the rows of both.
    await connection.execute("SELECT FROM sites WHERE id = %s FOR NO KEY UPDATE", (site_id,))
    await connection.execute("DELETE FROM working_times WHERE site_id = %s", (site_id,))
    await connection.execute("DELETE FROM calendar_exceptions WHERE site_id = %s", (site_id,))
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO working_times (site_id, machine_id, shift, weekday, start_minute, end_minute)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [(site_id, t.machine_id, t.shift, t.weekday, t.start_minute, t.end_minute) for t in times],
    )
    await cursor.executemany(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, working, reason)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [(site_id, e.machine_id, e.starts_at, e.ends_at, e.working, e.reason) for e in exceptions],
    )


class AddedException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception of a machine as it was stored, to be found again.

    It is found by what it says: a calendar that is replaced as a whole gives it another id.
    """

    site_id: int
    machine_id: int
    starts_at: datetime
    ends_at: datetime
    working: bool
    reason: str


async def add_exception(connection: Connection, new: AddedException) -> None:
    """Let a machine work, or not, in a span that goes by no weekly time."""
    await connection.execute(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, working, reason)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (new.site_id, new.machine_id, new.starts_at, new.ends_at, new.working, new.reason),
    )


async def take_back_exception(
    connection: Connection, added: AddedException, *, now: datetime
) -> bool:
    """Take an exception back; one that has begun ends now. False: it is not there any more."""
    cursor = await connection.execute(
        """
        WITH found AS (
            SELECT id FROM calendar_exceptions
            WHERE (site_id, machine_id, starts_at, ends_at, working, reason)
                = (%(site)s, %(machine)s, %(starts)s, %(ends)s, %(working)s, %(reason)s)
            ORDER BY id LIMIT 1
        ), ended AS (
            UPDATE calendar_exceptions e SET ends_at = %(now)s FROM found
            WHERE e.id = found.id AND e.starts_at < %(now)s AND e.ends_at > %(now)s
        ), gone AS (
            DELETE FROM calendar_exceptions e USING found
            WHERE e.id = found.id AND e.starts_at >= %(now)s
        )
        SELECT count(*) FROM found
        """,
        {
            "site": added.site_id,
            "machine": added.machine_id,
            "starts": added.starts_at,
            "ends": added.ends_at,
            "working": added.working,
            "reason": added.reason,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    return row is not None and row[0] > 0
