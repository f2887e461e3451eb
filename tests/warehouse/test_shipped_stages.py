"""What the customer sees of shipments: stages, times, deliveries and changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from warehouse_floor import GATE, T0, Warehouse, move

from contracts.live import TrackingView
from domain import tracking
from domain.orders import LineState
from domain.tracking import LineShare, Stage
from store.live_views import order_view, tracking_view

MADE, MAKING, WAITING = LineState.PRODUCED, LineState.IN_PRODUCTION, LineState.RELEASED


def line(state: LineState, packed: int = 0, shipped: int = 0) -> LineShare:
    return LineShare(
        state, Decimal(100), Decimal(0), started=False, packed=Decimal(packed),
        shipped=Decimal(shipped),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        ([line(MADE, 99, 60)], Stage.PRODUCED),
        ([line(MADE, 100, 60)], Stage.PACKED),
        ([line(MADE, 100, 100)], Stage.SHIPPED),
        ([line(MADE, 0, 101)], Stage.SHIPPED),
        ([line(MAKING, 100)], Stage.PACKED),
        ([line(MAKING, 60, 60)], Stage.IN_PRODUCTION),
        ([line(MADE, 100, 100), line(MADE, 100)], Stage.PACKED),
        ([line(MADE, 100, 100), line(MADE, 40)], Stage.PRODUCED),
        ([line(MADE, 100, 100), line(WAITING)], Stage.IN_PRODUCTION),
        ([line(MADE, 100, 100), line(LineState.CANCELLED, 10, 10)], Stage.SHIPPED),
        ([line(LineState.CANCELLED, 100, 100)], Stage.CANCELLED),
    ],
)
def test_ship_11_the_stage_is_where_the_rest_is(lines: list[LineShare], stage: Stage) -> None:
    assert tracking.stage_of(lines) is stage


async def seen(warehouse: Warehouse, order_id: int) -> TrackingView:
    async with warehouse.pool.connection() as connection:
        view = await tracking_view(connection, order_id, now_ms=T0 + 10**8)
    assert view is not None
    return view


def goods(view: TrackingView) -> list[Any]:
    """The part of the timeline after production, and what the changes tell of shipments."""
    stages = {mark["stage"]: (mark["state"], mark["at"]) for mark in view.stages}
    changes = [
        (change["what"], change["at"], *change["detail"].values())
        for change in view.changes
        if change["what"] in (Stage.PACKED, Stage.SHIPPED)
    ]
    return [view.stage, stages[Stage.PACKED], stages[Stage.SHIPPED], changes]


async def test_ship_11_the_customers_page_follows_partial_deliveries(
    warehouse: Warehouse,
) -> None:
    order_id = await warehouse.order(state="produced")
    await warehouse.send(move(0, "picked", 60), move(1, "packed", 60))
    ahead = ("ahead", None)
    packed = ("packed", "2026-01-05T08:01:00Z", 1, "60", "pcs")
    assert goods(await seen(warehouse, order_id)) == ["produced", ahead, ahead, [packed]]
    await warehouse.send(move(2, "shipped", 60))
    left = ("shipped", "2026-01-05T08:02:00Z", 1, "60", "pcs")
    view = await seen(warehouse, order_id)
    assert goods(view) == ["produced", ahead, ahead, [left, packed]]
    assert [(one.state, one.shipped) for one in view.deliveries] == [("shipped", 60)]

    await warehouse.send(move(3, "picked", 40), move(4, "packed", 40))
    view = await seen(warehouse, order_id)
    assert goods(view)[:3] == ["packed", ("current", "2026-01-05T08:04:00Z"), ahead]
    await warehouse.send(move(5, "shipped", 40))
    view = await seen(warehouse, order_id)
    assert goods(view)[:3] == [
        "shipped",
        ("done", "2026-01-05T08:04:00Z"),
        ("current", "2026-01-05T08:05:00Z"),
    ]
    assert [(one.number, one.state) for one in view.deliveries] == [(1, "shipped"), (2, "shipped")]
    assert GATE.encode() not in msgspec.json.encode(view)
    assert b"warehouse" not in msgspec.json.encode(view)


async def test_ship_10_a_correction_replaces_what_was_told(warehouse: Warehouse) -> None:
    order_id = await warehouse.order(state="produced")
    await warehouse.send(move(1, "shipped", 60, minutes=0))
    await warehouse.send(move(2, "shipped", 20, minutes=50))
    await warehouse.send(move(3, "shipped", 5, minutes=25))  # late: it was one truck after all
    view = await seen(warehouse, order_id)
    assert goods(view)[3] == [("shipped", "2026-01-05T08:50:00Z", 1, "85", "pcs")]


async def test_staff_see_the_deliveries_too_and_the_state_of_lines_stays(
    warehouse: Warehouse,
) -> None:
    await warehouse.order(state="in_production")
    await warehouse.send(move(0, "picked", 60))
    async with warehouse.pool.connection() as connection:
        view = await order_view(connection, "SO-1", now_ms=T0)
    assert view is not None
    assert (view.state, view.stage) == ("in_production", "in_production")
    assert [(one.number, one.state, one.picked) for one in view.deliveries] == [(1, "picking", 60)]
