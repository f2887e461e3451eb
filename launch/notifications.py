"""What `gemba notify` does, straight in the database; the message itself goes by the courier."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg

from store import audit
from store.audit import Actor
from store.errors import NotFoundError
from store.notification import trials, ways
from store.notification.trials import Trial

_ACTOR: Final = Actor("gemba", "command line")
_LOOK_S: Final = 0.2


class ShownWay(msgspec.Struct, frozen=True, kw_only=True):
    """A way without anything that is sealed."""

    code: str
    name: str
    channel: str
    kind: str
    origin: str
    enabled: bool
    failures: int
    last_error: str | None
    last_sent_at: datetime | None


async def listed(database_url: str) -> list[ShownWay]:
    """All ways, in the order in which they are taken."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        rows = await ways.listed(connection)
    return [
        ShownWay(**{name: getattr(row, name) for name in ShownWay.__struct_fields__})
        for row in rows
    ]


async def try_way(
    database_url: str, code: str | None, address: str, *, language: str, wait_s: float
) -> Trial:
    """Send a message by a way; answers what became of it within `wait_s` seconds.

    Raises:
        NotFoundError: there is no such way, or none for mail.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        found = [
            row
            for row in await ways.listed(connection)
            if row.code == code or (code is None and row.enabled and row.channel == "email")
        ]
        if not found:
            raise NotFoundError("notification way", code or "for email")
        async with connection.transaction():
            message_id = await trials.add(
                connection,
                way=found[0].code,
                channel=found[0].channel,
                address=address,
                language=language,
                by=_ACTOR.name,
                now=datetime.now(UTC),
            )
            await audit.write(
                connection,
                actor=_ACTOR,
                action="NotificationWayTested",
                object_kind="notification_way",
                object_key=found[0].code,
                after={"address": address, "message_id": str(message_id)},
            )
        until = time.monotonic() + wait_s
        while True:
            trial = await trials.find(connection, message_id)
            if trial is None:
                raise NotFoundError("message", str(message_id))
            if trial.state != "waiting" or time.monotonic() >= until:
                return trial
            await asyncio.sleep(_LOOK_S)
