"""What a machine is at, what keeps it from working, and how it says so."""

from __future__ import annotations

import enum
from typing import Any, Final, NamedTuple

from contracts.ids import EpochMs
from contracts.telemetry import MachineState
from contracts.topics import Kind


class Phase(enum.Enum):
    """What is on the machine, whether anything keeps it from working or not."""

    FREE = enum.auto()
    SETTING_UP = enum.auto()
    RUNNING = enum.auto()
    STARVED = enum.auto()
    PAUSED = enum.auto()


SHOWN: Final[dict[Phase, tuple[MachineState, str | None]]] = {
    Phase.FREE: (MachineState.IDLE, None),
    Phase.SETTING_UP: (MachineState.SETUP, None),
    Phase.RUNNING: (MachineState.RUNNING, None),
    Phase.STARVED: (MachineState.IDLE, "waiting for material"),
    Phase.PAUSED: (MachineState.IDLE, "paused"),
}


class Emitted(NamedTuple):
    """A native object, without what all objects have but its time."""

    kind: Kind
    t_ms: EpochMs
    fields: dict[str, Any]


class Absence(NamedTuple):
    """Why nobody works at a machine: a break, the end of a shift, somebody who is late."""

    state: MachineState
    reason: str


class Failure(NamedTuple):
    """What keeps the machine itself from working, and until when."""

    state: MachineState
    reason: str
    until_ms: EpochMs
    new_tool: bool = False
    breakdown: bool = False
    shown: bool = True
