"""What splits, merges and moves of pegs did, so that it can be shown and undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from domain.inventory.books import Key
from domain.pegging.book import Peg
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Filters, Page
from store.inventory import holding
from store.inventory.stock import Stock
from store.pegging import books
from store.pegging.books import PegRow
from store.pegging.writing import put_peg


class WorkThen(msgspec.Struct, frozen=True, kw_only=True):
    """A work order as it stood. `operations` are their quantities by id."""

    id: int
    number: str
    quantity: Decimal | None
    due_at: datetime | None
    cancelled_at: datetime | None
    merged_into: int | None
    operations: dict[int, Decimal | None]


class PegThen(msgspec.Struct, frozen=True, kw_only=True):
    """A peg as it stood: on a work order, a lot in stock or a purchase."""

    order_line_id: int | None
    demand_work_order_id: int | None
    work_order_id: int | None
    quantity: Decimal
    stock_lot_id: int | None = None
    purchase_line_id: int | None = None

    @property
    def row(self) -> PegRow:
        """The same as a row, with nothing made yet."""
        return PegRow(**msgspec.structs.asdict(self), made=Decimal(0))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Work orders with the pegs on them, and lines with their pegs on goods, at one moment."""

    works: list[WorkThen]
    pegs: list[PegThen]
    lines: list[int] = []


class RearrangementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rearrangement. `site`: where the work orders are."""

    id: int
    site: str
    site_id: int
    kind: str
    made_at: datetime
    made_by: str
    reason: str | None
    request: dict[str, Any]
    before: Standing
    after: Standing
    undone_at: datetime | None
    undone_by: str | None


async def standing(
    connection: Connection, work_order_ids: Collection[int], line_ids: Collection[int] = ()
) -> Standing:
    """Work orders with the pegs on them, and lines with their pegs on goods, as they stand."""
    cursor = await connection.execute(
        """
        SELECT w.id, w.number, w.quantity_ordered, w.due_at, w.cancelled_at, w.merged_into,
               (SELECT jsonb_object_agg(o.id, o.quantity::text) FROM operations o
                WHERE o.work_order_id = w.id)
        FROM work_orders w WHERE w.id = ANY(%s) ORDER BY w.id
        """,
        (list(work_order_ids),),
    )
    works = [
        WorkThen(
            id=id_,
            number=number,
            quantity=quantity,
            due_at=due_at,
            cancelled_at=cancelled_at,
            merged_into=merged_into,
            operations=msgspec.convert(
                operations or {}, dict[int, Decimal | None], str_keys=True, strict=False
            ),
        )
        for id_, number, quantity, due_at, cancelled_at, merged_into, operations in (
            await cursor.fetchall()
        )
    ]
    pegs = [
        PegThen(
            order_line_id=peg.order_line_id,
            demand_work_order_id=peg.demand_work_order_id,
            work_order_id=peg.work_order_id,
            quantity=peg.quantity,
            stock_lot_id=peg.stock_lot_id,
            purchase_line_id=peg.purchase_line_id,
        )
        for peg in (
            *await books.pegs_on(connection, work_order_ids),
            *await books.pegs_on_goods(connection, line_ids),
        )
    ]
    return Standing(works=works, pegs=pegs, lines=sorted(line_ids))


async def record(
    connection: Connection,
    *,
    site_id: int,
    kind: str,
    made_by: str,
    reason: str | None,
    request: Mapping[str, Any],
    before: Standing,
    after: Standing,
) -> int:
    """Keep what was done; answers its id."""
    cursor = await connection.execute(
        """
        INSERT INTO rearrangements (site_id, kind, made_by, reason, request, before, after)
        VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            site_id,
            kind,
            made_by,
            reason,
            Jsonb(request),
            Jsonb(msgspec.to_builtins(before, str_keys=True)),
            Jsonb(msgspec.to_builtins(after, str_keys=True)),
        ),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    rearrangement: int = row[0]
    await connection.execute(
        """
        INSERT INTO rearrangement_works (rearrangement_id, work_order_id, version)
        SELECT %s, id, version FROM work_orders WHERE id = ANY(%s)
        """,
        (rearrangement, [each.id for each in after.works]),
    )
    return rearrangement


_SELECT: Final = sql.SQL(
    """
    SELECT r.id, s.code AS site, r.site_id, r.kind, r.made_at, r.made_by, r.reason, r.request,
           r.before, r.after, r.undone_at, r.undone_by
    FROM rearrangements r JOIN sites s ON s.id = r.site_id
    """
)


