"""The warehouse's moves, and whose orders they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.streams import GoodsMoved
from contracts.telemetry import MoveEvent
from domain import goods
from domain.goods import Unmatched
from domain.shipping import Line, Move
from store.database import Connection
from store.filters import Filters, Page

_LOCK: Final = 0x67656D62_00000006
"""Of whoever joins moves with orders: a move and its order that are stored at the same moment must
not overlook each other."""


class UnmatchedMove(msgspec.Struct, frozen=True, kw_only=True):
    """A move that counts for no order, and why (`domain.goods.Unmatched`)."""

    site: str
    device: str
    source: str
    boot: str
    seq: int
    t_ms: int
    event: str
    item: str
    quantity: Decimal
    unit: str | None
    work_order: str | None
    order: str | None
    reason: str


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    publisher_id: int
    seq: int
    site_id: int
    item: str
    unit: str | None
    work_order: str | None
    order_number: str | None
    order_id: int | None
    unmatched: str | None


async def lock(connection: Connection) -> None:
    """Wait until nobody else joins moves with orders; until the end of the transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


async def put_moves(connection: Connection, moves: Sequence[GoodsMoved]) -> list[tuple[int, int]]:
    """Store moves; answers (publisher id, seq) of those that were not known. `lock` first."""
    cursor = await connection.execute(
        """
        INSERT INTO goods_moves (publisher_id, seq, site_id, device_id, t_ms, event, item, quantity,
            unit, lot, from_location, to_location, work_order, order_number, unmatched)
        SELECT n.publisher_id, n.seq, m.site_id, m.id, n.t_ms, n.event, n.item, n.quantity, n.unit,
               n.lot, n.from_location, n.to_location, n.work_order, n.order_number, 'no_order'
        FROM unnest(%s::bigint[], %s::bigint[], %s::integer[], %s::bigint[], %s::text[], %s::text[],
                    %s::numeric[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::text[])
            AS n (publisher_id, seq, device_id, t_ms, event, item, quantity, unit, lot,
                  from_location, to_location, work_order, order_number)
        JOIN machines m ON m.id = n.device_id
        ON CONFLICT (publisher_id, seq) DO NOTHING RETURNING publisher_id, seq
        """,
        (
            [move.publisher_id for move in moves],
            [move.seq for move in moves],
            [move.device_id for move in moves],
            [move.t_ms for move in moves],
            [move.event for move in moves],
            [move.item for move in moves],
            [Decimal(move.quantity) for move in moves],
            [move.unit for move in moves],
            [move.lot for move in moves],
            [move.from_ for move in moves],
            [move.to for move in moves],
            [move.work_order for move in moves],
            [move.order for move in moves],
        ),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def join(
    connection: Connection,
    *,
    new: Collection[tuple[int, int]],
    order_ids: Collection[int],
    work_order_ids: Collection[int],
) -> set[int]:
    """Find the orders of new moves, and of all that name these orders or their work orders.

    Answers the orders that these moves belong to, or belonged to before.

    Args:
        connection: the transaction that holds the `lock`.
        new: what `put_moves` answered.
        order_ids: orders that came or changed.
        work_order_ids: work orders that did.
    """
    moves = await _named(connection, new, order_ids, work_order_ids)
    if not moves:
        return set()
    numbers = {move.order_number for move in moves if move.order_number is not None}
    works = {
        (move.site_id, move.work_order)
        for move in moves
        if move.order_number is None and move.work_order is not None
    }
    by_number = await _orders_by_number(connection, numbers)
    by_work = await _orders_by_work(connection, works)
    lines = await order_lines(
        connection, {*by_number.values(), *(one for some in by_work.values() for one in some)}
    )
    affected: set[int] = set()
    changed: list[tuple[int, int, int | None, str | None]] = []
    for move in moves:
        order_id, reason = _verdict(move, by_number, by_work, lines)
        affected |= {one for one in (order_id, move.order_id) if one is not None}
        if (order_id, reason) != (move.order_id, move.unmatched):
            changed.append((move.publisher_id, move.seq, order_id, reason))
    await _write(connection, changed)
    return affected


def _verdict(
    move: _Named,
    by_number: Mapping[str, int],
    by_work: Mapping[tuple[int, str], set[int]],
    lines: Mapping[int, Sequence[Line]],
) -> tuple[int | None, Unmatched | None]:
    """Whose goods were moved, and why they count for nobody. An order that is named prevails."""
    if move.order_number is not None:
        order_id = by_number.get(move.order_number)
        if order_id is None:
            return None, Unmatched.UNKNOWN_ORDER
    else:
        owners = by_work.get((move.site_id, move.work_order or ""), set())
        if len(owners) != 1:
            return None, Unmatched.SEVERAL_ORDERS if owners else Unmatched.NO_ORDER
        (order_id,) = owners
    return order_id, goods.judge(lines.get(order_id, ()), item=move.item, unit=move.unit)


async def _named(
    connection: Connection,
    new: Collection[tuple[int, int]],
    order_ids: Collection[int],
    work_order_ids: Collection[int],
) -> list[_Named]:
    async with connection.cursor(row_factory=class_row(_Named)) as cursor:
        await cursor.execute(
            """
            WITH works AS (
                SELECT w.site_id, w.number FROM work_orders w
                WHERE w.id = ANY(%(works)s) OR w.id IN (
                    SELECT p.work_order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
                    WHERE l.order_id = ANY(%(orders)s))
            ), identities AS (
                SELECT * FROM unnest(%(publishers)s::bigint[], %(seqs)s::bigint[])
                    AS n (publisher_id, seq)
                UNION
                SELECT publisher_id, seq FROM goods_moves WHERE order_id = ANY(%(orders)s)
                UNION
                SELECT g.publisher_id, g.seq FROM goods_moves g
                JOIN orders o ON o.number = g.order_number WHERE o.id = ANY(%(orders)s)
                UNION
                SELECT g.publisher_id, g.seq FROM goods_moves g
                JOIN works w ON w.site_id = g.site_id AND w.number = g.work_order
                WHERE g.order_number IS NULL
            )
            SELECT g.publisher_id, g.seq, g.site_id, g.item, g.unit, g.work_order, g.order_number,
                   g.order_id, g.unmatched
            FROM identities i JOIN goods_moves g USING (publisher_id, seq)
            """,
            {
                "publishers": [publisher_id for publisher_id, _ in new],
                "seqs": [seq for _, seq in new],
                "orders": list(order_ids),
                "works": list(work_order_ids),
            },
        )
        return await cursor.fetchall()


async def _orders_by_number(connection: Connection, numbers: Collection[str]) -> dict[str, int]:
    cursor = await connection.execute(
        "SELECT number, id FROM orders WHERE number = ANY(%s)", (list(numbers),)
    )
    rows: list[tuple[str, int]] = await cursor.fetchall()
    return dict(rows)


async def _orders_by_work(
    connection: Connection, works: Collection[tuple[int, str]]
) -> dict[tuple[int, str], set[int]]:
    """The orders that work orders are for, by site and number of the work order."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT w.site_id, w.number, l.order_id
        FROM unnest(%s::integer[], %s::text[]) AS n (site_id, number)
        JOIN work_orders w ON w.site_id = n.site_id AND w.number = n.number
        JOIN pegs p ON p.work_order_id = w.id
        JOIN order_lines l ON l.id = p.order_line_id
        """,
        ([site_id for site_id, _ in works], [number for _, number in works]),
    )
    owners: dict[tuple[int, str], set[int]] = defaultdict(set)
    for site_id, number, order_id in await cursor.fetchall():
        owners[site_id, number].add(order_id)
    return owners


