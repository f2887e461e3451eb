"""Machines that can do the same work, as routings and work orders name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.fields import Body, Wanted, Whole
from store import catalogue, machines
from store.database import Connection
from store.errors import UnknownReferenceError
from store.machines import MachineRow, SiteRow

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


async def machine_at(connection: Connection, site: SiteRow, path: str, *, field: str) -> MachineRow:
    """A machine that a request names, and that has to stand at a site.

    Raises:
        UnknownReferenceError: there is none, or it stands elsewhere.
    """
    machine = await machines.known_machine(connection, path, field=field)
    if machine.site_id != site.id:
        problem = f"this machine does not stand at {site.code!r}"
        raise UnknownReferenceError(field, path, problem)
    return machine


async def alternatives_at(
    connection: Connection,
    site: SiteRow,
    wanted: Sequence[Alternative],
    *,
    beside: str,
    field: str,
) -> list[catalogue.Alternative]:
    """The alternatives that a request names, which have to stand at the site too.

    Args:
        connection: where to look.
        site: where the work is done.
        wanted: what the request says.
        beside: the path of the machine that they are alternatives to.
        field: where they stand in the request.

    Raises:
        UnknownReferenceError: a machine is unknown, stands elsewhere, or is `beside` itself.
    """
    found = []
    for index, alternative in enumerate(wanted):
        place = f"{field}[{index}].machine"
        if alternative.machine == beside:
            problem = "this is the machine itself, not another one"
            raise UnknownReferenceError(place, beside, problem)
        machine = await machine_at(connection, site, alternative.machine, field=place)
        known = catalogue.Alternative(
            machine=machine.path,
            machine_id=machine.id,
            cycle_ms=alternative.cycle_ms,
            setup_ms=alternative.setup_ms,
        )
        found.append(known)
    return found
