"""Browsers that want to be told, and the installation's own keys for that.

An address of the channel `web_push` is a user's name (all their browsers), `device/<id>` (one
subscription) or `link/<id>` (the browsers of a tracking link).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.notification.http_ways import WebPush
from domain.notification.ways import read_settings
from runtime.sealed import seal, unseal
from runtime.web_push import new_keys
from store import audit
from store.audit import Actor
from store.database import Connection
from store.notification import ways
from store.notification.ways import NewWay

KIND: Final = "web_push"
CODE: Final = "web-push"
MOST_DEVICES: Final = 20
"""Of one owner; the oldest goes where there would be more."""

_NAMED: Final = re.compile(r"(device|link)/([0-9]{1,18})")
_TURN: Final = 0x67656D62_00000038


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser says of itself (`PushSubscription.toJSON`)."""

    endpoint: str
    p256dh: str
    auth: str


class SubscriptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is kept; who it is sent to is sealed."""

    id: int
    endpoint_hash: bytes
    sealed: bytes
    secret_id: UUID
    public_key: str
    host: str
    device: str
    language: str
    created_at: datetime
    last_sent_at: datetime | None

    def opened(self, installation_key: str) -> Subscription:
        """The browser's address and keys.

        Raises:
            SealError: they do not open.
        """
        content = unseal(installation_key, self.sealed, purpose=_purpose(self.secret_id))
        return msgspec.json.decode(content, type=Subscription)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a subscription is: a user's, or a tracking link's."""

    user_id: int | None = None
    link_id: int | None = None


_COLUMNS: Final = sql.SQL(
    "p.id, p.endpoint_hash, p.sealed, p.secret_id, p.public_key, p.host, p.device, p.language,"
    " p.created_at, p.last_sent_at"
)


async def keys(
    connection: Connection, *, installation_key: str, contact: str | None, actor: Actor
) -> WebPush:
    """The way by which browsers are told; made, with a new pair of keys, where there is none.

    Within a transaction.

    Args:
        connection: of the transaction.
        installation_key: seals the private key.
        contact: who is named to push services, `mailto:` or `https:`.
        actor: who asks.
    """
    for way in await ways.listed(connection):
        if way.kind == KIND:
            return _settings(way.settings)
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    for way in await ways.listed(connection):
        if way.kind == KIND:
            return _settings(way.settings)
    private, public = new_keys()
    new = NewWay(
        code=CODE,
        name="Web push",
        kind=KIND,
        settings=WebPush(public_key=public, contact=contact),
        secrets={"private_key": private},
        origin="gemba",
    )
    made = await ways.put(connection, new, installation_key=installation_key, by=actor.name)
    await audit.write(
        connection,
        actor=actor,
        action="NotificationWayChanged",
        object_kind="notification_way",
        object_key=made.code,
        after=made.settings,
    )
    return _settings(made.settings)


def _settings(told: dict[str, object]) -> WebPush:
    found = read_settings(KIND, told)
    assert isinstance(found, WebPush)  # noqa: S101 - its kind says so
    return found


