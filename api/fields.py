"""Types of fields that requests and answers share, with their limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from contracts.topics import TopicError, parse_topic
from store.filters import Page

Item = TypeVar("Item")


_NOT_ON_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def _on_a_line(text: str) -> str:
    if _NOT_ON_A_LINE.search(text):
        raise PydanticCustomError("text", "must be text on one line, without control characters")
    return text


def _on_lines(text: str) -> str:
    if _NOT_IN_TEXT.search(text):
        raise PydanticCustomError("text", "must be text without control characters")
    return text


def _storable(text: str) -> str:
    if _NOT_STORABLE.search(text):
        raise PydanticCustomError("text", "holds a NUL or half of a surrogate pair")
    return text


def _level(text: str) -> str:
    try:
        parse_topic(f"gemba/v1/{text}/area/line/machine/heartbeat")
    except TopicError as error:
        raise PydanticCustomError(
            "level", "is no level of a topic: no '/', space, '+', '#' or '$'"
        ) from error
    return text


def _machine_path(text: str) -> str:
    try:
        topic = parse_topic(f"gemba/v1/{text}/heartbeat")
    except TopicError as error:
        raise PydanticCustomError(
            "machine_path", "must be <site>/<area>/<line>/<machine>, and the area not 'warehouse'"
        ) from error
    return topic.path


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise PydanticCustomError("zone", "is no time zone, maybe 'Europe/Berlin'") from error
    return name


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


def _plausible(moment: datetime) -> datetime:
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
    if not first <= moment <= last:
        raise PydanticCustomError("time", "must lie between the years 2000 and 2200")
    return moment.astimezone(UTC)


def exact_number(value: Decimal) -> int | float:
    """A decimal as a JSON number: integers stay integers, 15 digits come back as they went in."""
    return int(value) if value == value.to_integral_value() else float(value)


Code = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_on_a_line)]
"""What people call a thing: an order's number, an item, a customer."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_on_a_line)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_on_lines)
]
Wanted = Annotated[str, StringConstraints(max_length=500), AfterValidator(_storable)]
"""What a list is searched for: anything that a row can hold."""

Level = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_level)]
Path4 = Annotated[
    str, StringConstraints(min_length=7, max_length=500), AfterValidator(_machine_path)
]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_zone)]

Whole = Annotated[int, Strict(), Field(ge=0, le=2**63 - 1)]
AnyWhole = Annotated[int, Strict(), Field(ge=-(2**63), le=2**63 - 1)]
Small = Annotated[int, Strict(), Field(ge=-(2**31), le=2**31 - 1)]
Quantity = Annotated[
    Decimal,
    BeforeValidator(_no_boolean),
    Field(gt=0, max_digits=15, decimal_places=6, description="Exact; a JSON number or text."),
]
Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]

Number = Annotated[Decimal, PlainSerializer(exact_number), WithJsonSchema({"type": "number"})]
"""An exact decimal of an answer, as a JSON number."""


class Body(BaseModel):
    """What a request holds: nothing that nobody knows, so a misspelt field is told."""

    model_config = ConfigDict(extra="forbid")


class Listing(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int = Field(description="How many there are in all.")


def moment_of(epoch_ms: int | None) -> datetime | None:
    """Epoch milliseconds as a time, where there are any."""
    return None if epoch_ms is None else required_moment(epoch_ms)


def required_moment(epoch_ms: int) -> datetime:
    """Epoch milliseconds as a time."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _page(
    limit: Annotated[int, Query(ge=0, le=10_000, description="How many items at most.")] = 1_000,
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many to leave out first.")] = 0,
) -> Page:
    return Page(limit, offset)


Paging = Annotated[Page, Depends(_page)]
