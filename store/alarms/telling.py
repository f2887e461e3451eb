"""Telling people: steps of escalations, messages with their cause, digests.

A step is made by whoever writes its row, a message stands once per alarm, annunciation, step,
person and way: once in the books, whoever decides it. What sends them is `store.alarms.messages`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.alarms.recipients import Sent
from domain.alarms.states import AlarmState, Standing, state_of
from store.database import Connection

_HOUR: Final = timedelta(hours=1)
_MOST_IN_A_DIGEST: Final = 500


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm whose rule has an escalation, and the steps that were made."""

    id: int
    cause: str
    occurrence: int
    standing: int
    raised_at: datetime
    priority: str
    site: str | None
    escalation: str
    done: list[int]
    name: str
    response: str
    subject_kind: str
    subject: str
    value: float | None
    limit: float | None
    detail: dict[str, Any]

    @property
    def state(self) -> AlarmState:
        """Its state."""
        return state_of(Standing(self.standing))

    @property
    def raised_ms(self) -> int:
        """When it was told to people."""
        return round(self.raised_at.timestamp() * 1000)

    def body(self, **more: Any) -> dict[str, Any]:
        """What templates say of it."""
        return {
            "alarm": self.id,
            "cause": self.cause,
            "name": self.name,
            "response": self.response,
            "priority": self.priority,
            "site": self.site,
            "subject_kind": self.subject_kind,
            "subject": self.subject,
            "value": self.value,
            "limit": self.limit,
            "detail": self.detail,
            "raised_at": self.raised_at.isoformat(),
            **more,
        }


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to somebody by one way, and what becomes of it."""

    alarm_id: int | None
    occurrence: int | None
    counts_from: datetime | None
    why: str
    recipient: str
    channel: str
    address: str
    language: str
    priority: str
    state: str
    because: str
    next_at: datetime
    body: dict[str, Any]


_OPEN: Final = """
    SELECT a.id, a.cause, a.occurrence, a.standing, a.raised_at, a.priority, s.code AS site,
           v.body->>'escalation' AS escalation,
           ARRAY(SELECT t.step FROM alarm_steps t WHERE t.alarm_id = a.id
                 AND t.occurrence = a.occurrence AND t.raised_at = a.raised_at) AS done,
           v.body->>'name' AS name, v.body->>'response' AS response, a.subject_kind,
           a.subject_key AS subject, a.value, a.value_limit AS limit, a.detail
    FROM alarms a
    JOIN alarm_definition_versions v
        ON v.definition_id = a.rule_id AND v.version = a.rule_version
    LEFT JOIN sites s ON s.id = a.site_id
    WHERE v.body->>'escalation' IS NOT NULL
"""


async def open_alarms(connection: Connection) -> list[Open]:
    """Alarms that stand in the list and may have steps due."""
    cursor = connection.cursor(row_factory=class_row(Open))
    await cursor.execute(
        _OPEN
        + """ AND a.state IN ('unacknowledged', 'acknowledged', 'latched_unacknowledged',
                              'latched_acknowledged') ORDER BY a.id"""
    )
    return await cursor.fetchall()


async def of_ids(connection: Connection, alarm_ids: Collection[int]) -> list[Open]:
    """Alarms that have an escalation, of these."""
    cursor = connection.cursor(row_factory=class_row(Open))
    await cursor.execute(_OPEN + " AND a.id = ANY(%s) ORDER BY a.id", (list(alarm_ids),))
    return await cursor.fetchall()


async def make_step(
    connection: Connection,
    alarm: Open,
    step: int,
    *,
    due_ms: int,
    now_ms: int,
    uncovered: Sequence[str],
) -> bool:
    """Make a step; False: somebody else has made it, or it is not the same alarm any more."""
    cursor = await connection.execute(
        """
        INSERT INTO alarm_steps (alarm_id, occurrence, raised_at, step, due_at, made_at, uncovered)
        SELECT id, occurrence, raised_at, %(step)s, %(due)s, %(now)s, %(uncovered)s FROM alarms
        WHERE id = %(id)s AND occurrence = %(occurrence)s AND raised_at = %(raised)s
          AND standing = %(standing)s
        ON CONFLICT DO NOTHING RETURNING step
        """,
        {
            "id": alarm.id,
            "occurrence": alarm.occurrence,
            "raised": alarm.raised_at,
            "standing": alarm.standing,
            "step": step,
            "due": _moment(due_ms),
            "now": _moment(now_ms),
            "uncovered": list(uncovered),
        },
    )
    return await cursor.fetchone() is not None


async def sent_lately(
    connection: Connection, recipients: Collection[str], *, now_ms: int
) -> dict[str, Sent]:
    """What went to recipients within the last hour; a message by several ways counts once."""
    since = _moment(now_ms) - _HOUR
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (recipient) recipient, because = 'flood' FROM alarm_messages
        WHERE recipient = ANY(%s) AND decided_at > %s AND why <> 'digest'
        ORDER BY recipient, id DESC
        """,
        (list(recipients), since),
    )
    flooded: dict[str, bool] = dict(await cursor.fetchall())
    cursor = await connection.execute(
        """
        SELECT recipient, (extract(epoch FROM max(decided_at)) * 1000)::bigint
        FROM alarm_messages
        WHERE recipient = ANY(%s) AND decided_at > %s AND why = 'digest' GROUP BY recipient
        """,
        (list(recipients), since),
    )
    digests: dict[str, int] = dict(await cursor.fetchall())
    cursor = await connection.execute(
        """
        SELECT recipient, (extract(epoch FROM min(decided_at)) * 1000)::bigint,
               bool_or(state IN ('waiting', 'sent'))
        FROM alarm_messages
        WHERE recipient = ANY(%s) AND decided_at > %s AND why <> 'digest'
        GROUP BY recipient, alarm_id, occurrence, counts_from, why
        """,
        (list(recipients), since),
    )
    decided: dict[str, list[int]] = {each: [] for each in recipients}
    sent: dict[str, list[int]] = {each: [] for each in recipients}
    for recipient, at_ms, alone in await cursor.fetchall():
        decided[recipient].append(at_ms)
        if alone:
            sent[recipient].append(at_ms)
    return {
        each: Sent(
            decided_ms=tuple(sorted(decided[each])),
            sent_ms=tuple(sorted(sent[each])),
            flooded=flooded.get(each, False),
            digest_ms=digests.get(each),
        )
        for each in recipients
    }


