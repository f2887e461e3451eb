"""Webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from domain.outward import Policy, is_hopeless
from store import audit
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError
from store.filters import Filters, Page

_ACTOR: Final = Actor("notify", "notify")


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are sent to."""

    id: int
    name: str
    url: str
    event_types: list[str]
    site: str | None
    sealed_secret: bytes
    secret_id: UUID
    state: str
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int
    failing_since: datetime | None
    version: int
    created_at: datetime
    created_by: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a webhook. Its `message_id` is the same at each attempt and replay."""

    id: int
    message_id: str
    event_type: str
    body: str
    state: str
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    last_at: datetime | None
    delivered_at: datetime | None
    made_at: datetime


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that somebody has taken on."""

    id: int
    webhook_id: int
    message_id: str
    body: str
    attempts: int
    url: str
    sealed_secret: bytes
    secret_id: UUID


def purpose_of(secret_id: UUID) -> str:
    """What a webhook's secret is sealed for."""
    return f"webhook {secret_id}"


_WEBHOOK: Final = sql.SQL(
    """
    SELECT w.id, w.name, w.url, w.event_types, s.code AS site, w.sealed_secret, w.secret_id,
           w.state, w.disabled_at, w.disabled_reason, w.failures, w.failing_since, w.version,
           w.created_at, w.created_by
    FROM webhooks w LEFT JOIN sites s ON s.id = w.site_id
    """
)


