"""The rows behind the roll-up of operations into order lines, and what it writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from contracts.telemetry import OperationState
from domain import progress
from domain.orders import LineState
from store import audit
from store.database import Connection

LINE_STATE_CHANGED: Final = "LineStateChanged"
"""The audit log's and the event's word when the floor's progress moves a line."""

_ACTOR: Final = audit.Actor("progress", "streams")


class RolledUp(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose lines were written."""

    order_id: int
    site: str
    version: int
    work_order_ids: list[int]
    state_changed: bool


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    order_id: int
    site: str
    site_id: int
    version: int
    number: int
    quantity: Decimal
    state: str
    good: Decimal
    scrap: int
    started_at: datetime | None
    produced_at: datetime | None

    @property
    def figures(self) -> progress.LineFigures:
        return progress.LineFigures(
            state=LineState(self.state),
            good=self.good,
            scrap=self.scrap,
            started_ms=_ms(self.started_at),
            produced_ms=_ms(self.produced_at),
        )


class _Peg(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    work_order_id: int
    line_id: int
    demand_work_order_id: int
    quantity: Decimal
    made: Decimal
    due_at: datetime | None
    priority: int
    cancelled: bool


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    work_order_id: int
    number: int
    state: str
    good: Decimal
    scrap: Decimal
    runs: int
    started_ms: int | None
    ended_ms: int | None


async def roll_up(
    connection: Connection,
    *,
    order_ids: Collection[int],
    work_order_ids: Collection[int],
    now_ms: int,
) -> list[RolledUp]:
    """Bring orders' lines, and those of whoever shares work orders with them, up to date.

    Within the caller's transaction: orders and lines are locked in order of id, so that two who
    roll up the same line read the operations one after the other. Only what differs is written; a
    line that changes its state leaves an entry in the audit log.

    Returns:
        The orders that were written.
    """
    lines = await _lock_lines(connection, order_ids, work_order_ids)
    rows, works = await _works(connection, [line.id for line in lines], work_order_ids)
    await _write_shares(connection, rows, works)
    if not lines:
        return []
    pegs = _works_of(rows)
    stock = await _from_stock(connection, [line.id for line in lines])
    changed: list[tuple[_Line, progress.LineFigures]] = []
    for line in lines:
        after = progress.roll_up(
            line.id,
            quantity=line.quantity,
            current=line.figures,
            works=[works[work] for work in pegs[line.id]],
            now_ms=now_ms,
            from_stock=stock.get(line.id, Decimal(0)),
        )
        if after != line.figures:
            changed.append((line, after))
    await _write(connection, changed)
    return _by_order(changed, pegs)


async def _lock_lines(
    connection: Connection, order_ids: Collection[int], work_order_ids: Collection[int]
) -> Sequence[_Line]:
    cursor = await connection.execute(
        """
        SELECT id FROM orders
        WHERE id = ANY(%(orders)s) OR id IN (
            SELECT l.order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
            WHERE p.work_order_id = ANY(%(works)s) OR p.work_order_id IN (
                SELECT q.work_order_id FROM pegs q JOIN order_lines k ON k.id = q.order_line_id
                WHERE k.order_id = ANY(%(orders)s)))
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"orders": list(order_ids), "works": list(work_order_ids)},
    )
    locked = [row[0] for row in await cursor.fetchall()]
    async with connection.cursor(row_factory=class_row(_Line)) as lines:
        await lines.execute(
            """
            SELECT l.id, l.order_id, s.code AS site, s.id AS site_id, o.version, l.number,
                   l.quantity, l.state, l.good_quantity AS good, l.scrap_pieces AS scrap,
                   l.started_at, l.produced_at
            FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN sites s ON s.id = o.site_id
            WHERE l.order_id = ANY(%s)
            ORDER BY l.id FOR NO KEY UPDATE OF l
            """,
            (locked,),
        )
        return await lines.fetchall()


async def _works(
    connection: Connection, line_ids: Collection[int], work_order_ids: Collection[int]
) -> tuple[dict[int, list[_Peg]], dict[int, progress.WorkFigures]]:
    """The work orders of lines and those named: everybody's pegs on them, and their figures."""
    pegs: dict[int, list[_Peg]] = {id_: [] for id_ in work_order_ids}
    async with connection.cursor(row_factory=class_row(_Peg)) as rows:
        await rows.execute(
            """
            SELECT p.id, p.work_order_id, coalesce(p.order_line_id, 0) AS line_id,
                   coalesce(p.demand_work_order_id, 0) AS demand_work_order_id, p.quantity, p.made,
                   coalesce(l.due_at, d.due_at) AS due_at, coalesce(o.priority, 0) AS priority,
                   coalesce(l.state = 'cancelled', d.cancelled_at IS NOT NULL) AS cancelled
            FROM pegs p
            LEFT JOIN order_lines l ON l.id = p.order_line_id
            LEFT JOIN orders o ON o.id = l.order_id
            LEFT JOIN work_orders d ON d.id = p.demand_work_order_id
            WHERE p.work_order_id = ANY(%(works)s) OR p.work_order_id IN (
                SELECT work_order_id FROM pegs WHERE order_line_id = ANY(%(lines)s))
            ORDER BY p.id
            """,
            {"works": list(work_order_ids), "lines": list(line_ids)},
        )
        async for peg in rows:
            pegs.setdefault(peg.work_order_id, []).append(peg)
    operations: dict[int, list[progress.OperationFigures]] = defaultdict(list)
    async with connection.cursor(row_factory=class_row(_Operation)) as found:
        await found.execute(
            """
            SELECT work_order_id, number, state, good_pieces AS good, scrap_pieces AS scrap, runs,
                   started_ms, ended_ms
            FROM operations WHERE work_order_id = ANY(%s)
            """,
            (list(pegs),),
        )
        async for row in found:
            operations[row.work_order_id].append(_figures(row))
    works = {
        work: progress.WorkFigures(
            operations=operations[work], pegs=[_claim(peg) for peg in claims]
        )
        for work, claims in pegs.items()
    }
    return pegs, works


