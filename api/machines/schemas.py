"""Shapes of machines."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from api.alternatives import SetupMs
from api.fields import AnyWhole, Body, Code, Listing, Name, Small, Wanted, Whole
from contracts.telemetry import JobEvent, MachineState, OperationState


class MachineChange(Body):
    """How a machine is called, and where it stands among those of its line."""

    name: Name
    position: Small = 0


class Unassigned(BaseModel):
    """Pieces that were counted while no operation was on the machine."""

    good: int
    scrap: int


class MachineOperation(BaseModel):
    """What a machine is working on."""

    work_order: str
    operation: int
    name: str | None
    state: OperationState


class Machine(BaseModel):
    """A machine and what it is doing now."""

    machine: str = Field(description="Its path: `<site>/<area>/<line>/<machine>`.")
    site: str
    name: str
    area: str
    line: str
    position: int
    configured: bool = Field(description="False: telemetry made it known, nobody named it yet.")
    state: MachineState
    reason: str | None
    state_since: datetime | None
    last_seen: datetime | None
    operator: str | None
    operation: MachineOperation | None
    unassigned: Unassigned


class MachineList(Listing[Machine]):
    """Machines by path."""


class Setup(Body):
    """How long a machine takes from one setup family to another."""

    from_family: Code
    to_family: Code
    setup_ms: SetupMs


def _distinct_changes(setups: list[Setup]) -> list[Setup]:
    seen: dict[tuple[str, str], int] = {}
    for index, setup in enumerate(setups):
        change = (setup.from_family, setup.to_family)
        if change in seen:
            raise PydanticCustomError(
                "setups",
                "[{index}] says again how long {from_family!r} to {to_family!r} takes",
                {"index": index, "from_family": change[0], "to_family": change[1]},
            )
        seen[change] = index
    return setups


class SetupsChange(Body):
    """A machine's setup matrix. What it does not say takes the routing step's `setup_ms`."""

    setups: Annotated[list[Setup], AfterValidator(_distinct_changes)] = Field(max_length=10_000)


class Setups(BaseModel):
    """A machine's setup matrix."""

    machine: str = Field(description="Its path.")
    setups: list[Setup]


class JobReport(Body):
    """What an operator says at a terminal."""

    event: JobEvent
    work_order: Wanted = Field(min_length=1)
    operation: AnyWhole
    requested: Whole | None = Field(default=None, description="Pieces asked for; with `started`.")
    operator: Name | None = None


class SeenRequest(Body):
    """What somebody at a machine has seen: that its work order is to be stopped, or finished."""

    work_order: Wanted = Field(min_length=1)


class JobObject(BaseModel):
    """The native `job` object that was appended to the stream (see the message format)."""

    t: int = Field(description="Event time, epoch ms.")
    source: str
    boot: str
    seq: int
    event: JobEvent
    work_order: str
    operation: int
    requested: int | None = None
    operator: str | None = None