async def subscribe(
    connection: Connection,
    owner: Owner,
    wanted: Subscription,
    *,
    public_key: str,
    device: str,
    language: str,
    installation_key: str,
) -> SubscriptionRow:
    """Tell a browser from now on; one that is told already is told as this says.

    A browser that another user had told is theirs no more: it is the same device.
    """
    secret_id = uuid4()
    content = msgspec.json.encode(wanted)
    hashed = hashlib.sha256(wanted.endpoint.encode()).digest()
    if owner.user_id is not None:
        await connection.execute(
            "DELETE FROM push_subscriptions WHERE endpoint_hash = %s AND user_id <> %s",
            (hashed, owner.user_id),
        )
    cursor = connection.cursor(row_factory=class_row(SubscriptionRow))
    await cursor.execute(
        sql.SQL(
            """
            INSERT INTO push_subscriptions AS p (user_id, link_id, endpoint_hash, sealed,
                secret_id, public_key, host, device, language)
            VALUES (%(user_id)s, %(link_id)s, %(hashed)s, %(sealed)s, %(secret_id)s,
                %(public_key)s, %(host)s, %(device)s, %(language)s)
            ON CONFLICT (endpoint_hash, user_id, link_id) DO UPDATE SET
                sealed = excluded.sealed, secret_id = excluded.secret_id,
                public_key = excluded.public_key, device = excluded.device,
                language = excluded.language
            RETURNING {}
            """
        ).format(_COLUMNS),
        {
            "user_id": owner.user_id,
            "link_id": owner.link_id,
            "hashed": hashed,
            "sealed": seal(installation_key, content, purpose=_purpose(secret_id)),
            "secret_id": secret_id,
            "public_key": public_key,
            "host": urlsplit(wanted.endpoint).hostname or "",
            "device": device,
            "language": language,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the statement always answers a row
    await _drop_too_many(connection, owner)
    return row


async def _drop_too_many(connection: Connection, owner: Owner) -> None:
    await connection.execute(
        """
        DELETE FROM push_subscriptions WHERE id IN (
            SELECT id FROM push_subscriptions
            WHERE user_id IS NOT DISTINCT FROM %(user_id)s
              AND link_id IS NOT DISTINCT FROM %(link_id)s
            ORDER BY id DESC OFFSET %(most)s)
        """,
        {"user_id": owner.user_id, "link_id": owner.link_id, "most": MOST_DEVICES},
    )


async def listed(connection: Connection, owner: Owner) -> list[SubscriptionRow]:
    """An owner's subscriptions, newest first."""
    cursor = connection.cursor(row_factory=class_row(SubscriptionRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT {} FROM push_subscriptions p
            WHERE p.user_id IS NOT DISTINCT FROM %s AND p.link_id IS NOT DISTINCT FROM %s
            ORDER BY p.id DESC
            """
        ).format(_COLUMNS),
        (owner.user_id, owner.link_id),
    )
    return await cursor.fetchall()


async def forget(connection: Connection, owner: Owner, subscription: int) -> bool:
    """Tell a browser no more; False: the owner has no such subscription."""
    cursor = await connection.execute(
        """
        DELETE FROM push_subscriptions
        WHERE id = %s AND user_id IS NOT DISTINCT FROM %s AND link_id IS NOT DISTINCT FROM %s
        RETURNING id
        """,
        (subscription, owner.user_id, owner.link_id),
    )
    return await cursor.fetchone() is not None


# For sending -------------------------------------------------------------------------------------


async def addressed(connection: Connection, address: str) -> list[SubscriptionRow]:
    """The subscriptions that an address means; of links only while they are valid.

    People whose account is disabled are told nothing.
    """
    named = _NAMED.fullmatch(address)
    cursor = connection.cursor(row_factory=class_row(SubscriptionRow))
    await cursor.execute(
        sql.SQL(
            """
            SELECT {} FROM push_subscriptions p
            LEFT JOIN users u ON u.id = p.user_id
            LEFT JOIN tracking_links l ON l.id = p.link_id
            WHERE (CASE %(kind)s WHEN 'device' THEN p.id = %(id)s
                                 WHEN 'link' THEN p.link_id = %(id)s
                                 ELSE u.name = %(name)s END)
              AND u.disabled_at IS NULL AND l.revoked_at IS NULL
              AND coalesce(l.expires_at > now(), true)
            ORDER BY p.id
            """
        ).format(_COLUMNS),
        {
            "kind": named[1] if named else "user",
            "id": int(named[2]) if named else 0,
            "name": address,
        },
    )
    return await cursor.fetchall()


async def note_sent(connection: Connection, subscriptions: Collection[int], at: datetime) -> None:
    """Browsers were told."""
    await connection.execute(
        "UPDATE push_subscriptions SET last_sent_at = %s WHERE id = ANY(%s)",
        (at, list(subscriptions)),
    )


async def drop(connection: Connection, subscriptions: Collection[int]) -> None:
    """Browsers that are there no more."""
    await connection.execute(
        "DELETE FROM push_subscriptions WHERE id = ANY(%s)", (list(subscriptions),)
    )


def _purpose(secret_id: UUID) -> str:
    return f"push subscription {secret_id}"
