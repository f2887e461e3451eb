"""The warehouse agent on a real database: joining, late orders, repeats, fences, what is told."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from warehouse_floor import GATE, MINUTE, SITE, T0, Record, Warehouse, move

from contracts.streams import (
    DEAD_LETTERS,
    GOODS,
    ORDERS,
    GoodsMoved,
    OrderEvent,
    decode_events,
    encode_events,
)
from store.filters import Page
from store.goods_moves import UnmatchedMove, unmatched
from store.shipments import deliveries
from streams.consumption import Fenced


async def test_ship_1_all_moves_are_told_on(
    warehouse: Warehouse,
) -> None:
    await warehouse.store(
        move(0, "picked", 0.1, lot="L7", unit="pcs"),
        move(1, "packed", 12345678901234567.5, order=None, work_order="WO-1"),
        move(2, "shipped", 5, order=None),
        move(3, "received", 5),
        {**move(4, "picked", 5), "from": "A-1", "to": "gate"},
    )
    events = [
        event
        for record in await warehouse.records(GOODS)
        for event in decode_events(record.value or b"")
    ]
    told = [event for event in events if isinstance(event, GoodsMoved)]
    assert sorted((e.seq, e.event, e.quantity, e.order, e.work_order) for e in told) == [
        (0, "picked", "0.1", "SO-1", None),
        (1, "packed", "12345678901234568", None, "WO-1"),
        (2, "shipped", "5", None, None),
        (3, "received", "5", "SO-1", None),
        (4, "picked", "5", "SO-1", None),
    ]
    assert {
        (e.site, e.t_ms - T0, e.lot, e.unit, e.from_, e.to) for e in told if e.seq in (0, 4)
    } == {
        (SITE, 0, "L7", "pcs", None, None),
        (SITE, 4 * MINUTE, None, None, "A-1", "gate"),
    }


async def test_ship_2_a_move_sent_twice_or_told_twice_counts_once(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    for _ in range(3):
        await warehouse.send(move(0, "picked", 60), move(1, "packed", 60))
    for record in await warehouse.records(GOODS):  # as if the log's offsets had been lost
        await warehouse.agent.handle([Record(GOODS, record.partition, 10**6, record.value)])
    assert await warehouse.shipments(order_id) == [(1, "packed", 60, 60, 0)]
    assert await warehouse.one("SELECT version FROM shipments") == 1


async def test_ship_2_moves_come_to_the_same_in_any_order(warehouse: Warehouse) -> None:
    rng = random.Random(7)
    moves = [
        move(0, "picked", 60),
        move(1, "packed", 60),
        move(2, "shipped", 60),
        move(3, "picked", 40, item="B"),
        move(4, "packed", 40, item="B"),
        move(5, "shipped", 30, item="B"),
        move(6, "picked", 5),
    ]
    expected = [
        (1, "shipped", 60, 60, 60),
        (2, "shipped", 30, 30, 30),
        (3, "picking", 15, 10, 0),
    ]
    for round_ in range(4):
        number = f"SO-{round_}"
        order_id = await warehouse.order(number, lines=[("A", 100, "pcs"), ("B", 40, "pcs")])
        bodies = [
            {**one, "order": number, "source": number} for one in rng.sample(moves, len(moves))
        ]
        for body in bodies:
            await warehouse.send(body)
            if rng.random() < 0.3:
                await warehouse.restart()
        assert await warehouse.shipments(order_id) == expected


async def test_ship_8_a_move_before_its_order_waits_for_it(warehouse: Warehouse) -> None:
    await warehouse.send(move(0, "picked", 60), move(1, "packed", 60))
    assert await warehouse.unmatched() == [(0, "unknown_order"), (1, "unknown_order")]
    order_id = await warehouse.order()
    assert await warehouse.shipments(order_id) == []
    await warehouse.tell("OrderReceived", order_id)
    assert await warehouse.unmatched() == []
    assert await warehouse.shipments(order_id) == [(1, "packed", 60, 60, 0)]
    assert warehouse.changed == [(SITE, order_id)]


async def test_ship_8_a_work_order_leads_to_the_order_it_is_for(warehouse: Warehouse) -> None:
    by_work: dict[str, Any] = {"order": None, "work_order": "WO-1"}
    await warehouse.send(move(0, "picked", 10, **by_work))
    assert await warehouse.unmatched() == [(0, "no_order")]
    first = await warehouse.order()
    work_order_id = await warehouse.work_order("WO-1", first)
    await warehouse.tell("OrderReleased", first, work_order_id)
    assert await warehouse.shipments(first) == [(1, "picking", 10, 0, 0)]

    second = await warehouse.order("SO-2")
    await warehouse.query(
        "INSERT INTO pegs (order_line_id, work_order_id, quantity)"
        " SELECT id, %s, 5 FROM order_lines WHERE order_id = %s",
        work_order_id,
        second,
    )
    await warehouse.tell("WorkOrderPlanned", second, work_order_id)
    assert await warehouse.unmatched() == [(0, "several_orders")]
    assert await warehouse.shipments(first) == []
    await warehouse.send(move(1, "picked", 3, order="SO-2", work_order="WO-1"))
    assert await warehouse.shipments(second) == [(1, "picking", 3, 0, 0)]


async def test_ship_8_what_does_not_fit_is_kept_with_its_reason_and_can_be_listed(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order()
    await warehouse.send(
        move(0, "picked", 10, item="Z"), move(1, "picked", 10, unit="kg"), move(2, "picked", 7)
    )
    assert await warehouse.unmatched() == [(0, "unknown_item"), (1, "unit")]
    assert await warehouse.shipments(order_id) == [(1, "picking", 7, 0, 0)]
    async with warehouse.pool.connection() as connection:
        rows, total = await unmatched(connection, Page(1, 0), site=SITE)
        elsewhere = await unmatched(connection, Page(10, 0), limited_to=["plant-x"])
    assert (total, elsewhere) == (2, ([], 0))
    assert rows == [
        UnmatchedMove(
            site=SITE,
            device=GATE,
            source="main",
            boot="b",
            seq=1,
            t_ms=T0 + MINUTE,
            event="picked",
            item="A",
            quantity=rows[0].quantity,
            unit="kg",
            work_order=None,
            order="SO-1",
            reason="unit",
        )
    ]
    assert rows[0].quantity == 10
    await warehouse.query("UPDATE order_lines SET unit = 'kg'")
    await warehouse.tell("OrderChanged", order_id)
    assert await warehouse.unmatched() == [(0, "unknown_item")]
    assert await warehouse.shipments(order_id) == [(1, "picking", 17, 0, 0)]


async def test_ship_9_what_cannot_be_kept_is_a_dead_letter(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    await warehouse.send(
        move(0, "picked", 1, order="x" * 3000),
        move(1, "picked", 1, item="A\x00"),
        move(2, "picked", 1e200),
        move(3, "picked", 1),
    )
    letters = await warehouse.query("SELECT code, site, reason FROM dead_letters ORDER BY id")
    assert [(code, site) for code, site, _ in letters] == [("field", SITE)] * 3
    assert {reason.split(":")[1].split()[0] for _, _, reason in letters} == {
        "order",
        "item",
        "quantity",
    }
    assert len(await warehouse.records(DEAD_LETTERS)) == 3
    assert await warehouse.shipments(order_id) == [(1, "picking", 1, 0, 0)]


async def test_a_record_that_is_no_list_of_events_is_set_aside(warehouse: Warehouse) -> None:
    await warehouse.agent.handle([Record(GOODS, 0, 0, b"\x00poison")])
    assert await warehouse.query("SELECT code, payload FROM dead_letters") == [
        ("record", b"\x00poison")
    ]


async def test_ship_10_the_history_tells_who_brought_a_shipment_where(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order()
    await warehouse.send(move(0, "picked", 60), move(1, "picked", 40))
    await warehouse.send(move(2, "packed", 100))
    await warehouse.send(move(3, "shipped", 70.5), device=f"{SITE}/warehouse/outbound/gate-2")
    await warehouse.send(move(4, "shipped", 9.5), device=f"{SITE}/warehouse/outbound/gate-2")
    assert await warehouse.audited(order_id) == [
        ("ShipmentPicked", "shipment 1: 100 pcs picked"),
        ("ShipmentPacked", "shipment 1: 100 pcs packed"),
        ("ShipmentShipped", "shipment 1: 70.5 pcs shipped"),
        ("ShipmentShipped", "shipment 1: 80 pcs shipped"),
    ]
    rows = await warehouse.query(
        "SELECT actor, origin, after FROM audit_log WHERE action = 'ShipmentShipped' ORDER BY id"
    )
    told = rows[0]
    assert told[:2] == ("warehouse", f"{SITE}/warehouse/outbound/gate-2")
    assert told[2] == {
        "shipment": 1,
        "state": "shipped",
        "quantity": "70.5",
        "unit": "pcs",
        "at": "2026-01-05T08:03:00Z",
    }


async def test_ship_10_a_truck_that_is_loaded_line_by_line_is_told_as_one(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order(lines=[("A", 100, "pcs"), ("B", 7, "pcs")])
    for place, event in enumerate(("picked", "packed", "shipped")):
        await warehouse.send(move(2 * place, event, 100))
        await warehouse.send(move(2 * place + 1, event, 7, item="B"))
    assert await warehouse.shipments(order_id) == [(1, "shipped", 107, 107, 107)]
    assert await warehouse.audited(order_id) == [
        ("ShipmentPicked", "shipment 1: 100 pcs picked"),
        ("ShipmentPacked", "shipment 1: 107 pcs packed"),
        ("ShipmentShipped", "shipment 1: 100 pcs shipped"),
        ("ShipmentShipped", "shipment 1: 107 pcs shipped"),
    ]


async def test_ship_10_what_was_told_and_was_not_so_is_corrected(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    await warehouse.send(move(1, "shipped", 60, minutes=0), move(2, "shipped", 20, minutes=50))
    await warehouse.send(move(3, "shipped", 5, minutes=25))  # late: it was one truck after all
    assert (await warehouse.audited(order_id))[2:] == [
        ("ShipmentShipped", "shipment 1: 85 pcs shipped"),
        ("ShipmentCorrected", "shipment 2 was part of another one"),
    ]
    await warehouse.send(move(4, "shipped", 15, minutes=-40))
    assert (await warehouse.audited(order_id))[4:] == [
        ("ShipmentCorrected", "shipment 1: 15 pcs shipped"),
        ("ShipmentShipped", "shipment 2: 85 pcs shipped"),
    ]


async def test_ship_10_events_are_told_for_the_history_only_and_screens_for_everything(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order()
    await warehouse.send(move(0, "picked", 60))
    await warehouse.send(move(1, "picked", 30))
    events = [
        event
        for record in await warehouse.records(ORDERS)
        for event in decode_events(record.value or b"")
    ]
    assert [event.name for event in events if isinstance(event, OrderEvent)] == ["ShipmentChanged"]
    assert warehouse.changed == [(SITE, order_id)] * 2


async def test_deliveries_show_each_shipment(warehouse: Warehouse) -> None:
    order_id = await warehouse.order(lines=[("A", 100, "pcs"), ("B", 5, "m")])
    other = await warehouse.order("SO-2")
    await warehouse.send(
        move(0, "picked", 60),
        move(1, "packed", 60),
        move(2, "picked", 2.5, item="B"),
        move(3, "shipped", 60),
    )
    async with warehouse.pool.connection() as connection:
        found = await deliveries(connection, [order_id, other])
    assert list(found) == [order_id]
    told: list[Any] = [
        (one.number, one.state, one.picked, one.packed, one.shipped, one.unit)
        for one in found[order_id]
    ]
    assert told == [(1, "shipped", 60, 60, 60, "pcs"), (2, "picking", 2.5, 0, 0, "m")]
    first = found[order_id][0]
    assert (first.picking, first.packed_at, first.shipped_at, first.delivered_at) == (
        "2026-01-05T08:00:00Z",
        "2026-01-05T08:01:00Z",
        "2026-01-05T08:03:00Z",
        None,
    )


async def test_an_order_that_grows_is_not_settled_any_more(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    await warehouse.send(move(0, "picked", 103), move(1, "shipped", 100))
    assert await warehouse.shipments(order_id) == [(1, "shipped", 103, 0, 100)]
    await warehouse.query("UPDATE order_lines SET quantity = 120")
    await warehouse.tell("OrderChanged", order_id)
    assert await warehouse.shipments(order_id) == [
        (1, "shipped", 100, 0, 100),
        (2, "picking", 3, 0, 0),
    ]


async def test_what_was_delivered_stays_delivered(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    await warehouse.send(move(0, "shipped", 60))
    await warehouse.query("UPDATE shipments SET state = 'delivered', delivered_ms = %s", T0)
    await warehouse.send(move(1, "picked", 40), move(2, "packed", 60, minutes=-1))
    assert await warehouse.shipments(order_id) == [
        (1, "delivered", 0, 60, 60),
        (2, "picking", 40, 0, 0),
    ]
    assert await warehouse.one("SELECT delivered_ms FROM shipments WHERE number = 1") == T0


async def test_a_worker_that_lost_its_partition_writes_nothing(warehouse: Warehouse) -> None:
    order_id = await warehouse.order()
    await warehouse.store(move(0, "picked", 60))
    zombie = warehouse.agent
    await warehouse.restart()
    (record,) = await warehouse.records(GOODS)
    with pytest.raises(Fenced):
        await zombie.handle([record])
    assert await warehouse.shipments(order_id) == []
    await warehouse.settle()
    assert await warehouse.shipments(order_id) == [(1, "picking", 60, 0, 0)]


async def test_a_move_and_its_order_that_come_at_the_same_moment_find_each_other(
    warehouse: Warehouse,
) -> None:
    for round_ in range(8):
        number = f"SO-{round_}"
        await warehouse.store(move(0, "picked", 1, order=number, source=number))
        moves = await warehouse.records(GOODS)
        order_id = await warehouse.order(number)
        event = OrderEvent(SITE, "OrderReceived", order_id, [], 1, T0)  # type: ignore[arg-type]  # plain values
        told = Record(ORDERS, 0, 10**6 + round_, encode_events([event]))
        await asyncio.gather(
            *(warehouse.agent.handle([each]) for each in moves), warehouse.agent.handle([told])
        )
        assert await warehouse.shipments(order_id) == [(1, "picking", 1, 0, 0)]
