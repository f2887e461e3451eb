"""Stops of machines, and the reasons that people give for them: entries that are only added."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.reports.machine_shifts import MachinePast, Piece
from domain.reports.machine_time import Stretch, TimeClass, TimePolicy
from domain.reports.periods import Span
from store.database import Connection
from store.reports.machine_sums import Machine
from store.reports.machines import machine_pasts, time_policies
from store.reports.notes import note_machines
from store.reports.shift_times import read_shift_times


class ReasonCode(msgspec.Struct, frozen=True, kw_only=True):
    """A reason of the plant's list.

    Attributes:
        site: null: every site without an entry of its own under the code.
        counts_as: a `TimeClass`.
    """

    site: str | None
    code: str
    name_en: str
    name_zh: str
    counts_as: str
    retired: bool
    changed_at: datetime
    changed_by: str


async def list_reasons(connection: Connection, site_ids: Sequence[int]) -> list[ReasonCode]:
    """The entries of some sites and those for every site, by code."""
    cursor = connection.cursor(row_factory=class_row(ReasonCode))
    await cursor.execute(
        """
        SELECT s.code AS site, c.code, c.name_en, c.name_zh, c.counts_as,
               c.retired_at IS NOT NULL AS retired, c.changed_at, c.changed_by
        FROM stop_reason_codes c LEFT JOIN sites s ON s.id = c.site_id
        WHERE c.site_id IS NULL OR c.site_id = ANY(%s)
        ORDER BY c.code COLLATE "C", s.code COLLATE "C" NULLS FIRST
        """,
        (list(site_ids),),
    )
    return await cursor.fetchall()


async def reason_codes(connection: Connection, site_ids: Sequence[int]) -> dict[str, ReasonCode]:
    """The entries by code, a site's own before that for every site."""
    return {each.code: each for each in await list_reasons(connection, site_ids)}


async def put_reason(
    connection: Connection,
    site_id: int | None,
    code: str,
    *,
    names: tuple[str, str],
    counts_as: TimeClass,
    retired: bool,
    changed_by: str,
) -> None:
    """Enter or change a reason; where it counts as something else, shifts are reckoned again."""
    cursor = await connection.execute(
        "SELECT counts_as FROM stop_reason_codes"
        " WHERE code = %s AND site_id IS NOT DISTINCT FROM %s FOR UPDATE",
        (code, site_id),
    )
    before = await cursor.fetchone()
    await connection.execute(
        """
        INSERT INTO stop_reason_codes AS c
            (site_id, code, name_en, name_zh, counts_as, retired_at, changed_by)
        VALUES (%(site)s, %(code)s, %(en)s, %(zh)s, %(as)s,
                CASE WHEN %(retired)s THEN now() END, %(by)s)
        ON CONFLICT (site_id, code) DO UPDATE SET
            name_en = excluded.name_en, name_zh = excluded.name_zh,
            counts_as = excluded.counts_as, changed_by = excluded.changed_by, changed_at = now(),
            retired_at = CASE WHEN %(retired)s THEN coalesce(c.retired_at, now()) END
        """,
        {
            "site": site_id,
            "code": code,
            "en": names[0],
            "zh": names[1],
            "as": counts_as.value,
            "retired": retired,
            "by": changed_by,
        },
    )
    if before is None or before[0] != counts_as.value:
        await _note_users(connection, site_id, code)


async def _note_users(connection: Connection, site_id: int | None, code: str) -> None:
    """Note the machines whose shifts lost time to a reason, since the first of these."""
    await connection.execute(
        """
        INSERT INTO report_machine_notes (machine_id, since_ms)
        SELECT s.machine_id, min(s.from_ms)
        FROM report_machine_losses l JOIN report_machine_shifts s ON s.id = l.shift_id
        JOIN machines m ON m.id = s.machine_id
        WHERE l.reason = %(code)s AND s.superseded_at IS NULL
          AND (%(site)s::integer IS NULL OR m.site_id = %(site)s)
        GROUP BY s.machine_id ORDER BY s.machine_id
        """,
        {"code": code, "site": site_id},
    )


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that somebody gives for a stretch of time; None: what was said is taken back."""

    machine_id: int
    from_ms: int
    until_ms: int
    reason: str | None
    note: str | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands."""

    id: int
    machine: str
    machine_id: int
    from_ms: int
    until_ms: int
    reason: str | None
    note: str | None
    undoes: int | None
    undone_by: int | None
    recorded_at: datetime
    recorded_by: str


_ENTRIES: Final = """
SELECT s.id, m.path AS machine, s.machine_id, s.from_ms, s.until_ms, s.reason, s.note, s.undoes,
       u.id AS undone_by, s.recorded_at, s.recorded_by
FROM stop_reasons s JOIN machines m ON m.id = s.machine_id
LEFT JOIN stop_reasons u ON u.undoes = s.id
WHERE s.id = ANY(%s) ORDER BY s.id
"""


async def entries(connection: Connection, numbers: Sequence[int]) -> list[Entry]:
    """Entries by their numbers."""
    cursor = connection.cursor(row_factory=class_row(Entry))
    await cursor.execute(_ENTRIES, (list(numbers),))
    return await cursor.fetchall()


async def give_reasons(
    connection: Connection, new: Sequence[NewEntry], *, recorded_by: str
) -> list[Entry]:
    """Add entries, in their order; the shifts they are of are reckoned again."""
    cursor = await connection.execute(
        """
        INSERT INTO stop_reasons (machine_id, from_ms, until_ms, reason, note, recorded_by)
        SELECT machine, from_ms, until_ms, reason, note, %s
        FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])
            WITH ORDINALITY AS t (machine, from_ms, until_ms, reason, note, nth)
        ORDER BY nth RETURNING id
        """,
        (
            recorded_by,
            [each.machine_id for each in new],
            [each.from_ms for each in new],
            [each.until_ms for each in new],
            [each.reason for each in new],
            [each.note for each in new],
        ),
    )
    numbers = [number for (number,) in await cursor.fetchall()]
    await note_machines(connection, [(each.machine_id, each.from_ms) for each in new])
    return await entries(connection, numbers)


