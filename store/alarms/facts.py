"""What alarm rules ask for, read from committed rows: only that, and in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from contracts.topics import WAREHOUSE
from domain import progress
from domain.alarms.facts import (
    Facts,
    GatewayFacts,
    LetterFacts,
    MachineFacts,
    Needs,
    OrderFacts,
    ReadingFact,
    ScopeFacts,
    ShortageFacts,
)
from store.alarms.shifts import Shifts
from store.database import Connection
from store.inventory import shortages
from store.live_site import hour_ago

_MINUTE_MS: Final = 60_000
_SLOT_MS: Final = progress.SLOT_MS


class _Machine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    path: str
    name: str
    configured: bool
    state: str
    reason: str | None
    since_ms: int | None
    last_seen_ms: int | None
    cycle_ms: int | None
    started_ms: int | None


async def read_facts(
    connection: Connection, needs: Needs, *, now_ms: int, shifts: Shifts | None = None
) -> Facts:
    """What is so now, as far as it is needed.

    Args:
        connection: where to read.
        needs: what rules ask for.
        now_ms: the moment.
        shifts: when machines work; None: always.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return Facts(
        now_ms=now_ms,
        machines=await _machines(connection, needs, now_ms, shifts) if needs.machines else (),
        orders=await _orders(connection, now_ms) if needs.orders else (),
        shortages=(
            await _shortages(connection, now, needs.shortage_hours)
            if needs.shortage_hours is not None
            else ()
        ),
        scopes=await _scopes(connection) if needs.scopes else (),
        letters=await _letters(connection, now, needs.letters_minutes),
        gateways=await gateways(connection) if needs.gateways else (),
    )


# Machines ----------------------------------------------------------------------------------------


async def _machines(
    connection: Connection, needs: Needs, now_ms: int, shifts: Shifts | None
) -> list[MachineFacts]:
    async with connection.cursor(row_factory=class_row(_Machine)) as cursor:
        await cursor.execute(
            """
            SELECT m.id, m.path, m.name, m.configured, coalesce(s.state, 'offline') AS state,
                   s.reason, s.state_since_ms AS since_ms, s.last_seen_ms, o.cycle_ms,
                   o.started_ms
            FROM machines m
            LEFT JOIN machine_states s ON s.machine_id = m.id
            LEFT JOIN operations o ON o.id = s.operation_id
            WHERE m.area <> %s ORDER BY m.path
            """,
            (WAREHOUSE,),
        )
        rows = await cursor.fetchall()
    minutes = max(needs.pieces_minutes, default=0)
    oldest = now_ms - minutes * _MINUTE_MS
    if needs.pace:
        oldest = min(oldest, hour_ago(now_ms))
    wanted = bool(needs.pieces_minutes) or needs.pace
    slots = await _slots(connection, oldest - oldest % _SLOT_MS, now_ms) if wanted else {}
    readings = await _readings(connection, needs, now_ms) if needs.metrics else {}
    return [
        MachineFacts(
            id=row.id,
            path=row.path,
            name=row.name,
            configured=row.configured,
            state=row.state,
            reason=row.reason,
            since_ms=row.since_ms,
            last_seen_ms=row.last_seen_ms,
            pace_percent=_pace(row, slots.get(row.id, {}), now_ms) if needs.pace else None,
            works=shifts is None or shifts.works(row.id, now_ms),
            pieces={
                each: _pieces(slots.get(row.id, {}), now_ms - each * _MINUTE_MS)
                for each in needs.pieces_minutes
            },
            readings=readings.get(row.id, {}),
        )
        for row in rows
    ]


_Slots = dict[int, tuple[Decimal, Decimal]]


async def _slots(connection: Connection, oldest: int, now_ms: int) -> dict[int, _Slots]:
    """Good and scrap pieces by machine and slot."""
    cursor = await connection.execute(
        "SELECT machine_id, slot_ms, good, scrap FROM piece_slots"
        " WHERE slot_ms >= %s AND slot_ms <= %s",
        (oldest, now_ms),
    )
    found: dict[int, _Slots] = defaultdict(dict)
    for machine, slot_ms, good, scrap in await cursor.fetchall():
        found[machine][slot_ms] = (good, scrap)
    return found


