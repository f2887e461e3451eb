"""Which machines may do what, and what changing over from one family to another takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class NewAlternative(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that may do a step. Milliseconds per piece and per set-up."""

    machine_id: int
    cycle_ms: int
    setup_ms: int


class AlternativeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, other than the preferred one, that may do a step of an item's routing."""

    item_id: int
    site: str
    number: int
    machine_id: int
    machine: str
    cycle_ms: int
    setup_ms: int


class OperationAlternativeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that may do an operation, the one that it is planned on included."""

    operation_id: int
    machine_id: int
    machine: str
    cycle_ms: int
    setup_ms: int


class SetupRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine's change from one setup family to another takes."""

    from_family: str
    to_family: str
    setup_ms: int


async def routing_alternatives(
    connection: Connection, item_ids: Sequence[int]
) -> dict[int, list[AlternativeRow]]:
    """The alternatives of items' steps, by item; in the order of site, number and machine."""
    cursor = connection.cursor(row_factory=class_row(AlternativeRow))
    await cursor.execute(
        """
        SELECT a.item_id, s.code AS site, a.number, a.machine_id, m.path AS machine, a.cycle_ms,
               a.setup_ms
        FROM routing_alternatives a
        JOIN sites s ON s.id = a.site_id
        JOIN machines m ON m.id = a.machine_id
        WHERE a.item_id = ANY(%s)
        ORDER BY s.code COLLATE "C", a.number, m.path COLLATE "C"
        """,
        (list(item_ids),),
    )
    found: dict[int, list[AlternativeRow]] = {item_id: [] for item_id in item_ids}
    for row in await cursor.fetchall():
        found[row.item_id].append(row)
    return found


async def put_routing_alternatives(
    connection: Connection,
    *,
    item_id: int,
    site_id: int,
    steps: Mapping[int, Sequence[NewAlternative]],
) -> None:
    """Replace the alternatives of an item's steps at a site, by the steps' numbers.

    Call it after `store.catalogue.put_routing`: a step that is replaced loses its alternatives.
    """
    await connection.execute(
        "DELETE FROM routing_alternatives WHERE item_id = %s AND site_id = %s", (item_id, site_id)
    )
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO routing_alternatives
            (item_id, site_id, number, machine_id, cycle_ms, setup_ms)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [
            (item_id, site_id, number, each.machine_id, each.cycle_ms, each.setup_ms)
            for number, alternatives in steps.items()
            for each in alternatives
        ],
    )


async def copy_alternatives(connection: Connection, work_order_id: int) -> None:
    """Give a work order's operations the choice that their routing's steps have.

    Each such operation's own machine is one of its choices. One whose step has no alternatives, or
    that has no machine or no cycle, is left without a choice.
    """
    await connection.execute(
        """
        WITH choice AS (
            SELECT o.id, o.machine_id AS own, o.cycle_ms, o.setup_ms, a.machine_id,
                   a.cycle_ms AS other_cycle_ms, a.setup_ms AS other_setup_ms
            FROM work_orders w
            JOIN operations o ON o.work_order_id = w.id
            JOIN routing_alternatives a
                 ON a.item_id = w.item_id AND a.site_id = w.site_id AND a.number = o.number
            WHERE w.id = %s AND o.machine_id IS NOT NULL AND o.cycle_ms > 0
        ), own AS (
            INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
            SELECT DISTINCT id, own, cycle_ms, setup_ms FROM choice
            ON CONFLICT DO NOTHING
        )
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT id, machine_id, other_cycle_ms, other_setup_ms FROM choice WHERE machine_id <> own
        ON CONFLICT DO NOTHING
        """,
        (work_order_id,),
    )


async def put_operation_alternatives(
    connection: Connection,
    work_order_id: int,
    operations: Mapping[int, Sequence[NewAlternative]],
) -> None:
    """Replace the choice of a work order's operations, by their numbers.

    The machine that an operation is planned on is added to its alternatives; without any it has no
    choice.
    """
    await connection.execute(
        """
        DELETE FROM operation_alternatives WHERE operation_id IN (
            SELECT id FROM operations WHERE work_order_id = %s AND number = ANY(%s))
        """,
        (work_order_id, list(operations)),
    )
    chosen = {number: each for number, each in operations.items() if each}
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT id, %s, %s, %s FROM operations WHERE work_order_id = %s AND number = %s
        """,
        [
            (each.machine_id, each.cycle_ms, each.setup_ms, work_order_id, number)
            for number, alternatives in chosen.items()
            for each in alternatives
        ],
    )
    await connection.execute(
        """
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT id, machine_id, cycle_ms, setup_ms FROM operations
        WHERE work_order_id = %s AND number = ANY(%s) AND machine_id IS NOT NULL AND cycle_ms > 0
        ON CONFLICT DO NOTHING
        """,
        (work_order_id, list(chosen)),
    )


async def operation_alternatives(
    connection: Connection, work_order_ids: Sequence[int]
) -> dict[int, list[OperationAlternativeRow]]:
    """The choices of work orders' operations, by operation id; those without are left out."""
    cursor = connection.cursor(row_factory=class_row(OperationAlternativeRow))
    await cursor.execute(
        """
        SELECT a.operation_id, a.machine_id, m.path AS machine, a.cycle_ms, a.setup_ms
        FROM operations o
        JOIN operation_alternatives a ON a.operation_id = o.id
        JOIN machines m ON m.id = a.machine_id
        WHERE o.work_order_id = ANY(%s)
        ORDER BY a.operation_id, m.path COLLATE "C"
        """,
        (list(work_order_ids),),
    )
    found: dict[int, list[OperationAlternativeRow]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row.operation_id].append(row)
    return dict(found)


async def setup_times(connection: Connection, machine_id: int) -> list[SetupRow]:
    """A machine's setup matrix, by family."""
    cursor = connection.cursor(row_factory=class_row(SetupRow))
    await cursor.execute(
        """
        SELECT from_family, to_family, setup_ms FROM setup_times WHERE machine_id = %s
        ORDER BY from_family COLLATE "C", to_family COLLATE "C"
        """,
        (machine_id,),
    )
    return await cursor.fetchall()


async def put_setup_times(
    connection: Connection, machine_id: int, setups: Sequence[SetupRow]
) -> None:
    """Replace a machine's setup matrix."""
    # One matrix at a time: two of them at once would leave the rows of both.
    await connection.execute("SELECT FROM machines WHERE id = %s FOR NO KEY UPDATE", (machine_id,))
    await connection.execute("DELETE FROM setup_times WHERE machine_id = %s", (machine_id,))
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO setup_times (machine_id, from_family, to_family, setup_ms)
        VALUES (%s, %s, %s, %s)
        """,
        [(machine_id, each.from_family, each.to_family, each.setup_ms) for each in setups],
    )


async def setup_families(connection: Connection, item_ids: Sequence[int]) -> dict[int, str | None]:
    """What machines have to be set up for to make items; None: nobody said."""
    cursor = await connection.execute(
        "SELECT id, setup_family FROM items WHERE id = ANY(%s)", (list(item_ids),)
    )
    return dict(await cursor.fetchall())


async def put_setup_family(connection: Connection, item_id: int, family: str | None) -> None:
    """Say what machines have to be set up for to make an item."""
    await connection.execute("UPDATE items SET setup_family = %s WHERE id = %s", (family, item_id))
