"""Read models of the floor, from rows: machines' tiles, a site's summary, a terminal's queue.

Everything is set-based: one call reads all the machines it is given. What changes slowly and costs
much (a day's totals, the next operation among thousands) is read apart and may be reused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from psycopg.rows import class_row

from contracts.live import CurrentOperation, FloorSummary, MachineTile, TerminalView
from contracts.telemetry import OperationState
from domain import progress
from domain.orders import operation_state
from store.database import Connection

QUEUE_LENGTH = 50
"""Operations that a terminal offers at most."""


class Site(msgspec.Struct, frozen=True):
    """A site as the read models need it."""

    id: int
    code: str
    name: str
    time_zone: str

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


class NextOperations:
    """The next operation of each machine, kept for as long as its current one stays the same."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int | None, CurrentOperation | None]] = {}

    def clear(self) -> None:
        """Forget: work was planned, released or cancelled."""
        self._known.clear()

    def missing(self, current: Mapping[int, int | None]) -> list[int]:
        """The machines of which nothing is known for the operation they now have."""
        return [
            machine
            for machine, operation in current.items()
            if machine not in self._known or self._known[machine][0] != operation
        ]

    def learn(
        self, current: Mapping[int, int | None], found: Mapping[int, CurrentOperation]
    ) -> None:
        """Remember what was found for machines; what was not found is known to be nothing."""
        for machine, operation in current.items():
            self._known[machine] = (operation, found.get(machine))

    def of(self, machine: int) -> CurrentOperation | None:
        """The next operation of a machine."""
        return self._known[machine][1]


class _Machine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    site_id: int
    path: str
    name: str
    area: str
    line: str
    position: int
    configured: bool
    state: str
    reason: str | None
    state_since_ms: int | None
    last_seen_ms: int | None
    operator: str | None
    unassigned_good: Decimal
    unassigned_scrap: Decimal
    operation_id: int | None


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    machine_id: int | None
    work_order: str
    number: int
    name: str | None
    item: str | None
    customer: str | None
    order_number: str | None
    state: str
    cancelled: bool
    runs: int
    quantity: Decimal | None
    good: Decimal
    scrap: Decimal
    cycle_ms: int | None
    setup_ms: int
    started_ms: int | None
    due_at: datetime | None


class _Pieces(msgspec.Struct):
    """A machine's pieces: good by slot of the last hour, and the sums of its day."""

    slots: dict[int, int]
    good_today: int = 0
    scrap_today: int = 0


def rfc3339(at: datetime | None) -> str | None:
    """A time as the protocol writes it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def rfc3339_ms(at_ms: int | None) -> str | None:
    """Epoch milliseconds as the protocol writes them; None too for what no calendar holds."""
    if at_ms is None:
        return None
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return rfc3339(at)


async def read_site(connection: Connection, code: str) -> Site | None:
    """A site by its code."""
    async with connection.cursor(row_factory=class_row(Site)) as cursor:
        await cursor.execute("SELECT id, code, name, time_zone FROM sites WHERE code = %s", (code,))
        return await cursor.fetchone()


async def machine_ids_of(connection: Connection, site: Site) -> list[int]:
    """All machines of a site."""
    cursor = await connection.execute("SELECT id FROM machines WHERE site_id = %s", (site.id,))
    return [row[0] for row in await cursor.fetchall()]


async def day_base(connection: Connection, site: Site, now_ms: int) -> DayBase:
    """The day's pieces up to an hour ago, by machine."""
    day_ms = site.day_ms(now_ms)
    until_ms = max(day_ms, _hour_ago(now_ms))
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


async def machine_tiles(
    connection: Connection,
    site: Site,
    machine_ids: Collection[int] | None = None,
    *,
    now_ms: int,
    base: DayBase | None = None,
    following: NextOperations | None = None,
) -> list[MachineTile]:
    """The tiles of a site's machines (all of them by default), by line and place.

    Args:
        connection: outside a transaction the rows may be of slightly different moments.
        site: where the machines stand; machines of other sites are left out.
        machine_ids: which ones.
        now_ms: the time of asking; pace and projected ends depend on it.
        base: what `day_base` said within the last minutes.
        following: what is already known of next operations; it learns what is read.
    """
    base = base or await day_base(connection, site, now_ms)
    following = following if following is not None else NextOperations()
    machines = await _machines(connection, site, machine_ids)
    ids = [machine.id for machine in machines]
    current = {machine.id: machine.operation_id for machine in machines}
    running = await _operations(connection, [i for i in current.values() if i is not None])
    pieces = await _pieces(connection, ids, base, now_ms)
    if missing := following.missing(current):
        found = await next_operations(connection, missing, now_ms=now_ms)
        following.learn({machine: current[machine] for machine in missing}, found)
    return [
        _tile(
            machine,
            running.get(machine.operation_id) if machine.operation_id is not None else None,
            pieces[machine.id],
            following.of(machine.id),
            now_ms,
        )
        for machine in machines
    ]