async def listed(
    connection: Connection, page: Page, *, limited_to: Sequence[str]
) -> tuple[list[Webhook], int]:
    """Webhooks by name, and how many there are."""
    filters = Filters()
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(Webhook))
    await cursor.execute(
        _WEBHOOK + filters.where + sql.SQL(" ORDER BY w.name LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM webhooks w LEFT JOIN sites s ON s.id = w.site_id")
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(
    connection: Connection, webhook_id: int, *, for_update: bool = False
) -> Webhook | None:
    """A webhook; None: there is none."""
    cursor = connection.cursor(row_factory=class_row(Webhook))
    lock = sql.SQL(" FOR UPDATE OF w" if for_update else "")
    await cursor.execute(_WEBHOOK + sql.SQL(" WHERE w.id = %s") + lock, (webhook_id,))
    return await cursor.fetchone()


async def insert(
    connection: Connection,
    *,
    name: str,
    url: str,
    event_types: Sequence[str],
    site_id: int | None,
    sealed_secret: bytes,
    secret_id: UUID,
    created_by: str,
) -> int:
    """A new webhook's id.

    Raises:
        ConflictError: the name is taken.
    """
    try:
        cursor = await connection.execute(
            """
            INSERT INTO webhooks
                (name, url, event_types, site_id, sealed_secret, secret_id, created_by)
            VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            (name, url, list(event_types), site_id, sealed_secret, secret_id, created_by),
        )
    except UniqueViolation as error:
        raise ConflictError(f"there is a webhook {name!r}; take another name") from error
    row: Any = await cursor.fetchone()
    found: int = row[0]
    return found


async def change(
    connection: Connection,
    webhook_id: int,
    *,
    url: str,
    event_types: Sequence[str],
    state: str,
    sealed_secret: bytes,
) -> None:
    """Write what changed. What is made active begins anew; what waited meanwhile goes out."""
    await connection.execute(
        """
        UPDATE webhooks SET url = %(url)s, event_types = %(types)s, version = version + 1,
            sealed_secret = %(secret)s, state = %(state)s,
            failures = CASE WHEN %(state)s = 'active' AND state <> 'active' THEN 0
                            ELSE failures END,
            failing_since = CASE WHEN %(state)s = 'active' AND state <> 'active' THEN NULL
                                 ELSE failing_since END,
            disabled_at = CASE WHEN %(state)s = 'active' THEN NULL
                               ELSE coalesce(disabled_at, now()) END,
            disabled_reason = CASE WHEN %(state)s = 'active' THEN NULL
                                   ELSE coalesce(disabled_reason, 'by hand') END
        WHERE id = %(id)s
        """,
        {
            "id": webhook_id,
            "url": url,
            "types": list(event_types),
            "state": state,
            "secret": sealed_secret,
        },
    )


async def delete(connection: Connection, webhook_id: int) -> None:
    """Forget a webhook and its deliveries."""
    await connection.execute("DELETE FROM webhooks WHERE id = %s", (webhook_id,))


async def deliveries(
    connection: Connection, webhook_id: int, page: Page, *, state: str | None = None
) -> tuple[list[Delivery], int]:
    """A webhook's deliveries, newest first, and how many there are."""
    filters = Filters()
    filters.add("d.webhook_id = %(webhook)s", webhook=webhook_id)
    filters.add("d.state = %(state)s", state=state)
    cursor = connection.cursor(row_factory=class_row(Delivery))
    await cursor.execute(
        sql.SQL(
            """
            SELECT d.id, d.message_id, d.event_type, d.body, d.state, d.attempts, d.next_at,
                   d.last_status, d.last_error, d.last_at, d.delivered_at, d.made_at
            FROM webhook_deliveries d
            """
        )
        + filters.where
        + sql.SQL(" ORDER BY d.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM webhook_deliveries d") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def add_delivery(
    connection: Connection, webhook_id: int, *, message_id: str, event_type: str, body: str
) -> int:
    """A message for one webhook; answers the delivery's id."""
    cursor = await connection.execute(
        "INSERT INTO webhook_deliveries (webhook_id, message_id, event_type, body)"
        " VALUES (%s, %s, %s, %s) RETURNING id",
        (webhook_id, message_id, event_type, body),
    )
    row: Any = await cursor.fetchone()
    found: int = row[0]
    return found


async def replay(connection: Connection, webhook_id: int, delivery_id: int) -> bool:
    """Send a message again, under the same id; False: there is none."""
    cursor = await connection.execute(
        "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, next_at = now()"
        " WHERE id = %s AND webhook_id = %s RETURNING id",
        (delivery_id, webhook_id),
    )
    return await cursor.fetchone() is not None


async def take_due(
    connection: Connection, *, now: datetime, lease: timedelta, each: int, total: int
) -> list[Due]:
    """Take on deliveries that are due, some of each webhook, so that none waits for a slow one.

    Whoever is killed before `settle` has them taken again after the lease.
    """
    cursor = connection.cursor(row_factory=class_row(Due))
    await cursor.execute(
        """
        WITH due AS (
            SELECT d.id, w.id AS webhook_id, w.url, w.sealed_secret, w.secret_id
            FROM webhooks w CROSS JOIN LATERAL (
                SELECT x.id FROM webhook_deliveries x
                WHERE x.webhook_id = w.id AND x.state = 'waiting' AND x.next_at <= %(now)s
                ORDER BY x.next_at, x.id LIMIT %(each)s FOR UPDATE SKIP LOCKED
            ) d
            WHERE w.state = 'active' LIMIT %(total)s
        )
        UPDATE webhook_deliveries d SET next_at = %(until)s, attempts = d.attempts + 1
        FROM due WHERE d.id = due.id
        RETURNING d.id, due.webhook_id, d.message_id, d.body, d.attempts, due.url,
                  due.sealed_secret, due.secret_id
        """,
        {"now": now, "until": now + lease, "each": each, "total": total},
    )
    return sorted(await cursor.fetchall(), key=lambda one: one.id)


async def settle_delivered(connection: Connection, due: Due, *, status: int, now: datetime) -> None:
    """A message has arrived."""
    await connection.execute(
        "UPDATE webhook_deliveries SET state = 'delivered', last_status = %s, last_error = NULL,"
        " last_at = %s, delivered_at = %s WHERE id = %s",
        (status, now, now, due.id),
    )
    await connection.execute(
        "UPDATE webhooks SET failures = 0, failing_since = NULL WHERE id = %s AND failures > 0",
        (due.webhook_id,),
    )


async def settle_failed(
    connection: Connection,
    due: Due,
    *,
    status: int | None,
    error: str,
    now: datetime,
    next_at: datetime | None,
    policy: Policy,
    gone: bool,
) -> bool:
    """A message has not arrived; answers whether the webhook was disabled for it.

    Args:
        connection: within a transaction.
        due: the message.
        status: what was answered, if anything was.
        error: why, in words.
        now: the moment.
        next_at: when it is tried again; None: it is given up.
        policy: when a webhook is disabled.
        gone: the receiver says that it wants no more.
    """
    await connection.execute(
        "UPDATE webhook_deliveries SET state = %s, last_status = %s, last_error = %s,"
        " last_at = %s, next_at = coalesce(%s, next_at) WHERE id = %s",
        ("given_up" if next_at is None else "waiting", status, error, now, next_at, due.id),
    )
    cursor = await connection.execute(
        """
        UPDATE webhooks w SET failures = w.failures + 1,
               failing_since = coalesce(w.failing_since, %s)
        WHERE w.id = %s RETURNING w.failures, w.failing_since, w.state, w.name, w.site_id
        """,
        (now, due.webhook_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    failures, failing_since, state, name, site_id = row
    hopeless = is_hopeless(policy, failures=failures, failing_since=failing_since, now=now)
    if state != "active" or not (gone or hopeless):
        return False
    reason = (
        f"the receiver answered {status}: it is gone"
        if gone
        else f"{failures} attempts in a row have failed since {failing_since:%Y-%m-%d %H:%M} UTC;"
        f" the last: {error}"
    )
    await connection.execute(
        "UPDATE webhooks SET state = 'disabled', disabled_at = %s, disabled_reason = %s,"
        " version = version + 1 WHERE id = %s",
        (now, reason, due.webhook_id),
    )
    await audit.write(
        connection,
        actor=_ACTOR,
        action="WebhookDisabled",
        site_id=site_id,
        object_kind="webhook",
        object_key=name,
        reason=reason,
        before={"state": "active"},
        after={"state": "disabled"},
    )
    return True
