"""Work orders that cannot make any more what is pegged to them: noted, told, made up for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.telemetry import OperationState
from domain.pegging.book import NOTHING, SupplyId, SupplyKind, work
from domain.pegging.losses import Step, make_up, missing
from store import audit
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError
from store.filters import Filters, Page
from store.pegging import books, writing
from store.pegging.books import Loaded

FELL_SHORT: Final = "WorkOrderFellShort"
"""The audit log's word when a work order cannot make any more what is pegged to it."""

_ACTOR: Final = Actor("progress", "streams")
_OVER: Final = (OperationState.COMPLETED, OperationState.ABORTED)


class ShortageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A work order's shortage; `state`: open, made_up, gone (made or wanted no more), dismissed."""

    id: int
    work_order_id: int
    work_order: str
    site_id: int
    site: str
    item: str | None
    unit: str
    quantity: Decimal
    state: str
    opened_at: datetime
    made_up_by: str | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


class _Work(msgspec.Struct, kw_only=True):
    """A work order as it stands: what is wanted of it, and what is noted already."""

    id: int
    number: str
    site_id: int
    unit: str
    wanted: Decimal
    accepted: Decimal
    noted: Decimal | None
    orders: list[int]
    steps: list[Step]


async def note(connection: Connection, work_order_ids: Collection[int], *, now: datetime) -> int:
    """Note who lacks what, as the floor's rows say it now; answers how many shortages changed.

    Within the roll-up's transaction: orders are locked. A loss is told in the history of every
    order that the work order is for; what somebody said is to stay is not told again.
    """
    changed = 0
    for one in await _works(connection, work_order_ids):
        short = max(missing(one.steps, one.wanted) - one.accepted, NOTHING)
        if short == (one.noted or NOTHING):
            continue
        changed += 1
        if not short:
            await connection.execute(
                """
                UPDATE work_order_shortages SET state = 'gone', decided_at = %s, decided_by = %s
                WHERE work_order_id = %s AND state = 'open'
                """,
                (now, _ACTOR.name, one.id),
            )
            continue
        await connection.execute(
            """
            INSERT INTO work_order_shortages AS s (work_order_id, quantity, opened_at)
            VALUES (%s, %s, %s)
            ON CONFLICT (work_order_id) WHERE state = 'open'
            DO UPDATE SET quantity = excluded.quantity
            """,
            (one.id, short, now),
        )
        if one.noted is None or short > one.noted:
            await _tell(connection, one, short)
    return changed


async def _tell(connection: Connection, one: _Work, short: Decimal) -> None:
    subjects: list[int | None] = [*one.orders]
    for order_id in subjects or [None]:
        await audit.write(
            connection,
            actor=_ACTOR,
            action=FELL_SHORT,
            site_id=one.site_id,
            order_id=order_id,
            work_order_id=one.id,
            reason=f"{short.normalize():f} {one.unit} that are wanted of {one.number} cannot be"
            " made any more: replace or rework them",
            after={"work_order": one.number, "missing": format(short.normalize(), "f")},
        )


async def _works(connection: Connection, ids: Collection[int]) -> list[_Work]:
    """Those work orders that somebody waits for, and that scrapped something or have ended."""
    cursor = await connection.execute(
        """
        SELECT w.id, w.number, w.site_id, w.unit, pegged.wanted,
               coalesce((SELECT sum(quantity) FROM work_order_shortages d
                         WHERE d.work_order_id = w.id AND d.state = 'dismissed'), 0),
               s.quantity, pegged.orders, o.number, coalesce(o.quantity, w.quantity_ordered),
               o.good_pieces, o.scrap_pieces, o.state
        FROM work_orders w
        JOIN operations o ON o.work_order_id = w.id
        LEFT JOIN work_order_shortages s ON s.work_order_id = w.id AND s.state = 'open'
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.quantity), 0) AS wanted,
                   coalesce(array_agg(DISTINCT l.order_id) FILTER (WHERE l.id IS NOT NULL), '{}')
                       AS orders
            FROM pegs p LEFT JOIN order_lines l ON l.id = p.order_line_id
            WHERE p.work_order_id = w.id AND l.state IS DISTINCT FROM 'cancelled'
        ) pegged
        WHERE w.id = ANY(%s) AND w.planned AND w.cancelled_at IS NULL
          AND (s.id IS NOT NULL OR EXISTS (
              SELECT FROM operations x WHERE x.work_order_id = w.id
                AND (x.scrap_pieces > 0 OR x.state IN ('completed', 'aborted'))))
        ORDER BY w.id, o.number
        """,
        (list(ids),),
    )
    found: dict[int, _Work] = {}
    for (
        id_,
        number,
        site_id,
        unit,
        wanted,
        accepted,
        noted,
        orders,
        operation,
        planned,
        good,
        scrap,
        state,
    ) in await cursor.fetchall():
        one = found.get(id_)
        if one is None:
            one = found[id_] = _Work(
                id=id_,
                number=number,
                site_id=site_id,
                unit=unit,
                wanted=wanted,
                accepted=accepted,
                noted=noted,
                orders=sorted(orders),
                steps=[],
            )
        one.steps.append(
            Step(number=operation, planned=planned, good=good, scrap=scrap, over=state in _OVER)
        )
    return list(found.values())


