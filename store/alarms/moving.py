"""Raise, clear, acknowledge and all the others: each one statement on the row as it is when locked.

`alarm_after` (migration 0034) decides, the same as `domain.alarms.states.after`. A statement that
finds another standing than its caller saw does what that one allows, or nothing; with the alarm go
its journal and the wake-up. Answers tell only what moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.alarms.deciding import Raising
from domain.alarms.states import AlarmEvent, AlarmState, Standing, state_of
from store.audit import Actor
from store.database import Connection

CHANNEL: Final = "gemba_alarms"
"""NOTIFY says so with the site's code whenever an alarm moved."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that an event has moved."""

    id: int
    cause: str
    site: str | None
    occurrence: int
    event: str
    before: int
    after: int
    priority: str
    raised_at: datetime
    version: int

    @property
    def state(self) -> AlarmState:
        """Its state now."""
        return state_of(Standing(self.after))


# What both statements end with: the journal, the wake-up, and what moved.
_END: Final = sql.SQL(
    """
    , entries AS (
        INSERT INTO alarm_journal (alarm_id, occurrence, at, event, before, after, priority,
                                   rule_id, rule_version, actor, origin, reason, detail)
        SELECT id, occurrence, %(at)s, event, before, standing, priority, rule_id, rule_version,
               %(actor)s, %(origin)s, %(reason)s, told
        FROM moved
    ), woken AS (
        SELECT pg_notify('gemba_alarms', coalesce(s.code, ''))
        FROM moved m LEFT JOIN sites s ON s.id = m.site_id
    )
    SELECT m.id, m.cause, s.code AS site, m.occurrence, m.event, m.before, m.standing AS after,
           m.priority, m.raised_at, m.version
    FROM moved m LEFT JOIN sites s ON s.id = m.site_id
    WHERE (SELECT count(*) FROM woken) >= 0
    ORDER BY m.id
    """
)

_RAISE: Final = (
    sql.SQL(
        """
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(%(alarms)s) AS a (
            cause text, rule_id integer, rule_version integer, subject_kind text,
            subject_key text, subject_id bigint, site text, place text, priority text,
            latching boolean, since_ms bigint, suppressed_by text, value float8,
            value_limit float8, detail jsonb)
    ), moved AS (
        INSERT INTO alarms AS a (
            cause, rule_id, rule_version, subject_kind, subject_key, subject_id, site_id, place,
            priority, latching, standing, before, raised_at, since, suppressed_by, value,
            value_limit, detail, changed_at)
        SELECT n.cause, n.rule_id, n.rule_version, n.subject_kind, n.subject_key, n.subject_id,
               s.id, n.place, n.priority, n.latching,
               alarm_after(CASE WHEN n.suppressed_by IS NULL THEN 0 ELSE 16 END::smallint,
                           'raise', n.latching),
               0, %(at)s, to_timestamp(n.since_ms / 1000.0), n.suppressed_by, n.value,
               n.value_limit, n.detail, %(at)s
        FROM asked n LEFT JOIN sites s ON s.code = n.site
        ORDER BY n.cause
        ON CONFLICT (cause) DO UPDATE SET
            before = a.standing,
            standing = alarm_after(
                (a.standing | CASE WHEN excluded.suppressed_by IS NULL THEN 0 ELSE 16 END)
                    ::smallint, 'raise', excluded.latching),
            suppressed_by = coalesce(excluded.suppressed_by, a.suppressed_by),
            rule_id = excluded.rule_id, rule_version = excluded.rule_version,
            subject_id = excluded.subject_id, site_id = excluded.site_id, place = excluded.place,
            priority = excluded.priority, latching = excluded.latching,
            occurrence = a.occurrence + 1, raised_at = excluded.raised_at, since = excluded.since,
            cleared_at = NULL, acknowledged_at = NULL, acknowledged_by = NULL,
            assigned_to = NULL, value = excluded.value, value_limit = excluded.value_limit,
            detail = excluded.detail, changed_at = excluded.changed_at, version = a.version + 1
        WHERE alarm_after(a.standing, 'raise', excluded.latching) IS NOT NULL
        RETURNING a.*, 'raise' AS event, jsonb_strip_nulls(jsonb_build_object(
            'value', a.value, 'limit', a.value_limit, 'suppressed_by', a.suppressed_by,
            'since', a.since)) || a.detail AS told
    )
        """
    )
    + _END
)

