"""Alarms as they stand, what happened to them, and what waits for a delay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.alarms.deciding import Known, Pending
from domain.alarms.rates import Annunciation, Lasting
from domain.alarms.rules import AlarmPriority
from domain.alarms.subjects import Subject, SubjectKind
from store.database import Connection
from store.filters import Filters, Page, containing


class AlarmRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm with its rule's words. `state` is one of ISA-18.2's (`domain.alarms.states`)."""

    id: int
    cause: str
    rule: str
    rule_version: int
    name: str
    response: str
    kind: str
    subject_kind: str
    subject: str
    subject_id: int | None
    site: str | None
    place: str | None
    priority: str
    state: str
    active: bool
    occurrence: int
    raised_at: datetime
    since: datetime | None
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    shelved_until: datetime | None
    shelved_by: str | None
    shelve_minutes: int
    suppressed_by: str | None
    assigned_to: str | None
    value: float | None
    limit: float | None
    detail: dict[str, Any]
    changed_at: datetime
    version: int


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alarm."""

    id: int
    alarm_id: int
    cause: str
    rule: str
    name: str
    site: str | None
    subject_kind: str
    subject: str
    occurrence: int
    at: datetime
    event: str
    before: str
    after: str
    annunciated: bool
    priority: str
    actor: str
    reason: str | None
    detail: dict[str, Any]


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an escalation that was made."""

    occurrence: int
    raised_at: datetime
    step: int
    due_at: datetime
    made_at: datetime
    uncovered: list[str]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which alarms, or entries of the journal, are looked for; None: any.

    Attributes:
        standing: only what is not `normal`.
        limited_to, lines: what whoever asks may see; empty: everything.
    """

    site: str | None = None
    state: Collection[str] | None = None
    priority: Collection[str] | None = None
    rule: str | None = None
    subject_kind: str | None = None
    subject: str | None = None
    assigned_to: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    alarm_id: int | None = None
    event: str | None = None
    standing: bool = False
    limited_to: Collection[str] = ()
    lines: Collection[str] = ()


_ALARM: Final = sql.SQL(
    """
    SELECT a.id, a.cause, d.code AS rule, a.rule_version, v.body->>'name' AS name,
           v.body->>'response' AS response, v.body->'condition'->>'kind' AS kind,
           a.subject_kind, a.subject_key AS subject, a.subject_id, s.code AS site, a.place,
           a.priority, a.state, a.standing & 1 = 1 AS active, a.occurrence, a.raised_at, a.since,
           a.cleared_at, a.acknowledged_at, a.acknowledged_by, a.shelved_until, a.shelved_by,
           (v.body->>'shelve_minutes')::integer AS shelve_minutes, a.suppressed_by,
           a.assigned_to, a.value, a.value_limit AS limit, a.detail, a.changed_at, a.version
    FROM alarms a
    JOIN alarm_definitions d ON d.id = a.rule_id
    JOIN alarm_definition_versions v
        ON v.definition_id = a.rule_id AND v.version = a.rule_version
    LEFT JOIN sites s ON s.id = a.site_id
    """
)
_JOURNAL: Final = sql.SQL(
    """
    SELECT j.id, j.alarm_id, a.cause, d.code AS rule, v.body->>'name' AS name, s.code AS site,
           a.subject_kind, a.subject_key AS subject, j.occurrence, j.at, j.event,
           alarm_state(j.before) AS before, alarm_state(j.after) AS after, j.annunciated,
           j.priority, j.actor, j.reason, j.detail
    FROM alarm_journal j JOIN alarms a ON a.id = j.alarm_id
    JOIN alarm_definitions d ON d.id = j.rule_id
    JOIN alarm_definition_versions v
        ON v.definition_id = j.rule_id AND v.version = j.rule_version
    LEFT JOIN sites s ON s.id = a.site_id
    """
)
_RANK: Final = sql.SQL("array_position(ARRAY['critical', 'high', 'medium', 'low'], a.priority)")
_ASKING: Final = sql.SQL(
    "(a.state IN ('unacknowledged', 'returned', 'latched_unacknowledged')) DESC"
)


def _filters(wanted: Wanted) -> Filters:
    filters = Filters()
    filters.limit_to_sites(wanted.limited_to)
    filters.add("s.code = %(site)s", site=wanted.site)
    filters.add("a.id = %(alarm_id)s", alarm_id=wanted.alarm_id)
    filters.add("d.code = %(rule)s", rule=wanted.rule)
    filters.add("a.subject_kind = %(subject_kind)s", subject_kind=wanted.subject_kind)
    filters.add("a.subject_key = %(subject)s", subject=wanted.subject)
    filters.add("a.assigned_to = %(assigned_to)s", assigned_to=wanted.assigned_to)
    filters.add(
        "(a.subject_key ILIKE %(search)s OR v.body->>'name' ILIKE %(search)s)",
        search=containing(wanted.search) if wanted.search else None,
    )
    if wanted.standing:
        filters.add("a.standing <> 0")
    if wanted.lines:
        # Of machines and lines only those of one's own lines; orders and items are the site's.
        filters.add(
            """(a.subject_kind NOT IN ('machine', 'line') OR
                array_to_string((string_to_array(a.place, '/'))[1:3], '/') = ANY(%(lines)s))""",
            lines=list(wanted.lines),
        )
    return filters


async def alarms(connection: Connection, page: Page, wanted: Wanted) -> tuple[list[AlarmRow], int]:
    """Alarms, those first that ask for an answer, by urgency and age; and how many there are."""
    filters = _filters(wanted)
    filters.add("a.state = ANY(%(state)s)", state=_many(wanted.state))
    filters.add("a.priority = ANY(%(priority)s)", priority=_many(wanted.priority))
    cursor = connection.cursor(row_factory=class_row(AlarmRow))
    await cursor.execute(
        _ALARM
        + filters.where
        + sql.SQL(" ORDER BY {}, {}, a.raised_at, a.id LIMIT %(limit)s OFFSET %(offset)s").format(
            _ASKING, _RANK
        ),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    return rows, await _count(connection, _ALARM, filters)


async def alarm(connection: Connection, alarm_id: int) -> AlarmRow | None:
    """One alarm."""
    cursor = connection.cursor(row_factory=class_row(AlarmRow))
    await cursor.execute(_ALARM + sql.SQL(" WHERE a.id = %s"), (alarm_id,))
    return await cursor.fetchone()


async def steps(connection: Connection, alarm_id: int) -> list[StepRow]:
    """The steps that were made for an alarm, newest first."""
    cursor = connection.cursor(row_factory=class_row(StepRow))
    await cursor.execute(
        """
        SELECT occurrence, raised_at, step, due_at, made_at, uncovered FROM alarm_steps
        WHERE alarm_id = %s ORDER BY made_at DESC, occurrence DESC, step DESC
        """,
        (alarm_id,),
    )
    return await cursor.fetchall()


async def journal(
    connection: Connection, page: Page, wanted: Wanted
) -> tuple[list[JournalRow], int]:
    """What happened, newest first, and how much there is."""
    filters = _filters(wanted)
    filters.add("j.event = %(event)s", event=wanted.event)
    filters.add("j.priority = ANY(%(priority)s)", priority=_many(wanted.priority))
    filters.add("j.at >= %(since)s", since=wanted.since)
    filters.add("j.at < %(until)s", until=wanted.until)
    cursor = connection.cursor(row_factory=class_row(JournalRow))
    await cursor.execute(
        _JOURNAL + filters.where + sql.SQL(" ORDER BY j.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    return rows, await _count(connection, _JOURNAL, filters)


async def _count(connection: Connection, query: sql.SQL, filters: Filters) -> int:
    cursor = await connection.execute(
        sql.SQL("SELECT count(*) FROM ({}) AS found").format(query + filters.where),
        filters.parameters,
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


def _many(values: Collection[str] | None) -> list[str] | None:
    return None if values is None else [str(each) for each in values]


# For deciding ------------------------------------------------------------------------------------


async def known(connection: Connection) -> dict[str, tuple[int, Known]]:
    """Alarms that are active or suppressed, with their ids, by cause."""
    cursor = await connection.execute(
        """
        SELECT a.id, a.cause, d.code, a.subject_kind, a.subject_key, a.subject_id, s.code, a.place,
               a.standing & 1 = 1, CASE WHEN a.standing & 16 = 16 THEN a.suppressed_by END
        FROM alarms a JOIN alarm_definitions d ON d.id = a.rule_id
        LEFT JOIN sites s ON s.id = a.site_id
        WHERE a.standing & 17 <> 0
        """
    )
    return {
        cause: (
            alarm_id,
            Known(
                cause=cause,
                rule=rule,
                subject=Subject(
                    kind=SubjectKind(kind), key=key, site=site, place=place, id=subject_id
                ),
                active=active,
                suppressed_by=by,
            ),
        )
        for alarm_id, cause, rule, kind, key, subject_id, site, place, active, by in (
            await cursor.fetchall()
        )
    }


async def pending(connection: Connection) -> dict[str, Pending]:
    """What waits for a delay, by cause."""
    cursor = await connection.execute("SELECT cause, holds, since_ms FROM alarm_pending")
    return {cause: Pending(holds, since_ms) for cause, holds, since_ms in await cursor.fetchall()}


async def write_pending(
    connection: Connection, before: Mapping[str, Pending], now: Mapping[str, Pending]
) -> None:
    """Make what waits as it is now."""
    gone = sorted(before.keys() - now.keys())
    if gone:
        await connection.execute("DELETE FROM alarm_pending WHERE cause = ANY(%s)", (gone,))
    new = sorted((cause, each) for cause, each in now.items() if before.get(cause) != each)
    if new:
        await connection.execute(
            """
            INSERT INTO alarm_pending (cause, holds, since_ms)
            SELECT * FROM unnest(%s::text[], %s::boolean[], %s::bigint[])
            ON CONFLICT (cause) DO UPDATE SET holds = excluded.holds, since_ms = excluded.since_ms
            """,
            (
                [cause for cause, _ in new],
                [each.holds for _, each in new],
                [each.since_ms for _, each in new],
            ),
        )


async def shelves_over(connection: Connection, *, now_ms: int) -> list[int]:
    """Alarms whose shelving has lasted as long as it was to."""
    cursor = await connection.execute(
        "SELECT id FROM alarms WHERE shelved_until <= %s ORDER BY id",
        (datetime.fromtimestamp(now_ms / 1000, UTC),),
    )
    return [row[0] for row in await cursor.fetchall()]


# For measuring -----------------------------------------------------------------------------------


async def annunciations(connection: Connection, wanted: Wanted) -> list[Annunciation]:
    """What was told to people within a time, in its order."""
    filters = _filters(wanted)
    filters.add("j.annunciated")
    filters.add("j.at >= %(since)s", since=wanted.since)
    filters.add("j.at < %(until)s", until=wanted.until)
    cursor = await connection.execute(
        sql.SQL(
            """
            SELECT (extract(epoch FROM j.at) * 1000)::bigint, a.cause, d.code, j.priority
            FROM alarm_journal j JOIN alarms a ON a.id = j.alarm_id
            JOIN alarm_definitions d ON d.id = j.rule_id
            JOIN alarm_definition_versions v
                ON v.definition_id = j.rule_id AND v.version = j.rule_version
            LEFT JOIN sites s ON s.id = a.site_id
            """
        )
        + filters.where
        + sql.SQL(" ORDER BY j.at, j.id"),
        filters.parameters,
    )
    return [
        Annunciation(at_ms, cause, rule, AlarmPriority(priority))
        for at_ms, cause, rule, priority in await cursor.fetchall()
    ]


async def lasting(connection: Connection, wanted: Wanted) -> list[Lasting]:
    """Alarms that are active now and shown to people, and since when."""
    filters = _filters(wanted)
    filters.add("a.state IN ('unacknowledged', 'acknowledged')")
    cursor = connection.cursor(row_factory=class_row(AlarmRow))
    await cursor.execute(_ALARM + filters.where, filters.parameters)
    return [
        Lasting(row.cause, round(row.raised_at.timestamp() * 1000))
        for row in await cursor.fetchall()
    ]
