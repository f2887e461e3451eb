"""Which tables two databases share, their columns, and an order that foreign keys allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

import msgspec
from psycopg import sql

from store.database import Connection

NOT_CARRIED: Final = frozenset(
    {
        "log_partitions",
        "log_records",
        "log_commits",
        "outbox_timelines",
        "effect_offsets",
        "stream_identity",
        # What reports have to look at again: triggers note it anew when rows are carried.
        "report_order_notes",
        "report_plan_notes",
    }
)
"""What tells of the stream itself: it means something else on another stream (`positions`)."""

_TABLES: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname !~ '^_?yoyo'
"""

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""

_REFERENCES: Final = """
SELECT child.relname, parent.relname FROM pg_constraint f
JOIN pg_class child ON child.oid = f.conrelid
JOIN pg_class parent ON parent.oid = f.confrelid
WHERE f.contype = 'f' AND child.relname = ANY (%s) AND parent.relname = ANY (%s)
    AND child.relname <> parent.relname
"""


class TransferError(Exception):
    """The move cannot be made; the message says why and what to do."""


class Table(msgspec.Struct, frozen=True):
    """A table and its columns in the order in which they are carried."""

    name: str
    columns: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier("public", self.name)

    @property
    def column_list(self) -> sql.Composed:
        """Its columns, quoted."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


async def shared_tables(source: Connection, target: Connection) -> list[Table]:
    """The tables to carry, each after those that it refers to.

    A table that one side alone has is how that side keeps roll-ups: nothing in it is lost, the
    other side makes its own.

    Raises:
        TransferError: a table has other columns on the other side.
    """
    names = (await _names(source)) & (await _names(target)) - NOT_CARRIED
    here, there = await _columns(source, names), await _columns(target, names)
    for name in sorted(names):
        if set(here[name]) != set(there[name]):
            only = sorted(set(here[name]) ^ set(there[name]))
            raise TransferError(
                f"table {name} is not the same on both sides ({', '.join(map(' '.join, only))}): "
                "bring both to this program's schema with `gemba migrate`"
            )
    order = await _ordered(target, names)
    return [Table(name, tuple(column for column, _ in here[name])) for name in order]


async def _names(connection: Connection) -> set[str]:
    cursor = await connection.execute(_TABLES)
    return {name for (name,) in await cursor.fetchall()}


async def _columns(
    connection: Connection, names: set[str]
) -> Mapping[str, Sequence[tuple[str, str]]]:
    cursor = await connection.execute(_COLUMNS, (list(names),))
    columns: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for table, column, kind in await cursor.fetchall():
        columns[table].append((column, kind))
    return columns


async def _ordered(connection: Connection, names: set[str]) -> list[str]:
    cursor = await connection.execute(_REFERENCES, (list(names), list(names)))
    sorter = TopologicalSorter[str]({name: set() for name in sorted(names)})
    for child, parent in await cursor.fetchall():
        sorter.add(child, parent)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise TransferError(f"tables refer to each other in a circle: {error.args[1]}") from error
