"""The demo factory: a small maker of household appliances with three customers. Data only."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from contracts.ids import MachinePath

SITE: Final = "gemba-demo"
SITE_NAME: Final = "Plant 1"
TIME_ZONE: Final = "Europe/Warsaw"
SOURCE: Final = "demo"
"""`external_source` of the demo's orders."""

UNIT: Final = "pcs"

_PRESS_1: Final = MachinePath("gemba-demo/pressing/line-1/press-01")
_PRESS_2: Final = MachinePath("gemba-demo/pressing/line-1/press-02")
_WELD: Final = MachinePath("gemba-demo/pressing/line-2/weld-01")
_COAT: Final = MachinePath("gemba-demo/pressing/line-2/coat-01")
_ASSEMBLY: Final = MachinePath("gemba-demo/assembly/line-3/assembly-01")
_TEST: Final = MachinePath("gemba-demo/assembly/line-3/test-01")


class Machine(NamedTuple):
    """A machine and its place on the floor."""

    path: MachinePath
    name: str
    position: int


class Customer(NamedTuple):
    """A customer."""

    code: str
    name: str


class Step(NamedTuple):
    """A step of a routing; times for one piece and one set-up."""

    number: int
    name: str
    machine: MachinePath
    cycle_ms: int
    setup_ms: int


class Item(NamedTuple):
    """What is made, and how."""

    code: str
    name: str
    steps: tuple[Step, ...]


class Order(NamedTuple):
    """What a customer wants, due so long after it came in."""

    external_id: str
    customer: str
    customer_reference: str
    item: str
    quantity: int
    due_minutes: int
    priority: int = 0


MACHINES: Final = (
    Machine(_PRESS_1, "Press 250 t", 1),
    Machine(_PRESS_2, "Press 160 t", 2),
    Machine(_WELD, "Welding cell", 3),
    Machine(_COAT, "Powder coating", 4),
    Machine(_ASSEMBLY, "Assembly station", 5),
    Machine(_TEST, "Test and packing", 6),
)

CUSTOMERS: Final = (
    Customer("NORDHEM", "Nordhem Appliances AB"),
    Customer("BAUMANN", "Baumann Hausgeräte GmbH"),
    Customer("LANTIAN", "蓝天家电有限公司"),
)

ITEMS: Final = (
    Item(
        "KT-100",
        "Kettle, brushed steel",
        (
            Step(10, "Deep drawing", _PRESS_1, 2_800, 20_000),
            Step(20, "Assembly", _ASSEMBLY, 3_600, 15_000),
            Step(30, "Test and packing", _TEST, 3_000, 10_000),
        ),
    ),
    Item(
        "OD-310",
        "Oven door frame",
        (
            Step(10, "Welding", _WELD, 4_400, 20_000),
            Step(20, "Powder coating", _COAT, 4_000, 30_000),
            Step(30, "Test and packing", _TEST, 2_800, 10_000),
        ),
    ),
    Item(
        "FP-050",
        "Fan plate",
        (
            Step(10, "Pressing", _PRESS_2, 2_200, 15_000),
            Step(20, "Powder coating", _COAT, 2_600, 20_000),
        ),
    ),
    Item("HB-220", "Heater bracket", (Step(10, "Pressing", _PRESS_1, 1_800, 15_000),)),
)

ORDERS: Final = (
    Order("demo-1", "NORDHEM", "PO-48211", "FP-050", 260, 25),
    Order("demo-2", "BAUMANN", "4500018834", "OD-310", 160, 60),
    Order("demo-3", "LANTIAN", "LT-2026-0711", "HB-220", 150, 12),
    Order("demo-4", "NORDHEM", "PO-48219", "KT-100", 180, 55),
    Order("demo-5", "BAUMANN", "4500018901", "KT-100", 420, 20, 5),
    Order("demo-6", "LANTIAN", "LT-2026-0718", "OD-310", 240, 150),
    Order("demo-7", "NORDHEM", "PO-48230", "HB-220", 600, 120),
    Order("demo-8", "BAUMANN", "4500018977", "FP-050", 350, 180),
    Order("demo-9", "LANTIAN", "LT-2026-0725", "KT-100", 300, 240),
    Order("demo-10", "NORDHEM", "PO-48244", "OD-310", 200, 300),
)
"""Ten orders: a few begin at once, `demo-3` is soon done, `demo-5` cannot be done in time."""

TRACKED: Final = "demo-3"
"""The order whose customer gets a tracking link: one step, so that its page moves at once."""


def further_order(number: int, seed: int) -> Order:
    """The order with this number, for when the first ones are used up: the same every time."""
    chance = random.Random(f"{seed}/order/{number}")  # noqa: S311 - reproducible, no secret
    customer = chance.choice(CUSTOMERS)
    item = chance.choice(ITEMS)
    quantity = chance.randrange(100, 401, 20)
    minutes = quantity * max(step.cycle_ms for step in item.steps) / 60_000
    return Order(
        external_id=f"{SOURCE}-{number}",
        customer=customer.code,
        customer_reference=f"{customer.code[:2]}-{10_000 + number}",
        item=item.code,
        quantity=quantity,
        due_minutes=60 + int(minutes * chance.uniform(1.0, 3.0)),
    )


def number_of(external_id: str) -> int:
    """The number in an order's external id; 0 for an id of somebody else's making."""
    digits = external_id.removeprefix(f"{SOURCE}-")
    return int(digits) if digits.isascii() and digits.isdigit() else 0
