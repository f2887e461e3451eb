"""A machine's `material` over the stream takes stock out, once, for what ran there (STOCK-10)."""

from __future__ import annotations

from typing import Any

from warehouse_floor import MINUTE, SITE, T0, Warehouse, move

SAW = f"{SITE}/cutting/line1/saw"


def said(seq: int, *, minute: int | None = None, **fields: Any) -> dict[str, Any]:
    at_ms = T0 + (seq if minute is None else minute) * MINUTE
    return {"t": at_ms, "boot": "b", "seq": seq, **fields}


async def taken(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """(quantity, work order) of what left the stock, in order."""
    return await warehouse.query(
        "SELECT e.quantity::float8, w.number FROM stock_ledger e"
        " LEFT JOIN work_orders w ON w.id = e.work_order_id"
        " WHERE e.from_account = 'stock' ORDER BY e.id"
    )


async def test_stock_10_material_is_for_the_operation_that_ran_there_then(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order()
    for number in ("WO-1", "WO-2"):
        await warehouse.work_order(number, order_id)
    await warehouse.send(move(0, "received", 500, order=None))
    await warehouse.machine(
        SAW,
        "job",
        said(10, event="started", work_order="WO-1", operation=10),
        said(20, event="started", work_order="WO-2", operation=10),
    )
    used = [
        said(21, item="A", quantity=1.5),
        said(22, item="A", quantity=2, work_order="WO-1", operation=10),
    ]
    # The clock of a second publisher stands before the second start.
    early = {**said(1, minute=15, item="A", quantity=4), "source": "scale"}
    for _ in range(3):
        await warehouse.machine(SAW, "material", *used, early)
        await warehouse.settle()
    assert sorted(await taken(warehouse)) == [(1.5, "WO-2"), (2, "WO-1"), (4, "WO-1")]


async def test_stock_10_without_an_operation_it_is_for_use(warehouse: Warehouse) -> None:
    await warehouse.order()
    await warehouse.send(move(0, "received", 500, order=None))
    await warehouse.machine(
        SAW, "material", said(1, item="A", quantity=3), said(2, item="A", quantity=0)
    )
    await warehouse.settle()
    assert await taken(warehouse) == [(3, None)]
    rows = await warehouse.query("SELECT to_account FROM stock_ledger ORDER BY id DESC LIMIT 1")
    assert rows == [("use",)]