async def add_messages(
    connection: Connection, new: Sequence[NewMessage], *, now_ms: int
) -> list[int]:
    """Store messages; answers the ids of those that were not decided before."""
    if not new:
        return []
    rows = [msgspec.to_builtins(each) for each in new]
    cursor = await connection.execute(
        """
        INSERT INTO alarm_messages (alarm_id, occurrence, counts_from, why, recipient, channel,
            address, language, priority, state, because, next_at, body, decided_at)
        SELECT n.alarm_id, n.occurrence, n.counts_from, n.why, n.recipient, n.channel, n.address,
               n.language, n.priority, n.state, n.because, n.next_at, n.body, %(now)s
        FROM ROWS FROM (jsonb_to_recordset(%(rows)s) AS (
            alarm_id bigint, occurrence integer, counts_from timestamptz, why text,
            recipient text, channel text, address text, language text, priority text, state text,
            because text, next_at timestamptz, body jsonb)) WITH ORDINALITY AS n (
            alarm_id, occurrence, counts_from, why, recipient, channel, address, language,
            priority, state, because, next_at, body, place)
        ORDER BY n.place
        ON CONFLICT DO NOTHING RETURNING id
        """,
        {"rows": Jsonb(rows), "now": _moment(now_ms)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def told_of(
    connection: Connection, alarm_id: int, occurrence: int
) -> list[tuple[str, str, str, str]]:
    """Who was told of an occurrence, or is being told: recipient, channel, address, language."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT recipient, channel, address, language FROM alarm_messages
        WHERE alarm_id = %s AND occurrence = %s AND why LIKE 'step %%'
          AND (state IN ('sent', 'told') OR state = 'waiting' AND attempts > 0)
        ORDER BY recipient, channel, address
        """,
        (alarm_id, occurrence),
    )
    return await cursor.fetchall()


async def withdraw(connection: Connection, alarm_id: int, occurrence: int) -> int:
    """Send no more of what was not sent of an occurrence that is over; answers how much."""
    cursor = await connection.execute(
        """
        UPDATE alarm_messages SET state = 'withdrawn', because = 'over'
        WHERE alarm_id = %s AND occurrence = %s AND why LIKE 'step %%'
          AND (state IN ('held', 'gathered') OR state = 'waiting' AND attempts = 0)
        RETURNING id
        """,
        (alarm_id, occurrence),
    )
    return len(await cursor.fetchall())


async def gather(connection: Connection, *, now_ms: int) -> int:
    """Make digests of what has waited for one, or for the end of quiet hours; answers how many.

    What is alone goes as it is. Each recipient's way has a digest of its own.
    """
    cursor = await connection.execute(
        """
        SELECT id, recipient, channel, address, language, priority, body, why
        FROM alarm_messages WHERE state IN ('held', 'gathered') AND next_at <= %s
        ORDER BY recipient, channel, address, id FOR UPDATE SKIP LOCKED LIMIT %s
        """,
        (_moment(now_ms), _MOST_IN_A_DIGEST),
    )
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for row in await cursor.fetchall():
        groups.setdefault((row[1], row[2], row[3]), []).append(row)
    for (recipient, channel, address), rows in groups.items():
        ids = [row[0] for row in rows]
        if len(ids) == 1:
            await connection.execute(
                "UPDATE alarm_messages SET state = 'waiting' WHERE id = %s", (ids[0],)
            )
            continue
        digest = NewMessage(
            alarm_id=None,
            occurrence=None,
            counts_from=_moment(now_ms),
            why="digest",
            recipient=recipient,
            channel=channel,
            address=address,
            language=rows[0][4],
            priority=max((row[5] for row in rows), key=rank_of),
            state="waiting",
            because="digest",
            next_at=_moment(now_ms),
            body={"count": len(rows), "messages": [{**row[6], "why": row[7]} for row in rows]},
        )
        added = await add_messages(connection, [digest], now_ms=now_ms)
        await connection.execute(
            "UPDATE alarm_messages SET state = 'told', digest_id = %s WHERE id = ANY(%s)",
            (added[0] if added else None, ids),
        )
    return len(groups)


def rank_of(priority: str) -> int:
    """How urgent a priority is, from 0."""
    return ("low", "medium", "high", "critical").index(priority)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
