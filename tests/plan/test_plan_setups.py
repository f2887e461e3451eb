"""The set-up rule, line by line."""

from __future__ import annotations

import pytest

from domain.plan.problem import SetupTime
from domain.plan.setups import Setups

SETUPS = Setups((SetupTime(1, "red", "blue", 900), SetupTime(1, "red", "red", 30)))


@pytest.mark.parametrize(
    ("machine", "before", "wanted", "takes"),
    [
        (1, "red", "blue", 900),
        (1, "red", "red", 30),
        (1, "blue", "blue", 0),
        (1, "blue", "red", 500),
        (2, "red", "blue", 500),
        (1, None, "red", 500),
        (1, "red", None, 500),
        (1, None, None, 500),
    ],
    ids=[
        "the matrix knows the change",
        "the matrix prevails within a family",
        "nothing within a family",
        "the mode's own when the matrix is silent",
        "a matrix is one machine's",
        "nobody knows what it is set up for",
        "the operation has no family",
        "neither is known: that is no family in common",
    ],
)
def test_what_a_change_takes(
    machine: int, before: str | None, wanted: str | None, takes: int
) -> None:
    assert SETUPS.ms(machine, before, wanted, 500) == takes
