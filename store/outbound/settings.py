"""Which documents a channel's orders cause, and where they are pushed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection

_SELECT: Final = sql.SQL(
    """
    SELECT documents, production_every_s, url, sealed_secret, secret_id, state, disabled_at,
           disabled_reason, failures, failing_since, version, changed_at, changed_by
    FROM outbound_settings WHERE channel_id = %s
    """
)


class SettingsRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's settings of what goes out."""

    documents: list[str]
    production_every_s: int
    url: str | None
    sealed_secret: bytes | None
    secret_id: UUID | None
    state: str
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int
    failing_since: datetime | None
    version: int
    changed_at: datetime
    changed_by: str


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """An address that documents are pushed to."""

    url: str
    sealed_secret: bytes
    secret_id: UUID


def purpose_of(secret_id: UUID) -> str:
    """What the secret of a channel's pushes is sealed for."""
    return f"outbound {secret_id}"


async def of_channel(
    connection: Connection, channel_id: int, *, for_update: bool = False
) -> SettingsRow | None:
    """A channel's settings; None: nothing was set."""
    cursor = connection.cursor(row_factory=class_row(SettingsRow))
    lock = sql.SQL(" FOR UPDATE" if for_update else "")
    await cursor.execute(_SELECT + lock, (channel_id,))
    return await cursor.fetchone()


async def put(
    connection: Connection,
    channel_id: int,
    *,
    documents: Sequence[str],
    production_every_s: int,
    push: Push | None,
    state: str,
    by: str,
) -> None:
    """Set what goes out. An address that is made active begins anew.

    What waits to be pushed goes to the new address, and waits to be fetched where there is none;
    what waits to be fetched is not pushed of a sudden.
    """
    await connection.execute(
        """
        INSERT INTO outbound_settings AS x (channel_id, documents, production_every_s, url,
            sealed_secret, secret_id, state, disabled_at, disabled_reason, changed_by)
        VALUES (%(channel)s, %(documents)s, %(every)s, %(url)s, %(secret)s, %(secret_id)s,
            %(state)s, CASE WHEN %(state)s = 'disabled' THEN now() END,
            CASE WHEN %(state)s = 'disabled' THEN 'by hand' END, %(by)s)
        ON CONFLICT (channel_id) DO UPDATE SET
            documents = excluded.documents, production_every_s = excluded.production_every_s,
            url = excluded.url, sealed_secret = excluded.sealed_secret,
            secret_id = excluded.secret_id, state = excluded.state, version = x.version + 1,
            failures = CASE WHEN x.state = excluded.state THEN x.failures ELSE 0 END,
            failing_since = CASE WHEN x.state = excluded.state THEN x.failing_since END,
            disabled_at = CASE WHEN excluded.state = 'disabled'
                               THEN coalesce(x.disabled_at, now()) END,
            disabled_reason = CASE WHEN excluded.state = 'disabled'
                                   THEN coalesce(x.disabled_reason, 'by hand') END,
            changed_at = now(), changed_by = excluded.changed_by
        """,
        {
            "channel": channel_id,
            "documents": list(documents),
            "every": production_every_s,
            "url": push.url if push else None,
            "secret": push.sealed_secret if push else None,
            "secret_id": push.secret_id if push else None,
            "state": state,
            "by": by,
        },
    )
    if push is None:
        await connection.execute(
            "UPDATE outbound_documents SET pushed = false"
            " WHERE channel_id = %s AND state = 'made' AND pushed",
            (channel_id,),
        )