async def order_lines(connection: Connection, order_ids: Collection[int]) -> dict[int, list[Line]]:
    """The lines of orders, by order id."""
    cursor = await connection.execute(
        """
        SELECT l.order_id, l.id, l.number, i.code, l.unit, l.quantity,
               (extract(epoch FROM l.due_at) * 1000)::bigint, l.state = 'cancelled'
        FROM order_lines l JOIN items i ON i.id = l.item_id WHERE l.order_id = ANY(%s)
        """,
        (list(order_ids),),
    )
    lines: dict[int, list[Line]] = defaultdict(list)
    for (
        order_id,
        line_id,
        number,
        item,
        unit,
        quantity,
        due_ms,
        cancelled,
    ) in await cursor.fetchall():
        line = Line(
            id=line_id,
            number=number,
            item=item,
            unit=unit,
            quantity=quantity,
            due_ms=due_ms,
            cancelled=cancelled,
        )
        lines[order_id].append(line)
    return lines


async def _write(
    connection: Connection, changed: Sequence[tuple[int, int, int | None, str | None]]
) -> None:
    if not changed:
        return
    columns: list[list[Any]] = [list(column) for column in zip(*changed, strict=True)]
    await connection.execute(
        """
        UPDATE goods_moves g SET order_id = n.order_id, unmatched = n.unmatched
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
            AS n (publisher_id, seq, order_id, unmatched)
        WHERE g.publisher_id = n.publisher_id AND g.seq = n.seq
        """,
        columns,
    )


async def of_orders(connection: Connection, order_ids: Collection[int]) -> dict[int, list[Move]]:
    """The moves that count for orders, by order id."""
    cursor = await connection.execute(
        """
        SELECT g.order_id, g.t_ms, g.event, g.item, g.unit, g.quantity, m.path, p.source, p.boot,
               g.seq
        FROM goods_moves g
        JOIN publishers p ON p.id = g.publisher_id
        JOIN machines m ON m.id = g.device_id
        WHERE g.order_id = ANY(%s) AND g.unmatched IS NULL
        """,
        (list(order_ids),),
    )
    moves: dict[int, list[Move]] = defaultdict(list)
    async for order_id, t_ms, event, item, unit, quantity, device, source, boot, seq in cursor:
        move = Move(
            t_ms=t_ms,
            event=MoveEvent(event),
            item=item,
            unit=unit,
            quantity=quantity,
            device=device,
            source=source,
            boot=boot,
            seq=seq,
        )
        moves[order_id].append(move)
    return moves


async def unmatched(
    connection: Connection, page: Page, *, site: str | None = None, limited_to: Collection[str] = ()
) -> tuple[list[UnmatchedMove], int]:
    """Moves that count for no order, newest first; and how many in all."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.limit_to_sites(limited_to)
    where = filters.where if filters.parameters else sql.SQL(" WHERE true")
    where += sql.SQL(" AND g.unmatched IS NOT NULL")
    cursor = connection.cursor(row_factory=class_row(UnmatchedMove))
    await cursor.execute(
        sql.SQL(
            """
            SELECT s.code AS site, m.path AS device, p.source, p.boot, g.seq, g.t_ms, g.event,
                   g.item, g.quantity, g.unit, g.work_order, g.order_number AS order,
                   g.unmatched AS reason
            FROM goods_moves g
            JOIN sites s ON s.id = g.site_id
            JOIN machines m ON m.id = g.device_id
            JOIN publishers p ON p.id = g.publisher_id
            """
        )
        + where
        + sql.SQL(" ORDER BY g.t_ms DESC, g.publisher_id, g.seq LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM goods_moves g JOIN sites s ON s.id = g.site_id") + where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0
