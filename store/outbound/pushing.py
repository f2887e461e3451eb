"""Documents on their way to a channel's address: taken on, arrived, tried again or given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from domain.outward import Policy, is_hopeless
from store import audit
from store.audit import Actor
from store.database import Connection

_ACTOR: Final = Actor("notify", "notify")


class DueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document that somebody has taken on to push it."""

    id: int
    channel_id: int
    message_id: UUID
    media_type: str
    content: bytes
    attempts: int
    url: str
    sealed_secret: bytes
    secret_id: UUID


async def take_due(
    connection: Connection, *, now: datetime, lease: timedelta, each: int, total: int
) -> list[DueDocument]:
    """Take on documents that are due, some of each channel.

    An order's next document is not taken on before the one ahead of it has arrived or is given up:
    a partner reads them in their order. Whoever is killed has its taken again after the lease.
    """
    cursor = connection.cursor(row_factory=class_row(DueDocument))
    await cursor.execute(
        """
        WITH due AS (
            SELECT d.id, x.url, x.sealed_secret, x.secret_id
            FROM outbound_settings x CROSS JOIN LATERAL (
                SELECT y.id FROM outbound_documents y
                WHERE y.channel_id = x.channel_id AND y.state = 'made' AND y.pushed
                  AND y.next_at <= %(now)s AND NOT EXISTS (
                    SELECT 1 FROM outbound_documents e
                    WHERE (e.order_id = y.order_id OR e.work_order_id = y.work_order_id)
                      AND e.id < y.id AND e.state = 'made' AND e.pushed)
                ORDER BY y.next_at, y.id LIMIT %(each)s FOR UPDATE OF y SKIP LOCKED
            ) d
            WHERE x.state = 'active' AND x.url IS NOT NULL LIMIT %(total)s
        )
        UPDATE outbound_documents d SET next_at = %(until)s, attempts = d.attempts + 1
        FROM due WHERE d.id = due.id
        RETURNING d.id, d.channel_id, d.message_id, d.media_type, d.content, d.attempts, due.url,
                  due.sealed_secret, due.secret_id
        """,
        {"now": now, "until": now + lease, "each": each, "total": total},
    )
    return sorted(await cursor.fetchall(), key=lambda one: one.id)


async def settle_sent(
    connection: Connection, due: DueDocument, *, status: int, now: datetime
) -> None:
    """A push has arrived; what was settled meanwhile stays so."""
    await connection.execute(
        "UPDATE outbound_documents SET state = 'sent', last_status = %s, last_error = NULL,"
        " last_at = %s, sent_at = %s WHERE id = %s AND state = 'made'",
        (status, now, now, due.id),
    )
    await connection.execute(
        "UPDATE outbound_settings SET failures = 0, failing_since = NULL"
        " WHERE channel_id = %s AND failures > 0",
        (due.channel_id,),
    )


async def settle_unsent(
    connection: Connection,
    due: DueDocument,
    *,
    status: int | None,
    error: str,
    now: datetime,
    next_at: datetime | None,
    policy: Policy,
    gone: bool,
) -> bool:
    """A push has not arrived; answers whether the channel's pushes were stopped for it.

    Args:
        connection: within a transaction.
        due: the document.
        status: what was answered, if anything was.
        error: why, in words.
        now: the moment.
        next_at: when it is tried again; None: it is given up.
        policy: when an address is given up.
        gone: the receiver says that it wants no more.
    """
    await connection.execute(
        "UPDATE outbound_documents SET state = %s, last_status = %s, last_error = %s,"
        " last_at = %s, next_at = coalesce(%s, next_at) WHERE id = %s AND state = 'made'",
        ("given_up" if next_at is None else "made", status, error, now, next_at, due.id),
    )
    cursor = await connection.execute(
        """
        UPDATE outbound_settings x SET failures = x.failures + 1,
               failing_since = coalesce(x.failing_since, %s)
        FROM channels c WHERE c.id = x.channel_id AND x.channel_id = %s
        RETURNING x.failures, x.failing_since, x.state, c.name, c.site_id
        """,
        (now, due.channel_id),
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
        "UPDATE outbound_settings SET state = 'disabled', disabled_at = %s, disabled_reason = %s,"
        " version = version + 1 WHERE channel_id = %s",
        (now, reason, due.channel_id),
    )
    await audit.write(
        connection,
        actor=_ACTOR,
        action="OutboundDisabled",
        site_id=site_id,
        object_kind="channel",
        object_key=name,
        reason=reason,
        before={"state": "active"},
        after={"state": "disabled"},
    )
    return True
