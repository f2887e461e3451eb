"""Shapes of planning scopes and their policies."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field, Strict
from pydantic_core import PydanticCustomError

from api.disruptions.schemas import Disruption
from api.fields import Body, Listing, Reason, Small
from api.plans.schemas import PlanSummary
from domain.plan.policy import Criterion, Displacement, PublishRule

_YEAR_MS: Final = 366 * 86_400_000

Span = Annotated[int, Strict(), Field(ge=0, le=_YEAR_MS)]
Weight = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]


def _distinct(order: list[Criterion]) -> list[Criterion]:
    if len(set(order)) < len(order):
        raise PydanticCustomError("order", "names a criterion twice")
    return order


class Policy(Body):
    """How a scope wants to be planned: `domain.plan.policy.Policy`. Durations in milliseconds.

    What a plan costs is the sum of all criteria, each times its weight: `tardiness ·
    Σ weight·tardiness + reassignment · (operations on another machine) + setup · Σ set-up + move ·
    Σ |start - start before|` and so on, times in minutes. With an `order`, criteria count one after
    the other.
    """

    publish: PublishRule = Field(
        default=PublishRule.AUTO,
        description="`auto`: new plans take force at once; `draft`: somebody publishes them.",
    )
    frozen_ms: Span = Field(
        default=600_000, description="What starts within this time stays where it is."
    )
    debounce_ms: Annotated[int, Strict(), Field(ge=0, le=60_000)] = Field(
        default=200, description="How long other disruptions are waited for after one."
    )
    down_threshold_ms: Span = Field(
        default=120_000, description="A machine that is down for less has had a micro-stop."
    )
    repair_ms: Annotated[int, Strict(), Field(ge=1_000, le=_YEAR_MS)] = Field(
        default=1_800_000, description="How long a breakdown is expected to last."
    )
    tolerance_ms: Span = Field(
        default=600_000,
        description="How far a projection may pass a promise or the next operation's start.",
    )
    rush_priority: Small = Field(
        default=8, description="Orders of this priority or a higher one are rush orders."
    )
    improve_ms: Annotated[int, Strict(), Field(ge=0, le=600_000)] = Field(
        default=2_000, description="How long the planner goes on improving after its first plan."
    )
    move_tolerance_ms: Span = Field(
        default=900_000, description="To start earlier or later by less costs nothing."
    )
    tardiness: Weight = Field(default=20, description="Cost of a weighted minute of tardiness.")
    reassignment: Weight = Field(default=40, description="Cost of an operation's other machine.")
    move: Weight = Field(default=1, description="Cost of a minute that a start moves.")
    setup: Weight = Field(default=1, description="Cost of a minute of set-up.")
    makespan: Weight = Field(default=0, description="Cost of a minute until the last end.")
    balance: Weight = Field(
        default=0, description="Cost of a minute by which the busiest machine exceeds the average."
    )
    resequencing: Weight = Field(
        default=0, description="Cost of an operation behind another one than before."
    )
    order: Annotated[list[Criterion], AfterValidator(_distinct)] = Field(
        default=[],
        max_length=len(Criterion),
        description="Criteria that count one after the other; empty: their weighted sum.",
    )
    displacement: Displacement = Field(
        default=Displacement.LOWER,
        description="What a rush order may make end later: `nothing`, work of a `lower` priority,"
        " of the `same` or a lower one, `any`.",
    )
    displaced: Weight = Field(
        default=10_000,
        description="Cost of a minute that a rush order makes end later what it may not displace.",
    )
    horizon_ms: Annotated[int, Strict(), Field(ge=0, le=2 * _YEAR_MS)] = Field(
        default=0,
        description="What cannot begin within this time, by its date, its material or calendars,"
        " is not planned yet. 0: everything is planned.",
    )


class Planning(BaseModel):
    """A planning scope: sites that are planned together, and how that stands."""

    scope: str
    sites: list[str]
    policy: Policy
    published: PlanSummary | None = Field(description="The plan in force.")
    draft: PlanSummary | None = Field(description="The newest plan that waits for publishing.")
    open_disruptions: int = Field(description="How many no plan has answered yet.")


class PlanningList(Listing[Planning]):
    """Planning scopes by name."""


class PlanRequest(Body):
    """Why a new plan is asked for."""

    reason: Reason


class PlanRequested(BaseModel):
    """What the planner will answer with its next plan."""

    disruption: Disruption
