"""A book that was changed becomes rows: what differs from the one that was loaded is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from psycopg import sql

from domain.pegging.book import (
    NOTHING,
    Book,
    DemandId,
    DemandKind,
    Peg,
    Supply,
    SupplyId,
    SupplyKind,
    work,
)
from store import work_orders
from store.database import Connection
from store.pegging.books import Loaded, WorkRow
from store.work_orders import NewWorkOrder


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    Attributes:
        new: the ids that new work orders were given, by the id that they had in the book.
        changed: work orders that were changed, ended or made; by id.
        cancelled: those that are no more.
    """

    new: dict[int, int]
    changed: list[int]
    cancelled: list[int]


async def write(
    connection: Connection,
    loaded: Loaded,
    after: Book,
    *,
    origins: Mapping[SupplyId, int] | None = None,
    merged_into: Mapping[int, int] | None = None,
    trimmed: bool = False,
) -> Written:
    """Write what a book says otherwise than the one that was loaded. Its rows are locked.

    Args:
        connection: the change's transaction.
        loaded: the book as it was, with its rows.
        after: the book as it is to be; new work orders have ids below 0.
        origins: of each new work order the one that it is split off.
        merged_into: of work orders that are no more, by id, where their pegs went.
        trimmed: whether smaller quantities were taken off for good, not moved elsewhere.
    """
    before = loaded.book
    new = await _insert(connection, loaded, after, origins or {})
    changed = set(new.values())
    cancelled = []
    for id_, supply in before.supplies.items():
        if id_.kind is not SupplyKind.WORK or (now := after.supplies.get(id_)) == supply:
            continue
        changed.add(id_.id)
        if now is None:
            cancelled.append(id_.id)
            continue
        await _resize(connection, loaded.works[id_.id], supply, now, trimmed=trimmed)
    if cancelled:
        await work_orders.cancel(connection, cancelled)
        for gone, into in sorted((merged_into or {}).items()):
            await connection.execute(
                "UPDATE work_orders SET merged_into = %s WHERE id = %s", (into, gone)
            )
    pegged = await _write_pegs(connection, before, after, new)
    await connection.execute(
        "UPDATE work_orders SET version = version + 1 WHERE id = ANY(%s)",
        (sorted(pegged - changed),),
    )
    changed |= pegged
    return Written(new=new, changed=sorted(changed), cancelled=sorted(cancelled))


async def _insert(
    connection: Connection, loaded: Loaded, after: Book, origins: Mapping[SupplyId, int]
) -> dict[int, int]:
    """Store new work orders as copies of those that they are split off; their ids."""
    new: dict[int, int] = {}
    for id_, supply in after.supplies.items():
        if id_ in loaded.book.supplies:
            continue
        origin = loaded.works[origins[id_]]
        stored = await work_orders.insert(
            connection,
            NewWorkOrder(
                site_id=origin.site_id,
                number=None,
                item_id=origin.item_id,
                quantity_ordered=supply.quantity,
                unit=origin.unit,
                due_at=moment(supply.due_ms),
            ),
        )
        assert stored is not None  # noqa: S101 - its number was drawn
        new[id_.id] = stored[0]
        await connection.execute(
            """
            UPDATE work_orders w
            SET split_from = o.id, kind = o.kind, item_text = o.item_text,
                not_before = o.not_before
            FROM work_orders o WHERE w.id = %s AND o.id = %s
            """,
            (stored[0], origin.id),
        )
        await copy_operations(connection, origin.id, stored[0], supply.quantity)
    return new


async def copy_operations(
    connection: Connection, origin: int, target: int, quantity: Decimal
) -> None:
    """Give a work order the operations of another one, for another quantity."""
    await connection.execute(
        """
        INSERT INTO operations
            (work_order_id, number, name, planned, machine_id, cycle_ms, setup_ms, quantity,
             interruptible, transfer_batch, wait_ms, batch_family, batch_room, needs)
        SELECT %s, number, name, true, machine_id, cycle_ms, setup_ms, %s,
               interruptible, transfer_batch, wait_ms, batch_family, batch_room, needs
        FROM operations WHERE work_order_id = %s AND planned ORDER BY number
        """,
        (target, quantity, origin),
    )
    await connection.execute(
        """
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT n.id, a.machine_id, a.cycle_ms, a.setup_ms
        FROM operations o
        JOIN operation_alternatives a ON a.operation_id = o.id
        JOIN operations n ON n.work_order_id = %s AND n.number = o.number
        WHERE o.work_order_id = %s
        """,
        (target, origin),
    )


