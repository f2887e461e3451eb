"""Records for reports, read from real rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from report_cases import DAY, HOUR, T0

from domain.reports.delivery import Against, results
from domain.reports.periods import Span
from store.database import Connection
from store.reports.lines import due_lines
from store.telemetry.adoption import HistoryPartitions, month_of

DAY_1 = Span(T0, T0 + DAY)
LATER = T0 + 30 * DAY


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Connection]:
    """A site that works from 8 to 16 on Mondays, with a machine on each of two lines."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection:
        await HistoryPartitions().ensure(connection, {month_of(T0)})
        await connection.execute(
            """
            INSERT INTO sites (code, name) VALUES ('plant', 'Plant');
            INSERT INTO machines (site_id, path, area, line, name)
                SELECT id, 'plant/a/' || l || '/m', 'a', l, 'm'
                FROM sites, unnest(ARRAY['l1', 'l2']) AS l;
            INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
                SELECT id, 'day', 0, 480, 960 FROM sites;
            INSERT INTO customers (code, name) VALUES ('c', 'C');
            INSERT INTO items (code, name) VALUES ('i', 'I');
            """
        )
        yield connection


async def one(rows: Connection, query: str, *parameters: object) -> Any:
    cursor = await rows.execute(query.encode(), parameters)
    found = await cursor.fetchone()
    assert found is not None
    return found[0]


class TestLines:
    @staticmethod
    async def order(rows: Connection, *, due_ms: int, shipped: dict[int, int]) -> int:
        """An order for 100, due at the middle of the first day when it was taken."""
        order: int = await one(
            rows,
            """
            INSERT INTO orders (site_id, customer_id, number, received_at, confirmed_at)
            SELECT s.id, c.id, 'A1', %s, %s FROM sites s, customers c RETURNING id
            """,
            at(T0 - 9 * DAY), at(T0 - 8 * DAY),
        )  # fmt: skip
        line: int = await one(
            rows,
            """
            INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)
            SELECT %s, 10, id, 100, 'pcs', %s, 'released' FROM items RETURNING id
            """,
            order, at(due_ms),
        )  # fmt: skip
        for number, (shipped_ms, much) in enumerate(shipped.items(), 1):
            await rows.execute(
                "INSERT INTO shipments (order_id, number, state, shipped_ms, device)"
                " VALUES (%s, %s, 'shipped', %s, 'd')",
                (order, number, shipped_ms),
            )
            await rows.execute(
                "INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed,"
                " shipped) VALUES (%s, %s, %s, %s, %s, %s)",
                (order, number, line, much, much, much),
            )
        return order

    async def test_a_date_that_was_moved_is_judged_by_both(self, rows: Connection) -> None:
        order = await self.order(
            rows, due_ms=T0 + 3 * DAY, shipped={T0 + HOUR: 60, T0 + 2 * DAY: 40}
        )
        first = T0 + DAY // 2
        await rows.execute(
            """
            INSERT INTO audit_log (at, actor, origin, order_id, action, before, after)
            VALUES (%s, 'planner', 'test', %s, 'OrderChanged', %s, %s)
            """,
            (
                at(T0 + HOUR),
                order,
                Jsonb({"lines": [{"number": 10, "due_at": at(first).isoformat()}]}),
                Jsonb({"lines": [{"number": 10, "due_at": at(T0 + 3 * DAY).isoformat()}]}),
            ),
        )
        sites = [await one(rows, "SELECT id FROM sites")]
        week = Span(T0, T0 + 7 * DAY)
        (line,) = await due_lines(rows, sites, week, as_of_ms=LATER)
        assert (line.first_due_ms, line.due_ms) == (first, T0 + 3 * DAY)
        assert [each.quantity for each in line.deliveries] == [Decimal(60), Decimal(40)]
        for against, expected in ((Against.CURRENT, 1), (Against.FIRST, 0)):
            found, _ = results([line], week, as_of_ms=LATER, against=against)
            assert found.on_time_in_full.value == expected
        (before,) = await due_lines(rows, sites, DAY_1, as_of_ms=T0 + HOUR // 2)
        assert before.due_ms == before.first_due_ms == first

    async def test_what_is_not_due_or_was_not_there_is_left_out(self, rows: Connection) -> None:
        await self.order(rows, due_ms=T0 + 3 * DAY, shipped={})
        sites = [await one(rows, "SELECT id FROM sites")]
        assert await due_lines(rows, sites, DAY_1, as_of_ms=LATER) == []
        week = Span(T0, T0 + 7 * DAY)
        assert await due_lines(rows, sites, week, as_of_ms=T0 - 9 * DAY) == []
        assert len(await due_lines(rows, sites, week, as_of_ms=LATER)) == 1


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, UTC)
