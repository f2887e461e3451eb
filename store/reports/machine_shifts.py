"""Revisions of machines' shifts: reckoned when time goes on, and again when the past changes.

Everything is counted up to a full hour that has settled (`reckoned_ms`): a shift that runs gets a
revision an hour, and its last one after its end. Notes say since when a machine's past is other
than it was; notes are taken away in the transaction that writes what differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from psycopg.rows import class_row

from domain.reports.machine_shifts import Lost, Piece, ShiftRow, reckon
from domain.reports.machine_time import TimeClass
from domain.reports.periods import Span
from store.database import Connection
from store.reports.machines import machine_pasts, time_policies
from store.reports.shift_times import read_shift_times

HOUR_MS: Final = 3_600_000
SETTLED_MS: Final = 600_000
"""Younger times are not reckoned: what arrives for them is not noted as late."""

_FRESH_MS: Final = 300_000
"""What a batch wrote is noted if it was older than this when it was written."""

AT_ONCE: Final = 16
"""Machines in a transaction."""

STRIDE_MS: Final = 31 * 24 * HOUR_MS
"""So much of a machine's past at once."""


async def keep_machine_shifts(connection: Connection, recorded_at: datetime) -> int:
    """Reckon some machines that notes name; first note all of them when an hour has settled.

    Args:
        connection: in the transaction that has the writers' turn.
        recorded_at: of the revisions that are written.

    Returns:
        How many machines were looked at; 0: there was nothing to do.
    """
    reckoned_ms = await _go_on(connection, int(recorded_at.timestamp() * 1_000))
    cursor = await connection.execute(
        """
        SELECT n.machine_id, m.site_id, min(n.since_ms), array_agg(n.id)
        FROM report_machine_notes n JOIN machines m ON m.id = n.machine_id
        GROUP BY n.machine_id, m.site_id ORDER BY m.site_id, n.machine_id LIMIT %s
        """,
        (AT_ONCE,),
    )
    noted = await cursor.fetchall()
    if not noted or reckoned_ms is None:
        return 0
    await connection.execute(
        "DELETE FROM report_machine_notes WHERE id = ANY(%s)",
        ([number for *_, numbers in noted for number in numbers],),
    )
    by_site: dict[int, dict[int, int]] = defaultdict(dict)
    for machine, site, since_ms, _ in noted:
        by_site[site][machine] = since_ms
    for site, since in by_site.items():
        await _reckon(connection, site, since, reckoned_ms, recorded_at)
    return len(noted)


async def _go_on(connection: Connection, now_ms: int) -> int | None:
    """Up to where is reckoned; when another hour has settled, every machine is noted for it.

    A transaction that goes on might still write what it did not find late: it is waited for.
    """
    cursor = await connection.execute(
        """
        SELECT r.reckoned_ms, least(%(now)s - %(settled)s, (
            SELECT (extract(epoch FROM min(xact_start)) * 1000)::bigint - %(fresh)s
            FROM pg_stat_activity
            WHERE datname = current_database() AND backend_xid IS NOT NULL))
        FROM report_machine_state r
        """,
        {"now": now_ms, "settled": SETTLED_MS, "fresh": _FRESH_MS},
    )
    row = await cursor.fetchone()
    before: int | None = None if row is None else row[0]
    settled_ms = 0 if row is None else int(row[1])
    reckoned_ms = settled_ms - settled_ms % HOUR_MS
    if before is not None and reckoned_ms <= before:
        return before
    cursor = await connection.execute(
        """
        INSERT INTO report_machine_notes (machine_id, since_ms)
        SELECT m.id, coalesce(%(before)s, c.e_ms) FROM machines m
        CROSS JOIN LATERAL (
            SELECT e_ms FROM state_changes WHERE machine_id = m.id ORDER BY e_ms LIMIT 1) AS c
        WHERE c.e_ms < %(reckoned)s ORDER BY m.id
        """,
        {"before": before, "reckoned": reckoned_ms},
    )
    await connection.execute("UPDATE report_machine_state SET reckoned_ms = %s", (reckoned_ms,))
    return reckoned_ms


