"""All master data read, and changes to it written, many at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.master_data.fields import WEEKDAYS
from domain.master_data.kinds import CUSTOMERS, ITEMS, KINDS, Key, Kind, R_co
from domain.master_data.merging import Change, ChangeKind, MasterData
from domain.master_data.records import Calendar, Record
from store.database import Connection
from store.errors import ConflictError
from store.master_data.tables import STATEMENTS

_LOCK: Final = 0x67656D6D64  # "gemmd"


async def lock(connection: Connection) -> None:
    """Let nobody else change master data as a whole until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


async def read(connection: Connection, kinds: Iterable[Kind[Record]] = KINDS) -> MasterData:
    """All records of some kinds; neither what was given up nor what only orders named."""
    found: dict[str, dict[Key, Record]] = {}
    for kind in kinds:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(STATEMENTS[kind.name].read)
        records = [record_of(kind, row) for row in await cursor.fetchall()]
        found[kind.name] = {kind.key_of(record): record for record in records}
    return MasterData(found)


def record_of(kind: Kind[R_co], row: dict[str, Any]) -> R_co:
    """What a row of a kind's statement says."""
    record = msgspec.convert(row, kind.record)
    if not isinstance(record, Calendar):
        return record
    shifts = [
        msgspec.structs.replace(shift, weekdays=tuple(sorted(shift.weekdays, key=WEEKDAYS.index)))
        for shift in record.shifts
    ]
    return msgspec.structs.replace(record, shifts=tuple(shifts))


async def provisional(connection: Connection) -> dict[str, Collection[Key]]:
    """The items and customers that only orders named so far."""
    cursor = await connection.execute(
        """
        SELECT 'item', code FROM items WHERE provisional
        UNION ALL SELECT 'customer', code FROM customers WHERE provisional
        """
    )
    found: dict[str, set[Key]] = {ITEMS.name: set(), CUSTOMERS.name: set()}
    for what, code in await cursor.fetchall():
        found[ITEMS.name if what == "item" else CUSTOMERS.name].add((code,))
    return dict(found)


async def apply(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes; what they name has to be there, or to be made by them.

    Raises:
        ConflictError: something that they name has gone meanwhile.
    """
    # One version may end and the next begin earlier: only the outcome has to be sound.
    await connection.execute("SET CONSTRAINTS bills_one_effective, routings_one_effective DEFERRED")
    by_kind: dict[str, list[Change]] = {kind.name: [] for kind in KINDS}
    for change in changes:
        by_kind[change.kind].append(change)
    for kind in reversed(KINDS):
        gone = [
            change.before
            for change in by_kind[kind.name]
            if change.change is ChangeKind.RETIRED and change.before is not None
        ]
        if gone:
            await connection.execute(STATEMENTS[kind.name].drop, (_json(gone),))
    for kind in KINDS:
        put = [change.after for change in by_kind[kind.name] if change.after is not None]
        if put:
            await _put(connection, kind, put)
    await connection.execute(
        "SET CONSTRAINTS bills_one_effective, routings_one_effective IMMEDIATE"
    )


async def _put(connection: Connection, kind: Kind[Record], records: Sequence[Record]) -> None:
    parameter = _json(records)
    for number, statement in enumerate(STATEMENTS[kind.name].put):
        cursor = await connection.execute(statement, (parameter,))
        inserts = (cursor.statusmessage or "").startswith("INSERT")
        if number == 0 and inserts and cursor.rowcount != len(records):
            raise ConflictError(
                f"{len(records) - cursor.rowcount} of {len(records)} {kind.name} name something"
                " that has gone meanwhile; import them again"
            )


def _json(records: Sequence[Record]) -> Jsonb:
    return Jsonb(records, dumps=lambda content: msgspec.json.encode(content).decode())


async def orders_concerned(
    connection: Connection, *, items: Collection[str], customers: Collection[str], most: int
) -> list[int]:
    """Orders under review that name these items or customers, by id, locked; the oldest first."""
    cursor = await connection.execute(
        """
        SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id
        WHERE EXISTS (
            SELECT FROM order_lines l JOIN items i ON i.id = l.item_id
            WHERE l.order_id = o.id AND l.state IN ('received', 'under_review')
                AND (i.code = ANY (%s) OR c.code = ANY (%s)))
        ORDER BY o.id LIMIT %s FOR NO KEY UPDATE OF o
        """,
        (list(items), list(customers), most),
    )
    return [row[0] for row in await cursor.fetchall()]
