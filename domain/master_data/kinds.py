"""The kinds of master data, and by what a record of each is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from domain.master_data.records import (
    Area,
    Bill,
    Calendar,
    CalendarException,
    Component,
    Customer,
    CustomerName,
    Item,
    ItemName,
    ItemSite,
    LeadTimeRule,
    Line,
    Machine,
    PatternShift,
    PriceRule,
    Record,
    Resource,
    Routing,
    Setup,
    Shift,
    ShiftPattern,
    ShiftPlan,
    ShippingZone,
    Site,
    SpecialDay,
    Step,
    Supplier,
    TransportTime,
)

R_co = TypeVar("R_co", bound=Record, covariant=True)
Key: TypeAlias = tuple[str | int | Decimal | date | datetime | None, ...]


class Children(msgspec.Struct, frozen=True):
    """A list within records of a kind: the field that holds it, and its entries."""

    field: str
    record: type[Record]


class Kind(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True):
    """A kind of records.

    Attributes:
        name: of the section in YAML, and of the table `<name>.csv`.
        singular: for people.
        record: what one says.
        key: the fields by which one is known; another value there is another record.
        children: the list that it holds, if any.
        retires: one that is given up stays, as something of the past; else it is deleted.
        site: the field that names the site it belongs to, if any.
    """

    name: str
    singular: str
    record: type[R_co]
    key: tuple[str, ...]
    children: Children | None = None
    retires: bool = False
    site: str | None = None

    def key_of(self, record: Record) -> Key:
        """What a record is known by."""
        return tuple(getattr(record, field) for field in self.key)

    def called(self, key: Key) -> str:
        """A record in words, by its key."""
        parts = [f"{value}" for value in key if value is not None]
        return f"{self.singular} {' / '.join(parts)}"


SITES: Final = Kind(
    name="sites", singular="site", record=Site, key=("code",), retires=True, site="code"
)
AREAS: Final = Kind(name="areas", singular="area", record=Area, key=("site", "code"), site="site")
LINES: Final = Kind(
    name="lines", singular="line", record=Line, key=("site", "area", "code"), site="site"
)
MACHINES: Final = Kind(
    name="machines", singular="machine", record=Machine, key=("path",), retires=True, site="path"
)
SETUPS: Final = Kind(
    name="setups",
    singular="setup",
    record=Setup,
    key=("machine", "from_family", "to_family"),
    site="machine",
)
CALENDARS: Final = Kind(
    name="calendars",
    singular="calendar",
    record=Calendar,
    key=("site", "machine"),
    children=Children("shifts", Shift),
    site="site",
)
EXCEPTIONS: Final = Kind(
    name="calendar_exceptions",
    singular="calendar exception",
    record=CalendarException,
    key=("site", "machine", "starts_at", "ends_at"),
    site="site",
)
SHIFT_PATTERNS: Final = Kind(
    name="shift_patterns",
    singular="shift pattern",
    record=ShiftPattern,
    key=("code",),
    children=Children("shifts", PatternShift),
)
SHIFT_PLANS: Final = Kind(
    name="shift_plans",
    singular="shift plan",
    record=ShiftPlan,
    key=("at", "valid_from"),
    site="at",
)
SPECIAL_DAYS: Final = Kind(
    name="special_days",
    singular="special day",
    record=SpecialDay,
    key=("at", "day", "start"),
    site="at",
)
RESOURCES: Final = Kind(
    name="resources",
    singular="resource",
    record=Resource,
    key=("site", "code"),
    retires=True,
    site="site",
)
TRANSPORT_TIMES: Final = Kind(
    name="transport_times",
    singular="transport time",
    record=TransportTime,
    key=("from_site", "to_site"),
    site="from_site",
)
SHIPPING_ZONES: Final = Kind(
    name="shipping_zones",
    singular="shipping zone",
    record=ShippingZone,
    key=("site", "country", "postal_prefix"),
    site="site",
)
CUSTOMERS: Final = Kind(
    name="customers", singular="customer", record=Customer, key=("code",), retires=True
)
SUPPLIERS: Final = Kind(
    name="suppliers", singular="supplier", record=Supplier, key=("code",), retires=True
)
ITEMS: Final = Kind(name="items", singular="item", record=Item, key=("code",), retires=True)
ITEM_SITES: Final = Kind(
    name="item_sites",
    singular="item at a site",
    record=ItemSite,
    key=("item", "site"),
    site="site",
)
BILLS: Final = Kind(
    name="bills",
    singular="bill of material",
    record=Bill,
    key=("item", "site", "version"),
    children=Children("lines", Component),
    retires=True,
    site="site",
)
ROUTINGS: Final = Kind(
    name="routings",
    singular="routing",
    record=Routing,
    key=("item", "site", "version"),
    children=Children("steps", Step),
    retires=True,
    site="site",
)
PRICE_RULES: Final = Kind(
    name="price_rules",
    singular="price rule",
    record=PriceRule,
    key=("item", "family", "customer", "currency", "from_quantity", "valid_from"),
)
LEAD_TIME_RULES: Final = Kind(
    name="lead_time_rules",
    singular="lead-time rule",
    record=LeadTimeRule,
    key=("item", "family", "site"),
    site="site",
)
ITEM_NAMES: Final = Kind(
    name="item_names",
    singular="name of an item",
    record=ItemName,
    key=("scheme", "value", "customer"),
)
CUSTOMER_NAMES: Final = Kind(
    name="customer_names",
    singular="name of a customer",
    record=CustomerName,
    key=("scheme", "value"),
)

KINDS: Final[tuple[Kind[Record], ...]] = (
    SITES, AREAS, LINES, MACHINES, SETUPS, CALENDARS, EXCEPTIONS, SHIFT_PATTERNS, SHIFT_PLANS,
    SPECIAL_DAYS, RESOURCES, TRANSPORT_TIMES, SHIPPING_ZONES,
    CUSTOMERS, SUPPLIERS, ITEMS, ITEM_SITES, BILLS, ROUTINGS, PRICE_RULES, LEAD_TIME_RULES,
    ITEM_NAMES, CUSTOMER_NAMES,
)  # fmt: skip
"""In an order in which each refers to those before it only."""

BY_NAME: Final[Mapping[str, Kind[Record]]] = MappingProxyType({kind.name: kind for kind in KINDS})


def site_of(kind: Kind[Record], record: Record) -> str | None:
    """The code of the site that a record belongs to; None: to no single one."""
    if kind.site is None:
        return None
    value: str | None = getattr(record, kind.site)
    return None if value is None else value.partition("/")[0]
