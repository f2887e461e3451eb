"""What a record of each kind of master data says.

One record says one thing in YAML (a mapping) and in a table (a row; one that holds a list takes a
row for each of its entries). A default is what a record that is new says where it says nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec

from domain.master_data import needs
from domain.master_data.fields import (
    Breaks,
    Capabilities,
    Capability,
    Clock,
    Code,
    Country,
    Currency,
    CycleMs,
    Day,
    Gtin,
    ItemKind,
    Level,
    Moment,
    Name,
    NotNegative,
    Number,
    Path,
    Percent,
    Place,
    Positive,
    Reads,
    ResourceKind,
    Rotation,
    Scheme,
    SetupMs,
    Share,
    Source,
    Text,
    Truth,
    Weekdays,
    Weeks,
    Whole,
    Zone,
)

NONE: Final = Decimal(0)
ONE: Final = Decimal(1)

Needs: TypeAlias = Annotated[tuple[str, ...], Reads(needs.written, ";")]
Skills: TypeAlias = Annotated[tuple[str, ...], Reads(needs.read_skill, ";")]
Count: TypeAlias = Annotated[int, Reads(needs.read_count)]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record of master data.

    Attributes:
        known_by: the fields in which the entries of a list differ.
    """

    known_by: ClassVar[tuple[str, ...]] = ()


class Site(Record, frozen=True, kw_only=True):
    """A plant. `planning_scope`: sites with the same one are planned together."""

    code: Level
    name: Name
    time_zone: Zone = "UTC"
    planning_scope: Level | None = None


class Area(Record, frozen=True, kw_only=True):
    """What an area is called, and its place on screens."""

    site: Level
    code: Level
    name: Name
    position: Whole = 0


class Line(Record, frozen=True, kw_only=True):
    """What a line is called, and its place on screens."""

    site: Level
    area: Level
    code: Level
    name: Name
    position: Whole = 0


class Machine(Record, frozen=True, kw_only=True):
    """A machine, and what it can do.

    Attributes:
        batch_capacity: of an oven, how much fits in at once, in the room that its steps give a
            piece; None: one operation at a time.
        needs: what all work on it needs, as operators with a skill.
    """

    path: Path
    name: Name
    position: Whole = 0
    capabilities: Capabilities = ()
    batch_capacity: Positive | None = None
    needs: Needs = ()


class Setup(Record, frozen=True, kw_only=True):
    """How long a machine takes from one setup family to another."""

    machine: Path
    from_family: Code
    to_family: Code
    setup_ms: SetupMs


class Shift(Record, frozen=True, kw_only=True):
    """A span that is worked on some weekdays; one that ends not after it begins, ends next day."""

    known_by: ClassVar[tuple[str, ...]] = ("shift", "start", "end")

    shift: Name
    weekdays: Weekdays
    start: Clock
    end: Clock


class PatternShift(Shift, frozen=True, kw_only=True):
    """A shift of a pattern.

    Attributes:
        weeks: of the rotation in which it is worked, from 1; none: in each.
        breaks: when nobody works within it.
    """

    known_by: ClassVar[tuple[str, ...]] = ("shift", "weeks", "weekdays", "start", "end")

    weeks: Weeks = ()
    breaks: Breaks = ()


class ShiftPattern(Record, frozen=True, kw_only=True):
    """Shifts under a name, worked from a day to a day.

    Attributes:
        rotation_weeks: after so many weeks it begins again.
        first_day: the Monday of a first week; of a rotation it has to be said.
    """

    code: Code
    name: Name
    rotation_weeks: Rotation = 1
    first_day: Day | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    shifts: tuple[PatternShift, ...] = ()


class ShiftPlan(Record, frozen=True, kw_only=True):
    """A site, or an area, line or machine of it, works by a pattern from a day to a day."""

    at: Place
    pattern: Code
    valid_from: Day | None = None
    valid_to: Day | None = None


class SpecialDay(Record, frozen=True, kw_only=True):
    """A holiday or overtime by date, for a place and all within it: it prevails over shifts.

    Attributes:
        last_day: of several; None: one day.
        start: on each of the days; None: all day.
    """

    at: Place
    day: Day
    last_day: Day | None = None
    start: Clock | None = None
    end: Clock | None = None
    working: Truth = False
    reason: Name


class Resource(Record, frozen=True, kw_only=True):
    """An operator or a tool, or several alike, that work needs beside its machine.

    Attributes:
        quantity: how many there are; so many operations can have one at once.
        skills: what they are good for; their own code counts as one.
        place: of operators, whose calendar they work by: the site's, or an area's or line's of it.
        pattern: of operators, the shift pattern that they work by instead.
    """

    site: Level
    code: Code
    name: Name
    kind: ResourceKind
    quantity: Count = 1
    skills: Skills = ()
    place: Place | None = None
    pattern: Code | None = None


class Calendar(Record, frozen=True, kw_only=True):
    """When a site works, or a machine that goes by times of its own."""

    site: Level
    machine: Path | None = None
    shifts: tuple[Shift, ...] = ()


class CalendarException(Record, frozen=True, kw_only=True):
    """Maintenance, a holiday, an extra shift: it prevails over the calendar."""

    site: Level
    machine: Path | None = None
    starts_at: Moment
    ends_at: Moment
    working: Truth = False
    reason: Name


class TransportTime(Record, frozen=True, kw_only=True):
    """How long goods take from one site to another."""

    from_site: Level
    to_site: Level
    hours: NotNegative


