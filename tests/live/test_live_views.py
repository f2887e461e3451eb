"""The read models against rows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec
from live_rows import M1, M2, Factory, Rows

from contracts.live import MachineTile
from store.database import Pool
from store.live_floor import machine_tiles
from store.live_operations import NextOperations, terminal_view
from store.live_site import Site, day_base, floor_summary, order_figures, read_site
from store.live_times import rfc3339, rfc3339_ms
from store.live_views import order_operations, order_view, read_orders, tracking_view

DUE = datetime(2030, 3, 1, 12, tzinfo=UTC)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def site_of(pool: Pool) -> Site:
    async with pool.connection() as connection:
        site = await read_site(connection, "plant-1")
    assert site is not None
    return site


async def tiles(pool: Pool, *, at_ms: int | None = None) -> dict[str, MachineTile]:
    site = await site_of(pool)
    async with pool.connection() as connection:
        found = await machine_tiles(connection, site, now_ms=at_ms or now_ms())
    return {tile.machine: tile for tile in found}


async def test_a_tile_shows_the_machine_its_operation_and_for_whom(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    at_ms = now_ms()
    started = at_ms - 3 * 3_600_000
    await rows.progress(factory.operation, 312, scrap=4, started_ms=started)
    await rows.pieces(factory.m1, at_ms - 600_000, 90, 1)
    await rows.machine_state(
        factory.m1, state="down", reason="jam", last_seen_ms=at_ms, operator="li", unassigned_good=3
    )
    tile = (await tiles(pool, at_ms=at_ms))[M1]
    assert (tile.state, tile.reason, tile.operator, tile.name) == ("down", "jam", "li", "m01")
    assert (tile.unassigned_good, tile.unassigned_scrap) == (3, 0)
    assert sum(tile.pace) == 90
    assert len(tile.pace) == 12
    assert tile.pace_percent == 25
    operation = tile.operation
    assert operation is not None
    assert (operation.work_order, operation.operation, operation.item) == ("WO-1", 10, "Bracket A")
    assert (operation.customer, operation.order_number) == ("Acme Ltd", "SO-1")
    assert (operation.good_pieces, operation.scrap_pieces) == (312, 4)
    assert (operation.quantity_ordered, operation.cycle_ms) == (480.0, 10_000)
    assert operation.started == rfc3339_ms(started)
    # 168 pieces at the observed 40 s each, told to the minute.
    end_ms = at_ms + 168 * 40_000
    assert operation.projected_end == rfc3339_ms(end_ms - end_ms % 60_000)


async def test_a_machine_that_never_spoke_has_a_tile_too(pool: Pool, factory: Factory) -> None:
    assert factory.m2
    tile = (await tiles(pool))[M2]
    assert (tile.state, tile.last_seen, tile.operation) == ("offline", None, None)
    assert tile.pace_percent is None


async def test_the_warehouses_devices_are_no_tiles(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    site = await site_of(pool)
    await rows.machine(factory.site, f"{site.code}/warehouse/shipping/dock-1")
    shown = await tiles(pool)
    assert set(shown) == {M1, M2}
    async with pool.connection() as connection:
        summary = await floor_summary(connection, site, now_ms=now_ms())
    assert summary.machines == 2


async def test_the_next_operation_is_the_first_due_that_was_never_started(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    late = await rows.work_order(factory.site, "WO-LATE", 5, due=DUE + timedelta(days=1))
    soon = await rows.work_order(factory.site, "WO-SOON", 5, due=DUE)
    gone = await rows.work_order(factory.site, "WO-GONE", 5, due=DUE - timedelta(days=1))
    never = await rows.work_order(factory.site, "WO-NEVER", 5)
    for work in (never, late, soon, gone):
        await rows.operation(work, 10, factory.m1)
    await rows.progress(factory.operation, 1)
    await rows.run("UPDATE work_orders SET cancelled_at = now() WHERE id = %s", gone)
    following = (await tiles(pool))[M1].next_operation
    assert following is not None
    assert following.work_order == "WO-SOON"
    async with pool.connection() as connection:
        view = await terminal_view(connection, factory.m1, now_ms=now_ms())
    assert [each.work_order for each in view.operations] == [
        "WO-1",
        "WO-SOON",
        "WO-LATE",
        "WO-NEVER",
    ]


async def test_a_known_next_operation_is_read_again_when_the_current_one_changes(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    site = await site_of(pool)
    second = await rows.work_order(factory.site, "WO-2", 5)
    await rows.operation(second, 10, factory.m1)
    following = NextOperations()

    async def next_of() -> str | None:
        async with pool.connection() as connection:
            (tile,) = await machine_tiles(
                connection, site, [factory.m1], now_ms=now_ms(), following=following
            )
        return tile.next_operation.work_order if tile.next_operation else None

    await rows.progress(factory.operation, 1)
    assert await next_of() == "WO-2"
    await rows.run("UPDATE work_orders SET cancelled_at = now() WHERE number = 'WO-2'")
    assert await next_of() == "WO-2"
    await rows.machine_state(factory.m1, operation_id=None)
    assert await next_of() is None


async def test_the_summary_counts_the_sites_present_day(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    await rows.run("UPDATE sites SET time_zone = 'Asia/Shanghai'")
    site = await site_of(pool)
    noon = int(datetime(2026, 1, 5, 4, tzinfo=UTC).timestamp() * 1000)
    midnight = noon - 12 * 3_600_000
    await rows.pieces(factory.m1, midnight - 300_000, 1_000, 1_000)
    await rows.pieces(factory.m1, midnight, 100, 10)
    await rows.pieces(factory.m2, noon - 300_000, 20, 2)
    await rows.pieces(factory.m2, noon + 3_600_000, 5_000, 5_000)
    await rows.run(
        """
        INSERT INTO dead_letters (site, origin_topic, origin_partition, origin_offset, received_ms,
            payload, size, code, reason) VALUES ('plant-1', 't', 0, 0, 0, '', 0, 'field', 'x')
        """
    )
    async with pool.connection() as connection:
        base = await day_base(connection, site, noon)
        summary = await floor_summary(connection, site, now_ms=noon, base=base)
        found = await machine_tiles(connection, site, now_ms=noon, base=base)
    assert (summary.good_pieces_today, summary.scrap_pieces_today) == (120, 12)
    assert (summary.machines, summary.running, summary.down) == (2, 1, 0)
    assert (summary.orders_open, summary.orders_at_risk, summary.dead_letters) == (1, 0, 1)
    assert summary.time_zone == "Asia/Shanghai"
    assert [(tile.good_pieces, tile.scrap_pieces) for tile in found] == [(100, 10), (20, 2)]


async def test_an_order_is_at_risk_when_its_missing_pieces_take_longer_than_it_has(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    async def at_risk() -> int:
        async with pool.connection() as connection:
            return (await order_figures(connection, site)).orders_at_risk

    site = await site_of(pool)
    await rows.run("UPDATE order_lines SET due_at = now() + interval '1 hour'")
    assert await at_risk() == 1
    await rows.progress(factory.operation, 400)
    assert await at_risk() == 0
    await rows.run("UPDATE order_lines SET due_at = now() - interval '1 hour'")
    assert await at_risk() == 1
    await rows.run("UPDATE order_lines SET state = 'produced'")
    assert await at_risk() == 0


async def test_an_order_shows_where_it_is_and_what_it_waits_for(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    await rows.run("UPDATE order_lines SET due_at = %s", DUE)
    await rows.line(factory.order, 2, 20, state="cancelled")
    at_ms = int((DUE - timedelta(hours=1)).timestamp() * 1000)
    async with pool.connection() as connection:
        view = await order_view(connection, "SO-1", now_ms=at_ms)
        operations = await order_operations(connection, factory.order, now_ms=at_ms)
    assert view is not None
    assert (view.state, view.stage, view.waits_for) == ("released", "scheduled", f"operator:{M1}")
    assert (view.quantity_ordered, view.percent, view.item) == (480.0, 0, "Bracket A")
    assert view.due == rfc3339(DUE)
    # 480 pieces at 10 s are 80 minutes.
    assert view.projected_end == rfc3339(DUE + timedelta(minutes=20))
    assert view.lateness_minutes == 20
    assert [line["work_orders"] for line in view.lines] == [["WO-1"], []]
    assert [(each.work_order, each.operation, each.state) for each in operations] == [
        ("WO-1", 10, "planned")
    ]


async def test_an_unknown_order_has_no_view(pool: Pool) -> None:
    async with pool.connection() as connection:
        assert await order_view(connection, "SO-404", now_ms=now_ms()) is None
        assert await tracking_view(connection, 404, now_ms=now_ms()) is None
        assert await order_operations(connection, 404, now_ms=now_ms()) == []


async def test_the_customers_view_tells_the_stages_and_what_changed(
    pool: Pool, rows: Rows, factory: Factory
) -> None:
    audit = """
        INSERT INTO audit_log (actor, origin, order_id, at, action, before, after)
        VALUES ('zhang', 'session', %s, %s, %s, %s, %s)
        """
    day = datetime(2026, 1, 5, tzinfo=UTC)
    line = {"number": 1, "quantity": "400", "due_at": None, "price": "9.99"}
    for hours, action, before, after in (
        (0, "OrderReceived", None, None),
        (1, "OrderReleased", None, None),
        (2, "OrderChanged", {"lines": [line]}, {"lines": [{**line, "quantity": "480"}]}),
        (3, "OrderChanged", {"priority": 1}, {"priority": 2}),
        (4, "LineStateChanged", None, {"line": 1, "state": "in_production"}),
        (5, "TrackingLinkCreated", None, None),
    ):
        await rows.run(
            audit,
            factory.order,
            day + timedelta(hours=hours),
            action,
            msgspec.json.encode(before).decode() if before else None,
            msgspec.json.encode(after).decode() if after else None,
        )
    await rows.run(
        "UPDATE order_lines SET state = 'in_production', good_quantity = 312, started_at = %s",
        day + timedelta(hours=4),
    )
    async with pool.connection() as connection:
        view = await tracking_view(connection, factory.order, now_ms=now_ms())
    assert view is not None
    assert (view.number, view.reference, view.customer) == ("SO-1", "PO-77", "Acme Ltd")
    assert (view.stage, view.percent, view.good_pieces) == ("in_production", 65, 312.0)
    assert view.stages[:4] == [
        {"stage": "received", "state": "done", "at": "2026-01-05T00:00:00Z"},
        {"stage": "confirmed", "state": "done", "at": "2026-01-05T01:00:00Z"},
        {"stage": "scheduled", "state": "done", "at": "2026-01-05T01:00:00Z"},
        {"stage": "in_production", "state": "current", "at": "2026-01-05T04:00:00Z"},
    ]
    assert [change["what"] for change in view.changes] == [
        "in_production",
        "changed",
        "scheduled",
        "received",
    ]
    assert view.changes[1]["detail"] == {
        "lines": [{"line": 1, "field": "quantity", "from": "400", "to": "480"}]
    }
    told = msgspec.json.encode(view).decode()
    for secret in ("m01", "cutting", "WO-1", "9.99", "zhang"):
        assert secret not in told


async def test_many_orders_are_read_at_once(pool: Pool, rows: Rows, factory: Factory) -> None:
    other = await rows.order(factory.site, "SO-2", customer="Bolt GmbH")
    await rows.line(other, 1, 7, state="received")
    async with pool.connection() as connection:
        pictures = await read_orders(
            connection, [factory.order, other, 999], now_ms=now_ms(), audit=False
        )
    views = {picture.view().number: picture.view() for picture in pictures.values()}
    assert set(views) == {"SO-1", "SO-2"}
    assert views["SO-2"].waits_for == "release"
    assert views["SO-2"].projected_end is None


def test_a_time_beyond_every_calendar_is_told_as_unknown() -> None:
    assert rfc3339_ms(10**18) is None
    assert rfc3339_ms(None) is None
    assert rfc3339_ms(1_767_600_000_999) == "2026-01-05T08:00:00Z"


def test_a_site_with_an_unknown_zone_counts_days_in_utc() -> None:
    site = Site(1, "p", "P", "Mars/Olympus", "p")
    assert site.day_ms(90_000_000) == 86_400_000