async def _resize(
    connection: Connection, row: WorkRow, before: Supply, after: Supply, *, trimmed: bool
) -> None:
    less = before.quantity - after.quantity
    await connection.execute(
        """
        UPDATE work_orders
        SET quantity_ordered = %(quantity)s, due_at = %(due_at)s, version = version + 1,
            trimmed = trimmed + %(trimmed)s,
            -- Where more is wanted again, nobody is to stop.
            closing = CASE WHEN %(more)s THEN NULL ELSE closing END,
            closing_at = CASE WHEN %(more)s THEN NULL ELSE closing_at END,
            closing_reason = CASE WHEN %(more)s THEN NULL ELSE closing_reason END,
            closing_seen_at = CASE WHEN %(more)s THEN NULL ELSE closing_seen_at END,
            closing_seen_by = CASE WHEN %(more)s THEN NULL ELSE closing_seen_by END
        WHERE id = %(id)s
        """,
        {
            "quantity": after.quantity,
            "due_at": row.due_at if after.due_ms == before.due_ms else moment(after.due_ms),
            "trimmed": max(less, NOTHING) if trimmed else NOTHING,
            "more": less < 0,
            "id": row.id,
        },
    )
    # An operation that makes another quantity than its work order goes along with it.
    await connection.execute(
        """
        UPDATE operations
        SET quantity = greatest(coalesce(quantity, %(before)s) - %(less)s, good_pieces, 0)
        WHERE planned AND work_order_id = %(id)s AND state NOT IN ('completed', 'aborted')
        """,
        {"before": before.quantity, "less": less, "id": row.id},
    )


async def _write_pegs(
    connection: Connection, before: Book, after: Book, new: Mapping[int, int]
) -> set[int]:
    """Write the pegs that differ; answers the work orders that they are on."""
    touched = set()
    gone: list[tuple[DemandId, SupplyId]] = []
    put: list[tuple[DemandId, SupplyId, Peg]] = []
    for pair in before.pegs.keys() | after.pegs.keys():
        was, now = before.pegs.get(pair), after.pegs.get(pair)
        if was == now:
            continue
        demand, supply = pair
        if supply.kind is SupplyKind.WORK:
            supply = work(new.get(supply.id, supply.id))
            touched.add(supply.id)
        if now is None:
            gone.append((demand, supply))
        else:
            put.append((demand, supply, now))
    for demand, supply in sorted(gone):
        await connection.execute(
            sql.SQL("DELETE FROM pegs WHERE {demand} = %s AND {supply} = %s").format(
                demand=_DEMAND[demand.kind], supply=_SUPPLY[supply.kind]
            ),
            (demand.id, supply.id),
        )
    for demand, supply, peg in sorted(put, key=lambda each: each[:2]):
        await put_peg(connection, demand, supply, peg)
    return touched


async def put_peg(connection: Connection, demand: DemandId, supply: SupplyId, peg: Peg) -> None:
    """Mean a quantity of a supply for a demand, whatever it was before."""
    names = {"demand": _DEMAND[demand.kind], "supply": _SUPPLY[supply.kind]}
    updated = await connection.execute(
        sql.SQL(
            "UPDATE pegs SET quantity = %s, made = %s WHERE {demand} = %s AND {supply} = %s"
        ).format(**names),
        (peg.quantity, peg.made, demand.id, supply.id),
    )
    if not updated.rowcount:
        await connection.execute(
            sql.SQL(
                "INSERT INTO pegs ({demand}, {supply}, quantity, made) VALUES (%s, %s, %s, %s)"
            ).format(**names),
            (demand.id, supply.id, peg.quantity, peg.made),
        )


_DEMAND: Final = {
    DemandKind.LINE: sql.Identifier("order_line_id"),
    DemandKind.WORK: sql.Identifier("demand_work_order_id"),
}
_SUPPLY: Final = {
    SupplyKind.WORK: sql.Identifier("work_order_id"),
    SupplyKind.LOT: sql.Identifier("stock_lot_id"),
    SupplyKind.PURCHASE: sql.Identifier("purchase_line_id"),
}


def moment(epoch_ms: int | None) -> datetime | None:
    """Epoch milliseconds as a time."""
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC)