async def next_operations(
    connection: Connection, machine_ids: Collection[int], *, now_ms: int
) -> dict[int, CurrentOperation]:
    """The first operation of each machine that was never started: by due date, then work order."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (o.machine_id) o.machine_id, o.id
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        WHERE o.machine_id = ANY(%s) AND o.state IN ('planned', 'released') AND o.runs = 0
          AND w.cancelled_at IS NULL
        ORDER BY o.machine_id, w.due_at NULLS LAST, w.id, o.number
        """,
        (list(machine_ids),),
    )
    first: dict[int, int] = dict(await cursor.fetchall())
    operations = await _operations(connection, list(first.values()))
    return {
        machine: _shown(operations[operation], None, now_ms) for machine, operation in first.items()
    }


async def terminal_view(connection: Connection, machine_id: int, *, now_ms: int) -> TerminalView:
    """What an operator may start or resume at a machine: begun work first, then by due date."""
    cursor = await connection.execute(
        """
        SELECT o.id
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        WHERE (o.machine_id = %(machine)s OR (o.machine_id IS NULL AND o.id IN
                 (SELECT operation_id FROM contributions WHERE machine_id = %(machine)s)))
          AND o.state NOT IN ('completed', 'aborted', 'cancelled')
          AND (w.cancelled_at IS NULL OR o.runs > 0)
        ORDER BY o.runs = 0, w.due_at NULLS LAST, w.id, o.number
        LIMIT %(limit)s
        """,
        {"machine": machine_id, "limit": QUEUE_LENGTH},
    )
    ids = [row[0] for row in await cursor.fetchall()]
    operations = await _operations(connection, ids)
    return TerminalView(operations=[_shown(operations[i], None, now_ms) for i in ids])


async def order_figures(connection: Connection, site: Site) -> OrderFigures:
    """Orders not yet produced, those of them that will be late, and dead letters not replayed.

    An order is at risk when an open line's due date is before now plus the standard time of the
    pieces that are still missing. It counts over all open orders: not for every change.
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
            WHERE p.due_at IS NOT NULL
            GROUP BY p.id, p.order_id, p.due_at
            HAVING p.due_at < now() + interval '1 millisecond' * coalesce(sum(
                greatest(coalesce(o.quantity, w.quantity_ordered, 0) - o.good_pieces, 0)
                * coalesce(o.cycle_ms, 0)), 0)::float8
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
        WHERE m.site_id = %s
        """,
        (base.until_ms, now_ms, site.id),
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


async def _machines(
    connection: Connection, site: Site, machine_ids: Collection[int] | None
) -> list[_Machine]:
    async with connection.cursor(row_factory=class_row(_Machine)) as cursor:
        await cursor.execute(
            """
            SELECT m.id, m.site_id, m.path, m.name, m.area, m.line, m.position, m.configured,
                   coalesce(s.state, 'offline') AS state, s.reason, s.state_since_ms,
                   s.last_seen_ms, s.operator, s.operation_id,
                   coalesce(s.unassigned_good, 0) AS unassigned_good,
                   coalesce(s.unassigned_scrap, 0) AS unassigned_scrap
            FROM machines m LEFT JOIN machine_states s ON s.machine_id = m.id
            WHERE m.site_id = %s AND (%s::integer[] IS NULL OR m.id = ANY(%s::integer[]))
            ORDER BY m.area, m.line, m.position, m.path
            """,
            (site.id, *[None if machine_ids is None else list(machine_ids)] * 2),
        )
        return await cursor.fetchall()


async def _operations(connection: Connection, ids: Collection[int]) -> dict[int, _Operation]:
    if not ids:
        return {}
    async with connection.cursor(row_factory=class_row(_Operation)) as cursor:
        await cursor.execute(
            """
            SELECT o.id, o.machine_id, w.number AS work_order, o.number, o.name,
                   coalesce(i.name, w.item_text) AS item, d.customer, d.order_number, o.state,
                   w.cancelled_at IS NOT NULL AS cancelled, o.runs,
                   coalesce(o.quantity, w.quantity_ordered, o.requested) AS quantity,
                   o.good_pieces AS good, o.scrap_pieces AS scrap, o.cycle_ms, o.setup_ms,
                   o.started_ms, coalesce(w.due_at, d.due_at) AS due_at
            FROM operations o
            JOIN work_orders w ON w.id = o.work_order_id
            LEFT JOIN items i ON i.id = w.item_id
            LEFT JOIN LATERAL (
                SELECT r.number AS order_number, c.name AS customer, l.due_at
                FROM pegs p
                JOIN order_lines l ON l.id = p.order_line_id
                JOIN orders r ON r.id = l.order_id
                JOIN customers c ON c.id = r.customer_id
                WHERE p.work_order_id = w.id
                ORDER BY l.due_at NULLS LAST, l.id LIMIT 1
            ) d ON true
            WHERE o.id = ANY(%s)
            """,
            (list(ids),),
        )
        return {row.id: row for row in await cursor.fetchall()}


