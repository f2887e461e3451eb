"""Shapes of plans side by side."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.plans.schemas import PlanMetrics, PlanSummary
from domain.plan.differences import DifferenceKind


class OrderShift(BaseModel):
    """An order that ends at another time."""

    order: str
    customer: str
    minutes: int = Field(description="How much later; negative is earlier.")
    end: datetime
    due: datetime | None
    lateness_minutes: int | None
    was_late: bool
    is_late: bool


class MovedOperation(BaseModel):
    """An operation that a plan has elsewhere or at another time; one side null: not in it."""

    kind: DifferenceKind
    operation_id: int
    work_order: str
    operation: int
    order: str | None
    from_machine: str | None
    to_machine: str | None
    from_start: datetime | None
    to_start: datetime | None
    minutes: int | None = Field(description="How much later it starts; negative is earlier.")


class MachineLoad(BaseModel):
    """What the plans give a machine to do until the last of them ends: a number per plan."""

    machine: str
    run_minutes: list[int] = Field(description="Work; breaks that fall into it count.")
    setup_minutes: list[int]
    ends: list[datetime | None] = Field(description="When it is done; null: it has nothing to do.")


class Comparison(BaseModel):
    """How a plan differs from the first one."""

    against: int = Field(description="The first one's id.")
    later: list[OrderShift]
    earlier: list[OrderShift]
    added: list[str] = Field(description="Orders that only this plan has.")
    removed: list[str] = Field(description="Orders that only the first one has.")
    newly_late: int
    late_no_more: int
    setup_minutes: int = Field(description="Set-up more than the first one; negative: less.")
    cost: int = Field(description="Cost more than the first one, each by its own policy.")
    metrics: PlanMetrics = Field(
        description="Every figure less the first one's: what is negative has become less."
    )
    moved: dict[DifferenceKind, int] = Field(description="Operations by how they differ.")
    operations: list[MovedOperation] = Field(
        default=[], description="Which, those that move furthest first; 200 at most."
    )


class ComparedPlan(BaseModel):
    """One of the plans that are compared."""

    plan: PlanSummary
    name: str | None = Field(description="What the draft is called, if somebody thought of it.")
    compared: Comparison | None = Field(description="With the first one; null for that one.")


class ComparedOrder(BaseModel):
    """An order that the plans do not all end at the same time: an end per plan, in their order."""

    order: str
    customer: str
    due: datetime | None
    ends: list[datetime | None]
    lateness_minutes: list[int | None]


class PlansCompared(BaseModel):
    """Plans side by side."""

    plans: list[ComparedPlan]
    orders: list[ComparedOrder] = Field(description="The ones that differ most first.")
    machines: list[MachineLoad] = Field(
        default=[], description="By path; without plans that are not kept in full any more."
    )
