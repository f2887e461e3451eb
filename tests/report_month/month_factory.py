"""A month of a factory, drawn with a fixed seed: what customers ordered, machines told, and left.

Nothing of the product is used here: a shop of 12 machines in three lines and two stages works its
orders off first in, first out, in two shifts, with stops of every kind. What comes out is what
people and machines would have told, and it is all that the independent computation goes by.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

SITE: Final = "month"
ZONE: Final = ZoneInfo("Europe/Warsaw")
FIRST: Final = date(2026, 10, 1)
LAST: Final = date(2026, 10, 31)
"""Clocks go back on the 25th."""
LINES: Final = ("hall/line-1", "hall/line-2", "annex/line-3")
STAGES: Final = ("cut", "mill")
MACHINES: Final = tuple(
    f"{SITE}/{line}/{stage}-{number}" for line in LINES for stage in STAGES for number in (1, 2)
)
ITEMS: Final = tuple(f"month-part-{number}" for number in range(1, 9))
CUSTOMERS: Final = tuple(f"month-customer-{number}" for number in range(1, 21))
SHIFTS: Final = (("Early", 6, 14, 6), ("Late", 14, 22, 5))
"""Name, from, to (the plant's hours), and on how many days of the week from Monday on."""
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
STOPS: Final = ("tool", "electrics", "jam", None)


@dataclass
class Line:
    """An order line, and what became of it."""

    number: int
    item: str
    quantity: int
    first_due_ms: int
    due_ms: int
    work_order: str
    cancelled: bool = False
    shipped: list[tuple[int, int, int]] = field(default_factory=list)
    """When, how many, how many of them came back."""
    started_ms: int | None = None
    produced_ms: int | None = None


@dataclass
class Change:
    """A change of a line: its date, its quantity, or that it was cancelled."""

    at_ms: int
    line: int
    before: dict[str, Any]
    after: dict[str, Any]
    by_customer: bool
    action: str = "OrderChanged"


@dataclass
class Order:
    """An order with its lines and its life."""

    number: str
    customer: str
    received_ms: int
    confirmed_ms: int
    released_ms: int
    lines: list[Line]
    changes: list[Change] = field(default_factory=list)


@dataclass
class Operation:
    """A step of a work order on its machine."""

    work_order: str
    number: int
    machine: str
    cycle_ms: int
    setup_ms: int
    quantity: int


@dataclass
class Planned:
    """What a plan foresaw of an order: its end, and what it is late by, by cause in minutes."""

    order: str
    end_ms: int
    shares: list[tuple[str, int]]


@dataclass
class Plan:
    """A plan that was in force from a moment on, until the next one was."""

    published_ms: int
    orders: list[Planned]


@dataclass
class Month:
    """Everything that happened."""

    orders: list[Order]
    operations: list[Operation]
    plans: list[Plan]
    told: dict[str, list[tuple[str, dict[str, Any]]]]
    """Per machine: kind and object, in the order of its clock."""


def shifts() -> list[tuple[str, date, int, int]]:
    """Name, day, from and until (epoch ms) of every shift of the month, in order."""
    found = []
    for offset in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=offset)
        for name, begins, ends, days in SHIFTS:
            if day.weekday() < days:
                found.append((name, day, _at(day, begins), _at(day, ends)))
    return found


def _at(day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), ZONE).astimezone(UTC).timestamp() * 1_000)


