"""Ways as rows: what is configured, its sealed secrets, how it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.notification.retrying import broken_until
from domain.notification.way_settings import WaySettings
from domain.notification.ways import KINDS, Way, read_settings
from runtime.sealed import seal, unseal
from store.database import Connection

_COLUMNS: Final = sql.SQL(
    "code, name, kind, channel, origin, enabled, rank, prefixes, settings, sealed, secret_id,"
    " secrets, version, changed_at, changed_by, failures, failing_since, broken_until, last_error,"
    " last_sent_at"
)
_LONGEST_ERROR: Final = 500


class StoredWay(msgspec.Struct, frozen=True, kw_only=True):
    """A way as it is kept. `secrets`: the names of those that are set."""

    code: str
    name: str
    kind: str
    channel: str
    origin: str
    enabled: bool
    rank: int
    prefixes: list[str]
    settings: dict[str, Any]
    sealed: bytes | None
    secret_id: UUID
    secrets: list[str]
    version: int
    changed_at: datetime
    changed_by: str
    failures: int
    failing_since: datetime | None
    broken_until: datetime | None
    last_error: str | None
    last_sent_at: datetime | None

    def opened(self, installation_key: str) -> Way:
        """The way with its secrets in clear.

        Raises:
            SealError: they do not open.
            msgspec.ValidationError: its settings are none of its kind any more.
            UnknownKindError: there is no such kind any more.
        """
        return Way(
            code=self.code,
            kind=self.kind,
            settings=read_settings(self.kind, self.settings),
            secrets=opened_secrets(installation_key, self),
            version=self.version,
            rank=self.rank,
            prefixes=tuple(self.prefixes),
        )


class NewWay(msgspec.Struct, frozen=True, kw_only=True):
    """A way to be kept; `secrets`: all of them, in clear."""

    code: str
    name: str
    kind: str
    settings: WaySettings
    secrets: Mapping[str, str]
    enabled: bool = True
    rank: int = 100
    prefixes: Sequence[str] = ()
    origin: str = "people"


def opened_secrets(installation_key: str, way: StoredWay) -> dict[str, str]:
    """A way's secrets in clear.

    Raises:
        SealError: they do not open.
    """
    if way.sealed is None:
        return {}
    content = unseal(installation_key, way.sealed, purpose=_purpose(way.secret_id))
    return msgspec.json.decode(content, type=dict[str, str])


async def listed(connection: Connection) -> list[StoredWay]:
    """All ways, by channel and in the order in which they are taken."""
    cursor = connection.cursor(row_factory=class_row(StoredWay))
    await cursor.execute(
        sql.SQL("SELECT {} FROM notification_ways ORDER BY channel, rank, code").format(_COLUMNS)
    )
    return await cursor.fetchall()


async def find(connection: Connection, code: str, *, for_update: bool = False) -> StoredWay | None:
    """One way."""
    cursor = connection.cursor(row_factory=class_row(StoredWay))
    lock = sql.SQL("FOR UPDATE" if for_update else "")
    await cursor.execute(
        sql.SQL("SELECT {} FROM notification_ways WHERE code = %s {}").format(_COLUMNS, lock),
        (code,),
    )
    return await cursor.fetchone()


async def put(connection: Connection, new: NewWay, *, installation_key: str, by: str) -> StoredWay:
    """Keep a way, in the place of one of the same code: how that did is forgotten."""
    secret_id = uuid4()
    secrets = {name: text for name, text in new.secrets.items() if text}
    sealed = (
        seal(installation_key, msgspec.json.encode(secrets), purpose=_purpose(secret_id))
        if secrets
        else None
    )
    cursor = connection.cursor(row_factory=class_row(StoredWay))
    await cursor.execute(
        sql.SQL(
            """
            INSERT INTO notification_ways AS w (code, name, kind, channel, origin, enabled, rank,
                prefixes, settings, sealed, secret_id, secrets, changed_by)
            VALUES (%(code)s, %(name)s, %(kind)s, %(channel)s, %(origin)s, %(enabled)s, %(rank)s,
                %(prefixes)s, %(settings)s, %(sealed)s, %(secret_id)s, %(secrets)s, %(by)s)
            ON CONFLICT (code) DO UPDATE SET name = excluded.name, kind = excluded.kind,
                channel = excluded.channel, origin = excluded.origin, enabled = excluded.enabled,
                rank = excluded.rank, prefixes = excluded.prefixes, settings = excluded.settings,
                sealed = excluded.sealed, secret_id = excluded.secret_id,
                secrets = excluded.secrets, version = w.version + 1, changed_at = now(),
                changed_by = excluded.changed_by, failures = 0, failing_since = NULL,
                broken_until = NULL, last_error = NULL
            RETURNING {}
            """
        ).format(_COLUMNS),
        {
            "code": new.code,
            "name": new.name,
            "kind": new.kind,
            "channel": KINDS[new.kind].channel,
            "origin": new.origin,
            "enabled": new.enabled,
            "rank": new.rank,
            "prefixes": list(new.prefixes),
            "settings": Jsonb(msgspec.to_builtins(new.settings)),
            "sealed": sealed,
            "secret_id": secret_id,
            "secrets": sorted(secrets),
            "by": by,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the statement always answers a row
    return row


async def delete(connection: Connection, code: str) -> bool:
    """Forget a way; False: there is none."""
    cursor = await connection.execute(
        "DELETE FROM notification_ways WHERE code = %s RETURNING code", (code,)
    )
    return await cursor.fetchone() is not None


async def note_works(connection: Connection, code: str, *, now: datetime, sent: bool) -> None:
    """A way has answered as it should; `sent`: and taken a letter."""
    await connection.execute(
        """
        UPDATE notification_ways SET failures = 0, failing_since = NULL, broken_until = NULL,
            last_error = NULL, last_sent_at = CASE WHEN %(sent)s THEN %(now)s ELSE last_sent_at END
        WHERE code = %(code)s
          AND (failures > 0 OR last_error IS NOT NULL
               OR %(sent)s AND coalesce(last_sent_at < %(now)s - interval '10 seconds', true))
        """,
        {"sent": sent, "now": now, "code": code},
    )


async def note_fails(
    connection: Connection, code: str, *, version: int, error: str, now: datetime
) -> datetime | None:
    """A way has failed; answers until when it is left alone, if it is."""
    cursor = await connection.execute(
        "SELECT failures FROM notification_ways WHERE code = %s AND version = %s FOR UPDATE",
        (code, version),
    )
    row = await cursor.fetchone()
    if row is None:  # changed or forgotten meanwhile: what failed is not what is there now
        return None
    until = broken_until(row[0] + 1, now)
    await connection.execute(
        "UPDATE notification_ways SET failures = failures + 1, last_error = %s,"
        " failing_since = coalesce(failing_since, %s), broken_until = %s WHERE code = %s",
        (error[:_LONGEST_ERROR], now, until, code),
    )
    return until


def _purpose(secret_id: UUID) -> str:
    return f"notification way {secret_id}"
