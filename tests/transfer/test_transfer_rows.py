"""Rows and positions carried from one database into another; no Kafka is needed for that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from contracts.streams import OPERATIONS, TELEMETRY
from store.database import Connection
from store.log.outbox import GROUP
from store.transfer import comparing, copying, positions
from store.transfer.tables import TransferError, shared_tables

T_MS = 1_790_000_000_000
MONTH_MS = 30 * 86_400_000


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET TIME ZONE 'UTC'")
        yield connection


async def fill(connection: Connection) -> None:
    """Rows in tables of every kind: identities, references, times in several months, odd text."""
    await connection.execute("INSERT INTO sites (code, name) VALUES ('hz', '杭州 \t\n\\N')")
    await connection.execute(
        "INSERT INTO machines (site_id, path, area, line, name)"
        " SELECT id, 'hz/a/l/m' || n, 'a', 'l', 'm' || n FROM sites, generate_series(1, 3) AS n"
    )
    await connection.execute("INSERT INTO customers (code, name) VALUES ('c', 'Customer')")
    await connection.execute(
        "INSERT INTO orders (site_id, customer_id, number)"
        " SELECT s.id, c.id, 'O-' || n FROM sites s, customers c, generate_series(1, 50) AS n"
    )
    await connection.execute(
        "INSERT INTO audit_log (actor, origin, order_id, action, after)"
        " SELECT 'me', 'test', id, 'OrderReceived', %s FROM orders",
        (json.dumps({"quantity": "1.50", "名": None}),),
    )
    await connection.execute(
        "INSERT INTO publishers (machine_id, source, boot) SELECT id, 'main', 'b' FROM machines"
    )
    async with connection.transaction():
        from store.telemetry.adoption import HistoryPartitions, month_of  # noqa: PLC0415

        months = {month_of(T_MS + n * MONTH_MS) for n in range(3)}
        await HistoryPartitions().ensure(connection, months)
    await connection.execute(
        "INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body)"
        " SELECT p.machine_id, %s + (n %% 3) * %s::bigint, p.id, n, 1, %s, '\\x00ff'::bytea"
        " FROM publishers p, generate_series(1, 1000) AS n",
        (T_MS, MONTH_MS, T_MS),
    )


async def test_all_rows_are_carried_and_compared(embedded_url: str, database_url: str) -> None:
    async with connected(embedded_url) as source, connected(database_url) as target:
        await fill(source)
        tables = await shared_tables(source, target)
        seen: list[copying.Progress] = []
        async with target.transaction():
            await copying.copy_all(source, target, tables, seen.append)
        assert await comparing.differences(source, target, tables) == []
        assert {one.table for one in seen} == {table.name for table in tables}
        cursor = await target.execute("SELECT count(*), min(t_ms), max(t_ms) FROM samples")
        assert await cursor.fetchone() == (3_000, T_MS, T_MS + 2 * MONTH_MS)
        # Ids go on where they were.
        cursor = await target.execute("SELECT max(id) FROM orders")
        highest = await cursor.fetchone()
        cursor = await target.execute(
            "INSERT INTO orders (site_id, customer_id, number)"
            " SELECT s.id, c.id, 'NEW' FROM sites s, customers c RETURNING id"
        )
        new = await cursor.fetchone()
        assert highest is not None
        assert new == (highest[0] + 1,)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders SET priority = priority + 1 WHERE number = 'O-7'",
        "DELETE FROM samples WHERE ctid IN (SELECT ctid FROM samples LIMIT 1)",
        "UPDATE sites SET name = name || ' '",
    ],
)
async def test_what_is_not_the_same_is_named(
    embedded_url: str, database_url: str, change: str
) -> None:
    async with connected(embedded_url) as source, connected(database_url) as target:
        await fill(source)
        tables = await shared_tables(source, target)
        await copying.copy_all(source, target, tables)
        await source.execute(change.encode())
        found = await comparing.differences(source, target, tables)
        assert [one.table for one in found] == [
            word for word in ("orders", "samples", "sites") if word in change
        ][:1]


async def test_a_database_in_use_is_not_written_over(database_url: str) -> None:
    async with connected(database_url) as target:
        await copying.refuse_unless_empty(target)
        await fill(target)
        with pytest.raises(TransferError, match="machines already"):
            await copying.refuse_unless_empty(target)


async def test_what_was_not_acknowledged_is_told_again_and_done_once(
    embedded_url: str, database_url: str
) -> None:
    """The worker has acknowledged up to 5 of 9; one group's effects are at 6, the other's at 4."""
    async with connected(embedded_url) as source, connected(database_url) as target:
        await source.execute(
            "INSERT INTO log_partitions (topic, partition, head, tail) VALUES (%s, 0, 9, 2),"
            " (%s, 1, 4, 4)",
            (TELEMETRY, OPERATIONS),
        )
        for offset in range(2, 9):
            await source.execute(
                'INSERT INTO log_records (topic, partition, "offset", timestamp_ms, value)'
                " VALUES (%s, 0, %s, %s, %s)",
                (TELEMETRY, offset, T_MS, b"%d" % offset),
            )
        await source.execute(
            'INSERT INTO log_commits (consumer_group, topic, partition, "offset")'
            " VALUES ('gemba-streams', %s, 0, 5), ('gemba-streams', %s, 1, 4)",
            (TELEMETRY, OPERATIONS),
        )
        await source.execute(
            'INSERT INTO effect_offsets (consumer_group, topic, partition, "offset", epoch)'
            " VALUES ('one', %s, 0, 6, 3), ('other', %s, 0, 4, 7)",
            (TELEMETRY, TELEMETRY),
        )
        async with target.transaction():
            carried = await positions.carry_positions(source, target, relay_group=GROUP)
        assert carried.records == 4
        cursor = await target.execute('SELECT "offset", value FROM log_records ORDER BY 1')
        assert await cursor.fetchall() == [(n, b"%d" % n) for n in range(5, 9)]
        cursor = await target.execute(
            'SELECT consumer_group, topic, "offset" FROM log_commits ORDER BY topic'
        )
        assert await cursor.fetchall() == [(GROUP, OPERATIONS, 4), (GROUP, TELEMETRY, 5)]
        cursor = await target.execute(
            'SELECT consumer_group, relayed, "offset", epoch FROM effect_offsets ORDER BY 1'
        )
        assert await cursor.fetchall() == [("one", 6, -1, 4), ("other", 4, -1, 8)]
        cursor = await target.execute("SELECT head, tail FROM log_partitions ORDER BY head")
        assert await cursor.fetchall() == [(4, 4), (9, 5)]
