"""Channels that are asked what changed: when, how far they were read, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from store.database import Connection
from store.intake.register import jsonb

_LONGEST_ERROR: Final = 1_000


class PollRow(msgspec.Struct, frozen=True, kw_only=True):
    """How the asking of a channel stands."""

    channel_id: int
    next_at: datetime
    last_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    failures: int
    last_told: dict[str, Any] | None


class DuePoll(msgspec.Struct, frozen=True, kw_only=True):
    """A channel whose round is due, with all that the round needs."""

    channel_id: int
    name: str
    format: str
    settings: dict[str, Any]
    sealed_secret: bytes | None
    system: str
    position: dict[str, Any] | None
    round: int
    next_at: datetime
    failures: int

    def __repr__(self) -> str:
        """Without the secret."""
        return f"DuePoll(name={self.name!r}, round={self.round})"


async def arrange(connection: Connection, channel: str, system: str) -> None:
    """Have a channel asked from now on; of another system than before, from the beginning."""
    await connection.execute(
        """
        INSERT INTO channel_polls AS p (channel_id, system)
        SELECT id, %s FROM channels WHERE name = %s
        ON CONFLICT (channel_id) DO UPDATE
        SET system = excluded.system,
            position = CASE WHEN p.system = excluded.system THEN p.position END,
            round = p.round + 1, failures = 0, next_at = now()
        """,
        (system, channel),
    )


async def stop(connection: Connection, channel: str) -> None:
    """Have a channel asked no more; how far it was read is forgotten."""
    await connection.execute(
        "DELETE FROM channel_polls p USING channels h WHERE h.id = p.channel_id AND h.name = %s",
        (channel,),
    )


async def polls(connection: Connection, channel_ids: Sequence[int]) -> dict[int, PollRow]:
    """How the asking of these channels stands, where they are asked."""
    cursor = connection.cursor(row_factory=class_row(PollRow))
    await cursor.execute(
        """
        SELECT channel_id, next_at, last_at, last_success_at, last_error, last_error_at, failures,
               last_told
        FROM channel_polls WHERE channel_id = ANY (%s)
        """,
        (list(channel_ids),),
    )
    return {row.channel_id: row for row in await cursor.fetchall()}


async def ask_now(connection: Connection, channel_id: int) -> None:
    """Let a round be due at once; one that is going on is followed by another."""
    await connection.execute(
        "UPDATE channel_polls SET next_at = now() WHERE channel_id = %s", (channel_id,)
    )


async def due(connection: Connection, *, only: str | None = None) -> list[DuePoll]:
    """Enabled channels whose round is due, the longest waiting first; `only`: this one, if it is.

    The clock is the database's: several processes agree on it.
    """
    cursor = connection.cursor(row_factory=class_row(DuePoll))
    await cursor.execute(
        """
        SELECT p.channel_id, h.name, h.format, h.settings, h.sealed_secret, p.system, p.position,
               p.round, p.next_at, p.failures
        FROM channel_polls p JOIN channels h ON h.id = p.channel_id
        WHERE h.enabled AND p.next_at <= now() AND (%(only)s::text IS NULL OR h.name = %(only)s)
        ORDER BY p.next_at, p.channel_id
        """,
        {"only": only},
    )
    return await cursor.fetchall()


async def asked(connection: Connection) -> set[str]:
    """The names of the enabled channels that are asked."""
    cursor = await connection.execute(
        "SELECT h.name FROM channel_polls p JOIN channels h ON h.id = p.channel_id WHERE h.enabled"
    )
    return {name for (name,) in await cursor.fetchall()}


async def settle_done(
    connection: Connection,
    poll: DuePoll,
    *,
    position: Mapping[str, Any],
    told: Mapping[str, Any],
    pause_s: float,
) -> bool:
    """Note a round that ended well; False when meanwhile another one did, or it was rearranged."""
    cursor = await connection.execute(
        """
        UPDATE channel_polls
        SET position = %s, last_told = %s, last_at = now(), last_success_at = now(), failures = 0,
            round = round + 1, next_at = CASE WHEN next_at = %s
                THEN now() + make_interval(secs => %s) ELSE now() END
        WHERE channel_id = %s AND round = %s
        """,
        (
            jsonb(dict(position)),
            jsonb(dict(told)),
            poll.next_at,
            pause_s,
            poll.channel_id,
            poll.round,
        ),
    )
    return cursor.rowcount > 0


async def settle_failed(
    connection: Connection, poll: DuePoll, *, error: str, pause_s: float
) -> bool:
    """Note a round that failed; how far the channel was read stays. False as in `settle_done`."""
    cursor = await connection.execute(
        """
        UPDATE channel_polls
        SET last_at = now(), last_error = %s, last_error_at = now(), failures = failures + 1,
            round = round + 1, next_at = CASE WHEN next_at = %s
                THEN now() + make_interval(secs => %s) ELSE now() END
        WHERE channel_id = %s AND round = %s
        """,
        (
            error.replace("\x00", "")[:_LONGEST_ERROR],
            poll.next_at,
            pause_s,
            poll.channel_id,
            poll.round,
        ),
    )
    return cursor.rowcount > 0
