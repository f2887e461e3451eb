"""The factory's master data as the API takes it, at a pace. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from simulator import factory
from simulator.calendars import promise_ms
from simulator.factory import Item, Machine, Order
from simulator.pace import Pace
from simulator.scenario import Scenario

_MINUTE_MS: Final = 60_000
_FROZEN_MINUTES: Final = 10
_DOWN_MINUTES: Final = 2
_TOLERANCE_MINUTES: Final = 10
_MOVE_MINUTES: Final = 15
_TARDINESS: Final = 20
_MOVE: Final = 1
_SETUP: Final = 1
_HEAVIEST: Final = 1_000_000
_LEAST_REPAIR_MS: Final = 1_000


def item_body(item: Item, pace: Pace) -> dict[str, Any]:
    """An item, for `PUT /v1/items/{code}`."""
    steps = []
    for step in item.steps:
        ways = [
            {
                "machine": way.machine,
                "cycle_ms": pace.ms(way.cycle_ms),
                "setup_ms": pace.ms(factory.FIRST_SETUP_MS),
            }
            for way in step.ways
        ]
        steps.append(
            {"number": step.number, "name": step.name, **ways[0], "alternatives": ways[1:]}
        )
    return {
        "name": item.name,
        "unit": factory.UNIT,
        "setup_family": item.family,
        "routings": [{"site": item.site, "steps": steps}],
    }


def setups_body(machine: Machine, pace: Pace) -> dict[str, Any]:
    """A machine's setup matrix, for `PUT /v1/machines/{path}/setups`."""
    return {
        "setups": [
            {"from_family": before, "to_family": after, "setup_ms": pace.ms(setup_ms)}
            for (before, after), setup_ms in sorted(factory.setups(machine.path).items())
        ]
    }


def policy_body(scenario: Scenario, pace: Pace) -> dict[str, Any]:
    """The planner's policy at this pace, for `PUT /v1/planning/{scope}/policy`.

    The plan's cost counts minutes of the clock. Where the factory is faster they weigh more, so
    that moving work to another machine costs as many of the factory's minutes as at life's speed.
    """

    def weight(of_a_minute: int) -> int:
        return min(_HEAVIEST, round(of_a_minute * pace.speed))

    return {
        "frozen_ms": pace.minutes(_FROZEN_MINUTES),
        "down_threshold_ms": pace.minutes(_DOWN_MINUTES),
        "repair_ms": max(_LEAST_REPAIR_MS, pace.minutes(scenario.repair_minutes)),
        "tolerance_ms": pace.minutes(_TOLERANCE_MINUTES),
        "move_tolerance_ms": pace.minutes(_MOVE_MINUTES),
        "tardiness": weight(_TARDINESS),
        "move": weight(_MOVE),
        "setup": weight(_SETUP),
    }


def order_body(order: Order, pace: Pace, now: datetime) -> dict[str, Any]:
    """An order, released at once, for `POST /v1/orders`."""
    site = factory.site_of(order.site)
    if site is None:
        raise ValueError(f"site {order.site!r} is none of the factory's")
    now_ms = round(now.timestamp() * 1_000)
    due_ms = promise_ms(site, pace, now_ms, order.due_minutes)
    return {
        "site": order.site,
        "customer": order.customer,
        "customer_reference": order.customer_reference,
        "external_source": factory.SOURCE,
        "external_id": order.external_id,
        "priority": order.priority,
        "release": True,
        "lines": [
            {
                "item": order.item,
                "quantity": order.quantity,
                "unit": factory.UNIT,
                "due_at": _rfc3339(due_ms),
            }
        ],
    }


def rework_body(
    site: str, machine: str, source: str, *, cycle_ms: int, pieces: int, due: datetime
) -> dict[str, Any]:
    """A work order for mending spoiled pieces, for `POST /v1/work-orders`.

    What comes of it goes to stock: the order they were spoiled for has got others instead.

    Args:
        site: its code.
        machine: where they were spoiled, and are mended.
        source: the work order and operation they come from.
        cycle_ms: the clock's time for one piece.
        pieces: how many.
        due: some time.
    """
    number = f"RW-{source}"
    operation = {"number": 10, "name": "Rework", "machine": machine, "cycle_ms": cycle_ms}
    return {
        "site": site,
        "number": number,
        "external_source": factory.SOURCE,
        "external_id": number,
        "quantity_ordered": pieces,
        "due_at": due.astimezone(UTC).isoformat(timespec="milliseconds"),
        "operations": [operation],
    }


def _rfc3339(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1_000, UTC).isoformat(timespec="milliseconds")
