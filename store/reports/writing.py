"""One writer of revisions at a time, and moments at which everything known is committed.

A revision's `recorded_at` is taken while its writer has the turn, and is later than every one
before. A reader that got the shared lock once, however shortly, knows that no writer was at work at
that moment: what has `recorded_at` up to it is committed, and nothing will be recorded before it.
So an answer names the moment, and the same question as of that moment has the same answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from store.database import Connection

_TURN: Final = 0x67656D62_00000036
"""Of whoever writes revisions."""


async def turn(connection: Connection) -> datetime | None:
    """Be the one who writes revisions until the transaction ends.

    Returns:
        `recorded_at` of what is written, later than all that was; None: another one has the turn.
    """
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))
    if await cursor.fetchone() != (True,):
        return None
    cursor = await connection.execute(
        """
        UPDATE report_writer
        SET recorded_at = greatest(clock_timestamp(), recorded_at + interval '1 microsecond')
        RETURNING recorded_at
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the migration puts it there
    moment: datetime = row[0]
    return moment


async def known_at(connection: Connection, as_of: datetime | None = None) -> datetime:
    """A moment, not after `as_of` and not to come, up to which everything recorded is committed.

    Waits for a writer that is at work. In a transaction of its own: the statements that read what
    was known have to begin after it.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_TURN,))
        cursor = await connection.execute(
            "SELECT least(%s::timestamptz, clock_timestamp())", (as_of,)
        )
        row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - one row
    moment: datetime = row[0]
    return moment


async def known_since(connection: Connection) -> datetime | None:
    """When an order line's revision was recorded first; None: none ever was."""
    cursor = await connection.execute("SELECT min(recorded_at) FROM report_order_lines")
    row = await cursor.fetchone()
    return row[0] if row else None


async def changed_before(connection: Connection, moment: datetime) -> datetime | None:
    """When an order line's revision was recorded last, up to a moment; None: none was."""
    cursor = await connection.execute(
        "SELECT max(recorded_at) FROM report_order_lines WHERE recorded_at <= %s", (moment,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None
