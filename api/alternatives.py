"""Machines that can do the same work, as routings and work orders name them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.fields import Body, Wanted, Whole

_LONGEST_MS: Final = 10 * 365 * 24 * 3_600_000

CycleMs = Annotated[Whole, Field(gt=0, le=_LONGEST_MS)]
"""Working time of one piece."""
SetupMs = Annotated[Whole, Field(le=_LONGEST_MS)]
"""Working time of one set-up."""


class Alternative(Body):
    """Another machine that can do it, and in what time."""

    machine: Wanted = Field(description="The machine's path.")
    cycle_ms: CycleMs
    setup_ms: SetupMs = 0


def _distinct_machines(alternatives: list[Alternative]) -> list[Alternative]:
    seen: set[str] = set()
    for index, alternative in enumerate(alternatives):
        if alternative.machine in seen:
            raise PydanticCustomError(
                "alternatives",
                "[{index}] names {machine!r} a second time",
                {"index": index, "machine": alternative.machine},
            )
        seen.add(alternative.machine)
    return alternatives


Alternatives = Annotated[
    list[Alternative],
    AfterValidator(_distinct_machines),
    Field(max_length=100, description="Other machines that can do it, beside `machine`."),
]
