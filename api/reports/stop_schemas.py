"""Shapes of stops, of reasons that people give for them, and of what time counts as."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Level, Listing, Moment, Name, Number, Path4, Reason
from domain.reports.machine_time import MicroStops, TimeClass

MOST_AT_ONCE: Final = 500


class StopReasonGiven(BaseModel):
    """What somebody said of a stop."""

    id: int = Field(description="To undo it by.")
    reason: str
    note: str | None
    by: str
    at: datetime


class MachineStop(BaseModel):
    """A stretch in which a machine did not produce."""

    machine: str
    from_: datetime = Field(alias="from", serialization_alias="from")
    until: datetime | None = Field(description="null: it goes on.")
    state: str
    time_class: TimeClass
    reason: str | None = Field(description="The one that holds.")
    reason_words: str | None = Field(description="As the plant's list calls it.")
    own_reason: str | None = Field(description="As the machine told it.")
    by_hand: StopReasonGiven | None
    order: str | None = Field(description="Whose operation was on the machine.")
    shift: str = Field(description="Empty: outside of shifts.")
    day: date | None


class MachineStopList(BaseModel):
    """Stops, newest first."""

    items: list[MachineStop]
    next: datetime | None = Field(description="Ask with it as `before` for more; null: no more.")
    as_of: datetime


class NewStopReason(Body):
    """A reason for a stretch of a machine's time."""

    machine: Path4
    from_: Moment = Field(alias="from")
    until: Moment
    reason: Name | None = Field(description="null takes back what people said of it before.")
    note: Reason | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.until <= self.from_:
            raise PydanticCustomError("span", "until must be after from")
        return self


class NewStopReasons(Body):
    """Reasons to give, in their order: the last that covers a moment holds."""

    entries: list[NewStopReason] = Field(min_length=1, max_length=MOST_AT_ONCE)


class StopReasonsToUndo(Body):
    """Entries to undo."""

    ids: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] = Field(
        min_length=1, max_length=MOST_AT_ONCE
    )


class StopReasonEntry(BaseModel):
    """An entry."""

    id: int
    machine: str
    from_: datetime = Field(alias="from", serialization_alias="from")
    until: datetime
    reason: str | None
    note: str | None
    undoes: int | None = Field(description="The entry that this one undoes.")
    by: str
    at: datetime


class StopReasonEntries(Listing[StopReasonEntry]):
    """Entries that were added."""


class StopReason(BaseModel):
    """A reason of the plant's list."""

    site: str | None = Field(description="null: every site without an entry of its own.")
    code: str
    name: str = Field(description="In the language asked for.")
    name_en: str
    name_zh: str
    counts_as: TimeClass
    retired: bool
    changed_at: datetime
    changed_by: str


class StopReasonList(Listing[StopReason]):
    """The plant's list; six to nine reasons a machine are enough."""


class StopReasonDefined(Body):
    """How a reason is called and what it counts as."""

    site: Level | None = None
    name_en: Name
    name_zh: Name
    counts_as: Literal["setup", "delay", "idle", "unknown", "planned", "micro_stop"]
    retired: bool = False


class TimePolicyView(BaseModel):
    """How a site classes micro-stops."""

    site: str
    micro_stop_ms: int = Field(description="Shorter stops between production are micro-stops.")
    micro_stops: MicroStops = Field(description="Which factor of OEE they lower.")
    since: datetime | None = Field(description="null: nobody has said anything else.")


class TimePolicyEntered(Body):
    """How a site is to class micro-stops."""

    micro_stop_ms: int = Field(ge=0, le=600_000)
    micro_stops: MicroStops


class ItemCost(BaseModel):
    """What a piece costs from a day on."""

    item: str
    site: str | None
    valid_from: date
    currency: str
    cost: Number | None
    recorded_at: datetime
    recorded_by: str


class ItemCostList(Listing[ItemCost]):
    """What pieces cost: the entries that hold."""


class ItemCostEntry(Body):
    """What a piece costs from a day on; `cost` null: not known from then on."""

    item: Code
    site: Level | None = None
    valid_from: date
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.")]
    cost: Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=6)] | None


class ItemCostsEntered(Body):
    """Costs to enter; of entries for a day the newest holds."""

    costs: list[ItemCostEntry] = Field(min_length=1, max_length=1_000)
