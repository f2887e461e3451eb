"""Scenarios: what happens in the factory, as data. `simulator/scenarios/README.md` documents them.

All durations in a scenario are the factory's own minutes; the speed turns them into the clock's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from simulator import factory
from simulator.pace import FASTEST, SLOWEST

BUILT_IN: Final = ("calm", "breakdown", "rush", "monday")
_SUFFIX: Final = ".json"
_FOLDER: Final = Path(__file__).with_name("scenarios")

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,30}$")]
Minutes = Annotated[float, Meta(ge=0, le=60 * 24 * 366)]
Share = Annotated[float, Meta(ge=0, le=1)]
Pieces = Annotated[int, Meta(ge=1, le=1_000_000)]
Priority = Annotated[int, Meta(ge=0, le=100)]


class ScenarioError(Exception):
    """There is no such scenario, or the file is none; says where and why."""


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class FirstOrder(_Shape, frozen=True, kw_only=True):
    """An order that is there from the beginning."""

    customer: str
    item: str
    quantity: Pieces
    due_minutes: Minutes
    priority: Priority = 0


class OrderFlow(_Shape, frozen=True, kw_only=True):
    """How customers order.

    Attributes:
        backlog: so many drawn orders are there at the beginning, beside the named ones.
        every_minutes: a further order so often on average; 0: none.
        at_least: with fewer open orders than this at a site the next one comes at once.
        at_most: with so many open orders at a site its customers wait.
        pieces: quantity of a drawn order, from and to.
        due_factor: due after so many times the time its operations take, from and to.
        change_share, cancel_share: of the drawn orders, how many are changed or cancelled later.
    """

    backlog: Annotated[int, Meta(ge=0, le=1_000)] = 0
    every_minutes: Minutes = 0
    at_least: Annotated[int, Meta(ge=0, le=1_000)] = 0
    at_most: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    pieces: tuple[Pieces, Pieces] = (100, 400)
    due_factor: tuple[float, float] = (2.0, 5.0)
    change_share: Share = 0
    cancel_share: Share = 0


class Troubles(_Shape, frozen=True, kw_only=True):
    """What goes wrong at machines by itself.

    Attributes:
        micro_stops: how often machines stop for a moment; 1 is every 80 pieces or so.
        breakdown_hours: a machine breaks down after so many hours of running on average; 0: never.
        scrap: share of pieces that are spoiled with a new tool; wear doubles it.
        rework: how often what an operation spoiled is reworked.
    """

    micro_stops: Annotated[float, Meta(ge=0, le=10)] = 1.0
    breakdown_hours: Annotated[float, Meta(ge=0)] = 0
    scrap: Annotated[float, Meta(ge=0, le=0.5)] = 0.012
    rework: Share = 0


class Habits(_Shape, frozen=True, kw_only=True):
    """What people do.

    Attributes:
        change_seconds: between one operation and the next, from and to.
        late: how often somebody is late, for work or after a break.
        late_minutes: and then by how much, from and to.
        forget: how often somebody forgets to log on.
    """

    change_seconds: tuple[float, float] = (0.0, 0.0)
    late: Share = 0
    late_minutes: tuple[Minutes, Minutes] = (3, 12)
    forget: Share = 0


class Breakdown(_Shape, frozen=True, kw_only=True, tag_field="event", tag="breakdown"):
    """A machine (by the last part of its path) breaks down for so long."""

    at_minutes: Minutes
    machine: str
    minutes: Minutes
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class RushOrder(_Shape, frozen=True, kw_only=True, tag_field="event", tag="rush_order"):
    """A customer needs something before everything else."""

    at_minutes: Minutes
    customer: str
    item: str
    quantity: Pieces
    due_minutes: Minutes
    priority: Priority = 9


class OrderChanged(_Shape, frozen=True, kw_only=True, tag_field="event", tag="order_changed"):
    """A customer changes an order, named by its place (from 1) among the scenario's first ones.

    When that order is over already, another one that is open is changed.
    """

    at_minutes: Minutes
    order: Annotated[int, Meta(ge=1)]
    quantity_factor: Annotated[float, Meta(gt=0, le=10)] | None = None
    due_minutes: float | None = None
    """The date moves by so much; negative is sooner."""
    reason: Annotated[str, Meta(min_length=1, max_length=200)] = "the customer changed their mind"


class OrderCancelled(_Shape, frozen=True, kw_only=True, tag_field="event", tag="order_cancelled"):
    """A customer cancels an order; named as in OrderChanged."""

    at_minutes: Minutes
    order: Annotated[int, Meta(ge=1)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)] = "no longer needed"


class OperatorsLate(_Shape, frozen=True, kw_only=True, tag_field="event", tag="operators_late"):
    """Nobody comes to these machines for a while."""

    at_minutes: Minutes
    machines: Annotated[list[str], Meta(min_length=1)]
    minutes: Minutes


Event: TypeAlias = Breakdown | RushOrder | OrderChanged | OrderCancelled | OperatorsLate


class Scenario(_Shape, frozen=True, kw_only=True):
    """A scenario.

    Attributes:
        name: begins the ids of its orders.
        summary: what happens, in a sentence.
        seed: the same seed, the same factory.
        speed: how much faster than life, unless somebody says otherwise.
        tracked: the order whose customer gets a tracking link, by its place from 1.
        also_tracked: a second one, which a breakdown by hand delays; 0 for none.
        repair_minutes: how long the planner expects a breakdown to last.
        first: the orders of the beginning.
        timeline: what happens when, besides what is drawn.
    """

    name: Name
    summary: Annotated[str, Meta(min_length=1, max_length=500)]
    seed: Annotated[int, Meta(ge=1)] = 1
    speed: Annotated[float, Meta(ge=SLOWEST, le=FASTEST)] = 1.0
    tracked: Annotated[int, Meta(ge=1)] = 1
    also_tracked: Annotated[int, Meta(ge=0)] = 0
    repair_minutes: Annotated[float, Meta(gt=0, le=60 * 24 * 7)] = 30.0
    first: Annotated[list[FirstOrder], Meta(min_length=1)]
    orders: OrderFlow = OrderFlow()
    troubles: Troubles = Troubles()
    habits: Habits = Habits()
    timeline: list[Event] = []


def find_scenario(name: str) -> Scenario:
    """A scenario that comes along (`calm`), or one of your own by the path of its file.

    Raises:
        ScenarioError: there is no such scenario, or the file is none.
    """
    if name in BUILT_IN:
        return decode((_FOLDER / (name + _SUFFIX)).read_bytes(), where=name)
    path = Path(name)
    if path.suffix != _SUFFIX:
        known = ", ".join(BUILT_IN)
        raise ScenarioError(
            f"there is no scenario {name!r}; there are {known}, and files of your own (*.json)"
        )
    try:
        return decode(path.read_bytes(), where=str(path))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error


def decode(content: bytes, *, where: str) -> Scenario:
    """A scenario from its JSON.

    Raises:
        ScenarioError: it is none, or names what the factory does not have.
    """
    try:
        scenario = msgspec.json.decode(content, type=Scenario)
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{where}: {error}") from error
    problem = next(_problems(scenario), None)
    if problem is not None:
        raise ScenarioError(f"{where}: {problem}")
    return scenario


def _problems(scenario: Scenario) -> Iterator[str]:
    """What the shape alone cannot tell."""
    customers = {customer.code for customer in factory.CUSTOMERS}
    machines = {machine.path.rsplit("/", 1)[-1] for machine in factory.MACHINES}
    wanted: list[FirstOrder | RushOrder] = [*scenario.first]
    named = [scenario.tracked, *filter(None, [scenario.also_tracked])]
    for event in scenario.timeline:
        if isinstance(event, RushOrder):
            wanted.append(event)
        elif isinstance(event, OrderChanged | OrderCancelled):
            named.append(event.order)
        else:
            places = [event.machine] if isinstance(event, Breakdown) else event.machines
            yield from (f"no machine {place!r}" for place in places if place not in machines)
    for order in wanted:
        if order.customer not in customers:
            yield f"no customer {order.customer!r}"
        if factory.item_of(order.item) is None:
            yield f"no item {order.item!r}"
    yield from (f"no first order {place}" for place in named if place > len(scenario.first))
    for low, high in (scenario.orders.pieces, scenario.orders.due_factor):
        if low > high:
            yield f"{low} is more than {high}"