async def _reckon(
    connection: Connection,
    site: int,
    since: Mapping[int, int],
    reckoned_ms: int,
    recorded_at: datetime,
) -> None:
    """Reckon machines of a site from when on they changed; a long past by strides."""
    policy = (await time_policies(connection, [site]))[site].policy
    from_ms = min(since.values()) - policy.micro_stop_ms
    until_ms = min(reckoned_ms, from_ms + STRIDE_MS)
    if until_ms < reckoned_ms:
        await connection.execute(
            """
            INSERT INTO report_machine_notes (machine_id, since_ms)
            SELECT machine, greatest(since, %s)
            FROM unnest(%s::integer[], %s::bigint[]) AS t (machine, since)
            """,
            (until_ms, list(since), list(since.values())),
        )
    if until_ms <= from_ms:
        return
    machines = [each for each, began in since.items() if began < until_ms]
    times = await read_shift_times(connection, [site], since_ms=from_ms - STRIDE_MS)
    pieces = {
        machine: [piece for piece in some if piece.until_ms > since[machine] - policy.micro_stop_ms]
        for machine, some in times.pieces(machines, Span(from_ms, until_ms)).items()
    }
    every = [piece for some in pieces.values() for piece in some]
    span = Span(
        min(piece.from_ms for piece in every),
        min(max(piece.until_ms for piece in every), reckoned_ms),
    )
    now_ms = int(recorded_at.timestamp() * 1_000)
    pasts = await machine_pasts(
        connection, machines, span, times, counted_ms=reckoned_ms, now_ms=now_ms
    )
    for machine in machines:
        rows = reckon(pieces[machine], pasts[machine], policy)
        found = {(row.piece.from_ms, row.operation): _kept(row, reckoned_ms) for row in rows}
        spans = pieces[machine]
        await _revise(
            connection,
            machine,
            Span(spans[0].from_ms, spans[-1].until_ms),
            found,
            recorded_at,
        )


class KeptShift(msgspec.Struct, frozen=True, kw_only=True):
    """A revision as its row has it, without its number and its dates of knowledge."""

    day: Any
    shift: str
    from_ms: int
    until_ms: int
    counted_ms: int
    operation_id: int | None
    operation_ms: int
    planned_stop_ms: int
    overtime_ms: int
    production_ms: int
    setup_ms: int
    delay_ms: int
    micro_stop_ms: int
    idle_ms: int
    unknown_ms: int
    micro_stops: int
    stops: int
    good: Decimal
    scrap: Decimal
    reworked_good: Decimal
    reworked_scrap: Decimal
    run_ms: Decimal
    unrated: Decimal


_Losses: TypeAlias = frozenset[tuple[str, str | None, int, int]]
_Key: TypeAlias = tuple[int, int | None]
_COLUMNS: Final = KeptShift.__struct_fields__


def _kept(row: ShiftRow, reckoned_ms: int) -> tuple[KeptShift, _Losses]:
    piece: Piece = row.piece
    spent = row.time.spent
    kept = KeptShift(
        day=piece.day,
        shift=piece.shift,
        from_ms=piece.from_ms,
        until_ms=piece.until_ms,
        counted_ms=min(piece.until_ms, reckoned_ms),
        operation_id=row.operation,
        operation_ms=row.time.operation_ms,
        planned_stop_ms=row.time.planned_stop_ms,
        overtime_ms=row.time.overtime_ms,
        production_ms=spent[TimeClass.PRODUCTION],
        setup_ms=spent[TimeClass.SETUP],
        delay_ms=spent[TimeClass.DELAY],
        micro_stop_ms=spent[TimeClass.MICRO_STOP],
        idle_ms=spent[TimeClass.IDLE],
        unknown_ms=spent[TimeClass.UNKNOWN],
        micro_stops=row.time.micro_stops,
        stops=row.time.stops,
        good=row.quantity.good,
        scrap=row.quantity.scrap,
        reworked_good=row.quantity.reworked - row.reworked_scrap,
        reworked_scrap=row.reworked_scrap,
        run_ms=row.quantity.run_ms,
        unrated=row.quantity.unrated,
    )
    return kept, frozenset(map(_lost, row.losses))


