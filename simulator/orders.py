"""What customers order: the same orders for the same scenario and seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from simulator import factory
from simulator.factory import Item, Order
from simulator.scenario import RushOrder, Scenario

_LEAST_DUE_MINUTES: Final = 10.0
_STEP_PIECES: Final = 10


def first_orders(scenario: Scenario, seed: int) -> list[Order]:
    """The orders of the beginning: the named ones, then the backlog."""
    named = [
        _order(
            scenario,
            number,
            customer=first.customer,
            item=first.item,
            quantity=first.quantity,
            due_minutes=first.due_minutes,
            priority=first.priority,
        )
        for number, first in enumerate(scenario.first, 1)
    ]
    count = len(named)
    drawn = range(count + 1, count + scenario.orders.backlog + 1)
    return named + [further_order(scenario, number, seed) for number in drawn]


def further_order(
    scenario: Scenario, number: int, seed: int, sites: Sequence[str] | None = None
) -> Order:
    """The order with this number, drawn; for something that is made at one of these sites."""
    chance = chance_of(scenario, seed, "order", number)
    flow = scenario.orders
    customer = chance.choice(factory.CUSTOMERS)
    item = chance.choice([one for one in factory.ITEMS if sites is None or one.site in sites])
    low, high = flow.pieces
    quantity = low + _STEP_PIECES * chance.randint(0, (high - low) // _STEP_PIECES)
    work = work_minutes(item, quantity)
    return _order(
        scenario,
        number,
        customer=customer.code,
        item=item.code,
        quantity=quantity,
        due_minutes=max(_LEAST_DUE_MINUTES, work * chance.uniform(*flow.due_factor)),
    )


def rush_order(scenario: Scenario, number: int, wanted: RushOrder) -> Order:
    """A rush order as the next one of the scenario."""
    return _order(
        scenario,
        number,
        customer=wanted.customer,
        item=wanted.item,
        quantity=wanted.quantity,
        due_minutes=wanted.due_minutes,
        priority=wanted.priority,
    )


def work_minutes(item: Item, quantity: int) -> float:
    """How long an order takes when nothing is in its way and machines are set up for it."""
    return sum(step.ways[0].cycle_ms for step in item.steps) * quantity / 60_000


def chance_of(scenario: Scenario, seed: int, *what: object) -> random.Random:
    """Chance that falls the same for the same scenario, seed and thing."""
    name = "/".join(map(str, (seed, scenario.name, *what)))
    return random.Random(name)  # noqa: S311 - reproducible, no secret


def external_id(scenario: Scenario, number: int) -> str:
    """The id of a scenario's order at the customers' system."""
    return f"{scenario.name}-{number}"


def number_of(scenario: Scenario, external: str) -> int:
    """The number in an order's external id; 0 for an id of somebody else's making."""
    prefix, _, digits = external.rpartition("-")
    ours = prefix == scenario.name and digits.isascii() and digits.isdigit()
    return int(digits) if ours else 0


def _order(
    scenario: Scenario,
    number: int,
    *,
    customer: str,
    item: str,
    quantity: int,
    due_minutes: float,
    priority: int = 0,
) -> Order:
    made = factory.item_of(item)
    if made is None:
        raise ValueError(f"item {item!r} is none of the factory's")
    return Order(
        external_id=external_id(scenario, number),
        site=made.site,
        customer=customer,
        customer_reference=f"{customer[:2]}-{scenario.name[:2].upper()}{10_000 + number}",
        item=item,
        quantity=quantity,
        due_minutes=due_minutes,
        priority=priority,
    )
