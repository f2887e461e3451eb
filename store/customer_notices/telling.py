"""What somebody knows of dates, and the messages by which they come to know more.

Whoever raises a date's number has made that message: two processes that decide the same make one,
and whoever is killed in between has made none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from psycopg.types.json import Jsonb

from domain.customer_notices.dates import Known
from domain.customer_notices.links import tracking_token
from domain.customer_notices.reasons import PublicReason
from store.access import token_hash
from store.customer_notices.contacts import ContactRow
from store.customer_notices.looking import OrderFacts
from store.database import Connection
from store.live_times import rfc3339_ms
from store.notification.letters import LetterTable

LETTERS: Final = LetterTable(name="customer_notices", table="customer_notices")
LINK_DAYS: Final = 90
"""For how long the tracking link of a message leads to the order."""
CONFIRM_DAYS: Final = 7
"""For how long an address can be confirmed by the link that was sent to it."""
MOST_ASKED: Final = 3
"""So often within a day an address is asked whether it is somebody's, by whomever."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody knows of a line's date, to be kept; `since_ms`: since when they know it."""

    contact_id: int
    line_id: int
    known: Known
    since_ms: int


class MovedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line whose date somebody is told of.

    Attributes:
        known: what they know then; its number is one above what they knew.
    """

    line_id: int
    number: int
    item: str
    quantity: str
    unit: str
    from_ms: int
    to_ms: int
    known: Known


async def keep(connection: Connection, kept: Sequence[Kept]) -> None:
    """Keep what is known where nobody is told; a number that rose meanwhile stands."""
    rows = sorted(kept, key=lambda one: (one.contact_id, one.line_id))
    for each in rows:
        known = each.known
        await connection.execute(
            """
            INSERT INTO customer_dates AS d
                (contact_id, order_line_id, told_ms, moving_ms, moving, known_ms)
            SELECT c.id, l.id, %(told)s, %(moving_ms)s, %(moving)s, %(since)s
            -- Who was removed in between knows nothing.
            FROM customer_contacts c, order_lines l WHERE c.id = %(contact)s AND l.id = %(line)s
            ON CONFLICT (contact_id, order_line_id) DO UPDATE
            SET told_ms = coalesce(d.told_ms, excluded.told_ms), moving_ms = excluded.moving_ms,
                moving = excluded.moving
            WHERE d.number = %(number)s AND (d.told_ms IS NULL OR
                (d.moving_ms, d.moving) IS DISTINCT FROM (excluded.moving_ms, excluded.moving))
            """,
            {
                "contact": each.contact_id,
                "line": each.line_id,
                "told": known.told_ms,
                "moving_ms": known.moving_ms,
                "moving": known.moving,
                "since": each.since_ms,
                "number": known.number,
            },
        )


async def tell(
    connection: Connection,
    installation_key: str,
    contact: ContactRow,
    order: OrderFacts,
    lines: Sequence[MovedLine],
    *,
    reason: PublicReason,
    beyond: Callable[[int, int], bool],
    now_ms: int,
) -> UUID | None:
    """Tell somebody that dates of an order moved, in one message; within a transaction.

    None: nothing is told, because somebody else has told it, or because a message that had not
    been sent is withdrawn and the dates are where they were before it.
    """
    claimed = await _claim(connection, contact.id, lines, now_ms)
    if not claimed:
        return None
    unsent = await _withdraw_unsent(connection, contact.id, order.id)
    told = [
        msgspec.structs.replace(each, from_ms=unsent.get(each.line_id, each.from_ms))
        for each in lines
        if each.line_id in claimed
    ]
    told = [
        each
        for each in told
        if beyond(min(each.from_ms, each.to_ms), max(each.from_ms, each.to_ms))
    ]
    if not told:
        return None
    message_id = uuid4()
    notice_id = await _write_letter(
        connection,
        contact,
        message_id=message_id,
        why="date_moved",
        cause=f"order:{order.number}",
        order_id=order.id,
        body=_body(contact, order, told, reason),
        now_ms=now_ms,
    )
    await connection.cursor().executemany(
        """
        INSERT INTO customer_notice_lines
            (contact_id, order_line_id, number, notice_id, from_ms, to_ms)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [
            (contact.id, each.line_id, each.known.number, notice_id, each.from_ms, each.to_ms)
            for each in told
        ],
    )
    await connection.execute(
        """
        INSERT INTO tracking_links (token_hash, order_id, created_by, expires_at, line_number)
        VALUES (%s, %s, %s, now() + %s, %s)
        """,
        (
            token_hash(tracking_token(installation_key, message_id)),
            order.id,
            "notify",
            timedelta(days=LINK_DAYS),
            contact.line,
        ),
    )
    return message_id


async def ask(connection: Connection, contact: ContactRow, *, now_ms: int) -> bool:
    """Ask an address whether it is theirs; within a transaction.

    False: it was asked so often today that it is left in peace, whoever asks.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 39))", (contact.address,)
    )
    cursor = await connection.execute(
        """
        SELECT count(*) FROM customer_notices
        WHERE why = 'confirm' AND channel = %s AND address = %s
          AND decided_at > now() - interval '1 day'
        """,
        (contact.channel, contact.address),
    )
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST_ASKED:
        return False
    await _write_letter(
        connection,
        contact,
        message_id=uuid4(),
        why="confirm",
        cause=f"contact:{contact.contact_id}",
        order_id=contact.order_id,
        body={
            "contact": str(contact.contact_id),
            "customer": contact.customer_name,
            "order": contact.order,
        },
        now_ms=now_ms,
    )
    return True