def _lost(loss: Lost) -> tuple[str, str | None, int, int]:
    return loss.time_class.value, loss.reason, loss.lost_ms, loss.count


async def _revise(
    connection: Connection,
    machine: int,
    span: Span,
    found: Mapping[_Key, tuple[KeptShift, _Losses]],
    recorded_at: datetime,
) -> None:
    """Close revisions that are not so any more, and append what is so instead."""
    before = await _newest(connection, machine, span)
    over = [number for key, (number, *kept) in before.items() if found.get(key) != tuple(kept)]
    new = [each for key, each in found.items() if key not in before or before[key][1:] != each]
    if over:
        await connection.execute(
            "UPDATE report_machine_shifts SET superseded_at = %s WHERE id = ANY(%s)",
            (recorded_at, over),
        )
    if new:
        await _append(connection, machine, new, recorded_at)


class _Row(KeptShift, frozen=True, kw_only=True):
    id: int
    classes: list[str]
    reasons: list[str | None]
    lost: list[int]
    counts: list[int]


async def _newest(
    connection: Connection, machine: int, span: Span
) -> dict[_Key, tuple[int, KeptShift, _Losses]]:
    cursor = connection.cursor(row_factory=class_row(_Row))
    await cursor.execute(
        """
        SELECT s.id, day, shift, from_ms, until_ms, counted_ms, operation_id, operation_ms,
               planned_stop_ms, overtime_ms, production_ms, setup_ms, delay_ms, micro_stop_ms,
               idle_ms, unknown_ms, micro_stops, stops, good, scrap, reworked_good,
               reworked_scrap, run_ms, unrated, l.*
        FROM report_machine_shifts s
        CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(time_class), '{}') AS classes,
                   coalesce(array_agg(reason), '{}') AS reasons,
                   coalesce(array_agg(lost_ms), '{}') AS lost,
                   coalesce(array_agg(count), '{}') AS counts
            FROM report_machine_losses WHERE shift_id = s.id) l
        WHERE machine_id = %s AND from_ms >= %s AND from_ms < %s AND superseded_at IS NULL
        """,
        (machine, span.from_ms, span.until_ms),
    )
    found: dict[_Key, tuple[int, KeptShift, _Losses]] = {}
    for row in await cursor.fetchall():
        kept = KeptShift(**{name: getattr(row, name) for name in _COLUMNS})
        losses = frozenset(zip(row.classes, row.reasons, row.lost, row.counts, strict=True))
        found[row.from_ms, row.operation_id] = (row.id, kept, losses)
    return found


async def _append(
    connection: Connection,
    machine: int,
    new: Sequence[tuple[KeptShift, _Losses]],
    recorded_at: datetime,
) -> None:
    cursor = await connection.execute(
        """
        INSERT INTO report_machine_shifts (machine_id, recorded_at, day, shift, from_ms, until_ms,
            counted_ms, operation_id, operation_ms, planned_stop_ms, overtime_ms, production_ms,
            setup_ms, delay_ms, micro_stop_ms, idle_ms, unknown_ms, micro_stops, stops, good,
            scrap, reworked_good, reworked_scrap, run_ms, unrated)
        SELECT %s, %s, * FROM unnest(%s::date[], %s::text[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[],
            %s::integer[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
            %s::numeric[], %s::numeric[])
        RETURNING from_ms, operation_id, id
        """,
        [
            machine,
            recorded_at,
            *([getattr(kept, name) for kept, _ in new] for name in _COLUMNS),
        ],
    )
    ids = {(from_ms, operation): number for from_ms, operation, number in await cursor.fetchall()}
    losses = [(ids[kept.from_ms, kept.operation_id], *loss) for kept, some in new for loss in some]
    if losses:
        await connection.execute(
            """
            INSERT INTO report_machine_losses (shift_id, time_class, reason, lost_ms, count)
            SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[],
                %s::integer[])
            """,
            [list(column) for column in zip(*losses, strict=True)],
        )
