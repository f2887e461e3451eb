"""What work needs beside its machine, as people write it: `welder`, `welder=2`, `setter@setup`.

A need names a skill that operators or tools have, how many of them, and whether only to set up or
only while the work runs.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from domain.master_data.fields import read_code

MOST: Final = 1_000
"""So many of a skill may be needed at once, and may be of a resource."""
RESERVED: Final = ";=@"
"""What separates the parts of a need: no skill holds it."""

During: TypeAlias = Literal["setup", "run", "both"]
_PHASES: Final[tuple[During, ...]] = ("setup", "run", "both")


class Needed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """So many of a skill, for set-up, run or both."""

    skill: str
    count: int = 1
    during: During = "both"

    def __str__(self) -> str:
        count = f"={self.count}" if self.count > 1 else ""
        during = f"@{self.during}" if self.during != "both" else ""
        return f"{self.skill}{count}{during}"


def read_skill(text: str) -> str:
    """What somebody or something is good for; its own code counts as one.

    Raises:
        ValueError: it holds what separates the parts of a need.
    """
    text = read_code(text.strip())
    if any(mark in text for mark in RESERVED):
        raise ValueError("must not hold a ';', '=' or '@'")
    return text


def read_count(text: str) -> int:
    """How many there are.

    Raises:
        ValueError: it is no whole number from 1 to `MOST`.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ValueError(f"must be a whole number from 1 to {MOST}")
    return int(text)


def read_need(text: str) -> Needed:
    """A need as it is written.

    Raises:
        ValueError: it is none; the words follow the field's name.
    """
    rest, at, phase = text.strip().partition("@")
    if at and phase.strip() not in _PHASES:
        raise ValueError("must end in '@setup' or '@run' if it is not needed all the time")
    during: During = next((each for each in _PHASES if each == phase.strip()), "both")
    skill, equals, count = rest.partition("=")
    return Needed(
        skill=read_skill(skill),
        count=read_count(count.strip()) if equals else 1,
        during=during,
    )


def written(text: str) -> str:
    """The one way to write a need."""
    return str(read_need(text))
