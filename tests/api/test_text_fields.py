"""What texts must not hold stands in the API's description, and is what the API refuses."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.fields import Code, Level, Name, Path4, Reason, Wanted

TEXTS: dict[str, tuple[Any, str]] = {
    "Code": (Code, "A-1 ü 中"),
    "Name": (Name, "Gear, 20 mm"),
    "Reason": (Reason, "two lines\nand a\ttabulator"),
    "Wanted": (Wanted, "any\x01thing"),
    "Level": (Level, "plant-1"),
    "Path4": (Path4, "plant-1/cutting/line1/m01"),
}
MARKS = [*map(chr, range(0xA0)), "\u2028", "\u2029", "中"]


def pattern_of(field: Any) -> re.Pattern[str]:
    """The pattern of a field, as the description of an API has it."""
    told = TypeAdapter(Annotated[field | None, "as an optional parameter"]).json_schema()
    (text,) = [one for one in told["anyOf"] if one["type"] == "string"]
    assert text["maxLength"] >= 100
    return re.compile(text["pattern"].removesuffix("$") + r"\Z")


@pytest.mark.parametrize("name", TEXTS)
def test_the_pattern_says_what_the_check_does(name: str) -> None:
    field, good = TEXTS[name]
    pattern, check = pattern_of(field), TypeAdapter(field)
    assert check.validate_python(good) == good
    assert pattern.search(good)
    head, tail = good[:3], good[3:]
    for mark in MARKS:
        text = f"{head}{mark}{tail}"
        try:
            check.validate_python(text)
        except ValidationError:
            # A further slash is refused for the number of levels, which no pattern here tells.
            assert not pattern.search(text) or (name, mark) == ("Path4", "/"), repr(mark)
        else:
            assert pattern.search(text), repr(mark)


def test_people_read_more_than_a_pattern() -> None:
    with pytest.raises(ValidationError, match="must be text on one line, without control"):
        TypeAdapter(Code).validate_python("a\nb")


def test_half_of_a_pair_is_refused_too() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Wanted).validate_python("a\ud800")
