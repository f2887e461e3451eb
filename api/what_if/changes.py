"""Shapes of what somebody thinks of: the changes of a draft."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Moment, Name, Path4, Quantity

OperationId = Annotated[int, Strict(), Field(ge=1, le=2**63 - 1, description="`operation_id`.")]
Priority = Annotated[int, Strict(), Field(ge=0, le=999)]
Count = Annotated[int, Strict(), Field(ge=1, le=1_000)]


class _Times(Body):
    """A time."""

    starts_at: Moment
    ends_at: Moment

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("span", "must end after it begins")
        return self


class _Span(_Times):
    """A time of a machine."""

    machine: Path4


class MachineDown(_Span):
    """The machine does not work then."""

    kind: Literal["machine_down"]


class Overtime(_Span):
    """The machine works then, though its calendar says it does not."""

    kind: Literal["overtime"]


class ResourceAway(_Times):
    """An operator or a tool is not there then."""

    kind: Literal["resource_away"]
    resource: OperationId = Field(description="Its `id` in `GET /v1/resources`.")
    count: Count | None = Field(
        default=None, description="How many of several alike; null: all of them."
    )


class MoreOfResource(_Times):
    """There is more of a tool, or of people with a skill, then."""

    kind: Literal["more_of_resource"]
    resource: Name = Field(
        description="The skill or tool, as in `helps`: `welder`; of those who share skills"
        " `fitter / welder`."
    )
    count: Count = 1
    site: Code | None = Field(default=None, description="Whose; the only site that has it.")


class Split(Body):
    """Part of an operation's pieces is made on another machine at the same time."""

    kind: Literal["split"]
    operation: OperationId
    machine: Path4 = Field(description="The other machine; both take about as long.")


class Place(Body):
    """Where an operation is put: on a machine, from a moment on or right before another one."""

    operation: OperationId
    machine: Path4
    start: Moment | None = Field(default=None, description="It does not start before.")
    before: OperationId | None = Field(
        default=None, description="It comes right before this operation of the machine."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.start is None) == (self.before is None):
            raise PydanticCustomError("place", "either `start` or `before` has to be told")
        return self


class Move(Place):
    """An operation goes to a machine."""

    kind: Literal["move"]


class MaterialAt(Body):
    """What an operation waits for is there at another moment."""

    kind: Literal["material"]
    operation: OperationId
    at: Moment


class OrderRaised(Body):
    """An order has another priority."""

    kind: Literal["priority"]
    order: Code
    priority: Priority


class OrderDue(Body):
    """An order is due at another moment."""

    kind: Literal["due"]
    order: Code
    due: Moment


class OrderRemoved(Body):
    """An order is not made, but for what the floor has begun."""

    kind: Literal["remove_order"]
    order: Code


class NewLine(Body):
    """So much of an item."""

    item: Code
    quantity: Quantity
    unit: Code | None = None


class OrderAdded(Body):
    """An order that is not there yet is made, too."""

    kind: Literal["add_order"]
    name: Name = Field(description="What it is called in the draft.")
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=50)]
    site: Code | None = Field(default=None, description="Where; the scope's only site by default.")
    priority: Priority | None = Field(
        default=None, description="By default that of a rush order, by the scope's policy."
    )
    due: Moment | None = None


class PolicyInstead(Body):
    """Some fields of the policy are others: another objective, another frozen zone."""

    kind: Literal["policy"]
    fields: Annotated[dict[str, Any], Field(min_length=1, max_length=30)]


Change: TypeAlias = Annotated[
    MachineDown
    | Overtime
    | ResourceAway
    | MoreOfResource
    | Split
    | Move
    | MaterialAt
    | OrderRaised
    | OrderDue
    | OrderRemoved
    | OrderAdded
    | PolicyInstead,
    Field(discriminator="kind"),
]