async def _pieces(
    connection: Connection, machine_ids: Collection[int], base: DayBase, now_ms: int
) -> dict[int, _Pieces]:
    pieces = {machine: _Pieces({}) for machine in machine_ids}
    for machine, sums in pieces.items():
        sums.good_today, sums.scrap_today = base.pieces.get(machine, (0, 0))
    oldest = _hour_ago(now_ms)
    cursor = await connection.execute(
        """
        SELECT machine_id, slot_ms, good::bigint, scrap::bigint FROM piece_slots
        WHERE machine_id = ANY(%s) AND slot_ms >= %s AND slot_ms <= %s
        """,
        (list(machine_ids), min(base.until_ms, oldest), now_ms),
    )
    for machine, slot_ms, good, scrap in await cursor.fetchall():
        sums = pieces[machine]
        if slot_ms >= oldest:
            sums.slots[slot_ms] = good
        if slot_ms >= base.until_ms:
            sums.good_today += good
            sums.scrap_today += scrap
    return pieces


def _hour_ago(now_ms: int) -> int:
    """The slot in which the hour before now began."""
    begin = now_ms - progress.HOUR_MS
    return begin - begin % progress.SLOT_MS


def _tile(
    machine: _Machine,
    operation: _Operation | None,
    pieces: _Pieces,
    following: CurrentOperation | None,
    now_ms: int,
) -> MachineTile:
    return MachineTile(
        machine=machine.path,
        name=machine.name,
        area=machine.area,
        line=machine.line,
        position=machine.position,
        configured=machine.configured,
        state=machine.state,
        reason=machine.reason,
        state_since=rfc3339_ms(machine.state_since_ms),
        last_seen=rfc3339_ms(machine.last_seen_ms),
        good_pieces=pieces.good_today,
        scrap_pieces=pieces.scrap_today,
        unassigned_good=int(machine.unassigned_good),
        unassigned_scrap=int(machine.unassigned_scrap),
        pace=progress.pace_slots(pieces.slots, now_ms),
        pace_percent=progress.pace_percent(
            pieces.slots,
            cycle_ms=operation.cycle_ms if operation else None,
            started_ms=operation.started_ms if operation else None,
            now_ms=now_ms,
        ),
        operation=_shown(operation, pieces.slots, now_ms) if operation else None,
        next_operation=following,
        operator=machine.operator,
    )


def _shown(operation: _Operation, slots: Mapping[int, int] | None, now_ms: int) -> CurrentOperation:
    state = operation_state(
        OperationState(operation.state), cancelled=operation.cancelled, runs=operation.runs
    )
    observed = (
        progress.observed_cycle_ms(slots, started_ms=operation.started_ms, now_ms=now_ms)
        if slots is not None
        else None
    )
    figures = progress.OperationFigures(
        number=operation.number,
        state=state,
        good=operation.good,
        scrap=operation.scrap,
        runs=operation.runs,
        quantity=operation.quantity,
        cycle_ms=operation.cycle_ms,
        setup_ms=operation.setup_ms,
        started_ms=operation.started_ms,
        observed_ms=observed,
    )
    return CurrentOperation(
        work_order=operation.work_order,
        operation=operation.number,
        name=operation.name,
        item=operation.item,
        customer=operation.customer,
        order_number=operation.order_number,
        state=state,
        quantity_ordered=float(operation.quantity) if operation.quantity is not None else None,
        good_pieces=int(operation.good),
        scrap_pieces=int(operation.scrap),
        projected_end=_projected(figures, now_ms) if figures.started else None,
        due=rfc3339(operation.due_at),
        started=rfc3339_ms(operation.started_ms),
        cycle_ms=operation.cycle_ms,
    )


def _projected(figures: progress.OperationFigures, now_ms: int) -> str | None:
    """The projected end to the minute: finer would only make screens flicker."""
    end_ms = progress.projected_end_ms([figures], now_ms)
    return rfc3339_ms(end_ms - end_ms % 60_000) if end_ms is not None else None
