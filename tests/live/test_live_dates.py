"""Dates that people see: from the plan and its projection, and without them as before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from live_rows import M1, M2
from planning_floor import MINUTE_MS, SITE, Shop, now_ms, open_log
from psycopg.types.json import Jsonb

from domain import tracking
from domain.tracking import Expectation, Stage
from store.database import Pool
from store.live_floor import machine_tiles
from store.live_operations import terminal_view
from store.live_site import Site, order_figures, read_site
from store.live_times import rfc3339_ms, to_minute
from store.live_views import read_orders
from store.planning.projections import Projection, write_projections

HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Shop]:
    """A shop with a plan in force, not yet projected."""
    async with open_log(pool) as log:
        made = Shop(pool, log)
        await made.make()
        await made.publish()
        yield made


async def project(shop: Shop, ends: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Project operations to end so many minutes from now, an hour's work each."""
    at_ms = now_ms()
    rows = {
        operation: Projection(
            machine=shop.m2,
            start_ms=at_ms + (minutes - 60) * MINUTE_MS,
            end_ms=at_ms + minutes * MINUTE_MS,
        )
        for operation, minutes in ends.items()
    }
    async with shop.pool.connection() as connection, connection.transaction():
        await write_projections(connection, SITE, rows)
    return {operation: (row.start_ms, row.end_ms) for operation, row in rows.items()}


async def picture(shop: Shop, order: int) -> Any:
    async with shop.pool.connection() as connection:
        return (await read_orders(connection, [order], now_ms=now_ms()))[order]


async def site_of(shop: Shop) -> Site:
    async with shop.pool.connection() as connection:
        site = await read_site(connection, SITE)
    assert site is not None
    return site


class TestOrder:
    async def test_its_end_is_the_projections(self, shop: Shop) -> None:
        first, second, _ = shop.operations
        projected = await project(shop, {first: 60, second: 720})
        view = (await picture(shop, shop.orders[0])).view()
        assert view.projected_end == rfc3339_ms(to_minute(projected[second][1]))
        # Due after ten hours.
        assert 118 <= view.lateness_minutes <= 120
        (line,) = view.lines
        assert line["projected_end"] == view.projected_end

    async def test_work_that_has_its_pieces_and_was_not_ended_does_not_shake_it(
        self, shop: Shop
    ) -> None:
        first, second, _ = shop.operations
        projected = await project(shop, {first: 0, second: 720})
        found = await picture(shop, shop.orders[0])
        end = rfc3339_ms(to_minute(projected[second][1]))
        assert found.view().projected_end == end
        assert found.tracking_view().expected == end

    async def test_half_a_projection_is_none(self, shop: Shop) -> None:
        await project(shop, {shop.operations[0]: 600})
        view = (await picture(shop, shop.orders[0])).view()
        two_hours = now_ms() + 2 * HOUR_MS
        assert view.projected_end <= (rfc3339_ms(two_hours) or "")

    async def test_it_says_when_it_is_planned_and_why_it_is_late(self, shop: Shop) -> None:
        chain = [{"cause": "unavailable", "machine": M1, "wait_minutes": 30}]
        await shop.rows.run("UPDATE orders SET priority = 3 WHERE id = %s", shop.orders[0])
        await shop.rows.run(
            "UPDATE plan_orders SET chain = %s WHERE order_id = %s", Jsonb(chain), shop.orders[0]
        )
        end_ms = await shop.rows.one(
            "SELECT end_ms FROM plan_orders WHERE order_id = %s", shop.orders[0]
        )
        view = (await picture(shop, shop.orders[0])).view()
        assert view.planned_end == rfc3339_ms(end_ms)
        assert view.late_because == chain
        assert view.priority == 3
        other = (await picture(shop, shop.orders[1])).view()
        assert other.late_because == []

    async def test_without_a_plan_there_are_no_planned_dates(self, pool: Pool) -> None:
        async with open_log(pool) as log:
            shop = Shop(pool, log)
            await shop.make()
            found = await picture(shop, shop.orders[0])
        assert found.view().planned_end is None
        assert found.view().projected_end is not None
        for view in found.operation_views().values():
            assert (view.planned_start, view.planned_end, view.planned_machine) == (None,) * 3
            assert (view.projected_start, view.projected_end) == (None, None)


class TestOperations:
    async def test_they_are_planned_and_projected(self, shop: Shop) -> None:
        first, second, _ = shop.operations
        projected = await project(shop, {first: 70, second: 140})
        views = (await picture(shop, shop.orders[0])).operation_views()
        for operation, key, machine in (
            (first, "operation/WO-1/10", M1),
            (second, "operation/WO-1/20", M2),
        ):
            start_ms, end_ms = await _planned(shop, operation)
            view = views[key]
            assert view.planned_machine == machine
            assert (view.planned_start, view.planned_end) == (
                rfc3339_ms(start_ms),
                rfc3339_ms(end_ms),
            )
            assert view.projected_start == rfc3339_ms(to_minute(projected[operation][0]))
            assert view.projected_end == rfc3339_ms(to_minute(projected[operation][1]))

    async def test_what_has_started_and_ended_keeps_its_plan(self, shop: Shop) -> None:
        first = shop.operations[0]
        planned = await _planned(shop, first)
        started_ms = now_ms() - HOUR_MS
        await shop.rows.progress(
            first, 60, state="completed", started_ms=started_ms, ended_ms=now_ms()
        )
        await shop.publish()
        view = (await picture(shop, shop.orders[0])).operation_views()["operation/WO-1/10"]
        assert (view.planned_start, view.planned_end) == tuple(map(rfc3339_ms, planned))
        assert view.projected_start == view.started == rfc3339_ms(started_ms)
        assert view.projected_end is None


