"""Which log a database's effects belong to.

`effect_offsets` are places in one log. A database that is pointed at another one (a new Kafka
cluster, Kafka instead of the embedded log) would have its workers skip what stands at those offsets
there, in silence. So the database remembers the log, and services refuse any other. Nor do they
work on a database that is older than its log (`Phase.BEHIND`).
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from store.database import Connection, Pool
from store.log import LogError

EMBEDDED: Final = "embedded"

# Who comes first gives the name; but effects that were made before logs had names were made of the
# embedded one: there was no other.
_ADOPT: Final = """
INSERT INTO stream_identity (identity)
SELECT CASE WHEN EXISTS (SELECT FROM effect_offsets) THEN 'embedded' ELSE %s END
ON CONFLICT DO NOTHING
"""
_PUT: Final = """
INSERT INTO stream_identity (identity, phase, moved_to) VALUES (%s, %s, %s)
ON CONFLICT (one) DO UPDATE SET identity = excluded.identity, phase = excluded.phase,
    moved_to = excluded.moved_to, adopted_at = now()
"""


class Phase(enum.StrEnum):
    """Whether a database may be worked on."""

    SETTLED = "settled"
    BEHIND = "behind"
    """It is older than its stream, which holds what it does not know to have told."""
    ARRIVING = "arriving"
    """A move to it is under way."""
    DEPARTED = "departed"
    """It was moved elsewhere."""


class Standing(msgspec.Struct, frozen=True):
    """A database's stream, and whether it is moving to `moved_to`."""

    stream: str
    phase: Phase = Phase.SETTLED
    moved_to: str | None = None


class StreamIdentityError(LogError):
    """The database's effects were made of another log than the one that it is pointed at."""

    def __init__(self, *, database: str, stream: str) -> None:
        super().__init__(
            f"the database belongs to the stream {database!r}, but GEMBA_STREAM_URL names"
            f" {stream!r}: nothing is read or written, for records would be skipped in silence."
            " Point it at the stream it belongs to, or carry the installation over by"
            " `gemba transfer`; if that stream was a Kafka that is lost, run"
            " `gemba restored --stream-anew`"
        )
        self.database = database
        self.stream = stream


class BehindError(LogError):
    """The database is older than its stream: it gives numbers in its outbox a second time.

    Args:
        evidence: what was met that the database does not know of.
    """

    def __init__(self, evidence: str = "") -> None:
        super().__init__(
            f"{evidence}{': ' if evidence else ''}the database is older than its stream (it was"
            " restored, or failed over to a replica that lagged). Nothing is read or sent, for"
            " records would be skipped in silence: stop all services, run `gemba restored`, and"
            " start them again"
        )


def of_kafka(cluster_id: str) -> str:
    """The identity of a Kafka cluster."""
    return f"kafka:{cluster_id}"


class MovedError(LogError):
    """The database is being moved, or has been."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(
            f"the installation in this database has been moved to {standing.moved_to}: set"
            " GEMBA_DATABASE_URL and GEMBA_STREAM_URL to the new ones"
            if standing.phase is Phase.DEPARTED
            else f"a move of an installation to {standing.moved_to} into this database is not"
            " finished: finish it with `gemba transfer`"
        )
        self.standing = standing


async def standing_of(connection: Connection) -> Standing | None:
    """The log that the database's effects belong to; None when it has met none yet."""
    cursor = await connection.execute("SELECT identity, phase, moved_to FROM stream_identity")
    row = await cursor.fetchone()
    return None if row is None else Standing(row[0], Phase(row[1]), row[2])


async def claim(pool: Pool, stream: str) -> None:
    """Make sure that the database belongs to this stream; one that belongs to none does now.

    Raises:
        StreamIdentityError: it belongs to another one.
        MovedError: it is being moved, or was moved away.
        BehindError: it was found to be older than the stream.
    """
    async with pool.connection() as connection:
        known = await standing_of(connection)
        if known is None:
            await connection.execute(_ADOPT, (stream,))
            known = await standing_of(connection) or Standing(stream)
    if known.phase is Phase.BEHIND:
        raise BehindError
    if known.phase is not Phase.SETTLED:
        raise MovedError(known)
    if known.stream != stream:
        raise StreamIdentityError(database=known.stream, stream=stream)


async def settle(connection: Connection, stream: str) -> None:
    """Say that the database's effects belong to this stream from now on."""
    await connection.execute(_PUT, (stream, Phase.SETTLED, None))


async def fall_behind(connection: Connection) -> None:
    """Say that the database is older than its stream: no service works until it is settled."""
    await connection.execute(
        "UPDATE stream_identity SET phase = %s WHERE phase = %s", (Phase.BEHIND, Phase.SETTLED)
    )


async def arrive(connection: Connection, stream: str) -> None:
    """Say that an installation is being moved here, for this stream."""
    await connection.execute(_PUT, (stream, Phase.ARRIVING, stream))


async def depart(connection: Connection, stream: str) -> None:
    """Say that what is here has been moved to this stream; its own stream stays what it was."""
    here = await standing_of(connection) or Standing(EMBEDDED)
    await connection.execute(_PUT, (here.stream, Phase.DEPARTED, stream))
