"""Which log a database's effects belong to.

`effect_offsets` are places in one log. A database that is pointed at another one (a new Kafka
cluster, Kafka instead of the embedded log) would have its workers skip what stands at those offsets
there, in silence. So the database remembers the log, and services refuse any other.
"""

from __future__ import annotations

from typing import Final

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
_CHANGE: Final = """
INSERT INTO stream_identity (identity) VALUES (%s)
ON CONFLICT (one) DO UPDATE SET identity = excluded.identity, adopted_at = now()
"""


class StreamIdentityError(LogError):
    """The database's effects were made of another log than the one that it is pointed at."""

    def __init__(self, *, database: str, stream: str) -> None:
        super().__init__(
            f"the database belongs to the stream {database!r}, but GEMBA_STREAM_URL names"
            f" {stream!r}: nothing is read or written, for records would be skipped in silence."
            " Point it at the stream it belongs to, or carry the installation over by"
            " `gemba transfer`"
        )
        self.database = database
        self.stream = stream


def of_kafka(cluster_id: str) -> str:
    """The identity of a Kafka cluster."""
    return f"kafka:{cluster_id}"


async def identity(connection: Connection) -> str | None:
    """The log that the database's effects belong to; None when it has met none yet."""
    cursor = await connection.execute("SELECT identity FROM stream_identity")
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def claim(pool: Pool, stream: str) -> None:
    """Make sure that the database belongs to this stream; one that belongs to none does now.

    Raises:
        StreamIdentityError: it belongs to another one.
    """
    async with pool.connection() as connection:
        known = await identity(connection)
        if known is None:
            await connection.execute(_ADOPT, (stream,))
            known = await identity(connection)
    if known != stream:
        raise StreamIdentityError(database=str(known), stream=stream)


async def change(connection: Connection, stream: str) -> None:
    """Say that the database's effects belong to this stream from now on (`gemba transfer`)."""
    await connection.execute(_CHANGE, (stream,))