def _claim(row: _Peg) -> progress.Peg:
    return progress.Peg(
        row.line_id,
        row.quantity,
        _ms(row.due_at),
        priority=row.priority,
        held=row.made,
        work_order_id=row.demand_work_order_id,
        cancelled=row.cancelled,
    )


def _works_of(rows: Mapping[int, Sequence[_Peg]]) -> dict[int, list[int]]:
    """The work orders of each line."""
    found: dict[int, list[int]] = defaultdict(list)
    for work, pegs in rows.items():
        for peg in pegs:
            found[peg.line_id].append(work)
    return found


async def _from_stock(connection: Connection, line_ids: Collection[int]) -> dict[int, Decimal]:
    """What is pegged to lines in stock."""
    cursor = await connection.execute(
        """
        SELECT order_line_id, sum(quantity) FROM pegs
        WHERE order_line_id = ANY(%s) AND stock_lot_id IS NOT NULL GROUP BY order_line_id
        """,
        (list(line_ids),),
    )
    return dict(await cursor.fetchall())


async def _write_shares(
    connection: Connection,
    rows: Mapping[int, Sequence[_Peg]],
    works: Mapping[int, progress.WorkFigures],
) -> None:
    """Keep what of each work order was made for whom, and what goes to stock; where it differs."""
    made: list[tuple[int, Decimal]] = []
    stock: list[tuple[int, Decimal]] = []
    for id_, work in works.items():
        shares = progress.attribute_good(work.good, work.pegs).shares
        made += [
            (peg.id, share)
            for peg, share in zip(rows[id_], shares, strict=True)
            if share != peg.made
        ]
        stock.append((id_, progress.to_stock(work.good, work.pegs)))
    if made:
        made.sort()
        await connection.execute(
            """
            UPDATE pegs p SET made = n.made
            FROM unnest(%s::bigint[], %s::numeric[]) AS n (id, made) WHERE p.id = n.id
            """,
            ([id_ for id_, _ in made], [share for _, share in made]),
        )
    if stock:
        await connection.execute(
            """
            UPDATE work_orders w SET to_stock = n.quantity
            FROM unnest(%s::bigint[], %s::numeric[]) AS n (id, quantity)
            WHERE w.id = n.id AND w.to_stock <> n.quantity AND w.planned
            """,
            ([id_ for id_, _ in stock], [quantity for _, quantity in stock]),
        )


def _figures(row: _Operation) -> progress.OperationFigures:
    return progress.OperationFigures(
        number=row.number,
        state=OperationState(row.state),
        good=row.good,
        scrap=row.scrap,
        runs=row.runs,
        quantity=None,
        cycle_ms=None,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
    )


async def _write(
    connection: Connection, changed: Sequence[tuple[_Line, progress.LineFigures]]
) -> None:
    if not changed:
        return
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            UPDATE order_lines
            SET state = %s, good_quantity = %s, scrap_pieces = %s,
                started_at = to_timestamp(%s::numeric / 1000),
                produced_at = to_timestamp(%s::numeric / 1000)
            WHERE id = %s
            """,
            [
                (
                    after.state.value,
                    after.good,
                    after.scrap,
                    after.started_ms,
                    after.produced_ms,
                    line.id,
                )
                for line, after in changed
            ],
        )
    moved = [(line, after) for line, after in changed if after.state != line.state]
    for line, after in moved:
        await audit.write(
            connection,
            actor=_ACTOR,
            action=LINE_STATE_CHANGED,
            site_id=line.site_id,
            order_id=line.order_id,
            reason=f"{after.good.normalize():f} of {line.quantity.normalize():f} good pieces",
            before={"line": line.number, "state": line.state},
            after={"line": line.number, "state": after.state.value},
        )
    if moved:
        await connection.execute(
            "UPDATE orders SET changed_at = now() WHERE id = ANY(%s)",
            (sorted({line.order_id for line, _ in moved}),),
        )


def _by_order(
    changed: Sequence[tuple[_Line, progress.LineFigures]], works_of: dict[int, list[int]]
) -> list[RolledUp]:
    orders: dict[int, list[tuple[_Line, progress.LineFigures]]] = defaultdict(list)
    for line, after in changed:
        orders[line.order_id].append((line, after))
    return [
        RolledUp(
            order_id=order_id,
            site=pairs[0][0].site,
            version=pairs[0][0].version,
            work_order_ids=sorted({work for line, _ in pairs for work in works_of[line.id]}),
            state_changed=any(after.state != line.state for line, after in pairs),
        )
        for order_id, pairs in orders.items()
    ]


def _ms(at: datetime | None) -> int | None:
    return round(at.timestamp() * 1000) if at is not None else None
