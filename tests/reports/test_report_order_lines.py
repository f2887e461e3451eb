"""Revisions of order lines, from real rows: what is noted, judged, recorded, kept."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from report_cases import DAY, HOUR, MINUTE, T0
from report_orders import M1, ReportPlant

from store.reports.keeping import KINDS, keep
from store.reports.writing import known_at, turn

DUE = T0 + 10 * HOUR


async def revisions(orders: ReportPlant, order: int) -> list[dict[str, Any]]:
    """All of an order's, oldest first."""
    async with orders.pool.connection() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(
            "SELECT * FROM report_order_lines WHERE order_id = %s ORDER BY id", (order,)
        )
        return await cursor.fetchall()


def shares(row: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Of a revision, in hours' milliseconds."""
    names = zip(row["share_causes"], row["share_subjects"], strict=True)
    return dict(zip(names, row["share_ms"], strict=True))


class TestRecording:
    async def test_a_change_is_noted_and_makes_one_revision(self, orders: ReportPlant) -> None:
        order = await orders.order("A1", due_ms=DUE)
        await orders.ship(order, at_ms=DUE - HOUR)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert (row["due_ms"], row["complete_ms"], row["delay_ms"]) == (DUE, DUE - HOUR, 0)
        assert row["first_on_time"]
        assert row["due_on_time"]
        assert row["shipped"] == row["due_by_date"] == 100
        await orders.told(order, "OrderReviewed", at_ms=T0)
        await orders.keep()
        assert len(await revisions(orders, order)) == 1, "nothing of the line is different"
        await orders.ship(order, at_ms=DUE + HOUR, number=2, quantity=5)
        await orders.keep()
        before, after = await revisions(orders, order)
        assert before["superseded_at"] == after["recorded_at"]
        assert after["superseded_at"] is None
        assert (after["shipped"], after["due_by_date"]) == (105, 100)

    async def test_what_is_recorded_stays(self, orders: ReportPlant) -> None:
        order = await orders.order("A1", due_ms=DUE)
        await orders.keep()
        for statement in (
            "UPDATE report_order_lines SET due_ms = 0",
            "UPDATE report_order_lines SET superseded_at = now(), due_ms = 0",
            "DELETE FROM report_order_lines",
            "UPDATE report_targets SET target = 0",
        ):
            if "targets" in statement:
                await orders.run(
                    "INSERT INTO report_targets (code, valid_from, recorded_by)"
                    " VALUES ('oee', '2026-01-01', 't')"
                )
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await orders.run(statement)
        assert len(await revisions(orders, order)) == 1

    async def test_one_writer_at_a_time_and_readers_wait_for_it(self, orders: ReportPlant) -> None:
        order = await orders.order("A1", due_ms=DUE)
        async with orders.pool.connection() as connection, connection.transaction():
            recorded = await turn(connection)
            assert recorded is not None
            assert await keep(orders.pool, KINDS["order_lines"]) == 0
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert row["recorded_at"] > recorded
        async with orders.pool.connection() as connection:
            assert await known_at(connection) > row["recorded_at"]
            assert await known_at(connection, recorded) == recorded


class TestDelay:
    async def test_shares_from_plan_breakdown_and_shipping_add_up(
        self, orders: ReportPlant
    ) -> None:
        order = await orders.order(
            "A1", due_ms=DUE, started_ms=T0 + 2 * HOUR, produced_ms=T0 + 14 * HOUR, made_on=M1
        )
        await orders.plan(
            {order: DUE + HOUR},
            published_ms=T0,
            shares=[{"cause": "machine_busy", "machine": M1, "share_minutes": 60}],
        )
        await orders.states(
            M1, (T0 + HOUR, "running"), (T0 + 4 * HOUR, "down"), (T0 + 6 * HOUR, "running")
        )
        await orders.ship(order, at_ms=T0 + 16 * HOUR)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert row["delay_ms"] == 6 * HOUR
        assert row["makes_late"]
        assert row["made_on"] == "plant/a/l1"
        assert (row["planned_ms"], row["planned_end_ms"]) == (T0, DUE + HOUR)
        assert shares(row) == {
            ("capacity", M1): HOUR,
            ("breakdown", M1): 2 * HOUR,
            ("shipping", ""): 2 * HOUR,
            ("unexplained", ""): HOUR,
        }

    async def test_what_the_first_plan_foresaw_outlasts_the_plan(self, orders: ReportPlant) -> None:
        order = await orders.order("A1", due_ms=DUE)
        share = {"cause": "setup", "machine": M1, "share_minutes": 120}
        first = await orders.plan({order: DUE + HOUR}, published_ms=T0, shares=[share])
        await orders.plan({order: DUE + 5 * HOUR}, published_ms=T0 + HOUR)
        await orders.keep()
        await orders.run("DELETE FROM plan_orders WHERE plan_id = %s", first)
        await orders.ship(order, at_ms=DUE + 2 * HOUR)
        await orders.keep()
        row = (await revisions(orders, order))[-1]
        assert shares(row) == {("setup", M1): 2 * HOUR}

    async def test_a_date_that_the_customer_moved_is_the_customers(
        self, orders: ReportPlant
    ) -> None:
        order = await orders.order("A1", due_ms=DUE)
        await orders.move_date(order, DUE, DUE + 3 * HOUR, at_ms=T0, asked_by_customer=True)
        await orders.ship(order, at_ms=DUE + 4 * HOUR)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert (row["first_due_ms"], row["customer_due_ms"]) == (DUE, DUE + 3 * HOUR)
        assert not row["first_on_time"]
        assert shares(row) == {("customer", ""): 3 * HOUR, ("unexplained", ""): HOUR}
        by_us = await orders.order("A2", due_ms=DUE)
        await orders.move_date(by_us, DUE, DUE + 3 * HOUR, at_ms=T0)
        await orders.ship(by_us, at_ms=DUE + HOUR)
        await orders.keep()
        (row,) = await revisions(orders, by_us)
        assert row["customer_due_ms"] == DUE
        assert shares(row) == {("unexplained", ""): HOUR}

    async def test_lost_pieces_and_late_material(self, orders: ReportPlant) -> None:
        order = await orders.order(
            "A1", due_ms=DUE, started_ms=T0 + 4 * HOUR, produced_ms=T0 + 13 * HOUR, made_on=M1
        )
        await orders.run(
            """
            INSERT INTO work_order_shortages
                (work_order_id, quantity, state, opened_at, decided_at)
            SELECT id, 5, 'dismissed', to_timestamp(%s), to_timestamp(%s) FROM work_orders
            """,
            (T0 + 5 * HOUR) / 1_000,
            (T0 + 6 * HOUR) / 1_000,
        )
        await orders.run(
            """
            INSERT INTO disruptions (scope, kind, key, operation_id, occurred_ms, detail)
            SELECT 'plant', 'material_late', 'm', id, %s, '{"item": "steel"}' FROM operations
            """,
            T0 + 2 * HOUR,
        )
        await orders.plan({order: DUE}, published_ms=T0)
        await orders.ship(order, at_ms=T0 + 13 * HOUR)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert row["delay_ms"] == 3 * HOUR
        assert shares(row) == {("material", "steel"): 2 * HOUR, ("quality", "w1"): HOUR}

    async def test_an_open_line_is_judged_up_to_the_hour_and_again(
        self, orders: ReportPlant
    ) -> None:
        order = await orders.order("A1", due_ms=DUE)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert row["complete_ms"] is None
        assert row["judged_ms"] % HOUR == 0
        assert row["delay_ms"] == row["judged_ms"] - DUE == sum(row["share_ms"])
        await orders.keep()
        assert len(await revisions(orders, order)) == 1

    async def test_of_two_lines_one_makes_the_order_late(self, orders: ReportPlant) -> None:
        order = await orders.order("A1", due_ms=DUE)
        await orders.line(order, number=20, due_ms=DUE)
        await orders.ship(order, at_ms=DUE + HOUR)
        await orders.ship(order, at_ms=DUE + 2 * HOUR, number=2, line=20)
        await orders.keep()
        rows = await revisions(orders, order)
        assert [(row["number"], row["makes_late"]) for row in rows] == [(10, False), (20, True)]


class TestForecasts:
    async def test_plans_in_force_some_days_before_the_end(self, orders: ReportPlant) -> None:
        produced = T0 + 8 * DAY
        order = await orders.order("A1", due_ms=T0 + 9 * DAY, produced_ms=produced)
        await orders.plan({order: T0 + 6 * DAY}, published_ms=T0)
        await orders.plan({order: T0 + 9 * DAY}, published_ms=T0 + 6 * DAY + MINUTE)
        await orders.keep()
        (row,) = await revisions(orders, order)
        assert row["forecast_days"] == [1, 3, 7]
        assert row["forecast_end_ms"] == [T0 + 9 * DAY, T0 + 6 * DAY, T0 + 6 * DAY]
        assert row["forecast_made_ms"] == [T0 + 6 * DAY + MINUTE, T0, T0]