def _pace(row: _Machine, slots: _Slots, now_ms: int) -> int | None:
    return progress.pace_percent(
        {slot: int(good) for slot, (good, _) in slots.items()},
        cycle_ms=row.cycle_ms,
        started_ms=row.started_ms,
        now_ms=now_ms,
    )


def _pieces(slots: _Slots, since_ms: int) -> tuple[Decimal, Decimal]:
    """Good and scrap since a moment; a slot that it cuts counts whole."""
    within = [pieces for slot, pieces in slots.items() if slot > since_ms - _SLOT_MS]
    return (
        sum((good for good, _ in within), Decimal(0)),
        sum((scrap for _, scrap in within), Decimal(0)),
    )


async def _readings(
    connection: Connection, needs: Needs, now_ms: int
) -> dict[int, dict[str, ReadingFact]]:
    cursor = await connection.execute(
        """
        SELECT m.machine_id, m.name, m.unit, r.value, r.t_ms
        FROM metrics m CROSS JOIN LATERAL (
            SELECT s.value, s.t_ms FROM samples s
            WHERE s.machine_id = m.machine_id AND s.metric_id = m.id AND s.value IS NOT NULL
              AND s.t_ms > %(oldest)s AND s.t_ms <= %(now)s
            ORDER BY s.t_ms DESC LIMIT 1
        ) r
        WHERE m.name = ANY(%(metrics)s)
        """,
        {
            "metrics": sorted(needs.metrics),
            "oldest": now_ms - needs.fresh_minutes * _MINUTE_MS,
            "now": now_ms + _MINUTE_MS,
        },
    )
    found: dict[int, dict[str, ReadingFact]] = defaultdict(dict)
    for machine, name, unit, value, at_ms in await cursor.fetchall():
        found[machine][name] = ReadingFact(value, at_ms, unit)
    return found


# Orders, material, plans -------------------------------------------------------------------------


async def _orders(connection: Connection, now_ms: int) -> list[OrderFacts]:
    """Open orders that are overdue, or projected to end after they are due."""
    cursor = connection.cursor(row_factory=class_row(OrderFacts))
    await cursor.execute(
        """
        WITH ends AS MATERIALIZED (
            SELECT o.work_order_id, max(p.end_ms) AS end_ms
            FROM operation_projections p JOIN operations o ON o.id = p.operation_id
            GROUP BY o.work_order_id
        ), projected AS MATERIALIZED (
            SELECT l.order_id,
                   max(e.end_ms - (extract(epoch FROM l.due_at) * 1000)::bigint) AS late_ms
            FROM ends e JOIN pegs g ON g.work_order_id = e.work_order_id
            JOIN order_lines l ON l.id = g.order_line_id
            WHERE l.due_at IS NOT NULL AND l.state NOT IN ('produced', 'cancelled')
            GROUP BY l.order_id
        ), wanted AS (
            SELECT id FROM orders WHERE next_due_at <= to_timestamp(%(now)s / 1000.0)
            UNION SELECT order_id FROM projected WHERE late_ms >= 60000
        )
        SELECT o.id, o.number, s.code AS site, c.name AS customer, o.priority,
               (extract(epoch FROM o.next_due_at) * 1000)::bigint AS due_ms,
               (p.late_ms / 60000)::bigint AS late_minutes
        FROM wanted w JOIN orders o ON o.id = w.id
        JOIN sites s ON s.id = o.site_id
        JOIN customers c ON c.id = o.customer_id
        LEFT JOIN projected p ON p.order_id = o.id
        WHERE o.next_due_at IS NOT NULL AND o.state NOT IN ('produced', 'cancelled')
        ORDER BY o.id
        """,
        {"now": now_ms},
    )
    return await cursor.fetchall()


