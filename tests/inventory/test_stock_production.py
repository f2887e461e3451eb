"""Counted pieces become stock: receipts, components by the bill, corrections, reservations."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from stock_floor import Floor

from store.inventory import reservations, shortages


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    await floor.item("sheet", "m")
    await floor.item("screw")
    await floor.item("box", sheet=("0.35", "0.1"), screw=("4", "0"))
    yield floor
    assert await floor.balance() == []
    await floor.pool.close()


async def test_good_pieces_are_received_and_components_taken(floor: Floor) -> None:
    await floor.moved(
        floor.move(1, "received", "sheet", "100", lot="S1"),
        floor.move(2, "received", "screw", "1000"),
    )
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    assert await floor.lots("box") == [("MAIN", "WO-1", 10)]
    assert await floor.lots("sheet") == [("MAIN", "S1", 96.15)]
    assert await floor.lots("screw") == [("MAIN", "", 960)]
    assert await floor.book(work) == 0, "nothing is booked twice"
    await floor.count(work, good=12)
    assert await floor.lots("screw") == [("MAIN", "", 952)]


async def test_scrap_of_every_operation_takes_components(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "screw", "1000"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10, scrap=2, first_scrap=3)
    assert (await floor.head("box"))[0] == 10
    assert (await floor.head("screw"))[0] == 1000 - 15 * 4


async def test_a_late_correction_is_taken_back_to_the_lots_it_came_from(floor: Floor) -> None:
    await floor.moved(
        floor.move(1, "received", "screw", "30", lot="A"),
        floor.move(2, "received", "screw", "100", lot="B"),
        floor.move(3, "received", "sheet", "100"),
    )
    before = [await floor.lots(item) for item in ("screw", "sheet")]
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    assert await floor.lots("screw") == [("MAIN", "B", 90)]
    await floor.count(work, good=8)
    assert await floor.lots("screw") == [("MAIN", "B", 98)]
    await floor.count(work, good=0)
    assert [await floor.lots(item) for item in ("screw", "sheet")] == before
    assert await floor.lots("box") == []


async def test_missing_components_are_a_shortfall_that_a_late_receipt_settles(
    floor: Floor,
) -> None:
    await floor.moved(
        floor.move(1, "received", "screw", "25"), floor.move(2, "received", "sheet", "50")
    )
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    assert await floor.head("screw") == (0, 0, 160, 15)
    rows = await floor.query("SELECT quantity, open_quantity, work_order_id FROM stock_shortfalls")
    assert [(float(q), float(o), w) for q, o, w in rows] == [(15, 15, work)]
    await floor.moved(floor.move(3, "received", "screw", "100"))
    assert await floor.head("screw") == (85, 0, 160, 0)
    await floor.count(work, good=0)
    assert (await floor.head("screw"))[0] == 125


async def test_a_correction_takes_an_open_shortfall_back_first(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "screw", "25"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    await floor.count(work, good=5)
    assert (await floor.head("screw"))[::3] == (5, 0)


async def test_any_order_of_counts_comes_to_the_same(floor: Floor) -> None:
    rng = random.Random(5)
    await floor.moved(floor.move(1, "received", "screw", "77", lot="A"))
    work = await floor.work_order("WO-1", "box", 50)
    for step in range(25):
        if rng.random() < 0.3:
            await floor.moved(floor.move(10 + step, "received", "screw", "11", lot=f"L{step}"))
        await floor.count(work, good=rng.randrange(0, 40), scrap=rng.randrange(0, 5))
        assert await floor.balance() == []
    await floor.count(work, good=20, scrap=1)
    received = await floor.one(
        "SELECT coalesce(sum(quantity), 0)::float FROM stock_ledger"
        " WHERE item_id = %s AND from_account = 'supplier'",
        floor.ids["screw"],
    )
    available, _, _, shortfall = await floor.head("screw")
    assert available - shortfall == received - 84
    assert (await floor.head("box"))[0] == 20


async def test_two_who_book_at_once_book_it_once(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "screw", "500"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.query(
        "UPDATE operations SET good_pieces = 30, runs = 1, state = 'running'"
        " WHERE work_order_id = %s AND number = 20",
        work,
    )
    await asyncio.gather(*(floor.book(work) for _ in range(5)))
    assert (await floor.head("box"))[0] == 30
    assert (await floor.head("screw"))[0] == 380


async def test_what_was_issued_by_hand_is_not_taken_again(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "screw", "500"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.book(work)
    await floor.moved(floor.move(2, "issued", "screw", "100", work_order="WO-1"))
    await floor.count(work, good=20)
    assert (await floor.head("screw"))[0] == 400
    await floor.count(work, good=30)
    assert (await floor.head("screw"))[0] == 380


async def test_components_of_released_work_are_reserved_and_shortages_known(
    floor: Floor,
) -> None:
    await floor.moved(floor.move(1, "received", "screw", "150"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.book(work)
    assert await floor.head("screw") == (150, 0, 200, 0)
    async with floor.pool.connection() as connection:
        short = await shortages.of_work_order(connection, "plant-s", "WO-1")
    by_item = {row.item: (float(row.needed), float(row.missing)) for row in short}
    assert by_item == {"sheet": (19.25, 19.25), "screw": (200, 50)}
    await floor.query("UPDATE work_orders SET cancelled_at = now() WHERE id = %s", work)
    await floor.book(work)
    assert (await floor.head("screw"))[2] == 0


async def test_pieces_made_for_a_line_are_reserved_for_it_until_they_leave(floor: Floor) -> None:
    line = await floor.order_line("SO-1", "box", 30)
    work = await floor.work_order("WO-1", "box", 50)
    await floor.query(
        "INSERT INTO pegs (order_line_id, work_order_id, quantity, made) VALUES (%s, %s, 30, 0)",
        line,
        work,
    )
    for good in (10, 40):
        await floor.query("UPDATE pegs SET made = least(%s, 30)", good)
        await floor.count(work, good=good)
        assert (await floor.head("box"))[:2] == (good, min(good, 30))
    await floor.moved(floor.move(1, "shipped", "box", "30", order="SO-1"))
    assert (await floor.head("box"))[:2] == (10, 0)
    assert await floor.query(
        "SELECT state, quantity::float, consumed::float FROM reservations WHERE order_line_id = %s",
        line,
    ) == [("consumed", 30, 30)]
    assert await floor.book(work) == 0


async def test_a_cancelled_line_gives_its_pieces_back(floor: Floor) -> None:
    line = await floor.order_line("SO-1", "box", 30)
    work = await floor.work_order("WO-1", "box", 30)
    await floor.query(
        "INSERT INTO pegs (order_line_id, work_order_id, quantity, made) VALUES (%s, %s, 30, 20)",
        line,
        work,
    )
    await floor.count(work, good=20)
    assert (await floor.head("box"))[1] == 20
    await floor.query("UPDATE order_lines SET state = 'cancelled'")
    async with floor.pool.connection() as connection, connection.transaction():
        released = await reservations.release_for_lines(connection, [line], now=datetime.now(UTC))
    assert len(released) == 1
    assert (await floor.head("box"))[1] == 0
    await floor.book(work)
    assert (await floor.head("box"))[1] == 0


async def test_the_bill_of_the_first_piece_stays(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "screw", "500"))
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    await floor.query("UPDATE bill_lines SET quantity_per = 8")
    await floor.count(work, good=20)
    assert (await floor.head("screw"))[0] == 420
