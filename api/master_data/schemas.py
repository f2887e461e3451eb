"""Shapes of master data, and of what an import answers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Listing, Name, Number
from domain.master_data.merging import ChangeKind
from domain.master_data.records import Record


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


NotNegative = Annotated[
    Decimal,
    BeforeValidator(_no_boolean),
    Field(ge=0, max_digits=15, decimal_places=6, description="Exact; a JSON number or text."),
]

Shown = TypeVar("Shown", bound=BaseModel)


def shown(model: type[Shown], record: Record) -> Shown:
    """A record as the API shows it."""
    return model.model_validate(record, from_attributes=True)


class ItemSite(BaseModel):
    """How an item is had at a site, and what is kept of it there."""

    item: str
    site: str
    source: Literal["make", "buy"]
    min_stock: Number | None
    max_stock: Number | None
    reorder_point: Number | None
    order_multiple: Number | None
    supplier: str | None
    supplier_lead_days: Number | None
    safety_days: Number


class Component(BaseModel):
    """What goes into one unit of an item, in the component's unit."""

    component: str
    quantity: Number
    scrap_factor: Number
    step: int | None = Field(description="Which step of the routing takes it; null: the first one.")


class Bill(BaseModel):
    """A version of a bill of material; without a site it holds wherever there is no other."""

    item: str
    site: str | None
    version: str
    valid_from: date | None
    valid_to: date | None
    lines: list[Component]


class BillList(Listing[Bill]):
    """Bills by item."""


class Way(BaseModel):
    """Another machine that can do a step."""

    machine: str
    cycle_ms: int
    setup_ms: int


class VersionStep(BaseModel):
    """A step: on a machine or its alternatives, or on any machine with a capability."""

    number: int
    name: str
    machine: str | None
    capability: str | None
    cycle_ms: int
    setup_ms: int
    alternatives: list[Way]
    interruptible: bool = Field(description="Whether a break may fall into it.")
    transfer_batch: Number | None = Field(
        description="So many pieces go on together; null: all at the end."
    )
    wait_ms: int = Field(description="How long pieces wait after it: they cool, dry or travel.")
    batch_family: str | None = Field(description="What may be in an oven together.")
    batch_room: Number = Field(description="How much of an oven's `batch_capacity` a piece takes.")
    needs: list[str] = Field(description="Skills: `welder`, `welder=2`, `setter@setup`.")


class RoutingVersion(BaseModel):
    """A version of a routing, with the days on which it is effective (null: without end)."""

    item: str
    site: str
    version: str
    valid_from: date | None
    valid_to: date | None
    steps: list[VersionStep]


class ItemName(BaseModel):
    """What others call an item; with a customer: that customer alone."""

    customer: str | None
    scheme: str
    value: str


class CustomerName(BaseModel):
    """What others call a customer."""

    scheme: str
    value: str


class PriceRule(BaseModel):
    """What `price_basis` units of an item or of a family cost from a quantity on."""

    item: str | None
    family: str | None
    customer: str | None
    currency: str
    from_quantity: Number
    price: Number
    price_basis: Number
    valid_from: date | None
    valid_to: date | None
    tolerance_percent: Number


class PriceRuleList(Listing[PriceRule]):
    """Price rules by item."""


class LeadTimeRule(BaseModel):
    """Days from order to delivery: fixed, and what `units_per_day` makes of the quantity."""

    item: str | None
    family: str | None
    site: str | None
    days: Number
    units_per_day: Number | None


class LeadTimeRuleList(Listing[LeadTimeRule]):
    """Lead-time rules by item."""


class SupplierChange(Body):
    """A supplier. What is left out stays as it is."""

    name: Name
    street: Name | None = None
    city: Name | None = None
    region: Name | None = None
    postal_code: Code | None = None
    country: Code | None = Field(default=None, description="ISO 3166, two letters.")
    email: Name | None = None
    phone: Name | None = None
    currency: Code | None = Field(default=None, description="ISO 4217.")
    lead_days: NotNegative = Field(default=Decimal(0), description="From order to receipt.")


class Supplier(BaseModel):
    """A supplier."""

    code: str
    name: str
    street: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    email: str | None
    phone: str | None
    currency: str | None
    lead_days: Number


class SupplierList(Listing[Supplier]):
    """Suppliers by code."""


class ImportFault(BaseModel):
    """What is wrong, and where."""

    file: str
    line: int = Field(description="From 1; 0: not known.")
    column: int = Field(description="From 1, in a table the cell's number; 0: not known.")
    problem: str
    value: str | None


class ImportChange(BaseModel):
    """What becomes of a record; of one that changes only the fields that differ."""

    kind: str
    name: str = Field(description="The record in words.")
    change: ChangeKind
    before: dict[str, Any]
    after: dict[str, Any]


class KindOutcome(BaseModel):
    """How many records of a kind were told, and what becomes of them."""

    kind: str
    added: int
    changed: int
    unchanged: int
    retired: int


class ImportOutcome(BaseModel):
    """What an import did, or with `dry_run` would do."""

    dry_run: bool
    applied: bool = Field(description="False: nothing was written.")
    kinds: list[KindOutcome]
    changes: list[ImportChange] = Field(description="The first thousand.")
    total_changes: int
    definite: list[str] = Field(
        description="Items and customers that only orders had named, and that are known now."
    )
    judged_orders: int = Field(description="Orders before release that were judged again.")
    faults: list[ImportFault]


class RecordShown(BaseModel):
    """A record of any kind."""

    name: str = Field(description="The record in words.")
    key: dict[str, Any] = Field(description="The fields by which it is known.")
    record: dict[str, Any] = Field(description="All its fields, as an import takes them.")


class RecordList(Listing[RecordShown]):
    """Records of a kind by what they are known by."""
