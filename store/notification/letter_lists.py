"""Letters of all sources in one list: what caused each, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page
from store.notification.sources import TABLES


class LetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A letter and what became of it."""

    source: str
    message_id: UUID
    cause: str
    why: str
    recipient: str
    channel: str
    address: str
    language: str
    priority: str
    state: str
    next_at: datetime
    attempts: int
    decided_at: datetime
    sent_at: datetime | None
    way: str | None
    reference: str | None
    last_error: str | None
    note: str | None


class WantedLetters(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are looked for; None: any."""

    source: str | None = None
    state: Sequence[str] | None = None
    recipient: str | None = None
    channel: str | None = None
    address: str | None = None
    cause: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    message_id: UUID | None = None


_COMMON: Final = sql.SQL(
    "m.message_id, m.recipient, m.channel, m.address, m.language, m.priority, m.state, m.next_at,"
    " m.attempts, m.decided_at, m.sent_at, m.way, m.reference, m.last_error, m.note"
)


async def listed(
    connection: Connection, page: Page, wanted: WantedLetters
) -> tuple[list[LetterRow], int]:
    """Letters, the newest first, and how many there are."""
    query, parameters = _query(wanted)
    cursor = connection.cursor(row_factory=class_row(LetterRow))
    await cursor.execute(
        query + sql.SQL(" ORDER BY decided_at DESC, message_id LIMIT %(limit)s OFFSET %(offset)s"),
        {**parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM ({}) whole").format(query), parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(connection: Connection, message_id: UUID) -> LetterRow | None:
    """One letter."""
    rows, _ = await listed(connection, Page(1, 0), WantedLetters(message_id=message_id))
    return rows[0] if rows else None


async def retry(connection: Connection, row: LetterRow, *, now: datetime) -> bool:
    """Send a letter that was given up once more, under its id; False: it is not given up."""
    cursor = await connection.execute(
        sql.SQL(
            "UPDATE {} SET state = 'waiting', attempts = 0, next_at = %s"
            " WHERE message_id = %s AND state = 'given_up' RETURNING id"
        ).format(sql.Identifier(TABLES[row.source].table)),
        (now, row.message_id),
    )
    return await cursor.fetchone() is not None


async def due_channels(connection: Connection, *, now: datetime) -> set[tuple[str, str]]:
    """The sources and channels that have letters that are due."""
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "(SELECT DISTINCT {} AS source, channel FROM {}"
            " WHERE state = 'waiting' AND next_at <= %(now)s)"
        ).format(sql.Literal(each.name), sql.Identifier(each.table))
        for each in TABLES.values()
    )
    cursor = await connection.execute(query, {"now": now})
    return {(source, channel) for source, channel in await cursor.fetchall()}


async def counts(connection: Connection) -> dict[str, int]:
    """How many letters wait, by channel."""
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("(SELECT channel FROM {} WHERE state = 'waiting')").format(
            sql.Identifier(each.table)
        )
        for each in TABLES.values()
    )
    cursor = await connection.execute(
        sql.SQL("SELECT channel, count(*) FROM ({}) waiting GROUP BY channel").format(query)
    )
    return dict(await cursor.fetchall())


def _query(wanted: WantedLetters) -> tuple[sql.Composed, dict[str, Any]]:
    every = sql.SQL(" UNION ALL ").join(
        sql.SQL("(SELECT {} AS source, {} AS cause, {} AS why, {} FROM {} m)").format(
            sql.Literal(each.name), each.cause, each.why, _COMMON, sql.Identifier(each.table)
        )
        for each in TABLES.values()
    )
    filters = Filters()
    state = None if wanted.state is None else list(wanted.state)
    filters.add("l.source = %(source)s", source=wanted.source)
    filters.add("l.cause = %(cause)s", cause=wanted.cause)
    filters.add("l.state = ANY(%(state)s)", state=state)
    filters.add("l.recipient = %(recipient)s", recipient=wanted.recipient)
    filters.add("l.channel = %(channel)s", channel=wanted.channel)
    filters.add("l.address = %(address)s", address=wanted.address)
    filters.add("l.decided_at >= %(since)s", since=wanted.since)
    filters.add("l.decided_at < %(until)s", until=wanted.until)
    filters.add("l.message_id = %(message_id)s", message_id=wanted.message_id)
    whole = sql.SQL("SELECT l.* FROM ({}) l").format(every) + filters.where
    return whole, filters.parameters
