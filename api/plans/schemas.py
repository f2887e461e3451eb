"""Shapes of plan versions."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.fields import Listing
from contracts.plan import DisruptionKind, PlanState
from domain.plan.differences import DifferenceKind
from domain.plan.problem import PinKind


class PlanReason(BaseModel):
    """A disruption that a plan answers, as it was told: `contracts.live`'s PlanReason."""

    disruption: int
    kind: DisruptionKind
    machine: str | None = None
    work_order: str | None = None
    operation: int | None = None
    order: str | None = None
    occurred: datetime | None = None
    detail: dict[str, Any] = {}


class PlanMetrics(BaseModel):
    """How good a plan is; times in minutes. Stability is against the plan it stands on."""

    cost: int = Field(description="The policy's objective.")
    weighted_tardiness: int = Field(description="Sum of weight times tardiness over work orders.")
    tardiness: int
    tardy_jobs: int = Field(description="Work orders that end after their due date.")
    most_tardy: int
    makespan: int
    setup: int
    reassigned: int = Field(description="Operations on another machine than before.")
    moved: int = Field(description="Operations whose start moved beyond the policy's tolerance.")
    shifted: int = Field(description="Sum of all starts' shifts.")
    resequenced: int = Field(
        default=0, description="Operations behind another one than before on their machine."
    )
    imbalance: int = Field(
        default=0, description="By how much the busiest machine's work exceeds the average."
    )
    displaced: int = Field(
        default=0, description="By how much work ends later than rush orders may make it."
    )


class PlanBound(BaseModel):
    """What the search has proven, in units of the policy's objective."""

    cost: int = Field(description="Of the best plan that the search found.")
    at_least: int = Field(description="No plan of the same work costs less.")
    gap_percent: float = Field(
        description="So much better, at most, a plan could be; 0: this is the best one."
    )


class Unplanned(BaseModel):
    """An operation that could not be planned."""

    operation_id: int
    work_order: str | None = None
    operation: int | None = None
    code: str = Field(description="`no_machine`, `no_cycle`, `no_quantity`, `on_hold`, …")


class PlanSummary(BaseModel):
    """A plan version: why it was made, how good it is, where it stands."""

    id: int
    scope: str
    number: int = Field(description="Rises within the scope.")
    state: PlanState
    base_id: int | None
    base_number: int | None = Field(description="The plan that was in force when it was made.")
    method: str = Field(description="`right_shift`, `dispatch:<rule>`, `cp_sat`, …")
    solve_ms: int
    as_of: datetime = Field(description="The moment that it was planned from.")
    created_at: datetime
    published_at: datetime | None
    published_by: str | None
    superseded_at: datetime | None
    reasons: list[PlanReason]
    metrics: PlanMetrics
    bound: PlanBound | None = Field(
        default=None, description="How good it is known to be; null: nothing is proven."
    )
    waiting: PlanMetrics | None = Field(
        description="What merely waiting would have come to: the plan before, shifted."
    )
    late_orders: int = Field(description="Orders that end after their due date.")
    unplanned: list[Unplanned]
    name: str | None = Field(
        default=None, description="What a draft that somebody thought of is called."
    )
    created_by: str | None = Field(default=None, description="Who thought of it.")
    expires_at: datetime | None = Field(default=None, description="When it is discarded.")


class PlanList(Listing[PlanSummary]):
    """Plans of a scope, newest first."""


class Behind(BaseModel):
    """An operation that another one waits for."""

    work_order: str
    operation: int


class LateCause(BaseModel):
    """A link of the chain that makes an order late, from its end backwards."""

    cause: str = Field(
        description="`machine_busy`, `predecessor`, `unavailable`, `resource`, `material`,"
        " `release`, `held` (the plan starts it later than it has to) or `work`; of a share also"
        " `setup`, `way` and `overdue`."
    )
    machine: str | None
    work_order: str | None
    operation: int | None
    behind: Behind | None = Field(default=None, description="What is waited for.")
    since: datetime | None = None
    wait_minutes: int = 0
    resource: str | None = Field(default=None, description="The tool or people waited for.")
    closure: str | None = Field(
        default=None, description="Why the machine does not work: `maintenance`, `down`, `holiday`."
    )