async def undo_entries(
    connection: Connection, some: Sequence[Entry], *, recorded_by: str
) -> list[Entry]:
    """Undo entries by entries: neither counts any more.

    Raises:
        psycopg.errors.UniqueViolation: somebody undid one of them in between.
    """
    cursor = await connection.execute(
        """
        INSERT INTO stop_reasons (machine_id, from_ms, until_ms, undoes, recorded_by)
        SELECT machine_id, from_ms, until_ms, id, %s FROM stop_reasons WHERE id = ANY(%s)
        ORDER BY id RETURNING id
        """,
        (recorded_by, [each.id for each in some]),
    )
    numbers = [number for (number,) in await cursor.fetchall()]
    await note_machines(connection, [(each.machine_id, each.from_ms) for each in some])
    return await entries(connection, numbers)


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a machine did not produce.

    Attributes:
        until_ms: None: it goes on.
        reason: the one that holds; `own_reason` is the machine's, `entry` what somebody said.
        day: the plant's; `shift` is empty outside of shifts.
    """

    machine: str
    from_ms: int
    until_ms: int | None
    state: str
    time_class: TimeClass
    reason: str | None
    own_reason: str | None
    entry: int | None
    operation: int | None
    day: date | None = None
    shift: str = ""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Which stops are looked for; None: any.

    Attributes:
        reason: empty: those without one.
        before_ms: those that began before.
    """

    time_class: TimeClass | None = None
    reason: str | None = None
    longer_than_ms: int = 0
    before_ms: int | None = None


async def stops(
    connection: Connection,
    machines: Sequence[Machine],
    spans: Mapping[int, Span],
    looked: Looked,
    *,
    now_ms: int,
) -> list[Stop]:
    """Stops that began in a site's span, newest first.

    Args:
        connection: in a transaction whose statements see the same rows.
        machines: whose.
        spans: by site.
        looked: which.
        now_ms: up to here what was not left yet lasts.
    """
    found: list[Stop] = []
    policies = await time_policies(connection, list(spans))
    by_site: dict[int, list[Machine]] = defaultdict(list)
    for each in machines:
        by_site[each.site_id].append(each)
    for site, some in by_site.items():
        span = Span(spans[site].from_ms, min(spans[site].until_ms, now_ms))
        if not span.length_ms:
            continue
        times = await read_shift_times(connection, [site], since_ms=span.from_ms)
        ids = [each.id for each in some]
        pasts = await machine_pasts(connection, ids, span, times, counted_ms=now_ms, now_ms=now_ms)
        pieces = times.pieces(ids, span)
        for machine in some:
            began = _began(machine.path, pasts[machine.id], policies[site].policy, now_ms=now_ms)
            found += _within(began, pieces[machine.id], span)
    asked = [each for each in found if _matches(each, looked, now_ms)]
    return sorted(asked, key=lambda each: (-each.from_ms, each.machine))


def _within(some: Iterable[Stop], pieces: Sequence[Piece], span: Span) -> Iterable[Stop]:
    """Those that began in a span, with the shift in which they did."""
    begins = [each.from_ms for each in pieces]
    for each in some:
        if span.holds(each.from_ms):
            piece = pieces[max(bisect_right(begins, each.from_ms) - 1, 0)]
            yield msgspec.structs.replace(each, day=piece.day, shift=piece.shift)


def _began(path: str, past: MachinePast, policy: TimePolicy, *, now_ms: int) -> Iterable[Stop]:
    own: Sequence[Stretch] = past.stretches
    starts = [each.from_ms for each in own]
    for each, operation in past.parts(policy):
        if each.time_class is TimeClass.PRODUCTION:
            continue
        stretch = each.stretch
        said = [one for one in past.said if one.span.holds(stretch.from_ms)]
        last = max(said, key=lambda one: (one.recorded_ms, one.number), default=None)
        yield Stop(
            machine=path,
            from_ms=stretch.from_ms,
            until_ms=None if stretch.until_ms >= now_ms else stretch.until_ms,
            state=stretch.state.value,
            time_class=each.time_class,
            reason=stretch.reason,
            own_reason=own[bisect_right(starts, stretch.from_ms) - 1].reason,
            entry=None if last is None or last.reason is None else last.number,
            operation=operation,
        )


def _matches(stop: Stop, looked: Looked, now_ms: int) -> bool:
    until_ms = now_ms if stop.until_ms is None else stop.until_ms
    return (
        (looked.time_class is None or stop.time_class is looked.time_class)
        and (looked.reason is None or (stop.reason or "") == looked.reason)
        and until_ms - stop.from_ms >= looked.longer_than_ms
        and (looked.before_ms is None or stop.from_ms < looked.before_ms)
    )


async def orders_of(connection: Connection, operations: Iterable[int]) -> dict[int, str]:
    """The orders that operations are for, by number; those of none are missing."""
    cursor = await connection.execute(
        """
        SELECT op.id, string_agg(DISTINCT o.number, ', ' ORDER BY o.number)
        FROM operations op JOIN pegs p ON p.work_order_id = op.work_order_id
        JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        WHERE op.id = ANY(%s) GROUP BY op.id
        """,
        (sorted(set(operations)),),
    )
    return dict(await cursor.fetchall())
