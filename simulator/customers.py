"""Customers: they order, change their minds, cancel, and push. Pure, seeded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

import msgspec

from simulator import factory
from simulator.factory import Order
from simulator.orders import chance_of, further_order, number_of, rush_order
from simulator.pace import Pace
from simulator.scenario import (
    Event,
    OrderCancelled,
    OrderChanged,
    RushOrder,
    Scenario,
)

_SOONEST_MS: Final = 3_000
"""However fast the factory is, a further order is drawn only so often."""
_LEAST_OPEN_MS: Final = 1_500
_THINKING_MINUTES: Final = (2.0, 15.0)
_CHANGES: Final = (0.7, 0.8, 1.2, 1.3)
_CHANGE_REASON: Final = "the customer changed the quantity"
_CANCEL_REASON: Final = "the customer does not need it any more"


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is not produced yet, as `GET /v1/orders` shows it."""

    number: str
    site: str
    external_source: str | None
    external_id: str | None
    version: int
    state: str
    quantity_ordered: float
    received: datetime
    due: str | None


class Place(NamedTuple):
    """Place an order."""

    key: str
    order: Order


class Change(NamedTuple):
    """Change an open order: another quantity, or its date moved by so much (clock's ms)."""

    key: str
    order: OpenOrder
    quantity: int | None
    due_by_ms: int | None
    reason: str


class Cancel(NamedTuple):
    """Cancel an open order."""

    key: str
    order: OpenOrder
    reason: str


Wish: TypeAlias = Place | Change | Cancel


class Customers:
    """What customers want next. Every wish has a key: one that has been met is not repeated."""

    def __init__(self, scenario: Scenario, *, seed: int, pace: Pace) -> None:
        self._scenario = scenario
        self._seed = seed
        self._pace = pace
        self._next_ms: int | None = None
        self._placed_ms = 0

    def timeline(
        self, event: Event, key: str, open_orders: Sequence[OpenOrder], newest: int
    ) -> Wish | None:
        """What an event of the scenario means for orders; None where it can mean nothing.

        Args:
            event: what happens.
            key: names it.
            open_orders: the scenario's orders that are not produced.
            newest: the highest number of an order of the scenario's.
        """
        if isinstance(event, RushOrder):
            return Place(key, rush_order(self._scenario, newest + 1, event))
        if not isinstance(event, OrderChanged | OrderCancelled):
            return None
        order = self._meant(event.order, open_orders)
        if order is None:
            return None
        if isinstance(event, OrderCancelled):
            return Cancel(key, order, event.reason)
        quantity = None
        if event.quantity_factor is not None:
            quantity = max(1, round(order.quantity_ordered * event.quantity_factor))
        due_by_ms = None
        if event.due_minutes is not None:
            sign = 1 if event.due_minutes > 0 else -1
            due_by_ms = sign * self._pace.minutes(abs(event.due_minutes))
        return Change(key, order, quantity, due_by_ms, event.reason)

    def next_order(
        self, open_orders: Sequence[OpenOrder], newest: int, now_ms: int
    ) -> Place | None:
        """A further order, when it is time for one."""
        flow = self._scenario.orders
        if self._next_ms is None:
            self._next_ms = now_ms + self._interval_ms(newest)
        counts = {site.code: 0 for site in factory.SITES}
        for one in open_orders:
            counts[one.site] = counts.get(one.site, 0) + 1
        sites = [site for site, count in counts.items() if count < flow.at_least]
        if sites:
            is_time = now_ms - self._placed_ms >= _LEAST_OPEN_MS
        else:
            sites = [site for site, count in counts.items() if count < flow.at_most]
            is_time = flow.every_minutes > 0 and now_ms >= self._next_ms
        if not sites or not is_time:
            return None
        self._placed_ms = now_ms
        self._next_ms = now_ms + self._interval_ms(newest + 1)
        order = further_order(self._scenario, newest + 1, self._seed, sites)
        return Place(f"order/{order.external_id}", order)

    def changed_minds(
        self, open_orders: Sequence[OpenOrder], happened: Mapping[str, int], now_ms: int
    ) -> list[Wish]:
        """Drawn orders that somebody has thought about again, some time after they came in."""
        flow = self._scenario.orders
        named = len(self._scenario.first)
        wishes: list[Wish] = []
        for order in open_orders:
            number = number_of(self._scenario, order.external_id or "")
            key = f"mind/{order.external_id}"
            if number <= named or key in happened or order.state == "in_production":
                continue
            chance = chance_of(self._scenario, self._seed, "mind", number)
            drawn = chance.random()
            age_ms = now_ms - order.received.timestamp() * 1_000
            if age_ms < self._pace.minutes(chance.uniform(*_THINKING_MINUTES)):
                continue
            if drawn < flow.cancel_share:
                wishes.append(Cancel(key, order, _CANCEL_REASON))
            elif drawn < flow.cancel_share + flow.change_share:
                quantity = max(1, round(order.quantity_ordered * chance.choice(_CHANGES)))
                wishes.append(Change(key, order, quantity, None, _CHANGE_REASON))
        return wishes

    def _meant(self, place: int, open_orders: Sequence[OpenOrder]) -> OpenOrder | None:
        """The order an event names; when that is over, the newest one that is open."""
        numbers = {number_of(self._scenario, one.external_id or ""): one for one in open_orders}
        if not numbers:
            return None
        return numbers.get(place) or numbers[max(numbers)]

    def _interval_ms(self, number: int) -> int:
        mean_ms = self._pace.minutes(self._scenario.orders.every_minutes)
        chance = chance_of(self._scenario, self._seed, "interval", number)
        return max(_SOONEST_MS, int(mean_ms * chance.uniform(0.5, 1.5)))
