"""A site's figures: the head of its board, the pieces of its day, its orders at risk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from psycopg.rows import class_row

from contracts.live import FloorSummary
from contracts.topics import WAREHOUSE
from domain import progress
from store.database import Connection


class Site(msgspec.Struct, frozen=True):
    """A site as the read models need it."""

    id: int
    code: str
    name: str
    time_zone: str
    scope: str
    """The planning scope that it belongs to."""

    def day_ms(self, now_ms: int) -> int:
        """When the site's present day began."""
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        today = datetime.fromtimestamp(now_ms / 1000, zone)
        return int(today.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


class DayBase(msgspec.Struct, frozen=True):
    """The pieces of a site's present day before `until_ms`: the part that hardly changes."""

    day_ms: int
    until_ms: int
    pieces: Mapping[int, tuple[int, int]]
    """Good and scrap by machine."""


class OrderFigures(msgspec.Struct, frozen=True):
    """The part of a site's summary that counts over orders and dead letters."""

    orders_open: int
    orders_at_risk: int
    dead_letters: int


async def read_site(connection: Connection, code: str) -> Site | None:
    """A site by its code."""
    async with connection.cursor(row_factory=class_row(Site)) as cursor:
        await cursor.execute(
            """
            SELECT id, code, name, time_zone, coalesce(planning_scope, code) AS scope
            FROM sites WHERE code = %s
            """,
            (code,),
        )
        return await cursor.fetchone()


async def machine_ids_of(connection: Connection, site: Site) -> list[int]:
    """All machines of a site."""
    cursor = await connection.execute("SELECT id FROM machines WHERE site_id = %s", (site.id,))
    return [row[0] for row in await cursor.fetchall()]


async def day_base(connection: Connection, site: Site, now_ms: int) -> DayBase:
    """The day's pieces up to an hour ago, by machine."""
    day_ms = site.day_ms(now_ms)
    until_ms = max(day_ms, hour_ago(now_ms))
    cursor = await connection.execute(
        """
        SELECT p.machine_id, sum(p.good)::bigint, sum(p.scrap)::bigint
        FROM piece_slots p JOIN machines m ON m.id = p.machine_id
        WHERE m.site_id = %s AND p.slot_ms >= %s AND p.slot_ms < %s
        GROUP BY p.machine_id
        """,
        (site.id, day_ms, until_ms),
    )
    pieces = {machine: (good, scrap) for machine, good, scrap in await cursor.fetchall()}
    return DayBase(day_ms, until_ms, pieces)


async def order_figures(connection: Connection, site: Site) -> OrderFigures:
    """Orders not yet produced, those of them that will be late, and dead letters not replayed.

    An order is at risk when an open line's due date is before the projected end of its work; where
    work has no projection, before now plus the standard time of the pieces that are still missing.
    It counts over all open orders: not for every change.
    """
    cursor = await connection.execute(
        """
        WITH open AS (
            SELECT l.id, l.order_id, l.due_at
            FROM order_lines l JOIN orders o ON o.id = l.order_id
            WHERE o.site_id = %(site)s AND l.state NOT IN ('produced', 'cancelled')
        ), at_risk AS (
            SELECT p.order_id
            FROM open p
            LEFT JOIN pegs g ON g.order_line_id = p.id
            LEFT JOIN work_orders w ON w.id = g.work_order_id
            LEFT JOIN operations o ON o.work_order_id = w.id
                 AND o.state NOT IN ('completed', 'aborted', 'cancelled')
            LEFT JOIN operation_projections e ON e.operation_id = o.id
            WHERE p.due_at IS NOT NULL
            GROUP BY p.id, p.order_id, p.due_at
            HAVING p.due_at < greatest(
                to_timestamp(max(e.end_ms) / 1000.0),
                now() + interval '1 millisecond' * coalesce(sum(
                    greatest(coalesce(o.quantity, w.quantity_ordered, 0) - o.good_pieces, 0)
                    * coalesce(o.cycle_ms, 0)) FILTER (WHERE e.operation_id IS NULL), 0)::float8)
        )
        SELECT (SELECT count(DISTINCT order_id) FROM open),
               (SELECT count(DISTINCT order_id) FROM at_risk),
               (SELECT count(*) FROM dead_letters WHERE site = %(code)s AND replayed_at IS NULL)
        """,
        {"site": site.id, "code": site.code},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    return OrderFigures(*row)


async def floor_summary(
    connection: Connection,
    site: Site,
    *,
    now_ms: int,
    base: DayBase | None = None,
    orders: OrderFigures | None = None,
) -> FloorSummary:
    """A site's figures for the head of its board."""
    base = base or await day_base(connection, site, now_ms)
    orders = orders or await order_figures(connection, site)
    cursor = await connection.execute(
        """
        SELECT count(*), count(*) FILTER (WHERE s.state = 'running'),
               count(*) FILTER (WHERE s.state = 'down'),
               coalesce(sum(p.good), 0)::bigint, coalesce(sum(p.scrap), 0)::bigint
        FROM machines m
        LEFT JOIN machine_states s ON s.machine_id = m.id
        LEFT JOIN LATERAL (SELECT sum(good) AS good, sum(scrap) AS scrap FROM piece_slots
                           WHERE machine_id = m.id AND slot_ms >= %s AND slot_ms <= %s) p ON true
        WHERE m.site_id = %s AND m.area <> %s
        """,
        (base.until_ms, now_ms, site.id, WAREHOUSE),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY gives one row
    machines, running, down, good, scrap = row
    return FloorSummary(
        site=site.code,
        name=site.name,
        time_zone=site.time_zone,
        machines=machines,
        running=running,
        down=down,
        good_pieces_today=good + sum(pieces[0] for pieces in base.pieces.values()),
        scrap_pieces_today=scrap + sum(pieces[1] for pieces in base.pieces.values()),
        orders_open=orders.orders_open,
        orders_at_risk=orders.orders_at_risk,
        dead_letters=orders.dead_letters,
    )


def hour_ago(now_ms: int) -> int:
    """The slot in which the hour before now began."""
    begin = now_ms - progress.HOUR_MS
    return begin - begin % progress.SLOT_MS