class ShippingZone(Record, frozen=True, kw_only=True):
    """How long goods take from a site to customers whose postal code begins so."""

    site: Level
    country: Country
    postal_prefix: Code | None = None
    zone: Name
    days: NotNegative


class Customer(Record, frozen=True, kw_only=True):
    """Who orders. Deliveries may differ from what was ordered by these percentages."""

    code: Code
    name: Name
    street: Name | None = None
    city: Name | None = None
    region: Name | None = None
    postal_code: Code | None = None
    country: Country | None = None
    email: Name | None = None
    phone: Name | None = None
    currency: Currency | None = None
    default_site: Level | None = None
    over_percent: NotNegative = NONE
    under_percent: Percent = NONE


class Supplier(Record, frozen=True, kw_only=True):
    """Who delivers; `lead_days` from order to receipt, where an item says nothing else."""

    code: Code
    name: Name
    street: Name | None = None
    city: Name | None = None
    region: Name | None = None
    postal_code: Code | None = None
    country: Country | None = None
    email: Name | None = None
    phone: Name | None = None
    currency: Currency | None = None
    lead_days: NotNegative = NONE


class Item(Record, frozen=True, kw_only=True):
    """What is made, bought and sold. Batches are split by `batch_max` and joined to `batch_min`."""

    code: Code
    name: Name
    unit: Name = "pcs"
    kind: ItemKind = "made"
    family: Code | None = None
    setup_family: Code | None = None
    description: Text | None = None
    gtin: Gtin | None = None
    weight_kg: NotNegative | None = None
    lot_size: Positive | None = None
    batch_min: Positive | None = None
    batch_max: Positive | None = None


class ItemSite(Record, frozen=True, kw_only=True):
    """How an item is had at a site, and what is kept of it there."""

    item: Code
    site: Level
    source: Source
    min_stock: NotNegative | None = None
    max_stock: NotNegative | None = None
    reorder_point: NotNegative | None = None
    order_multiple: Positive | None = None
    supplier: Code | None = None
    supplier_lead_days: NotNegative | None = None
    safety_days: NotNegative = NONE


class Component(Record, frozen=True, kw_only=True):
    """What goes into one unit of an item, in the component's unit.

    Attributes:
        step: the number of the step of the item's routing that takes it; None: the first one.
    """

    known_by: ClassVar[tuple[str, ...]] = ("component",)

    component: Code
    quantity: Positive
    scrap_factor: Share = NONE
    step: Number | None = None


class Bill(Record, frozen=True, kw_only=True):
    """What an item is made of, from a day to a day; without a site: wherever there is no other."""

    item: Code
    site: Level | None = None
    version: Code
    valid_from: Day | None = None
    valid_to: Day | None = None
    lines: tuple[Component, ...] = ()


class Alternative(Record, frozen=True, kw_only=True):
    """Another machine that can do a step."""

    known_by: ClassVar[tuple[str, ...]] = ("machine",)

    machine: Path
    cycle_ms: CycleMs
    setup_ms: SetupMs = 0


class Step(Record, frozen=True, kw_only=True):
    """A step of a routing: on a machine (or its alternatives), or on any with a capability.

    Attributes:
        interruptible: whether a break may fall into it.
        transfer_batch: so many pieces go on to the next step together; None: all at the end.
        wait_ms: how long pieces wait after it before the next step: they cool, dry or travel.
        batch_family: what may be in an oven together; then `cycle_ms` is that of a load.
        batch_room: how much of the oven's `batch_capacity` a piece takes.
        needs: what it needs beside its machine, as `welder=2; setter@setup`.
    """

    known_by: ClassVar[tuple[str, ...]] = ("number",)

    number: Number
    name: Name
    machine: Path | None = None
    capability: Capability | None = None
    cycle_ms: CycleMs
    setup_ms: SetupMs = 0
    alternatives: tuple[Alternative, ...] = ()
    interruptible: Truth = True
    transfer_batch: Positive | None = None
    wait_ms: SetupMs = 0
    batch_family: Code | None = None
    batch_room: Positive = ONE
    needs: Needs = ()


class Routing(Record, frozen=True, kw_only=True):
    """How an item is made at a site, from a day to a day."""

    item: Code
    site: Level
    version: Code
    valid_from: Day | None = None
    valid_to: Day | None = None
    steps: tuple[Step, ...] = ()


class PriceRule(Record, frozen=True, kw_only=True):
    """What `price_basis` units of an item (or of a family) cost from a quantity on."""

    item: Code | None = None
    family: Code | None = None
    customer: Code | None = None
    currency: Currency
    from_quantity: NotNegative = NONE
    price: NotNegative
    price_basis: Positive = ONE
    valid_from: Day | None = None
    valid_to: Day | None = None
    tolerance_percent: NotNegative = NONE


class LeadTimeRule(Record, frozen=True, kw_only=True):
    """Days from order to delivery: fixed, and what `units_per_day` makes of the quantity."""

    item: Code | None = None
    family: Code | None = None
    site: Level | None = None
    days: NotNegative
    units_per_day: Positive | None = None


class ItemName(Record, frozen=True, kw_only=True):
    """What others call an item (a scheme and a value); with a customer: that customer alone."""

    item: Code
    customer: Code | None = None
    scheme: Scheme
    value: Name


class CustomerName(Record, frozen=True, kw_only=True):
    """What others call a customer: a scheme and a value."""

    customer: Code
    scheme: Scheme
    value: Name