async def lock(connection: Connection, row: ShortageRow) -> Loaded:
    """Lock a shortage's work order with its orders, and read its book.

    Raises:
        ConflictError: the shortage is not open any more, or is another one by now.
    """
    await books.lock(connection, [row.work_order_id])
    fresh = await find(connection, row.id)
    if fresh is None or fresh.state != "open" or fresh.quantity != row.quantity:
        state = fresh.state if fresh is not None else "gone"
        raise ConflictError(
            f"shortage {row.id} of {row.work_order!r} is {state} or has changed: look at it again"
        )
    return await books.load(connection, work_order_ids=[row.work_order_id])


async def replace(
    connection: Connection, row: ShortageRow, loaded: Loaded, *, kind: str, by: str, now: datetime
) -> int:
    """Let a new work order make what is missing, for those who need it last; answers its id.

    Args:
        connection: the change's transaction; the rows are locked.
        row: the shortage.
        loaded: the book of its work order.
        kind: `replacement` (made anew) or `rework` (what was scrapped is repaired).
        by: who decided it.
        now: when.

    Raises:
        PeggingError: so much is not open any more.
    """
    supply = work(row.work_order_id)
    new = SupplyId(SupplyKind.WORK, -1)
    after = make_up(loaded.book, supply, row.quantity, new)
    planned = await _planned(connection, row.work_order_id)
    written = await writing.write(connection, loaded, after, origins={new: row.work_order_id})
    made = written.new[-1]
    # What is lost behind the first operation was made by those before: they make as much as ever.
    await connection.execute(
        """
        UPDATE operations o SET quantity = n.quantity
        FROM unnest(%s::bigint[], %s::numeric[]) AS n (id, quantity)
        WHERE o.id = n.id AND o.number < (
            SELECT max(number) FROM operations x WHERE x.work_order_id = o.work_order_id)
        """,
        ([id_ for id_, _ in planned], [quantity for _, quantity in planned]),
    )
    await connection.execute(
        "UPDATE work_orders SET kind = %s, split_from = NULL, makes_up_for = %s WHERE id = %s",
        (kind, row.work_order_id, made),
    )
    await _decide(connection, row, "made_up", by=by, reason=None, now=now, made_up_by=made)
    return made


async def _planned(
    connection: Connection, work_order_id: int
) -> Sequence[tuple[int, Decimal | None]]:
    cursor = await connection.execute(
        "SELECT id, quantity FROM operations WHERE work_order_id = %s ORDER BY id", (work_order_id,)
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def dismiss(
    connection: Connection, row: ShortageRow, *, by: str, reason: str, now: datetime
) -> None:
    """Let a shortage stay: nobody makes it up. Its row is locked with its work order."""
    await _decide(connection, row, "dismissed", by=by, reason=reason, now=now)


async def _decide(
    connection: Connection,
    row: ShortageRow,
    state: str,
    *,
    by: str,
    reason: str | None,
    now: datetime,
    made_up_by: int | None = None,
) -> None:
    await connection.execute(
        """
        UPDATE work_order_shortages
        SET state = %s, decided_at = %s, decided_by = %s, reason = %s, made_up_by = %s
        WHERE id = %s
        """,
        (state, now, by, reason, made_up_by, row.id),
    )


_SELECT: Final = sql.SQL(
    """
    SELECT x.id, x.work_order_id, w.number AS work_order, w.site_id, s.code AS site,
           coalesce(i.code, w.item_text) AS item, w.unit, x.quantity, x.state, x.opened_at,
           m.number AS made_up_by, x.decided_at, x.decided_by, x.reason
    FROM work_order_shortages x
    JOIN work_orders w ON w.id = x.work_order_id
    JOIN sites s ON s.id = w.site_id
    LEFT JOIN items i ON i.id = w.item_id
    LEFT JOIN work_orders m ON m.id = x.made_up_by
    """
)


async def find(connection: Connection, shortage_id: int) -> ShortageRow | None:
    """A shortage by its id."""
    cursor = connection.cursor(row_factory=class_row(ShortageRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE x.id = %s"), (shortage_id,))
    return await cursor.fetchone()


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    state: str | None = None,
    work_order_id: int | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[ShortageRow], int]:
    """Work orders' shortages, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("x.state = %(state)s", state=state)
    filters.add("x.work_order_id = %(work_order)s", work_order=work_order_id)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(ShortageRow))
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY x.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL(
            """
            SELECT count(*) FROM work_order_shortages x
            JOIN work_orders w ON w.id = x.work_order_id JOIN sites s ON s.id = w.site_id
            """
        )
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def concerned(
    connection: Connection, work_order_ids: Collection[int]
) -> dict[int, list[tuple[str, int]]]:
    """Orders and lines that work orders are for, by work order."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT p.work_order_id, o.number, l.number
        FROM pegs p JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        WHERE p.work_order_id = ANY(%s) ORDER BY 1, 2, 3
        """,
        (list(work_order_ids),),
    )
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for work_order_id, order, line in await cursor.fetchall():
        found[work_order_id].append((order, line))
    return found
