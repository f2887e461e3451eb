"""A component is taken once: by what machines told, else by the bill less what was handed out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stock_floor import Floor

from contracts.streams import CONSUMED


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    await floor.item("sheet", "m")
    await floor.item("screw")
    await floor.item("glue", "kg")
    await floor.item("box", sheet=("0.5", "0"), screw=("4", "0"))
    await floor.moved(
        floor.move(1, "received", "sheet", "100"),
        floor.move(2, "received", "screw", "1000"),
        floor.move(3, "received", "glue", "10"),
    )
    yield floor
    assert await floor.balance() == []
    await floor.pool.close()


async def available(floor: Floor, item: str) -> float:
    return (await floor.head(item))[0]


async def test_what_a_machine_measured_is_taken_instead_of_the_bill(floor: Floor) -> None:
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    assert await available(floor, "sheet") == 95
    used = floor.move(4, CONSUMED, "sheet", "5.3", work_order="WO-1")
    assert await floor.moved(used) == (1, 0)
    assert await available(floor, "sheet") == 100 - 5.3, "the bill's five are given back"
    assert await floor.moved(used) == (0, 0)
    await floor.count(work, good=20)
    assert await available(floor, "sheet") == 100 - 5.3, "counted pieces take none of it"
    assert await available(floor, "screw") == 1000 - 80, "of others the bill's"
    await floor.moved(floor.move(5, CONSUMED, "sheet", "4.9", work_order="WO-1"))
    assert await available(floor, "sheet") == pytest.approx(100 - 10.2)


async def test_the_machine_may_speak_before_a_piece_is_counted(floor: Floor) -> None:
    work = await floor.work_order("WO-1", "box", 50)
    await floor.moved(floor.move(4, CONSUMED, "screw", "41", work_order="WO-1"))
    await floor.count(work, good=10)
    assert await available(floor, "screw") == 959
    assert await available(floor, "sheet") == 95
    ((soft,),) = await floor.query(
        "SELECT quantity - consumed FROM reservations WHERE item_id = %s AND origin = 'work_order'",
        floor.ids["screw"],
    )
    assert float(soft) == 160, "forty pieces are to come"


async def test_what_is_on_no_bill_is_taken_once_too(floor: Floor) -> None:
    work = await floor.work_order("WO-1", "box", 50)
    await floor.moved(floor.move(4, CONSUMED, "glue", "250", unit="g", work_order="WO-1"))
    await floor.count(work, good=10)
    assert await available(floor, "glue") == 9.75
    await floor.moved(floor.move(5, CONSUMED, "glue", "1", work_order="nobody's"))
    assert await available(floor, "glue") == 8.75
    rows = await floor.query(
        "SELECT to_account, work_order_id FROM stock_ledger WHERE item_id = %s AND"
        " from_account = 'stock' ORDER BY id",
        floor.ids["glue"],
    )
    assert rows == [("production", work), ("use", None)]


async def test_a_unit_that_does_not_convert_waits(floor: Floor) -> None:
    assert await floor.moved(floor.move(4, CONSUMED, "glue", "2", unit="box")) == (0, 1)
    assert await available(floor, "glue") == 10
    rows = await floor.query("SELECT unmatched FROM stock_moves WHERE seq = 4")
    assert rows == [("unit",)]
    await floor.query("UPDATE items SET unit = 'box' WHERE code = 'glue'")
    assert await floor.moved() == (1, 0)
    assert await available(floor, "glue") == 8


async def test_what_was_handed_out_is_not_taken_once_more(floor: Floor) -> None:
    work = await floor.work_order("WO-1", "box", 50)
    await floor.count(work, good=10)
    await floor.moved(floor.move(4, "issued", "screw", "60", work_order="WO-1"))
    assert await available(floor, "screw") == 940, "forty of the sixty were for those ten"
    await floor.count(work, good=15)
    assert await available(floor, "screw") == 940
    await floor.count(work, good=20)
    assert await available(floor, "screw") == 920
