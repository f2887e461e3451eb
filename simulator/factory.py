"""The demo factory: a maker of household appliances with two plants. Data only.

All times are the factory's own, at speed 1; `simulator.pace` turns them into the clock's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts.ids import MachinePath

SOURCE: Final = "demo"
"""`external_source` of the demo's orders."""

UNIT: Final = "pcs"


class Shift(NamedTuple):
    """A shift, in minutes since local midnight; it may end on the next day."""

    name: str
    start_minute: int
    end_minute: int


class Site(NamedTuple):
    """A plant, and when it works (every day of the week)."""

    code: str
    name: str
    time_zone: str
    shifts: tuple[Shift, ...]


class Machine(NamedTuple):
    """A machine and its place on the floor.

    Attributes:
        break_minute: when its people have their break, in minutes since the shift began.
        setup_s: what a change of family takes here before the families' factor.
    """

    path: MachinePath
    name: str
    position: int
    break_minute: int
    setup_s: int

    @property
    def site(self) -> str:
        """The code of its site."""
        return self.path.split("/", 1)[0]


class Customer(NamedTuple):
    """A customer."""

    code: str
    name: str


class Way(NamedTuple):
    """A machine that can do a step, and its cycle."""

    machine: MachinePath
    cycle_ms: int


class Step(NamedTuple):
    """A step of a routing: the preferred machine first, then those that can stand in for it."""

    number: int
    name: str
    ways: tuple[Way, ...]


class Item(NamedTuple):
    """What is made, where, and how; machines are set up for its family."""

    code: str
    name: str
    family: str
    site: str
    steps: tuple[Step, ...]


class Order(NamedTuple):
    """What a customer wants, due so many of the factory's minutes after it came in."""

    external_id: str
    site: str
    customer: str
    customer_reference: str
    item: str
    quantity: int
    due_minutes: float
    priority: int = 0


_EARLY: Final = Shift("early", 6 * 60, 14 * 60)
_LATE: Final = Shift("late", 14 * 60, 22 * 60)
_NIGHT: Final = Shift("night", 22 * 60, 30 * 60)

SITES: Final = (
    Site("gemba-demo", "Plant 1", "Europe/Warsaw", (_EARLY, _LATE, _NIGHT)),
    Site("gemba-demo-2", "Plant 2", "Asia/Shanghai", (_EARLY, _LATE)),
)
"""At the first plant somebody works at any hour."""

BREAK_MINUTES: Final = 20

FIRST_SETUP_MS: Final = 10_000
"""A set-up when nobody knows what was made before: the machine was left clean."""


def _path(place: str) -> MachinePath:
    return MachinePath(place)


_PRESS_1: Final = _path("gemba-demo/pressing/line-1/press-01")
_PRESS_2: Final = _path("gemba-demo/pressing/line-1/press-02")
_WELD_1: Final = _path("gemba-demo/pressing/line-2/weld-01")
_WELD_2: Final = _path("gemba-demo/pressing/line-2/weld-02")
_COAT: Final = _path("gemba-demo/pressing/line-2/coat-01")
_ASSEMBLY_1: Final = _path("gemba-demo/assembly/line-3/assembly-01")
_ASSEMBLY_2: Final = _path("gemba-demo/assembly/line-3/assembly-02")
_TEST_1: Final = _path("gemba-demo/assembly/line-3/test-01")
_MOULD_1: Final = _path("gemba-demo-2/moulding/line-4/mould-01")
_MOULD_2: Final = _path("gemba-demo-2/moulding/line-4/mould-02")
_ASSEMBLY_3: Final = _path("gemba-demo-2/assembly/line-5/assembly-03")
_ASSEMBLY_4: Final = _path("gemba-demo-2/assembly/line-5/assembly-04")
_TEST_2: Final = _path("gemba-demo-2/assembly/line-5/test-02")
_PACK: Final = _path("gemba-demo-2/assembly/line-5/pack-01")

MACHINES: Final = (
    Machine(_PRESS_1, "Press 250 t", 1, 115, 90),
    Machine(_PRESS_2, "Press 160 t", 2, 145, 75),
    Machine(_WELD_1, "Welding cell 1", 3, 170, 60),
    Machine(_WELD_2, "Welding cell 2", 4, 195, 60),
    Machine(_COAT, "Powder coating", 5, 220, 90),
    Machine(_ASSEMBLY_1, "Assembly station 1", 6, 245, 40),
    Machine(_ASSEMBLY_2, "Assembly station 2", 7, 270, 40),
    Machine(_TEST_1, "Test and packing", 8, 295, 30),
    Machine(_MOULD_1, "Injection moulding 120 t", 1, 130, 120),
    Machine(_MOULD_2, "Injection moulding 90 t", 2, 155, 100),
    Machine(_ASSEMBLY_3, "Assembly station 3", 3, 180, 40),
    Machine(_ASSEMBLY_4, "Assembly station 4", 4, 205, 40),
    Machine(_TEST_2, "Electrical test", 5, 230, 30),
    Machine(_PACK, "Packing", 6, 255, 20),
)

