"""A table of letters: taken on with a lease, settled once, put back, looked at.

Each source has a table of its own with the same columns, so this is the same for all of them:
`id, message_id, recipient, channel, address, language, priority, state, next_at, attempts,
decided_at, sent_at, reference, last_error, way, note, body`. `state` is `waiting` while it has to
be sent; here it becomes `sent` or `given_up`, other states are the source's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.notification.letters import Letter
from store.database import Connection

CHANNEL: Final = "gemba_letters"
"""NOTIFY on it, and letters that are due are looked for at once."""
_LONGEST_ERROR: Final = 500
_PRIORITIES: Final = ["critical", "high", "medium", "low"]


class LetterTable(msgspec.Struct, frozen=True, kw_only=True):
    """A source's table.

    Attributes:
        name: what the source is called, in the API too.
        table: the table's name.
        why: an expression over `m`: what a letter tells.
        cause: an expression over `m`: what caused it, as `alarm:7`; texts are equal if causes are.
    """

    name: str
    table: str
    why: sql.Composable = sql.SQL("m.why")
    cause: sql.Composable = sql.SQL("m.cause")

    async def take_due(
        self, connection: Connection, channel: str, *, now: datetime, lease: timedelta, total: int
    ) -> list[Letter]:
        """Take on letters of a channel that are due, the most urgent first.

        Whoever is killed before settling them has them taken again after the lease.
        """
        cursor = connection.cursor(row_factory=class_row(Letter))
        await cursor.execute(
            sql.SQL(
                """
                UPDATE {table} m SET next_at = %(until)s, attempts = m.attempts + 1
                FROM (
                    SELECT id FROM {table}
                    WHERE state = 'waiting' AND next_at <= %(now)s AND channel = %(channel)s
                    ORDER BY array_position(%(priorities)s::text[], priority), id
                    LIMIT %(total)s FOR UPDATE SKIP LOCKED
                ) due
                WHERE m.id = due.id
                RETURNING {name} AS source, m.id, m.message_id, {why} AS why, m.recipient,
                          m.channel, m.address, m.language, m.priority, m.body, m.attempts,
                          m.decided_at, m.way
                """
            ).format(table=self._table, name=sql.Literal(self.name), why=self.why),
            {
                "now": now,
                "until": now + lease,
                "channel": channel,
                "priorities": _PRIORITIES,
                "total": total,
            },
        )
        found = await cursor.fetchall()
        return sorted(found, key=lambda one: (_PRIORITIES.index(one.priority), one.id))

    async def settle_sent(
        self,
        connection: Connection,
        letter: Letter,
        *,
        way: str,
        reference: str | None,
        note: str | None,
        now: datetime,
    ) -> None:
        """The provider has it, under an id of its own maybe. Said twice it is the same."""
        await connection.execute(
            sql.SQL(
                """
                UPDATE {} SET state = 'sent', sent_at = coalesce(sent_at, %(now)s),
                    reference = coalesce(%(reference)s, reference), way = %(way)s,
                    note = %(note)s, last_error = NULL
                WHERE id = %(id)s
                """
            ).format(self._table),
            {"now": now, "reference": reference, "way": way, "note": note, "id": letter.id},
        )

    async def settle_unsent(
        self,
        connection: Connection,
        letter: Letter,
        *,
        way: str | None,
        error: str,
        next_at: datetime | None,
    ) -> bool:
        """It was not taken: when it is tried again; None: it is given up.

        False: it is not as this attempt left it, somebody else has settled it.
        """
        cursor = await connection.execute(
            sql.SQL(
                """
                UPDATE {} SET state = %(state)s, last_error = %(error)s,
                    way = coalesce(%(way)s, way), next_at = coalesce(%(next_at)s, next_at)
                WHERE id = %(id)s AND state = 'waiting' AND attempts = %(attempts)s RETURNING id
                """
            ).format(self._table),
            {
                "state": "given_up" if next_at is None else "waiting",
                "error": error[:_LONGEST_ERROR],
                "way": way,
                "next_at": next_at,
                "id": letter.id,
                "attempts": letter.attempts,
            },
        )
        return await cursor.fetchone() is not None

    async def put_back(
        self, connection: Connection, letters: Sequence[Letter], *, next_at: datetime, error: str
    ) -> None:
        """Letters that nothing was tried with: as if they had not been taken on."""
        await connection.execute(
            sql.SQL(
                """
                UPDATE {} SET attempts = attempts - 1, next_at = %(next_at)s,
                    last_error = %(error)s
                WHERE id = ANY(%(ids)s) AND state = 'waiting' AND attempts > 0
                """
            ).format(self._table),
            {
                "next_at": next_at,
                "error": error[:_LONGEST_ERROR],
                "ids": [each.id for each in letters],
            },
        )

    async def hold_up(
        self,
        connection: Connection,
        channel: str,
        *,
        error: str,
        now: datetime,
        older_than: datetime,
    ) -> int:
        """Say of letters that are due why they wait, and give up those decided before a moment.

        Answers how many were given up.
        """
        cursor = await connection.execute(
            sql.SQL(
                """
                UPDATE {} SET last_error = %(error)s,
                    state = CASE WHEN decided_at < %(older)s THEN 'given_up' ELSE state END
                WHERE state = 'waiting' AND channel = %(channel)s AND next_at <= %(now)s
                  AND (last_error IS DISTINCT FROM %(error)s OR decided_at < %(older)s)
                RETURNING state
                """
            ).format(self._table),
            {
                "error": error[:_LONGEST_ERROR],
                "older": older_than,
                "channel": channel,
                "now": now,
            },
        )
        return sum(state == "given_up" for (state,) in await cursor.fetchall())

    @property
    def _table(self) -> sql.Identifier:
        return sql.Identifier(self.table)