async def rearrangements(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    work_order_id: int | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[RearrangementRow], int]:
    """Rearrangements, newest first, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add(
        """r.id IN (SELECT rearrangement_id FROM rearrangement_works
                    WHERE work_order_id = %(work_order)s)""",
        work_order=work_order_id,
    )
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=kwargs_row(_row))
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY r.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM rearrangements r JOIN sites s ON s.id = r.site_id")
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(connection: Connection, rearrangement_id: int) -> RearrangementRow | None:
    """One rearrangement, its row locked."""
    cursor = connection.cursor(row_factory=kwargs_row(_row))
    await cursor.execute(
        _SELECT + sql.SQL(" WHERE r.id = %s FOR NO KEY UPDATE OF r"), (rearrangement_id,)
    )
    return await cursor.fetchone()


async def undo(
    connection: Connection, row: RearrangementRow, *, undone_by: str, now: datetime
) -> list[int]:
    """Put back what was before; answers the work orders concerned. They are locked here.

    So is the stock that is pegged; what is held of it follows by `store.inventory.holding.hold`.

    Raises:
        NotFoundError: a work order is no more.
        ConflictError: it was undone already, a work order has changed since, or the floor has begun
            one that would shrink.
    """
    if row.undone_at is not None:
        raise ConflictError(
            f"rearrangement {row.id} was undone by {row.undone_by} already",
            code="undone-already",
            params={"by": row.undone_by or ""},
        )
    ids = [work.id for work in row.after.works]
    await books.lock(connection, ids, row.after.lines)
    await _lock_goods(connection, row, now)
    await _check(connection, row)
    was = {work.id: work for work in row.before.works}
    for work in row.after.works:
        then = was.get(work.id)
        if then is None:
            await connection.execute(
                "UPDATE work_orders SET cancelled_at = now(), version = version + 1 WHERE id = %s",
                (work.id,),
            )
            continue
        await connection.execute(
            """
            UPDATE work_orders
            SET quantity_ordered = %s, due_at = %s, cancelled_at = %s, merged_into = %s,
                version = version + 1
            WHERE id = %s
            """,
            (then.quantity, then.due_at, then.cancelled_at, then.merged_into, work.id),
        )
        for operation, quantity in then.operations.items():
            await connection.execute(
                "UPDATE operations SET quantity = %s WHERE id = %s", (quantity, operation)
            )
    await _put_pegs_back(connection, row, ids)
    await connection.execute(
        "UPDATE rearrangements SET undone_at = now(), undone_by = %s WHERE id = %s",
        (undone_by, row.id),
    )
    return ids


async def _check(connection: Connection, row: RearrangementRow) -> None:
    """Whether nothing has happened since that undoing would run over."""
    cursor = await connection.execute(
        """
        SELECT w.number, w.version, r.version FROM rearrangement_works r
        JOIN work_orders w ON w.id = r.work_order_id
        WHERE r.rearrangement_id = %s AND w.version <> r.version ORDER BY w.id
        """,
        (row.id,),
    )
    changed = await cursor.fetchone()
    if changed is not None:
        raise ConflictError(
            f"the work order {changed[0]!r} is at version {changed[1]}, not {changed[2]}: it has "
            "changed since, maybe undo the later change first",
            code="undo-changed",
            params={"work_order": changed[0]},
        )
    now = await books.works(connection, [work.id for work in row.after.works])
    was = {work.id: work for work in row.before.works}
    for work in row.after.works:
        current = now.get(work.id)
        if current is None:
            raise NotFoundError("work order", work.number)
        then = was.get(work.id)
        shrinks = then is None or (
            work.quantity is not None
            and then.quantity is not None
            and then.quantity < work.quantity
        )
        if shrinks and current.started:
            raise ConflictError(
                f"the work order {work.number!r} has been started",
                code="undo-started",
                params={"work_order": work.number},
            )
        if current.over:
            raise ConflictError(
                f"the work order {work.number!r} is over",
                code="undo-started",
                params={"work_order": work.number},
            )


async def _lock_goods(connection: Connection, row: RearrangementRow, now: datetime) -> None:
    """Lock the items that are pegged in stock, before and after."""
    supplies = {
        peg.row.supply for peg in (*row.before.pegs, *row.after.pegs) if peg.work_order_id is None
    }
    goods = await books.goods_rows(connection, supplies, free=(), now=now)
    keys = {Key(one.item_id, one.site_id) for one in goods.values()}
    keys |= await holding.keys_of(connection, row.after.lines)
    if keys:
        await Stock.lock(connection, keys, now=now, lots=False)


async def _check_goods(connection: Connection, row: RearrangementRow) -> None:
    """Whether pegs on goods stand as they were left, and whether there is room for what was."""
    now = {
        (peg.demand, peg.supply): peg
        for peg in await books.pegs_on_goods(connection, row.after.lines)
    }
    left = {
        (peg.row.demand, peg.row.supply): peg.quantity
        for peg in row.after.pegs
        if peg.work_order_id is None
    }
    if {pair: peg.quantity for pair, peg in now.items()} != left or any(
        peg.made for peg in now.values()
    ):
        raise ConflictError(
            "what is pegged to the line in stock or to purchases has changed since, or goods have"
            " left for it: move the pegs by hand"
        )
    was = {
        (peg.row.demand, peg.row.supply): peg.quantity
        for peg in row.before.pegs
        if peg.work_order_id is None
    }
    goods = await books.goods_rows(
        connection,
        {supply for _, supply in was},
        free={supply for _, supply in was},
        now=datetime.now(UTC),
    )
    for pair, quantity in was.items():
        more = quantity - left.get(pair, Decimal(0))
        if more > goods[pair[1]].free:
            name = goods[pair[1]].name
            raise ConflictError(
                f"{more.normalize():f} of {name!r} are wanted back,"
                f" {goods[pair[1]].free.normalize():f} of it are free by now"
            )


async def _put_pegs_back(connection: Connection, row: RearrangementRow, ids: list[int]) -> None:
    """The pegs as they were; what was made for somebody meanwhile stays made."""
    pegs = {(peg.demand, peg.supply): peg for peg in await books.pegs_on(connection, ids)}
    made = {pair: peg.made for pair, peg in pegs.items()}
    await connection.execute("DELETE FROM pegs WHERE work_order_id = ANY(%s)", (ids,))
    await connection.execute(
        "DELETE FROM pegs WHERE work_order_id IS NULL AND order_line_id = ANY(%s)",
        (row.after.lines,),
    )
    for then in row.before.pegs:
        pair = (then.row.demand, then.row.supply)
        await put_peg(connection, *pair, Peg(then.quantity, made.get(pair, Decimal(0))))


def _row(*, before: Any, after: Any, **columns: Any) -> RearrangementRow:
    return RearrangementRow(
        before=msgspec.convert(before, Standing, str_keys=True, strict=False),
        after=msgspec.convert(after, Standing, str_keys=True, strict=False),
        **columns,
    )
