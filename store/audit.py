"""The append-only record of who changed what, when, from where and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.outward import EVENT_OF
from store.database import Connection
from store.filters import Filters, Page, containing


class Actor(msgspec.Struct, frozen=True):
    """Who acts, and from where: an address, a terminal, a program."""

    name: str
    origin: str


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry."""

    id: int
    at: datetime
    actor: str
    origin: str
    action: str
    work_order: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, with what it is about."""

    id: int
    at: datetime
    actor: str
    origin: str
    site: str | None
    object_kind: str | None
    object_key: str | None
    order_number: str | None
    work_order: str | None
    action: str
    reason: str | None
    before: Any
    after: Any


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are looked for; None: any."""

    actor: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_key: str | None = None
    order: str | None = None
    site: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    """Text in who, what, why or the object's name."""
    limited_to: Collection[str] = ()
    """Entries of these sites only, and none that are of no site; empty: all."""
    lines: Collection[str] = ()
    """Of machines' entries only those of these lines (`site/area/line`); empty: all."""


def _jsonb(value: Mapping[str, object] | None) -> Jsonb | None:
    if value is None:
        return None
    return Jsonb(value, dumps=lambda content: msgspec.json.encode(content).decode())


async def write(
    connection: Connection,
    *,
    actor: Actor,
    action: str,
    site_id: int | None = None,
    order_id: int | None = None,
    work_order_id: int | None = None,
    object_kind: str | None = None,
    object_key: str | None = None,
    reason: str | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write an entry, in the transaction of the change that it tells of. It stays as it is.

    What the outside may want to know of is queued with it (`domain.outward`, `store.outward`).

    Args:
        connection: the change's transaction.
        actor: who, and from where.
        action: past tense, as in `contracts.streams.OrderEvent`.
        site_id: where it happened.
        order_id: the order changed.
        work_order_id: the work order changed.
        object_kind: what was changed (`user`, `machine`, …); by default the order, else the work
            order.
        object_key: its name among its kind.
        reason: why, in the actor's words.
        before: what was changed, as it stood.
        after: what was changed, as it stands now.
    """
    await connection.execute(
        """
        WITH entry AS (INSERT INTO audit_log
            (actor, origin, site_id, order_id, work_order_id, object_kind, object_key, action,
             reason, before, after)
        SELECT %(actor)s::text, %(origin)s::text, %(site)s::integer, %(order)s::bigint,
               %(work_order)s::bigint,
               CASE WHEN %(kind)s::text IS NOT NULL THEN %(kind)s::text
                    WHEN %(order)s::bigint IS NOT NULL THEN 'order'
                    WHEN %(work_order)s::bigint IS NOT NULL THEN 'work_order' END,
               CASE WHEN %(kind)s::text IS NOT NULL THEN %(key)s::text
                    WHEN %(order)s::bigint IS NOT NULL
                    THEN (SELECT number FROM orders WHERE id = %(order)s::bigint)
                    ELSE (SELECT number FROM work_orders WHERE id = %(work_order)s::bigint) END,
               %(action)s::text, %(reason)s::text, %(before)s::jsonb, %(after)s::jsonb
        RETURNING id)
        INSERT INTO outward_queue SELECT id FROM entry WHERE %(outward)s
        """,
        {
            "actor": actor.name,
            "origin": actor.origin,
            "site": site_id,
            "order": order_id,
            "work_order": work_order_id,
            "kind": object_kind,
            "key": object_key,
            "action": action,
            "reason": reason,
            "before": _jsonb(before),
            "after": _jsonb(after),
            "outward": action in EVENT_OF,
        },
    )


class OrderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about an order, one of many that tell of the same action."""

    order_id: int
    site_id: int
    after: dict[str, Any]
    actor: Actor | None = None
    """Who, where it is not the same for all of them."""


async def write_of_orders(
    connection: Connection,
    entries: Sequence[OrderEntry],
    *,
    actor: Actor | None = None,
    action: str,
    reason: str | None = None,
) -> None:
    """Write an entry for each of some orders; otherwise like `write`.

    `actor` is who did it where an entry does not say so itself.
    """
    await connection.execute(
        """
        WITH entry AS (INSERT INTO audit_log
            (actor, origin, site_id, order_id, object_kind, object_key, action, reason, after)
        SELECT e.actor, e.origin, e.site_id, e.order_id, 'order', o.number, %s::text, %s::text,
               nullif(e.after, 'null'::jsonb)
        FROM jsonb_to_recordset(%s) AS e (
            place integer, actor text, origin text, site_id integer, order_id bigint, after jsonb)
        LEFT JOIN orders o ON o.id = e.order_id
        ORDER BY e.place
        RETURNING id)
        INSERT INTO outward_queue SELECT id FROM entry WHERE %s
        """,
        (action, reason, _as_json(entries, actor), action in EVENT_OF),
    )


def _as_json(entries: Sequence[OrderEntry], actor: Actor | None) -> Jsonb:
    """Entries as one value: arrays of JSON take far longer on their way."""
    given = []
    for place, entry in enumerate(entries):
        who = entry.actor or actor
        if who is None:
            raise ValueError(f"nobody did this to order {entry.order_id}")
        given.append(
            {
                "place": place,
                "actor": who.name,
                "origin": who.origin,
                "site_id": entry.site_id,
                "order_id": entry.order_id,
                "after": entry.after,
            }
        )
    return Jsonb(given, dumps=msgspec.json.encode)


class ThingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about a thing, one of many that were changed together."""

    action: str
    site: str | None
    """The code of the site where it happened."""
    object_kind: str
    object_key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def write_of_things(
    connection: Connection,
    entries: Sequence[ThingEntry],
    *,
    actor: Actor,
    reason: str | None = None,
) -> None:
    """Write an entry for each of some things; otherwise like `write`."""
    await connection.execute(
        """
        WITH entry AS (INSERT INTO audit_log
            (actor, origin, site_id, object_kind, object_key, action, reason, before, after)
        SELECT %s::text, %s::text, s.id, e.object_kind, e.object_key, e.action, %s::text,
               nullif(e.before, 'null'::jsonb), nullif(e.after, 'null'::jsonb)
        FROM ROWS FROM (jsonb_to_recordset(%s) AS (action text, site text, object_kind text,
                                                   object_key text, before jsonb, after jsonb))
            WITH ORDINALITY AS e (action, site, object_kind, object_key, before, after, place)
        LEFT JOIN sites s ON s.code = e.site
        ORDER BY e.place
        RETURNING id, action)
        INSERT INTO outward_queue SELECT id FROM entry WHERE action = ANY(%s)
        """,
        (
            actor.name,
            actor.origin,
            reason,
            Jsonb(entries, dumps=lambda content: msgspec.json.encode(content).decode()),
            list(EVENT_OF),
        ),
    )


async def of_order(connection: Connection, order_id: int, page: Page) -> tuple[list[AuditRow], int]:
    """An order's entries, newest first, and how many there are."""
    cursor = connection.cursor(row_factory=class_row(AuditRow))
    await cursor.execute(
        """
        SELECT a.id, a.at, a.actor, a.origin, a.action, w.number AS work_order, a.reason,
               a.before, a.after
        FROM audit_log a LEFT JOIN work_orders w ON w.id = a.work_order_id
        WHERE a.order_id = %(order_id)s
        ORDER BY a.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"order_id": order_id, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        "SELECT count(*) FROM audit_log WHERE order_id = %s", (order_id,)
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


_ENTRY: Final = sql.SQL(
    """
    SELECT a.id, a.at, a.actor, a.origin, s.code AS site, a.object_kind, a.object_key,
           o.number AS order_number, w.number AS work_order, a.action, a.reason, a.before, a.after
    FROM audit_log a
    LEFT JOIN sites s ON s.id = a.site_id
    LEFT JOIN orders o ON o.id = a.order_id
    LEFT JOIN work_orders w ON w.id = a.work_order_id
    """
)


def _filters(wanted: Wanted) -> Filters:
    filters = Filters()
    filters.add("a.actor = %(actor)s", actor=wanted.actor)
    filters.add("a.action = %(action)s", action=wanted.action)
    filters.add("a.object_kind = %(object_kind)s", object_kind=wanted.object_kind)
    filters.add("a.object_key = %(object_key)s", object_key=wanted.object_key)
    filters.add("a.order_id = (SELECT id FROM orders WHERE number = %(order)s)", order=wanted.order)
    filters.add("a.site_id = (SELECT id FROM sites WHERE code = %(site)s)", site=wanted.site)
    filters.add("a.at >= %(since)s", since=wanted.since)
    filters.add("a.at < %(until)s", until=wanted.until)
    filters.add(
        """(a.actor ILIKE %(search)s OR a.action ILIKE %(search)s OR a.reason ILIKE %(search)s
            OR a.object_key ILIKE %(search)s)""",
        search=containing(wanted.search) if wanted.search else None,
    )
    if wanted.limited_to:
        filters.add(
            "a.site_id IN (SELECT id FROM sites WHERE code = ANY(%(limited_to)s))",
            limited_to=list(wanted.limited_to),
        )
    if wanted.lines:
        filters.add(
            """(a.object_kind IS DISTINCT FROM 'machine' OR
                array_to_string((string_to_array(a.object_key, '/'))[1:3], '/')
                    = ANY(%(lines)s))""",
            lines=list(wanted.lines),
        )
    return filters


async def entries(connection: Connection, page: Page, wanted: Wanted) -> tuple[list[Entry], int]:
    """Entries, newest first, and how many there are."""
    filters = _filters(wanted)
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            _ENTRY
            + filters.where
            + sql.SQL(" ORDER BY a.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
            {**filters.parameters, **page.parameters},
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM audit_log a") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def all_entries(
    connection: Connection, wanted: Wanted, *, at_once: int = 1_000
) -> AsyncIterator[list[Entry]]:
    """All entries, oldest first, in portions that fit into memory; within a transaction."""
    filters = _filters(wanted)
    async with connection.cursor("audit_export", row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_ENTRY + filters.where + sql.SQL(" ORDER BY a.id"), filters.parameters)
        while rows := await cursor.fetchmany(at_once):
            yield rows
