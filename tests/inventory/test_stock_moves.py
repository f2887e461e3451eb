"""What warehouse devices tell changes stock, each move once, whatever its order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from stock_floor import Floor


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    await floor.item("bolt")
    yield floor
    assert await floor.balance() == []
    await floor.pool.close()


async def test_goods_go_through_the_warehouse(floor: Floor) -> None:
    await floor.order_line("SO-1", "bolt", 60)
    await floor.moved(floor.move(1, "received", "bolt", "100", to="dock", lot="L1"))
    assert await floor.lots("bolt") == [("dock", "L1", 100)]
    await floor.moved(floor.move(2, "transferred", "bolt", "100", source="dock", to="A-1"))
    await floor.moved(floor.move(3, "picked", "bolt", "60", source="A-1", order="SO-1"))
    assert await floor.lots("bolt") == [("A-1", "L1", 40), ("STAGING", "L1", 60)]
    await floor.moved(floor.move(4, "packed", "bolt", "60", to="gate", order="SO-1"))
    await floor.moved(
        floor.move(5, "shipped", "bolt", "60", source="gate", order="SO-1"),
        floor.move(6, "issued", "bolt", "5", source="A-1"),
    )
    assert await floor.lots("bolt") == [("A-1", "L1", 35)]
    accounts = await floor.query(
        "SELECT to_account, quantity::float FROM stock_ledger WHERE to_account <> 'stock'"
        " ORDER BY id"
    )
    assert accounts == [("customer", 60), ("use", 5)]


async def test_a_move_told_twice_counts_once(floor: Floor) -> None:
    move = floor.move(1, "received", "bolt", "100.25")
    assert await floor.moved(move) == (1, 0)
    assert await floor.moved(move) == (0, 0)
    assert await floor.moved(move, floor.move(2, "received", "bolt", "1")) == (1, 0)
    assert (await floor.head("bolt"))[0] == 101.25


async def test_an_unknown_item_waits_until_it_is_known(floor: Floor) -> None:
    assert await floor.moved(floor.move(1, "received", "nut", "7")) == (0, 1)
    assert await floor.query("SELECT unmatched FROM stock_moves") == [("unknown_item",)]
    await floor.item("nut")
    assert await floor.moved() == (1, 0)
    assert (await floor.head("nut"))[0] == 7
    assert await floor.query("SELECT unmatched FROM stock_moves") == [(None,)]


async def test_another_unit_changes_nothing(floor: Floor) -> None:
    assert await floor.moved(floor.move(1, "received", "bolt", "7", unit="kg")) == (0, 1)
    assert await floor.query("SELECT unmatched FROM stock_moves") == [("unit",)]
    assert await floor.moved() == (0, 0)


async def test_a_shipment_before_its_receipt_comes_to_the_same(floor: Floor) -> None:
    rng = random.Random(3)
    moves = [
        floor.move(1, "received", "bolt", "40"),
        floor.move(2, "shipped", "bolt", "25"),
        floor.move(3, "received", "bolt", "10"),
        floor.move(4, "issued", "bolt", "20"),
    ]
    for move in rng.sample(moves, len(moves)):
        await floor.moved(move)
        assert await floor.balance() == []
    assert await floor.head("bolt") == (5, 0, 0, 0)
    assert await floor.query("SELECT count(*) FROM stock_shortfalls WHERE open_quantity > 0") == [
        (0,)
    ]


async def test_what_the_books_do_not_have_is_seen(floor: Floor) -> None:
    await floor.moved(floor.move(1, "received", "bolt", "10"))
    await floor.moved(floor.move(2, "shipped", "bolt", "14"))
    assert await floor.head("bolt") == (0, 0, 0, 4)


async def test_a_count_sets_what_lies_there_at_its_own_time(floor: Floor) -> None:
    await floor.moved(
        floor.move(1, "received", "bolt", "100", to="A"),
        floor.move(2, "received", "bolt", "50", to="B"),
    )
    await floor.moved(floor.move(9, "received", "bolt", "5", to="A"))
    await floor.moved(floor.move(10, "counted", "bolt", "97", to="A", minute=5))
    assert await floor.lots("bolt") == [("A", "", 102), ("B", "", 50)]
    await floor.moved(floor.move(11, "counted", "bolt", "103", to="A"))
    assert await floor.lots("bolt") == [("A", "", 103), ("B", "", 50)]


async def test_a_purchase_is_filled_by_the_number_that_the_device_names(floor: Floor) -> None:
    await floor.query(
        "INSERT INTO purchases (number, site_id, created_by) SELECT 'PO-7', id, 'x' FROM sites"
    )
    await floor.query(
        "INSERT INTO purchase_lines (purchase_id, number, item_id, site_id, quantity, due_at)"
        " SELECT p.id, 1, %s, p.site_id, 20, now() FROM purchases p",
        floor.ids["bolt"],
    )
    await floor.moved(floor.move(1, "received", "bolt", "20", order="PO-7"))
    assert await floor.query("SELECT received::float FROM purchase_lines") == [(20,)]
    assert await floor.query("SELECT state FROM purchases") == [("received",)]
