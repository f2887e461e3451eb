"""An installation made of dictionaries, in time that nobody waits for: what a factory is held by.

It does with what machines say what the product does, as simply as can be: operations run, pieces
add up, what is completed is completed, an order whose last operation is done is produced. It has no
planner: operations stand on the machine their routing prefers, unless a test says otherwise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from msgspec import structs

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import OperationState
from simulator import factory, orders
from simulator.calendars import calendar_body
from simulator.customers import Cancel, Change, Customers, OpenOrder, Place, Wish
from simulator.factory import Order
from simulator.master_data import item_body
from simulator.pace import Pace
from simulator.people import People
from simulator.plant import Plant, Said
from simulator.scenario import Breakdown, OperatorsLate, OrderFlow, Scenario
from simulator.warehouse import ProducedLine, ProducedOrder, Warehouse
from simulator.work import NO_PLAN, Machine, OnMachine, Operation, Plan, WorkOrder
from simulator.working_time import Calendar

BEGIN = EpochMs(1_800_000_000_000)
_OVER = (OperationState.COMPLETED, OperationState.ABORTED)
_EVENTS = {
    "started": OperationState.RUNNING,
    "paused": OperationState.PAUSED,
    "resumed": OperationState.RUNNING,
    "completed": OperationState.COMPLETED,
    "aborted": OperationState.ABORTED,
}


@dataclass
class FakeOperation:
    number: int
    machine: MachinePath
    cycle_ms: int
    setup_ms: int
    state: OperationState = OperationState.RELEASED
    good: int = 0
    scrap: int = 0
    runs: int = 0


@dataclass
class FakeOrder:
    order: Order
    quantity: int
    due_ms: int
    family: str
    operations: list[FakeOperation]
    received_ms: int
    version: int = 1
    cancelled: bool = False

    @property
    def number(self) -> str:
        return f"WO-{self.order.external_id}"

    @property
    def produced(self) -> bool:
        return all(one.state in _OVER for one in self.operations)

    @property
    def state(self) -> str:
        begun = any(one.runs for one in self.operations)
        return "in_production" if begun else "released"


def moment(t_ms: float) -> datetime:
    return datetime.fromtimestamp(t_ms / 1_000, UTC)


@dataclass
class FakeInstallation:
    """Both sites with their plants, run by `run_for`."""

    scenario: Scenario
    speed: float
    seed: int = 1
    now_ms: EpochMs = BEGIN
    plan: Plan = NO_PLAN
    breaks: bool = True
    orders: dict[str, FakeOrder] = field(default_factory=dict)
    on_machine: dict[MachinePath, tuple[str, int]] = field(default_factory=dict)
    seen_ms: dict[MachinePath, int] = field(default_factory=dict)
    states: dict[MachinePath, tuple[str, str | None]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    unassigned: Counter[MachinePath] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.pace = Pace(self.speed)
        self.began_ms = self.now_ms
        self.customers = Customers(self.scenario, seed=self.seed, pace=self.pace)
        self.plants: dict[str, Plant] = {}
        self.warehouses: dict[str, Warehouse] = {}
        for site in factory.SITES:
            people = People(site.code, seed=self.seed, pace=self.pace, habits=self.scenario.habits)
            self.plants[site.code] = Plant(
                people, seed=self.seed, pace=self.pace, troubles=self.scenario.troubles
            )
            self.warehouses[site.code] = Warehouse(site.code, seed=self.seed, pace=self.pace)
        for event in self.scenario.timeline:
            if isinstance(event, OperatorsLate):
                start_ms = self.began_ms + self.pace.minutes(event.at_minutes)
                for machine in factory.MACHINES:
                    if machine.path.rsplit("/", 1)[-1] in event.machines:
                        self.plants[machine.site].people.stay_away(
                            [machine.path], start_ms, start_ms + self.pace.minutes(event.minutes)
                        )
        for order in orders.first_orders(self.scenario, self.seed):
            self.place(order)
        self._read_calendars()

    def place(self, order: Order) -> None:
        item = factory.item_of(order.item)
        assert item is not None
        (routing,) = item_body(item, self.pace)["routings"]
        operations = [
            FakeOperation(
                step["number"], MachinePath(step["machine"]), step["cycle_ms"], step["setup_ms"]
            )
            for step in routing["steps"]
        ]
        due_ms = self.now_ms + self.pace.minutes(order.due_minutes)
        self.orders[order.external_id] = FakeOrder(
            order, order.quantity, due_ms, item.family, operations, self.now_ms
        )

    def run_for(self, factory_minutes: float) -> None:
        """Let time pass."""
        tick_ms, round_ms = (1_000, 3_000) if self.speed == 1 else (250, 1_000)
        end_ms = self.now_ms + self.pace.minutes(factory_minutes)
        while self.now_ms < end_ms:
            for plant in self.plants.values():
                self.hear(plant.advance(self.now_ms))
            if (self.now_ms - self.began_ms) % round_ms < tick_ms:
                self._round()
            self.now_ms = EpochMs(self.now_ms + tick_ms)

    def hear(self, said: list[Said]) -> None:
        self.said += said
        for path, one in said:
            self.seen_ms[path] = one.t_ms
            if one.kind == "job":
                self._job(path, one.fields["event"], one.fields)
            elif one.kind == "count":
                self._count(path, one.fields)
            elif one.kind == "state":
                self.states[path] = one.fields["state"], one.fields.get("reason")

    def operation(self, key: tuple[str, int]) -> FakeOperation:
        order = self.orders[key[0].removeprefix("WO-")]
        return next(one for one in order.operations if one.number == key[1])

    def _job(self, path: MachinePath, event: str, fields: dict[str, object]) -> None:
        key = str(fields["work_order"]), int(str(fields["operation"]))
        operation = self.operation(key)
        operation.state = _EVENTS[event]
        if event == "started":
            assert path not in self.on_machine, f"{path} is not free"
            operation.runs += 1
            operation.machine = path
            self.on_machine[path] = key
        elif operation.state in _OVER:
            assert self.on_machine.pop(path) == key

    def _count(self, path: MachinePath, fields: dict[str, int]) -> None:
        key = self.on_machine.get(path)
        if key is None:
            self.unassigned[path] += 1
            return
        self.operation(key).good += fields.get("good", 0)
        self.operation(key).scrap += fields.get("scrap", 0)

    def _round(self) -> None:
        self._read_calendars()
        for site, plant in self.plants.items():
            shown = self.shown(site)
            said = plant.refresh(
                shown, self.work_orders(site), self.now_ms, stored=True, plan=self.plan
            )
            self.hear(said)
            warehouse = self.warehouses[site]
            warehouse.notice(self._produced(site), self.now_ms)
            for moved in warehouse.work(self.now_ms):
                self.said += moved.said
        self._timeline()
        self._wish()

    def _read_calendars(self) -> None:
        for site in factory.SITES:
            if self.breaks and self.speed != 1:
                body = calendar_body(site, self.pace, self.now_ms, Calendar())
                self.plants[site.code].people.go_by(as_calendar(site, body))

    def _timeline(self) -> None:
        for number, event in enumerate(self.scenario.timeline):
            key = f"timeline/{number}"
            at_ms = self.began_ms + self.pace.minutes(event.at_minutes)
            if key in self.happened or at_ms > self.now_ms:
                continue
            self.happened[key] = self.now_ms
            if isinstance(event, Breakdown):
                until_ms = EpochMs(at_ms + self.pace.minutes(event.minutes))
                for machine in factory.MACHINES:
                    if machine.path.endswith("/" + event.machine):
                        plant = self.plants[machine.site]
                        said = plant.break_down(machine.path, until_ms, event.reason, self.now_ms)
                        self.hear(said)
            else:
                wish = self.customers.timeline(event, key, self.open_orders(), self.newest())
                if wish is not None:
                    self.fulfil(wish)

    def _wish(self) -> None:
        further = self.customers.next_order(self.open_orders(), self.newest(), self.now_ms)
        wishes = self.customers.changed_minds(self.open_orders(), self.happened, self.now_ms)
        for wish in (*wishes, *([further] if further else [])):
            self.happened[wish.key] = self.now_ms
            self.fulfil(wish)

    def fulfil(self, wish: Wish) -> None:
        if isinstance(wish, Place):
            self.place(wish.order)
        elif isinstance(wish, Change):
            order = self.orders[wish.order.external_id or ""]
            order.quantity = wish.quantity or order.quantity
            order.due_ms += wish.due_by_ms or 0
            order.version += 1
        elif isinstance(wish, Cancel):
            order = self.orders[wish.order.external_id or ""]
            order.cancelled = True
            running = [key for key in self.on_machine.values() if key[0] == order.number]
            self.hear(self.plants[order.order.site].give_up(running, self.now_ms))

    def order_no_more(self) -> None:
        """Customers have all they want."""
        quiet = structs.replace(self.scenario, orders=OrderFlow())
        self.customers = Customers(quiet, seed=self.seed, pace=self.pace)

    def newest(self) -> int:
        return max(orders.number_of(self.scenario, one) for one in self.orders)

    def open_orders(self) -> list[OpenOrder]:
        return [
            OpenOrder(
                number=one.number,
                site=one.order.site,
                external_source=factory.SOURCE,
                external_id=one.order.external_id,
                version=one.version,
                state=one.state,
                quantity_ordered=one.quantity,
                received=moment(one.received_ms),
                due=moment(one.due_ms).isoformat(),
            )
            for one in self.orders.values()
            if not one.produced and not one.cancelled
        ]

    def shown(self, site: str) -> list[Machine]:
        return [
            Machine(
                machine=machine.path,
                configured=True,
                last_seen=moment(self.seen_ms[machine.path])
                if machine.path in self.seen_ms
                else None,
                operation=self._shown_operation(machine.path),
            )
            for machine in factory.machines_of(site)
        ]

    def _shown_operation(self, path: MachinePath) -> OnMachine | None:
        key = self.on_machine.get(path)
        if key is None:
            return None
        return OnMachine(work_order=key[0], operation=key[1], state=self.operation(key).state)

    def work_orders(self, site: str) -> list[WorkOrder]:
        return [
            WorkOrder(
                number=one.number,
                due_at=moment(one.due_ms).isoformat(),
                item=one.order.item,
                setup_family=one.family,
                operations=[
                    Operation(
                        work_order=one.number,
                        operation=operation.number,
                        machine=operation.machine,
                        state=operation.state,
                        good_pieces=operation.good,
                        scrap_pieces=operation.scrap,
                        quantity=one.quantity,
                        released=not one.cancelled,
                        cycle_ms=operation.cycle_ms,
                        setup_ms=operation.setup_ms,
                    )
                    for operation in one.operations
                ],
            )
            for one in self.orders.values()
            if one.order.site == site and not one.produced
        ]

    def _produced(self, site: str) -> list[ProducedOrder]:
        return [
            ProducedOrder(
                number=one.number,
                lines=[
                    ProducedLine(
                        item=one.order.item,
                        quantity=float(one.quantity),
                        unit=factory.UNIT,
                        work_orders=[one.number],
                    )
                ],
            )
            for one in self.orders.values()
            if one.order.site == site and one.produced and not one.cancelled
        ]


def as_calendar(site: factory.Site, body: dict[str, object]) -> Calendar:
    """What `GET` would answer after this was `PUT`."""
    return msgspec.convert({"time_zone": site.time_zone, **body}, Calendar)
