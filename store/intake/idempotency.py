"""Remembered answers of requests that carried an `Idempotency-Key`."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from store.database import Connection

KEPT: Final = timedelta(hours=48)
"""For how long an answer is remembered."""
UNDER_WAY: Final = timedelta(seconds=120)
"""No request takes longer; what has no answer after that was broken off."""
_FORGOTTEN_AT_ONCE: Final = 100


class Refusal(enum.Enum):
    """Why a request with a known key is not carried out."""

    OTHER_REQUEST = "other_request"
    """The key belongs to a request with another content."""
    UNDER_WAY = "under_way"
    """The same request is being carried out."""
    ANSWER_LOST = "answer_lost"
    """It was carried out, and the service was killed before it could keep the answer."""


class Claimed(msgspec.Struct, frozen=True):
    """The request is to be carried out."""


class Remembered(msgspec.Struct, frozen=True):
    """The request was carried out; this was the answer, its body sealed."""

    status: int
    media_type: str | None
    sealed_body: bytes


Claim: TypeAlias = Claimed | Remembered | Refusal


async def claim(
    connection: Connection, *, principal: str, key: str, sha256: bytes, now: datetime
) -> Claim:
    """Ask whether a request is to be carried out, and reserve its key if so."""
    cursor = await connection.execute(
        """
        INSERT INTO idempotency_keys (principal, key, sha256, locked_until, expires_at)
        VALUES (%(principal)s, %(key)s, %(sha256)s, %(locked)s, %(expires)s)
        ON CONFLICT (principal, key) DO UPDATE
        SET sha256 = excluded.sha256, locked_until = excluded.locked_until,
            expires_at = excluded.expires_at, status = NULL, media_type = NULL, sealed_body = NULL,
            effective = false
        WHERE idempotency_keys.expires_at <= %(now)s
           OR (idempotency_keys.status IS NULL AND NOT idempotency_keys.effective
               AND idempotency_keys.locked_until <= %(now)s
               AND idempotency_keys.sha256 = excluded.sha256)
        RETURNING true
        """,
        {
            "principal": principal,
            "key": key,
            "sha256": sha256,
            "now": now,
            "locked": now + UNDER_WAY,
            "expires": now + KEPT,
        },
    )
    if await cursor.fetchone() is not None:
        return Claimed()
    cursor = await connection.execute(
        """
        SELECT sha256, status, media_type, sealed_body, effective AND locked_until <= %s
        FROM idempotency_keys WHERE principal = %s AND key = %s
        """,
        (now, principal, key),
    )
    row = await cursor.fetchone()
    if row is None:  # given back meanwhile: whoever had it failed
        return Refusal.UNDER_WAY
    known, status, media_type, body, lost = row
    if bytes(known) != sha256:
        return Refusal.OTHER_REQUEST
    if status is not None:
        return Remembered(status, media_type, bytes(body))
    return Refusal.ANSWER_LOST if lost else Refusal.UNDER_WAY


async def mark_effective(connection: Connection, claims: Sequence[tuple[str, str]]) -> None:
    """Note, in the transaction of requests' rows, that they are carried out when these are there.

    Args:
        connection: the transaction.
        claims: the requests' principals and keys.
    """
    await connection.execute(
        """
        UPDATE idempotency_keys k SET effective = true
        FROM unnest(%s::text[], %s::text[]) AS g (principal, key)
        WHERE k.principal = g.principal AND k.key = g.key
        """,
        ([principal for principal, _ in claims], [key for _, key in claims]),
    )


async def remember(
    connection: Connection,
    *,
    principal: str,
    key: str,
    status: int,
    media_type: str | None,
    sealed_body: bytes,
    now: datetime,
) -> None:
    """Keep the answer, and forget some that have expired."""
    await connection.execute(
        """
        UPDATE idempotency_keys SET status = %s, media_type = %s, sealed_body = %s
        WHERE principal = %s AND key = %s
        """,
        (status, media_type, sealed_body, principal, key),
    )
    await connection.execute(
        """
        DELETE FROM idempotency_keys WHERE (principal, key) IN (
            SELECT principal, key FROM idempotency_keys WHERE expires_at <= %s
            ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
        """,
        (now, _FORGOTTEN_AT_ONCE),
    )


async def give_back(connection: Connection, *, principal: str, key: str) -> None:
    """Forget the key of a request that changed nothing, so that it may be sent again."""
    await connection.execute(
        """
        DELETE FROM idempotency_keys
        WHERE principal = %s AND key = %s AND status IS NULL AND NOT effective
        """,
        (principal, key),
    )
