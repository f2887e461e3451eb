"""What was made of an ERP's production orders since it was told last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from store.database import Connection

_TURN: Final = 0x67656D62_00000024
"""Of whoever tells what was made."""
_ENDED_LATELY_MS: Final = 7 * 86_400_000
"""What ended longer ago was told then; the count of what ended changes within days, if at all."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of which something is to be told.

    Attributes:
        good, scrap: in sum; `good_told`, `scrap_told`: what the ERP knows of it.
        over: nothing more is to be expected.
    """

    operation_id: int
    number: int
    state: str
    good: Decimal
    scrap: Decimal
    good_told: Decimal
    scrap_told: Decimal
    started_ms: int | None
    ended_ms: int | None
    over: bool


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A work order of an ERP, with the channel by which that is told.

    Attributes:
        external_id: the ERP's number of it.
        order_id: the customer's order that it is for; None: several, or none.
        operations: of which something is to be told, by number.
    """

    id: int
    external_id: str
    unit: str
    site_id: int
    time_zone: str
    channel_id: int
    pushed: bool
    order_id: int | None
    operations: tuple[Made, ...]


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    work_id: int
    external_id: str
    unit: str
    site_id: int
    time_zone: str
    channel_id: int
    pushed: bool
    order_id: int | None
    operation_id: int
    number: int
    state: str
    good: Decimal
    scrap: Decimal
    good_told: Decimal
    scrap_told: Decimal
    started_ms: int | None
    ended_ms: int | None
    over: bool


async def due(
    connection: Connection,
    *,
    now: datetime,
    kind: str,
    spoken: str,
    every_s: int,
    at_once: int,
) -> list[Work]:
    """Work orders of which an ERP is to be told; none while another process tells it.

    An ERP is whose channel has its name (`source`) and is told what is made. Told are operations
    that have ended, at once, and those that have made something since, not more often than the
    channel says. What is less than was told (a count that was corrected) waits until it is more.

    Args:
        connection: within the transaction that writes what is told.
        now: the moment.
        kind: as a channel's settings name this document.
        spoken: the format that has it.
        every_s: how often, where a channel says nothing.
        at_once: so many operations at most.
    """
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return []
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT 1 FROM channels WHERE enabled AND format = %s"
        " AND settings->>'source' IS NOT NULL)",
        (spoken,),
    )
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return []
    rows = connection.cursor(row_factory=class_row(_Row))
    await rows.execute(
        """
        WITH erp AS (
            SELECT DISTINCT ON (c.settings->>'source', c.site_id)
                   c.id, c.site_id, c.settings->>'source' AS source, x.url IS NOT NULL AS pushed,
                   coalesce(x.production_every_s, %(every)s) AS every_s
            FROM channels c LEFT JOIN outbound_settings x ON x.channel_id = c.id
            WHERE c.enabled AND c.format = %(spoken)s AND c.settings->>'source' IS NOT NULL
              AND (x.documents IS NULL OR %(kind)s = ANY(x.documents))
            ORDER BY c.settings->>'source', c.site_id, c.id
        ), lately AS (
            SELECT * FROM operations
            WHERE state NOT IN ('completed', 'aborted', 'cancelled') AND runs > 0
            UNION ALL
            SELECT * FROM operations
            WHERE state IN ('completed', 'aborted', 'cancelled') AND ended_ms > %(lately)s
        )
        SELECT w.id AS work_id, w.external_id, w.unit, w.site_id, s.time_zone,
               e.id AS channel_id, e.pushed,
               (SELECT CASE WHEN count(DISTINCT l.order_id) = 1 THEN min(l.order_id) END
                FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
                WHERE p.work_order_id = w.id) AS order_id,
               o.id AS operation_id, o.number, o.state, o.good_pieces AS good,
               o.scrap_pieces AS scrap, coalesce(t.good, 0) AS good_told,
               coalesce(t.scrap, 0) AS scrap_told, o.started_ms, o.ended_ms, over.it AS over
        FROM lately o
        JOIN work_orders w ON w.id = o.work_order_id AND w.external_id IS NOT NULL
        JOIN sites s ON s.id = w.site_id
        JOIN erp e ON e.source = w.external_source AND (e.site_id IS NULL OR e.site_id = w.site_id)
        CROSS JOIN LATERAL (SELECT o.state IN ('completed', 'aborted') AS it) over
        LEFT JOIN production_told t ON t.operation_id = o.id
        WHERE o.good_pieces >= coalesce(t.good, 0) AND o.scrap_pieces >= coalesce(t.scrap, 0)
          AND ((over.it AND NOT coalesce(t.final, false))
               OR ((o.good_pieces, o.scrap_pieces)
                       IS DISTINCT FROM (coalesce(t.good, 0), coalesce(t.scrap, 0))
                   AND (over.it OR t.told_at IS NULL
                        OR t.told_at <= %(now)s - make_interval(secs => e.every_s))))
        ORDER BY w.id, o.number, e.site_id NULLS LAST, e.id
        LIMIT %(at_once)s
        """,
        {
            "every": every_s,
            "spoken": spoken,
            "kind": kind,
            "lately": int(now.timestamp() * 1000) - _ENDED_LATELY_MS,
            "now": now,
            "at_once": at_once,
        },
    )
    return _by_work(await rows.fetchall())


def _by_work(rows: Sequence[_Row]) -> list[Work]:
    """A channel of the site goes before one of all sites; each operation is told once."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        its = found[row.work_id]
        if not its or (
            its[0].channel_id == row.channel_id
            and all(one.operation_id != row.operation_id for one in its)
        ):
            its.append(row)
    return [
        Work(
            id=work_id,
            external_id=its[0].external_id,
            unit=its[0].unit,
            site_id=its[0].site_id,
            time_zone=its[0].time_zone,
            channel_id=its[0].channel_id,
            pushed=its[0].pushed,
            order_id=its[0].order_id,
            operations=tuple(
                Made(**{name: getattr(row, name) for name in Made.__struct_fields__}) for row in its
            ),
        )
        for work_id, its in found.items()
    ]


async def note(connection: Connection, told: Sequence[Made], *, now: datetime) -> None:
    """The ERP has been told of operations as they stand."""
    await connection.execute(
        """
        INSERT INTO production_told (operation_id, good, scrap, final, told_at)
        SELECT n.id, n.good, n.scrap, n.final, %s
        FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::boolean[])
            AS n (id, good, scrap, final)
        ON CONFLICT (operation_id) DO UPDATE SET good = excluded.good, scrap = excluded.scrap,
            final = excluded.final, told_at = excluded.told_at
        """,
        (
            now,
            [one.operation_id for one in told],
            [one.good for one in told],
            [one.scrap for one in told],
            [one.over for one in told],
        ),
    )
