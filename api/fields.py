"""Types of fields that requests and answers share, with their limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Generic, LiteralString, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from contracts.topics import TopicError, parse_topic
from store.filters import Page

Item = TypeVar("Item")
_NO_LEVEL: Final = "is no level of a topic: no '/', space, '+', '#' or '$'"
_NO_PATH: Final = "must be <site>/<area>/<line>/<machine>, and the area not 'warehouse'"

_SURROGATES = "\ud800-\udfff"
"""Halves of pairs. JSON that has them is no text, so the description says nothing of them."""
_NOT_ON_A_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_NOT_IN_TEXT = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_NOT_STORABLE = r"\x00"
_NOT_IN_LEVELS = r"\x00 +#$"


@dataclass(frozen=True)
class Without:
    """Characters that a text must not hold: checked, and told by the API's description.

    The description's `pattern` says the same as the check does, in the words of JSON Schema; the
    check is ours, so that people read more than a pattern.

    Attributes:
        characters: inside of a regular expression's brackets.
        problem: what is wrong with a text that holds one of them.
        surrogates: whether halves of surrogate pairs are refused as well.
    """

    characters: str
    problem: LiteralString
    surrogates: bool = True

    @cached_property
    def _forbidden(self) -> re.Pattern[str]:
        return re.compile(f"[{self.characters}{_SURROGATES if self.surrogates else ''}]")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The text's own checks, then this one."""
        return no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The text's own description, with the pattern."""
        told = handler(schema)
        told["pattern"] = f"^[^{self.characters}]*$"
        return told

    def _checked(self, text: str) -> str:
        if self._forbidden.search(text):
            raise PydanticCustomError("text", self.problem)
        return text


def _level(text: str) -> str:
    try:
        parse_topic(f"gemba/v1/{text}/area/line/machine/heartbeat")
    except TopicError as error:
        raise PydanticCustomError("level", _NO_LEVEL) from error
    return text


def _machine_path(text: str) -> str:
    try:
        topic = parse_topic(f"gemba/v1/{text}/heartbeat")
    except TopicError as error:
        raise PydanticCustomError("machine_path", _NO_PATH) from error
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


ON_A_LINE = Without(_NOT_ON_A_LINE, "must be text on one line, without control characters")
ON_LINES = Without(_NOT_IN_TEXT, "must be text without control characters")
STORABLE = Without(_NOT_STORABLE, "holds a NUL or half of a surrogate pair")

Code = Annotated[str, StringConstraints(min_length=1, max_length=100), ON_A_LINE]
"""What people call a thing: an order's number, an item, a customer."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200), ON_A_LINE]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2_000), ON_LINES]
Wanted = Annotated[str, StringConstraints(max_length=500), STORABLE]
"""What a list is searched for: anything that a row can hold."""

Level = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Without(f"/{_NOT_IN_LEVELS}", _NO_LEVEL),
    AfterValidator(_level),
]
Path4 = Annotated[
    str,
    StringConstraints(min_length=7, max_length=500),
    Without(_NOT_IN_LEVELS, _NO_PATH),
    AfterValidator(_machine_path),
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


async def _page(
    limit: Annotated[int, Query(ge=0, le=10_000, description="How many items at most.")] = 1_000,
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many to leave out first.")] = 0,
) -> Page:
    return Page(limit, offset)


Paging = Annotated[Page, Depends(_page)]
