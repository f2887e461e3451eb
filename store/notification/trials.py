"""Letters that try a way: somebody asks for one and reads what the provider said."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.database import Connection
from store.notification.letters import LetterTable

TRIALS: Final = LetterTable(name="tests", table="notification_tests")


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter that tries a way."""

    message_id: UUID
    state: str
    attempts: int
    reference: str | None
    last_error: str | None


async def add(
    connection: Connection,
    *,
    way: str,
    channel: str,
    address: str,
    language: str,
    by: str,
    now: datetime,
) -> UUID:
    """Ask for one; answers its id."""
    cursor = await connection.execute(
        """
        INSERT INTO notification_tests (cause, recipient, channel, address, language, next_at,
            decided_at, body)
        VALUES (%(cause)s, %(by)s, %(channel)s, %(address)s, %(language)s, %(now)s, %(now)s,
                %(body)s)
        RETURNING message_id
        """,
        {
            "cause": f"way:{way}",
            "by": by,
            "channel": channel,
            "address": address,
            "language": language,
            "now": now,
            "body": Jsonb({"only_by": way, "by": by}),
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the statement always answers a row
    found: UUID = row[0]
    return found


async def find(connection: Connection, message_id: UUID) -> Trial | None:
    """What became of one."""
    cursor = connection.cursor(row_factory=class_row(Trial))
    await cursor.execute(
        "SELECT message_id, state, attempts, reference, last_error FROM notification_tests"
        " WHERE message_id = %s",
        (message_id,),
    )
    return await cursor.fetchone()


async def drop_older(connection: Connection, before: datetime) -> None:
    """Forget those that were asked for before a moment."""
    await connection.execute("DELETE FROM notification_tests WHERE decided_at < %s", (before,))