async def _claim(
    connection: Connection, contact_id: int, lines: Sequence[MovedLine], now_ms: int
) -> set[int]:
    """The lines of which nobody else has told in between; what is known of them is raised."""
    claimed: set[int] = set()
    for each in sorted(lines, key=lambda one: one.line_id):
        known = each.known
        cursor = await connection.execute(
            """
            INSERT INTO customer_dates AS d
                (contact_id, order_line_id, told_ms, number, direction, turns, noticed_ms,
                 known_ms)
            SELECT c.id, l.id, %(told)s, %(number)s, %(direction)s, %(turns)s, %(now)s, %(now)s
            FROM customer_contacts c, order_lines l WHERE c.id = %(contact)s AND l.id = %(line)s
                AND c.confirmed_at IS NOT NULL AND c.unsubscribed_at IS NULL
            ON CONFLICT (contact_id, order_line_id) DO UPDATE
            SET told_ms = excluded.told_ms, number = excluded.number,
                direction = excluded.direction, turns = excluded.turns,
                noticed_ms = excluded.noticed_ms, known_ms = excluded.known_ms,
                moving_ms = NULL, moving = 0
            WHERE d.number = excluded.number - 1
            RETURNING d.order_line_id
            """,
            {
                "contact": contact_id,
                "line": each.line_id,
                "told": known.told_ms,
                "number": known.number,
                "direction": known.direction,
                "turns": known.turns,
                "now": now_ms,
            },
        )
        if await cursor.fetchone() is not None:
            claimed.add(each.line_id)
    return claimed


async def _withdraw_unsent(
    connection: Connection, contact_id: int, order_id: int
) -> dict[int, int]:
    """Withdraw what was not sent yet of an order; answers what its lines were said to move from.

    What was tried once may have arrived: it is not tried again, and counts as told.
    """
    cursor = await connection.execute(
        """
        WITH gone AS (
            UPDATE customer_notices SET state = 'withdrawn', note = 'the date moved again'
            WHERE contact_id = %s AND order_id = %s AND why = 'date_moved' AND state = 'waiting'
            RETURNING id, attempts
        )
        SELECT l.order_line_id, l.from_ms FROM gone g
        JOIN customer_notice_lines l ON l.notice_id = g.id WHERE g.attempts = 0
        """,
        (contact_id, order_id),
    )
    return dict(await cursor.fetchall())


def _body(
    contact: ContactRow, order: OrderFacts, lines: Sequence[MovedLine], reason: PublicReason
) -> dict[str, Any]:
    return {
        "contact": str(contact.contact_id),
        "name": contact.name,
        "order": order.number,
        "reference": order.reference,
        "customer": order.customer,
        "time_zone": order.time_zone,
        "reason": reason.value,
        "lines": [
            {
                "line": each.number,
                "item": each.item,
                "quantity": each.quantity,
                "unit": each.unit,
                "from": rfc3339_ms(each.from_ms),
                "to": rfc3339_ms(each.to_ms),
            }
            for each in lines
        ],
    }


async def _write_letter(
    connection: Connection,
    contact: ContactRow,
    *,
    message_id: UUID,
    why: str,
    cause: str,
    order_id: int | None,
    body: dict[str, Any],
    now_ms: int,
) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    cursor = await connection.execute(
        """
        INSERT INTO customer_notices
            (message_id, contact_id, order_id, cause, why, recipient, channel, address, language,
             state, next_at, body, decided_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', %s, %s, %s) RETURNING id
        """,
        (
            message_id,
            contact.id,
            order_id,
            cause,
            why,
            contact.name,
            contact.channel,
            contact.address,
            contact.language,
            now,
            Jsonb(body),
            now,
        ),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    notice_id: int = row[0]
    return notice_id


async def drop_older(connection: Connection, before: datetime, *, at_once: int) -> int:
    """Drop messages that are over and older than they are kept; answers how many."""
    cursor = await connection.execute(
        """
        DELETE FROM customer_notices WHERE id IN (
            SELECT id FROM customer_notices WHERE decided_at < %s AND state <> 'waiting' LIMIT %s)
        """,
        (before, at_once),
    )
    return cursor.rowcount
