"""Shapes of work orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.alternatives import Alternatives, CycleMs, SetupMs
from api.fields import (
    Body,
    Code,
    Listing,
    Moment,
    Name,
    Number,
    Quantity,
    Reason,
    Small,
    Wanted,
    Whole,
)
from api.handling import Handling
from api.operations.schemas import Operation
from domain.orders import WorkOrderState


class PlannedOperation(Body):
    """An operation to be planned. Without a quantity it makes the work order's."""

    number: Whole
    name: Name | None = None
    machine: Wanted | None = Field(default=None, description="The machine's path.")
    cycle_ms: CycleMs | None = None
    setup_ms: SetupMs = 0
    quantity: Quantity | None = None
    alternatives: Alternatives = Field(default=[])
    handling: Handling | None = Field(default=None, description="Null: as usual.")

    @model_validator(mode="after")
    def _alternatives_to_something(self) -> Self:
        if self.alternatives and (self.machine is None or self.cycle_ms is None):
            raise PydanticCustomError(
                "alternatives", "alternatives need the machine and cycle_ms they stand beside"
            )
        return self


def _distinct_operations(operations: list[PlannedOperation]) -> list[PlannedOperation]:
    if len({operation.number for operation in operations}) < len(operations):
        raise PydanticCustomError("operations", "two operations have the same number")
    return operations


class LineReference(Body):
    """An order line that the work is for."""

    order: Wanted
    line: Small


class NewWorkOrder(Body):
    """A work order from an ERP or by hand."""

    site: Wanted
    number: Code
    external_source: Code | None = None
    external_id: Code | None = None
    item: Wanted | None = None
    quantity_ordered: Quantity | None = None
    due_at: Moment | None = None
    not_before: Moment | None = Field(
        default=None, description="Nothing of it begins earlier, whatever it is for."
    )
    order_line: LineReference | None = None
    operations: Annotated[
        list[PlannedOperation],
        Field(min_length=1, max_length=1_000),
        AfterValidator(_distinct_operations),
    ]

    @model_validator(mode="after")
    def _external_is_a_pair(self) -> Self:
        if (self.external_source is None) != (self.external_id is None):
            raise PydanticCustomError("pair", "external_source and external_id go together")
        return self


class WorkOrder(BaseModel):
    """A work order with its operations."""

    id: int
    site: str
    number: str
    external_source: str | None = Field(description="Where it comes from; unplanned: who named it.")
    external_id: str | None
    item: str | None
    setup_family: str | None = Field(description="Its item's.")
    quantity_ordered: Number | None
    unit: str
    good_pieces: int = Field(description="Those of the last operation.")
    scrap_pieces: int = Field(description="The sum over the operations.")
    state: WorkOrderState
    planned: bool = Field(description="False: the floor named it, nobody planned it.")
    due_at: datetime | None
    not_before: datetime | None = Field(description="Nothing of it begins earlier.")
    version: int
    operations: list[Operation]


class WorkOrderList(Listing[WorkOrder]):
    """Work orders by site and number."""


class WorkOrderCancellation(Body):
    """Why a work order is given up."""

    reason: Reason


class CancelledWorkOrder(BaseModel):
    """A cancelled work order, and what the floor still works on."""

    work_order: WorkOrder
    still_running: list[Operation] = Field(
        description="Left to the floor: on a machine, or interrupted there."
    )
