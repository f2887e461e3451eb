"""Where to look, as the one who makes the rounds is told it, by workers and by who writes rows.

A note is no fact: it only says where something happened. One that gets lost costs time, no more;
every scope with a plan in force is looked at from time to time anyway.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from store.database import Connection

CHANNEL: Final = "gemba_planning"
"""Of PostgreSQL's NOTIFY; the leader of the stream workers listens."""


class ScopeMoved(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Something happened in a scope; `urgent`: its projection is made anew at once."""

    scope: str
    urgent: bool


class MachineMoved(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """A machine of a scope told something: whether it broke down its rows say."""

    scope: str
    machine_id: int


class Anything(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Nobody knows what: every scope is looked at."""


Note: TypeAlias = ScopeMoved | MachineMoved | Anything
_decoder = msgspec.json.Decoder(list[Note])


def read_notes(payload: str) -> list[Note]:
    """What another worker noted.

    Raises:
        msgspec.DecodeError: it is no list of notes.
    """
    return _decoder.decode(payload)


def text(notes: list[Note]) -> str:
    """Notes as they are passed on."""
    return msgspec.json.encode(notes).decode()


async def look_at_site(connection: Connection, site_id: int) -> None:
    """Have the scope of a site looked at as soon as the transaction is committed."""
    cursor = await connection.execute(
        "SELECT coalesce(planning_scope, code) FROM sites WHERE id = %s", (site_id,)
    )
    row = await cursor.fetchone()
    if row is not None:
        payload = text([ScopeMoved(row[0], urgent=True)])
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