async def _shortages(connection: Connection, now: datetime, hours: int) -> list[ShortageFacts]:
    """What is missing within some hours: an item at a site, all that lacks it taken together."""
    until = now + timedelta(hours=hours)
    together: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in await shortages.shortages(connection, now=now):
        if row.need_at <= until:
            together[row.site, row.item].append(row)
    return [
        ShortageFacts(
            site=site,
            item=item,
            item_name=rows[0].item_name,
            unit=rows[0].unit,
            missing=sum((each.missing for each in rows), Decimal(0)),
            need_ms=_ms(min(each.need_at for each in rows)),
            comes_ms=(
                None
                if any(each.comes_at is None for each in rows)
                else _ms(max(each.comes_at for each in rows))
            ),
            work_orders=tuple(
                dict.fromkeys(each.work_order for each in rows if each.work_order is not None)
            ),
        )
        for (site, item), rows in sorted(together.items())
    ]


async def _scopes(connection: Connection) -> list[ScopeFacts]:
    """Scopes whose newest answered disruption failed, and no plan was put in force since."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (d.scope) d.scope, d.outcome, d.handled_at, d.detail,
               (SELECT max(p.published_at) FROM plans p WHERE p.scope = d.scope),
               (SELECT array_agg(s.code ORDER BY s.code) FROM sites s
                WHERE coalesce(s.planning_scope, s.code) = d.scope)
        FROM disruptions d WHERE d.handled_at IS NOT NULL
        ORDER BY d.scope, d.handled_at DESC, d.id DESC
        """
    )
    found = []
    for scope, outcome, handled_at, detail, published_at, sites in await cursor.fetchall():
        if outcome != "failed" or (published_at is not None and published_at > handled_at):
            continue
        conflicts: list[dict[str, Any]] = detail.get("conflicts", [])
        codes = dict.fromkeys(str(each.get("code", "")) for each in conflicts)
        found.append(
            ScopeFacts(
                scope=scope,
                sites=tuple(sites or ()),
                failed_ms=_ms(handled_at),
                codes=tuple(codes),
            )
        )
    return found


# Messages and gateways ---------------------------------------------------------------------------


async def _letters(
    connection: Connection, now: datetime, minutes: Collection[int]
) -> list[LetterFacts]:
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for each in sorted(minutes):
        cursor = await connection.execute(
            """
            SELECT site, count(*) FROM dead_letters
            WHERE stored_at > %s AND replayed_at IS NULL GROUP BY site
            """,
            (now - timedelta(minutes=each),),
        )
        for site, count in await cursor.fetchall():
            counts[site][each] = count
    return [LetterFacts(site=site, counts=found) for site, found in sorted(counts.items())]


async def gateways(connection: Connection) -> list[GatewayFacts]:
    """Gateways that were heard of, and when last, by name."""
    cursor = await connection.execute(
        "SELECT name, last_heard_at FROM alarm_gateways ORDER BY name"
    )
    return [GatewayFacts(name=name, last_heard_ms=_ms(at)) for name, at in await cursor.fetchall()]


async def note_gateways(connection: Connection, heard: Mapping[str, int]) -> None:
    """Keep when gateways were heard of last, epoch milliseconds by name; never an older time."""
    if not heard:
        return
    await connection.execute(
        """
        INSERT INTO alarm_gateways AS g (name, last_heard_at)
        SELECT n.name, to_timestamp(n.at / 1000.0)
        FROM unnest(%s::text[], %s::bigint[]) AS n (name, at) ORDER BY n.name
        ON CONFLICT (name) DO UPDATE SET last_heard_at = excluded.last_heard_at
        WHERE g.last_heard_at < excluded.last_heard_at
        """,
        (list(heard), list(heard.values())),
    )


async def forget_gateway(connection: Connection, name: str, *, silent_since_ms: int) -> bool:
    """Miss a gateway no longer; False: it was not known, or heard of since then."""
    cursor = await connection.execute(
        """
        DELETE FROM alarm_gateways WHERE name = %s AND last_heard_at < to_timestamp(%s / 1000.0)
        RETURNING name
        """,
        (name, silent_since_ms),
    )
    return await cursor.fetchone() is not None


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
