"""Shipments from moves: hand-computed examples, and properties of the set of moves (SHIP-n)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.telemetry import MoveEvent
from domain import goods, shipping
from domain.goods import Unmatched
from domain.shipping import Line, Move, Shipment, ShipmentState

T0 = 1_767_600_000_000
MINUTE = 60_000
PICKED, PACKED, SHIPPED = shipping.EVENTS


def line(number: int = 1, quantity: int = 100, **fields: Any) -> Line:
    values: dict[str, Any] = {"item": "A", "unit": "pcs", "due_ms": None}
    return Line(id=number, number=number, quantity=Decimal(quantity), **{**values, **fields})


def move(event: MoveEvent, quantity: float, minutes: float, **fields: Any) -> Move:
    values: dict[str, Any] = {"item": "A", "unit": None, "device": "p/warehouse/out/gate"}
    at_ms = T0 + round(minutes * MINUTE)
    values |= {"source": "main", "boot": "b", "seq": at_ms * 4 + shipping.EVENTS.index(event)}
    return Move(t_ms=at_ms, event=event, quantity=Decimal(str(quantity)), **{**values, **fields})


def told(shipments: list[Shipment]) -> list[tuple[str, int, int, int]]:
    """State and quantities of each shipment, over its lines."""
    return [
        (
            each.state.value,
            int(sum(part.picked for part in each.portions)),
            int(sum(part.packed for part in each.portions)),
            int(sum(part.shipped for part in each.portions)),
        )
        for each in shipments
    ]


def test_ship_3_goods_go_from_picking_to_packed_to_shipped() -> None:
    moves = [move(PICKED, 60, 0), move(PICKED, 40, 1), move(PACKED, 60, 2)]
    assert told(shipping.shipments([line()], moves)) == [("picking", 100, 60, 0)]
    moves.append(move(PACKED, 40, 3))
    assert told(shipping.shipments([line()], moves)) == [("packed", 100, 100, 0)]
    moves.append(move(SHIPPED, 100, 5))
    (one,) = shipping.shipments([line()], moves)
    assert told([one]) == [("shipped", 100, 100, 100)]
    times = (one.picking_ms, one.packed_ms, one.shipped_ms)
    assert times == (T0, T0 + 3 * MINUTE, T0 + 5 * MINUTE)


def test_ship_4_each_batch_that_left_is_a_shipment_and_what_follows_opens_the_next() -> None:
    moves = [
        move(PICKED, 60, 0),
        move(PACKED, 60, 1),
        move(SHIPPED, 60, 2),
        move(PICKED, 40, 3),
        move(PACKED, 30, 4),
    ]
    assert told(shipping.shipments([line()], moves)) == [
        ("shipped", 60, 60, 60),
        ("picking", 40, 30, 0),
    ]
    moves += [move(PACKED, 10, 5), move(SHIPPED, 40, 6)]
    first, second = shipping.shipments([line()], moves)
    assert told([first, second]) == [("shipped", 60, 60, 60), ("shipped", 40, 40, 40)]
    assert (first.number, second.number) == (1, 2)
    assert (second.picking_ms, second.shipped_ms) == (T0 + 3 * MINUTE, T0 + 6 * MINUTE)


def test_ship_4_a_truck_that_is_still_loaded_is_one_shipment_whatever_is_picked_meanwhile() -> None:
    moves = [
        move(PICKED, 60, 0),
        move(PACKED, 60, 1),
        move(SHIPPED, 30, 2),
        move(PICKED, 40, 3),
        move(SHIPPED, 30, 4),
        move(PACKED, 40, 5),
    ]
    assert told(shipping.shipments([line()], moves)) == [
        ("shipped", 60, 60, 60),
        ("packed", 40, 40, 0),
    ]


def test_ship_4_goods_that_leave_long_after_are_another_shipment() -> None:
    moves = [move(PICKED, 100, 0), move(SHIPPED, 60, 1), move(SHIPPED, 40, 60)]
    assert told(shipping.shipments([line()], moves)) == [
        ("shipped", 60, 0, 60),
        ("shipped", 40, 0, 40),
    ]


def test_ship_5_what_nobody_scanned_shifts_nothing() -> None:
    moves = [
        move(SHIPPED, 60, 0),  # nobody picked or packed
        move(PICKED, 40, 2),  # so this is of the next
        move(PACKED, 30, 3),
        move(SHIPPED, 40, 4),
    ]
    first, second = shipping.shipments([line(quantity=200)], moves)
    assert told([first, second]) == [("shipped", 0, 0, 60), ("shipped", 40, 30, 40)]
    assert (first.picking_ms, first.packed_ms, second.packed_ms) == (None, None, None)
    assert second.picking_ms == T0 + 2 * MINUTE


def test_ship_5_more_shipped_than_packed_is_shown_so() -> None:
    moves = [move(PICKED, 90, 0), move(PACKED, 80, 1), move(SHIPPED, 120, 2)]
    assert told(shipping.shipments([line()], moves)) == [("shipped", 90, 80, 120)]


def test_ship_6_nothing_is_open_once_all_that_was_ordered_has_left() -> None:
    moves = [move(PICKED, 103, 0), move(PACKED, 100, 1), move(SHIPPED, 98, 2)]
    assert told(shipping.shipments([line()], moves)) == [
        ("shipped", 98, 98, 98),
        ("picking", 5, 2, 0),
    ]
    moves.append(move(SHIPPED, 2, 3))
    assert told(shipping.shipments([line()], moves)) == [("shipped", 103, 100, 100)]


def test_ship_7_quantities_fill_the_lines_of_an_item_by_due_date_and_are_exact() -> None:
    lines = [line(1, 10, due_ms=20), line(2, 10, due_ms=10), line(3, 5, item="B", unit="m")]
    moves = [
        move(PICKED, 0.1, 0, item="B"),
        move(PICKED, 0.2, 1, item="B", unit="m"),
        move(PICKED, 12, 2),
        move(SHIPPED, 25, 3),
    ]
    first, rest = shipping.shipments(lines, moves)
    assert [(part.line_id, int(part.picked), int(part.shipped)) for part in first.portions] == [
        (1, 2, 15),
        (2, 10, 10),
    ]
    assert [(part.line_id, part.picked) for part in rest.portions] == [(3, Decimal("0.3"))]


def test_ship_7_an_item_in_two_units_flows_in_each_by_itself() -> None:
    lines = [line(1, 10), line(2, 3, unit="box")]
    moves = [move(PICKED, 2, 0, unit="box"), move(PICKED, 4, 1)]
    (one,) = shipping.shipments(lines, moves)
    assert [(part.line_id, int(part.picked)) for part in one.portions] == [(1, 4), (2, 2)]


def test_zero_creates_nothing() -> None:
    assert shipping.shipments([line()], [move(PICKED, 0, 0), move(SHIPPED, 0, 1)]) == []


@pytest.mark.parametrize(
    ("item", "unit", "verdict"),
    [
        ("A", None, None),
        ("A", "pcs", None),
        ("A", "kg", Unmatched.UNIT),
        ("a", None, Unmatched.UNKNOWN_ITEM),
    ],
)
def test_ship_8_goods_must_be_of_the_order(
    item: str, unit: str | None, verdict: Unmatched | None
) -> None:
    assert goods.judge([line()], item=item, unit=unit) is verdict


@pytest.mark.parametrize(
    ("names", "quantity", "reason"),
    [
        ({"order": "SO-1", "unit": None}, "12.5", None),
        ({"order": "SO\x001"}, "1", "order holds the character NUL"),
        ({"item": "x" * 257}, "1", "item is 257 characters long"),
        ({}, "1e300", "quantity is 1e300"),
        ({}, "1e-300", "quantity is 1e-300"),
        ({}, "NaN", "must be finite"),
        ({}, "a lot", "must be a decimal"),
    ],
)
def test_ship_9_what_cannot_be_kept_is_told_with_its_reason(
    names: dict[str, str | None], quantity: str, reason: str | None
) -> None:
    answer = goods.unusable(names, quantity)
    assert answer == reason or (answer is not None and reason is not None and reason in answer)


moves_strategy = st.lists(
    st.builds(
        lambda event, tenths, minutes, item, seq: move(
            event, tenths / 10, minutes, item=item, seq=seq, boot="p"
        ),
        st.sampled_from(shipping.EVENTS),
        st.integers(0, 600),
        st.integers(0, 90),
        st.sampled_from(["A", "B", "C"]),
        st.integers(0, 10**6),
    ),
    max_size=25,
    unique_by=lambda each: each.seq,
)
LINES = [line(1, 50), line(2, 20, due_ms=5), line(3, 30, item="B"), line(4, 10, cancelled=True)]


@given(moves=moves_strategy, data=st.data())
def test_ship_2_any_order_of_arrival_and_any_repeats_come_to_the_same(
    moves: list[Move], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(moves), max_size=5)) if moves else []
    shuffled = data.draw(st.permutations(moves + again))
    lines = data.draw(st.permutations(LINES))
    assert shipping.shipments(lines, shuffled) == shipping.shipments(LINES, moves)


@given(moves=moves_strategy)
def test_ship_5_no_quantity_is_lost_or_doubled(moves: list[Move]) -> None:
    item_of = {each.id: each.item for each in LINES}
    sums: dict[tuple[str, MoveEvent], Decimal] = defaultdict(Decimal)
    shipments = shipping.shipments(LINES, moves)
    for shipment in shipments:
        for part in shipment.portions:
            sums[item_of[part.line_id], PICKED] += part.picked
            sums[item_of[part.line_id], PACKED] += part.packed
            sums[item_of[part.line_id], SHIPPED] += part.shipped
    for item in ("A", "B"):
        for event in shipping.EVENTS:
            moved = [each for each in moves if each.item == item and each.event is event]
            assert sums[item, event] == sum(each.quantity for each in moved)
    assert [each.number for each in shipments] == list(range(1, len(shipments) + 1))
    open_ones = [each for each in shipments if each.state is not ShipmentState.SHIPPED]
    assert open_ones in ([], shipments[-1:])
    left = [each.shipped_ms for each in shipments if each.shipped_ms is not None]
    assert left == sorted(left)
