"""Shapes of items and their routings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from api.alternatives import Alternatives, CycleMs, SetupMs
from api.fields import Body, Code, Listing, Name, Wanted, Whole


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


class ItemChange(Body):
    """How an item is called, in what unit it is kept, and how it is made."""

    name: Name
    unit: Name = "pcs"
    setup_family: Code | None = Field(
        default=None,
        description="What machines are set up for; see the setups of a machine.",
    )
    routings: list[Routing] = Field(
        default=[], max_length=100, description="Replaces the routings at the sites named here."
    )


class Item(BaseModel):
    """An item and the standard way it is made, by site."""

    code: str
    name: str
    unit: str
    setup_family: str | None
    routings: list[Routing]


class ItemList(Listing[Item]):
    """Items by code."""
