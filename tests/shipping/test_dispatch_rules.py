"""What may be done to a shipment, by rule; and that stock falls by the greater of two sums."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from domain.dispatch import (
    CarrierStatus,
    Done,
    LineDelivery,
    Part,
    Refused,
    Step,
    advance,
    heard,
    line_delivery,
    order_delivery,
    still_to_issue,
)
from domain.shipping import ShipmentState


@pytest.mark.parametrize("seed", range(20))
def test_stock_falls_by_the_greater_of_both_whatever_the_turns(seed: int) -> None:
    rng = random.Random(seed)
    told = {True: Decimal(0), False: Decimal(0)}
    issued = Decimal(0)
    for _ in range(30):
        by_hand = rng.random() < 0.5
        more = Decimal(rng.randrange(0, 500)) / 10
        issued += still_to_issue(told[by_hand], told[not by_hand], more)
        told[by_hand] += more
        assert issued == max(told.values())


@pytest.mark.parametrize("seed", range(20))
def test_quantities_never_exceed_the_plan_and_go_through_the_steps(seed: int) -> None:
    rng = random.Random(seed)
    parts: tuple[Part, ...] = (
        Part(line=1, planned=Decimal(10)),
        Part(line=2, planned=Decimal("2.5")),
    )
    state = ShipmentState.PICKING
    for _ in range(40):
        step = rng.choice(list(Step))
        told = {line: Decimal(rng.randrange(1, 12)) for line in (1, 2) if rng.random() < 0.3}
        done = advance(state, step, parts, told)
        if isinstance(done, Refused):
            assert done.reason
            continue
        assert isinstance(done, Done)
        assert list(ShipmentState).index(done.state) >= list(ShipmentState).index(state)
        if state in (ShipmentState.SHIPPED, ShipmentState.DELIVERED):
            assert done.parts == parts
        state, parts = done.state, done.parts
        for part in parts:
            assert part.shipped <= max(part.packed, part.shipped) <= part.planned
            assert part.shipped <= part.packed or part.shipped == 0
            assert part.packed <= part.picked or part.packed == 0


def test_only_what_has_left_is_delivered_by_a_carriers_word() -> None:
    assert heard(ShipmentState.SHIPPED, CarrierStatus.DELIVERED) is ShipmentState.DELIVERED
    assert heard(ShipmentState.PACKED, CarrierStatus.DELIVERED) is ShipmentState.PACKED
    assert heard(ShipmentState.SHIPPED, CarrierStatus.FAILED) is ShipmentState.SHIPPED


@pytest.mark.parametrize(
    ("shipped", "delivered", "returned", "state"),
    [
        (0, 0, 0, LineDelivery.OPEN),
        (4, 0, 0, LineDelivery.PARTLY_SHIPPED),
        (10, 0, 0, LineDelivery.SHIPPED),
        (10, 4, 0, LineDelivery.PARTLY_DELIVERED),
        (10, 10, 0, LineDelivery.DELIVERED),
        (10, 7, 3, LineDelivery.PARTLY_DELIVERED),
        (10, 0, 10, LineDelivery.RETURNED),
    ],
)
def test_a_lines_state(shipped: int, delivered: int, returned: int, state: LineDelivery) -> None:
    told = {"shipped": shipped, "delivered": delivered, "returned": returned}
    numbers = {name: Decimal(value) for name, value in told.items()}
    assert line_delivery(Decimal(10), **numbers) is state


def test_an_orders_state_is_what_its_lines_share() -> None:
    delivered, shipped, open_ = (
        LineDelivery.DELIVERED,
        LineDelivery.SHIPPED,
        LineDelivery.OPEN,
    )
    assert order_delivery([delivered, delivered]) is delivered
    assert order_delivery([delivered, shipped]) is LineDelivery.PARTLY_DELIVERED
    assert order_delivery([shipped, open_]) is LineDelivery.PARTLY_SHIPPED
    assert order_delivery([]) is open_