_FAMILY_CHANGES: Final = {
    ("kettle", "oven"): 1.4,
    ("oven", "kettle"): 1.2,
    ("kettle", "fan"): 0.8,
    ("fan", "kettle"): 1.0,
    ("oven", "fan"): 1.1,
    ("fan", "oven"): 1.5,
}
"""How long each change of family takes, as a multiple of the machine's `setup_s`."""

CUSTOMERS: Final = (
    Customer("NORDHEM", "Nordhem Appliances AB"),
    Customer("BAUMANN", "Baumann Hausgeräte GmbH"),
    Customer("LANTIAN", "蓝天家电有限公司"),
    Customer("CASABELLA", "Casabella Elettrodomestici S.p.A."),
)


def _step(number: int, name: str, *ways: tuple[MachinePath, int]) -> Step:
    return Step(number, name, tuple(Way(*way) for way in ways))


# The smaller press draws a kettle in two strokes: it stands in only when it has to.
ITEMS: Final = (
    Item(
        "KT-100",
        "Kettle, brushed steel",
        "kettle",
        "gemba-demo",
        (
            _step(10, "Deep drawing", (_PRESS_1, 2_800), (_PRESS_2, 6_600)),
            _step(20, "Assembly", (_ASSEMBLY_1, 3_600), (_ASSEMBLY_2, 3_900)),
            _step(30, "Test and packing", (_TEST_1, 2_400)),
        ),
    ),
    Item(
        "KT-120",
        "Kettle, black",
        "kettle",
        "gemba-demo",
        (
            _step(10, "Deep drawing", (_PRESS_1, 2_900), (_PRESS_2, 6_800)),
            _step(20, "Powder coating", (_COAT, 2_200)),
            _step(30, "Assembly", (_ASSEMBLY_2, 3_500), (_ASSEMBLY_1, 3_700)),
            _step(40, "Test and packing", (_TEST_1, 2_400)),
        ),
    ),
    Item(
        "OD-310",
        "Oven door frame",
        "oven",
        "gemba-demo",
        (
            _step(10, "Welding", (_WELD_1, 4_400), (_WELD_2, 4_800)),
            _step(20, "Powder coating", (_COAT, 2_600)),
            _step(30, "Test and packing", (_TEST_1, 2_000)),
        ),
    ),
    Item(
        "HB-220",
        "Heater bracket",
        "oven",
        "gemba-demo",
        (_step(10, "Pressing", (_PRESS_2, 1_800), (_PRESS_1, 1_900)),),
    ),
    Item(
        "FP-050",
        "Fan plate",
        "fan",
        "gemba-demo",
        (
            _step(10, "Pressing", (_PRESS_2, 2_200), (_PRESS_1, 2_300)),
            _step(20, "Powder coating", (_COAT, 1_800)),
        ),
    ),
    Item(
        "KT-300",
        "Kettle, glass",
        "kettle",
        "gemba-demo-2",
        (
            _step(10, "Moulding", (_MOULD_1, 3_200), (_MOULD_2, 3_600)),
            _step(20, "Assembly", (_ASSEMBLY_3, 3_800), (_ASSEMBLY_4, 4_100)),
            _step(30, "Electrical test", (_TEST_2, 2_600)),
            _step(40, "Packing", (_PACK, 1_800)),
        ),
    ),
    Item(
        "FN-060",
        "Table fan",
        "fan",
        "gemba-demo-2",
        (
            _step(10, "Moulding", (_MOULD_2, 3_000), (_MOULD_1, 2_900)),
            _step(20, "Assembly", (_ASSEMBLY_4, 4_200), (_ASSEMBLY_3, 4_200)),
            _step(30, "Packing", (_PACK, 1_900)),
        ),
    ),
    Item(
        "OC-500",
        "Oven control panel",
        "oven",
        "gemba-demo-2",
        (
            _step(10, "Assembly", (_ASSEMBLY_4, 3_400), (_ASSEMBLY_3, 3_600)),
            _step(20, "Electrical test", (_TEST_2, 3_000)),
        ),
    ),
)

_SITES_BY_CODE: Final = {site.code: site for site in SITES}
_MACHINES_BY_PATH: Final = {machine.path: machine for machine in MACHINES}
_ITEMS_BY_CODE: Final = {item.code: item for item in ITEMS}


def site_of(code: str) -> Site | None:
    """The site with this code, if it is one of the factory's."""
    return _SITES_BY_CODE.get(code)


def machines_of(site: str) -> tuple[Machine, ...]:
    """The machines of a site, in the order of the floor."""
    return tuple(machine for machine in MACHINES if machine.site == site)


def item_of(code: str) -> Item | None:
    """The item with this code, if the factory makes it."""
    return _ITEMS_BY_CODE.get(code)


def setups(machine: MachinePath) -> dict[tuple[str, str], int]:
    """The setup matrix of a machine: (from family, to family) to the factory's milliseconds."""
    base_ms = _MACHINES_BY_PATH[machine].setup_s * 1_000
    return {change: round(base_ms * factor) for change, factor in _FAMILY_CHANGES.items()}


def shipping_device(site: str) -> MachinePath:
    """The warehouse device at the site's dock."""
    return MachinePath(f"{site}/warehouse/shipping/dock-1")


def store_device(site: str) -> MachinePath:
    """The warehouse device at the store for finished goods."""
    return MachinePath(f"{site}/warehouse/finished/scanner-1")