class _Machine:
    """One machine's clock and voice."""

    def __init__(self, path: str, chance: random.Random, working: list[tuple[int, int]]) -> None:
        self.path = path
        self.free_ms = working[0][0]
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._chance = chance
        self._working = working
        self._begins = [begins for begins, _ in working]
        self._say("state", self.free_ms - HOUR, state="idle")

    def _say(self, kind: str, at_ms: int, **fields: Any) -> None:
        self.told.append((kind, {"t": at_ms, "boot": "b1", "seq": len(self.told), **fields}))

    def open_from(self, at_ms: int) -> tuple[int, int] | None:
        """The first moment from `at_ms` on at which it is worked, and until when."""
        index = bisect_right(self._begins, at_ms) - 1
        if index >= 0 and at_ms < self._working[index][1]:
            return at_ms, self._working[index][1]
        if index + 1 >= len(self._working):
            return None
        return self._working[index + 1]

    def make(self, operation: Operation, from_ms: int) -> tuple[int, int, int] | None:
        """Make an operation: its start, its end and its good pieces; None: not in this month."""
        window = self.open_from(max(from_ms, self.free_ms))
        if window is None:
            return None
        at_ms, closes_ms = window
        started_ms = at_ms
        names = {"work_order": operation.work_order, "operation": operation.number}
        self._say("job", at_ms, event="started", requested=operation.quantity, **names)
        self._say("state", at_ms, state="setup")
        at_ms += int(operation.setup_ms * self._chance.uniform(0.7, 1.4))
        self._say("state", at_ms, state="running")
        good = 0
        while good < operation.quantity:
            batch = min(5, operation.quantity - good)
            ends_ms = at_ms + int(batch * operation.cycle_ms * self._chance.uniform(0.92, 1.25))
            if ends_ms > closes_ms and self._chance.random() < 0.7:
                # It rests until the next shift; else it goes on, which is overtime.
                resting_ms = max(at_ms + 1_000, closes_ms)
                self._say("job", resting_ms, event="paused", **names)
                self._say("state", resting_ms, state="idle")
                window = self.open_from(resting_ms)
                if window is None:
                    self.free_ms = resting_ms
                    return None
                at_ms, closes_ms = window
                self._say("job", at_ms, event="resumed", **names)
                self._say("state", at_ms, state="running")
                continue
            at_ms = ends_ms
            scrap = int(self._chance.random() < 0.06)
            good += batch - scrap
            self._say("count", at_ms, good=batch - scrap, scrap=scrap)
            if good < operation.quantity:
                at_ms = self._perhaps_stops(at_ms)
        self._say("job", at_ms, event="completed", **names)
        self._say("state", at_ms, state="idle")
        self.free_ms = at_ms + 1
        return started_ms, at_ms, good

    def _perhaps_stops(self, at_ms: int) -> int:
        drawn = self._chance.random()
        if drawn < 0.04:
            state, length = "idle", self._chance.uniform(15, 280) * 1_000
            reason = None
        elif drawn < 0.052:
            state, length = "down", self._chance.uniform(1, 75) * MINUTE
            reason = self._chance.choice(STOPS)
        elif drawn < 0.056:
            state, length = "planned_stop", self._chance.uniform(10, 40) * MINUTE
            reason = "maintenance"
        elif drawn < 0.058:
            state, length, reason = "offline", self._chance.uniform(5, 60) * MINUTE, None
        else:
            return at_ms
        fields = {"state": state} | ({} if reason is None else {"reason": reason})
        self._say("state", at_ms, **fields)
        at_ms += int(length)
        self._say("state", at_ms, state="running")
        return at_ms


def drawn(orders: int = 10_000, seed: int = 7) -> Month:
    """A month with so many orders."""
    chance = random.Random(seed)
    working = [(begins, ends) for _, _, begins, ends in shifts()]
    machines = {path: _Machine(path, random.Random(f"{seed}-{path}"), working) for path in MACHINES}
    month = Month([], [], [], {})
    begins_ms, ends_ms = working[0][0], working[-1][1]
    moments = sorted(chance.randrange(begins_ms - 3 * DAY, ends_ms - DAY) for _ in range(orders))
    for index, received_ms in enumerate(moments, start=1):
        month.orders.append(_order(index, received_ms, chance))
    for order in sorted(month.orders, key=lambda each: each.released_ms):
        _produce(order, machines, month, chance)
        _ship(order, chance, ends_ms)
    month.told = {path: machine.told for path, machine in machines.items()}
    month.plans = list(_planned(month.orders, chance, begins_ms - 4 * DAY, ends_ms))
    return month


