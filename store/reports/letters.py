"""Letters with reports: what each was to say when it was decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from domain.reports.sendings import Days
from store.database import Connection
from store.notification.letters import LetterTable
from store.reports.schedules import ScheduleRow

LETTERS: Final = LetterTable(name="reports", table="report_letters")
"""The letters as the courier sees them."""


class LetterBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to write a letter; later changes of the schedule do not change it.

    Attributes:
        as_of: what was known then is told: written again it says the same.
        due_at: when it was due; None: somebody wanted it at once.
        late: whether that is long past.
        missed: earlier periods (first and last day) that nobody sent.
    """

    schedule: str
    name: str
    reports: tuple[str, ...]
    formats: tuple[str, ...]
    site: str | None
    line: str | None
    zone: str
    first: date
    last: date
    as_of: datetime
    due_at: datetime | None = None
    late: bool = False
    missed: tuple[tuple[date, date], ...] = ()


def body_of(
    row: ScheduleRow,
    *,
    first: date,
    last: date,
    as_of: datetime,
    due_at: datetime | None = None,
    late: bool = False,
    missed: Sequence[Days] = (),
) -> LetterBody:
    """What a letter of a schedule is to say."""
    return LetterBody(
        schedule=row.code,
        name=row.name,
        reports=tuple(row.reports),
        formats=tuple(row.formats),
        site=row.site,
        line=row.line,
        zone=row.zone,
        first=first,
        last=last,
        as_of=as_of,
        due_at=due_at,
        late=late,
        missed=tuple((each.first, each.last) for each in missed),
    )


def read_body(content: Any) -> LetterBody:
    """What a letter's row says.

    Raises:
        msgspec.ValidationError: it cannot be read.
    """
    return msgspec.convert(content, LetterBody)


async def add(
    connection: Connection,
    row: ScheduleRow,
    *,
    sending_id: int | None,
    addresses: Sequence[tuple[str, str]],
    why: str,
    body: LetterBody,
    now: datetime,
) -> list[UUID]:
    """Write letters to people (name, address); the courier is told when they are committed."""
    ids: list[UUID] = []
    for recipient, address in addresses:
        cursor = await connection.execute(
            """
            INSERT INTO report_letters (sending_id, schedule_id, cause, why, recipient, channel,
                address, language, next_at, body, decided_at)
            VALUES (%(sending)s, %(schedule)s, %(cause)s, %(why)s, %(recipient)s, 'email',
                %(address)s, %(language)s, %(now)s, %(body)s, %(now)s)
            RETURNING message_id
            """,
            {
                "sending": sending_id,
                "schedule": row.id,
                "cause": f"report:{row.code}",
                "why": why,
                "recipient": recipient,
                "address": address,
                "language": row.language,
                "body": Jsonb(msgspec.to_builtins(body)),
                "now": now,
            },
        )
        (message_id,) = await cursor.fetchone() or (None,)
        assert message_id is not None  # noqa: S101 - INSERT … RETURNING gives a row
        ids.append(message_id)
    return ids


async def prune(connection: Connection, *, older_than: datetime, at_most: int) -> int:
    """Drop letters that were decided before a moment and wait for nothing; how many."""
    cursor = await connection.execute(
        """
        DELETE FROM report_letters WHERE id IN (
            SELECT id FROM report_letters WHERE decided_at < %s AND state <> 'waiting'
            ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
        """,
        (older_than, at_most),
    )
    return cursor.rowcount
