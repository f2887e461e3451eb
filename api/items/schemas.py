"""Shapes of items and their routings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from api.alternatives import Alternatives, CycleMs, SetupMs
from api.fields import Body, Code, Listing, Name, Number, Quantity, Reason, Wanted, Whole
from api.master_data.schemas import Bill, ItemName, ItemSite, NotNegative, RoutingVersion

_STAYS: Final = "Left out: as it is."


class Step(Body):
    """A step of a routing. Times are for one piece and for one set-up."""

    number: Whole
    name: Name
    machine: Wanted = Field(description="The machine's path.")
    cycle_ms: CycleMs
    setup_ms: SetupMs = 0
    alternatives: Alternatives = Field(default=[])


def _distinct_steps(steps: list[Step]) -> list[Step]:
    if len({step.number for step in steps}) < len(steps):
        raise PydanticCustomError("steps", "two steps have the same number")
    return steps


class Routing(Body):
    """How the item is made at a site."""

    site: Wanted
    steps: Annotated[list[Step], Field(max_length=200), AfterValidator(_distinct_steps)]


class ItemKind(StrEnum):
    """How an item is had."""

    MADE = "made"
    BOUGHT = "bought"
    BOTH = "both"


class ItemChange(Body):
    """How an item is called, in what unit it is kept, and how it is made."""

    name: Name
    unit: Name = "pcs"
    setup_family: Code | None = Field(
        default=None,
        description="What machines are set up for; see the setups of a machine.",
    )
    kind: ItemKind = Field(
        default=ItemKind.MADE, description=f"Whether it is had by making. {_STAYS}"
    )
    family: Code | None = Field(default=None, description=f"For splits, prices, times. {_STAYS}")
    description: Reason | None = Field(default=None, description=_STAYS)
    gtin: Code | None = Field(default=None, description=f"GS1: 8, 12, 13 or 14 digits. {_STAYS}")
    weight_kg: NotNegative | None = Field(default=None, description=f"Of one unit. {_STAYS}")
    lot_size: Quantity | None = Field(default=None, description=f"Rounded up to. {_STAYS}")
    batch_min: Quantity | None = Field(default=None, description=_STAYS)
    batch_max: Quantity | None = Field(default=None, description=_STAYS)
    routings: list[Routing] = Field(
        default=[],
        max_length=100,
        description="Replaces the routings that are effective today at the sites named here.",
    )


class Item(BaseModel):
    """An item and the standard way it is made, by site."""

    code: str
    name: str
    unit: str
    setup_family: str | None
    kind: ItemKind
    family: str | None
    provisional: bool = Field(description="Only orders named it so far; see the import.")
    retired: bool = Field(description="It was given up; what it went into stays.")
    routings: list[Routing] = Field(description="What is effective today.")


class ItemDetail(Item):
    """An item and everything that master data says of it."""

    description: str | None
    gtin: str | None
    weight_kg: Number | None
    lot_size: Number | None
    batch_min: Number | None
    batch_max: Number | None
    sites: list[ItemSite]
    bills: list[Bill] = Field(description="All versions that were not given up.")
    routing_versions: list[RoutingVersion]
    names: list[ItemName] = Field(description="What others call it.")
    used_in: list[str] = Field(description="Items whose bills name it.")


class ItemList(Listing[Item]):
    """Items by code."""