def _planned(
    orders: list[Order], chance: random.Random, from_ms: int, until_ms: int
) -> Iterator[Plan]:
    """A plan a day, with every order that is released and not made yet."""
    for published_ms in range(from_ms + 5 * HOUR, until_ms, DAY):
        plan = Plan(published_ms, [])
        for order in orders:
            open_lines = [line for line in order.lines if not line.cancelled]
            ends = [line.produced_ms for line in open_lines]
            if order.released_ms >= published_ms or not open_lines:
                continue
            made_ms = max((each for each in ends if each is not None), default=None)
            if None not in ends and made_ms is not None and made_ms < published_ms:
                continue
            about_ms = until_ms + DAY if None in ends or made_ms is None else made_ms
            end_ms = max(about_ms + chance.randrange(-DAY, DAY), published_ms + HOUR)
            late = (end_ms - min(line.first_due_ms for line in open_lines)) // MINUTE
            shares: list[tuple[str, int]] = []
            if late > 1:
                busy = chance.randrange(1, late)
                shares = [("machine_busy", busy), ("setup", late - busy)]
            plan.orders.append(Planned(order.number, end_ms, shares))
        yield plan


def _order(index: int, received_ms: int, chance: random.Random) -> Order:
    number = f"MONTH-{index:05}"
    confirmed_ms = received_ms + chance.randrange(MINUTE, 20 * HOUR)
    order = Order(
        number,
        chance.choice(CUSTOMERS),
        received_ms,
        confirmed_ms,
        confirmed_ms + chance.randrange(MINUTE, 8 * HOUR),
        [],
    )
    for line in range(1, 2 + (chance.random() < 0.15)):
        due_ms = received_ms + chance.randrange(2 * DAY, 9 * DAY)
        made = Line(
            line, chance.choice(ITEMS), chance.randrange(5, 31), due_ms, due_ms, f"W{number}-{line}"
        )
        order.lines.append(made)
        _perhaps_changed(order, made, chance)
    order.changes.sort(key=lambda each: each.at_ms)
    return order


def _perhaps_changed(order: Order, line: Line, chance: random.Random) -> None:
    told = chance.random()
    at_ms = order.confirmed_ms + chance.randrange(HOUR, 2 * DAY)
    if told < 0.08:
        later_ms = line.due_ms + chance.randrange(-DAY, 4 * DAY)
        by_customer = chance.random() < 0.5
        order.changes.append(
            Change(
                at_ms,
                line.number,
                {"due_ms": line.due_ms},
                {"due_ms": later_ms},
                by_customer=by_customer,
            )
        )
        line.due_ms = later_ms
    elif told < 0.10:
        line.cancelled = True
        order.changes.append(
            Change(
                at_ms,
                line.number,
                {"cancelled": False},
                {"cancelled": True},
                by_customer=True,
                action="OrderCancelled",
            )
        )


def _produce(
    order: Order, machines: dict[str, _Machine], month: Month, chance: random.Random
) -> None:
    for line in order.lines:
        at = chance.choice(LINES)
        stages = STAGES if chance.random() < 0.3 else (chance.choice(STAGES),)
        from_ms: int | None = order.released_ms
        for number, stage in enumerate(stages, start=1):
            operation = Operation(
                line.work_order,
                number * 10,
                f"{SITE}/{at}/{stage}-{chance.randrange(1, 3)}",
                (18 + 3 * ITEMS.index(line.item)) * 1_000,
                chance.choice((60, 120, 240)) * 1_000,
                line.quantity,
            )
            month.operations.append(operation)
            if from_ms is None or line.cancelled:
                continue
            made = machines[operation.machine].make(operation, from_ms)
            from_ms = None if made is None else made[1]
            if made is not None and line.started_ms is None:
                line.started_ms = made[0]
        line.produced_ms = None if line.cancelled else from_ms


def _ship(order: Order, chance: random.Random, ends_ms: int) -> None:
    for line in order.lines:
        if line.produced_ms is None or chance.random() < 0.01:
            continue
        at_ms = line.produced_ms + chance.randrange(10 * MINUTE, 20 * HOUR)
        first = line.quantity
        if chance.random() < 0.05:
            first = max(line.quantity // 2, 1)
        returned = first if chance.random() < 0.005 else 0
        line.shipped.append((at_ms, first, returned))
        if first < line.quantity and chance.random() < 0.9:
            line.shipped.append((at_ms + chance.randrange(HOUR, DAY), line.quantity - first, 0))
        line.shipped = [each for each in line.shipped if each[0] < ends_ms]
