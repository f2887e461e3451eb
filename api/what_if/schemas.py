"""Shapes of what-if requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Listing, Moment, Name
from api.plans.schemas import Behind, DelayCause, Entry, LateCause, Plan, PlanSummary
from api.what_if.changes import Change, NewLine, OperationId, Place, Priority
from api.what_if.compared import Comparison
from domain.plan.helps import HelpKind
from domain.plan.policy import Displacement

ImproveMs = Annotated[int, Strict(), Field(ge=0, le=10_000)]


class NewDraft(Body):
    """What somebody thinks of."""

    name: Name
    changes: Annotated[list[Change], Field(min_length=1, max_length=50)]
    settle: Literal["plan", "shift"] = Field(
        default="plan",
        description="`plan`: planned anew with the changes; `shift`: everything else keeps its"
        " machine and its turn.",
    )
    improve_ms: ImproveMs = Field(default=1_000, description="So long a better plan is looked for.")
    keep_hours: Annotated[int, Strict(), Field(ge=1, le=24 * 31)] = Field(
        default=24, description="Then it is discarded, unless it was put in force."
    )
    on: OperationId | None = Field(
        default=None, description="A draft whose changes come first; this one takes its place."
    )


class Drag(Place):
    """The planner's drag."""

    name: Name | None = None
    on: OperationId | None = Field(
        default=None, description="The draft of the drag before; this one takes its place."
    )


class ChangeView(BaseModel):
    """A change that a draft is made with; what does not concern its kind is null."""

    kind: str
    assumed: bool = Field(description="It is not so yet.")
    entered: bool = Field(
        default=False,
        description="Publishing the draft makes it so (`GET /v1/plans/{id}/entries`). What is"
        " `assumed` and not entered stands in the way of publishing.",
    )
    machine: str | None = None
    operation: Behind | None = None
    before: Behind | None = None
    resource: str | None = None
    count: int | None = None
    order: str | None = None
    due: datetime | None = None
    name: str | None = None
    items: list[str] = []
    priority: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    fields: dict[str, Any] = {}


class AddedOperation(BaseModel):
    """Where a draft has a step of an order that is only thought of."""

    order: str
    item: str
    operation: int
    machine: str
    setup_start: datetime
    start: datetime
    end: datetime


class SplitPart(BaseModel):
    """Where a draft has what it splits off of an operation."""

    work_order: str
    operation: int
    machine: str
    pieces: int
    setup_start: datetime
    start: datetime
    end: datetime


class AddedOrder(BaseModel):
    """What a draft means for an order that is only thought of."""

    order: str
    end: datetime
    due: datetime | None
    lateness_minutes: int | None


class WhatIf(BaseModel):
    """What a draft is about."""

    name: str
    created_by: str | None
    expires_at: datetime | None
    settle: str
    changes: list[ChangeView]
    publishable: bool = Field(
        description="Whether its base is in force, and all that it takes for granted is entered by"
        " publishing it."
    )
    stale: bool = Field(description="Another plan is in force than the one it stands on: rebase.")
    added: list[AddedOperation]
    added_orders: list[AddedOrder]
    parts: list[SplitPart] = []


class DraftSummary(PlanSummary):
    """A draft that somebody thought of."""

    what_if: WhatIf


class DraftList(Listing[DraftSummary]):
    """Drafts of a scope that nobody has discarded, newest first."""


class Draft(Plan):
    """A draft, and what it does to others."""

    what_if: WhatIf
    compared: Comparison | None = Field(
        description="With the plan that it stands on; null: there was none."
    )
    enters: list[Entry] = Field(
        default=[], description="What publishing it would enter, as things are now."
    )


class LaterOrder(BaseModel):
    """Work that ends later."""

    order: str | None
    work_order: str
    minutes: int
    late_minutes: int = Field(description="How late it is then; 0: in time.")


