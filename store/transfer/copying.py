"""Carrying the rows: one snapshot of the source, one transaction in the target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec
from psycopg import sql

from store.database import Connection
from store.telemetry import adoption
from store.transfer.tables import Table, TransferError

_SEQUENCES: Final = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s) AND a.attidentity <> ''
ORDER BY c.relname, a.attname
"""

_DAY_MS: Final = 86_400_000
_TIMES: Final = {
    "samples": "t_ms",
    "piece_slots": "slot_ms",
    "state_changes": "e_ms",
    "operation_slots": "slot_ms",
    "operation_changes": "e_ms",
}
"""By what the tables are cut that are cut by time."""
_MUST_BE_EMPTY: Final = ("machines", "orders", "publishers", "users", "audit_log")


class Progress(msgspec.Struct, frozen=True):
    """How far the copying is: `bytes_done` of the table that is being carried."""

    table: str
    number: int
    tables: int
    bytes_done: int


async def refuse_unless_empty(target: Connection) -> None:
    """Make sure that nothing in the target is written over.

    Raises:
        TransferError: somebody works with that database already.
    """
    for name in _MUST_BE_EMPTY:
        cursor = await target.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name))
        )
        row = await cursor.fetchone()
        if row is not None and row[0]:
            raise TransferError(
                f"the target database has {name} already: a move needs an empty database, so that "
                "two installations are never mixed"
            )


async def copy_all(
    source: Connection,
    target: Connection,
    tables: Sequence[Table],
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Carry all rows; both connections are within transactions of the caller's."""
    # Notes of what changed come with the other rows: triggers write none of their own.
    await target.execute("SELECT set_config('gemba.carrying', 'on', true)")
    for table in reversed(tables):  # what migrations have put there: the installation's id and such
        if table.name not in _MUST_BE_EMPTY:  # the audit log would refuse, too
            await target.execute(sql.SQL("DELETE FROM {}").format(table.identifier))
    await _make_room(source, target, {table.name for table in tables})
    for number, table in enumerate(tables, 1):
        done = 0
        out = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT BINARY)").format(
            table.column_list, table.identifier
        )
        into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            table.identifier, table.column_list
        )
        async with (
            source.cursor() as reading,
            target.cursor() as writing,
            reading.copy(out) as rows,
            writing.copy(into) as copy,
        ):
            async for block in rows:
                await copy.write(block)
                done += len(block)
                on_progress(Progress(table.name, number, len(tables), done))
        on_progress(Progress(table.name, number, len(tables), done))
    await _set_sequences(target, tables)


async def _make_room(source: Connection, target: Connection, tables: Collection[str]) -> None:
    """Partitions for the times that the source holds, where the target is cut by months."""
    months: set[tuple[int, int]] = set()
    for table, column in _TIMES.items():
        if table in tables:
            cursor = await source.execute(
                sql.SQL("SELECT DISTINCT {time} / 86400000 FROM {table}").format(
                    time=sql.Identifier(column), table=sql.Identifier("public", table)
                )
            )
            months |= {adoption.month_of(day * _DAY_MS) for (day,) in await cursor.fetchall()}
    await adoption.HistoryPartitions().ensure(target, months)


async def _set_sequences(target: Connection, tables: Sequence[Table]) -> None:
    """The next id of every table follows the highest one carried."""
    cursor = await target.execute(_SEQUENCES, ([table.name for table in tables],))
    for table, column in await cursor.fetchall():
        await target.execute(
            sql.SQL(
                "SELECT setval(pg_get_serial_sequence({name}, {column_name}),"
                " coalesce(max({column}), 0) + 1, false) FROM {table}"
            ).format(
                name=sql.Literal(f'public."{table}"'),
                column_name=sql.Literal(column),
                column=sql.Identifier(column),
                table=sql.Identifier("public", table),
            )
        )
