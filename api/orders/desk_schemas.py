"""Shapes of what the order desk does: confirm, hold, resume, reject, many orders at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.errors import FieldProblem, ProblemError, said
from api.fields import Body, Code, Listing, Name, Number, Reason, Small, Wanted, Whole
from api.orders.filters import OrderFilter
from domain.orders import LineState
from store.errors import StoreError
from store.order_lists import OrderSort

_VERSION = "Refused (409) when the order is not at this version any more."
MOST_AT_ONCE = 1_000


class Confirmation(Body):
    """Accepting an order; findings that are errors need to be overruled with a reason."""

    version: Whole | None = Field(default=None, description=_VERSION)
    overrule: Reason | None = Field(
        default=None, description="Why it is accepted in spite of its findings."
    )


class Decision(Body):
    """A decision of the order desk and why."""

    reason: Reason
    version: Whole | None = Field(default=None, description=_VERSION)


class Resumption(Body):
    """Letting an order go on."""

    reason: Reason | None = None
    version: Whole | None = Field(default=None, description=_VERSION)


class Chosen(Body):
    """Which orders are meant: by their numbers, or by a filter."""

    numbers: list[Wanted] | None = Field(default=None, min_length=1, max_length=MOST_AT_ONCE)
    filter: OrderFilter | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.numbers is None) == (self.filter is None):
            raise PydanticCustomError("chosen", "give either numbers or a filter")
        return self


class BulkConfirmation(Chosen):
    """Confirming many orders."""

    overrule: Reason | None = None


class ConfirmAll(Body):
    """Accept them."""

    do: Literal["confirm"]
    overrule: Reason | None = None


class ReleaseAll(Body):
    """Hand them to the floor."""

    do: Literal["release"]


class HoldAll(Body):
    """Keep them from going on."""

    do: Literal["hold"]
    reason: Reason


class ResumeAll(Body):
    """Let them go on."""

    do: Literal["resume"]
    reason: Reason | None = None


class CancelAll(Body):
    """Give them up."""

    do: Literal["cancel"]
    reason: Reason


class PrioritiseAll(Body):
    """Give them a priority."""

    do: Literal["priority"]
    priority: Small
    only_from: Small | None = Field(
        default=None, description="Those of another priority stay as they are: for a way back."
    )
    reason: Reason | None = None


class AssignSite(Body):
    """Let a site handle them: only what is not released can move."""

    do: Literal["site"]
    site: Wanted
    reason: Reason | None = None


BulkAction: TypeAlias = Annotated[
    ConfirmAll | ReleaseAll | HoldAll | ResumeAll | CancelAll | PrioritiseAll | AssignSite,
    Field(discriminator="do"),
]


class Bulk(Chosen):
    """Something to do to many orders."""

    action: BulkAction


class ActionOutcome(BaseModel):
    """What became of one order."""

    number: str
    done: bool
    state: LineState | None = Field(default=None, description="Where it is now, if it is known.")
    was_priority: int | None = Field(
        default=None, description="Which priority it had before it was given another one."
    )
    problem: str | None = Field(default=None, description="Why nothing was done.")
    code: str | None = Field(default=None, description="The same for programs, as in a problem.")
    params: dict[str, str | int | float] | None = None
    errors: list[FieldProblem] | None = Field(default=None, description="By line, where it helps.")

    @classmethod
    def missing(cls, number: str) -> ActionOutcome:
        """There is no such order for whoever asks."""
        return cls(
            number=number,
            done=False,
            problem=f"There is no order {number!r}.",
            code="not-found",
            params={"kind": "order", "name": number},
        )

    @classmethod
    def refused(
        cls, number: str, error: StoreError | ProblemError, *, state: LineState | None = None
    ) -> ActionOutcome:
        """Nothing was done, for a reason that the problem of the same request would tell."""
        told = said(error)
        return cls(
            number=number,
            done=False,
            state=state,
            problem=str(error),
            code=told.code,
            params=told.params,
            errors=told.errors,
        )


class Outcomes(Listing[ActionOutcome]):
    """An outcome for every order that was meant."""

    done: int = Field(description="With how many it was done.")


class ReachedWork(BaseModel):
    """A work order that the floor has begun for orders that would be cancelled."""

    work_order: str
    site: str
    item: str | None
    good_pieces: Number
    quantity: Number | None
    unit: str
    shared: bool = Field(description="Others wait for it, too: it goes on for them.")
    running: Literal["stop", "to_stock"] = Field(
        description="What the site does with it: the terminal asks to stop, or it goes to stock."
    )
    orders: list[str] = Field(description="For which of the orders it is.")


class CancellationPreview(BaseModel):
    """What cancelling would reach. Nothing is locked: it may be another thing when it is done."""

    orders: int = Field(description="How many can be cancelled.")
    lines: int
    customers: int
    refused: list[ActionOutcome] = Field(description="Those that cannot be, and why.")
    work_orders_removed: int = Field(description="Nobody has begun them, and nobody else waits.")
    work_orders_reduced: int = Field(description="Others wait for them too: they make less.")
    begun: list[ReachedWork] = Field(description="What the floor has begun.")
    reservations: int = Field(description="How many are freed.")


class TimelineEntry(BaseModel):
    """Something that happened to an order."""

    at: datetime
    kind: str = Field(description="What: `document`, `received`, `finding`, `released`, …")
    actor: str | None
    reason: str | None
    line: int | None
    work_order: str | None
    operation: int | None
    machine: str | None
    detail: dict[str, Any]


class TimelineList(Listing[TimelineEntry]):
    """What happened to an order, oldest first."""


class ViewQuery(Body):
    """What a saved view shows."""

    filter: OrderFilter = OrderFilter()
    sort: OrderSort = OrderSort.RECEIVED
    columns: list[Code] = Field(default=[], max_length=50)
    query: dict[Code, Name] = Field(
        default={}, max_length=50, description="What else the screen keeps."
    )


class NewView(ViewQuery):
    """A view to be kept."""

    shared: bool = Field(default=False, description="Everybody sees it; the owner changes it.")


class SavedView(BaseModel):
    """A view that somebody keeps."""

    name: str
    owner: str
    own: bool = Field(description="It is of whoever asks.")
    shared: bool
    changed: datetime
    view: ViewQuery


class SavedViews(Listing[SavedView]):
    """One's own views, then those that others share."""
