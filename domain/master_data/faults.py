"""What is wrong with master data, and where it stands."""

from __future__ import annotations

from typing import Final

import msgspec

MOST_FAULTS: Final = 1_000
"""So many are named; a file that has more was not meant."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Where something stands: a file, and from 1 the line and the column (0: not known).

    In a table the column is the cell's number.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """As compilers write it."""
        parts = [self.file, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


class Fault(msgspec.Struct, frozen=True):
    """What is wrong at a place, its value, and what to do about it."""

    place: Place
    problem: str
    value: str | None = None


class Faults:
    """Faults as they are found, up to MOST_FAULTS."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, place: Place, problem: str, value: str | None = None) -> None:
        """Note a fault."""
        if len(self.found) < MOST_FAULTS:
            self.found.append(Fault(place, problem, value))

    def __len__(self) -> int:
        """How many were noted."""
        return len(self.found)

    def sorted(self) -> list[Fault]:
        """By place, each once."""
        return sorted(dict.fromkeys(self.found), key=lambda fault: (fault.place, fault.problem))
