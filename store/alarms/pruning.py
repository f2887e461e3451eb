"""What happened to alarms is kept for so long, and what waits for longer."""

from __future__ import annotations

from datetime import datetime
from typing import Final, LiteralString

from store.database import Connection

_OLD: Final[dict[str, LiteralString]] = {
    "alarm_journal": """
        DELETE FROM alarm_journal WHERE id IN (
            SELECT id FROM alarm_journal WHERE at < %(before)s ORDER BY at LIMIT %(at_once)s)
    """,
    "alarm_messages": """
        DELETE FROM alarm_messages WHERE id IN (
            SELECT id FROM alarm_messages
            WHERE decided_at < %(before)s AND state NOT IN ('held', 'gathered', 'waiting')
            ORDER BY decided_at LIMIT %(at_once)s)
    """,
    "alarm_steps": """
        DELETE FROM alarm_steps WHERE ctid IN (
            SELECT s.ctid FROM alarm_steps s JOIN alarms a ON a.id = s.alarm_id
            WHERE s.made_at < %(before)s AND a.standing = 0 LIMIT %(at_once)s)
    """,
}
"""What is dropped of each table. Of what waits nothing is, nor of what an alarm still stands on."""

TABLES: Final = tuple(_OLD)


async def drop_older(connection: Connection, table: str, before: datetime, *, at_once: int) -> int:
    """Drop what is older, so many rows at most; answers how many.

    Args:
        connection: a transaction for each portion, so that nobody waits long for it.
        table: one of TABLES.
        before: what is older is dropped.
        at_once: so many rows at most.
    """
    cursor = await connection.execute(_OLD[table], {"before": before, "at_once": at_once})
    return cursor.rowcount