class Help(BaseModel):
    """A change that would help, tried out: how many minutes it brings, and who pays for it."""

    change: Change | None = Field(
        default=None, description="The same as a change of a draft, to be tried (`makeDraft`)."
    )

    kind: HelpKind
    minutes: int
    end: datetime
    operation: Behind | None
    machine: str | None
    from_machine: str | None
    behind: Behind | None
    resource: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    later: list[LaterOrder]
    later_work_orders: int


class Why(BaseModel):
    """Why a plan ends an order late, as things are now, and what would help."""

    plan: int
    order: str
    as_of: datetime
    work_order: str = Field(description="The work order that is latest.")
    end: datetime
    due: datetime | None
    delay_minutes: int = Field(description="0 or less: it is not late.")
    chain: list[LateCause]
    shares: list[DelayCause]
    helps: list[Help] = Field(description="The best first; three at most.")


class RushWish(Body):
    """What would be put before others: an order that is there, or lines of a new one."""

    order: Code | None = None
    lines: list[NewLine] = Field(default=[], max_length=50)
    site: Code | None = Field(default=None, description="Where; the scope's only site by default.")
    priority: Priority | None = Field(
        default=None, description="By default that of a rush order, by the scope's policy."
    )
    due: Moment | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> RushWish:
        if (self.order is None) == (not self.lines):
            raise PydanticCustomError("rush", "either `order` or `lines` has to be told")
        return self


class RushAcceptance(Body):
    """An order is taken as a rush order, at the price that was told of it.

    `plan_number`, and `end` and `cost` of `rushed`, as `priceRushOrder` told them. An order whose
    lines were priced before it was there is taken in first.
    """

    order: Code
    priority: Priority | None = Field(
        default=None, description="As asked about; by default that of a rush order."
    )
    due: Moment | None = Field(
        default=None, description="As asked about; lines that are due later are due then."
    )
    plan_number: int | None
    end: Moment
    cost: Annotated[int, Strict()]


class Price(BaseModel):
    """What a place in the plan costs."""

    end: datetime = Field(description="When it would be ready.")
    late_minutes: int = Field(description="0: in time, or no date is wanted.")
    later: list[LaterOrder]
    newly_late: int
    setup_minutes: int = Field(description="Set-up added in all.")
    tardiness_minutes: int = Field(description="Weighted tardiness added to others.")
    cost: int = Field(description="By how much the policy's objective rises.")
    moved: int = Field(description="Operations of others that start at another time or elsewhere.")


class RushPrice(BaseModel):
    """What a rush order costs, before anybody says yes."""

    scope: str
    as_of: datetime
    plan_number: int | None
    priority: int
    displacement: Displacement = Field(description="What the policy lets it displace.")
    planned_end: datetime | None = Field(
        description="When the order ends as it is planned now; null for a new one."
    )
    waiting: Price = Field(description="It displaces nobody.")
    rushed: Price = Field(description="By the rule; as `waiting` where that is no sooner.")


class SolveRequest(Body):
    """A problem of the caller's own."""

    problem: dict[str, Any] = Field(description="By `GET /v1/problems/schema`.")
    time_limit_ms: Annotated[int, Strict(), Field(ge=0, le=60_000)] = Field(
        default=1_000, description="So long a better plan is looked for after the first."
    )


class SolvedPlan(BaseModel):
    """A plan that the independent validator accepts."""

    outcome: Literal["solved"]
    plan: dict[str, Any]
    metrics: dict[str, Any]
    late: list[dict[str, Any]]
    method: str
    solve_ms: int
    bound: int | None


class NoPlan(BaseModel):
    """No plan can satisfy these facts together."""

    outcome: Literal["infeasible"]
    conflicts: list[dict[str, Any]]
    words: str = Field(description="The same in words, with the caller's own ids as names.")
    words_zh: str = Field(description="And in Chinese.")


SolveOutcome: TypeAlias = Annotated[SolvedPlan | NoPlan, Field(discriminator="outcome")]
