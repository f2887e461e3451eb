"""The warehouse: what is produced is received, picked, packed and shipped. Pure, seeded."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import MoveEvent
from contracts.topics import Kind
from simulator import factory
from simulator.pace import Pace
from simulator.plant import Said
from simulator.states import Emitted

_STEPS: Final = (
    (MoveEvent.RECEIVED, 2.0, 6.0),
    (MoveEvent.PICKED, 5.0, 20.0),
    (MoveEvent.PACKED, 4.0, 10.0),
    (MoveEvent.SHIPPED, 5.0, 25.0),
)
"""In this order, each so many of the factory's minutes after the one before, from and to."""

STEPS: Final = len(_STEPS)
_RACKS: Final = 40


class ProducedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a produced order, as `GET /v1/orders` shows it."""

    item: str
    quantity: float
    unit: str
    state: str = "produced"
    work_orders: list[str] = []


class ProducedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A produced order, as `GET /v1/orders` shows it."""

    number: str
    lines: list[ProducedLine]


class Delivery(NamedTuple):
    """How far an order is in the warehouse.

    Attributes:
        noticed_ms: when the warehouse heard that it is produced; everything else follows from it.
        steps: how many of received, picked, packed and shipped are done.
    """

    noticed_ms: EpochMs
    steps: int = 0


class Moved(NamedTuple):
    """A step of an order that is due: what its devices say, and how far the order is then."""

    order: str
    delivery: Delivery
    said: list[Said]


class Warehouse:
    """The goods of one site on their way out."""

    def __init__(
        self,
        site: str,
        *,
        seed: int,
        pace: Pace = Pace(),  # noqa: B008 - immutable
        deliveries: dict[str, Delivery] | None = None,
    ) -> None:
        """Set it up.

        Args:
            site: its code.
            seed: of the whole factory.
            pace: how much faster than life it works.
            deliveries: how far orders were when an earlier simulator ended.
        """
        self._site = site
        self._seed = seed
        self._pace = pace
        self._deliveries = dict(deliveries or {})
        self._orders: dict[str, ProducedOrder] = {}

    def notice(
        self, orders: Iterable[ProducedOrder], now_ms: EpochMs
    ) -> list[tuple[str, Delivery]]:
        """Hear of produced orders; answers those that are new."""
        new: list[tuple[str, Delivery]] = []
        for order in orders:
            delivery = self._deliveries.get(order.number)
            if delivery is None:
                delivery = self._deliveries[order.number] = Delivery(now_ms)
                new.append((order.number, delivery))
            if delivery.steps < STEPS:
                self._orders[order.number] = order
        return new

    def work(self, now_ms: EpochMs) -> list[Moved]:
        """What has been moved by now, and was not told before; in order of time."""
        moved: list[tuple[EpochMs, Moved]] = []
        for number, order in list(self._orders.items()):
            delivery = self._deliveries[number]
            times = self._timetable(number, delivery)
            while delivery.steps < STEPS and times[delivery.steps] <= now_ms:
                at_ms = times[delivery.steps]
                said = self._said(order, delivery.steps, at_ms)
                delivery = delivery._replace(steps=delivery.steps + 1)
                moved.append((at_ms, Moved(number, delivery, said)))
            self._deliveries[number] = delivery
            if delivery.steps == STEPS:
                del self._orders[number]
        return [one for _, one in sorted(moved, key=lambda timed: timed[0])]

    def _timetable(self, number: str, delivery: Delivery) -> list[EpochMs]:
        chance = self._chance("warehouse", number)
        at_ms: float = delivery.noticed_ms
        times = []
        for _, least, most in _STEPS:
            at_ms += self._pace.minutes(chance.uniform(least, most))
            times.append(EpochMs(int(at_ms)))
        return times

    def _said(self, order: ProducedOrder, step: int, at_ms: EpochMs) -> list[Said]:
        event = _STEPS[step][0]
        at_store = event in (MoveEvent.RECEIVED, MoveEvent.PICKED)
        device: MachinePath = (
            factory.store_device(self._site) if at_store else factory.shipping_device(self._site)
        )
        rack = f"rack-{self._chance('rack', order.number).randint(1, _RACKS):02}"
        places = {
            MoveEvent.RECEIVED: {"from": "floor", "to": rack},
            MoveEvent.PICKED: {"from": rack, "to": "packing"},
            MoveEvent.PACKED: {"from": "packing", "to": "dock-1"},
            MoveEvent.SHIPPED: {"from": "dock-1"},
        }[event]
        said = []
        for line in order.lines:
            if line.state == "cancelled":
                continue
            fields: dict[str, Any] = {
                "event": event.value,
                "item": line.item,
                "quantity": int(line.quantity) if line.quantity.is_integer() else line.quantity,
                "unit": line.unit,
                "order": order.number,
                **places,
            }
            if len(line.work_orders) == 1:
                fields["work_order"] = line.work_orders[0]
            said.append(Said(device, Emitted(Kind.MOVE, at_ms, fields)))
        return said

    def _chance(self, *what: object) -> random.Random:
        name = "/".join(map(str, (self._seed, self._site, *what)))
        return random.Random(name)  # noqa: S311 - reproducible, no secret