_MOVE: Final = (
    sql.SQL(
        """
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(%(alarms)s) AS a (
            id bigint, event text, occurrence integer, by_cause text, until timestamptz)
    ), locked AS (
        SELECT a.id FROM alarms a WHERE a.id IN (SELECT id FROM asked)
        ORDER BY a.id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE alarms a SET
            before = a.standing,
            standing = alarm_after(a.standing, n.event, a.latching),
            cleared_at = CASE n.event WHEN 'clear' THEN %(at)s ELSE a.cleared_at END,
            acknowledged_at = CASE n.event WHEN 'acknowledge' THEN %(at)s
                                           ELSE a.acknowledged_at END,
            acknowledged_by = CASE n.event WHEN 'acknowledge' THEN %(actor)s
                                           ELSE a.acknowledged_by END,
            shelved_until = CASE n.event WHEN 'shelve' THEN n.until WHEN 'unshelve' THEN NULL
                                         ELSE a.shelved_until END,
            shelved_by = CASE n.event WHEN 'shelve' THEN %(actor)s WHEN 'unshelve' THEN NULL
                                      ELSE a.shelved_by END,
            suppressed_by = CASE n.event WHEN 'suppress' THEN n.by_cause
                                         WHEN 'unsuppress' THEN NULL ELSE a.suppressed_by END,
            raised_at = CASE
                WHEN n.event IN ('unshelve', 'unsuppress', 'return')
                     AND alarm_state(alarm_after(a.standing, n.event, a.latching))
                         = 'unacknowledged'
                THEN %(at)s ELSE a.raised_at END,
            changed_at = %(at)s, version = a.version + 1
        FROM asked n JOIN locked l ON l.id = n.id
        WHERE a.id = n.id AND alarm_after(a.standing, n.event, a.latching) IS NOT NULL
          AND (n.occurrence IS NULL OR n.occurrence = a.occurrence)
        RETURNING a.*, n.event, jsonb_strip_nulls(jsonb_build_object(
            'suppressed_by', n.by_cause, 'until', n.until)) AS told
    )
        """
    )
    + _END
)

_ASSIGN: Final = (
    sql.SQL(
        """
    WITH moved AS (
        UPDATE alarms a SET assigned_to = %(to)s, before = a.standing, changed_at = %(at)s,
            version = a.version + 1
        WHERE id = %(id)s AND assigned_to IS DISTINCT FROM %(to)s
        RETURNING a.*, 'assign' AS event, jsonb_build_object('to', %(to)s::text) AS told
    )
        """
    )
    + _END
)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An event for an alarm.

    Attributes:
        occurrence: it is meant for this one only: what was raised again meanwhile is another.
        by_cause: of a suppression: what explains it.
        until: of a shelving: when it ends by itself.
    """

    id: int
    event: AlarmEvent
    occurrence: int | None = None
    by_cause: str | None = None
    until: datetime | None = None


async def raise_alarms(
    connection: Connection,
    raising: Sequence[Raising],
    *,
    rule_ids: Mapping[str, tuple[int, int]],
    now_ms: int,
    actor: Actor,
) -> list[Moved]:
    """Raise alarms; answers those that were not active already, whoever else raises them now.

    Args:
        connection: where; each cause once per call.
        raising: what was found.
        rule_ids: id and version of each rule by its code.
        now_ms: the moment.
        actor: who found it.
    """
    if not raising:
        return []
    alarms = []
    for each in raising:
        rule, subject = each.found.rule, each.found.subject
        rule_id, rule_version = rule_ids[rule.code]
        alarms.append(
            {
                "cause": each.found.cause,
                "rule_id": rule_id,
                "rule_version": rule_version,
                "subject_kind": subject.kind.value,
                "subject_key": subject.key,
                "subject_id": subject.id,
                "site": subject.site,
                "place": subject.place,
                "priority": rule.priority.value,
                "latching": rule.latching,
                "since_ms": each.found.since_ms,
                "suppressed_by": each.suppressed_by,
                "value": each.found.value,
                "value_limit": each.found.limit,
                "detail": each.found.detail,
            }
        )
    return await _made(connection, _RAISE, alarms, now_ms=now_ms, actor=actor, reason=None)


async def move_alarms(
    connection: Connection,
    moves: Sequence[Move],
    *,
    now_ms: int,
    actor: Actor,
    reason: str | None = None,
) -> list[Moved]:
    """Let events happen to alarms, each alarm once per call; answers those that moved."""
    if not moves:
        return []
    alarms = [
        {
            "id": each.id,
            "event": each.event.value,
            "occurrence": each.occurrence,
            "by_cause": each.by_cause,
            "until": None if each.until is None else each.until.isoformat(),
        }
        for each in moves
    ]
    return await _made(connection, _MOVE, alarms, now_ms=now_ms, actor=actor, reason=reason)


async def _made(
    connection: Connection,
    statement: sql.Composed,
    alarms: Sequence[Mapping[str, Any]],
    *,
    now_ms: int,
    actor: Actor,
    reason: str | None,
) -> list[Moved]:
    cursor = connection.cursor(row_factory=class_row(Moved))
    await cursor.execute(
        statement,
        {
            "alarms": Jsonb(alarms),
            "at": datetime.fromtimestamp(now_ms / 1000, UTC),
            "actor": actor.name,
            "origin": actor.origin,
            "reason": reason,
        },
    )
    return await cursor.fetchall()


async def assign(
    connection: Connection, alarm_id: int, to: str | None, *, now_ms: int, actor: Actor
) -> list[Moved]:
    """Say who sees to an alarm (None: nobody); nothing: they do already, or there is none."""
    cursor = connection.cursor(row_factory=class_row(Moved))
    await cursor.execute(
        _ASSIGN,
        {
            "id": alarm_id,
            "to": to,
            "at": datetime.fromtimestamp(now_ms / 1000, UTC),
            "actor": actor.name,
            "origin": actor.origin,
            "reason": None,
        },
    )
    return await cursor.fetchall()
