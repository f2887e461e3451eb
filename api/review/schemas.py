"""Shapes of review: findings with their words, orders that wait, policies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Listing, Reason, Wanted, Whole
from api.orders.schemas import OrderSummary
from domain.review import Code, Severity
from store.review.findings import FindingRow

_VERSION = "Refused (409) when the order is not at this version any more."


class Finding(BaseModel):
    """Something odd about an order."""

    id: int
    order: str | None = Field(default=None, description="The order's number.")
    line: int | None = Field(description="Null: the order as a whole.")
    code: Code
    severity: Severity = Field(description="`error`: to settle or overrule; `warning`: to look at.")
    problem: str = Field(description="What is odd, in words.")
    advice: str = Field(description="What to do about it, in words.")
    detail: dict[str, Any] = Field(description="The values compared, by code.")
    found: datetime
    settled: datetime | None
    settled_by: str | None
    settled_how: str | None = Field(description="`gone`, `by_hand`, `overruled`, `confirmed`.")
    settled_reason: str | None

    @classmethod
    def of(cls, row: FindingRow) -> Self:
        """A finding as the API shows it."""
        problem, advice = row.words
        return cls(
            id=row.id,
            line=row.line_number,
            code=Code(row.code),
            severity=Severity(row.severity),
            problem=problem,
            advice=advice,
            detail=row.detail,
            found=row.found_at,
            settled=row.settled_at,
            settled_by=row.settled_by,
            settled_how=row.settled_how,
            settled_reason=row.settled_reason,
        )


class FindingList(Listing[Finding]):
    """An order's findings, open ones first."""


class WaitingOrder(BaseModel):
    """An order that waits for people, and why; without findings somebody has to confirm it."""

    order: OrderSummary
    findings: list[Finding]


class WaitingOrders(Listing[WaitingOrder]):
    """Orders under review, oldest first."""

    codes: dict[str, int] = Field(description="How many orders wait for each code, all pages.")


class Settlement(Body):
    """Why a finding does not matter."""

    reason: Reason


class AssignItem(Body):
    """The item that a line means."""

    item: Wanted
    remember: Annotated[bool, Strict()] = Field(
        default=True,
        description="What the document calls it means this item from now on, for this customer,"
        " also in orders that wait.",
    )
    version: Whole | None = Field(default=None, description=_VERSION)


class AssignCustomer(Body):
    """The customer that an order is from."""

    customer: Wanted
    remember: Annotated[bool, Strict()] = Field(
        default=True,
        description="What documents call them means this customer from now on, also in orders"
        " that are here.",
    )
    version: Whole | None = Field(default=None, description=_VERSION)


class Rejudgement(Body):
    """Which orders to look at again: all that are not released, unless narrowed."""

    numbers: list[Wanted] | None = Field(default=None, min_length=1, max_length=1_000)
    site: Wanted | None = None
    code: Code | None = Field(default=None, description="With an open finding of this code.")


class Rejudged(BaseModel):
    """What looking again came to."""

    judged: int
    confirmed: list[str] = Field(description="Orders that the policy confirmed now.")
    under_review: list[str] = Field(description="Orders that wait for people now, and did not.")
    more: bool = Field(description="There are more than one request handles: ask again.")


class PolicyFields(Body):
    """Thresholds of the rules; absent: what is more general holds."""

    auto_confirm: Annotated[bool, Strict()] | None = Field(
        default=None, description="Orders without findings are confirmed by themselves (false)."
    )
    history_at_least: Annotated[int, Strict(), Field(ge=3, le=200)] | None = Field(
        default=None, description="Earlier lines that make a history (8)."
    )
    price_deviations: Annotated[float, Field(ge=1, le=100)] | None = Field(
        default=None, description="Robust standard deviations that a price may be off (4)."
    )
    quantity_deviations: Annotated[float, Field(ge=1, le=100)] | None = Field(
        default=None, description="Likewise for a quantity (4)."
    )
    price_percent: Annotated[float, Field(ge=0, le=1000)] | None = Field(
        default=None, description="How far a price may be off its rule in percent (2)."
    )
    duplicate_days: Annotated[int, Strict(), Field(ge=0, le=366)] | None = Field(
        default=None, description="Equal orders within so many days are suspected (3)."
    )
    promise_days: Annotated[int, Strict(), Field(ge=0, le=366)] | None = Field(
        default=None,
        description="What documents want within so many days is asked for a promise (7; 0: never).",
    )
    priority_at_most: Annotated[int, Strict(), Field(ge=0, le=2**31 - 1)] | None = Field(
        default=None, description="A higher priority has to be granted (10)."
    )
    severities: dict[Code, Severity] = Field(
        default={}, description="What findings ask for, by code; `off`: the rule is off."
    )

    @property
    def told(self) -> dict[str, Any]:
        """What is said, and nothing else."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


class PolicyFor(BaseModel):
    """A policy's own fields and for whom they hold; neither of the three: for all."""

    site: str | None
    channel: str | None
    customer: str | None
    policy: PolicyFields
    changed: datetime
    changed_by: str


class PolicyList(Listing[PolicyFor]):
    """Policies, the most general first."""

    defaults: dict[str, Any] = Field(description="What holds where nothing is said.")


class NewPolicy(PolicyFields):
    """A policy in place of the one there was for the same; without fields it is taken away."""

    site: Wanted | None = None
    channel: Wanted | None = None
    customer: Wanted | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(one is not None for one in (self.site, self.channel, self.customer)) > 1:
            raise PydanticCustomError("subject", "name a site, a channel or a customer, not two")
        return self

    @property
    def told(self) -> dict[str, Any]:
        """What is said, whom it is for left out."""
        said = super().told
        return {name: value for name, value in said.items() if name not in _SUBJECTS}


_SUBJECTS = frozenset({"site", "channel", "customer"})