async def _planned(shop: Shop, operation: int) -> tuple[int, int]:
    async with shop.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT start_ms, end_ms FROM plan_operations WHERE operation_id = %s", (operation,)
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


class TestCustomersPage:
    async def test_once_planned_the_projected_date_is_told_with_its_range(self, shop: Shop) -> None:
        first, second, _ = shop.operations
        projected = await project(shop, {first: 240, second: 480})
        view = (await picture(shop, shop.orders[0])).tracking_view()
        end_ms = projected[second][1]
        assert view.stage == Stage.SCHEDULED
        assert view.expected == rfc3339_ms(to_minute(end_ms))
        latest = datetime.fromisoformat(view.expected_latest)
        spread = latest - datetime.fromisoformat(view.expected)
        assert timedelta(minutes=118) <= spread <= timedelta(minutes=120)

    async def test_before_that_the_promise_stands(self, shop: Shop) -> None:
        view = (await picture(shop, shop.orders[0])).tracking_view()
        assert view.expected == view.due
        assert view.expected_latest is None

    async def test_a_date_that_moved_is_among_the_changes(self, shop: Shop) -> None:
        moved = {"from": "2026-11-24T14:00:00Z", "to": "2026-11-24T16:00:00Z"}
        await shop.rows.run(
            """
            INSERT INTO audit_log (actor, origin, order_id, action, reason, after)
            VALUES ('scheduler', 'scheduler', %s, 'ExpectedDateMoved', 'machine_down', %s)
            """,
            shop.orders[0],
            Jsonb(moved | {"plan": 7}),
        )
        view = (await picture(shop, shop.orders[0])).tracking_view()
        assert view.changes[0]["what"] == "expected_moved"
        assert view.changes[0]["detail"] == moved

    async def test_a_date_that_moved_twice_within_a_minute_moved_once(self, shop: Shop) -> None:
        for hours, seconds in (((14, 16), 0), ((16, 15), 3), ((15, 20), 600), ((20, 15), 603)):
            await shop.rows.run(
                """
                INSERT INTO audit_log (at, actor, origin, order_id, action, after)
                VALUES ('2026-11-24T08:00:00Z'::timestamptz + %s * interval '1 second',
                        'scheduler', 'scheduler', %s, 'ExpectedDateMoved', %s)
                """,
                seconds,
                shop.orders[0],
                Jsonb({"from": f"2026-11-24T{hours[0]}", "to": f"2026-11-24T{hours[1]}"}),
            )
        view = (await picture(shop, shop.orders[0])).tracking_view()
        moved = [entry for entry in view.changes if entry["what"] == "expected_moved"]
        assert [entry["detail"] for entry in moved] == [
            {"from": "2026-11-24T14", "to": "2026-11-24T15"}
        ]
        assert moved[0]["at"] == "2026-11-24T08:00:03Z"

    @pytest.mark.parametrize(
        ("planned", "wanted"),
        [
            (False, Expectation(10 * HOUR_MS, None)),
            (True, Expectation(4 * HOUR_MS, 5 * HOUR_MS)),
        ],
    )
    def test_the_rule(self, *, planned: bool, wanted: Expectation) -> None:
        told = tracking.expectation(
            Stage.SCHEDULED,
            projected_ms=4 * HOUR_MS,
            due_ms=10 * HOUR_MS,
            produced_ms=None,
            planned=planned,
            now_ms=0,
        )
        assert told == wanted


class TestFloor:
    async def test_the_plan_says_what_comes_next(self, shop: Shop) -> None:
        # The rush order's work came last and is due last, and the plan has it first.
        await shop.add_work(3, (shop.m1,), due=datetime.now(UTC) + timedelta(days=9))
        await shop.publish()
        await shop.rows.run(
            "UPDATE plan_operations SET start_ms = 0 WHERE operation_id = %s", shop.operations[3]
        )
        site = await site_of(shop)
        async with shop.pool.connection() as connection:
            tiles = await machine_tiles(connection, site, now_ms=now_ms())
            queue = await terminal_view(connection, shop.m1, now_ms=now_ms())
        assert [tile.next_operation and tile.next_operation.work_order for tile in tiles] == [
            "WO-3",
            "WO-1",
        ]
        assert [each.work_order for each in queue.operations] == ["WO-3", "WO-1", "WO-2"]

    async def test_a_tile_shows_the_projected_end(self, shop: Shop) -> None:
        first = shop.operations[0]
        await shop.start(first, shop.m1)
        site = await site_of(shop)
        for minutes in (95, None):
            projected = await project(shop, {first: minutes} if minutes else {})
            async with shop.pool.connection() as connection:
                tile = (await machine_tiles(connection, site, [shop.m1], now_ms=now_ms()))[0]
            assert tile.operation is not None
            end_ms = projected[first][1] if minutes else now_ms() + HOUR_MS
            said = datetime.fromisoformat(tile.operation.projected_end or "")
            assert abs(said.timestamp() * 1000 - end_ms) <= MINUTE_MS + 5_000

    async def test_orders_are_at_risk_when_their_projection_is_after_the_due_date(
        self, shop: Shop
    ) -> None:
        first, second, third = shop.operations
        site = await site_of(shop)
        for ends, wanted in (
            ({}, 0),
            ({first: 60, second: 120, third: 120}, 0),
            ({first: 60, second: 660, third: 120}, 1),
            ({first: 60, second: 660, third: 660}, 2),
        ):
            await project(shop, ends)
            async with shop.pool.connection() as connection:
                figures = await order_figures(connection, site)
            assert figures.orders_at_risk == wanted