class DelayCause(LateCause):
    """What a cause has of an order's delay."""

    share_minutes: int = Field(description="The shares add up to the delay.")


class PlannedOrder(BaseModel):
    """What a plan means for a customer's order."""

    order: str
    site: str
    customer: str
    end: datetime = Field(description="When its last open operation ends.")
    due: datetime | None
    lateness_minutes: int | None = Field(description="Negative is early.")
    because: list[LateCause] = Field(description="Why it is late; empty when it is not.")
    shares: list[DelayCause] = Field(description="What each cause has of the delay.")


class Plan(PlanSummary):
    """A plan version with the orders it concerns, the latest ones first."""

    orders: list[PlannedOrder]


class EntryState(enum.StrEnum):
    """How it stands with what publishing enters."""

    TO_ENTER = "to_enter"
    """Publishing the draft enters it."""
    ENTERED = "entered"
    """It was entered when the plan was put in force."""
    TAKEN_BACK = "taken_back"
    """It was entered, and taken back."""
    CHANGED = "changed"
    """It was entered, and somebody changed it before it was taken back: it was left alone."""
    REFUSED = "refused"
    """It cannot be entered: `problem` says what to do."""


class Entry(BaseModel):
    """What publishing a draft enters; what does not concern its kind is null."""

    change: int = Field(description="For which of the draft's changes, by place.")
    kind: str = Field(
        description="`maintenance`, `extra_shift`, `absence`, `policy`, `priority`; of what is"
        " refused the change's own kind."
    )
    state: EntryState
    machine: str | None = None
    resource: str | None = None
    count: int | None = None
    order: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    before: dict[str, Any] = Field(
        default={}, description="Fields of the policy, or the order's `priority`, as they were."
    )
    after: dict[str, Any] = {}
    problem: str | None = Field(default=None, description="Why it cannot be, and what to do.")
    problem_zh: str | None = Field(default=None, description="The same in Chinese.")


class EntryList(Listing[Entry]):
    """What publishing a draft enters, or entered, in the order of its changes."""


class PlannedOperation(BaseModel):
    """An operation's place in a plan."""

    operation_id: int
    work_order: str
    operation: int
    name: str | None
    order: str | None = Field(description="The order it is made for; the first of several.")
    machine: str = Field(description="Its path.")
    setup_start: datetime
    start: datetime
    end: datetime
    pin: PinKind | None = Field(description="Why the planner was not free to move it.")
    on_hold: bool = Field(description="All that it is for was put on hold: it only runs out.")


class PlannedOperationList(Listing[PlannedOperation]):
    """Operations of a plan by machine and start."""


class OperationDifference(BaseModel):
    """What a plan does with an operation that another one does not; one side null: not in it."""

    kind: DifferenceKind
    operation_id: int
    work_order: str
    operation: int
    name: str | None
    order: str | None
    from_machine: str | None
    to_machine: str | None
    from_start: datetime | None
    to_start: datetime | None
    from_end: datetime | None
    to_end: datetime | None
    minutes: int | None = Field(description="How much later it starts; negative is earlier.")


class OrderDifference(BaseModel):
    """How an order's end moved from one plan to the other; one side null: not in it."""

    order: str
    customer: str
    from_end: datetime | None
    to_end: datetime | None
    due: datetime | None
    minutes: int | None = Field(description="How much later it ends; negative is earlier.")


class PlanDifferences(BaseModel):
    """How a plan differs from another, usually the one it stands on.

    Of an old version that is no longer kept in full nothing is told but its orders.
    """

    plan: int = Field(description="The plan's id.")
    number: int
    against: int | None = Field(description="The other one's id; null: there was none before it.")
    against_number: int | None
    operations: list[OperationDifference] = Field(
        description="Without what moved by less than the policy's tolerance, or has ended since."
    )
    orders: list[OrderDifference] = Field(description="The ones that moved furthest first.")
