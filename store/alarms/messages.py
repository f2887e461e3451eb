"""Messages about an alarm, for who asks what became of them.

They are sent like all letters: `store.notification`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what became of it."""

    id: int
    message_id: UUID
    alarm_id: int | None
    occurrence: int | None
    why: str
    recipient: str
    channel: str
    address: str
    priority: str
    state: str
    because: str
    next_at: datetime
    attempts: int
    digest_id: int | None
    decided_at: datetime
    sent_at: datetime | None
    reference: str | None
    last_error: str | None


async def of_alarm(connection: Connection, alarm_id: int) -> list[MessageRow]:
    """The messages of an alarm, newest first."""
    cursor = connection.cursor(row_factory=class_row(MessageRow))
    await cursor.execute(
        """
        SELECT id, message_id, alarm_id, occurrence, why, recipient, channel, address, priority,
               state, because, next_at, attempts, digest_id, decided_at, sent_at, reference,
               last_error
        FROM alarm_messages WHERE alarm_id = %s ORDER BY id DESC
        """,
        (alarm_id,),
    )
    return await cursor.fetchall()
